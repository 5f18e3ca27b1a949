"""The usage report of a worker: about once a second, what every tenant has used since the last one.

All CPU of the process ends up in the report, either at a tenant or at the worker itself. Most of it is measured where
it is used: around every callback of the loop that runs for a tenant, around every job in a thread, and for processes of
a tenant's own. What is left over is shared out, by what causes it:

    loop's thread   polling, reading sockets, running callbacks: so much for every wake. Shared by the number of
                    wakes (`Account.wakes`), in which the worker's own timers and messages take part like a tenant
    other threads   starting jobs, handing over results: shared by the CPU that the tenants' jobs took
    children        booked while they run; what has ended and was booked to nobody is the worker's own

So an idle worker's timers are not laid at the door of the one tenant that happened to ask for something, and a flood of
refused requests pays for the sockets it keeps busy. What comes out a little below zero, because clocks are not read at
the same moment, is made up for in the next report.

Accounts that were not used for a while, and to which nothing refers, are forgotten: they have told everything.
"""

import asyncio
import resource
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic, process_time_ns, thread_time_ns
from typing import Any, Protocol

import apsw

from supervisor.contract.usage import TenantUsage, WorkerUsage
from worker.fair.account import Account, Accounts
from worker.fair.gate import BLOCKED

FORGET_AFTER_S = 180.0
# How often accounts that nothing ran for are looked at, in reports.
IDLE_LOOK = 5
PROBE_EVERY_S = 0.25
MS = 1e-6  # of a ns


class Live(Protocol):
    """What is asked of a live context."""

    @property
    def data(self) -> Any:
        """Its database, with the `room` on the disk that it has."""

    @property
    def pb_data(self) -> Path:
        """Where its files are."""

    def memory_kb(self) -> int:
        """What it takes in memory."""


