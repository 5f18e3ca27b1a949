"""The gate in front of the application: whether a request runs now, waits for its turn, or is refused.

    request ──► consider ──► None: runs at once, as if there were no gate
                   │
                   ├──► WAIT ──► park ──► Account.waiting ──turn──► `go_on(True)`: runs
                   │                         └──free, settled────► `go_on(False)`: from its routing on
                   └──► Denial: 429

An account's bars say why its requests can't just run; an account without bars and with something left of its share
costs its request two comparisons. A request waits because its tenant

- is held: its files are being closed, or it comes from another worker or goes to one (`hold`, `free`);
- awaits its routes: it will be this worker's by the routes that are being prepared (`await_routes`, `free_all_routed`);
- has as many requests under way as its plan allows;
- has used the CPU its plan or verdict allows (a token bucket);
- has used its share of this round of the fair queue (`queue`), while others are there;
- has requests that wait already: first come, first served.

Those who wait get their turns from the loop: a slice of half a millisecond at a time, then sockets are read again.

All of it runs on the loop's thread. CPU is thread CPU in ns, as measured; times are monotonic seconds.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, Protocol

from supervisor.contract.plan import Verdict
from worker.fair.account import NEW, Account, Accounts
from worker.fair.limits import Denial, Limits, weight_of
from worker.fair.queue import QUANTUM_NS, Queue

HELD, ROUTED, BUSY, SPENT = 2, 4, 8, 16  # bars: nothing of it has a turn
LIMITED, QUEUED, LADEN = 32, 64, 128  # bars: there is more to ask
BLOCKED = HELD | ROUTED | BUSY | SPENT
WAITS = BLOCKED | QUEUED

SLICE_NS = 500_000  # of turns, before sockets are read again
ALONE_NS = 2_000_000_000  # CPU since another tenant used any: then nobody needs to be made room for
ALONE_SLICE_NS = 50_000_000  # of a tenant alone


class Waiting(Protocol):
    """A request that waits at its boundary."""

    @property
    def gone(self) -> bool:
        """Whether nobody waits for its answer any more."""

    def go_on(self, granted: bool) -> None:
        """The request goes on from its routing; `granted`: it need not ask the gate again."""


class Wait:
    """The type of WAIT."""


WAIT: Final = Wait()


class Clock(Protocol):
    """The part of an event loop that the gate needs."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Any: ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Any: ...


