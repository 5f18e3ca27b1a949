"""One SQLite file of a tenant and the connection that the event loop uses on it, with nested transactions.

How it is opened, rests and keeps to its deadline is `worker.db.handle`, what statements answer `worker.db.reading`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic_ns, perf_counter_ns

import apsw

from worker.db.reading import Reading


class Database(Reading):
    """A connection with PocketBase's pragmas, nested transactions and a deadline.

    SQLite's errors surface as apsw's exceptions; `worker.db.faults` turns them into API errors.
    """

    __slots__ = ()

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
