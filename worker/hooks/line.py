"""The socket of a sandbox child: whole calls come in, answers go out (`sandbox.frames` draws them).

A call is handed on within the callback that read it. There is one call at a time: what comes before its answer has been
sent, or behind a call, is no frame of the pump's, and the line ends.
"""

import asyncio
import socket
from collections.abc import Callable

from sandbox.frames import FrameError, whole_call
from worker.hooks.alarm import Alarm

READ_BYTES = 1 << 18

# Gets a call's name and arguments.
Take = Callable[[bytes, bytes], None]
# Gets the reason, once, when nothing comes any more.
Ended = Callable[[str], None]


class Line:
    """One child's line. `take` and `ended` are set by who talks to the child at the moment."""

    __slots__ = ("_loop", "_open", "_read", "_sock", "_unsent", "alarm", "ended", "take")

    def __init__(self, sock: socket.socket, take: Take, ended: Ended) -> None:
        """`sock` is the host's end, which does not block; it is the caller's to close, after `close`."""
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._read = bytearray()
        self._unsent = memoryview(b"")
        self._open = True
        # for who talks to the child at the moment
        self.alarm = Alarm()
        self.take = take
        self.ended = ended
        self._loop.add_reader(sock, self._readable)

    def send(self, frame: bytes) -> None:
        """Send an answer. What the child does not take at once waits; nothing is sent before that is gone."""
        if not self._open:
            return
        if self._unsent:
            self._end("an answer before the last one was taken")
            return
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end("the process has ended")
            return
        if sent < len(frame):
            self._unsent = memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._writable)

    def close(self) -> None:
        """Listen no more."""
        if self._open:
            self._open = False
            self.alarm.close()
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
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            data: bytes | bytearray = self._sock.recv(READ_BYTES)
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
        try:
            call = whole_call(data)
            if call is None:
                self._read = data if type(data) is bytearray else bytearray(data)
                return
            if self._unsent:
                raise FrameError("more than one call")
        except FrameError as error:
            self._end(f"it has sent {error}")
            return
        if self._read:
            self._read = bytearray()
        del data  # it may be large, and what follows takes its time
        self.take(*call)

    def _end(self, reason: str) -> None:
        self.close()
        self.ended(reason)
