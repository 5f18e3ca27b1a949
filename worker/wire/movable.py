"""A stream that can be passed to another shard with all that was read from it and not used.

Input is never read beyond what one frame of a hand-off carries, so `unread` can move at any request's boundary.
"""

from math import inf
from typing import TYPE_CHECKING

from worker.wire import handoff
from worker.wire.handoff import UNREAD_BYTES_MAX, Address
from worker.wire.stream import Stream

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

PASS_WAIT_S = 2.0  # for room in the owner's queue
RETRY_AFTER_S = 1
OWNER_BUSY = "The server is overloaded, please try again."


class Movable(Stream):
    """The socket of one client, here or on its way. `hops` and `unread` come from the shard that passed it."""

    __slots__ = ("_owner", "client", "hops", "passing", "unread")

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end)
        self.client = client
        self.hops = hops
        self.unread = unread
        self.passing = False
        self._owner = 0

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio names it)
        unread = self.unread
        return self.end.buffer[: UNREAD_BYTES_MAX - len(unread)] if unread else self.end.buffer

    def keep(self, data: bytes) -> None:
        """Keeps input for later; reading stops before it exceeds what a hand-off carries."""
        if data:
            self.unread += data
        if len(self.unread) >= UNREAD_BYTES_MAX:
            self.transport.pause_reading()

    def leave_for(self, owner: int, unread: bytes) -> None:
        """The next request, which begins with `unread`, is another shard's."""
        self._owner = owner
        self.unread = unread
        self.passing = True
        self.pass_on()

    def pass_on(self) -> None:
        """Passes the connection to the owner: earlier responses first, then the socket with all that is unread."""
        transport = self.transport
        transport.pause_reading()
        self.deadline = inf
        if self.hops >= handoff.HOPS_MAX:
            self.not_passed()
        elif transport.get_write_buffer_size():
            transport.set_write_buffer_limits(high=0)  # so resume_writing tells when the last byte has left
        else:
            self.deadline = self.end.now + PASS_WAIT_S
            self.pass_again()

    def not_passed(self) -> None:
        """The owner can't have it now, and must not get it later: the client may repeat what was refused."""
        self.passing = False
        self.refuse(503, OWNER_BUSY, RETRY_AFTER_S)

    def linger(self) -> None:
        """Ends after the last response; what was kept for later is of no use any more, and its room is needed."""
        self.unread = b""
        super().linger()

    def pass_again(self) -> None:
        """Tries to put the connection into the owner's queue."""
        if not self.passing or self.gone:
            return
        end = self.end
        try:
            frame = handoff.encode(self.client, self.hops + 1, self.unread)
            sent = end.links.send(self._owner, self.fileno(), frame)
        except OSError as error:
            end.log.error("a connection could not be passed to shard %d: %s", self._owner, error)
            self.not_passed()
            return
        if not sent:
            end.queue(self)
            return
        end.passed += 1
        self.gone = True
        self.transport.abort()  # closes this descriptor only: the connection lives on at its owner
