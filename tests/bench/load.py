"""The load generator: a process of its own that keeps N connections busy and spends as little as it can on it.

Closed loop over epoll and raw sockets: each connection sends a request that was encoded beforehand, waits for the whole
answer and sends the next. Answers are only looked at as far as needed to find their end and status.

    python -m tests.bench.load < plan.json > result.json

Plan: `{"port", "seconds", "connections", "requests": [text, …], "steps", "first"}`. `COUNTER` in a request is replaced
by a number of as many digits, `first` and up, so that every request may be another one. With `steps` above 1 the
requests form groups of so many, which one connection sends one after another under one number.
Result: `{"done", "seconds", "failed", "p50_us", "p99_us", "next"}`; `failed` counts answers that are no 2xx, `next` is
the first number that was not used.
"""

import json
import select
import socket
import sys
import time

CHUNK_BYTES = 256 * 1024
END_OF_CHUNKS = b"\r\n0\r\n\r\n"
COUNTER = "0123456789X"


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


def run(port: int, seconds: float, connections: int, turns: Turns) -> dict[str, float]:
    """Keep the connections busy for that long."""
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, Answers, list[bytes]]] = {}
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = (connection, Answers(), turns.group())
        poll.register(connection, select.EPOLLIN)
    clock = time.perf_counter
    sent: dict[int, float] = {}
    took: list[float] = []
    failed = 0
    started = clock()
    until = started + seconds
    for number, (connection, _, waiting) in sockets.items():
        sent[number] = clock()
        connection.sendall(waiting.pop())
    while sent:
        for number, _ in poll.poll(5):
            connection, answers, waiting = sockets[number]
            data = connection.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionError("the server closed a kept-alive connection")
            if not answers.complete(data):
                continue
            now = clock()
            took.append(now - sent.pop(number))
            failed += not answers.succeeded()
            if not waiting and now < until:
                waiting += turns.group()
            if waiting:  # a group that was begun is finished
                sent[number] = now
                connection.sendall(waiting.pop())
    elapsed = clock() - started
    took.sort()
    return {
        "done": len(took),
        "seconds": elapsed,
        "failed": failed,
        "p50_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6,
        "next": turns.number,
    }


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    encoded = [text.encode() for text in plan["requests"]]
    chosen = Turns(encoded, plan["steps"], plan["first"])
    json.dump(run(plan["port"], plan["seconds"], plan["connections"], chosen), sys.stdout)
