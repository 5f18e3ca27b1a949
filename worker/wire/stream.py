"""A client's socket with limits in both directions: what was written and whether it is taken, deadlines, ways to end.

Under `Connection`, which knows HTTP. Times are the endpoint's coarse clock.
"""

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from worker.wire import replies

if TYPE_CHECKING:
    from worker.wire.endpoint import Endpoint

LINGER_S = 2.0  # for the client's end once the last response has left
LINGER_BYTES_MAX = 64 * 1024 * 1024  # read away meanwhile


class Stream:
    """The socket of one client: an `asyncio.BufferedProtocol` by what it has, as uvloop asks for."""

    __slots__ = (
        "_acknowledged",
        "_lingered",
        "_stalled_since",
        "choked",
        "deadline",
        "end",
        "eof",
        "gone",
        "lingering",
        "transport",
        "written",
    )

    def __init__(self, end: "Endpoint") -> None:
        self.end = end
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.choked = False  # the client reads too slowly
        self.eof = False  # the client has closed its half
        self.gone = False  # lost, dropped or passed on: nothing can be sent any more
        self.lingering = False  # all was said; input is read away
        self.deadline = inf
        self.written = 0
        self._acknowledged = -1
        self._stalled_since = 0.0
        self._lingered = 0

    def write(self, data: bytes) -> None:
        """Sends bytes of a response, which are counted in `written`; nothing once the connection is gone."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The socket's descriptor."""
        return cast(int, self.transport.get_extra_info("socket").fileno())

    def check(self, now: float) -> None:
        """Enforces the deadlines at `now`: the one that is set, and the one for a client that reads nothing."""
        if self.gone:
            return
        size = self.transport.get_write_buffer_size()
        if size:
            # Progress is what the kernel has taken, whatever was added meanwhile.
            acknowledged = self.written - size
            if acknowledged != self._acknowledged:
                self._acknowledged = acknowledged
                self._stalled_since = now
            elif now - self._stalled_since >= self.end.http.write_timeout_s:
                self.abort()
                return
            if self.lingering:
                self.deadline = now + LINGER_S  # the last response is still leaving; the limit on writing watches it
        if self.deadline <= now:
            self.deadline = inf
            if self.lingering:
                self.abort()
            elif not self.transport.is_closing():
                self.expire()

    def expire(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def refuse(self, status: int, message: str, retry_after_s: int = 0) -> None:
        """Answers in the application's place and ends: what follows can't be trusted to be a request."""
        self.write(replies.error_reply(status, message, self.end.date, retry_after_s=retry_after_s))
        self.linger()

    def linger(self) -> None:
        """Ends after the last response.

        Closing while the client still sends would reset the connection and could destroy the response on its way. So
        only our half is closed now, and input is read away until the client closes its own.
        """
        self.lingering = True
        transport = self.transport
        if self.eof:
            transport.close()
            return
        self.deadline = self.end.now + LINGER_S
        try:
            transport.write_eof()
        except OSError:  # the client has reset it
            self.abort()
        else:
            transport.resume_reading()

    def read_away(self, nbytes: int) -> None:
        """Input while lingering."""
        self._lingered += nbytes
        if self._lingered > LINGER_BYTES_MAX:
            self.abort()

    def abort(self) -> None:
        """Drops the connection; the client sees that something is missing."""
        self.gone = True
        self.transport.abort()
