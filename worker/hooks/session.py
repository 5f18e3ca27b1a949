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
from collections.abc import Callable, Coroutine, Hashable, Mapping
from contextvars import Context, ContextVar, copy_context
from time import thread_time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from sandbox.frames import ANSWER_BYTES_MAX, RESULT
from worker.errors import ApiError
from worker.fields.jsontext import spelled
from worker.hooks.arguments import BULK_BYTES, NonsenseError, arguments
from worker.hooks.calls import GoError, Operation
from worker.hooks.errors import Errors
from worker.hooks.line import Line
from worker.hooks.shared import Shared
from worker.hooks.standing import OVER, Standing
from worker.hooks.steps import Rest, UnderWay
from worker.lanes.rests import BULK_BYTES_PER_S
from worker.turns import Turn

if TYPE_CHECKING:
    from supervisor.contract.plan import Plan
    from worker.events import Event
    from worker.hooks.hooks import Hooks
    from worker.hooks.leased import Leased

log = logging.getLogger("pocker.hooks")

DEPTH_MAX = 32
# After so much CPU for one run's operations the next answer waits until the tenant has its turn again.
BREATH_NS = 1_000_000
# Calls that are answered with an error once the budget is used up; after them the child is killed.
CALLS_OVER_MAX = 100

TOO_LONG = "The script took too long."
BROKEN = "The script has ended unexpectedly."
TOO_MANY_CALLS = "too many calls of the server in one run"
TOO_LARGE = "the answer of the server is too large for a script"

# The run whose operation is under way, for events that it triggers.
CURRENT: ContextVar["Session | None"] = ContextVar("CURRENT", default=None)


