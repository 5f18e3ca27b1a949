"""A stream that can be passed to another worker with all that was read from it and not used.

Input is never read beyond what one frame of a hand-off carries, so `unread` can move at any request's boundary; so can
a connection between two requests, with nothing unread.
"""

from math import inf
from typing import TYPE_CHECKING

from worker.wire import handoff
from worker.wire.handoff import KEPT_BYTES_MAX, Address
from worker.wire.stream import Stream

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

PASS_WAIT_S = 2.0  # for room in the owner's queue
DEPART_WAIT_S = 15.0  # the same, where all connections leave at once
RETRY_AFTER_S = 1
OWNER_BUSY = "The server is overloaded, please try again."


class Movable(Stream):
    """The socket of one client, here or on its way. `hops` and `unread` come from the worker that passed it."""

    __slots__ = ("client", "hops", "owner", "passing", "unread")

    def __init__(self, end: "Endpoint", client: Address, hops: int, unread: bytes) -> None:
        super().__init__(end)
        self.client = client
        self.hops = hops
        self.unread = unread
        self.passing = False
        self.owner = 0  # berth that it is passed to

    def keep(self, data: bytes) -> None:
        """Keeps input for later; reading stops before it exceeds what a hand-off carries."""
        if data:
            self.unread += data
        if len(self.unread) >= KEPT_BYTES_MAX:
            self.transport.pause_reading()

    def leave_for(self, owner: int, unread: bytes) -> None:
        """The next request, which begins with `unread` or has not begun, is for the worker at berth `owner`."""
        self.owner = owner
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
        elif not transport.get_write_buffer_size():  # else resume_writing tells when the last byte has left
            self.deadline = self.end.now + (PASS_WAIT_S if self.end.departing is None else DEPART_WAIT_S)
            self.pass_again()

    def not_passed(self) -> None:
        """The owner can't have it now, and must not get it later: the client may repeat what was refused."""
        self.passing = False
        if self.unread:
            self.refuse(503, OWNER_BUSY, RETRY_AFTER_S)
        else:
            self.transport.close()

    def linger(self) -> None:
        """Ends after the last response; what was kept for later is of no use any more, and its room is needed."""
        self.unread = b""
        super().linger()

    def pass_again(self) -> bool:
        """Tries to put the connection into the owner's queue; False: it is full."""
        if not self.passing or self.gone:
            return True
        end = self.end
        try:
            frame = handoff.encode(self.client, self.hops + 1 if self.unread else 0, self.unread)
            sent = end.links.send(self.owner, self.fileno(), frame)
        except (OSError, ValueError) as error:
            end.log.error("a connection could not be passed to berth %d: %s", self.owner, error)
            self.not_passed()
            return True
        if not sent:
            end.queue(self)
            return False
        end.passed += 1
        self.gone = True
        self.unread = b""  # the owner's now
        self.transport.abort()  # closes this descriptor only: the connection lives on at its owner
        return True
