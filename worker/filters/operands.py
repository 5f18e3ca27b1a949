"""What the two sides of a comparison become: a value that is known before the query runs, or SQL.

A value is a constant of the filter's text or a `Late` one, which a request supplies when the compiled SQL is bound.
Values never enter the SQL text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

Constant = str | int | float | None


class Late:
    """A value that is read from a request (any object the caller passes to `bind`) each time the SQL is run."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[Any], Constant]) -> None:
        self.read = read


Param = Constant | Late


class JsonPath(str):
    """A parameter that is part of an expression, not a value somebody compares with."""

    __slots__ = ()


# How SQLite compares a column: as text, as a number, or as what is stored.
TEXT, NUMERIC, NONE = "text", "numeric", ""


@dataclass(frozen=True, slots=True)
class Value:
    """A constant or late value; None is NULL."""

    param: Param
    # False for booleans that LIKE sees as 1 and 0
    wraps: bool = True
    # whether the real one writes TRUE or FALSE, which `IS` and `IS NOT` take for a test of truth
    truth: bool = False


@dataclass(frozen=True, slots=True)
class Sql:
    """An SQL expression over the row and what is joined to it."""

    sql: str
    params: tuple[Param, ...] = ()
    # whether it may be NULL
    nullable: bool = True
    affinity: str = NONE
    # compared by identity, NULL being a value of its own: JSON, distances
    strict: bool = False
    # whether its path leads to several rows, so that plain operators mean "all of them"
    many: bool = False
    # the joins it refers to, by alias
    needs: frozenset[str] = frozenset()
    # a condition that must hold as well wherever the expression is used
    also: str = ""
    # whether the real one takes it for a value that is there, where it is not compared by identity
    filled: bool = False
    # whether it is a function's call
    call: bool = False


Operand = Value | Sql

EMPTY = Value("")


def constant(value: object) -> Constant:
    """`value` as a parameter: booleans as 0 and 1."""
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]


def map_param(param: Param, change: Callable[[Any], Constant]) -> Param:
    """`change` applied to a parameter: now, or when it is read."""
    if not isinstance(param, Late):
        return change(param)
    return Late(partial(_changed, param.read, change))


def _changed(read: Callable[[Any], Constant], change: Callable[[Any], Constant], request: object) -> Constant:
    return change(read(request))


def bind(params: tuple[Param, ...], request: object) -> tuple[Constant, ...]:
    """The parameters with what `request` supplies. `constant` is applied to late values."""
    return tuple(
        [param if type(param) is not Late else constant(param.read(request)) for param in params]  # type: ignore[misc]
    )
