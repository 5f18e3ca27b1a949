"""One client connection: what its bytes mean at which moment.

    READY ──request──► BUSY ──response, body read──────► READY        READY     awaits a head, or a small body's rest
      │                 ├─response, body unread──► SKIPPING ─► READY  BUSY      an exchange runs; input: body, then kept
      │                 ├─client reads too slowly► STALLED ──► READY  SKIPPING  an unwanted body is read away
      │                 └─last response──► lingering, closed          STALLED   input is kept until the client reads
      └──another shard's──► passing ──► (its owner)

Requests on a connection are answered one after another. A request with a small body is started when all of it is there,
so that it never costs a Task; larger, chunked and announced (`Expect`) bodies are streamed.
"""

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from supervisor.contract.tenant import Tenant
from worker.wire.asgi import Exchange
from worker.wire.bodies import TOO_LARGE, Body
from worker.wire.handoff import UNREAD_BYTES_MAX, Address
from worker.wire.heads import Head, Refusal
from worker.wire.movable import Movable

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

READY, BUSY, SKIPPING, STALLED = range(4)

PIPELINE_BATCH = 8  # requests of one connection before the others get a turn
FRESH_S = 1.0  # for the first request of a connection accepted just before its worker stops
DRAIN_S = 5.0  # for a client that lets a stopping worker wait for input: others wait for the successor
LOCAL: Address = ("127.0.0.1", 0)  # stands for the peer of a unix socket

SLOW_HEAD = "The request head did not arrive in time."
SLOW_BODY = "The request body did not arrive in time."
FULL = "The server has too many connections."


