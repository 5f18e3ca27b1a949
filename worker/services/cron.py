"""Cron expressions: five fields (minute, hour, day of the month, month, day of the week) or a macro such as `@daily`.

A field is a list of `*`, `n`, `a-b`, `*/s` and `a-b/s`, in numbers; Sunday is 0. What is wrong with an expression is
said in the words of the real one.
"""

import re
from typing import NamedTuple

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
INTEGER_MAX = 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class CronError(ValueError):
    """Not a cron expression."""


class Schedule(NamedTuple):
    """When something is due: the allowed values of each field."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]


# The least and the greatest value of each field of a schedule.
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def parse_cron(text: str) -> Schedule:
    """The schedule that `text` describes. CronError where it describes none."""
    segments = MACROS.get(text, text).split(" ")
    if len(segments) != len(BOUNDS):
        raise CronError("invalid cron expression - must be a valid macro or to have exactly 5 space separated segments")
    return Schedule(*[_values(segment, *bounds) for segment, bounds in zip(segments, BOUNDS, strict=True)])


def _values(segment: str, least: int, greatest: int) -> frozenset[int]:
    values: set[int] = set()
    for item in segment.split(","):
        values.update(_range(item, least, greatest))
    return frozenset(values)


def _range(item: str, least: int, greatest: int) -> range:
    """The values of one item of a field's list."""
    spread, *steps = item.split("/")
    step = 1
    if len(steps) > 1:
        raise CronError("invalid segment step format - must be in the format */n or 1-30/n")
    if steps:
        step = _integer(steps[0])
        if not 1 <= step <= greatest:
            raise CronError(f"invalid segment step boundary - the step must be between 1 and the {greatest}")
    if spread == "*":
        return range(least, greatest + 1, step)
    ends = spread.split("-")
    if len(ends) == 1:
        if step != 1:
            raise CronError("invalid segment step - step > 1 could be used only with the wildcard or range format")
        value = _integer(spread)
        if not least <= value <= greatest:
            raise CronError("invalid segment value - must be between the min and max of the segment")
        return range(value, value + 1)
    if len(ends) > 2:
        raise CronError("invalid segment range format - the range must have 1 or 2 parts")
    first = _integer(ends[0])
    if not least <= first <= greatest:
        raise CronError(f"invalid segment range minimum - must be between {least} and {greatest}")
    last = _integer(ends[1])
    if not first <= last <= greatest:
        raise CronError(f"invalid segment range maximum - must be between {first} and {greatest}")
    return range(first, last + 1, step)


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise CronError(f"strconv.Atoi: parsing {_quoted(text)}: invalid syntax")
    value = int(text) if len(text) <= 64 else INTEGER_MAX + 1
    if not -INTEGER_MAX - 1 <= value <= INTEGER_MAX:
        raise CronError(f"strconv.Atoi: parsing {_quoted(text)}: value out of range")
    return value


def _quoted(text: str) -> str:
    """`text` between quotes, what can't be printed in it escaped as Go does it."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == " " or char.isprintable():
        return char
    code = ord(char)
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
