"""One request and its response: the ASGI side of the wire.

The application's coroutine is stepped directly. Most requests finish in their first step and never cost a Task; one
that really waits is handed to a Task which goes on where the step stopped (`Steps`); for a `Turn` it waits without one.
Consequences for the application: it begins without a current task, so `asyncio.timeout` (and `asyncio.wait_for` from
Python 3.12 on) may be used only behind a real wait, such as `asyncio.sleep(0)`. Each request has a contextvars context
of its own.

Every step claims the worker's slot before and releases it after, so a loop that hangs can be laid at a tenant's door.
The CPU of the first step is measured with the rest of its connection's callback, that of a Task's by step.

Scope: the standard HTTP scope, and `pocker.tenant` (Tenant or None: unknown host), `pocker.headers` (by name),
`pocker.exchange` (the `Exchange`, whose `reply` takes a whole response at once, and whose `detach` takes one out of the
coroutine's hands: for server-sent events).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from math import inf
from time import monotonic_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from supervisor.contract.tenant import Tenant
from worker.turns import Turn
from worker.wire import replies
from worker.wire.answer import STATUS_LOST, Answer, Message
from worker.wire.bodies import Body
from worker.wire.heads import Head
from worker.wire.loss import ClientGone
from worker.wire.steps import Steps

if TYPE_CHECKING:
    from worker.wire.connection import Connection

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

_PERCENT: Final = ord("%")
ASGI_VERSION: Final = {"version": "3.0", "spec_version": "2.4"}
FAILED = "Something went wrong while processing your request."


class Exchange(Answer):
    """A request being answered. Made and driven by its connection; `receive` and `send` are the application's."""

    __slots__ = (
        "_begun",
        "_context",
        "_coroutine",
        "_eof_given",
        "_turn",
        "_waiter",
        "on_lost",
        "stopping",
        "task",
        "tenant",
        "until",
        "whole",
    )

    def __init__(
        self, connection: "Connection", head: Head, tenant: Tenant | None, whole: bytes, body: Body | None
    ) -> None:
        super().__init__(connection, head, body)
        self.tenant = tenant
        self.whole = whole  # the body if it came with the head; else `body` is set
        self.task: asyncio.Task[None] | None = None
        self.until = inf  # the endpoint's time at which it is stopped
        self.stopping = ""  # why it is, once it is
        self.on_lost: Callable[[], None] | None = None  # called when the client leaves, or closes its half
        self._begun = False
        # one that waits for a turn, and where it runs
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._context: Context | None = None
        self._turn: Turn | None = None
        self._eof_given = False
        self._waiter: asyncio.Future[None] | None = None

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, prefix: int) -> bool:
        """Makes the first step; `prefix` bytes of the path only named the tenant. True when the request is over."""
        end = self.connection.end
        coroutine = end.app(self._scope(prefix), self.receive, self.send)
        context = copy_context()
        self.claim()
        try:
            first = context.run(coroutine.send, None)
        except StopIteration:
            end.slots.release(end.berth)
            self._conclude(None)
            return True
        except (Exception, asyncio.CancelledError) as error:
            end.slots.release(end.berth)
            self._conclude(error)
            return True
        end.slots.release(end.berth)
        account = self.account
        self.until = (self.connection.since or end.now) + account.plan.request_timeout_s
        end.gate.enter(account)
        self._wait_for(first, coroutine, context)
        return False

    def _wait_for(self, first: Any, coroutine: Coroutine[Any, Any, None], context: Context) -> None:
        """The coroutine waits: in a Task, or for a turn."""
        if type(first) is Turn and not first.done():
            self._turn, self._coroutine, self._context = first, coroutine, context
            first.resume = self._resume
            self.flush_head()
        else:
            self.task = self.connection.end.loop.create_task(Steps(self, coroutine, first), context=context)
            self.task.add_done_callback(self._task_done)

    def _resume(self) -> None:
        """The turn has come: makes the next step."""
        coroutine, context, self._turn = self._coroutine, self._context, None
        if coroutine is None or context is None:
            return
        self._coroutine = self._context = None
        connection = self.connection
        end = connection.end
        end.began_ns = thread_time_ns()
        self.claim()
        error: BaseException | None = None
        try:
            first = context.run(coroutine.send, None)
        except StopIteration:
            pass
        except (Exception, asyncio.CancelledError) as failure:
            error = failure
        else:
            end.slots.release(end.berth)
            self._wait_for(first, coroutine, context)
            connection.book()
            return
        end.slots.release(end.berth)
        self._over(error)

    def as_task(self) -> asyncio.Task[None] | None:
        """The Task that works for it, one that waits for a turn from now on among them."""
        turn, coroutine, context = self._turn, self._coroutine, self._context
        if turn is not None and coroutine is not None and context is not None:
            self._turn = self._coroutine = self._context = turn.resume = None
            self.task = self.connection.end.loop.create_task(Steps(self, coroutine, turn), context=context)
            self.task.add_done_callback(self._task_done)
        return self.task

    def claim(self) -> None:
        """Says in the worker's slot whose request holds the loop."""
        if self.tenant is not None:
            end = self.connection.end
            end.slots.claim(end.berth, self.tenant.name, monotonic_ns())

    def end_step(self, began_ns: int) -> None:
        """A step of the Task is over which began at that CPU time: releases the slot and books the step."""
        connection = self.connection
        end = connection.end
        end.slots.release(end.berth)
        if connection.choked or connection.kept:
            connection.weigh()
        end.gate.book(self.account, thread_time_ns() - began_ns)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.connection.end.began_ns = thread_time_ns()
        self.task = None  # Task, steps and exchange refer to each other
        self._over(asyncio.CancelledError() if task.cancelled() else task.exception())

    def _over(self, error: BaseException | None) -> None:
        """The coroutine has ended, later than in its first step."""
        connection = self.connection
        self.until = inf
        connection.end.gate.end(self.account)
        self._conclude(error)
        connection.finished(self)
        connection.book()

    def _conclude(self, error: BaseException | None) -> None:
        """The coroutine is over: see to it that the response is too, and book it."""
        connection = self.connection
        if error is not None and not connection.gone and not isinstance(error, ClientGone):
            if not isinstance(error, asyncio.CancelledError):
                log, head, about = connection.end.log, self.head, {"tenant": self.account.name}
                log.error("%s %s failed", head.method, head.path.decode("latin-1"), exc_info=error, extra=about)
            self._give_up()
        elif not self.ended and self._on_gone is None and not connection.gone:
            log, head, about = connection.end.log, self.head, {"tenant": self.account.name}
            log.error("%s %s: no whole response", head.method, head.path.decode("latin-1"), extra=about)
            self._give_up()
        account = self.account
        status = self.status
        if not self.head_sent or (connection.gone and not self.ended and status != STATUS_LOST):
            account.gone += 1
        elif status < 400:
            account.ok += 1
        elif status < 500:
            account.failed += 1
        else:
            account.errors += 1

    def _give_up(self) -> None:
        """An error if nothing was sent yet; else the client has to see that the response is cut off."""
        self.close = True
        if not self.head_sent:
            self.answer(*((503, self.stopping) if self.stopping else (500, FAILED)))
        elif not self.ended:
            self.status = STATUS_LOST
            self.connection.abort()

    def stop(self, message: str) -> None:
        """Ends the request, whatever it waits for: with 503 and the message if nothing was sent yet.

        What is detached hangs up. A request that goes on nevertheless may be stopped once more.
        """
        if self.detached:
            self.hang_up()
            return
        turn, task = self._turn, self.as_task()
        if task is not None:
            again, self.stopping = bool(self.stopping), message
            if again and not self.head_sent:
                self.answer(503, message)
            task.cancel()
            if turn is not None:  # a Task that has not begun is not seen to wait for it
                turn.cancel()

    # -- what the connection tells -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """More of the body has come, or the client is gone, or has closed its half."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def is_left(self) -> bool:
        """Whether the client has left, or closed its half."""
        return self.connection.gone or self.connection.eof

    def lost(self) -> None:
        """The connection is lost."""
        self.wake()
        self.wake_writer()
        if self._on_gone is not None:
            self._on_gone()
        if self.on_lost is not None:
            self.on_lost()

    # -- the application's side --------------------------------------------------------------------------------------

    def _scope(self, prefix: int) -> Scope:
        head = self.head
        connection = self.connection
        raw = head.path
        root = ""
        if prefix:
            root = raw[:prefix].decode("ascii")
            raw = raw[prefix:] or b"/"
        return {
            "type": "http",
            "asgi": ASGI_VERSION,
            "http_version": head.fields.version,
            "method": head.method,
            "scheme": "http",
            "path": raw.decode("ascii") if _PERCENT not in raw else unquote_to_bytes(raw).decode(errors="replace"),
            "raw_path": raw,
            "query_string": head.query,
            "root_path": root,
            "headers": head.fields.headers,
            "server": connection.server,
            "client": connection.client,
            "pocker.headers": head.fields.by_name,
            "pocker.tenant": self.tenant,
            "pocker.exchange": self,
        }

    async def receive(self) -> Message:
        """The next event: the body as it comes, then `http.disconnect`.

        The first call never waits: an application which asks before it routes shall be able to refuse a body unseen.
        A client that leaves in the middle of its body cancels the application here: a cut body must not be taken for a
        whole one.
        """
        body = self.body
        if body is None:
            if not self._begun:
                self._begun = self._eof_given = True
                return {"type": "http.request", "body": self.whole, "more_body": False}
        elif not self._eof_given:
            if self._begun:
                await self._body_arrives(body)
            self._begun = True
            data = body.take()
            self.connection.read_on()
            self._eof_given = body.complete
            return {"type": "http.request", "body": data, "more_body": not body.complete}
        connection = self.connection
        while not (connection.gone or connection.eof):
            await self._wait()
        return {"type": "http.disconnect"}

    async def _body_arrives(self, body: Body) -> None:
        connection = self.connection
        while not (body.waiting or body.complete):
            if connection.gone or connection.eof or self.ended:
                raise asyncio.CancelledError("the body will not come")
            if not self.continued:
                self.continued = True
                if not self.head_sent:
                    connection.write(replies.CONTINUE)
            await self._wait()

    async def _wait(self) -> None:
        waiter = self._waiter = self.connection.end.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def detach(self, on_gone: Callable[[], None]) -> None:
        super().detach(on_gone)
        self.until = inf
