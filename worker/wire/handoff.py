"""Passing a connection to the shard that owns the tenant of its next request.

One SEQPACKET message carries one connection: its socket as ancillary data (SCM_RIGHTS), and this frame:

    ┌───────┬─────────┬──────┬────────────────┬────────┬─────────────┬─────────────────────────────┐
    │ magic │ version │ hops │ address length │ port   │ address     │ unread                      │
    │ 1     │ 1       │ 1    │ 1              │ 2, BE  │ 0…64, ASCII │ 0…UNREAD_BYTES_MAX          │
    └───────┴─────────┴──────┴────────────────┴────────┴─────────────┴─────────────────────────────┘

at most FRAME_BYTES_MAX = 64 KiB in all. `unread` is everything read from the connection from the first byte of that
request on; what has not been read yet stays in the socket. `hops` counts how often this request was passed: when two
workers disagree for a moment about an owner, HOPS_MAX ends the game. Address and port are the client's.

The kernel keeps the message, and with it the connection, until the owner takes it: the supervisor holds both ends, so
what is passed while a worker is being replaced waits for the successor. The sender afterwards forgets the connection
by closing its descriptor (`transport.abort()`), never with a shutdown, which would end it for the owner too.
"""

import errno
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from supervisor.contract.links import BUSY, FRAME_BYTES_MAX, QUEUE_BYTES
from worker.fair.descriptors import can_open

ADDRESS_BYTES_MAX = 64
HOPS_MAX = 8

_MAGIC = 0x50
_VERSION = 1
_HEADER = struct.Struct(">BBBBH")
UNREAD_BYTES_MAX = FRAME_BYTES_MAX - _HEADER.size - ADDRESS_BYTES_MAX
# So much is kept of what was read. The rest is for the loop, which begins to read from a connection that it is given
# even where that was paused at once: it is let have a byte then, each time that the connection is passed on.
KEPT_BYTES_MAX = UNREAD_BYTES_MAX - 64

_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6, socket.AF_UNIX})

Address = tuple[str, int]


class BadFrameError(ValueError):
    """A message which is not a frame with one stream socket."""


class NoDescriptorError(OSError):
    """This process may have no more descriptors: what was passed to it stays in the queue."""


class Passed(NamedTuple):
    """A connection as it arrives at its new owner."""

    sock: socket.socket
    client: Address
    hops: int
    unread: bytes


def encode(client: Address, hops: int, unread: bytes) -> bytes:
    """The frame. Raises ValueError beyond the bounds."""
    address = client[0].encode("ascii")
    if len(address) > ADDRESS_BYTES_MAX or len(unread) > UNREAD_BYTES_MAX:
        raise ValueError(f"a frame can't take an address of {len(address)} and {len(unread)} unread bytes")
    return _HEADER.pack(_MAGIC, _VERSION, hops, len(address), client[1]) + address + unread


def decode(frame: bytes) -> tuple[Address, int, bytes]:
    """(client, hops, unread) of a frame. Raises BadFrameError."""
    if not _HEADER.size <= len(frame) <= FRAME_BYTES_MAX:
        raise BadFrameError(f"{len(frame)} bytes")
    magic, version, hops, length, port = _HEADER.unpack_from(frame)
    if (magic, version) != (_MAGIC, _VERSION):
        raise BadFrameError(f"magic {magic:#x}, version {version}")
    start = _HEADER.size + length
    if length > ADDRESS_BYTES_MAX or hops > HOPS_MAX or start > len(frame) or len(frame) - start > UNREAD_BYTES_MAX:
        raise BadFrameError(f"address of {length} bytes, {hops} hops in {len(frame)} bytes")
    try:
        address = frame[_HEADER.size : start].decode("ascii")
    except UnicodeDecodeError as error:
        raise BadFrameError("address is not ASCII") from error
    return (address, port), hops, frame[start:]


class Links:
    """The queues between the workers, seen from one of them."""

    __slots__ = ("_queues", "inbox")

    def __init__(self, pairs: Sequence[tuple[socket.socket, socket.socket]], berth: int) -> None:
        for sender, _ in pairs:
            sender.setblocking(False)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_BYTES)
        self._queues = [sender for sender, _ in pairs]
        self.inbox = pairs[berth][1]
        self.inbox.setblocking(False)

    def send(self, owner: int, fd: int, frame: bytes) -> bool:
        """Puts the socket `fd` into the queue of `owner`; False when the queue is full just now. Raises OSError."""
        try:
            socket.send_fds(self._queues[owner], [frame], [fd])
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        return True

    def take(self) -> Passed | None:
        """The next connection passed to this shard, None when there is none.

        Raises BadFrameError, OSError; NoDescriptorError before anything is taken.
        """
        if not can_open(1):
            raise NoDescriptorError(errno.EMFILE, "no descriptor for a connection that was passed")
        try:
            frame, fds, _, _ = socket.recv_fds(self.inbox, FRAME_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        if not fds:
            raise BadFrameError("no descriptor came with it (out of descriptors?)")
        sock = socket.socket(fileno=fds[0])
        try:
            client, hops, unread = decode(frame)
            if sock.type != socket.SOCK_STREAM or sock.family not in _FAMILIES:
                raise BadFrameError(f"not a stream socket: {sock.family!r}, {sock.type!r}")
        except BadFrameError:
            sock.close()
            raise
        sock.setblocking(False)
        return Passed(sock, client, hops, unread)
