"""The load generator: a process of its own that keeps N connections busy and spends as little as it can on it.

Closed loop over epoll and raw sockets: each connection sends a request that was encoded beforehand, waits for the whole
answer and sends the next. Answers are only looked at as far as needed to find their end and status.

    python -m tests.bench.load < plans > results        (one JSON object a line)

Plan: `{"port", "seconds", "connections", "requests": [text, …], "steps", "first"}`, and if wanted `"lead"`, `"least"`,
`"patience"`, `"pid"`. `COUNTER` in a request is replaced by a number of as many digits, `first` and up, so that every
request may be another one. With `steps` above 1 the requests form groups of so many, which one connection sends one
after another under one number.

What counts is a window: it opens after `lead` seconds under load, once each connection has had an answer, and closes
after `seconds`, once `least` answers came; either goes on for `patience` seconds more at most. What is under way at
its end is waited for but not counted.

Result: `{"done", "seconds", "failed", "p50_us", "p99_us", "next", "cpu_s", "busy"}`; `failed` counts answers that are
no 2xx, also outside of the window; `next` is the first number that was not used; `cpu_s` is the CPU which the server
`pid` used in the window; `busy` is the share of the window that the generator itself was at work: near 1, it is what
was measured.
"""

import gc
import json
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench.processes import cpu_s  # noqa: E402

CHUNK_BYTES = 256 * 1024
END_OF_CHUNKS = b"\r\n0\r\n\r\n"
COUNTER = "0123456789X"
PATIENCE_S = 8.0
SILENCE_S = 60.0  # without any answer, the server is given up


class Answers:
    """Reads one connection: whether the answer that began is complete."""

    __slots__ = ("buffer", "need")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.need = 0

    def complete(self, data: bytes) -> bool:
        """Take what came; True once the answer is whole."""
        buffer = self.buffer
        buffer += data
        if not self.need:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(buffer[:end]).lower()
            at = head.find(b"content-length:")
            if at >= 0:
                self.need = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
            else:
                self.need = end + 4 if head[9:12] == b"204" else -1
        return buffer.endswith(END_OF_CHUNKS) if self.need < 0 else len(buffer) >= self.need

    def succeeded(self) -> bool:
        """Whether the status was 2xx; forgets the answer."""
        good = self.buffer[9:10] == b"2"
        self.buffer.clear()
        self.need = 0
        return good


class Turns:
    """Which request comes next: the groups in their order, each under a number of its own."""

    __slots__ = ("_at", "_groups", "number")

    def __init__(self, requests: list[bytes], steps: int, first: int) -> None:
        self._groups = [requests[start : start + steps] for start in range(0, len(requests), steps)]
        self._at = 0
        self.number = first

    def group(self) -> list[bytes]:
        """The requests of the next group, the last one first."""
        group = self._groups[self._at]
        self._at = (self._at + 1) % len(self._groups)
        counter, self.number = b"%011d" % self.number, self.number + 1
        return [request.replace(COUNTER.encode(), counter) for request in reversed(group)]


class Window:
    """When answers count, and how long those took."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.seconds, self.connections = plan["seconds"], plan["connections"]
        self.least, self.pid = plan.get("least", 1), plan.get("pid", 0)
        self.patience_s = plan.get("patience", PATIENCE_S)
        self.took: list[float] = []
        self.early = 0  # answers before it opened
        self.opened = self.closed = 0.0
        self._due = time.perf_counter() + plan.get("lead", 0.0)
        self._cpu = self._own = 0.0
        self.cpu_s = self.busy = 0.0

    def count(self, took: float) -> None:
        """An answer is whole."""
        if not self.opened:
            self.early += 1
        elif not self.closed:
            self.took.append(took)

    def moved(self, now: float) -> bool:
        """Open or close it if it is time to; whether it is still to close."""
        if now < self._due or self.closed:
            return not self.closed
        patient = now < self._due + self.patience_s
        if not self.opened:
            if self.early < self.connections and patient:
                return True
            self._cpu, self._own = self._read()
            self.opened = time.perf_counter()
            self._due = self.opened + self.seconds
        elif len(self.took) >= self.least or (self.took and not patient):
            cpu, own = self._read()
            self.closed = time.perf_counter()
            self.cpu_s = cpu - self._cpu
            self.busy = (own - self._own) / (self.closed - self.opened)
        return not self.closed

    def _read(self) -> tuple[float, float]:
        return cpu_s(self.pid) if self.pid else 0.0, time.process_time()


def run(port: int, turns: Turns, window: Window) -> dict[str, float]:
    """Keep the connections busy until the window has closed."""
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, Answers, list[bytes]]] = {}
    for _ in range(window.connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = (connection, Answers(), turns.group())
        poll.register(connection, select.EPOLLIN)
    clock = time.perf_counter
    sent: dict[int, float] = {}
    failed = 0
    going = True
    for number, (connection, _, waiting) in sockets.items():
        sent[number] = clock()
        connection.sendall(waiting.pop())
    while sent:
        events = poll.poll(SILENCE_S)
        if not events:
            raise TimeoutError(f"no answer for {SILENCE_S} s")
        for number, _ in events:
            connection, answers, waiting = sockets[number]
            data = connection.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionError("the server closed a kept-alive connection")
            if not answers.complete(data):
                continue
            now = clock()
            window.count(now - sent.pop(number))
            failed += not answers.succeeded()
            if not waiting and going:
                waiting += turns.group()
            if waiting:  # a group that was begun is finished
                sent[number] = now
                connection.sendall(waiting.pop())
        going = window.moved(clock())
    for connection, _, _ in sockets.values():
        connection.close()
    poll.close()
    took = sorted(window.took)
    return {
        "done": len(took),
        "seconds": window.closed - window.opened,
        "failed": failed,
        "p50_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6,
        "next": turns.number,
        "cpu_s": window.cpu_s,
        "busy": window.busy,
    }


class Generator:
    """A load generator that runs one plan after another. A context manager."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.bench.load"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        self._number = 1

    def run(self, plan: dict[str, Any]) -> dict[str, float]:
        """Carry out a plan, with numbers that none had before. RuntimeError if it could not (why is on stderr)."""
        plan = {**plan, "first": self._number}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator failed")
        result: dict[str, float] = json.loads(line)
        self._number = int(result["next"])
        return result

    def ask(self, port: int, requests: list[str], answers: int) -> None:
        """Send these in turn until there are so many answers. RuntimeError if one is no 2xx."""
        plan = {"port": port, "seconds": 0.0, "connections": 8, "requests": requests, "steps": 1}
        result = self.run({**plan, "least": answers, "patience": 10 * PATIENCE_S})
        if result["failed"]:
            raise RuntimeError(f"{result['failed']:.0f} answers were no 2xx")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    gc.disable()  # nothing here forms cycles, and a collection would be in somebody's latency
    for line in sys.stdin:
        plan = json.loads(line)
        turns = Turns([text.encode() for text in plan["requests"]], plan["steps"], plan["first"])
        print(json.dumps(run(plan["port"], turns, Window(plan))), flush=True)


if __name__ == "__main__":
    main()
