"""Threads that tenants share fairly: whose job is next is settled by `turns`, who pays by the CPU its jobs take.

All decisions are made on the event loop; a thread runs one job after another and knows nothing else. Jobs are charged
when they end, and those that take long as they go, since the policy looks at windows of seconds.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from worker.errors import ApiError
from worker.fair.account import Account
from worker.fair.limits import weight_of
from worker.lanes.turns import Turns

T = TypeVar("T")

# What one tenant may have waiting in one pool; more is refused.
WAITING_MAX = 256
# How often the CPU of jobs under way is booked.
BOOK_EVERY_S = 0.25
# How long threads are waited for that have to end; whatever they do then, the process ends without them.
CLOSE_S_MAX = 2.0
# The weight of what no tenant pays for.
WEIGHT = 100
# The priority of the threads, below that of the event loop: on a busy machine it makes the difference for everybody's
# point reads. But who has the interpreter's lock must not wait long itself, so readers, who want it often, have more.
NICE = 10
NICE_READERS = 5

TOO_MANY = "Too many of your requests are waiting for a thread."
TOO_LONG = "The request has waited for a thread for too long."

# Books CPU time (ns) to the account that pays; None: to nobody's.
Book = Callable[[Account | None, int], None]


class Job:
    """Something to be run in a thread; `future` gets its result."""

    __slots__ = (
        "account",
        "after",
        "args",
        "began_ns",
        "booked_ns",
        "ended_ns",
        "fn",
        "future",
        "key",
        "limit_ns",
        "started_ns",
        "stop",
        "thread",
        "timer",
    )

    def __init__(
        self, key: Hashable, account: Account | None, future: "asyncio.Future[Any]", fn: Callable[..., Any], args: Any
    ) -> None:
        self.key = key
        self.account = account
        self.future = future
        self.fn = fn
        self.args = args
        # CPU clock of the thread that runs it, set once it does; when it began and ended there, what of it is booked
        self.thread = 0
        self.began_ns = self.ended_ns = self.booked_ns = 0
        # wall time at which it began, and how long it may run (0: as long as it takes) before `stop` is called
        self.started_ns = self.limit_ns = 0
        self.stop: Callable[[], None] | None = None
        # called on the loop once it is over, whether or not anybody still waits for it
        self.after: Callable[[], None] | None = None
        # what ends its waiting
        self.timer: asyncio.TimerHandle | None = None


class Pool:
    """So many threads. Used on the event loop; threads are started when they are needed."""

    def __init__(
        self, name: str, threads: int, book: Book, *, wait_s: float, alone_max: int = 0, nice: int = NICE
    ) -> None:
        """A job waits at most `wait_s` for a thread; one tenant gets `alone_max` of them at most (0: half).

        `book` is called on the loop.
        """
        self._name = name
        self._threads_max = threads
        self._book = book
        self._wait_s = wait_s
        self._nice = nice
        self._turns: Turns[Job] = Turns(alone_max or max(1, threads // 2), WAITING_MAX)
        self._threads: list[threading.Thread] = []
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._over: deque[tuple[Job, Any, BaseException | None]] = deque()
        self._running: set[Job] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._booking: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Jobs that wait for a thread."""
        return self._turns.waiting

    @property
    def running(self) -> int:
        """Jobs under way."""
        return self._turns.running

    def payers(self) -> Iterator[Account]:
        """The accounts of the jobs under way."""
        return (job.account for job in self._running if job.account is not None)

    async def run(self, account: Account | None, fn: Callable[..., T], *args: object) -> T:
        """`fn(*args)`, run in a thread at the expense of `account`. Whoever is cancelled does not wait for its end.

        ApiError 429 where too much of the tenant waits already, 503 where there was no thread in time.
        """
        job = self.submit(account or fn, account, fn, *args)
        try:
            result: T = await job.future
        except asyncio.CancelledError:
            self.withdraw(job)
            raise
        return result

    def submit(self, key: Hashable, account: Account | None, fn: Callable[..., Any], *args: object) -> Job:
        """As `run`; jobs of the same `key` share their turns. Raises ApiError 429."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._booking = loop, None
        job = Job(key, account, loop.create_future(), fn, args)
        self.book()
        weight = WEIGHT if account is None else weight_of(account.plan, account.verdict)
        if not self._turns.join(key, weight, job):
            raise ApiError(429, TOO_MANY, cause=f"{WAITING_MAX} jobs wait for threads ({self._name})")
        self._settle()
        if job not in self._running:
            job.timer = loop.call_later(self._wait_s, self._expire, job)
        return job

    def withdraw(self, job: Job) -> bool:
        """Nobody wants the job any more; False where it can't be taken back since it runs, or has run."""
        waited = self._turns.leave(job.key, job)
        if waited:
            _stop_waiting(job)
            job.future.cancel()
        return waited

    def book(self) -> None:
        """Book what the jobs under way have used by now."""
        for job in self._running:
            if job.thread and not job.ended_ns:
                self._book_until(job, time.clock_gettime_ns(job.thread))

    def close(self) -> None:
        """Interrupt what may be, wait a little for the rest, and end the threads; what waits is dropped."""
        self.stop()
        self.join(time.monotonic() + CLOSE_S_MAX)

    def stop(self) -> None:
        """The first half of `close`, which does not wait."""
        for job in self._running:
            if job.stop is not None:
                job.stop()
        for job in self._turns.clear():
            _stop_waiting(job)
            with suppress(RuntimeError):  # its loop may be closed
                job.future.cancel()
        for _ in self._threads:
            self._inbox.put(None)
        if self._booking is not None:
            self._booking.cancel()

    def join(self, until_s: float) -> None:
        """The second half: wait for the threads, until then (monotonic s) at most."""
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        self._threads.clear()

    # -- on the loop -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Take what threads have finished, and give them what is next."""
        while self._over:
            job, result, error = self._over.popleft()
            self._running.discard(job)
            self._book_until(job, job.ended_ns)
            self._turns.ended(job.key)
            try:
                if job.after is not None:
                    job.after()
            finally:
                _resolve(job.future, result, error)
        while self._turns.waiting and len(self._running) < self._threads_max:
            self.book()  # who has run for long already comes after those who have not
            next_one = self._turns.next()
            if next_one is None:
                break
            _stop_waiting(next_one)
            self._running.add(next_one)
            self._inbox.put(next_one)
        while len(self._threads) < len(self._running):
            try:
                self._start_thread()
            except RuntimeError:  # the system has none left: those there take it, and the next look tries again
                break
        if self._running and self._booking is None and self._loop is not None:
            self._booking = self._loop.call_later(BOOK_EVERY_S, self._book_regularly)

    def _book_regularly(self) -> None:
        self._booking = None
        now_ns = time.monotonic_ns()
        for job in self._running:
            if job.limit_ns and job.started_ns and now_ns - job.started_ns > job.limit_ns and job.stop is not None:
                job.stop()
        self.book()
        self._settle()

    def _book_until(self, job: Job, now_ns: int) -> None:
        used_ns = now_ns - job.began_ns - job.booked_ns
        if used_ns > 0:
            job.booked_ns += used_ns
            self._turns.charge(job.key, used_ns)
            self._book(job.account, used_ns)

    def _expire(self, job: Job) -> None:
        if self._turns.leave(job.key, job) and not job.future.done():
            cause = f"no thread ({self._name}) in {self._wait_s:g} s"
            job.future.set_exception(ApiError(503, TOO_LONG, cause=cause))

    # -- in the threads ----------------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
        clock = time.pthread_getcpuclockid(threading.get_ident())
        while (job := self._inbox.get()) is not None:
            result, error = None, None
            job.started_ns = time.monotonic_ns()
            job.began_ns = time.thread_time_ns()
            job.thread = clock
            try:
                result = job.fn(*job.args)
            except BaseException as raised:  # who waits for it gets it
                error = raised
            job.ended_ns = time.thread_time_ns()
            self._over.append((job, result, error))
            loop = self._loop
            if loop is not None:
                with suppress(RuntimeError):  # closed meanwhile: the next job settles it
                    loop.call_soon_threadsafe(self._settle)
            del job, result, error


def _resolve(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _stop_waiting(job: Job) -> None:
    if job.timer is not None:
        job.timer.cancel()
        job.timer = None
