"""A connection to one SQLite file of a tenant: its settings, its deadline, and how it rests.

The settings are the durability of the real PocketBase (WAL, `synchronous=NORMAL`) with caches sized for hundreds of
neighbours. A statement runs under a deadline checked by SQLite's progress handler, so no query can hold the loop: the
handler interrupts it, and `worker.lanes` runs it again elsewhere.
"""

from contextlib import suppress
from pathlib import Path
from time import monotonic_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

import apsw

from worker.db.burdens import NONE
from worker.db.functions import replace_functions
from worker.db.limits import (
    BUSY_TIMEOUT_MS,
    CACHE_KIB,
    PATIENCE_NS,
    PATTERN_BYTES_MAX,
    PROGRAM_STEPS_MAX,
    ROW_BYTES_MAX,
    SPARED_PATTERN_BYTES_MAX,
    SPARED_ROW_BYTES_MAX,
    STATEMENTS_MAX,
    STEPS_PER_CHECK,
    WAL_PAGES_MAX,
    WARY_PATTERN_BYTES_MAX,
    WARY_ROW_BYTES_MAX,
    WARY_STEPS_PER_CHECK,
)
from worker.db.room import PAGES_MAX, Room
from worker.db.tally import Tally
from worker.fair.account import Account


class Handle:
    """The connection, open or resting, and what is known about it."""

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

    def close(self) -> None:
        """Close the connection; the last one on a file checkpoints its WAL and removes it."""
        if not self.resting:
            self.connection.close()
