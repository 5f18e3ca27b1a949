"""A connection whose next request is not run here and now: it waits at the gate, is refused, or is another worker's."""

from math import inf
from time import monotonic_ns, thread_time_ns
from typing import TYPE_CHECKING

from supervisor.contract.tenant import Tenant
from worker.fair.account import Account
from worker.fair.gate import WAIT, Wait
from worker.fair.limits import Denial
from worker.wire.answer import DRAIN_BYTES_MAX
from worker.wire.bodies import Body
from worker.wire.handoff import Address
from worker.wire.heads import Head
from worker.wire.movable import RETRY_AFTER_S
from worker.wire.receiving import PARKED, READY, STALLED, Receiving

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint


class Gated(Receiving):
    """The socket of one client, in front of the gate (`worker.fair.gate`)."""

    __slots__ = ("_parked_ns",)

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end, client, hops, unread)
        self._parked_ns = 0

    def _here(self, head: Head, data: bytes, start: int) -> int:
        """Finds whose request begins at `start`: how many bytes of its path only name the tenant, or -1.

        -1: it is not to be run here, and that is seen to.
        """
        end = self.end
        route = end.directory.route(head.fields.host, head.target)
        if route is None:
            if self.tenant is not None:
                self.belong(None)
            return 0
        tenant, prefix = route
        if (owner := end.directory.owner(tenant)) != end.berth:
            self._elsewhere(tenant, owner, data[start:])
            return -1
        if tenant is not self.tenant and not self.belong(tenant):
            self._deny(Denial(self.account.plan.connections_max, RETRY_AFTER_S), head, close=True)
            return -1
        return prefix

    def _elsewhere(self, tenant: Tenant, owner: int, data: bytes) -> None:
        """The next request is for a tenant that this worker does not serve now."""
        end = self.end
        if end.directory.next_owner(tenant) != end.berth and not end.gate.holds(tenant.name):
            self.leave_for(owner, data)
            return
        self.belong(tenant)  # it is about to be this worker's
        if end.gate.await_routes(self.account) is WAIT:
            self._park(data)
        else:
            self.unread = data
            self.not_passed()

    def _park(self, data: bytes) -> None:
        """The request at the beginning of `data` waits at the gate."""
        end = self.end
        account = self.account
        self._mode = PARKED
        self.hops = 0  # who lets it wait does not play with another worker
        self.keep(data)
        self._parked_ns = monotonic_ns()
        self.since = self.since or end.now
        self.deadline = self.since + account.plan.request_timeout_s
        end.gate.park(account, self)

    def go_on(self, granted: bool) -> None:
        """The gate lets the request go on, from its routing; `granted`: it need not ask again."""
        if self._mode != PARKED:  # it was refused, or left for another worker, when it had been freed already
            return
        self.end.began_ns = thread_time_ns()
        account = self._unpark()
        self.transport.resume_reading()
        data, self.unread = self.unread, b""
        if self.choked:
            self._stall(data)
        else:
            self._advance(data, account if granted else None, known=True)
        self.book()

    def _unpark(self) -> Account:
        account = self.account
        account.waited_ns += monotonic_ns() - self._parked_ns
        self._mode = READY
        return account

    def _ask(self, head: Head, data: bytes, begin: int, known: bool) -> int:
        """Asks the gate about the request that begins at `begin`: 0, it may run.

        Above zero: it was refused, and the next begins there. -1: that is seen to, one way or another.
        """
        answer = self.end.gate.consider(self.account, known)
        if answer is None:
            return 0
        if isinstance(answer, Wait):
            self._park(data[begin:])
            return -1
        return self._refused(answer, head, data, begin + head.size)

    def _refused(self, denial: Denial, head: Head, data: bytes, start: int) -> int:
        """Answers a request which the gate refuses; where the next begins in `data`, -1 where that is not to be known.

        The refused one's body begins at `start`.
        """
        last = start + head.fields.length
        arrived = len(data) - start
        skipped = head.chunks is None and not head.fields.expect_continue and last - len(data) <= DRAIN_BYTES_MAX
        close = not skipped or not head.fields.keep_alive or self.end.draining or (self.eof and last >= len(data))
        self._deny(denial, head, close=close)
        if close:
            self.account.bytes_in += arrived
            return -1
        if last <= len(data):
            self.account.bytes_in += last - start
            return last
        self.account.bytes_in += arrived
        body = self.body = Body(head.fields.length, None, self.end.http.body_bytes_max)
        if arrived:
            body.feed(data[start:])
        self.skip_body(body)
        return -1

    def _deny(self, denial: Denial, head: Head, *, close: bool) -> None:
        """The gate's refusal; the connection may go on."""
        end = self.end
        account = self.account
        reply = end.denials.reply(denial, head, end.date, close=close)
        account.refused += 1
        account.bytes_in += head.size
        self.served += 1
        self.hops = 0
        self.since = 0.0
        self.write(reply)
        if close:
            self.linger()

    # -- pauses ------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """All that came was answered."""
        self.deadline = self.end.now + self.end.http.keepalive_timeout_s

    def _go_on(self, data: bytes) -> None:
        self.transport.resume_reading()
        if self.end.departing is not None:
            self.leave_for(self.end.departing, data)
        elif not data:
            self._rest()
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
            self.end.loop.call_soon(self._next_batch)

    def _next_batch(self) -> None:
        self.end.began_ns = thread_time_ns()
        self._resume()
        self.book()

    def _resume(self) -> None:
        """Goes on after a stall."""
        if self._mode == STALLED and not self.gone and not self.choked:
            self._mode = READY
            data, self.unread = self.unread, b""
            self._go_on(data)

    def _advance(self, data: bytes, granted: Account | None = None, known: bool = False) -> None:
        """Starts one request after another from the beginning of `data`. Called in READY only."""
        raise NotImplementedError
