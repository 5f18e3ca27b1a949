"""The sandbox processes of one tenant: leased for a run, kept for the next one, ended from outside.

    children = Children(name, processes, plan_of, account)
    leased = await children.lease(timeout_s)        a process for one run; ApiError 503 where none is to be had in time
    leased.child, leased.line                       the process, and its line (set `take` and `ended` for the run)
    leased.why()                                    why the host has ended it, or "" where it has ended by itself
    leased.release(reusable=…)                      the run is over; exactly once

A tenant has at most its plan's `js_processes`; who finds all of them at work waits in line. What a process takes of CPU
is booked to the tenant while it runs, and counts against its share like everything else. It is ended when a run exceeds
the plan's `js_cpu_s`, and not used again when it has become heavy or old.
"""

import asyncio
import logging
import signal
from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from time import monotonic
from typing import TYPE_CHECKING

from sandbox.child import HOST_GONE, LOOP_ENDED
from sandbox.limits import Limits
from sandbox.pool import SandboxUnavailable
from sandbox.process import COPIED_KB, Child, ExitStatus
from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.hooks.line import Line

if TYPE_CHECKING:
    from worker.fair.account import Account
    from worker.hooks.processes import Processes

log = logging.getLogger("pocker.hooks")

# A process's CPU in all, in runs of the plan's `js_cpu_s`: after half of it, it is replaced; then the kernel ends it.
LIFE_RUNS = 100
LIFE_CPU_S_MIN = 60

# How often the memory of a process is looked at closely, at most.
MEASURE_EVERY_S = 10.0

UNAVAILABLE = "Scripts can't be run at the moment."
BUSY = "All processes for scripts are busy."


class Children:
    """One tenant's. `account` has its plan and pays; without one everything has default limits, and nobody pays."""

    def __init__(self, name: str, processes: "Processes", account: "Account | None" = None) -> None:
        self.name = name
        self.processes = processes
        self.account = account
        self._idle: list[Leased] = []
        self._all: set[Leased] = set()
        self._waiting: deque[_Waiter] = deque()
        self._forks: set[asyncio.Task[Child | None]] = set()
        # bumped when what they have compiled is no longer what is to be run
        self._generation = 0
        self._closed = False
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

    async def lease(self, timeout_s: float, *, fresh: bool = False) -> "Leased":
        """A process for one run, `fresh`: one that has never run anything. ApiError 503 where there is none in time."""
        if (idle := self._take(fresh=fresh)) is not None:
            return idle
        await asyncio.sleep(0)  # a request is a task, which can have a timeout, from its first wait on
        if (idle := self._take(fresh=fresh)) is not None:
            return idle
        waiter = _Waiter(asyncio.get_running_loop().create_future(), fresh)
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
        for leased in list(self._all):
            leased.end(why)
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.refuse(ApiError(503, UNAVAILABLE, cause=why))

    # -- told by a process -------------------------------------------------------------------------------------------

    def offer(self, leased: "Leased") -> None:
        """A process that has nothing to do: somebody may be waiting for it."""
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        plan = self.plan
        if self._closed or leased.generation != self._generation or leased.worn(plan) or self.count > plan.js_processes:
            leased.end()
        elif self._yields(leased):
            leased.end()  # its place goes to who needs it more
        elif self._waiting:
            self._waiting.popleft().future.set_result(leased.begin())
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
        self._all.discard(leased)
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
        self._all.add(leased)
        child.over.add_done_callback(leased.on_over)
        self.offer(leased)

    def _unavailable(self, why: str) -> None:
        self.processes.unavailable(why)
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.refuse(ApiError(503, UNAVAILABLE, cause=f"sandbox: {why}"))

    def _withdraw(self, waiter: "_Waiter") -> None:
        """Nobody waits there any more."""
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().release(reusable=True)  # it came too late
        elif waiter in self._waiting:
            self._waiting.remove(waiter)
        if not self._waiting:
            self.processes.leave(self)


