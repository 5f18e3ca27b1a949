"""Dates: many layouts in, one out (`YYYY-MM-DD HH:MM:SS.mmmZ`, UTC).

The layouts are those the real one reads. A zone given by its name counts as UTC, since its meaning depends on the
reader's place; the year 1 of a time that was never set is no date at all.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Two-digit years from here on lie in the last century.
CENTURY_TURN = 69
NEVER_SET = "0001-01-01 00:00:00.000Z"

_CLOCK = r"(?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)"
_FRACTION = r"(?:[.,](?P<f>\d{1,9}))?"
_MONTH = f"(?P<month>{'|'.join(MONTHS)})"
_DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY_NAME = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_NAMED = "(?:[A-Z]{3,4})"
_OFFSET = r"(?P<z>[+-]\d{4})"
LAYOUTS = tuple(
    re.compile(layout, re.ASCII)
    for layout in (
        rf"(?P<y>\d{{4}})-(?P<mo>\d\d)-(?P<d>\d\d)[T ]{_CLOCK}{_FRACTION}(?P<z>Z|[+-]\d\d:?\d\d)?",
        r"(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)",
        rf"(?P<y>\d{{4}})-(?P<mo>\d\d)-(?P<d>\d\d) {_CLOCK}{_FRACTION} (?P<z>[+-]\d\d:?\d\d)(?: {_NAMED})?",
        rf"{_DAY_NAME}, (?P<d>\d\d) {_MONTH} (?P<y>\d{{4}}) {_CLOCK}{_FRACTION} (?:{_NAMED}|{_OFFSET})",
        rf"(?P<d>\d\d) {_MONTH} (?P<yy>\d\d) (?P<h>\d\d):(?P<mi>\d\d) (?:{_NAMED}|{_OFFSET})",
        rf"{_LONG_DAY_NAME}, (?P<d>\d\d)-{_MONTH}-(?P<yy>\d\d) {_CLOCK}{_FRACTION} {_NAMED}",
        rf"{_DAY_NAME} {_MONTH} +(?P<d>\d\d?) {_CLOCK}{_FRACTION} (?:(?:{_NAMED}|{_OFFSET}) )?(?P<y>\d{{4}})",
        rf"(?P<d>\d\d) {_MONTH} (?P<y>\d{{4}})",
        rf"{_MONTH} +(?P<d>\d\d?) {_CLOCK}{_FRACTION}",
        r"(?P<h>\d\d?):(?P<mi>\d\d)(?P<half>AM|PM)",
    )
)


def parse_date(raw: Any) -> str:
    """A submitted date in the stored layout; the empty text for what is no date."""
    if not isinstance(raw, str) or not raw:
        return ""
    for layout in LAYOUTS:
        match = layout.fullmatch(raw)
        if match is not None:
            text = _stored(match.groupdict())
            return "" if text == NEVER_SET else text
    return ""


def go_text(stored: str) -> str:
    """A stored date as Go prints a time: `2022-01-01 00:00:00 +0000 UTC`."""
    return f"{_trimmed(stored)} +0000 UTC"


def rfc3339(stored: str) -> str:
    """A stored date as Go's JSON has a time: `2022-01-01T00:00:00Z`."""
    return f"{_trimmed(stored).replace(' ', 'T')}Z"


def _trimmed(stored: str) -> str:
    return stored.removesuffix("Z").rstrip("0").removesuffix(".")


def _stored(part: dict[str, str | None]) -> str:
    year = _year(part)
    month = MONTHS.index(part["month"] or "Jan") + 1 if part.get("month") else int(part.get("mo") or 1)
    hour = _hour(part)
    if hour is None:
        return ""
    # datetime knows no year 0: another leap year stands in for it
    stand_in = 400 if year == 0 else year
    micros = int((part.get("f") or "").ljust(6, "0")[:6])
    try:
        moment = datetime(
            stand_in,
            month,
            int(part.get("d") or 1),
            hour,
            int(part.get("mi") or 0),
            int(part.get("s") or 0),
            micros,
            tzinfo=_zone(part.get("z")),
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    year = moment.year - stand_in + year
    if year < 0:
        return ""
    return f"{year:04d}-{moment:%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _year(part: dict[str, str | None]) -> int:
    short = part.get("yy")
    if short is None:
        return int(part.get("y") or 0)
    return int(short) + (1900 if int(short) >= CENTURY_TURN else 2000)


def _hour(part: dict[str, str | None]) -> int | None:
    hour = int(part.get("h") or 0)
    half = part.get("half")
    if half is None:
        return hour
    if hour > 12:
        return None
    return hour % 12 + (12 if half == "PM" else 0)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-delta if text[0] == "-" else delta)
