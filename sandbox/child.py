"""What a child does all its life: the engine's script loop, whose calls go over the socket to the host.

Two calls never leave the process: `$drain` has the engine run its jobs inside of the running evaluation, and `$random`
is 128 random bits of the kernel's (the engine's own generator is in the same state in every child).

While it is at work the host may send it orders ahead (`sandbox.frames`). They are put aside, and it goes from run to
run without a wait in between: to sleep and to be woken costs both sides more than a short run does.
"""

import os
import struct
from collections import deque
from collections.abc import Callable

from sandbox.engine import Engine
from sandbox.frames import (
    AHEAD,
    CALL_BYTES_MAX,
    FORGET,
    HEAD_BYTES,
    ORDER,
    READY,
    RESULT,
    answer_head,
    call_frame,
)
from sandbox.prelude import prelude

SOCKET = 0
READ_BYTES = 1 << 14
LOOP = b"__pocker_loop()"
# The stack grows to what the engine lets it have at most, once, and every process has it from the beginning: a script
# that has used up its address space would die where the stack has to grow, and not get the exception that it expects.
DEEP = b"for (const f of [() => JSON.parse('['.repeat(1e6)), function g() { g() }]) try { f() } catch {} 0"

SEED = struct.Struct("<IIII")
DRAIN, RANDOM = b"$drain", b"$random"

# How a child ends by itself: its host is gone, its script loop has ended, a wall could not be set up.
HOST_GONE, LOOP_ENDED, UNWALLED = 0, 3, 4


class Script:
    """A realm with the prelude in it, and its way to the host."""

    def __init__(self) -> None:
        self._ready = False
        # how many orders are under way, one within the other; those that came ahead; what was read and is no frame yet
        self._depth = 0
        self._ahead: deque[bytes] = deque()
        self._unread = b""
        self._engine = Engine(self._call)
        self._engine.evaluate(DEEP)
        self._engine.evaluate(prelude())

    def live(self, begin: Callable[[], None]) -> None:
        """Run the script loop, which calls `begin` before it asks for its first order. ScriptError where it breaks."""
        self._begin = begin
        self._engine.evaluate(LOOP)

    def _call(self, name: bytes, args: bytes) -> bytes:
        if name == READY:
            if self._ready:
                raise ValueError("it is ready already")
            self._ready = True
            self._begin()
        elif name == DRAIN:
            self._engine.run_jobs()
            return b"0"
        elif name == RANDOM:
            return b"[%d,%d,%d,%d]" % SEED.unpack(os.urandom(SEED.size))
        if len(args) > CALL_BYTES_MAX - len(name) - 2:
            raise ValueError("that is too much for one call of the server")  # reaches the script as an error
        frame = call_frame(name, args)
        if name == RESULT:
            self._depth -= 1
        try:
            if (sent := os.write(SOCKET, frame)) < len(frame):
                send(memoryview(frame)[sent:])
            answer = self._answer()
        except BaseException:  # nobody could tell any more who has to speak
            os._exit(HOST_GONE)
        if answer.startswith(ORDER):
            self._depth += 1
        return answer

    def _answer(self) -> bytes:
        """What the host has to say to what it was told last; orders that come ahead of it are put aside."""
        if self._ahead and not self._depth:
            return self._ahead.popleft()
        while True:
            bits, frame = self._frame()
            if bits & AHEAD and self._depth:
                self._ahead.append(frame)
                continue
            if bits & FORGET:
                self._ahead.clear()
            return frame

    def _frame(self) -> tuple[int, bytes]:
        """One frame, without its length, and the bits of that."""
        data = self._unread or os.read(SOCKET, READ_BYTES)
        while 0 < len(data) < HEAD_BYTES:
            more = os.read(SOCKET, READ_BYTES)
            data = data + more if more else b""
        if not data:
            raise EOFError
        length, bits = answer_head(data)
        end = HEAD_BYTES + length
        if len(data) >= end:
            self._unread = data[end:]
            return bits, data[HEAD_BYTES:end]
        whole = bytearray(data[HEAD_BYTES:])
        while (left := length - len(whole)) > 0:
            data = os.read(SOCKET, min(left, 1 << 20))
            if not data:
                raise EOFError
            whole += data
        self._unread = b""
        return bits, bytes(whole)


def send(rest: memoryview) -> None:
    """Write all that is left of a frame."""
    while rest:
        rest = rest[os.write(SOCKET, rest) :]
