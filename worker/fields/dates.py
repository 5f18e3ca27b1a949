"""Dates: many layouts in, one out (`YYYY-MM-DD HH:MM:SS.mmmZ`, UTC)."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

# What almost every client sends, and what is stored.
_STORED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_ISO = re.compile(
    r"(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)"
    r"(?:[T ](?P<h>\d\d):(?P<mi>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?)?)?"
    r"\s?(?P<z>Z|[+-]\d\d(?::?\d\d)?)?(?: [A-Z]{3,4})?",
    re.ASCII,
)


def parse_date(raw: Any) -> str:
    """A submitted date in the stored layout; the empty text for what is no date."""
    if not isinstance(raw, str) or not raw:
        return ""
    if _STORED.fullmatch(raw) and _exists(raw):
        return raw
    match = _ISO.fullmatch(raw)
    moment = _iso(match) if match else _rfc(raw)
    return "" if moment is None else format_date(moment)


def format_date(moment: datetime) -> str:
    """An aware datetime in the stored layout, cut to milliseconds."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d}Z".rjust(24, "0")


def _exists(text: str) -> bool:
    try:
        datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16]), int(text[17:19]))  # noqa: DTZ001 - only whether there is such a day
    except ValueError:
        return False
    return True


def _iso(match: re.Match[str]) -> datetime | None:
    part = match.groupdict(default="0")
    zone = match["z"]
    offset = UTC
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        if delta >= timedelta(hours=24):
            return None
        offset = timezone(-delta if zone[0] == "-" else delta)
    micros = int((match["f"] or "").ljust(6, "0")[:6])
    try:
        return datetime(
            int(part["y"]),
            int(part["mo"]),
            int(part["d"]),
            int(part["h"]),
            int(part["mi"]),
            int(part["s"]),
            micros,
            tzinfo=offset,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _rfc(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
