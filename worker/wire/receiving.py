"""A connection whose request's body arrives while its exchange runs, or is read away when nobody wants it."""

from math import inf
from typing import TYPE_CHECKING

from worker.wire.asgi import Exchange
from worker.wire.bodies import Body
from worker.wire.booked import Booked
from worker.wire.handoff import Address
from worker.wire.refusal import Refusal

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

READY, BUSY, SKIPPING, STALLED, PARKED = range(5)  # drawn in `connection`

BREATH_S = 0.005  # a pause for the sake of other tenants
BREATHS_MAX = 20  # then something is read, whatever else the tenant does

SLOW_BODY = "The request body did not arrive in time."


class Receiving(Booked):
    """The socket of one client, with the exchange that runs on it and the body that arrives for it."""

    __slots__ = ("_breaths", "_exchange", "_mode", "served")

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end, client, hops, unread)
        self.served = 0
        self._mode = READY
        self._exchange: Exchange | None = None
        self._breaths = 0  # pauses for the sake of other tenants since something was read

    def _feed(self, body: Body, data: bytes) -> None:
        """More of the body has come."""
        if body.complete:
            self.keep(data)
            return
        exchange = self._exchange
        account = self.account
        try:
            rest = body.feed(data)
        except Refusal as refusal:
            account.bytes_in += len(data)
            self.break_body(refusal.status, refusal.message)
            return
        account.bytes_in += len(data) - (len(rest) if rest else 0)
        if self._mode == SKIPPING:
            body.drop()
            if rest is not None:
                self.body = None
                self._mode = READY
                self._go_on(rest)
            return
        if rest:
            self.keep(rest)
        self._breaths = 0
        if not body.complete and self.end.gate.owes(account):
            self._breaths = 1
            self.end.loop.call_later(BREATH_S, self._breathe)
        self.watch_body(body)
        if exchange is not None:
            exchange.wake()

    def _breathe(self) -> None:
        """Reads on once the tenant's share of the CPU allows it; at the latest after some pauses."""
        if self.gone or self.lingering or self._mode != BUSY:
            self._breaths = 0
        elif self._breaths < BREATHS_MAX and self.end.gate.owes(self.account):
            self._breaths += 1
            self.end.loop.call_later(BREATH_S, self._breathe)
        else:
            self._breaths = 0
            self.read_on()

    def watch_body(self, body: Body) -> None:
        """Reads on while the application keeps up and there is memory."""
        if body.complete:
            self.deadline = inf
            self.paused = self.leads = False
        elif body.full or self.paused or self._breaths:
            self.deadline = inf
            self.transport.pause_reading()
        else:
            self.deadline = self.end.now + self.end.http.body_timeout_s

    def read_on(self) -> None:
        """The application has taken what there was of the body, or there is memory for more."""
        body = self.body
        if body is not None and not body.complete and not self.gone:
            self.watch_body(body)
            if not (self.paused or body.full or self._breaths):
                self.transport.resume_reading()

    @property
    def receives(self) -> bool:
        """Whether a body arrives for the request that runs."""
        return self._mode == BUSY and self.body is not None and not self.body.complete

    def _press(self) -> None:
        if self.receives and not self.leads:
            self.pause(True)
        elif self.choked and self.end.pressed:
            self.end.relieve()

    def pause(self, paused: bool) -> None:
        """Stops reading the body that arrives, or takes it up again."""
        if paused != self.paused:
            self.paused = paused
            self.read_on()

    def skip_body(self, body: Body) -> None:
        """Reads the rest of an unwanted body away."""
        body.drop()
        self.paused = self.leads = False
        self._breaths = 0
        self._mode = SKIPPING
        self.deadline = self.end.now + self.end.http.body_timeout_s
        self.transport.resume_reading()

    def break_body(self, status: int, message: str) -> None:
        """The body of the running request can't be completed."""
        exchange = self._exchange
        if exchange is None:  # SKIPPING: the response has been sent
            self.linger()
        elif exchange.head_sent:
            self.abort()
        else:
            exchange.answer(status, message)
            exchange.wake()
            self.linger()

    def _go_on(self, data: bytes) -> None:
        """Takes up reading and the requests in `data`. Called in READY only."""
        raise NotImplementedError
