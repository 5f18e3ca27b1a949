"""One sandbox process of a tenant's: at work on a run, with others lined up behind it, or idle.

leased.run          whose run it is at work on, if it is one of those that may have others behind them
leased.queue        those behind it, in their order. Their orders are sent ahead as far as that may be, so that the
                    process goes on without a wait; until the run before has ended they have not begun
leased.forward()    send ahead what may be sent
leased.take_back()  while the process waits for an answer: none of them is sent any more
"""

import logging
import signal
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from sandbox.child import HOST_GONE, LOOP_ENDED
from sandbox.process import COPIED_KB
from supervisor.contract.plan import Plan
from worker.hooks.line import Line

if TYPE_CHECKING:
    import asyncio

    from sandbox.process import Child, ExitStatus
    from worker.hooks.children import Children
    from worker.hooks.standing import Standing

log = logging.getLogger("pocker.hooks")

# A process's CPU in all, in runs of the plan's `js_cpu_s`: after half of it, it is replaced; then the kernel ends it.
LIFE_RUNS = 100
LIFE_CPU_S_MIN = 60

# A run that takes more CPU than that is not quick.
QUICK_CPU_NS = 10_000_000

# How often the memory of a process is looked at closely, at most.
MEASURE_EVERY_S = 10.0


class Leased:
    """A process of a tenant's."""

    __slots__ = (
        "_began_ns",
        "_booked_ns",
        "_ended",
        "_leased",
        "_measured_at",
        "_weighed",
        "_why",
        "child",
        "children",
        "generation",
        "idle_since",
        "line",
        "queue",
        "run",
        "runs",
        "tired",
        "told",
        "weight_kb",
    )

    def __init__(self, child: "Child", children: "Children", generation: int) -> None:
        self.child = child
        self.generation = generation
        self.runs = 0
        self.run: Standing | None = None
        self.queue: deque[Standing] = deque()
        # whether it is to have no more runs behind the one at work, as last seen
        self.tired = False
        # versions of the catalogs that its scripts know collections of
        self.told: set[int] = set()
        # when it was released (monotonic s); what it weighs, as last seen
        self.idle_since = 0.0
        self.weight_kb = COPIED_KB
        self.line = Line(child.sock, self._speaks, self._falls_silent)
        self.children = children
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
        run, self.run = self.run, None
        self.book()
        if run is not None:
            self.children.learn(run.handler, quick=not run.paused and self._booked_ns - self._began_ns <= QUICK_CPU_NS)
        if not reusable or self._ended:
            self.children.spread(self)
            self.end()
            return
        line = self.line
        line.alarm.clear()
        line.take, line.ended = self._speaks, self._falls_silent
        self.children.offer(self)

    # -- those behind its run ----------------------------------------------------------------------------------------

    def stand(self, run: "Standing") -> None:
        """One more, at the end."""
        self.queue.append(run)
        run.join(self)

    def forward(self) -> None:
        """Send ahead, in their order, what may be."""
        run = self.run
        if run is not None and run.goes_ahead:
            for behind in self.queue:
                if not behind.sent and not behind.send_ahead():
                    break

    def take_back(self) -> None:
        """Have the process forget what was sent ahead, with the answer that it is waiting for now."""
        queue = self.queue
        if self.run is not None and any(behind.sent for behind in queue):
            self.run.forgets = True
            for behind in list(queue):
                behind.sent = False
                if behind.is_over:
                    queue.remove(behind)

    # -- its tenant's --------------------------------------------------------------------------------------------------

    def begin(self) -> "Leased":
        """A run begins."""
        self.runs += 1
        self._leased = True
        self._weighed = False
        self._began_ns = self._booked_ns
        self.children.processes.begins(self)
        return self

    def rest(self) -> None:
        """It has nothing to do."""
        self.idle_since = monotonic()
        self.children.processes.rests(self)

    def worn(self, plan: Plan) -> bool:
        """Whether it has become too heavy or too old for another run."""
        return (
            self.weight_kb > plan.js_memory_mb * 1024 // 2
            or self._booked_ns > life_cpu_s(plan) * 500_000_000
            or self.child.killed
            or self.child.over.done()
        )

    def end(self, why: str = "") -> None:
        """Kill it, if that has not been done. Whoever has leased it sees its line end, and releases it then."""
        self._why = self._why or why
        if self._leased:
            self.child.kill()
        elif not self._ended:
            self._ended = True
            self.children.parted(self)
            self.children.spread(self)
            self.line.close()
            self.child.kill()
            self.child.close()

    def on_over(self, over: "asyncio.Future[ExitStatus]") -> None:
        """It has ended."""
        self.book()
        self.weight_kb = 0
        if not self._leased:
            self.end()
        self.children.ended(self)
        self._tell(over.result())

    # -- the timer's ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """While it is at work: book, weigh, and end it if the run has used up its CPU."""
        self.book()
        self._weighed = False
        self.weigh()
        limit_s = self.children.plan.js_cpu_s
        self.tired = self.worn(self.children.plan)
        now = monotonic()
        for behind in list(self.queue):
            behind.expire(now)
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
        if self.worn(self.children.plan):
            self.end()

    def book(self) -> None:
        """Book the CPU it has used so far."""
        used_ns = self.child.cpu_ns()
        if used_ns > self._booked_ns:
            more_ns, self._booked_ns = used_ns - self._booked_ns, used_ns
            self.children.processes.book(self.children.account, more_ns)

    # -- its line, while it has nothing to do --------------------------------------------------------------------------

    def _speaks(self, name: bytes, args: bytes) -> None:
        del args
        self.children.processes.report(self.children.name, f"an idle sandbox process has called {name!r}: ended")
        self.end("it has spoken out of turn")

    def _falls_silent(self, reason: str) -> None:
        self.end(reason)

    def _tell(self, status: "ExitStatus") -> None:
        """It has ended by itself: say so, in words for the operator."""
        children = self.children
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


def life_cpu_s(plan: Plan) -> int:
    """The CPU that a process may use in all its life."""
    return max(LIFE_CPU_S_MIN, int(plan.js_cpu_s * LIFE_RUNS))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
