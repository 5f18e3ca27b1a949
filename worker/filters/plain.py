"""Filters and sorts of a plain table: one whose names are its columns and lead nowhere else."""

from collections.abc import Mapping
from typing import Any

from worker.filters.compiler import LITERALS, Apart, Rows, conditions
from worker.filters.listing import RANDOM, ROWID, Key, parse_sort
from worker.filters.nodes import FilterError
from worker.filters.operands import Operand, Param, Sql, bind
from worker.filters.parser import FILTER_CHARS_MAX, parse


class PlainNames:
    """What names mean in a filter of one table: its columns, each with its SQL."""

    def __init__(self, table: str, columns: Mapping[str, Sql]) -> None:
        self.table = table
        self.columns = columns

    def resolve(self, path: str, rows: Rows | None) -> Operand:
        """The column that `path` names. FilterError for anything else."""
        del rows
        literal = LITERALS.get(path.lower())
        if literal is not None:
            return literal
        column = self.columns.get(path) or self.other(path)
        if column is None:
            raise FilterError(f"unknown field {path!r}")
        return column

    def other(self, path: str) -> Sql | None:
        """What is no column but may be named all the same."""
        del path
        return None

    def apart(self) -> Apart:
        """Never asked for: no name leads to several rows."""
        raise FilterError("a plain table has no joined rows")


def where_of(text: str, names: PlainNames) -> tuple[str, tuple[Any, ...]]:
    """The WHERE of a filter, empty for none, and its parameters. FilterError."""
    if not text.strip():
        return "", ()
    found = conditions(parse(text, FILTER_CHARS_MAX), names)
    params: tuple[Param, ...] = tuple(param for condition in found for param in condition.params)
    return " WHERE " + " AND ".join(condition.sql for condition in found), bind(params, None)


def order_of(text: str, names: PlainNames) -> tuple[str, tuple[Any, ...]]:
    """The ORDER BY of a sort, empty for none, and its parameters. FilterError."""
    terms = []
    params: list[Any] = []
    for key in parse_sort(text):
        sql, key_params = _sort_term(key, names)
        terms.append(sql + (" DESC" if key.descending else ""))
        params += key_params
    return (" ORDER BY " + ", ".join(terms) if terms else ""), tuple(params)


def _sort_term(key: Key, names: PlainNames) -> tuple[str, tuple[Any, ...]]:
    if key.path == RANDOM:
        return "RANDOM()", ()
    if key.path == ROWID:
        return f"{names.table}.`rowid`", ()
    operand = names.resolve(key.path, None)
    assert isinstance(operand, Sql)
    return operand.sql, bind(operand.params, None)
