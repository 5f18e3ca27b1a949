"""Numbers as Go's encoding has them: one spelling for a value, however it was submitted.

The real one holds every number as a 64-bit float. It emits whole ones without a fraction, and digits beyond the
float's precision as zeros: 123456789012345678 comes back as 123456789012345680.
"""

import math
from decimal import Decimal
from typing import Any, Self

# The largest whole number a float holds without gaps around it.
SAFE_INT_MAX = 2**53 - 1
INT64 = 2**63
# The largest whole numbers that the JSON encoder writes as such.
_UINT64 = 2**64
# In messages, from this power of ten on.
_MESSAGE_EXPONENT_FROM = 6
# From here on Go writes an exponent.
_EXPONENT_FROM = 1e21
_EXPONENT_BELOW = 1e-6
# The JSON encoder writes an exponent below this already.
_PLAIN_FROM = 1e-5


class Numeral(float):
    """A number whose JSON is `text`, and not what the JSON encoder would make of it."""

    __slots__ = ("text",)

    def __new__(cls, value: float, text: str) -> Self:
        number = super().__new__(cls, value)
        number.text = text
        return number

    text: str


MINUS_ZERO = Numeral(-0.0, "-0")


def normal(value: float) -> int | float:
    """A finite number in its emitted form: an int where it is whole and the JSON encoder takes it, else a float.

    The float is a `Numeral` where the encoder has another spelling than Go.
    """
    if isinstance(value, int):
        if -SAFE_INT_MAX <= value <= SAFE_INT_MAX:
            return int(value)
        try:
            value = float(value)
        except OverflowError:
            return 0
    if value.is_integer() and -INT64 < value < _UINT64:
        if not value:
            return MINUS_ZERO if math.copysign(1, value) < 0 else 0
        return int(value) if abs(value) <= SAFE_INT_MAX else int(Decimal(repr(value)))
    size = abs(value)
    if _EXPONENT_BELOW <= size < _PLAIN_FROM or INT64 <= size < _EXPONENT_FROM:
        return Numeral(value, json_of(value))
    return value


_NO_NUMBERS_IN = frozenset({str, bool, type(None)})


def renumbered(value: Any) -> Any:
    """A JSON value with each number in its emitted form: what came as the text 1e2 or 1.0 is 100 or 1."""
    if type(value) in _NO_NUMBERS_IN:
        return value
    if type(value) is int:
        return normal(value)
    if isinstance(value, float):
        return normal(float(value))
    if isinstance(value, dict):
        return {name: renumbered(member) for name, member in value.items()}
    return [renumbered(item) for item in value] if isinstance(value, list) else value


def text_of(value: float) -> str:
    """The number as Go prints it without an exponent, for texts: 1e21 is 1000000000000000000000."""
    number = value if isinstance(value, float) else normal(value)
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else ("+Inf" if number > 0 else "-Inf")
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def json_of(value: float) -> str:
    """The number as Go's JSON encoder writes it: an exponent below 1e-6 and from 1e21 on."""
    size = abs(value)
    if size and (size < _EXPONENT_BELOW or size >= _EXPONENT_FROM):
        digits, _, exponent = repr(float(value)).partition("e")
        if not exponent:  # repr writes 1e-05 and beyond with an exponent itself
            return text_of(value)
        sign = exponent[0] if exponent[0] in "+-" else "+"
        return f"{digits}e{sign}{exponent.lstrip('+-').lstrip('0')}"
    return text_of(value)


def message_of(value: float) -> str:
    """The number as Go's messages print it: an exponent below 1e-4 and from 1e6 on, so that a million is 1e+06."""
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    if not isinstance(exponent, int) or not value:
        return text_of(value)
    power = len(digits) + exponent - 1
    if -4 <= power < _MESSAGE_EXPONENT_FROM:
        return text_of(value)
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{first}.{rest}" if rest else first
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def parse_float(text: str) -> float | None:
    """A decimal spelling as a float (underscores between digits allowed, hexadecimal not); None if it is none.

    "Infinity" and "NaN" are numbers here: validation refuses them.
    """
    if not text or text != text.strip() or not text.isascii():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    # beyond the range of floats a spelling counts as none; infinity itself has to be spelt out
    return None if math.isinf(value) and any(character.isdigit() for character in text) else value