class Connection(Movable):
    """The protocol of one socket."""

    __slots__ = (
        "_body",
        "_exchange",
        "_mode",
        "_partial",
        "served",
        "server",
    )

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end, client, hops, unread)
        self.server: Address = LOCAL
        self.served = 0
        self._mode = READY
        self._partial: Head | None = None  # head of the small body that is awaited
        self._exchange: Exchange | None = None
        self._body: Body | None = None  # streamed to the exchange, or skipped

    # -- asyncio -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        end = self.end
        self.transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("sockname")
        if isinstance(name, tuple):
            self.server = name[:2]
        refused = end.full
        end.connections.add(self)
        self.deadline = end.now + (FRESH_S if end.draining else end.http.head_timeout_s)
        if refused:
            self.refuse(503, FULL)
        elif self.unread:
            data, self.unread = self.unread, b""
            self._advance(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio names it)
        self.gone = True
        self.end.connections.discard(self)
        if self._exchange is not None:
            self._exchange.lost()

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.end.buffer[:nbytes])
        if self.lingering:
            self.read_away(nbytes)
        elif self._mode == READY:
            self._advance(self.unread + data if self.unread else data)
        elif self._body is not None:
            self._feed(self._body, data)
        else:
            self.keep(data)

    def eof_received(self) -> bool:
        self.eof = True
        if self.lingering or self._mode in (READY, SKIPPING):
            return False  # asyncio sends what is left to send, then closes
        exchange = self._exchange
        if exchange is not None:
            if exchange.detached:
                return False
            exchange.wake()
        return True

    def pause_writing(self) -> None:
        self.choked = True

    def resume_writing(self) -> None:
        self.choked = False
        if self.passing:
            self.pass_on()
        elif self._mode == STALLED:
            self._resume()
        elif self._exchange is not None:
            self._exchange.wake_writer()

    # -- requests ----------------------------------------------------------------------------------------------------

    def _advance(self, data: bytes) -> None:
        """Starts one request after another from the beginning of `data`. Called in READY only."""
        end = self.end
        partial, self._partial = self._partial, None
        awaited = bool(self.unread)  # a deadline runs for the beginning of `data`
        self.unread = b""
        start = 0
        size = len(data)
        for _ in range(PIPELINE_BATCH):
            head = partial or self._parse(data, start, awaited and not start)
            if head is None:
                return
            partial = None
            route = end.directory.route(head.fields.host, head.target)
            tenant, prefix = (None, 0) if route is None else route
            if tenant is not None and (owner := end.directory.owner(tenant)) != end.shard:
                self.leave_for(owner, data[start:])
                return
            begin = start
            start += head.size
            whole = b""
            if head.fields.length or head.chunks is not None:
                arrived = self._begin_body(head, tenant, prefix, data, begin)
                if arrived is None:
                    return
                whole, data, start = arrived
                size = len(data)
            exchange = self._exchange = Exchange(self, head, tenant, whole, None)
            self._mode = BUSY
            if not exchange.run(prefix):
                self.deadline = inf
                self.keep(data[start:])
                return
            self._mode = READY
            if not self._settle(exchange, start < size):
                return
            if start == size:
                self.deadline = end.now + end.http.keepalive_timeout_s
                return
            if self.choked:
                break
        self._stall(data[start:])

    def _parse(self, data: bytes, start: int, timed: bool) -> Head | None:
        """The head that begins at `start`; None: it is incomplete or refused, and that is seen to.

        `timed` says that its deadline runs already.
        """
        end = self.end
        try:
            head = end.heads.parse(data, start)
        except Refusal as refusal:
            self.refuse(refusal.status, refusal.message)
            return None
        if head is None:
            if not timed:
                self.deadline = end.now + end.http.head_timeout_s
            self.unread = data[start:]
            if self.eof:
                self.transport.close()
        return head

    def _begin_body(
        self, head: Head, tenant: Tenant | None, prefix: int, data: bytes, begin: int
    ) -> tuple[bytes, bytes, int] | None:
        """(whole body, data, start of what follows in it) if all of the body is there; else sees to the rest itself.

        The request begins at `begin` in `data`.
        """
        end = self.end
        length = head.fields.length
        start = begin + head.size
        last = start + length
        if length > end.http.body_bytes_max:
            self.refuse(413, TOO_LARGE)
            return None
        if head.chunks is None and last <= len(data):
            return data[start:last], data, last
        if head.chunks is None and last - begin <= UNREAD_BYTES_MAX and not head.fields.expect_continue:
            if self.eof:
                self.transport.close()
                return None
            self._partial = head
            self.unread = data[begin:]
            self.deadline = end.now + end.http.body_timeout_s
            return None
        body = Body(length, head.chunks, end.http.body_bytes_max)
        try:
            rest = body.feed(data[start:]) if start < len(data) else None
        except Refusal as refusal:
            self.refuse(refusal.status, refusal.message)
            return None
        if rest is not None:
            return body.take(), rest, 0
        self._body = body
        self._mode = BUSY
        self._watch_body(body)
        exchange = self._exchange = Exchange(self, head, tenant, b"", body)
        if exchange.run(prefix):
            self.finished(exchange)
        return None

    def _feed(self, body: Body, data: bytes) -> None:
        """More of the body has come."""
        if body.complete:
            self.keep(data)
            return
        exchange = self._exchange
        try:
            rest = body.feed(data)
        except Refusal as refusal:
            self._break_body(refusal.status, refusal.message)
            return
        if self._mode == SKIPPING:
            body.drop()
            if rest is not None:
                self._body = None
                self._mode = READY
                self._go_on(rest)
            return
        if rest:
            self.keep(rest)
        self._watch_body(body)
        if exchange is not None:
            exchange.wake()

    def _watch_body(self, body: Body) -> None:
        """Reads on while the application keeps up."""
        if body.complete:
            self.deadline = inf
        elif body.full:
            self.deadline = inf
            self.transport.pause_reading()
        else:
            self.deadline = self.end.now + self.end.http.body_timeout_s

    def read_on(self) -> None:
        """The application has taken what there was of the body."""
        body = self._body
        if body is not None and not body.complete and not self.gone:
            self._watch_body(body)
            self.transport.resume_reading()

    # -- after a request ---------------------------------------------------------------------------------------------

    def finished(self, exchange: Exchange) -> None:
        """An exchange which did not end in its first step, or has a streamed body, is over."""
        if self.gone or self.lingering:
            return
        self._mode = READY
        if self._settle(exchange, bool(self.unread)):
            data, self.unread = self.unread, b""
            self._go_on(data)

    def _settle(self, exchange: Exchange, more: bool) -> bool:
        """Whether the connection may go on with its next request; `more` says that input is there already."""
        if exchange.detached:
            self._mode = BUSY
            self.deadline = inf
            return False
        self._exchange = None
        self.served += 1
        self.hops = 0
        if self.gone:
            return False
        body = self._body
        cut = body is not None and not body.complete
        if exchange.close or self.end.draining or (self.eof and (cut or not more)):
            if more or cut or exchange.head.fields.keep_alive:
                self.linger()
            else:
                self.transport.close()
            return False
        if cut:
            assert body is not None
            body.drop()
            self._mode = SKIPPING
            self.deadline = self.end.now + self.end.http.body_timeout_s
            self.transport.resume_reading()
            return False
        self._body = None
        return True

    def _go_on(self, data: bytes) -> None:
        """Takes up reading and the requests in `data`. Called in READY only."""
        self.transport.resume_reading()
        if not data:
            self.deadline = self.end.now + self.end.http.keepalive_timeout_s
        elif self.choked:
            self._stall(data)
        else:
            self._advance(data)

    def _stall(self, data: bytes) -> None:
        """Lets the requests in `data` wait: until the client reads, or only until other connections had a turn."""
        self._mode = STALLED
        self.deadline = inf  # the limit on writing watches the client
        self.keep(data)
        if not self.choked:
            self.end.loop.call_soon(self._resume)

    def _resume(self) -> None:
        """Goes on after a stall."""
        if self._mode == STALLED and not self.gone and not self.choked:
            self._mode = READY
            data, self.unread = self.unread, b""
            self._go_on(data)

    # -- ends --------------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        mode = self._mode
        if self.passing:
            self.not_passed()
        elif mode == READY and self._partial is not None:
            self.refuse(408, SLOW_BODY)
        elif mode == READY and self.unread.strip(b"\r\n"):
            self.refuse(408, SLOW_HEAD)
        elif mode == BUSY:
            self._break_body(408, SLOW_BODY)
        elif mode == READY:
            self.transport.close()
        else:
            self.abort()

    @property
    def idle(self) -> bool:
        """Whether no request has begun to arrive."""
        return self._mode == READY and not self.unread and not self.transport.is_closing()

    def drain(self) -> None:
        """Ends what would never end by itself, or not soon."""
        if self._mode != BUSY or self.deadline < inf:  # not where the application has all that it waits for
            self.deadline = min(self.deadline, self.end.now + DRAIN_S)
        exchange = self._exchange
        if exchange is not None and exchange.detached:
            exchange.hang_up()

    def _break_body(self, status: int, message: str) -> None:
        """The body of the running request can't be completed."""
        exchange = self._exchange
        if exchange is None:  # SKIPPING: the response has been sent
            self.linger()
            return
        if exchange.head_sent:
            self.abort()
        else:
            exchange.answer(status, message)
            exchange.wake()
            self.linger()

    def abandon(self) -> asyncio.Task[None] | None:
        """Drops the connection; returns the Task that still works for it."""
        self.abort()
        return None if self._exchange is None else self._exchange.task
