"""The socket of a sandbox child: calls come in, answers go out (`sandbox.frames` draws them).

A call is handed on within the callback that read it. There is one call at a time: what comes before its answer has been
sent, or behind a call, is no frame of the pump's, and the line ends. But where a run's order was sent ahead, what the
child says for that run may come together with the end of the one before: whoever takes the end says so (`goes_on`).
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from sandbox.frames import FrameError, first_call
from worker.hooks.alarm import Alarm

# How much is read, or sent, at once of something large. Whatever is asked for is allocated first, and so much at once
# comes from the kernel and goes back to it each time, which costs more than to read most calls: these are small.
READ_BYTES: Final = 1 << 18
FIRST_BYTES: Final = 1 << 14
# Calls that are handed on in one callback; others have their turn before the next ones.
CALLS_MAX: Final = 4

# Gets a call's name and arguments.
Take = Callable[[bytes, bytes], None]
# Gets the reason, once, when nothing comes any more.
Ended = Callable[[str], None]


class Line:
    """One child's line. `take` and `ended` are set by who talks to the child at the moment."""

    __slots__ = ("_due", "_loop", "_more", "_open", "_read", "_sock", "_unsent", "alarm", "ended", "goes_on", "take")

    def __init__(self, sock: socket.socket, take: Take, ended: Ended) -> None:
        """`sock` is the host's end, which does not block; it is the caller's to close, after `close`."""
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._read = bytearray()
        self._unsent = memoryview(b"")
        # how much of that is left of an answer, and not of orders behind it
        self._due = 0
        self._open = True
        # what goes on with calls that were read and not handed on
        self._more: asyncio.Handle | None = None
        # set by who takes a call: another run was begun, which the child may have spoken for already
        self.goes_on = False
        # for who talks to the child at the moment
        self.alarm = Alarm()
        self.take = take
        self.ended = ended
        self._loop.add_reader(sock, self._readable)

    def send(self, frame: bytes) -> None:
        """Send an answer. What the child does not take at once waits; no other is sent before that is gone."""
        if self._due:
            self._end("an answer before the last one was taken")
            return
        self.send_ahead(frame)
        if self._unsent:
            self._due = len(self._unsent)

    def send_ahead(self, frame: bytes) -> None:
        """Send an order that the child need not take before it speaks again."""
        if not self._open:
            return
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + frame)
            return
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            # its end is heard of like any other: who sends may be about to tell of more
            return
        if sent < len(frame):
            self._unsent = memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._writable)

    def close(self) -> None:
        """Listen no more."""
        if self._open:
            self._open = False
            self.alarm.close()
            if self._more is not None:
                self._more.cancel()
            self._loop.remove_reader(self._sock)
            if self._unsent:
                self._loop.remove_writer(self._sock)

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent[:READ_BYTES])
        except BlockingIOError:
            return
        except OSError:
            self._end("the process has ended")
            return
        self._unsent = self._unsent[sent:]
        self._due = max(0, self._due - sent)
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            data: bytes | bytearray = self._sock.recv(READ_BYTES if self._read else FIRST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end("the process has ended")
            return
        if self._read:
            self._read += data
            data = self._read
        self._hand_on(data)

    def _hand_on(self, data: bytes | bytearray) -> None:
        """Hand on the calls in what was read."""
        for _ in range(CALLS_MAX):
            try:
                call = first_call(data)
                if call is not None and self._due:
                    raise FrameError("more than one call")
            except FrameError as error:
                self._end(f"it has sent {error}")
                return
            if call is None:
                self._read = data if type(data) is bytearray else bytearray(data)
                return
            name, args, end = call
            del call
            rest = data[end:] if end < len(data) else b""
            self._read = bytearray()
            del data  # it may be large, and what follows takes its time
            self.goes_on = False
            self.take(name, args)
            if not rest or not self._open:
                return
            if not self.goes_on:
                self._end("it has sent more than one call")
                return
            data = rest
        self._read = bytearray(data)
        if self._more is None:
            self._more = self._loop.call_soon(self._hand_on_more)

    def _hand_on_more(self) -> None:
        self._more = None
        if self._open and self._read:
            self._hand_on(self._read)

    def _end(self, reason: str) -> None:
        self.close()
        self.ended(reason)
