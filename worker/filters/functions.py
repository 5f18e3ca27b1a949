"""The macros and functions of the filter language.

Macros are values of the moment at which the SQL is bound, in UTC. Functions take literals, names and macros; what a
name stands for is asked of the caller.
"""

import calendar
import time
from collections.abc import Callable
from typing import Protocol

from worker.filters.nodes import Call, FilterError, Name, Number, Term, Text
from worker.filters.operands import NONE, Late, Operand, Sql, Value

Resolve = Callable[[Term], Operand]


def macro(path: str) -> Value | None:
    """The value of a macro; None for any other name."""
    read = MACROS.get(path)
    return None if read is None else Value(read)


def _stamp(moment: time.struct_time, fraction: str) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)}.{fraction}Z"


def _shifted(days: int) -> Late:
    def read(_: object) -> str:
        seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
        return _stamp(time.gmtime(seconds + days * 86_400), f"{milliseconds:03d}")

    return Late(read)


def _boundary(*, month: int = 0, day: int = 0, end: bool) -> Late:
    """The first or last moment of a day, month or year; 0 takes the present one's number."""

    def read(_: object) -> str:
        now = time.gmtime()
        of_month = month or now.tm_mon
        of_day = day or now.tm_mday
        if end and day:
            of_day = calendar.monthrange(now.tm_year, of_month)[1]
        clock = "23:59:59.999Z" if end else "00:00:00.000Z"
        return f"{now.tm_year:04d}-{of_month:02d}-{of_day:02d} {clock}"

    return Late(read)


def _part(of: Callable[[time.struct_time], int]) -> Late:
    return Late(lambda _: of(time.gmtime()))


MACROS: dict[str, Late] = {
    "@now": _shifted(0),
    "@yesterday": _shifted(-1),
    "@tomorrow": _shifted(1),
    "@second": _part(lambda now: now.tm_sec),
    "@minute": _part(lambda now: now.tm_min),
    "@hour": _part(lambda now: now.tm_hour),
    "@day": _part(lambda now: now.tm_mday),
    "@month": _part(lambda now: now.tm_mon),
    # Sunday is 0
    "@weekday": _part(lambda now: (now.tm_wday + 1) % 7),
    "@year": _part(lambda now: now.tm_year),
    "@todayStart": _boundary(end=False),
    "@todayEnd": _boundary(end=True),
    "@monthStart": _boundary(day=1, end=False),
    "@monthEnd": _boundary(day=1, end=True),
    "@yearStart": _boundary(month=1, day=1, end=False),
    "@yearEnd": _boundary(month=12, day=1, end=True),
}


class Function(Protocol):
    """Turns a call's arguments into SQL; `resolve` gives the operand of a name or literal."""

    def __call__(self, call: Call, resolve: Resolve, /) -> Sql: ...


def call_function(call: Call, resolve: Resolve) -> Sql:
    """The SQL of a call. Raises FilterError for an unknown function or wrong arguments."""
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise FilterError(f'unknown function "{call.name}"')
    return function(call, resolve)


def _geo_distance(call: Call, resolve: Resolve) -> Sql:
    """Kilometres between two points given as longitude and latitude each, on a sphere of 6,371 km."""
    if len(call.arguments) != 4:
        raise FilterError(f"[geoDistance] expected 4 arguments, got {len(call.arguments)}")
    points: list[Sql] = []
    for index, argument in enumerate(call.arguments):
        if not isinstance(argument, Name | Number):
            raise FilterError(f"[geoDistance] argument {index} must be an identifier or number")
        try:
            points.append(_as_sql(resolve(argument)))
        except FilterError as error:
            raise FilterError(f"[geoDistance] failed to resolve argument {index}: {error}") from error
    lon_a, lat_a, lon_b, lat_b = points
    used = (lat_a, lat_b, lon_b, lon_a, lat_a, lat_b)
    sql = (
        "(6371 * acos(min(1, max(-1, cos(radians({})) * cos(radians({})) * cos(radians({}) - radians({}))"
        " + sin(radians({})) * sin(radians({}))))))"
    ).format(*[point.sql for point in used])
    # never "all": a path to several rows is compared row by row
    return _combined(sql, points, used, strict=True, many=False)


MODIFIERS_MAX = 8


def _strftime(call: Call, resolve: Resolve) -> Sql:
    """SQLite's strftime: format, time value, modifiers."""
    arguments = call.arguments
    if not arguments:
        raise FilterError("[strftime] expected at least 1 arguments, got 0")
    if len(arguments) > MODIFIERS_MAX + 2:
        raise FilterError(f"[strftime] too many arguments (max allowed {MODIFIERS_MAX + 2}, got {len(arguments)})")
    if not isinstance(arguments[0], Text):
        raise FilterError("[strftime] expects the first argument to be a format string")
    parts = [_as_sql(resolve(arguments[0]))]
    if len(arguments) > 1:
        if isinstance(arguments[1], Call):
            raise FilterError("[strftime] expects the second argument to be of a valid time-value type")
        try:
            parts.append(_as_sql(resolve(arguments[1])))
        except FilterError as error:
            raise FilterError(f"[strftime] failed to resolve time-value argument: {error}") from error
    for index, argument in enumerate(arguments[2:]):
        if not isinstance(argument, Text):
            raise FilterError(f"[strftime] invalid modifier argument {index} - can be only string")
        parts.append(_as_sql(resolve(argument)))
    sql = f"strftime({', '.join(part.sql for part in parts)})"
    return _combined(sql, parts, parts, strict=False, many=any(part.many for part in parts))


FUNCTIONS: dict[str, Function] = {"geoDistance": _geo_distance, "strftime": _strftime}


def _as_sql(operand: Operand) -> Sql:
    return Sql("?", (operand.param,)) if isinstance(operand, Value) else operand


def _combined(sql: str, parts: "list[Sql]", used: "list[Sql] | tuple[Sql, ...]", *, strict: bool, many: bool) -> Sql:
    return Sql(
        sql,
        tuple(param for part in used for param in part.params),
        nullable=True,
        affinity=NONE,
        strict=strict,
        many=many,
        needs=frozenset().union(*[part.needs for part in parts]),
        also=" AND ".join(dict.fromkeys(part.also for part in parts if part.also)),
        call=True,
    )