class LagProbe:
    """How late the event loop is: a timer that should come every quarter of a second, and when it came."""

    __slots__ = ("_accounts", "_due", "_timer", "_worst_s")

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._worst_s = self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on, on the running loop."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + PROBE_EVERY_S
        self._timer = loop.call_at(self._due, self._look, loop)

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._accounts.own_work():
            self._worst_s = max(self._worst_s, loop.time() - self._due)
            self.start()

    def take_ms(self) -> float:
        """The longest time that it was late since the last call."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return max(0.0, worst_s * 1000)


class Threads(Protocol):
    """The pools of threads."""

    unpaid_ns: int

    def book(self) -> None:
        """Books what is under way; what belongs to no tenant is added to `unpaid_ns`."""


class Clocks:
    """CPU in ns that the process has used since it began; to be read on the loop's thread."""

    def loop(self) -> int:
        """Of this thread."""
        return thread_time_ns()

    def process(self) -> int:
        """Of all threads."""
        return process_time_ns()

    def children(self) -> int:
        """Of child processes that have ended."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return round((used.ru_utime + used.ru_stime) * 1e9)


class Reporter:
    """Makes the reports. `live` gives the context of a tenant that is live."""

    def __init__(
        self,
        accounts: Accounts,
        live: Callable[[str], Live | None],
        threads: Threads,
        clocks: Clocks | None = None,
    ) -> None:
        self._accounts = accounts
        self._live = live
        self._threads = threads
        self._clocks = clocks or Clocks()
        self._loop_ns = self._process_ns = 0
        # of child processes, since the beginning: what was reported, to tenants and as the worker's own
        self._children_ns = 0
        self._at = monotonic()
        self._number = 0
        # what came out below zero, or was taken back for it, of the loop's thread and of the others
        self._owed_loop_ns = self._owed_threads_ns = 0
        accounts.own.loop_ns += self._clocks.loop()  # all of it until now was the start

    def fill(self, usage: WorkerUsage) -> WorkerUsage:
        """The report with the tenants and the CPU; their counters begin anew."""
        began_ns = self._clocks.loop()
        own = self._accounts.own
        now = monotonic()
        self._number += 1
        self._threads.book()
        own.pool_ns += self._threads.unpaid_ns
        self._threads.unpaid_ns = 0
        accounts = list(self._accounts)
        used = [account for account in accounts if account.wakes or account.pool_ns or account.child_ns]
        looked_ns = self._clocks.loop()
        own.loop_ns += looked_ns - began_ns
        own.wakes += 1
        self._settle(used, usage, looked_ns)
        usage.interval_s = max(now - self._at, 0.001)
        self._at = now
        usage.queued = sum(len(account.waiting) for account in accounts)
        usage.sqlite_kb = apsw.memory_used() // 1024
        usage.tenants = [self._told(account, now) for account in used]
        if self._number % IDLE_LOOK == 0:
            usage.tenants += self._idle(accounts, now)
        own.loop_ns += self._clocks.loop() - looked_ns
        return usage

    # -- CPU ---------------------------------------------------------------------------------------------------------

    def _settle(self, used: Sequence[Account], usage: WorkerUsage, loop_ns: int) -> None:
        """Shares out what was not measured; sets the sums of the report."""
        process_ns, children_ns = self._clocks.process(), self._clocks.children()
        own = self._accounts.own
        payers = (*used, own)
        loop, process = loop_ns - self._loop_ns, process_ns - self._process_ns
        self._loop_ns, self._process_ns = loop_ns, process_ns

        booked_ns = sum(account.loop_ns for account in payers)
        rest_ns = loop - booked_ns - self._owed_loop_ns
        self._owed_loop_ns = max(0, -rest_ns)
        own_before_ns = own.loop_ns
        share_out(max(0, rest_ns), payers, [account.wakes for account in payers], "loop_ns")
        shared_ns = max(0, rest_ns) - (own.loop_ns - own_before_ns)

        threads_ns = sum(account.pool_ns for account in payers)
        rest_ns = process - loop - threads_ns - self._owed_threads_ns
        self._owed_threads_ns = max(0, -rest_ns)
        if threads_ns:
            share_out(max(0, rest_ns), payers, [account.pool_ns for account in payers], "pool_ns")
            shared_ns += max(0, rest_ns)
        else:
            own.pool_ns += max(0, rest_ns)

        children = sum(account.child_ns for account in used)
        own.child_ns += max(0, children_ns - self._children_ns - children)  # those that run are not among the ended
        children += own.child_ns
        self._children_ns += children
        usage.own_cpu_ms = (own.loop_ns + own.pool_ns + own.child_ns) * MS
        usage.cpu_ms = (process + children) * MS
        usage.shared_cpu_ms = shared_ns * MS
        reset(own)

    # -- tenants -----------------------------------------------------------------------------------------------------

    def _told(self, account: Account, now: float) -> TenantUsage:
        """The report of one account, whose counters begin anew."""
        account.used_at = now
        context = self._live(account.name)
        memory_kb = 0 if context is None else context.memory_kb()
        connections, queued, disk_kb, live = account.told = self._gauges(account, context)
        told = TenantUsage(
            name=account.name,
            ok=account.ok,
            failed=account.failed,
            errors=account.errors,
            refused=account.refused,
            gone=account.gone,
            cpu_loop_ms=account.loop_ns * MS,
            cpu_pool_ms=account.pool_ns * MS,
            cpu_child_ms=account.child_ns * MS,
            sql_ms=account.sql_ns * MS,
            rows=account.rows,
            cut=account.cut,
            waited_ms=account.waited_ns * MS,
            bytes_in=account.bytes_in,
            bytes_out=account.bytes_out,
            connections=connections,
            queued=queued,
            memory_kb=memory_kb,
            disk_kb=disk_kb,
            live=bool(live),
        )
        reset(account)
        return told

    @staticmethod
    def _gauges(account: Account, context: Live | None) -> tuple[int, int, int, int]:
        """Connections, queued, disk in KiB (0: not looked at yet), whether it is live."""
        room = None if context is None else context.data.room
        disk_kb: int = 0 if room is None else room.use.total_kb
        return (account.connections, len(account.waiting), disk_kb, int(context is not None))

    def _idle(self, accounts: Iterable[Account], now: float) -> list[TenantUsage]:
        """Those that nothing ran for, whose gauges have changed all the same. Who is idle for long is forgotten."""
        changed = []
        for account in accounts:
            if account.used_at == now:
                continue
            context = self._live(account.name)
            if account.told != self._gauges(account, context):
                used_at = account.used_at
                changed.append(self._told(account, now))
                account.used_at = used_at
            elif context is None and now - account.used_at > FORGET_AFTER_S and not _needed(account):
                self._accounts.forget(account)
        return changed


def _needed(account: Account) -> bool:
    """Whether something refers to the account, or it still owes."""
    return bool(account.running or account.connections or account.buffered or account.waiting or account.bars & BLOCKED)


def share_out(amount: int, accounts: Sequence[Account], weights: Sequence[int], counter: str) -> None:
    """Adds `amount` to a counter of the accounts, in proportion to the weights and to the last ns."""
    total = sum(weights)
    given = passed = 0
    for account, weight in zip(accounts, weights, strict=True):
        if weight:
            passed += weight
            upto = amount * passed // total
            setattr(account, counter, getattr(account, counter) + upto - given)
            given = upto


def reset(account: Account) -> None:
    """Its counters begin anew."""
    account.ok = account.failed = account.errors = account.refused = account.gone = 0
    account.loop_ns = account.pool_ns = account.child_ns = account.wakes = 0
    account.sql_ns = account.rows = account.cut = account.waited_ns = 0
    account.bytes_in = account.bytes_out = 0
