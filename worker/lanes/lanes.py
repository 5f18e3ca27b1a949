"""The lanes of one worker: what runs on the event loop and what in a thread, at whose expense, and for how long."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from time import monotonic, monotonic_ns, thread_time_ns
from typing import TypeVar

import apsw

from supervisor.contract.settings import Batch
from worker.db.connection import Database
from worker.db.limits import too_dear
from worker.db.pages import PageRoom
from worker.db.tally import Tally
from worker.fair.account import Account
from worker.lanes.apart import ROWS_BYTES_MAX, Inside, Reading, Stoppable, take_back
from worker.lanes.breaths import Breaths
from worker.lanes.pace import Pace
from worker.lanes.pool import CLOSE_S_MAX, NICE_READERS, Job, Pool
from worker.lanes.rests import BULK_BYTES_PER_S, rest

T = TypeVar("T")

# Statements remembered as slow, a tenant; beyond it the memory starts afresh.
SLOW_MAX = 32
LONG_THREADS = 2
DISK_THREADS = 2
# How long a job waits for a thread before it is given up; an operator's has all the time.
WAIT_S_MAX = 30.0
LONG_WAIT_S_MAX = 86_400.0
# From here on a read is worth asking whether more room for pages would have made it shorter.
LONG_READ_NS = 1_000_000
# A write may try on the loop for so many times the budget of a read: to run it again costs a connection of its own.
WRITE_BUDGETS = 2
# The table of events hears of the same tenant's interrupted writes at most so often.
NOTICE_EVERY_S = 60.0
NOTICED_MAX = 1_000

# Books CPU (ns) that was used outside of the loop's own measurement against a tenant's share.
Charge = Callable[[Account, int], None]
# Whether others are there at all, beside this account.
InCompany = Callable[[Account], bool]
# Tells the supervisor of an event: its kind, the tenant, and why.
Tell = Callable[[str, str, str], None]


def _nothing(*_: object) -> None:
    """Stands for a `Charge` or a `Tell` where there is none."""


def _never(_: Account) -> bool:
    """Stands for an `InCompany` where there is none."""
    return False


class Lanes:
    """The lanes of one worker, shared by its tenants. Used on the event loop."""

    __slots__ = (
        "_budget_ns",
        "_disk",
        "_long",
        "_noticed",
        "_pages",
        "_pool",
        "_pools",
        "_read_limit_ns",
        "_reads",
        "batch",
        "breaths",
        "charge",
        "checkpoints",
        "console_timeout_s",
        "consoles",
        "in_company",
        "pooled",
        "tell",
        "unpaid_ns",
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
        """`read_timeout_s` is for databases without an account; else it is the plan's that counts."""
        self._budget_ns = int(inline_budget_ms * 1e6)
        self._read_limit_ns = int(read_timeout_s * 1e9)
        self.charge: Charge = _nothing
        self.breaths = Breaths()
        self.in_company: InCompany = _never
        self.tell: Tell = _nothing
        self._reads = Pool("read", pool_threads, self._book, wait_s=WAIT_S_MAX, nice=NICE_READERS)
        self._pool = Pool("lane", pool_threads, self._book, wait_s=WAIT_S_MAX)
        self._disk = Pool("disk", DISK_THREADS, self._book, wait_s=WAIT_S_MAX, alone_max=1, nice=0)
        self._long = Pool("long", LONG_THREADS, self._book, wait_s=LONG_WAIT_S_MAX, alone_max=LONG_THREADS)
        self._noticed: dict[str, float] = {}
        self._pools = (self._reads, self._pool, self._disk, self._long)
        # reads and writes that went to a thread
        self.pooled = 0
        # CPU of threads that was used for no tenant; who reports it takes it
        self.unpaid_ns = 0
        self._pages = PageRoom()
        # who may take back a write-ahead log now
        self.checkpoints = asyncio.Semaphore(DISK_THREADS)
        # for the scripts of superusers, which run in processes of their own
        self.consoles = asyncio.Semaphore(consoles)
        self.console_timeout_s = console_timeout_s
        # what a batch may take at most
        self.batch = batch or Batch()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def read(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn`, which must only read, on `db`: inline, or in the pool once it proves slow.

        Raises apsw.InterruptError where it exceeds the full limit of a read, ApiError where no thread is free in time.
        """
        if db.in_transaction:  # its own writes are visible on this connection alone
            return await self._read_inside(db, fn) if db.exclusive else fn(db)
        pace: Pace | None = db.pace
        # who is alone holds nobody up: a thread costs three times the CPU of a read of some milliseconds
        budget_ns = self._budget_ns if pace is None or not self._in_company(db) else pace.next()
        if budget_ns:
            began_ns = monotonic_ns()
            cpu_until_ns = thread_time_ns() + budget_ns
            db.deadline_ns, db.cpu_until_ns = began_ns + budget_ns, cpu_until_ns
            done = False
            try:
                answer = fn(db)
                done = True
            except apsw.Error as error:
                if not _too_long(error):
                    raise
            finally:
                db.deadline_ns = db.cpu_until_ns = 0
            took_ns = monotonic_ns() - began_ns
            if took_ns > LONG_READ_NS:
                self._pages.read_long(db)
            # also what is done, but took long within a step, where nothing looks at the clock
            if took_ns > budget_ns and (not done or thread_time_ns() > cpu_until_ns + budget_ns):
                pace = self._exceeded(db)
            if done:
                if pace is not None and took_ns <= budget_ns and pace.kept():
                    db.pace = None
                return answer
        return await self._read_apart(db, fn)

    def _exceeded(self, db: Database) -> Pace:
        pace: Pace | None = db.pace
        if pace is None:
            pace = db.pace = Pace(self._budget_ns)
        pace.exceeded()
        return pace

    def _in_company(self, db: Database) -> bool:
        return db.account is None or self.in_company(db.account)

    async def _read_apart(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn` in a thread on a connection of its own, which nothing outlives."""
        reading = Reading(db.path)
        limit_ns = self._limit_ns(db)

        def note() -> None:
            _book_tally(db, reading.tally)
            dear = frozenset(sql for sql, taken in reading.taken.items() if taken > self._budget_ns)
            # what was quick this time may be tried inline again: one deep page does not make a collection slow for ever
            slow = (db.slow - reading.taken.keys()) | dear
            db.slow = slow if len(slow) <= SLOW_MAX else frozenset()

        job = self._submit(db, limit_ns, reading, reading.run, fn, limit_ns)
        job.after = note
        try:
            answer: T = await job.future
        except asyncio.CancelledError:
            self._reads.withdraw(job)
            reading.stop()
            raise
        except apsw.InterruptError as error:
            raise self._cut(db, job, "read", error) from error
        return answer

    async def _read_inside(self, db: Database, fn: Callable[[Database], T]) -> T:
        """As `read`, inside a transaction: in the thread as well it has to be the transaction's own connection.

        Whoever is cancelled meanwhile rolls back, and can't before the thread has let go of the connection.
        """
        if db.in_thread:
            return fn(db)
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
        db.rows_bytes_max = ROWS_BYTES_MAX
        try:
            return await self._inside_apart(db, fn, "read", self._limit_ns(db))
        finally:
            db.rows_bytes_max = 0

    # -- writing -----------------------------------------------------------------------------------------------------

    async def work(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn`, which may write, in a thread on `db`, the connection that one transaction has for itself.

        Raises apsw.InterruptError where it exceeds the limit of a slow read. What failed has written nothing.
        """
        return await self._inside_apart(db, _whole(fn), "change", self._limit_ns(db))

    async def write(self, db: Database, fn: Callable[[Database], T]) -> T:
        """As `work`, under the limit of a write; `fn` has a transaction of its own."""
        return await self._inside_apart(db, fn, "write", db.write_limit_ns or self._limit_ns(db))

    def write_budget_ns(self, db: Database) -> int:
        """How long a write of this tenant may try on the loop; 0: not at all."""
        pace: Pace | None = db.write_pace
        return self._budget_ns * WRITE_BUDGETS if pace is None else pace.next()

    def wrote(self, db: Database, *, in_time: bool) -> None:
        """A write on the loop was done within its budget, or it was not and is run again in a thread."""
        pace: Pace | None = db.write_pace
        if not in_time:
            if pace is None:
                pace = db.write_pace = Pace(self._budget_ns * WRITE_BUDGETS)
            pace.exceeded()
        elif pace is not None and pace.kept():
            db.write_pace = None

    async def checkpoint(self, db: Database) -> None:
        """Take the write-ahead log of `db` back into the database, in a thread. Whoever calls has the tenant's writer.

        Raises apsw.Error.
        """
        await self._disk.run(db.account, take_back, db.path)

    async def _inside_apart(self, db: Database, fn: Callable[[Database], T], what: str, limit_ns: int) -> T:
        """Run `fn` in a thread on `db`, which nobody else uses meanwhile."""
        inside = Inside(db)
        before_ns, db.deadline_ns = db.deadline_ns, 0  # to wait for a thread is no work
        try:
            job = self._submit(db, limit_ns, inside, inside.run, fn, limit_ns)
            job.after = lambda: _book_tally(db, inside.tally)
            try:
                answer: T = await asyncio.shield(job.future)
            except asyncio.CancelledError:
                if not self._reads.withdraw(job):
                    inside.stop()
                    await _ended(job.future)
                raise
            except apsw.InterruptError as error:
                raise self._cut(db, job, what, error) from error
            return answer
        finally:
            db.deadline_ns = before_ns

    # -- the rest ----------------------------------------------------------------------------------------------------

    async def blocking(self, account: Account | None, fn: Callable[..., T], *args: object) -> T:
        """Run `fn(*args)`, which blocks or burns CPU, in a thread at the expense of `account`.

        Raises ApiError where no thread is free in time.
        """
        return await self._pool.run(account, fn, *args)

    async def bulk(self, account: Account | None, size: int, fn: Callable[..., T], *args: object) -> T:
        """As `blocking`, for work on so many bytes at once."""
        await self.rest(account, size / BULK_BYTES_PER_S)
        return await self.blocking(account, fn, *args)

    async def rest(self, account: Account | None, owed_s: float) -> None:
        """Before work that can't be divided and is felt by others (`rests`), which will owe them so many seconds."""
        if account is not None:
            await rest(account, owed_s, self.in_company)

    async def long(self, account: Account | None, fn: Callable[..., T], *args: object) -> T:
        """As `blocking`, for what may take minutes: in threads apart from the others."""
        return await self._long.run(account, fn, *args)

    def payers(self) -> Iterator[Account]:
        """Of whom a thread has something in hand, wanted or not: until it is done their files may be open."""
        return chain.from_iterable(pool.payers() for pool in self._pools)

    def book(self) -> None:
        """Book what threads have used so far for what is still under way; `unpaid_ns` is what belongs to no tenant."""
        for pool in self._pools:
            pool.book()

    def close(self) -> None:
        """Interrupt what may be, wait for the rest, and end the threads."""
        until_s = monotonic() + CLOSE_S_MAX
        for pool in self._pools:
            pool.stop()
        for pool in self._pools:
            pool.join(until_s)

    def cut(self, db: Database, what: str, limit_ns: int) -> apsw.InterruptError:
        """Count something that has exceeded its limit of time; the error to be raised."""
        reason = f"interrupted: a {what} took longer than {limit_ns / 1e9:g} s"
        account = db.account
        if account is not None:
            account.cut += 1
            if what != "read":
                self._notice(account.name, reason)
        return apsw.InterruptError(reason)

    def _cut(self, db: Database, job: Job, what: str, error: apsw.InterruptError) -> apsw.InterruptError:
        if monotonic_ns() - job.started_ns < job.limit_ns:  # SQLite's memory is nearly used up
            return error
        return self.cut(db, what, job.limit_ns)

    def _notice(self, name: str, reason: str) -> None:
        now = monotonic()
        if now - self._noticed.get(name, -NOTICE_EVERY_S) >= NOTICE_EVERY_S:
            if len(self._noticed) >= NOTICED_MAX:
                self._noticed.clear()
            self._noticed[name] = now
            self.tell("cut", name, reason)

    def _submit(
        self, db: Database, limit_ns: int, stoppable: Stoppable, fn: Callable[..., object], *args: object
    ) -> Job:
        self.pooled += 1
        account = db.account
        job = self._reads.submit(account or db, account, fn, *args)
        job.limit_ns = limit_ns
        job.stop = stoppable.stop
        return job

    def _limit_ns(self, db: Database) -> int:
        account = db.account
        return self._read_limit_ns if account is None else int(account.plan.read_timeout_s * 1e9)

    def _book(self, account: Account | None, cpu_ns: int) -> None:
        if account is None:
            self.unpaid_ns += cpu_ns
            return
        account.pool_ns += cpu_ns
        self.charge(account, cpu_ns)


def _too_long(error: apsw.Error) -> bool:
    """Whether what failed inline may succeed where the loop does not wait for it."""
    return isinstance(error, apsw.InterruptError) or too_dear(error)


def _whole(fn: Callable[[Database], T]) -> Callable[[Database], T]:
    """`fn` as one transaction, or a savepoint of the one that is open."""

    def whole(db: Database) -> T:
        with db.transaction():
            return fn(db)

    return whole


def _book_tally(db: Database, tally: Tally) -> None:
    account = db.account
    if account is not None:
        account.sql_ns += tally.sql_ns
        account.rows += tally.rows


async def _ended(future: "asyncio.Future[T]") -> None:
    """Wait for the end of `future`, whatever it is, through any further cancellation."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
