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
from time import monotonic_ns
from typing import TypeVar

import apsw

from worker.db.connection import Database, Params

T = TypeVar("T")

# Statements remembered as slow, a tenant; beyond it the memory starts afresh.
SLOW_MAX = 32
LONG_THREADS = 2


class Lanes:
    """The lanes of one worker, shared by its tenants."""

    __slots__ = ("_budget_ns", "_long", "_pool", "_read_limit_ns", "_reads", "_threads", "pooled")

    def __init__(self, *, inline_budget_ms: float, read_timeout_s: float, pool_threads: int) -> None:
        self._budget_ns = int(inline_budget_ms * 1e6)
        self._read_limit_ns = int(read_timeout_s * 1e9)
        self._threads = pool_threads
        self._reads: ThreadPoolExecutor | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._long: ThreadPoolExecutor | None = None
        self.pooled = 0

    async def read(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn`, which must only read, on `db`: inline, or in the pool once it proves slow.

        Raises apsw.InterruptError where it exceeds the full limit of a read.
        """
        if db.in_transaction:  # its own writes are visible on this connection alone
            return fn(db)
        db.deadline_ns = monotonic_ns() + self._budget_ns
        try:
            return fn(db)
        except apsw.InterruptError:
            pass
        finally:
            db.deadline_ns = 0
        self.pooled += 1
        if self._reads is None:
            self._reads = ThreadPoolExecutor(self._threads, thread_name_prefix="read")
        if db.apart is None:
            db.apart = asyncio.Semaphore(max(1, self._threads // 2))
        async with db.apart:
            return await asyncio.get_running_loop().run_in_executor(self._reads, self._read_apart, db, fn)

    def _read_apart(self, db: Database, fn: Callable[[Database], T]) -> T:
        apart = Recorder(db.path, readonly=True)
        try:
            apart.deadline_ns = monotonic_ns() + self._read_limit_ns
            return fn(apart)
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


class Recorder(Database):
    """A connection of the pool, which notes how long each statement takes."""

    __slots__ = ("_last", "_since", "taken")

    def __init__(self, path: str, *, readonly: bool) -> None:
        super().__init__(path, readonly=readonly)
        self.taken: dict[str, int] = {}  # statement → ns of its longest run
        self._last = ""
        self._since = 0

    def execute(self, sql: str, params: Params = ()) -> apsw.Cursor:
        """As `Database.execute`; a statement's time lasts until the next one starts, so it includes its rows."""
        self._stop()
        self._last, self._since = sql, monotonic_ns()
        return self.connection.execute(sql, params)

    def _stop(self) -> None:
        if self._last:
            self.taken[self._last] = max(monotonic_ns() - self._since, self.taken.get(self._last, 0))
            self._last = ""

    def dear_beyond(self, budget_ns: int) -> frozenset[str]:
        """The statements that took longer than `budget_ns`."""
        self._stop()
        return frozenset(sql for sql, taken in self.taken.items() if taken > budget_ns)
