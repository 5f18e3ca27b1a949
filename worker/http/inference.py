"""The type of a form's text: form bodies have none, so record data is guessed from how a value is spelled."""

import re
from decimal import Decimal

# a number's only spelling that counts: no leading zeros, no exponent, no trailing zeros after the point
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", re.ASCII)
# integers up to here are exact in a float, and so are their spellings
_EXACT_DIGITS = 15
# longer texts than the longest double, written out, are no numbers
_DIGITS_MAX = 350


def infer(text: str) -> str | bool | int | float:
    """`true` and `false` become booleans, the shortest decimal spelling of a double a number, the rest stays text."""
    if text == "true":
        return True
    if text == "false":
        return False
    if not text or text[0] not in "-0123456789" or len(text) > _DIGITS_MAX or not _PLAIN_NUMBER.fullmatch(text):
        return text
    if "." not in text and len(text) <= _EXACT_DIGITS:
        return int(text) or (-0.0 if text[0] == "-" else 0)
    number = float(text)
    if number in {float("inf"), float("-inf")} or format(Decimal(repr(number)), "f") not in {text, text + ".0"}:
        return text
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number
