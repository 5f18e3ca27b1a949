"""Values of SQLite as the SQL console shows them: each cell is a text or null.

The spelling is that of the real one's database driver: integers in decimal, doubles as Go's `%g` has them, blobs as the
text they may be, and texts in columns declared as DATE, DATETIME or TIMESTAMP as RFC 3339 where they are dates.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

DATE_TYPES = frozenset({"DATE", "DATETIME", "TIMESTAMP"})

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
# The layouts of the driver: a date, up to minutes, up to fractions with an offset behind them or none; and a time as
# Go prints it, with offset and zone.
_DATE = re.compile(
    rf"(?P<date>\d{{4}}-\d\d-\d\d)(?:[ T]{_CLOCK}(?P<offset>[+-]\d\d:\d\d)?)?)?"
    r"(?P<printed> [+-]\d{4} (?:[A-Z]{3}|[A-Z]{3}T|[+-]\d\d|GMT[+-]\d{1,2})(?: m=.*)?)?",
    re.ASCII | re.DOTALL,
)
_FRACTION_DIGITS = 9
_OFFSET_HOURS_MAX = 24
_OFFSET_MINUTES_MAX = 60
# Below the one, and from the other on, a number has an exponent.
_EXPONENT_MIN, _EXPONENT_MAX = -4, 6


def cell(value: Any, declared: str) -> str | None:
    """`value` as the console shows it, from a column declared as `declared` (upper case; empty for none)."""
    if value is None:
        return None
    if isinstance(value, str):
        return as_date(value) if declared in DATE_TYPES else value
    if isinstance(value, float):
        return as_double(value)
    if isinstance(value, bytes):
        return as_text(value)
    return str(value)


def as_text(raw: bytes) -> str:
    """The text of `raw`, with a replacement character for every byte that is no UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        good, rest = raw[: error.start].decode(), raw[error.start :]
    parts = [good]
    while rest:
        try:
            parts.append(rest.decode())
            break
        except UnicodeDecodeError as error:
            parts.append(rest[: error.start].decode())
            parts.append("\ufffd")
            rest = rest[error.start + 1 :]
    return "".join(parts)


def as_double(number: float) -> str:
    """`number` in the fewest digits that tell it apart, as Go's `%g` has it."""
    if number in {float("inf"), float("-inf")}:
        return "+Inf" if number > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return "-0" if sign else "0"
    scale = exponent + len(text) - 1
    text = text.rstrip("0")
    minus = "-" if sign else ""
    if not _EXPONENT_MIN <= scale < _EXPONENT_MAX:
        rest = "." + text[1:] if len(text) > 1 else ""
        return f"{minus}{text[0]}{rest}e{'-' if scale < 0 else '+'}{abs(scale):02d}"
    return minus + format(Decimal(text).scaleb(scale - len(text) + 1), "f")


def as_date(text: str) -> str:
    """`text` as RFC 3339 where it is a date in a layout of the driver's, else as it is."""
    match = _DATE.fullmatch(text.removesuffix("Z"))
    if match is None:
        return text
    parts = match.groupdict()
    printed = parts["printed"]
    if printed and (parts["second"] is None or parts["offset"]):
        return text
    offset = printed[1:4] + ":" + printed[4:6] if printed else parts["offset"] or "+00:00"
    day, hour = parts["date"], int(parts["hour"] or 0)
    minute, second = parts["minute"] or "00", parts["second"] or "00"
    zone = _zone(offset)
    if zone is None or hour > 23 or int(minute) > 59 or int(second) > 59 or not _is_day(day):
        return text
    fraction = (parts["fraction"] or "")[:_FRACTION_DIGITS].rstrip("0")
    return f"{day}T{hour:02d}:{minute}:{second}{'.' + fraction if fraction else ''}{zone}"


def _zone(offset: str) -> str | None:
    """`+02:00` as RFC 3339 has it, `Z` for none; None where Go would refuse it."""
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > _OFFSET_HOURS_MAX or minutes > _OFFSET_MINUTES_MAX:
        return None
    total = hours * 60 + minutes
    return f"{offset[0]}{total // 60:02d}:{total % 60:02d}" if total else "Z"


def _is_day(text: str) -> bool:
    # Python's calendar begins with the year 1; 2000 is a leap year as 0 is
    try:
        date.fromisoformat("2000" + text[4:] if text.startswith("0000") else text)
    except ValueError:
        return False
    return True
