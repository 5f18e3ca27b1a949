"""The sandbox processes of one tenant: leased for a run, kept for the next one, ended from outside.

    children = Children(name, processes, account)
    children.seat(session) or await children.place(session, timeout_s)
                                                    a run begins, or will; ApiError 503 where none is to be had in time
    leased = await children.lease(timeout_s)        a process for one run that nobody stands behind
    leased.child, leased.line                       the process, and its line (set `take` and `ended` for the run)
    leased.why()                                    why the host has ended it, or "" where it has ended by itself
    leased.release(reusable=…)                      the run is over; exactly once

A tenant has at most its plan's `js_processes`; who finds all of them at work waits in line. What a process takes of CPU
is booked to the tenant while it runs, and counts against its share like everything else. It is ended when a run exceeds
the plan's `js_cpu_s`, and not used again when it has become heavy or old.

Runs that are known to be quick may have others lined up behind them on their process (`worker.hooks.leased`), which
then goes from one to the next. A run that waits for something, and one that ends with its process, has them go
elsewhere; they have not begun. What can't be taken back is what stands behind a run that, against all custom, does not
let go of the CPU: until that run's own limit. Known to be quick is, by handler, what has neither waited nor used much
CPU in its last runs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from contextvars import Context as Variables
from typing import TYPE_CHECKING

from sandbox.limits import Limits
from sandbox.pool import SandboxUnavailable
from sandbox.process import Child
from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.hooks.leased import Leased, life_cpu_s
from worker.hooks.waiting import Waiter

if TYPE_CHECKING:
    from worker.fair.account import Account
    from worker.hooks.processes import Processes
    from worker.hooks.standing import Standing

# Runs behind the one that is at work, a process.
BEHIND_MAX = 7
# So many quick runs make up for one that was not.
AMENDS = 16
# Handlers whose last runs are known.
HANDLERS_MAX = 1_000

UNAVAILABLE = "Scripts can't be run at the moment."
BUSY = "All processes for scripts are busy."


class Children:
    """One tenant's. `account` has its plan and pays; without one everything has default limits, and nobody pays."""

    def __init__(self, name: str, processes: "Processes", account: "Account | None" = None) -> None:
        self.name = name
        self.processes = processes
        self.account = account
        self._idle: list[Leased] = []
        self._all: dict[Leased, None] = {}
        self._waiting: deque[Waiter] = deque()
        self._forks: set[asyncio.Task[Child | None]] = set()
        # bumped when what they have compiled is no longer what is to be run
        self._generation = 0
        self._closed = False
        # by handler, how many quick runs it takes until it counts as quick, below zero
        self._quick: dict[Hashable, int] = {}
        # called when the last one has ended
        self.emptied: Callable[[], None] | None = None

    @property
    def plan(self) -> Plan:
        """The limits of the tenant."""
        return Plan() if self.account is None else self.account.plan

    @property
    def count(self) -> int:
        """How many processes there are, or are being made."""
        return len(self._all) + len(self._forks)

    @property
    def memory_kb(self) -> int:
        """What they take, as last seen."""
        return sum(leased.weight_kb for leased in self._all)

    async def place(self, run: "Standing", timeout_s: float) -> None:
        """As `seat`, once it can be done. ApiError 503 where it can't in time."""
        await asyncio.sleep(0)  # a request is a task, which can have a timeout, from its first wait on
        if not self.seat(run):
            await self._wait(Waiter(run=run, future=asyncio.get_running_loop().create_future()), timeout_s)

    def seat(self, run: "Standing") -> bool:
        """Have a run begin on a process that is idle, or stand behind one that is at work; False where it can't now."""
        idle = self._take(fresh=False)
        if idle is not None:
            run.begin(idle)
            return True
        if self._waiting or run.handler is None:
            return False
        behind = self._behind()
        if behind is None:
            return False
        behind.stand(run)
        return True

    async def lease(self, timeout_s: float, *, fresh: bool = False) -> "Leased":
        """A process for one run, `fresh`: one that has never run anything. ApiError 503 where there is none in time."""
        if (idle := self._take(fresh=fresh)) is not None:
            return idle
        await asyncio.sleep(0)
        if (idle := self._take(fresh=fresh)) is not None:
            return idle
        return await self._wait(Waiter(asyncio.get_running_loop().create_future(), fresh=fresh), timeout_s)

    async def _wait(self, waiter: Waiter, timeout_s: float) -> Leased:
        assert waiter.future is not None
        self._waiting.append(waiter)
        self.grow()
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter.future
        except BaseException as error:
            self._withdraw(waiter)
            if isinstance(error, TimeoutError):
                raise ApiError(503, BUSY, cause=f"no process was free for {timeout_s:g} s") from None
            raise

    def grow(self) -> None:
        """Have as many processes made as are waited for, as far as the tenant and the worker may have more."""
        while self._waiting and len(self._forks) < len(self._waiting):
            if self.count >= self.plan.js_processes:
                spare = self._idle[-1] if self._idle else None
                if spare is not None:  # it is a fresh one that is waited for
                    spare.end()
                return
            if not self.processes.admit(self):
                return
            apart = Variables()  # it is not a part of, and does not outlive in memory, the run that wants it
            task = asyncio.get_running_loop().create_task(self._fork(), context=apart)
            self._forks.add(task)
            task.add_done_callback(self._forked, context=apart)

    def renew(self) -> None:
        """From now on a run finds a process that has run nothing from before."""
        self._generation += 1
        for leased in list(self._idle):
            leased.end()

    def close(self) -> None:
        """End all of them, whatever they do; who waits gets ApiError 503."""
        self._closed = True
        self.cut("the tenant is closed")
        for fork in self._forks:
            fork.cancel()

    def cut(self, why: str) -> None:
        """End every run, those that wait for a process among them: they get ApiError."""
        self.processes.leave(self)
        behind = [run for leased in self._all for run in leased.queue]
        for leased in list(self._all):
            leased.end(why)
        for run in behind:
            run.end(ApiError(503, UNAVAILABLE, cause=why))
        self._refuse(ApiError(503, UNAVAILABLE, cause=why))

    # -- runs that stand behind another ------------------------------------------------------------------------------

    @property
    def has_idle(self) -> bool:
        """Whether a process has nothing to do."""
        return bool(self._idle)

    def learn(self, handler: Hashable, *, quick: bool) -> None:
        """A run has ended, which was quick, or not."""
        known = self._quick
        if len(known) >= HANDLERS_MAX:
            known.clear()
        known[handler] = min(0, known.get(handler, -1) + 1) if quick else -AMENDS

    def is_quick(self, handler: Hashable) -> bool:
        """Whether others may stand behind its runs."""
        return self._quick.get(handler, -1) == 0

    def leave(self, run: "Standing") -> None:
        """A run that has not begun never will. One whose order was sent ends its process if that comes to it."""
        leased = run.leased
        if leased is None:
            self._waiting = deque(waiter for waiter in self._waiting if waiter.run is not run)
            if not self._waiting:
                self.processes.leave(self)
        elif not run.sent:
            leased.queue.remove(run)

    def spread(self, leased: "Leased") -> None:
        """Those behind its run go elsewhere: it waits while its process does, or the process is of no more use."""
        if not leased.queue:
            return
        leased.take_back()
        runs = [run for run in leased.queue if not run.is_over]
        leased.queue.clear()
        for run in reversed(runs):
            run.depart()
            self._waiting.appendleft(Waiter(run=run))
        self._serve()

    def _behind(self) -> "Leased | None":
        """Where one more run may stand behind others: where the fewest do."""
        if self.count < self.plan.js_processes or self.processes.crowded:
            return None
        best: Leased | None = None
        for leased in self._all:
            if self._admits(leased) and (best is None or len(leased.queue) < len(best.queue)):
                best = leased
        return best

    def _admits(self, leased: "Leased") -> bool:
        run, queue = leased.run, leased.queue
        return (
            run is not None
            and run.quick
            and not (run.is_over or run.forgets)
            and len(queue) < BEHIND_MAX
            and (not queue or queue[-1].quick)
            and not (leased.tired or leased.child.killed)
            and leased.generation == self._generation
        )

    def _serve(self) -> None:
        """Have those who wait begin, or stand behind others, as far as that may be now."""
        while self._waiting:
            waiter = self._waiting[0]
            if not waiter.is_over:
                if waiter.fresh:
                    break
                if self._idle:
                    self._waiting.popleft()
                    waiter.give(self._idle.pop().begin())
                    continue
                behind = self._behind() if waiter.may_stand else None
                if behind is None:
                    break
                waiter.stand(behind)
            self._waiting.popleft()
        self.grow()

    def _fill(self, leased: "Leased") -> None:
        """Its run has begun: those who wait may stand behind it."""
        while len(self._waiting) > len(self._forks) and not self.processes.crowded:
            waiter = self._waiting[0]
            if not waiter.is_over:
                if not (waiter.may_stand and self._admits(leased)):
                    break
                waiter.stand(leased)
            self._waiting.popleft()

    # -- told by a process -------------------------------------------------------------------------------------------

    def offer(self, leased: "Leased") -> None:
        """A process that has nothing to do: somebody may be waiting for it."""
        while self._waiting and self._waiting[0].is_over:
            self._waiting.popleft()
        plan = self.plan
        if self._closed or leased.generation != self._generation or leased.worn(plan) or self.count > plan.js_processes:
            leased.end()
        elif self._yields(leased):
            leased.end()  # its place goes to who needs it more
        elif leased.queue:
            run = leased.queue.popleft()
            if run.is_over:  # the process may be at work for it by now
                leased.end()
                return
            run.begin(leased.begin())
            self._fill(leased)
        elif self._waiting:
            self._waiting.popleft().give(leased.begin())
            self._fill(leased)
        else:
            leased.rest()
            self._idle.append(leased)

    def parted(self, leased: "Leased") -> None:
        """It is of no use any more; it still counts until it has ended."""
        self.processes.ended(leased)
        if leased in self._idle:
            self._idle.remove(leased)

    def ended(self, leased: "Leased") -> None:
        """It has ended: there is room for another one."""
        self._all.pop(leased, None)
        if not self._all and self.emptied is not None:
            self.emptied()
        self.processes.freed()
        self.grow()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _take(self, *, fresh: bool) -> "Leased | None":
        """One that has nothing to do, unless somebody waits already; ApiError 503 where there can be none."""
        if self._idle and not fresh and not self._waiting:
            return self._idle.pop().begin()
        if self._closed or not self.plan.js_processes:
            why = "the tenant is closed" if self._closed else "the plan allows no processes"
            raise ApiError(503, UNAVAILABLE, cause=why)
        return None

    def _yields(self, leased: "Leased") -> bool:
        """Whether somebody else needs its place: another tenant, or one of its own who wants a fresh one."""
        if not leased.runs and self._waiting:
            return False
        return self.processes.crowded or bool(self._waiting and self._waiting[0].fresh)

    async def _fork(self) -> Child | None:
        """One more process, or the news that there is none."""
        plan, zygote = self.plan, self.processes.zygote
        first = zygote.pid is None
        try:
            child = await zygote.fork(Limits(memory_mb=plan.js_memory_mb, cpu_s=life_cpu_s(plan)))
        except SandboxUnavailable as error:
            self._unavailable(str(error))
            return None
        self.processes.available()
        self.processes.book_fork(None if first else self.account)
        return child

    def _forked(self, task: "asyncio.Task[Child | None]") -> None:
        """A fork is done, one way or the other."""
        self._forks.discard(task)
        error = None if task.cancelled() else task.exception()
        child = None if task.cancelled() or error is not None else task.result()
        if error is not None:
            self._unavailable(repr(error))
        if child is None:
            self.processes.freed()
            return
        leased = Leased(child, self, self._generation)
        self._all[leased] = None
        child.over.add_done_callback(leased.on_over)
        self.offer(leased)

    def _unavailable(self, why: str) -> None:
        self.processes.unavailable(why)
        self._refuse(ApiError(503, UNAVAILABLE, cause=f"sandbox: {why}"))

    def _refuse(self, error: ApiError) -> None:
        """Whoever waits gets `error`."""
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.refuse(error)

    def _withdraw(self, waiter: Waiter) -> None:
        """Nobody waits there any more."""
        future, run = waiter.future, waiter.run
        assert future is not None
        if future.done() and not future.cancelled() and future.exception() is None:  # it came too late
            if run is None:
                future.result().release(reusable=True)
            else:
                run.give_up()
        elif waiter in self._waiting:
            self._waiting.remove(waiter)
        if not self._waiting:
            self.processes.leave(self)
