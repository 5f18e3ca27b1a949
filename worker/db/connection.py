"""One SQLite file of a tenant and the connection that the event loop uses on it.

The settings are the durability of the real PocketBase (WAL, `synchronous=NORMAL`) with caches sized for hundreds of
neighbours. A statement runs under a deadline checked by SQLite's progress handler, so no query can hold the loop: the
handler interrupts it, and `worker.lanes` runs it again elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic_ns, perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from worker.db.burdens import NONE
from worker.db.functions import replace_functions
from worker.db.mending import mended_rows
from worker.db.room import PAGES_MAX, Room
from worker.db.tally import Tally
from worker.fair.account import Account

# How many steps of SQLite's virtual machine pass between two looks at the clock: 10 to 30 µs of work, but 20 ms where
# each row has a text of 100 KB to search; more often would be felt in long scans (this costs them 3 %).
STEPS_PER_CHECK = 1_000
# Pages in the write-ahead log from which on they are taken back into the database. That waits for the disk, 10 ms and
# more, so it is done in a thread; only where nobody does it, or it does not keep up, by the commit that finds so many,
# and so many more: readers that never pause keep it from being taken back, however often that is tried.
WAL_PAGES = 1_000
WAL_PAGES_MAX = 16_000
# Prepared statements kept a connection. Each costs 2 to 6 KB: the largest part of a live tenant that is ours to choose.
# Where there are many tenants each keeps less: so many are shared out, when a connection is opened.
STATEMENTS_MAX, STATEMENTS_MIN = 24, 6
STATEMENTS_OF_ALL = 1_000
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
# What each value of a row takes beside its text.
CELL_BYTES = 32
PATTERN_BYTES_MAX = 50_000
PROGRAM_STEPS_MAX = 1_000_000
# What it refuses where the event loop waits for it, so that a thread does it: nothing looks at the clock inside of a
# function, and LIKE compares the length of a text times that of its pattern, 4 ns each, before it gives up.
SPARED_ROW_BYTES_MAX = 100_000
SPARED_PATTERN_BYTES_MAX = 64
# The same for statements that search, which may do so many times a row: 0.5 ms at most for each LIKE, and the clock is
# looked at after ten of them.
WARY_ROW_BYTES_MAX = 10_000
WARY_PATTERN_BYTES_MAX = 32
WARY_STEPS_PER_CHECK = 50

Params = Sequence[Any] | Mapping[str, Any]
T = TypeVar("T")


class Database:
    """A connection with PocketBase's pragmas, nested transactions and a deadline.

    SQLite's errors surface as apsw's exceptions; `worker.db.faults` turns them into API errors.
    """

    __slots__ = (
        "_account",
        "_depth",
        "_doomed",
        "_readonly",
        "_statements",
        "_wary",
        "burden",
        "cache_kib",
        "connection",
        "cpu_until_ns",
        "deadline_ns",
        "exclusive",
        "in_thread",
        "pace",
        "pages_max",
        "path",
        "resting",
        "room",
        "rows_bytes_max",
        "slow",
        "spared",
        "tally",
        "wal_due",
        "wal_pages",
        "wal_task",
        "write_limit_ns",
        "write_pace",
    )

    connection: apsw.Connection

    def __init__(self, path: Path | str, *, readonly: bool = False, statements: int = STATEMENTS_MAX) -> None:
        """Open `path`, which must exist. Raises apsw.Error where it cannot be opened or is no database."""
        self.path = str(path)
        self._readonly = readonly
        self._statements = statements
        self._account: Account | None = None  # `tally` is it, or a thread's own, which the loop books
        self.tally: Account | Tally | None = None
        self._depth = 0
        self._doomed = False  # the open transaction can't be committed any more
        self._wary = False  # texts are searched while the event loop waits
        self.deadline_ns = 0
        # until this moment of the thread's CPU time, a deadline that has passed counts PATIENCE_NS later only
        self.cpu_until_ns = 0
        # what `worker.lanes` notes about slow reads: their statements, and the budget of who keeps sending some
        self.slow: frozenset[str] = frozenset()
        self.pace: Any = None
        self.write_limit_ns = 0
        # the budget of a tenant whose writes were slow, and what its schema adds to all that it does
        self.write_pace: Any = None
        self.burden = NONE
        # pages in the write-ahead log after the last commit, from how many on a commit itself takes them back, and what
        # is about to (`worker.unit`)
        self.wal_pages = 0
        self.wal_due = WAL_PAGES_MAX
        self.wal_task: Any = None
        # whether one transaction has this connection for itself, so that it may wait for a slow read in a thread
        self.exclusive = False
        # whether a thread works with it at the moment
        self.in_thread = False
        # whether the event loop waits for this connection, so that large texts are refused (except in transactions)
        self.spared = False
        # what the tenant may still write, and the number of pages that SQLite has been told of it
        self.room: Room | None = None
        self.pages_max = PAGES_MAX
        # how much the rows of one answer may take (0: no limit); a single one may be as large as a stored one
        self.rows_bytes_max = 0
        # the pages it may keep, in KiB
        self.cache_kib = CACHE_KIB
        # whether it is closed until somebody wants it
        self.resting = False
        self._open()

    if not TYPE_CHECKING:  # else it would know every name

        def __getattr__(self, name: str) -> apsw.Connection:
            """The connection where it rests: whoever wants it opens it. Raises apsw.Error as a new one does."""
            if name != "connection":
                raise AttributeError(name)
            self._open()
            return self.connection

    def _open(self) -> None:
        flags = apsw.SQLITE_OPEN_READONLY if self._readonly else apsw.SQLITE_OPEN_READWRITE
        connection = apsw.Connection(self.path, flags=flags, statementcachesize=self._statements)
        try:
            self._configure(connection)
        except BaseException:
            connection.close()
            raise
        self.connection = connection
        self.resting = False
        self.spare(True)

    def wake(self) -> None:
        """Open it where it rests, before somebody is surprised. Raises apsw.Error as a new one does."""
        if self.resting:
            self._open()

    def rest(self) -> bool:
        """Close the file until it is wanted; what is in its write-ahead log stays there. Whether that was possible.

        Nobody may be at work with it. It takes half a millisecond to open it again.
        """
        if self.resting or self._depth or self._doomed or self.in_thread:
            return False
        connection = self.connection
        try:
            if not connection.get_autocommit():
                return False
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # that would wait for the disk
            connection.close()
        except apsw.Error:  # closed for good, or rows of it are still to be read
            return False
        del self.connection
        self.resting = True
        self._wary = False
        self.pages_max = PAGES_MAX  # the next one has not been told
        return True

    def _configure(self, connection: apsw.Connection) -> None:
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
        if not self._readonly:
            # a no-op on a file that is in WAL already, as PocketBase leaves it
            connection.execute("PRAGMA journal_mode=WAL", can_cache=False)
            connection.set_wal_hook(self._logged)
        for pragma in (
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"cache_size=-{self.cache_kib}",
            "journal_size_limit=200000000",
        ):
            connection.execute("PRAGMA " + pragma, can_cache=False)

    @property
    def account(self) -> Account | None:
        """Whose time and rows these are."""
        return self._account

    @account.setter
    def account(self, account: Account | None) -> None:
        self._account = self.tally = account

    def spare(self, spared: bool) -> None:
        """Refuse what takes long within one step of SQLite (`too_dear`), or no longer."""
        if self._wary:
            self._look_closely(False)
        self.spared = spared
        limit = self.connection.limit
        limit(apsw.SQLITE_LIMIT_LENGTH, SPARED_ROW_BYTES_MAX if spared else ROW_BYTES_MAX)
        limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SPARED_PATTERN_BYTES_MAX if spared else PATTERN_BYTES_MAX)

    def _look_closely(self, wary: bool) -> None:
        """Whether the next statement searches texts while the event loop waits for it."""
        self._wary = wary
        limit = self.connection.limit
        limit(apsw.SQLITE_LIMIT_LENGTH, WARY_ROW_BYTES_MAX if wary else SPARED_ROW_BYTES_MAX)
        limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, WARY_PATTERN_BYTES_MAX if wary else SPARED_PATTERN_BYTES_MAX)
        self.connection.set_progress_handler(self._overdue, WARY_STEPS_PER_CHECK if wary else STEPS_PER_CHECK)

    def _repeated(self, error: apsw.Error, run: Callable[[str, Params], T], sql: str, params: Params) -> T:
        """What `run` answers without sparing; raises `error` where that is no remedy, or done in a thread."""
        if not self.spared or self.deadline_ns or self.burden.reads or not too_dear(error):
            raise error
        self.spare(False)
        try:
            return run(sql, params)
        finally:
            self.spare(True)

    def _overdue(self) -> bool:
        if self.deadline_ns == 0:
            return False
        if 0 < apsw.soft_heap_limit(-1) < apsw.memory_used():
            return True
        late_ns = monotonic_ns() - self.deadline_ns
        return late_ns > 0 and (late_ns > PATIENCE_NS or thread_time_ns() >= self.cpu_until_ns)

    def _logged(self, connection: apsw.Connection, _: str, pages: int) -> int:
        """A commit has left so many pages in the write-ahead log. SQLite itself no longer takes any back.

        What fails here is not the commit, which has happened: the next one tries again.
        """
        self.wal_pages = pages
        if pages < WAL_PAGES_MAX:
            self.wal_due = WAL_PAGES_MAX
        elif pages >= self.wal_due:
            self.wal_due = pages + WAL_PAGES_MAX
            with suppress(apsw.Error):
                connection.wal_checkpoint()
        return apsw.SQLITE_OK

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

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of ours is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """`BEGIN IMMEDIATE` … `COMMIT`; nested ones are savepoints. Any exception rolls back and goes on up.

        The outermost one has `write_limit_ns` (0: no limit) before its statements are interrupted, and raises
        NoRoomError where there is no room for what it writes.
        """
        depth = self._depth
        execute = self._command
        deadline_ns = self.deadline_ns
        if depth and self.connection.get_autocommit():
            self._doom()
        room = None if depth else self.room
        if room is not None:
            room.admit(self)
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
            began_ns = perf_counter_ns()
            execute(f"RELEASE t{depth}" if depth else "COMMIT")
            if self.tally is not None:
                self.tally.sql_ns += perf_counter_ns() - began_ns
        except BaseException as error:
            self._roll_back(depth)
            if room is not None and isinstance(error, apsw.FullError):
                raise room.refusal(error) from error
            raise
        finally:
            self._depth = depth
            self.deadline_ns = deadline_ns if depth else 0
            if spared:
                self.spare(True)
            if not depth:
                self._doomed = False

    def _command(self, sql: str) -> None:
        """Run a statement that is compiled within a microsecond, so that it need not take another one's place."""
        self.connection.execute(sql, can_cache=False)

    def _roll_back(self, depth: int) -> None:
        """Undo the transaction that is `depth` deep."""
        self.deadline_ns = 0  # the rollback itself must not be interrupted
        execute = self._command
        if self.connection.get_autocommit():
            if depth:
                self._doom()
        elif depth and not self._doomed:
            execute(f"ROLLBACK TO t{depth}")
            execute(f"RELEASE t{depth}")
        elif not depth:
            execute("ROLLBACK")

    def _doom(self) -> None:
        """On some errors (interrupted, disk full, …) SQLite itself has rolled everything back.

        Should anybody go on all the same, nothing must be written outside of a transaction.
        """
        self._doomed = True
        self.connection.execute("BEGIN")

    @property
    def closed(self) -> bool:
        """Whether it was closed for everybody."""
        if self.resting:
            return False
        try:
            self.connection.get_autocommit()
        except apsw.ConnectionClosedError:
            return True
        return False

    def clean(self) -> bool:
        """Make it as a new one for who comes next. Whether that is possible: nothing is open, or left in it."""
        if self.closed or self._depth or self._doomed or self.in_thread or not self.connection.get_autocommit():
            return False
        self.deadline_ns = self.cpu_until_ns = self.rows_bytes_max = 0
        self.slow, self.pace, self.write_pace = frozenset(), None, None
        self.spare(True)
        try:
            return not self.all("SELECT 1 FROM temp.sqlite_master LIMIT 1")
        except apsw.Error:
            return False

    def close(self) -> None:
        """Close the connection; the last one on a file checkpoints its WAL and removes it."""
        if not self.resting:
            self.connection.close()


def statements_for(live: int) -> int:
    """How many statements the next tenant keeps where so many are live."""
    return max(STATEMENTS_MIN, min(STATEMENTS_OF_ALL // (live + 1), STATEMENTS_MAX))


def too_dear(error: apsw.Error) -> bool:
    """Whether `error` says that a text or a pattern is longer than the connection's limits."""
    return isinstance(error, apsw.TooBigError) or (isinstance(error, apsw.SQLError) and "too complex" in str(error))
