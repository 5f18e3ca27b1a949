"""One client connection: what its bytes mean at which moment.

    READY ──request──► BUSY ──response, body read──────► READY        READY     awaits a head, or a small body's rest
      │ │               ├─response, body unread──► SKIPPING ─► READY  BUSY      an exchange runs; input: body, then kept
      │ │               ├─client reads too slowly► STALLED ──► READY  SKIPPING  an unwanted body is read away
      │ │               └─last response──► lingering, closed          STALLED   input is kept until the client reads
      │ └──gate──► PARKED ──turn──► READY                             PARKED    a request waits at the gate, input kept
      └──another worker's──► passing ──► (its owner)

Requests on a connection are answered one after another. A request with a small body is started when all of it is there,
so that it never costs a Task; larger, chunked and announced (`Expect`) bodies are streamed. The gate is asked when a
request could begin to run, and until then all of it is `unread`, so that it can go to another worker as it came.
"""

import asyncio
from math import inf
from time import thread_time_ns
from typing import TYPE_CHECKING, cast

from worker.fair.account import Account
from worker.wire.asgi import Exchange
from worker.wire.bodies import TOO_LARGE, Body
from worker.wire.gated import Gated
from worker.wire.handoff import KEPT_BYTES_MAX, Address
from worker.wire.heads import Head
from worker.wire.movable import RETRY_AFTER_S
from worker.wire.receiving import BUSY, PARKED, READY, SKIPPING, SLOW_BODY, STALLED
from worker.wire.refusal import Refusal

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

PIPELINE_BATCH = 8  # requests of one connection before the others get a turn
FRESH_S = 1.0  # for the first request of a connection accepted just before its worker stops
DRAIN_S = 5.0  # for a client that lets a stopping worker wait for input: others wait for the successor
STOP_AGAIN_S = 5.0  # for a request that was stopped to end by itself
LOCAL: Address = ("127.0.0.1", 0)  # stands for the peer of a unix socket

SLOW_HEAD = "The request head did not arrive in time."
FULL = "The server has too many connections."
TOO_LONG = "The request took too long."
WAITED_TOO_LONG = "The server is busy, please try again."