class Session(Standing):
    """A run: `async with hooks.session() as session: await session.run(…)`. It is the `Call` of its operations."""

    # what most runs have none of: budgets as far as they are used, exceptions that both sides know
    _budgets: dict[str, int] | None = None
    _errors: Errors | None = None
    # the last task that was no operation's: it may hold much, and rest for long
    _waits: asyncio.Task[None] | None = None
    # CPU since the last breath
    _since_ns = 0
    # who goes on when the callback at hand is done
    _resume: Callable[[], None] | None = None

    def __init__(
        self,
        hooks: "Hooks",
        leased: "Leased | None",
        table: Mapping[bytes, Operation],
        timeout_s: float,
        handler: Hashable = None,
    ) -> None:
        """`leased`: the process, where there is one already; else it is had by `async with`."""
        self.hooks = hooks
        self._timeout_s = timeout_s
        self.handler = handler
        self._apps = {}
        self.shared = Shared(hooks)
        # events whose handlers are running, the innermost last
        self.events: list[Event] = []
        # what operations keep for the time of the run, by their own names
        self.extras: dict[str, Any] = {}
        self._table = table
        context = copy_context()
        context.run(CURRENT.set, self)
        # that of its operations; it leads back to the run, so it is let go with its end
        self._context: Context | None = context
        # what goes on, the innermost last: what the child was asked to run (turns) and operations, in turns
        self._stack: list[Turn | UnderWay] = []
        # tasks of operations that wait, and of answers that wait for their turn
        self._work: set[asyncio.Task[None]] = set()
        if leased is not None:
            self.begin(leased)

    # -- for whom it runs ---------------------------------------------------------------------------------------------

    @property
    def plan(self) -> "Plan":
        """The limits of the tenant."""
        return self.hooks.plan

    @property
    def errors(self) -> Errors:
        """The exceptions that both sides know."""
        if self._errors is None:
            self._errors = Errors()
        return self._errors

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

    def spend(self, budget: str, amount: int = 1) -> None:
        """Take `amount` of a budget of this run. GoError once it is used up."""
        budgets = self._budgets
        if budgets is None:
            plan = self.hooks.plan
            budgets = self._budgets = {"calls": plan.js_calls_max, "log_lines": plan.js_log_lines_max}
        left = budgets[budget] = budgets.get(budget, 0) - amount
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
        if self._left:
            raise GoError(OVER)
        turn = Turn()
        stack.append(turn)
        if self.has_begun:
            self._send({"n": name, "d": data})
        else:
            self._ask(self._written({"n": name, "d": data}))
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
        if self._end is not None or self._left:
            return
        self._end = why
        leased, line = self.leased, self._line
        if leased is None or line is None or not self.has_begun:
            self._leave()
        else:
            line.close()
            leased.child.kill()
            if self.quick:
                leased.children.spread(leased)
        self._hosting = True
        if self._waits is not None:
            self._waits.cancel()
        self._unwind()

    async def __aenter__(self) -> Self:
        if self.leased is None:
            children = self.hooks.children
            if not children.seat(self):
                await children.place(self, self._timeout_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._left and not self._work and not self._stack:
            self._let_loose()
            return
        leased = self.leased if self.has_begun else None
        if leased is not None and not self._left:
            leased.line.alarm.clear()
        if self._stack:  # it was left in the middle
            self.end(ApiError(503, BROKEN, cause="cancelled"))
        try:
            while self._work:
                await asyncio.wait(self._work)
        finally:
            reusable = self._end is None and not self._work
            self._end = self._end or GoError(OVER)
            self._let_loose()
            if leased is not None and not self._left:
                leased.release(reusable=reusable)

    def _let_loose(self) -> None:
        """It is over: nothing of it leads back to it, so that it is freed without being looked for."""
        self._context = None
        if self._errors is not None:
            self._errors.clear()

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

    def _listen(self, line: Line) -> None:
        line.take, line.ended = self._take, self._ended
        line.alarm.set(self._timeout_s, self._expire)

    def _expire(self) -> None:
        self.hooks.warn(f"a run was ended: it took longer than {self._timeout_s:g} s")
        self.end(ApiError(503, TOO_LONG, cause="the limit of time of a script's run"))

    def _ended(self, reason: str) -> None:
        why = (self.leased is not None and self.leased.why()) or reason
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
                self._pauses()
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
            steps = self._steps(name, given)
        except GoError as error:
            if self._budgets is not None and self._budgets["calls"] < -CALLS_OVER_MAX:
                self._ended(TOO_MANY_CALLS)
            else:
                self._reject(name, error)
            return
        except Exception as error:  # a run must not be left hanging, whatever it has sent
            log.exception("changes of a script can't be taken over", extra={"tenant": self.hooks.name})
            self._reject(name, error)
            return
        context = self._context
        if context is None:
            return
        self._stack.append(under_way := UnderWay())
        try:
            first = context.run(steps.send, None)
        except StopIteration as end:
            self._answer(end.value)
        except Exception as error:
            self._fail(error)
        else:
            self._pauses()
            under_way.rest = rest = Rest(steps, first, self._book)
            under_way.task = self._begin(self._finish(rest))

    def _steps(self, name: bytes, given: list[Any]) -> Coroutine[Any, Any, Any]:
        """The operation that is called. GoError where there is none."""
        leased = self.leased
        if self.quick and leased is not None and leased.queue and leased.children.has_idle:
            leased.children.spread(leased)
        self.spend("calls")
        operation = self._table.get(name)
        if operation is None:
            raise GoError(f"there is no operation {name.decode('ascii', 'replace')}")
        try:
            return operation(self, *given[1:])
        except TypeError as error:
            raise GoError(f"{name.decode()}: wrong arguments") from error

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
        if not self._stack and self.handler is not None:
            self._let_go()
        if isinstance(turn, Turn) and not turn.done():
            self._resume = turn.give(given[1] if len(given) > 1 else None)

    def _let_go(self) -> None:
        """The child has done all that it was asked for: it goes on with the next run, or has nothing to do."""
        leased = self.leased
        if leased is not None and self._end is None:
            self._left = True
            leased.release(reusable=True)

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
        if self._is_news():
            answer["c"] = 1
        self._dispatch(self._written(answer))

    def _written(self, answer: dict[str, Any]) -> bytes:
        """What is said, and what has changed of shared records."""
        try:
            changes = self.shared.changes()
            if changes is not None:
                answer["s"] = changes
            text = orjson.dumps(answer, spelled)
            if len(text) > ANSWER_BYTES_MAX:
                text = orjson.dumps({"e": self.errors.encode(GoError(TOO_LARGE), self.hooks)})
        except (TypeError, ValueError) as error:
            log.exception("an answer to a script can't be written", extra={"tenant": self.hooks.name})
            text = orjson.dumps({"e": self.errors.encode(error, self.hooks)})
        return text

    def _dispatch(self, text: bytes) -> None:
        """Say it, at once or when it is the tenant's turn."""
        if self._since_ns > BREATH_NS or len(text) > BULK_BYTES:
            self._since_ns = 0
            if len(text) > BULK_BYTES:
                self._pauses()
            self._waits = self._begin(self._send_in_turn(text))
        else:
            self._put(text)

    async def _send_in_turn(self, text: bytes) -> None:
        """As others have waited, so does this one."""
        ctx = self.hooks.ctx
        if len(text) > BULK_BYTES:
            await ctx.lanes.rest(ctx.account, len(text) / BULK_BYTES_PER_S)
        await ctx.breathe()
        if self._end is None:
            self._put(text)

    def _book(self, ns: int) -> None:
        self._since_ns += ns
        self.hooks.book(ns)
