"""What runs in a thread: a read on a connection of its own, or work on that of a transaction.

The connection of a read is opened for it and closed after it, so whatever becomes of the read, nothing of it is left.
Both can be stopped by the event loop at any moment.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns, thread_time_ns
from typing import Protocol, TypeVar

import apsw

from worker.db.connection import Database
from worker.db.limits import PATTERN_BYTES_MAX as LONGEST_PATTERN_BYTES
from worker.db.limits import SPARED_ROW_BYTES_MAX, too_dear
from worker.db.reading import Params
from worker.db.tally import Tally

T = TypeVar("T")

# Longer patterns of LIKE are looked for in short texts only.
PATTERN_BYTES_MAX = 1_000
# What the rows of one slow answer may take. The loop then makes JSON of them, 64 MB in 0.2 seconds.
ROWS_BYTES_MAX = 64 << 20
# Between two looks at the clock: the loop interrupts what is too late, so a thread need not ask for the interpreter's
# lock as often as the loop's own connection does.
STEPS_PER_CHECK = 5_000
# A deadline that ends what runs at once.
LONG_AGO_NS = 1
STOPPED = "stopped"


class Recorder(Database):
    """A connection of the pool, which notes how much CPU each statement takes."""

    __slots__ = ("_last", "_since", "taken")

    def __init__(self, path: str, tally: Tally) -> None:
        super().__init__(path, readonly=True)
        self.connection.set_progress_handler(self._overdue, STEPS_PER_CHECK)
        self.tally = tally
        self.taken: dict[str, int] = {}  # statement → ns of CPU of its longest run
        self._last = ""
        self._since = 0

    def execute(self, sql: str, params: Params = ()) -> apsw.Cursor:
        """As `Database.execute`; a statement's time lasts until the next one starts, so it includes its rows."""
        self._stop()
        self._last, self._since = sql, thread_time_ns()
        return super().execute(sql, params)

    def _stop(self) -> None:
        if self._last:
            self.taken[self._last] = max(thread_time_ns() - self._since, self.taken.get(self._last, 0))
            self._last = ""

    def close(self) -> None:
        """Close the connection."""
        self._stop()
        super().close()


class Stoppable(Protocol):
    """Something that runs in a thread."""

    def stop(self) -> None:
        """End it at once. Called on the event loop, also before it begins or when it is over."""


class Reading:
    """One read on a connection of its own. `taken` and `tally` say afterwards what it took."""

    __slots__ = ("_connection", "_path", "_stopped", "taken", "tally")

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: Recorder | None = None
        self._stopped = False
        self.tally = Tally()
        self.taken: dict[str, int] = {}

    def run(self, fn: Callable[[Database], T], limit_ns: int) -> T:
        """What `fn` reads. apsw.InterruptError after `limit_ns`, or once it is stopped."""
        apart = Recorder(self._path, self.tally)
        try:
            apart.deadline_ns = monotonic_ns() + limit_ns
            self._connection = apart
            if self._stopped:
                raise apsw.InterruptError(STOPPED)
            apart.rows_bytes_max = ROWS_BYTES_MAX
            return patiently(apart, fn)
        finally:
            self._connection = None
            apart.close()
            self.taken = apart.taken

    def stop(self) -> None:
        """End it at once."""
        self._stopped = True
        if self._connection is not None:
            _interrupt(self._connection)


class Inside:
    """Work on a connection that a transaction has for itself."""

    __slots__ = ("_db", "_stopped", "tally")

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stopped = False
        self.tally = Tally()

    def run(self, fn: Callable[[Database], T], limit_ns: int) -> T:
        """What `fn` does with the connection. apsw.InterruptError after `limit_ns`, or once it is stopped."""
        db = self._db
        db.deadline_ns = monotonic_ns() + limit_ns
        before, db.tally, db.in_thread = db.tally, self.tally, True
        try:
            if self._stopped:
                raise apsw.InterruptError(STOPPED)
            return patiently(db, fn)
        finally:
            db.tally, db.in_thread = before, False

    def stop(self) -> None:
        """End it at once."""
        self._stopped = True
        if self._db.in_thread:
            _interrupt(self._db)


def take_back(path: str) -> None:
    """Take the write-ahead log of the database `path` back into it, and begin a new one.

    Both wait for the disk. A log is begun by the first page that is written to it: here, the one with the version.
    """
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=0)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        _, pages, taken = next(connection.execute("PRAGMA wal_checkpoint(PASSIVE)"))
        if pages == taken:  # else somebody reads what is in it
            version = next(connection.execute("PRAGMA user_version"))[0]
            connection.execute(f"PRAGMA user_version={version}")
    finally:
        connection.close()


def _interrupt(db: Database) -> None:
    db.deadline_ns = LONG_AGO_NS  # for what begins only now
    with suppress(apsw.Error):  # closed already
        db.connection.interrupt()


def patiently(db: Database, fn: Callable[[Database], T]) -> T:
    """Run `fn` where the loop does not wait for it: with long patterns on short texts, or shorter ones on any.

    Both at once would take hours, and nothing could end them.
    """
    limit = db.connection.limit
    try:
        db.spare(False)
        limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)
        try:
            return fn(db)
        except apsw.SQLError as error:
            if not too_dear(error):
                raise
        limit(apsw.SQLITE_LIMIT_LENGTH, SPARED_ROW_BYTES_MAX)
        limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN_BYTES)
        return fn(db)
    finally:
        db.spare(False)
