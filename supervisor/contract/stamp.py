"""Moments as operators and the registry read them: `YYYY-MM-DD HH:MM:SS.mmmZ`, UTC, in order as text too."""

from datetime import UTC, datetime


def stamp(when: datetime) -> str:
    """A moment, given in UTC."""
    return when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"


def stamp_now() -> str:
    """This moment."""
    return stamp(datetime.now(UTC))
