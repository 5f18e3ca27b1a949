"""The response to one request: what the application sends, put on the wire within the limits of both sides."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from worker.fair.account import Account
from worker.wire import replies
from worker.wire.bodies import Body
from worker.wire.heads import Head
from worker.wire.loss import ClientGone

if TYPE_CHECKING:
    from worker.wire.connection import Connection

Message = dict[str, Any]

WRITE_JOIN_BYTES_MAX = 65_536  # a larger body is not copied behind its head
STATUS_LOST = 500  # of a response that was cut off by an error
DRAIN_BYTES_MAX = 262_144  # so much of a body nobody read is skipped to save the connection


class Answer:
    """The response's side of an exchange. `send` is the application's; its connection tells of room and loss."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_fields",
        "_length",
        "_on_gone",
        "_space",
        "_written",
        "account",
        "body",
        "close",
        "connection",
        "continued",
        "ended",
        "head",
        "head_sent",
        "status",
    )

    def __init__(self, connection: "Connection", head: Head, body: Body | None) -> None:
        self.connection = connection
        self.account: Account = connection.account
        self.head = head
        self.body = body  # streamed
        self.close = not head.fields.keep_alive  # the connection, after this response
        self.continued = not head.fields.expect_continue  # 100 Continue is sent or not wanted
        self.status = 0
        self.head_sent = False
        self.ended = False  # the response is complete
        self._fields: Iterable[tuple[bytes, bytes]] = ()
        self._bodiless = False
        self._chunked = False
        self._length: int | None = None
        self._written = 0
        self._space: asyncio.Future[None] | None = None
        self._on_gone: Callable[[], None] | None = None

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

    def reply(self, status: int, fields: Iterable[tuple[bytes, bytes]], data: bytes) -> None:
        """Takes a whole response at once, as `send` does in two events. Raises ClientGone."""
        if self.connection.gone:
            raise ClientGone("the client is gone")
        if self.status:
            raise RuntimeError("the response has started")
        self.status = status
        self._fields = fields
        self._write(data, more=False)

    async def _room(self) -> None:
        while self.connection.choked and not self.connection.gone:
            self._space = self.connection.end.loop.create_future()
            try:
                await self._space
            finally:
                self._space = None

    def flush_head(self) -> None:
        """The application waits: a head it has given goes out without its body."""
        if self.status and not self.head_sent and not self.connection.gone:
            self._write(b"", more=True)

    def wake_writer(self) -> None:
        """The transport takes more, or will never again."""
        space = self._space
        if space is not None and not space.done():
            space.set_result(None)

    def answer(self, status: int, message: str) -> None:
        """The wire's own response in place of the application's, which can't send any more."""
        self.status = status
        self.close = self.head_sent = self.ended = True
        connection = self.connection
        reply = replies.error_reply(status, message, connection.end.date, to_head=self.head.method == "HEAD")
        connection.write(reply)

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
        connection.weigh()
        return connection.transport.get_write_buffer_size()

    def hang_up(self) -> None:
        """Ends a detached response and closes its connection."""
        if not self.ended and not self.connection.gone:
            self.close = True
            self._write(b"", more=False)
            self.connection.transport.close()

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
                self.status = STATUS_LOST
                connection.abort()
                raise RuntimeError(f"{self._written} bytes of a body declared as {self._length}")
        elif self._chunked:
            data = replies.chunk(data) if more else replies.chunk(data) + replies.LAST_CHUNK
        self.ended = not more
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
