"""The load generator: a process of its own that keeps N connections busy and spends as little as it can on it.

Closed loop over epoll and raw sockets: each connection sends a request that was encoded beforehand, waits for the whole
answer and sends the next. Answers are only looked at as far as needed to find their end and status.

    python -m tests.bench.load < plan.json > result.json

Plan: `{"port", "seconds", "connections", "requests": [text, …]}`.
Result: `{"done", "seconds", "failed", "p50_us", "p99_us"}`; `failed` counts answers that are no 2xx.
"""

import json
import select
import socket
import sys
import time

CHUNK_BYTES = 256 * 1024
END_OF_CHUNKS = b"\r\n0\r\n\r\n"


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
            self.need = -1 if at < 0 else end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return buffer.endswith(END_OF_CHUNKS) if self.need < 0 else len(buffer) >= self.need

    def succeeded(self) -> bool:
        """Whether the status was 2xx; forgets the answer."""
        good = self.buffer[9:10] == b"2"
        self.buffer.clear()
        self.need = 0
        return good


def run(port: int, seconds: float, connections: int, requests: list[bytes]) -> dict[str, float]:
    """Keep the connections busy for that long."""
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, Answers]] = {}
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = (connection, Answers())
        poll.register(connection, select.EPOLLIN)
    clock = time.perf_counter
    sent: dict[int, float] = {}
    took: list[float] = []
    failed = asked = 0
    started = clock()
    until = started + seconds
    for number, (connection, _) in sockets.items():
        sent[number] = clock()
        connection.sendall(requests[asked % len(requests)])
        asked += 1
    while sent:
        for number, _ in poll.poll(5):
            connection, answers = sockets[number]
            data = connection.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionError("the server closed a kept-alive connection")
            if not answers.complete(data):
                continue
            now = clock()
            took.append(now - sent.pop(number))
            failed += not answers.succeeded()
            if now < until:
                sent[number] = now
                connection.sendall(requests[asked % len(requests)])
                asked += 1
    elapsed = clock() - started
    took.sort()
    return {
        "done": len(took),
        "seconds": elapsed,
        "failed": failed,
        "p50_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6,
    }


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    encoded = [text.encode() for text in plan["requests"]]
    json.dump(run(plan["port"], plan["seconds"], plan["connections"], encoded), sys.stdout)
