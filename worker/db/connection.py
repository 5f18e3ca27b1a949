"""One SQLite file of a tenant and the connection that the event loop uses on it.

The settings are the durability of the real PocketBase (WAL, `synchronous=NORMAL`) with caches sized for hundreds of
neighbours. A statement runs under a deadline checked by SQLite's progress handler, so no query can hold the loop: the
handler interrupts it, and `worker.lanes` runs it again elsewhere.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic_ns, thread_time_ns
from typing import Any

import apsw

from worker.db.functions import replace_functions

# How many steps of SQLite's virtual machine pass between two looks at the clock: 10 to 30 µs of work, but 20 ms where
# each row has a text of 100 KB to search; more often would be felt in long scans (this costs them 3 %).
STEPS_PER_CHECK = 1_000
# Prepared statements kept a connection. Each costs 2 to 6 KB: the largest part of a live tenant that is ours to choose.
STATEMENTS_MAX = 24
# Pages kept a connection, in KiB of memory; the file system's cache, shared by all tenants, stands behind it.
CACHE_KIB = 256
# On a busy machine a deadline passes while the process waits for a core. What has CPU time left may go on: to run it
# again elsewhere costs twice as much just when there is little (measured: counting 10,000 rows beside eight other
# processes 3.2 ms instead of 8.2). Waiting for the disk is cut short all the same.
PATIENCE_NS = 20_000_000
# Only somebody else's process can hold a lock on a tenant's file for long, and waiting for it holds the loop.
BUSY_TIMEOUT_MS = 200

# What SQLite refuses altogether: rows larger than any body could bring, patterns longer than the real one's SQLite
# takes, programs larger than any statement of ours.
ROW_BYTES_MAX = 150_000_000
PATTERN_BYTES_MAX = 50_000
PROGRAM_STEPS_MAX = 1_000_000
# What it refuses where the event loop waits for it, so that a thread does it: nothing looks at the clock inside of a
# function, and LIKE compares the length of a text times that of its pattern, 4 ns each, before it gives up.
SPARED_ROW_BYTES_MAX = 100_000
SPARED_PATTERN_BYTES_MAX = 64

# All memory of SQLite's in a process: so much, and more for each live tenant (one takes some 150 KB of it). From the
# fraction CROWDED of it on, whatever has a deadline is interrupted; beyond it nobody gets any.
HEAP_BYTES = 384 << 20
TENANT_HEAP_BYTES = 256 << 10
CROWDED = 0.75

Params = Sequence[Any] | Mapping[str, Any]


def shrink_sqlite() -> None:
    """Configure SQLite for many small connections. Once a process, before its first connection.

    Lookaside is off: it would add 40 KB to each connection for a gain that does not show in a request. Connections need
    no mutex, since each is used by one thread at a time. SQLite counts its memory, or it could not be bounded.
    """
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MULTITHREAD)
    apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, 0, 0)
    apsw.initialize()


def bound_heap(tenants_max: int) -> None:
    """Bound SQLite's memory in this process, which keeps so many tenants open: one query must not take all there is.

    What exceeds it fails with apsw.NoMemError or InterruptError.
    """
    limit = HEAP_BYTES + tenants_max * TENANT_HEAP_BYTES
    apsw.hard_heap_limit(limit)
    apsw.soft_heap_limit(int(limit * CROWDED))


class Database:
    """A connection with PocketBase's pragmas, nested transactions and a deadline.

    SQLite's errors surface as apsw's exceptions; `worker.db.faults` turns them into API errors.
    """

    __slots__ = (
        "_depth",
        "_doomed",
        "apart",
        "connection",
        "cpu_until_ns",
        "deadline_ns",
        "exclusive",
        "path",
        "rows_bytes_max",
        "slow",
        "spared",
        "write_limit_ns",
    )

    def __init__(self, path: Path | str, *, readonly: bool = False) -> None:
        """Open `path`, which must exist. Raises apsw.Error where it cannot be opened or is no database."""
        self.path = str(path)
        flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
        self.connection = apsw.Connection(self.path, flags=flags, statementcachesize=STATEMENTS_MAX)
        self._depth = 0
        self._doomed = False  # the open transaction can't be committed any more
        self.deadline_ns = 0
        # until this moment of the thread's CPU time, a deadline that has passed counts PATIENCE_NS later only
        self.cpu_until_ns = 0
        # what `worker.lanes` notes about slow reads: their statements, and the tenant's share of the threads
        self.slow: frozenset[str] = frozenset()
        self.apart: asyncio.Semaphore | None = None
        self.write_limit_ns = 0
        # whether one transaction has this connection for itself, so that it may wait for a slow read in a thread
        self.exclusive = False
        # whether the event loop waits for this connection, so that large texts are refused (except in transactions)
        self.spared = False
        # how much the rows of one answer may take (0: no limit); a single one may be as large as a stored one
        self.rows_bytes_max = 0
        try:
            self._configure(readonly)
        except BaseException:
            self.connection.close()
            raise

    def _configure(self, readonly: bool) -> None:
        connection = self.connection
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.set_progress_handler(self._overdue, STEPS_PER_CHECK)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
        # whatever SQL a tenant gets in, it must not reach another file: this stops ATTACH, and VACUUM INTO with it
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        connection.limit(apsw.SQLITE_LIMIT_VDBE_OP, PROGRAM_STEPS_MAX)
        replace_functions(connection)
        # PocketBase's own DDL has double-quoted defaults, which newer builds of SQLite refuse unless told otherwise
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 1)
        if not readonly:
            # a no-op on a file that is in WAL already, as PocketBase leaves it
            connection.execute("PRAGMA journal_mode=WAL")
        for pragma in (
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"cache_size=-{CACHE_KIB}",
            "journal_size_limit=200000000",
        ):
            connection.execute("PRAGMA " + pragma)
        self.spare(True)

    def spare(self, spared: bool) -> None:
        """Refuse what takes long within one step of SQLite (`too_dear`), or no longer."""
        self.spared = spared
        limit = self.connection.limit
        limit(apsw.SQLITE_LIMIT_LENGTH, SPARED_ROW_BYTES_MAX if spared else ROW_BYTES_MAX)
        limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SPARED_PATTERN_BYTES_MAX if spared else PATTERN_BYTES_MAX)

    def _may_repeat(self, error: apsw.Error) -> bool:
        """Whether a statement that failed is to be run again without sparing: nobody else will do it elsewhere."""
        return self.spared and not self.deadline_ns and too_dear(error)

    @contextmanager
    def _unspared(self) -> Iterator[None]:
        self.spare(False)
        try:
            yield
        finally:
            self.spare(True)

    def _overdue(self) -> bool:
        if self.deadline_ns == 0:
            return False
        if 0 < apsw.soft_heap_limit(-1) < apsw.memory_used():
            return True
        late_ns = monotonic_ns() - self.deadline_ns
        return late_ns > 0 and (late_ns > PATIENCE_NS or thread_time_ns() >= self.cpu_until_ns)

    def execute(self, sql: str, params: Params = ()) -> apsw.Cursor:
        """Run one statement (or several, for DDL) and return its cursor."""
        if sql in self.slow and self.deadline_ns and not self._depth:
            raise apsw.InterruptError("known to be slow")
        return self.connection.execute(sql, params)

    def once(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row of one statement that is not worth remembering: a prepared one costs kilobytes a tenant.

        Raises apsw.SQLError where there may be a second one, before any is compiled (some pragmas take effect there):
        DDL has texts of a tenant's in it, as the WHERE of an index. A `;` in such a text is refused, quoted or not.
        """
        if ";" in sql.rstrip("; \t\r\n") or "\0" in sql:
            raise apsw.SQLError("only one statement is allowed")
        try:
            return self._rows(self.connection.execute(sql, params, can_cache=False))
        except apsw.Error as error:
            if not self._may_repeat(error):
                raise
        with self._unspared():
            return self.once(sql, params)

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        try:
            return next(self.execute(sql, params), None)
        except UnicodeDecodeError:
            return next(iter(self._mended(sql, params)), None)
        except apsw.Error as error:
            if not self._may_repeat(error):
                raise
        with self._unspared():
            return self.one(sql, params)

    def all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        try:
            return self._rows(self.execute(sql, params))
        except UnicodeDecodeError:
            return self._mended(sql, params)
        except apsw.Error as error:
            if not self._may_repeat(error):
                raise
        with self._unspared():
            return self.all(sql, params)

    def _rows(self, cursor: apsw.Cursor) -> list[tuple[Any, ...]]:
        """Every row that is left. TooBigError where that takes more than it may."""
        left = self.rows_bytes_max
        if not left:
            return list(cursor)
        rows: list[tuple[Any, ...]] = []
        for row in cursor:
            size = sum([len(part) for part in row if type(part) in (str, bytes)])
            left -= size
            if (left < 0 and rows) or size > ROW_BYTES_MAX:
                raise apsw.TooBigError("the rows are too large")
            rows.append(row)
        return rows

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, params)
        return None if row is None else row[0]

    def _mended(self, sql: str, params: Params) -> list[tuple[Any, ...]]:
        """Every row, what is no UTF-8 in its texts replaced: PocketBase stores the bytes that a form brings.

        One text of this kind, in a database from elsewhere, must not make its whole table unreadable.
        """
        names: list[str] = []

        def note(cursor: apsw.Cursor, *_: Any) -> bool:
            names.extend(f"c{number}" for number in range(len(cursor.get_description())))
            return False

        cursor = self.connection.cursor()
        cursor.exec_trace = note
        with suppress(apsw.ExecTraceAbort):
            cursor.execute(sql, params, can_cache=False)
        columns = ", ".join(
            f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names
        )
        rows = self.once(f"WITH mended({', '.join(names)}) AS ({sql}) SELECT {columns} FROM mended", params)
        return [tuple([part.decode(errors="replace") if type(part) is bytes else part for part in row]) for row in rows]

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of ours is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """`BEGIN IMMEDIATE` … `COMMIT`; nested ones are savepoints. Any exception rolls back and goes on up.

        The outermost one has `write_limit_ns` (0: no limit) before its statements are interrupted.
        """
        depth = self._depth
        execute = self.connection.execute
        deadline_ns = self.deadline_ns
        if depth and self.connection.get_autocommit():
            self._doom()
        execute(f"SAVEPOINT t{depth}" if depth else "BEGIN IMMEDIATE")
        self._depth = depth + 1
        spared = self.spared
        if spared:
            self.spare(False)
        if not depth and self.write_limit_ns:
            self.deadline_ns = monotonic_ns() + self.write_limit_ns
        try:
            yield
            if self._doomed:
                raise apsw.AbortError("a part of the transaction failed and took all of it along")
            execute(f"RELEASE t{depth}" if depth else "COMMIT")
        except BaseException:
            self.deadline_ns = 0  # the rollback itself must not be interrupted
            if self.connection.get_autocommit():
                if depth:
                    self._doom()
            elif depth and not self._doomed:
                execute(f"ROLLBACK TO t{depth}")
                execute(f"RELEASE t{depth}")
            elif not depth:
                execute("ROLLBACK")
            raise
        finally:
            self._depth = depth
            self.deadline_ns = deadline_ns if depth else 0
            if spared:
                self.spare(True)
            if not depth:
                self._doomed = False

    def _doom(self) -> None:
        """On some errors (interrupted, disk full, …) SQLite itself has rolled everything back.

        Should anybody go on all the same, nothing must be written outside of a transaction.
        """
        self._doomed = True
        self.connection.execute("BEGIN")

    def close(self) -> None:
        """Close the connection; the last one on a file checkpoints its WAL and removes it."""
        self.connection.close()


def too_dear(error: apsw.Error) -> bool:
    """Whether `error` says that a text or a pattern is longer than the connection's limits."""
    return isinstance(error, apsw.TooBigError) or (isinstance(error, apsw.SQLError) and "too complex" in str(error))
