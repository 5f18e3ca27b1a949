"""The wire between the supervisor and one worker: frames of msgpack over a unix stream socket.

    ┌──────────────┬───────────────────────────────┐
    │ length       │ message                       │     length: uint32, big endian, of the message alone
    │ 4 bytes      │ msgpack, 1 … FRAME_BYTES_MAX  │     FRAME_BYTES_MAX = 8 MiB
    └──────────────┴───────────────────────────────┘

A frame that breaks the rules closes the channel: both ends are ours, so there is nothing to negotiate.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]  # ships neither types nor stubs
import msgspec

from supervisor.contract.messages import Message, from_wire, to_wire

FRAME_BYTES_MAX = 8 * 1024 * 1024
UNSENT_BYTES_MAX = 64 * 1024 * 1024  # a peer that reads nothing for so long is lost
_LENGTH = struct.Struct(">I")


def encode(message: Message) -> bytes:
    """One frame. Raises ValueError when the message is larger than a frame may be."""
    body: bytes = msgpack.packb(to_wire(message))
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a message of {len(body)} bytes exceeds the frame limit of {FRAME_BYTES_MAX}")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes | bytearray | memoryview) -> Message:
    """The message of a frame's body. Raises ValueError when it is none."""
    try:
        return from_wire(msgpack.unpackb(body))
    except (msgspec.ValidationError, msgpack.UnpackException, TypeError) as error:
        raise ValueError(f"not a message: {error}") from error


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a fresh channel: (supervisor's, worker's), non-blocking and not inherited over exec."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


class Channel(asyncio.Protocol):
    """One end. `on_message` gets every message in order; `on_closed` is called once, whoever closed.

    Messages may be sent from the start: those sent before the socket is connected to the loop leave as soon as it is.
    """

    __slots__ = ("_buffer", "_early", "_on_closed", "_on_message", "_transport")

    def __init__(self, on_message: Callable[[Message], None], on_closed: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._buffer = bytearray()
        self._early = bytearray()
        self._transport: asyncio.Transport | None = None

    @property
    def open(self) -> bool:
        """Whether a message sent now leaves, or will once the channel is connected."""
        return self._transport is None or not self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes that have not left this process yet."""
        return len(self._early) if self._transport is None else self._transport.get_write_buffer_size()

    def detach(self) -> bytes:
        """Reads no more; what was read and is no whole message yet. For a process that is about to become another."""
        if self._transport is not None:
            self._transport.pause_reading()
        return bytes(self._buffer)

    def reattach(self) -> None:
        """Reads again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, message: Message) -> None:
        """Queues the message; does nothing on a closed channel (`on_closed` has told so or is about to)."""
        transport = self._transport
        if transport is None:
            self._early += encode(message)
            return
        if transport.is_closing():
            return
        transport.write(encode(message))
        if transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            transport.abort()

    def close(self) -> None:
        """Sends what is queued, then closes."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # no other loop's transport derives from it
        if self._early:
            self._transport.write(self._early)
            self._early = bytearray()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio names it)
        self._buffer.clear()
        self._on_closed()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if not 0 < length <= FRAME_BYTES_MAX:
                self._break()
                return
            if len(buffer) < end:
                break
            try:
                message = decode(buffer[start + _LENGTH.size : end])
            except ValueError:
                self._break()
                return
            start = end
            self._on_message(message)
        del buffer[:start]

    def _break(self) -> None:
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()


async def attach(loop: asyncio.AbstractEventLoop, sock: socket.socket, channel: Channel) -> Channel:
    """Connects the protocol to a socket of `pair()`; the loop owns the socket from here on."""
    transport: Any
    transport, _ = await loop.create_unix_connection(lambda: channel, sock=sock)
    assert transport is not None
    return channel
