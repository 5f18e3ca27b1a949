"""Time zones, which a script's process has no tables of."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.hooks.calls import Call, GoError, Operation

NAME_CHARS_MAX = 64
# What Python's dates can hold, with a day to spare for the zone.
SECONDS_MIN, SECONDS_MAX = -62135510400, 253402214400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How far a change of the offset is looked for, and in which steps at first.
BOUNDS_DAYS = 400
STEP_DAYS = 30


def _zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


async def known(call: Call, name: object) -> bool:
    """Whether there is a zone of this name."""
    del call
    return _zone(name) is not None


async def offset(call: Call, name: object, seconds: object, wall: object) -> list[Any]:
    """What a zone is at a moment: seconds east of UTC, abbreviation, summer time?, when that began and ends.

    `wall`: the moment is what the zone's clocks show.
    """
    del call
    zone = _zone(name)
    if zone is None or not isinstance(seconds, int | float):
        raise GoError("there is no such time zone")
    at = EPOCH + timedelta(seconds=min(max(seconds, SECONDS_MIN), SECONDS_MAX))
    moment = at.replace(tzinfo=zone) if wall is True else at.astimezone(zone)
    east = _east(moment)
    return [
        east,
        moment.tzname() or "",
        bool(moment.dst()),
        _bound(zone, moment.astimezone(UTC), east, -1),
        _bound(zone, moment.astimezone(UTC), east, 1),
    ]


def _east(moment: datetime) -> int:
    found = moment.utcoffset()
    return int(found.total_seconds()) if found is not None else 0


def _bound(zone: ZoneInfo, moment: datetime, east: int, direction: int) -> int | None:
    """When the offset changes next, or has changed last; None where it does not within a year or so."""
    near, far = moment, None
    for _ in range(BOUNDS_DAYS // STEP_DAYS):
        try:
            step = near + timedelta(days=direction * STEP_DAYS)
            if _east(step.astimezone(zone)) != east:
                far = step
                break
        except OverflowError:
            return None
        near = step
    if far is None:
        return None
    inside, outside = int(near.timestamp()), int(far.timestamp())
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if _east(datetime.fromtimestamp(middle, zone)) == east:
            inside = middle
        else:
            outside = middle
    return outside if direction > 0 else inside


OPS: dict[str, Operation] = {"time.zone": known, "time.offset": offset}
