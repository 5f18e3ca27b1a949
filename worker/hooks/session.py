"""One run of a tenant's script on one child: from the outermost event that found a handler to its end.

The child is asked to run something, and while it does it calls operations of the host's, one at a time. An operation
may have the child run something else before it answers, and so on: a stack. Most operations are done in the callback
that read their call; one that waits goes on in a task. Who holds the turn is known at each moment, and a child that
speaks out of turn is killed, as one that exceeds a limit is.

    host: run(event) ──►  child: handler ── find ──►  host: answers at once
                          child: handler ── next ──►  host: chain ── run(event) ──►  child: handler of another event
                                                      host: chain  ◄── $r ─────────  child
                          child: handler  ◄──────────  host: answers
    host  ◄── $r ───────  child
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from time import thread_time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from sandbox.frames import ANSWER_BYTES_MAX, RESULT, answer_frame
from worker.errors import ApiError
from worker.fields.jsontext import spelled
from worker.hooks.arguments import BULK_BYTES, NonsenseError, arguments
from worker.hooks.calls import GoError, Operation
from worker.hooks.errors import Errors
from worker.hooks.line import Line
from worker.hooks.quiet import quiet
from worker.hooks.shared import Shared
from worker.hooks.steps import Rest, UnderWay
from worker.lanes.rests import BULK_BYTES_PER_S
from worker.turns import Turn

if TYPE_CHECKING:
    from supervisor.contract.plan import Plan
    from worker.context import Context
    from worker.events import Event
    from worker.hooks.children import Leased
    from worker.hooks.hooks import Hooks

log = logging.getLogger("pocker.hooks")

DEPTH_MAX = 32
# After so much CPU for one run's operations the next answer waits until the tenant has its turn again.
BREATH_NS = 1_000_000
# Calls that are answered with an error once the budget is used up; after them the child is killed.
CALLS_OVER_MAX = 100

TOO_LONG = "The script took too long."
BROKEN = "The script has ended unexpectedly."
TOO_MANY_CALLS = "too many calls of the server in one run"
OVER = "the run is over"
TOO_LARGE = "the answer of the server is too large for a script"

# The run whose operation is under way, for events that it triggers.
CURRENT: ContextVar["Session | None"] = ContextVar("CURRENT", default=None)


class Session:
    """A run: `async with hooks.session() as session: await session.run(…)`. It is the `Call` of its operations."""

    __slots__ = (
        "_apps",
        "_budgets",
        "_context",
        "_end",
        "_hosting",
        "_leased",
        "_line",
        "_resume",
        "_since_ns",
        "_stack",
        "_table",
        "_timeout_s",
        "_waits",
        "_work",
        "errors",
        "events",
        "extras",
        "hooks",
        "shared",
    )

    def __init__(self, hooks: "Hooks", leased: "Leased", table: dict[bytes, Operation], timeout_s: float) -> None:
        self.hooks = hooks
        self.shared = Shared(self)
        self.errors = Errors()
        # events whose handlers are running, the innermost last
        self.events: list[Event] = []
        # what operations keep for the time of the run, by their own names
        self.extras: dict[str, Any] = {}
        self._leased = leased
        self._table = table
        self._apps: dict[int, Context] = {}
        plan = self.plan
        self._budgets = {"calls": plan.js_calls_max, "log_lines": plan.js_log_lines_max}
        self._context = copy_context()
        self._context.run(CURRENT.set, self)
        # what goes on, the innermost last: what the child was asked to run (turns) and operations, in turns
        self._stack: list[Turn | UnderWay] = []
        # tasks of operations that wait, and of answers that wait for their turn
        self._work: set[asyncio.Task[None]] = set()
        # the last one that was no operation's: it may hold much, and rest for long
        self._waits: asyncio.Task[None] | None = None
        # whether it is the host's turn, why nothing goes on any more, CPU since the last breath
        self._hosting = True
        self._end: Exception | None = None
        self._since_ns = 0
        # who goes on when the callback at hand is done
        self._resume: Callable[[], None] | None = None
        self._line: Line = leased.line
        self._line.take, self._line.ended = self._take, self._ended
        self._timeout_s = timeout_s
        self._line.alarm.set(timeout_s, self._expire)

    # -- for whom it runs ---------------------------------------------------------------------------------------------

    @property
    def plan(self) -> "Plan":
        """The limits of the tenant."""
        return self.hooks.plan

    @property
    def event(self) -> "Event | None":
        """The innermost event whose handler is running."""
        return self.events[-1] if self.events else None

    @property
    def hosting(self) -> bool:
        """Whether the child waits for an operation, and it is that operation which asks: so it can have something run.

        What an operation has begun and left to itself inherits the run, and is no part of it.
        """
        if not self._hosting or self._end is not None or not self._stack:
            return False
        inner = self._stack[-1]
        return isinstance(inner, UnderWay) and inner.task is asyncio.current_task()

    def context(self, app: object) -> "Context":
        """The context that an `$app` of the script stands for."""
        if app == 0:
            return self.hooks.ctx
        if isinstance(app, int) and app < 0:
            return quiet(self.context(-1 - app))
        context = self._apps.get(app) if isinstance(app, int) else None
        if context is None or _is_over(context):
            raise GoError("the transaction of this $app is over")
        return context

    def app_of(self, ctx: "Context") -> int:
        """The number under which the script knows a context."""
        if ctx is self.hooks.ctx:
            return 0
        for number, known in self._apps.items():
            if known is ctx:
                return number
        # scripts may keep what is over, also for the next run on their process: no number comes twice
        self._apps = {known: each for known, each in self._apps.items() if not _is_over(each)}
        number = int(self.hooks.extras.get("apps", 0)) + 1
        self.hooks.extras["apps"] = number
        self._apps[number] = ctx
        return number

    def part(self, ctx: "Context") -> None:
        """A transaction is over: its context is known no more."""
        self._apps = {number: known for number, known in self._apps.items() if known is not ctx}

    def spend(self, budget: str, amount: int = 1) -> None:
        """Take `amount` of a budget of this run. GoError once it is used up."""
        left = self._budgets.get(budget, 0) - amount
        self._budgets[budget] = left
        if left < 0:
            raise GoError(f"the script has used up its {budget.replace('_', ' ')} for one run")

    # -- running ------------------------------------------------------------------------------------------------------

    async def run(self, name: str, data: object) -> Any:
        """Have the child run what it knows by `name`; its value. Raises its error, ApiError where the child ends."""
        if self._end is not None:
            raise self._end if isinstance(self._end, ApiError) else ApiError(503, BROKEN, cause=self._end)
        stack = self._stack
        if not self._hosting or len(stack) >= 2 * DEPTH_MAX:
            raise GoError("hooks are nested too deep")
        turn = Turn()
        stack.append(turn)
        self._send({"n": name, "d": data})
        try:
            answer = await turn
        except asyncio.CancelledError:
            self.end(ApiError(503, BROKEN, cause="cancelled"))
            raise
        if type(answer) is not dict:
            return None
        if "e" in answer:
            raise self.errors.decode(answer["e"])
        return answer.get("v")

    def end(self, why: Exception) -> None:
        """Kill the child; whoever waits for it gets `why`, from the inside out."""
        if self._end is None:
            self._end = why
            self._hosting = True
            self._line.close()
            self._leased.child.kill()
            if self._waits is not None:
                self._waits.cancel()
            self._unwind()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.alarm.clear()
        if self._stack:  # it was left in the middle
            self.end(ApiError(503, BROKEN, cause="cancelled"))
        try:
            while self._work:
                await asyncio.wait(self._work)
        finally:
            reusable = self._end is None and not self._work
            self._end = self._end or GoError(OVER)
            self.errors.clear()
            self._leased.release(reusable=reusable)

    def _unwind(self) -> None:
        """The next step after the end: an operation that waits is cancelled, or who waits for the child hears of it."""
        if not self._stack:
            return
        inner = self._stack[-1]
        if isinstance(inner, UnderWay):
            inner.cancel()
        else:
            self._stack.pop()
            if not inner.done():
                inner.refuse(self._end or ApiError(500, BROKEN))

    def _expire(self) -> None:
        self.hooks.warn(f"a run was ended: it took longer than {self._timeout_s:g} s")
        self.end(ApiError(503, TOO_LONG, cause="the limit of time of a script's run"))

    def _ended(self, reason: str) -> None:
        why = self._leased.why() or reason
        self.hooks.warn(f"a run was ended: {why}")
        self.end(ApiError(500, BROKEN, cause=f"sandbox: {why}"))

    # -- operations ---------------------------------------------------------------------------------------------------

    def _take(self, name: bytes, args: bytes) -> None:
        """A call of the child's."""
        began_ns = thread_time_ns()
        try:
            if self._hosting:
                self._ended("it has spoken out of turn")
                return
            self._hosting = True
            if len(args) > BULK_BYTES:
                self._waits = self._begin(self._take_bulk(name, args))
            else:
                self._read(name, args)
        finally:
            self._book(thread_time_ns() - began_ns)
        self._go_on()

    def _go_on(self) -> None:
        """Let whoever has got what he waited for go on, if he is not in a task."""
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()

    def _read(self, name: bytes, args: bytes) -> None:
        try:
            given = arguments(args)
        except NonsenseError as error:
            self._ended(f"it has sent {error}")
        except GoError as error:
            self._reject(name, error)
        else:
            self._carry_out(name, given)

    async def _take_bulk(self, name: bytes, args: bytes) -> None:
        """A large call: read in a thread, so that others notice little."""
        ctx = self.hooks.ctx
        given: list[Any] | Exception
        try:
            given = await ctx.lanes.bulk(ctx.account, len(args), arguments, args)
        except NonsenseError as error:
            self._ended(f"it has sent {error}")
            return
        except (GoError, ApiError) as error:
            given = error
        # as a callback, like any other call: whoever is in a task has his own turn
        asyncio.get_running_loop().call_soon(self._carry_out_bulk, name, given)

    def _carry_out_bulk(self, name: bytes, given: list[Any] | Exception) -> None:
        if self._end is not None:
            return
        if isinstance(given, Exception):
            self._reject(name, given)
        else:
            self._carry_out(name, given)
        self._go_on()

    def _reject(self, name: bytes, error: Exception) -> None:
        """A call that nothing is done about."""
        if name != RESULT:
            self._refuse(error)
        else:
            self._result([0, {"e": {"kind": "go", "message": str(error)}}])

    def _carry_out(self, name: bytes, given: list[Any]) -> None:
        if self._end is not None:
            return
        try:
            if given[0]:
                self.shared.absorb(given[0])
            if name == RESULT:
                self._result(given)
                return
            self.spend("calls")
            operation = self._table.get(name)
            if operation is None:
                raise GoError(f"there is no operation {name.decode('ascii', 'replace')}")
            try:
                steps = operation(self, *given[1:])
            except TypeError as error:
                raise GoError(f"{name.decode()}: wrong arguments") from error
        except GoError as error:
            if self._budgets["calls"] < -CALLS_OVER_MAX:
                self._ended(TOO_MANY_CALLS)
            else:
                self._reject(name, error)
            return
        except Exception as error:  # a run must not be left hanging, whatever it has sent
            log.exception("changes of a script can't be taken over", extra={"tenant": self.hooks.name})
            self._reject(name, error)
            return
        self._stack.append(under_way := UnderWay())
        try:
            first = self._context.run(steps.send, None)
        except StopIteration as end:
            self._answer(end.value)
        except Exception as error:
            self._fail(error)
        else:
            under_way.rest = rest = Rest(steps, first, self._book)
            under_way.task = self._begin(self._finish(rest))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _finish(self, rest: Rest) -> None:
        """An operation that waits: its answer, however it ends."""
        try:
            answer = await rest
        except asyncio.CancelledError:
            self._stack.pop()
            self.end(ApiError(503, BROKEN, cause="cancelled"))
            self._unwind()
        except Exception as error:
            self._fail(error)
        else:
            self._answer(answer)

    def _result(self, given: list[Any]) -> None:
        turn = self._stack.pop()
        if isinstance(turn, Turn) and not turn.done():
            self._resume = turn.give(given[1] if len(given) > 1 else None)

    def _answer(self, value: object) -> None:
        self._stack.pop()
        self._send({"v": value})

    def _fail(self, error: Exception) -> None:
        self._stack.pop()
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        self._send({"e": self.errors.encode(error, self.hooks)})

    def _send(self, answer: dict[str, Any]) -> None:
        if self._end is not None:
            self._unwind()
            return
        try:
            versions = {self.hooks.ctx.catalog.version}
            if self._apps:
                versions.update(ctx.catalog.version for ctx in self._apps.values())
            if versions != self._leased.told:
                self._leased.told = versions
                answer["c"] = 1
            changes = self.shared.changes()
            if changes is not None:
                answer["s"] = changes
            text = orjson.dumps(answer, spelled)
            if len(text) > ANSWER_BYTES_MAX:
                text = orjson.dumps({"e": self.errors.encode(GoError(TOO_LARGE), self.hooks)})
            frame = answer_frame(text)
        except (TypeError, ValueError) as error:
            log.exception("an answer to a script can't be written", extra={"tenant": self.hooks.name})
            frame = answer_frame(orjson.dumps({"e": self.errors.encode(error, self.hooks)}))
        if self._since_ns > BREATH_NS or len(frame) > BULK_BYTES:
            self._since_ns = 0
            self._waits = self._begin(self._send_in_turn(frame))
            return
        self._hosting = False
        self._line.send(frame)

    async def _send_in_turn(self, frame: bytes) -> None:
        """As others have waited, so does this one."""
        ctx = self.hooks.ctx
        if len(frame) > BULK_BYTES:
            await ctx.lanes.rest(ctx.account, len(frame) / BULK_BYTES_PER_S)
        await ctx.breathe()
        if self._end is None:
            self._hosting = False
            self._line.send(frame)

    def _book(self, ns: int) -> None:
        self._since_ns += ns
        self.hooks.book(ns)


def _is_over(context: "Context") -> bool:
    """Whether it was a transaction's, which has ended."""
    return context.is_inner and context.unit is None
