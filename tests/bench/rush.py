"""One question on each connection, one at a time or many at once, each timed from its `connect` to its whole answer.

Whoever was answered makes room for the next, so that so many are always under way.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from tests.bench.load import Answers

CHUNK_BYTES = 256 * 1024
SILENCE_S = 60.0

Dial = Callable[[], socket.socket]


class Answer(Protocol):
    """What is read of one connection."""

    def complete(self, data: bytes) -> bool:
        """Take what came; True once the answer is whole."""

    def succeeded(self) -> bool:
        """Whether it says yes."""


class Line:
    """The answer on the control socket."""

    def __init__(self) -> None:
        self._buffer = b""

    def complete(self, data: bytes) -> bool:
        self._buffer += data
        return self._buffer.endswith(b"\n")

    def succeeded(self) -> bool:
        return self._buffer.splitlines()[-1].startswith(b'{"ok": true')


def http(port: int) -> Dial:
    """Dials the server's port."""
    return lambda: _dialled(socket.AF_INET, ("127.0.0.1", port))


def unix(path: str) -> Dial:
    """Dials a unix socket."""
    return lambda: _dialled(socket.AF_UNIX, path)


def _dialled(family: socket.AddressFamily, address: tuple[str, int] | str) -> socket.socket:
    line = socket.socket(family, socket.SOCK_STREAM)
    line.connect(address)
    return line


def rush(dial: Dial, questions: Iterable[bytes], at_once: int, answer: Callable[[], Answer] = Answers) -> list[float]:
    """Milliseconds that each took. Raises RuntimeError for an answer that says no."""
    poll = select.epoll()
    under_way: dict[int, tuple[socket.socket, Answer, float, bytes]] = {}
    left = iter(questions)
    took: list[float] = []

    def begin() -> None:
        question = next(left, None)
        if question is not None:
            started = time.perf_counter()
            line = dial()
            under_way[line.fileno()] = line, answer(), started, question
            poll.register(line, select.EPOLLIN)
            line.sendall(question)

    for _ in range(at_once):
        begin()
    while under_way:
        ready = poll.poll(SILENCE_S)
        if not ready:
            raise RuntimeError(f"{len(under_way)} questions are without an answer after {SILENCE_S:.0f} s")
        for number, _ in ready:
            line, reading, started, question = under_way[number]
            data = line.recv(CHUNK_BYTES)
            if data and not reading.complete(data):
                continue
            took.append((time.perf_counter() - started) * 1e3)
            if not data or not reading.succeeded():
                raise RuntimeError(f"{question[:200]!r} was answered with {data[:300]!r}")
            poll.unregister(line)
            del under_way[number]
            line.close()
            begin()
    poll.close()
    return took
