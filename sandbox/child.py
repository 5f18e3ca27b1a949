"""What a child does all its life: the engine's script loop, whose calls go over the socket to the host.

Two calls never leave the process: `$drain` has the engine run its jobs inside of the running evaluation, and `$random`
is 128 random bits of the kernel's (the engine's own generator is in the same state in every child).
"""

import os
import struct
from collections.abc import Callable

from sandbox.engine import Engine
from sandbox.frames import ANSWER_BYTES_MAX, CALL_BYTES_MAX, HEAD_BYTES, READY, call_frame, length_of
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
        try:
            if (sent := os.write(SOCKET, frame)) < len(frame):
                send(memoryview(frame)[sent:])
            return receive()
        except BaseException:  # nobody could tell any more who has to speak
            os._exit(HOST_GONE)


def send(rest: memoryview) -> None:
    """Write all that is left of a frame."""
    while rest:
        rest = rest[os.write(SOCKET, rest) :]


def receive() -> bytes:
    """One answer, without its length; nothing else comes before the next call."""
    chunk = os.read(SOCKET, READ_BYTES)
    while 0 < len(chunk) < HEAD_BYTES:
        more = os.read(SOCKET, HEAD_BYTES - len(chunk))
        chunk = chunk + more if more else b""
    if not chunk:
        raise EOFError
    length = length_of(chunk, ANSWER_BYTES_MAX)
    if len(chunk) == HEAD_BYTES + length:
        return chunk[HEAD_BYTES:]
    whole = bytearray(chunk[HEAD_BYTES:])
    while (left := length - len(whole)) > 0:
        chunk = os.read(SOCKET, min(left, 1 << 20))
        if not chunk:
            raise EOFError
        whole += chunk
    return bytes(whole)
