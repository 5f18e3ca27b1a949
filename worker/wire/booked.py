"""A connection's tenant and what is booked to it: CPU, bytes, connections, memory.

A callback that runs for a connection is measured from `get_buffer`, before the socket is read, to `book`, at its end.
Memory is booked where it changes: what is `unread`, bodies that are under way, and what the client has not taken.
"""

from time import thread_time_ns
from typing import TYPE_CHECKING

from supervisor.contract.tenant import Tenant
from worker.fair.account import Account
from worker.fair.gate import LADEN
from worker.wire.bodies import Body
from worker.wire.handoff import KEPT_BYTES_MAX, Address
from worker.wire.movable import Movable

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

CHUNKED_READ_BYTES = 16_384  # read at a time of a chunked body, whose chunks may be tiny
TINY_READ_BYTES = 2_048  # and if they are: some 0.6 ms of work


class Booked(Movable):
    """A connection with the account of its last request; the worker's own before the first."""

    __slots__ = ("account", "body", "kept", "leads", "paused", "since", "tenant")

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end, client, hops, unread)
        self.account: Account = end.accounts.own
        self.tenant: Tenant | None = None
        self.body: Body | None = None  # streamed to the exchange, or skipped
        self.since = 0.0  # the endpoint's time at which its request began to wait; 0: it did not
        self.kept = 0  # bytes of memory that are booked
        self.paused = False  # its body is not read on: too much is kept in memory
        self.leads = False  # its body is, for one has to come to its end

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio names it)
        end = self.end
        end.began_ns = thread_time_ns()
        unread = self.unread
        if unread:
            return end.buffer[: max(1, KEPT_BYTES_MAX - len(unread))]  # never empty: that would be an error
        body = self.body
        if body is None or body.chunks is None:
            return end.buffer
        return end.buffer[: TINY_READ_BYTES if body.chunks.tiny else CHUNKED_READ_BYTES]

    def book(self) -> None:
        """Books the callback that ends, or the part of it since the last booking."""
        if self.kept or self.unread or self.choked or self.body is not None:
            self.weigh()
        end = self.end
        now_ns = thread_time_ns()
        end.gate.book(self.account, now_ns - end.began_ns)
        end.began_ns = now_ns

    def weigh(self) -> None:
        """Books what is kept in memory for this connection now."""
        kept = 0
        if not self.gone:
            kept = len(self.unread)
            if self.choked:
                kept += self.transport.get_write_buffer_size()
            if self.body is not None:
                kept += self.body.kept
        more = kept - self.kept
        if more:
            self.kept = kept
            account = self.account
            account.buffered += more
            end = self.end
            end.buffered += more
            end.gate.weigh(account)
            if more > 0 and (end.buffered > end.http.buffer_bytes_max or account.bars & LADEN):
                self._press()

    def write(self, data: bytes) -> None:
        if not self.gone:  # a transport whose socket is closed takes nothing
            size = len(data)
            self.account.bytes_out += size
            self.written += size
            self.transport.write(data)

    def abort(self) -> None:
        if self.choked and not self.gone:
            self.account.bytes_out -= self.transport.get_write_buffer_size()  # this has not gone out
        super().abort()

    def _press(self) -> None:
        """More is kept for this connection although it is too much already."""
        raise NotImplementedError

    def belong(self, tenant: Tenant | None) -> bool:
        """The next request is this tenant's; False: that is one connection too many for it."""
        end = self.end
        self.tenant = tenant
        account = end.accounts.own if tenant is None else end.accounts.of(tenant)
        before = self.account
        if account is before:
            return True
        kept = self.kept
        before.connections -= 1
        before.buffered -= kept
        account.connections += 1
        account.buffered += kept
        self.account = account
        return tenant is None or account.connections <= account.plan.connections_max

    def read_away(self, nbytes: int) -> None:
        self.account.bytes_in += nbytes
        super().read_away(nbytes)
