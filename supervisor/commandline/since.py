"""`--since`: how long ago (90s, 15m, 1h, 7d, 2w) or a moment in UTC (today, 2026-07-01, 2026-07-01 12:30)."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

import click

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
AGO = re.compile(r"(\d{1,9})\s?([smhdw])")
FORMS = "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"
ALLOWED = "90s, 15m, 1h, 7d, 2w, today, or a moment in UTC such as 2026-07-01 or 2026-07-01T12:30"


def moment(text: str, now: datetime) -> datetime:
    """The moment that is meant. Raises ValueError, which says what is allowed."""
    said = text.strip()
    if said == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if ago := AGO.fullmatch(said):
            return now - timedelta(seconds=int(ago[1]) * UNITS_S[ago[2]])
        said = re.sub(r"(?<=\d)[ tT](?=\d)", "T", said.removesuffix("Z").rstrip())
    except OverflowError:
        pass
    else:
        for form in FORMS:
            with contextlib.suppress(ValueError):
                return datetime.strptime(said, form).replace(tzinfo=UTC)
    raise ValueError(f"{text!r} is no time; allowed: {ALLOWED}")


def given(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """click's callback for the option."""
    if text is None:
        return None
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error
