"""Where work runs: inline on the event loop for what is short, in threads for what is not.

A read starts inline under a budget of a few milliseconds. One that exceeds it is interrupted and run again in a thread
on a second connection with the full limit, and its statement is remembered as slow, so that next time it goes there at
once. apsw releases the GIL while SQLite works, so the threads do not stop the loop.

There are three pools, so that no kind of work waits for another: slow reads, of which one tenant gets half of the
threads at most; passwords, request logs and the like; and an operator's long work, such as copying a tenant.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic_ns, thread_time_ns
from typing import TypeVar

import apsw

from supervisor.contract.settings import Batch
from worker.db.connection import PATTERN_BYTES_MAX as LONGEST_PATTERN_BYTES
from worker.db.connection import SPARED_ROW_BYTES_MAX, Database, Params, too_dear
from worker.db.pages import PageRoom

T = TypeVar("T")

# Statements remembered as slow, a tenant; beyond it the memory starts afresh.
SLOW_MAX = 32
LONG_THREADS = 2
# Longer patterns of LIKE are looked for in short texts only.
PATTERN_BYTES_MAX = 1_000
# What the rows of one slow answer may take. The loop then makes JSON of them, 64 MB in 0.2 seconds.
ROWS_BYTES_MAX = 64 << 20
# From here on a read is worth asking whether more room for pages would have made it shorter.
LONG_READ_NS = 1_000_000
# A deadline that ends what runs at once.
LONG_AGO_NS = 1


class Lanes:
    """The lanes of one worker, shared by its tenants."""

    __slots__ = (
        "_budget_ns",
        "_long",
        "_pages",
        "_pool",
        "_read_limit_ns",
        "_reads",
        "_threads",
        "batch",
        "console_timeout_s",
        "consoles",
        "pooled",
    )

    def __init__(
        self,
        *,
        inline_budget_ms: float,
        read_timeout_s: float,
        pool_threads: int,
        console_timeout_s: float = 30.0,
        consoles: int = 2,
        batch: Batch | None = None,
    ) -> None:
        self._budget_ns = int(inline_budget_ms * 1e6)
        self._read_limit_ns = int(read_timeout_s * 1e9)
        self._threads = pool_threads
        self._reads: ThreadPoolExecutor | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._long: ThreadPoolExecutor | None = None
        self.pooled = 0
        self._pages = PageRoom()
        # for the scripts of superusers, which run in processes of their own
        self.consoles = asyncio.Semaphore(consoles)
        self.console_timeout_s = console_timeout_s
        # what a batch may take at most
        self.batch = batch or Batch()

    async def read(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn`, which must only read, on `db`: inline, or in the pool once it proves slow.

        Raises apsw.InterruptError where it exceeds the full limit of a read.
        """
        if db.in_transaction:  # its own writes are visible on this connection alone
            return await self._read_inside(db, fn) if db.exclusive else fn(db)
        began_ns = monotonic_ns()
        db.deadline_ns = began_ns + self._budget_ns
        db.cpu_until_ns = thread_time_ns() + self._budget_ns
        try:
            return fn(db)
        except apsw.Error as error:
            if not _too_long(error):
                raise
        finally:
            db.deadline_ns = db.cpu_until_ns = 0
            if monotonic_ns() - began_ns > LONG_READ_NS:
                self._pages.read_long(db)
        if db.apart is None:
            db.apart = asyncio.Semaphore(max(1, self._threads // 2))
        async with db.apart:
            loop = asyncio.get_running_loop()
            running: list[Recorder] = []
            # looked at between any two rows, which the clock is not
            watch = loop.call_later(self._read_limit_ns / 1e9, _interrupt, running)
            try:
                return await loop.run_in_executor(self._readers(), self._read_apart, db, fn, running)
            finally:
                watch.cancel()

    def _readers(self) -> ThreadPoolExecutor:
        self.pooled += 1
        if self._reads is None:
            self._reads = ThreadPoolExecutor(self._threads, thread_name_prefix="read")
        return self._reads

    async def _read_inside(self, db: Database, fn: Callable[[Database], T]) -> T:
        """As `read`, inside a transaction: in the thread as well it has to be the transaction's own connection.

        Whoever is cancelled meanwhile rolls back, and can't before the thread has let go of the connection.
        """
        before_ns = db.deadline_ns
        db.deadline_ns = monotonic_ns() + self._budget_ns
        db.spare(True)
        try:
            return fn(db)
        except apsw.Error as error:
            if not _too_long(error):
                raise
        finally:
            db.spare(False)
            db.deadline_ns = before_ns
        return await self._inside_apart(db, lambda db: _patiently(db, fn))

    async def work(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn`, which may write, in a thread on `db`, the connection that one transaction has for itself.

        Raises apsw.InterruptError where it exceeds the limit of a slow read. What failed has written nothing.
        """

        def whole(db: Database) -> T:
            with db.transaction():
                return fn(db)

        return await self._inside_apart(db, whole)

    async def _inside_apart(self, db: Database, fn: Callable[[Database], T]) -> T:
        def timed(db: Database) -> T:
            if db.deadline_ns != LONG_AGO_NS:  # from now on: to wait for a thread is no work
                db.deadline_ns = monotonic_ns() + self._read_limit_ns
            return fn(db)

        before_ns, db.deadline_ns = db.deadline_ns, 0
        try:
            job = self._readers().submit(timed, db)
            working = asyncio.wrap_future(job)
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                job.cancel()
                db.deadline_ns = LONG_AGO_NS
                await _ended(working)
                raise
        finally:
            db.deadline_ns = before_ns

    def _read_apart(self, db: Database, fn: Callable[[Database], T], running: "list[Recorder]") -> T:
        apart = Recorder(db.path, readonly=True)
        running.append(apart)
        try:
            apart.deadline_ns = monotonic_ns() + self._read_limit_ns
            return _patiently(apart, fn)
        finally:
            apart.close()
            dear = apart.dear_beyond(self._budget_ns)
            # what was quick this time may be tried inline again: one deep page does not make a collection slow for ever
            slow = (db.slow - apart.taken.keys()) | dear
            db.slow = slow if len(slow) <= SLOW_MAX else frozenset()

    async def blocking(self, fn: Callable[..., T], *args: object) -> T:
        """Run `fn(*args)`, which blocks or burns CPU, in the pool."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="lane")
        return await asyncio.get_running_loop().run_in_executor(self._pool, fn, *args)

    async def long(self, fn: Callable[..., T], *args: object) -> T:
        """Run `fn(*args)`, which may take minutes, in a thread apart from the pool."""
        if self._long is None:
            self._long = ThreadPoolExecutor(LONG_THREADS, thread_name_prefix="long")
        return await asyncio.get_running_loop().run_in_executor(self._long, fn, *args)

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        pools = (self._reads, self._pool, self._long)
        self._reads = self._pool = self._long = None
        for pool in pools:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)


def _too_long(error: apsw.Error) -> bool:
    """Whether what failed inline may succeed where the loop does not wait for it."""
    return isinstance(error, apsw.InterruptError) or too_dear(error)


async def _ended(future: "asyncio.Future[T]") -> None:
    """Wait for the end of `future`, whatever it is, through any further cancellation."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])


def _interrupt(running: "list[Recorder]") -> None:
    """End the statement that runs on the connection in `running`, if it is still there."""
    with suppress(apsw.Error):
        for connection in running:
            connection.connection.interrupt()


def _patiently(db: Database, fn: Callable[[Database], T]) -> T:
    """Run `fn` where the loop does not wait for it: with long patterns on short texts, or shorter ones on any.

    Both at once would take hours, and nothing could end them.
    """
    limit = db.connection.limit
    try:
        db.spare(False)
        db.rows_bytes_max = ROWS_BYTES_MAX
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
        db.rows_bytes_max = 0
        db.spare(False)


class Recorder(Database):
    """A connection of the pool, which notes how much CPU each statement takes."""

    __slots__ = ("_last", "_since", "taken")

    def __init__(self, path: str, *, readonly: bool) -> None:
        super().__init__(path, readonly=readonly)
        self.taken: dict[str, int] = {}  # statement → ns of CPU of its longest run
        self._last = ""
        self._since = 0

    def execute(self, sql: str, params: Params = ()) -> apsw.Cursor:
        """As `Database.execute`; a statement's time lasts until the next one starts, so it includes its rows."""
        self._stop()
        self._last, self._since = sql, thread_time_ns()
        return self.connection.execute(sql, params)

    def _stop(self) -> None:
        if self._last:
            self.taken[self._last] = max(thread_time_ns() - self._since, self.taken.get(self._last, 0))
            self._last = ""

    def dear_beyond(self, budget_ns: int) -> frozenset[str]:
        """The statements that took longer than `budget_ns`."""
        self._stop()
        return frozenset(sql for sql, taken in self.taken.items() if taken > budget_ns)
