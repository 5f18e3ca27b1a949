"""The body of one request while it arrives: framed, counted against the hard cap, kept until the application asks.

Bodies that arrived whole together with their head never come here: they are a slice of what was read.
"""

from worker.wire.chunks import Chunks
from worker.wire.refusal import Refusal

RAW_FACTOR_MAX = 8  # chunked: bytes on the wire for each byte the cap allows (one-byte chunks need six)
PENDING_BYTES_MAX = 65_536  # kept for the application before reading pauses
TOO_LARGE = "Request entity too large."


class Body:
    """A body of `length` bytes, or a chunked one. `received` counts the bytes of content so far."""

    __slots__ = ("_left", "_max", "_pending", "_pending_bytes", "_raw", "chunks", "complete", "dropped", "received")

    def __init__(self, length: int, chunks: Chunks | None, bytes_max: int) -> None:
        self._left = length
        self.chunks = chunks
        self._max = bytes_max
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._raw = 0
        self.received = 0
        self.complete = False
        self.dropped = False  # nobody wants it

    @property
    def left(self) -> int | None:
        """Bytes still to come; None if only the sender knows."""
        return 0 if self.complete else self._left if self.chunks is None else None

    @property
    def kept(self) -> int:
        """Bytes of it in memory, here or with the application, which gathers them."""
        return 0 if self.dropped else self.received

    @property
    def full(self) -> bool:
        """Whether reading should pause until the application has taken some."""
        return self._pending_bytes >= PENDING_BYTES_MAX

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        return self._pending_bytes > 0

    def feed(self, data: bytes) -> bytes | None:
        """Takes what was read; returns what lies behind the body's end, None before it. Raises Refusal (400, 413)."""
        rest: bytes | None = None
        if self.chunks is not None:
            self._raw += len(data)
            if self._raw > self._max * RAW_FACTOR_MAX:
                raise Refusal(413, TOO_LARGE)
            data, rest = self.chunks.feed(data)
        elif len(data) >= self._left:
            data, rest = data[: self._left], data[self._left :]
            self._left = 0
        else:
            self._left -= len(data)
        if data:
            self.received += len(data)
            if self.received > self._max:
                raise Refusal(413, TOO_LARGE)
            self._pending.append(data)
            self._pending_bytes += len(data)
        self.complete = rest is not None
        return rest

    def take(self) -> bytes:
        """Everything that is waiting."""
        pending = self._pending
        self._pending = []
        self._pending_bytes = 0
        return pending[0] if len(pending) == 1 else b"".join(pending)

    def drop(self) -> None:
        """Forgets what is waiting, and what the application had."""
        self.dropped = True
        self._pending = []
        self._pending_bytes = 0