class Connection(Gated):
    """The protocol of one socket."""

    __slots__ = ("_partial", "server")

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end, client, hops, unread)
        self.server: Address = LOCAL
        self._partial: Head | None = None  # head of the small body that is awaited

    # -- asyncio -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        end = self.end
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)  # to be told of all that the client does not take at once
        name = transport.get_extra_info("sockname")
        if isinstance(name, tuple):
            self.server = name[:2]
        refused = not end.make_room()
        end.connections.add(self)
        self.account.connections += 1
        if self.served:
            self._rest()
        else:
            self.deadline = end.now + (FRESH_S if end.draining else end.http.head_timeout_s)
        if refused:
            self.refuse(503, FULL)
        elif end.departing is not None:
            self.depart(end.departing)
        elif self.unread:
            end.began_ns = thread_time_ns()
            data, self.unread = self.unread, b""
            self._advance(data)
            self.book()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio names it)
        self.gone = True
        self.end.connections.discard(self)
        account = self.account
        if self._mode == PARKED:
            self.end.gate.leave(account, self)
        account.connections -= 1
        account.bytes_in += len(self.unread)
        self.unread = b""
        self.weigh()
        if self._exchange is not None:
            self._exchange.lost()

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.end.buffer[:nbytes])
        if self.lingering:
            self.read_away(nbytes)
        elif self._mode == READY:
            self._advance(self.unread + data if self.unread else data)
        elif self.body is not None:
            self._feed(self.body, data)
        else:
            self.keep(data)
        self.book()

    def eof_received(self) -> bool:
        self.eof = True
        if self.lingering or self._mode in (READY, SKIPPING):
            return False  # asyncio sends what is left to send, then closes
        exchange = self._exchange
        if exchange is not None:
            if exchange.detached:
                return False
            exchange.wake()
            if exchange.on_lost is not None:
                exchange.on_lost()
        return True

    def pause_writing(self) -> None:
        self.choked = True

    def resume_writing(self) -> None:
        end = self.end
        end.began_ns = thread_time_ns()
        self.choked = False
        if self.passing:
            self.pass_on()
        elif self._mode == STALLED:
            self._resume()
        elif self._exchange is not None:
            self._exchange.wake_writer()
        self.book()

    # -- requests ----------------------------------------------------------------------------------------------------

    def _advance(  # noqa: PLR0912 (the way of every request: a call costs what a branch does not)
        self, data: bytes, granted: Account | None = None, known: bool = False
    ) -> None:
        """Starts one request after another from the beginning of `data`. Called in READY only.

        The first one need not ask the gate if it has its account's turn, `granted`; `known`: it has asked before.
        """
        end = self.end
        partial, self._partial = self._partial, None
        awaited = bool(self.unread)  # a deadline runs for the beginning of `data`
        self.unread = b""
        if end.departing is not None:
            self.leave_for(end.departing, data)
            return
        start = 0
        size = len(data)
        for _ in range(PIPELINE_BATCH):
            head = partial or self._parse(data, start, awaited and not start)
            if head is None:
                return
            partial = None
            prefix = self._here(head, data, start)
            if prefix < 0:
                return
            begin = start
            start += head.size
            bodied = head.fields.length > 0 or head.chunks is not None
            if bodied and self._awaits(head, data, begin):
                return
            account = self.account
            if granted is not account and (account.bars or account.deficit_ns <= 0):
                refused = self._ask(head, data, begin, known)
                if refused < 0:
                    return
                if refused:
                    start, known = refused, False
                    self.book()  # the next one may be another tenant's
                    if start == size:
                        self._rest()
                        return
                    continue
            granted, known = None, False
            whole = b""
            if bodied:
                arrived = self._take_body(head, prefix, data, start)
                if arrived is None:
                    return
                whole, data, start = arrived
                begin -= size - len(data)
                size = len(data)
            account.bytes_in += start - begin
            exchange = self._exchange = Exchange(self, head, self.tenant, whole, None)
            self._mode = BUSY
            if not exchange.run(prefix):
                self.deadline = inf
                self.keep(data[start:])
                return
            self._mode = READY
            if not self._settle(exchange, start < size):
                return
            if start == size:
                self._rest()
                return
            if self.choked:
                break
            self.book()
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

    def _awaits(self, head: Head, data: bytes, begin: int) -> bool:
        """Whether the request can't begin: its body is too large, or small and not all there; that is seen to.

        The request begins at `begin` in `data`.
        """
        end = self.end
        length = head.fields.length
        if length > end.http.body_bytes_max:
            self.account.failed += 1
            self.refuse(413, TOO_LARGE)
            return True
        last = begin + head.size + length
        if last <= len(data) or last - begin > KEPT_BYTES_MAX or head.chunks or head.fields.expect_continue:
            return False
        if self.eof:
            self.transport.close()
            return True
        self._partial = head
        self.unread = data[begin:]
        self.deadline = end.now + end.http.body_timeout_s
        return True

    def _take_body(self, head: Head, prefix: int, data: bytes, start: int) -> tuple[bytes, bytes, int] | None:
        """(whole body, data, start of what follows in it) if all of the body is there; else runs the request.

        The body begins at `start` in `data`.
        """
        last = start + head.fields.length
        if head.chunks is None and last <= len(data):
            return data[start:last], data, last
        end = self.end
        body = Body(head.fields.length, head.chunks, end.http.body_bytes_max)
        try:
            rest = body.feed(data[start:]) if start < len(data) else None
        except Refusal as refusal:
            self.account.failed += 1
            self.refuse(refusal.status, refusal.message)
            return None
        if rest is not None:
            return body.take(), rest, 0
        self.account.bytes_in += head.size + len(data) - start
        self.body = body
        self._mode = BUSY
        self.watch_body(body)
        exchange = self._exchange = Exchange(self, head, self.tenant, b"", body)
        if exchange.run(prefix):
            self.finished(exchange)
        return None

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
        self.since = 0.0
        if self.gone:
            return False
        body = self.body
        cut = body is not None and not body.complete
        if exchange.close or self.end.draining or (self.eof and (cut or not more)):
            if more or cut or exchange.head.fields.keep_alive:
                self.linger()
            else:
                self.transport.close()
            return False
        if cut:
            assert body is not None
            self.skip_body(body)
            return False
        self.body = None
        return True

    # -- ends --------------------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.until <= now:
            exchange.until = now + STOP_AGAIN_S
            exchange.stop(TOO_LONG)
        super().check(now)

    def expire(self) -> None:
        mode = self._mode
        if self.passing:
            self.not_passed()
        elif mode == READY and self._partial is not None:
            self.refuse(408, SLOW_BODY)
        elif mode == READY and self.unread.strip(b"\r\n"):
            self.refuse(408, SLOW_HEAD)
        elif mode == BUSY:
            self.break_body(408, SLOW_BODY)
        elif mode == READY:
            self.transport.close()
        elif mode == PARKED:
            self.end.gate.leave(self.account, self)
            self._unpark().refused += 1
            self.refuse(503, WAITED_TOO_LONG, RETRY_AFTER_S)
        else:
            self.abort()

    @property
    def between(self) -> bool:
        """Whether nothing is being done for it: it is between two requests, or one has begun to arrive."""
        return self._mode == READY and not (self.lingering or self.passing or self.transport.is_closing())

    @property
    def idle(self) -> bool:
        """Whether no request has begun to arrive."""
        return not self.unread and self.between

    def drain(self) -> None:
        """Ends what would never end by itself, or not soon."""
        if self._mode != BUSY or self.deadline < inf:  # not where the application has all that it waits for
            self.deadline = min(self.deadline, self.end.now + DRAIN_S)
        exchange = self._exchange
        if exchange is not None and exchange.detached:
            exchange.hang_up()

    def depart(self, berth: int) -> None:
        """Goes to another worker: at once if it is between two requests, else when it will be."""
        if self.gone or self.lingering or self.passing or self.transport.is_closing():
            return
        exchange = self._exchange
        if exchange is not None and exchange.detached:
            exchange.hang_up()
        if self._mode == PARKED:
            self.end.gate.leave(self.account, self)
            self._unpark()
        elif self._mode == STALLED:
            self._mode = READY
        if self._mode == READY:
            self._partial = None
            self.leave_for(berth, self.unread)
            self.weigh()

    def stop(self, account: Account, message: str) -> None:
        """Ends what runs here for an account."""
        exchange = self._exchange
        if exchange is not None and exchange.account is account:
            exchange.until = self.end.now + STOP_AGAIN_S
            exchange.stop(message)

    def abandon(self) -> asyncio.Task[None] | None:
        """Drops the connection; returns the Task that still works for it."""
        self.abort()
        return None if self._exchange is None else self._exchange.as_task()
