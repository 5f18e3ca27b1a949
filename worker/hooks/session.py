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
from collections.abc import Coroutine, Generator
from contextvars import ContextVar, copy_context
from time import thread_time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from sandbox.frames import RESULT, answer_frame
from worker.errors import ApiError
from worker.fields.jsontext import spelled
from worker.hooks.calls import GoError, Operation
from worker.hooks.errors import Errors
from worker.hooks.line import Line
from worker.hooks.quiet import quiet
from worker.hooks.shared import Shared

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
        "_limit",
        "_line",
        "_since_ns",
        "_stack",
        "_table",
        "_timeout_s",
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
        # what goes on, the innermost last: what the child was asked to run (futures) and operations, in turns
        self._stack: list[asyncio.Future[Any] | _Operation] = []
        # tasks of operations that wait, and of answers that wait for their turn
        self._work: set[asyncio.Task[None]] = set()
        # whether it is the host's turn, why nothing goes on any more, CPU since the last breath
        self._hosting = True
        self._end: Exception | None = None
        self._since_ns = 0
        self._line: Line = leased.line
        self._line.take, self._line.ended = self._take, self._ended
        self._timeout_s = timeout_s
        self._limit = asyncio.get_running_loop().call_later(timeout_s, self._expire)

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
        return isinstance(inner, _Operation) and inner.task is asyncio.current_task()

    def context(self, app: object) -> "Context":
        """The context that an `$app` of the script stands for."""
        if app == 0:
            return self.hooks.ctx
        if isinstance(app, int) and app < 0:
            return quiet(self.context(-1 - app))
        context = self._apps.get(app) if isinstance(app, int) else None
        if context is None:
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
            raise self._end
        stack = self._stack
        if not self._hosting or len(stack) >= 2 * DEPTH_MAX:
            raise GoError("hooks are nested too deep")
        future = asyncio.get_running_loop().create_future()
        stack.append(future)
        self._send({"n": name, "d": data})
        try:
            answer = await future
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
            self._unwind()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limit.cancel()
        if self._stack:  # it was left in the middle
            self.end(ApiError(503, BROKEN, cause="cancelled"))
        try:
            while self._work:
                await asyncio.wait(self._work)
        finally:
            reusable = self._end is None and not self._work
            self._end = self._end or ApiError(503, BROKEN, cause="the run is over")
            self.errors.clear()
            self._leased.release(reusable=reusable)

    def _unwind(self) -> None:
        """The next step after the end: an operation that waits is cancelled, or who waits for the child hears of it."""
        if not self._stack:
            return
        inner = self._stack[-1]
        if isinstance(inner, _Operation):
            if inner.task is not None:
                inner.task.cancel()
        else:
            self._stack.pop()
            if not inner.done():
                inner.set_exception(self._end or ApiError(500, BROKEN))

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
            try:
                arguments = orjson.loads(args)
            except orjson.JSONDecodeError:
                self._ended("it has sent arguments that are no JSON")
                return
            if type(arguments) is not list or not arguments:
                self._ended("it has sent a call without arguments")
                return
            self._carry_out(name, arguments)
        finally:
            self._book(thread_time_ns() - began_ns)

    def _carry_out(self, name: bytes, arguments: list[Any]) -> None:
        changes = arguments[0]
        try:
            if changes:
                self.shared.absorb(changes)
            if name == RESULT:
                self._result(arguments)
                return
            self.spend("calls")
            operation = self._table.get(name)
            if operation is None:
                raise GoError(f"there is no operation {name.decode('ascii', 'replace')}")
            try:
                steps = operation(self, *arguments[1:])
            except TypeError as error:
                raise GoError(f"{name.decode()}: wrong arguments") from error
        except GoError as error:
            if self._budgets["calls"] < -CALLS_OVER_MAX:
                self._ended(TOO_MANY_CALLS)
            elif name == RESULT:
                self._result([0, {"e": {"kind": "go", "message": str(error)}}])
            else:
                self._refuse(error)
            return
        self._stack.append(under_way := _Operation())
        try:
            first = self._context.run(steps.send, None)
        except StopIteration as end:
            self._answer(end.value)
        except Exception as error:
            self._fail(error)
        else:
            rest = self._finish(_Rest(self, steps, first))
            under_way.task = task = asyncio.get_running_loop().create_task(rest, context=self._context)
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _finish(self, rest: "_Rest") -> None:
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

    def _result(self, arguments: list[Any]) -> None:
        future = self._stack.pop()
        if isinstance(future, asyncio.Future) and not future.done():
            future.set_result(arguments[1] if len(arguments) > 1 else None)

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
            versions = frozenset(ctx.catalog.version for ctx in (self.hooks.ctx, *self._apps.values()))
            if versions != self._leased.told:
                self._leased.told = versions
                answer["c"] = 1
            changes = self.shared.changes()
            if changes is not None:
                answer["s"] = changes
            frame = answer_frame(orjson.dumps(answer, spelled))
        except (TypeError, ValueError) as error:
            log.exception("an answer to a script can't be written", extra={"tenant": self.hooks.name})
            frame = answer_frame(orjson.dumps({"e": self.errors.encode(error, self.hooks)}))
        if self._since_ns > BREATH_NS:
            self._since_ns = 0
            task = asyncio.get_running_loop().create_task(self._send_in_turn(frame))
            self._work.add(task)
            task.add_done_callback(self._work.discard)
            return
        self._hosting = False
        self._line.send(frame)

    async def _send_in_turn(self, frame: bytes) -> None:
        """As others have waited, so does this one."""
        await self.hooks.ctx.breathe()
        if self._end is None:
            self._hosting = False
            self._line.send(frame)

    def _book(self, ns: int) -> None:
        self._since_ns += ns
        self.hooks.book(ns)


class _Operation:
    """One that is under way; with its task, if it waits."""

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None


class _Rest(Coroutine[Any, Any, Any]):
    """An operation that has made its first step and waits, as something a task can drive to its end, and its CPU."""

    __slots__ = ("_first", "_session", "_started", "_steps")

    def __init__(self, session: Session, steps: Coroutine[Any, Any, Any], first: Any) -> None:
        self._session = session
        self._steps = steps
        self._first = first
        self._started = False

    def send(self, value: Any) -> Any:
        if not self._started:
            self._started = True
            return self._first
        began_ns = thread_time_ns()
        try:
            return self._steps.send(value)
        finally:
            self._session._book(thread_time_ns() - began_ns)

    def throw(self, *error: Any) -> Any:
        self._started = True
        return self._steps.throw(*error)

    def close(self) -> None:
        self._steps.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        try:
            waits_for = self.send(value)
        except StopIteration as end:
            return end.value
        while True:
            try:
                value = yield waits_for
            except BaseException as error:
                try:
                    waits_for = self.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                try:
                    waits_for = self.send(value)
                except StopIteration as end:
                    return end.value
