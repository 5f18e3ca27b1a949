"""One request and its response: the ASGI side of the wire.

The application's coroutine is stepped directly. Most requests finish in their first step and never cost a Task; one
that really waits is handed to a Task which goes on where the step stopped (`Steps`). Consequences for the application:
its first step runs without a current task, so `asyncio.timeout` (and `asyncio.wait_for` from Python 3.12 on) may be
used only behind the first real wait. Each request has a contextvars context of its own.

Every step claims the worker's slot before and releases it after, so a loop that hangs can be laid at a tenant's door;
the CPU time of all steps is booked to the tenant once the request is over.

Scope: the standard HTTP scope, and `pocker.tenant` (Tenant or None: unknown host), `pocker.exchange` (the `Exchange`,
whose `detach` takes a response out of the coroutine's hands: for server-sent events).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import copy_context
from time import monotonic_ns, thread_time_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from supervisor.contract.tenant import Tenant
from worker.wire import replies
from worker.wire.bodies import Body
from worker.wire.heads import Head
from worker.wire.steps import Steps

if TYPE_CHECKING:
    from worker.wire.connection import Connection

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

ASGI_VERSION = {"version": "3.0", "spec_version": "2.4"}
WRITE_JOIN_BYTES_MAX = 65_536  # a larger body is not copied behind its head
DRAIN_BYTES_MAX = 262_144  # so much of a body nobody read is skipped to save the connection
STATUS_GONE = 499  # booked when the client left before the answer
FAILED = "Something went wrong while processing your request."


class ClientGone(ConnectionError):  # noqa: N818 (no failure of ours)
    """Raised by `send` once the connection is lost, as ASGI demands."""


class Exchange:
    """A request being answered. Made and driven by its connection; `receive` and `send` are the application's."""

    __slots__ = (
        "_begun",
        "_bodiless",
        "_chunked",
        "_eof_given",
        "_fields",
        "_length",
        "_on_gone",
        "_space",
        "_waiter",
        "_written",
        "body",
        "bytes_out",
        "close",
        "connection",
        "continued",
        "cpu_ns",
        "ended",
        "head",
        "head_sent",
        "status",
        "task",
        "tenant",
        "whole",
    )

    def __init__(
        self, connection: "Connection", head: Head, tenant: Tenant | None, whole: bytes, body: Body | None
    ) -> None:
        self.connection = connection
        self.head = head
        self.tenant = tenant
        self.whole = whole  # the body if it came with the head; else `body` is set
        self.body = body
        self.close = not head.fields.keep_alive  # the connection, after this response
        self.continued = not head.fields.expect_continue  # 100 Continue is sent or not wanted
        self.task: asyncio.Task[None] | None = None
        self.cpu_ns = 0
        self.bytes_out = 0
        self.status = 0
        self.head_sent = False
        self.ended = False  # the response is complete
        self._fields: Iterable[tuple[bytes, bytes]] = ()
        self._begun = False
        self._eof_given = False
        self._bodiless = False
        self._chunked = False
        self._length: int | None = None
        self._written = 0
        self._waiter: asyncio.Future[None] | None = None
        self._space: asyncio.Future[None] | None = None
        self._on_gone: Callable[[], None] | None = None

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, prefix: int) -> bool:
        """Makes the first step; `prefix` bytes of the path only named the tenant. True when the request is over."""
        end = self.connection.end
        coroutine = end.app(self._scope(prefix), self.receive, self.send)
        context = copy_context()
        began = self.begin_step()
        try:
            first = context.run(coroutine.send, None)
        except StopIteration:
            self.end_step(began)
            self._conclude(None)
            return True
        except (Exception, asyncio.CancelledError) as error:
            self.end_step(began)
            self._conclude(error)
            return True
        self.end_step(began)
        self.task = end.loop.create_task(Steps(self, coroutine, first), context=context)
        self.task.add_done_callback(self._task_done)
        return False

    def begin_step(self) -> int:
        """Claims the slot; returns the thread's CPU time in ns."""
        if self.tenant is not None:
            end = self.connection.end
            end.slots.claim(end.shard, self.tenant.name, monotonic_ns())
        return thread_time_ns()

    def end_step(self, began: int) -> None:
        """Releases the slot and books the step."""
        self.cpu_ns += thread_time_ns() - began
        end = self.connection.end
        end.slots.release(end.shard)

    def flush_head(self) -> None:
        """The application waits: a head it has given goes out without its body."""
        if self.status and not self.head_sent and not self.connection.gone:
            self._write(b"", more=True)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.task = None  # Task, steps and exchange refer to each other
        self._conclude(error)
        self.connection.finished(self)

    def _conclude(self, error: BaseException | None) -> None:
        """The coroutine is over: see to it that the response is too, and book it."""
        connection = self.connection
        end = connection.end
        if error is not None and not connection.gone and not isinstance(error, ClientGone):
            if not isinstance(error, asyncio.CancelledError):
                end.log.error("%s %s failed", self.head.method, self.head.path.decode("latin-1"), exc_info=error)
            self._give_up()
        elif not self.ended and self._on_gone is None and not connection.gone:
            end.log.error("%s %s: no whole response", self.head.method, self.head.path.decode("latin-1"))
            self._give_up()
        if self.tenant is not None:
            received = self.head.size + (len(self.whole) if self.body is None else self.body.received)
            status = self.status if self.head_sent else STATUS_GONE
            end.meter.request(self.tenant.name, self.cpu_ns, status, received, self.bytes_out)

    def _give_up(self) -> None:
        """500 if nothing was sent yet; else the client has to see that the response is cut off."""
        self.close = True
        if self.head_sent:
            if not self.ended:
                self.connection.abort()
            return
        self.answer(500, FAILED)

    def answer(self, status: int, message: str) -> None:
        """The wire's own response in place of the application's, which can't send any more."""
        self.status = status
        self.close = self.head_sent = self.ended = True
        connection = self.connection
        reply = replies.error_reply(status, message, connection.end.date, to_head=self.head.method == "HEAD")
        self.bytes_out += len(reply)
        connection.write(reply)

    # -- what the connection tells -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """More of the body has come, or the client is gone, or has closed its half."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def wake_writer(self) -> None:
        """The transport takes more, or will never again."""
        space = self._space
        if space is not None and not space.done():
            space.set_result(None)

    def lost(self) -> None:
        """The connection is lost."""
        self.wake()
        self.wake_writer()
        if self._on_gone is not None:
            self._on_gone()

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
            "path": raw.decode("ascii") if b"%" not in raw else unquote_to_bytes(raw).decode(errors="replace"),
            "raw_path": raw,
            "query_string": head.query,
            "root_path": root,
            "headers": head.fields.headers,
            "server": connection.server,
            "client": connection.client,
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

    async def send(self, message: Message) -> None:
        """Takes an event of the response; waits while the client reads too slowly. Raises ClientGone."""
        kind = message["type"]
        if self.connection.gone:
            raise ClientGone("the client is gone")
        if kind == "http.response.body":
            if not self.status or self.ended:
                raise RuntimeError("no response is open")
            more = message.get("more_body", False)
            self._write(message.get("body", b""), more)
            if more and self.connection.choked:
                await self._room()
        elif kind == "http.response.start":
            if self.status:
                raise RuntimeError("the response has started")
            self.status = message["status"]
            self._fields = message.get("headers", ())
        else:
            raise RuntimeError(f"unexpected event {kind}")

    async def _room(self) -> None:
        while self.connection.choked and not self.connection.gone:
            self._space = self.connection.end.loop.create_future()
            try:
                await self._space
            finally:
                self._space = None

    def detach(self, on_gone: Callable[[], None]) -> None:
        """Lets the coroutine end while the response goes on: `push` adds to it, `hang_up` ends it.

        To be called after the start of a response without content-length. `on_gone` is called once when the connection
        is lost, whoever ended it. While the worker stops, detached responses are ended for it.
        """
        self._on_gone = on_gone
        if not self.head_sent:
            self._write(b"", more=True)

    @property
    def detached(self) -> bool:
        """Whether the response goes on without its coroutine."""
        return self._on_gone is not None

    def push(self, data: bytes) -> int:
        """Adds to a detached response; returns the bytes the client has not taken yet, for the caller to bound."""
        connection = self.connection
        if connection.gone or self.ended:
            return 0
        self._write(data, more=True)
        return connection.transport.get_write_buffer_size()

    def hang_up(self) -> None:
        """Ends a detached response and closes its connection."""
        if not self.ended and not self.connection.gone:
            self.close = True
            self._write(b"", more=False)
            self.connection.transport.close()

    # -- the response on the wire ------------------------------------------------------------------------------------

    def _write(self, data: bytes, more: bool) -> None:
        """Puts a piece of the body on the wire, behind the head if that has not gone yet."""
        connection = self.connection
        head = b"" if self.head_sent else self._compose(None if more else len(data))
        self.head_sent = True
        if self._bodiless:
            data = b""
        elif self._length is not None:
            self._written += len(data)
            if self._written > self._length or (not more and self._written < self._length):
                self.close = self.ended = True
                connection.abort()
                raise RuntimeError(f"{self._written} bytes of a body declared as {self._length}")
        elif self._chunked:
            data = replies.chunk(data) if more else replies.chunk(data) + replies.LAST_CHUNK
        self.ended = not more
        self.bytes_out += len(head) + len(data)
        if len(data) <= WRITE_JOIN_BYTES_MAX:
            connection.write(head + data)
        else:
            connection.write(head)
            connection.write(data)

    def _compose(self, size: int | None) -> bytes:
        """The response's head; `size` bytes of body are all of it, None: it comes in pieces."""
        head = self.head
        end = self.connection.end
        close = self.close or end.draining or (self.body is not None and self._leaves_too_much(self.body))
        to_head = head.method == "HEAD"
        composed, self._length, self._chunked, self.close = end.composer.compose(
            self.status, self._fields, size, version=head.fields.version, to_head=to_head, close=close, date=end.date
        )
        self._bodiless = to_head or self.status in replies.BODILESS
        return composed

    def _leaves_too_much(self, body: Body) -> bool:
        """Whether so much of the body is unread that closing is cheaper than skipping it."""
        if body.complete:
            return False
        return not self.continued or body.left is None or body.left > DRAIN_BYTES_MAX