class Gate:
    """The gate of one worker."""

    __slots__ = (
        "_accounts",
        "_changed_ns",
        "_contended",
        "_freed",
        "_held",
        "_last",
        "_loop",
        "_now",
        "_queue",
        "_renewals",
        "_routed",
        "_turning",
        "_used_ns",
    )

    def __init__(self, loop: Clock, accounts: Accounts, now: Callable[[], float] = monotonic) -> None:
        self._loop = loop
        self._accounts = accounts
        self._now = now
        self._queue = Queue()
        self._held: set[str] = set()
        self._routed: set[Account] = set()
        self._freed: deque[Waiting] = deque()
        self._turning = False  # a turn is on its way
        self._renewals = 0  # since the last turn
        self._contended = False  # somebody waited for the sake of another
        # CPU of the loop that was booked in all, whose was the last, and how much it was when that changed
        self._used_ns = 0
        self._last: Account | None = None
        self._changed_ns = 0

    # -- asked by the wire -------------------------------------------------------------------------------------------

    def consider(self, account: Account, known: bool = False) -> Denial | Wait | None:
        """What becomes of a request: None: it may run, WAIT: `park` it. `known`: it was considered here before.

        Need not be asked while the account has no bars and a deficit above zero.
        """
        bars = account.bars
        if bars:
            if bars & NEW:
                self._admit(account)
                bars = account.bars
            if not known and bars & (LIMITED | LADEN):
                if bars & LADEN:
                    return Denial(account.plan.buffer_bytes_max, 1)
                limits: Limits = account.limits
                denial = limits.deny(self._now())
                if denial is not None:
                    return denial
            if bars & WAITS:
                return self._full(account) or WAIT
        if account.deficit_ns > 0 or self._goes_on(account):
            return None
        return WAIT

    def await_routes(self, account: Account) -> Denial | Wait:
        """What becomes of a request whose tenant will be this worker's by the routes that are being prepared."""
        if account.bars & NEW:
            self._admit(account)
        account.bars |= ROUTED
        self._routed.add(account)
        return self._full(account) or WAIT

    def park(self, account: Account, request: Waiting) -> None:
        """Lets the request wait; it is told when to go on."""
        account.waiting.append(request)
        account.bars |= QUEUED
        if not account.bars & BLOCKED:
            self._queue.enter(account)
            self._turn_soon()

    def leave(self, account: Account, request: Waiting) -> None:
        """The request waits no more: its client is gone, or it is passed on."""
        try:
            account.waiting.remove(request)
        except ValueError:
            return  # freed, and about to see by itself that it is gone
        if not account.waiting:
            account.bars &= ~QUEUED

    def enter(self, account: Account) -> None:
        """A request begins to be under way: it did not end at once."""
        account.running += 1
        if account.running >= account.plan.concurrency_max:
            account.bars |= BUSY

    def end(self, account: Account) -> None:
        """A request that was under way has ended."""
        account.running -= 1
        if account.bars & BUSY and account.running < account.plan.concurrency_max:
            self._lift(account, BUSY)

    def book(self, account: Account, ns: int) -> None:
        """CPU of the loop, as measured around a callback that ran for the account."""
        account.loop_ns += ns
        account.wakes += 1
        account.deficit_ns -= ns
        self._used_ns += ns
        if account is not self._last:
            self._last = account
            self._changed_ns = self._used_ns
        if account.limits is not None:
            self._spend(account, ns)

    def owes(self, account: Account) -> bool:
        """Whether an account should not use more CPU just now, for the sake of others."""
        return account.deficit_ns <= 0 and not self._goes_on(account)

    def weigh(self, account: Account) -> None:
        """What is kept in memory for the account has changed."""
        if account.buffered > account.plan.buffer_bytes_max:
            account.bars |= LADEN
        else:
            account.bars &= ~LADEN

    # -- told by the worker ------------------------------------------------------------------------------------------

    def hold(self, name: str) -> None:
        """Requests of the tenant that begin from now on wait at their boundary."""
        self._held.add(name)
        account = self._accounts.get(name)
        if account is not None:
            account.bars |= HELD

    def free(self, name: str) -> None:
        """What waits for the tenant goes on, from its routing."""
        self._held.discard(name)
        account = self._accounts.get(name)
        if account is not None:
            account.bars &= ~(HELD | ROUTED)
            self._routed.discard(account)
            self._look_again(account)

    def holds(self, name: str) -> bool:
        """Whether the tenant's requests are held."""
        return name in self._held

    def free_all_routed(self) -> None:
        """What waits for routes goes on, from its routing: they are settled."""
        routed, self._routed = self._routed, set()
        for account in routed:
            account.bars &= ~ROUTED
            self._look_again(account)

    def judge(self, verdict: Verdict) -> None:
        """What the policy made of a tenant; in force at once."""
        verdict.enter(self._accounts.verdicts)
        account = self._accounts.get(verdict.name)
        if account is not None:
            account.verdict = None if verdict.is_free else verdict
            self.settle(account)

    def charge(self, account: Account, ns: int) -> None:
        """CPU that was used for the account elsewhere than on the loop: it counts against its share as well."""
        account.deficit_ns -= ns
        if account.limits is not None:
            self._spend(account, ns)

    def in_company(self, account: Account) -> bool:
        """Whether another tenant has used the loop lately."""
        return self._last is not account or self._used_ns - self._changed_ns < ALONE_NS

    def settle(self, account: Account) -> None:
        """The account's plan or verdict has changed."""
        account.weight = weight_of(account.plan, account.verdict)
        limits = account.limits or Limits()
        account.limits = limits if limits.settle(account.plan, account.verdict, self._now()) else None
        account.bars = account.bars & ~LIMITED if account.limits is None else account.bars | LIMITED
        self.weigh(account)
        if account.running < account.plan.concurrency_max:
            self._lift(account, BUSY)
        else:
            account.bars |= BUSY
        self._recover(account)

    def sweep(self) -> None:
        """About once a second: where nobody had to wait for another, debts are forgiven."""
        if not self._contended and not self._queue:
            self._queue.forgive()
        self._contended = False

    # -- inside ------------------------------------------------------------------------------------------------------

    def _admit(self, account: Account) -> None:
        """The first request of an account."""
        account.bars &= ~NEW
        self._queue.begin(account)
        if account.name in self._held:
            account.bars |= HELD
        self.settle(account)

    def _full(self, account: Account) -> Denial | None:
        """Why not even the queue takes another request."""
        limit = account.plan.queue_max
        if len(account.waiting) < limit:
            return None
        cpu = None if account.limits is None else account.limits.cpu
        return Denial(limit, 1 if cpu is None else cpu.reset_s(0))

    def _goes_on(self, account: Account) -> bool:
        """Whether an account without bars, whose share of this round is used up, may go on all the same."""
        queue = self._queue
        if queue.refresh(account) > 0:
            return True
        if queue:
            self._contended = True
            return False
        if not self._turning:
            self._turn_soon()
            self._renewals = 0
        elif not self._alone or self._renewals * QUANTUM_NS >= ALONE_SLICE_NS:
            # this wake of the loop has lasted long enough: others may be waiting in their sockets
            return False
        self._renewals += 1
        queue.renew(account)
        return True

    @property
    def _alone(self) -> bool:
        """Whether only one tenant has used the loop for a while, and no other waits for it."""
        return self._used_ns - self._changed_ns >= ALONE_NS and len(self._queue) <= 1

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Lets those who wait go on, for a slice; then sockets are read before the next."""
        self._turning = False
        queue = self._queue
        until_ns = self._used_ns + (ALONE_SLICE_NS if self._alone else SLICE_NS)
        freed = self._freed
        try:
            while freed and self._used_ns < until_ns:
                request = freed.popleft()
                if not request.gone:
                    request.go_on(False)
            while self._used_ns < until_ns and (account := queue.next(BLOCKED)) is not None:
                waiting = account.waiting
                request = waiting.popleft()
                if not waiting:
                    account.bars &= ~QUEUED
                request.go_on(True)
        finally:  # whatever became of that one, the others must have their turns
            if queue or freed:
                self._turn_soon()

    def _lift(self, account: Account, bar: int) -> None:
        """The bar is gone; what waits for it has its turn."""
        account.bars &= ~bar
        if account.waiting and not account.bars & BLOCKED:
            self._queue.enter(account)
            self._turn_soon()

    def _look_again(self, account: Account) -> None:
        """Everything that waits is looked at from its routing on."""
        if account.waiting:
            self._freed += account.waiting
            account.waiting.clear()
            account.bars &= ~QUEUED
            self._turn_soon()

    def _spend(self, account: Account, ns: int) -> None:
        """Books CPU to the bucket that limits it."""
        cpu = account.limits.cpu
        if cpu is not None and cpu.spend(ns, self._now()) < 0 and not account.bars & SPENT:
            account.bars |= SPENT
            self._loop.call_later(cpu.wait_s(0), self._recover, account)

    def _recover(self, account: Account) -> None:
        """Looks whether an account which had used up its CPU has some again."""
        if not account.bars & SPENT:
            return
        cpu = None if account.limits is None else account.limits.cpu
        if cpu is None or cpu.refill(self._now()) >= 0:
            self._lift(account, SPENT)
        else:
            self._loop.call_later(max(0.001, cpu.wait_s(0)), self._recover, account)