class Leased:
    """A process of a tenant's, at work or idle."""

    __slots__ = (
        "_began_ns",
        "_booked_ns",
        "_children",
        "_ended",
        "_leased",
        "_measured_at",
        "_weighed",
        "_why",
        "child",
        "generation",
        "idle_since",
        "line",
        "runs",
        "told",
        "weight_kb",
    )

    def __init__(self, child: Child, children: Children, generation: int) -> None:
        self.child = child
        self.generation = generation
        self.runs = 0
        # versions of the catalogs that its scripts know collections of
        self.told: set[int] = set()
        # when it was released (monotonic s); what it weighs, as last seen
        self.idle_since = 0.0
        self.weight_kb = COPIED_KB
        self.line = Line(child.sock, self._speaks, self._falls_silent)
        self._children = children
        self._weighed = True
        self._leased = self._ended = False
        self._measured_at = 0.0
        self._why = ""
        # its CPU at the beginning of the run, and as booked
        self._began_ns = self._booked_ns = 0

    def why(self) -> str:
        """Why the host has ended it; empty where it has ended by itself."""
        return self._why

    def release(self, *, reusable: bool) -> None:
        """The run is over. What is not `reusable` is ended."""
        if not self._leased:
            return
        self._leased = False
        self.book()
        if not reusable or self._ended:
            self.end()
            return
        self.line.take, self.line.ended = self._speaks, self._falls_silent
        self._children.offer(self)

    # -- its tenant's --------------------------------------------------------------------------------------------------

    def begin(self) -> "Leased":
        """A run begins."""
        self.runs += 1
        self._leased = True
        self._weighed = False
        self._began_ns = self._booked_ns
        self._children.processes.begins(self)
        return self

    def rest(self) -> None:
        """It has nothing to do."""
        self.idle_since = monotonic()
        self._children.processes.rests(self)

    def worn(self, plan: Plan) -> bool:
        """Whether it has become too heavy or too old for another run."""
        return (
            self.weight_kb > plan.js_memory_mb * 1024 // 2
            or self._booked_ns > life_cpu_s(plan) * 500_000_000
            or self.child.over.done()
        )

    def end(self, why: str = "") -> None:
        """Kill it, if that has not been done. Whoever has leased it sees its line end, and releases it then."""
        self._why = self._why or why
        if self._leased:
            self.child.kill()
        elif not self._ended:
            self._ended = True
            self._children.parted(self)
            self.line.close()
            self.child.kill()
            self.child.close()

    def on_over(self, over: "asyncio.Future[ExitStatus]") -> None:
        """It has ended."""
        self.book()
        self.weight_kb = 0
        if not self._leased:
            self.end()
        self._children.ended(self)
        self._tell(over.result())

    # -- the timer's ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """While it is at work: book, weigh, and end it if the run has used up its CPU."""
        self.book()
        self._weighed = False
        self.weigh()
        limit_s = self._children.plan.js_cpu_s
        if self._booked_ns - self._began_ns > limit_s * 1e9 and not self._ended:
            self._why = f"it used more than {limit_s:g} s of CPU"
            self.child.kill()  # whoever has leased it sees its line end

    def weigh(self) -> None:
        """See how heavy it is; once after each run."""
        if not self._weighed:
            self._weighed = True
            self.weight_kb = self.child.memory_kb()

    def settle(self) -> None:
        """While it is idle: once weighed, it may turn out to be of no more use."""
        if not self._weighed:
            now = monotonic()
            if now >= self._measured_at + MEASURE_EVERY_S:
                self._measured_at = now
                self.child.measure()
            self.weigh()
        if self.worn(self._children.plan):
            self.end()

    def book(self) -> None:
        """Book the CPU it has used so far."""
        used_ns = self.child.cpu_ns()
        if used_ns > self._booked_ns:
            more_ns, self._booked_ns = used_ns - self._booked_ns, used_ns
            self._children.processes.book(self._children.account, more_ns)

    # -- its line, while it has nothing to do --------------------------------------------------------------------------

    def _speaks(self, name: bytes, args: bytes) -> None:
        del args
        self._children.processes.report(self._children.name, f"an idle sandbox process has called {name!r}: ended")
        self.end("it has spoken out of turn")

    def _falls_silent(self, reason: str) -> None:
        self.end(reason)

    def _tell(self, status: ExitStatus) -> None:
        """It has ended by itself: say so, in words for the operator."""
        children = self._children
        if status.status in (HOST_GONE, -signal.SIGKILL if self.child.killed else HOST_GONE):
            return
        if status.escaped:
            children.processes.report(
                children.name,
                "a sandbox process made a forbidden system call and was killed: a script may have left the engine",
            )
            return
        if status.status == LOOP_ENDED:
            why = "its script loop has broken"
        elif status.status < 0:
            why = f"killed by {_signal_name(-status.status)}"
        else:
            why = f"exit status {status.status}"
        log.warning("tenant %s: a sandbox process has ended: %s", children.name, why, extra={"tenant": children.name})


class _Waiter:
    """Somebody who waits for a process."""

    __slots__ = ("fresh", "future")

    def __init__(self, future: "asyncio.Future[Leased]", fresh: bool) -> None:
        self.future = future
        self.fresh = fresh

    def refuse(self, error: ApiError) -> None:
        """There is none."""
        if not self.future.done():
            self.future.set_exception(error)


def life_cpu_s(plan: Plan) -> int:
    """The CPU that a process may use in all its life."""
    return max(LIFE_CPU_S_MIN, int(plan.js_cpu_s * LIFE_RUNS))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
