"""Statements on a tenant's connection: their rows, bounded and counted."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, TypeVar

import apsw

from worker.db.handle import Handle
from worker.db.limits import (
    CELL_BYTES,
    ROW_BYTES_MAX,
    too_dear,
)
from worker.db.mending import mended_rows

Params = Sequence[Any] | Mapping[str, Any]
T = TypeVar("T")


class Reading(Handle):
    """A connection that runs statements. SQLite's errors surface as apsw's exceptions."""

    __slots__ = ()

    def execute(self, sql: str, params: Params = ()) -> apsw.Cursor:
        """Run one statement (or several, for DDL) and return its cursor."""
        if sql in self.slow and self.deadline_ns and not self._depth:
            raise apsw.InterruptError("known to be slow")
        wary = self.spared and self.deadline_ns > 0 and (self.burden.reads or "LIKE" in sql)
        if wary is not self._wary:
            self._look_closely(wary)
        began_ns = perf_counter_ns()
        try:
            return self.connection.execute(sql, params)
        finally:
            tally = self.tally
            if tally is not None:
                tally.sql_ns += perf_counter_ns() - began_ns

    def once(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row of one statement that is not worth remembering: a prepared one costs kilobytes a tenant.

        Raises apsw.SQLError where there may be a second one, before any is compiled (some pragmas take effect there):
        DDL has texts of a tenant's in it, as the WHERE of an index. A `;` in such a text is refused, quoted or not.
        """
        if ";" in sql.rstrip("; \t\r\n") or "\0" in sql:
            raise apsw.SQLError("only one statement is allowed")
        began_ns = perf_counter_ns()
        try:
            cursor = self.connection.execute(sql, params, can_cache=False)
            tally = self.tally
            if tally is not None:
                tally.sql_ns += perf_counter_ns() - began_ns
            return self._rows(cursor)
        except apsw.Error as error:
            return self._repeated(error, self.once, sql, params)

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        try:
            row = next(self.execute(sql, params), None)
        except UnicodeDecodeError:
            return next(iter(mended_rows(self, sql, params)), None)
        except apsw.Error as error:
            return self._repeated(error, self.one, sql, params)
        if row is not None and (tally := self.tally) is not None:
            tally.rows += 1
        return row

    def all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        try:
            return self._rows(self.execute(sql, params))
        except UnicodeDecodeError:
            return mended_rows(self, sql, params)
        except apsw.Error as error:
            return self._repeated(error, self.all, sql, params)

    def table(
        self, sql: str, params: Params, fetch: Callable[[apsw.Cursor], list[tuple[Any, ...]]]
    ) -> tuple[list[tuple[str, str | None]], list[tuple[Any, ...]]]:
        """Names and declared types of the columns, and what `fetch` takes. Without rows there may be no columns."""
        columns: list[tuple[str, str | None]] = []
        began_ns = perf_counter_ns()
        try:
            cursor = self.execute(sql, params)
            with suppress(apsw.ExecutionCompleteError):
                columns = list(cursor.get_description())
            began_ns = perf_counter_ns()
            rows = fetch(cursor)
        except UnicodeDecodeError:
            rows = mended_rows(self, sql, params)
        except apsw.Error as error:
            return self._repeated(error, lambda sql, params: self.table(sql, params, fetch), sql, params)
        if (tally := self.tally) is not None:
            tally.rows += len(rows)
            tally.sql_ns += perf_counter_ns() - began_ns
        return columns, rows

    def _rows(self, cursor: apsw.Cursor) -> list[tuple[Any, ...]]:
        """Every row that is left. TooBigError where that takes more than it may."""
        began_ns = perf_counter_ns()
        rows: list[tuple[Any, ...]] = []
        try:
            rows = self._bounded(cursor) if self.rows_bytes_max else list(cursor)
        finally:
            tally = self.tally
            if tally is not None:
                tally.rows += len(rows)
                tally.sql_ns += perf_counter_ns() - began_ns
        return rows

    def _bounded(self, cursor: apsw.Cursor) -> list[tuple[Any, ...]]:
        left = self.rows_bytes_max
        rows: list[tuple[Any, ...]] = []
        for row in cursor:
            size = sum([len(part) for part in row if type(part) in (str, bytes)])
            left -= size + CELL_BYTES * len(row)
            if (left < 0 and rows) or size > ROW_BYTES_MAX:
                raise apsw.TooBigError("the rows are too large")
            rows.append(row)
        return rows

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, params)
        return None if row is None else row[0]

    def _repeated(self, error: apsw.Error, run: Callable[[str, Params], T], sql: str, params: Params) -> T:
        """What `run` answers without sparing; raises `error` where that is no remedy, or done in a thread."""
        if not self.spared or self.deadline_ns or self.burden.reads or not too_dear(error):
            raise error
        self.spare(False)
        try:
            return run(sql, params)
        finally:
            self.spare(True)
