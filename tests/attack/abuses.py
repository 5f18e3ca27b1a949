"""What a tenant's clients may do to a server: each abuse is a process that does nothing else until it is ended.

    python -m tests.attack.abuses NAME < target.json

Target: `{"port", "host", "token", "seed"}`: the attacking tenant's host name, and a superuser's token. What the server
answers is counted by status and told on stdout at the end (SIGTERM or `seconds`).
"""

import asyncio
import itertools
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from tests.http1 import request

POSTS = "/api/collections/posts/records"
USERS = "/api/collections/users/auth-with-password"
BODY_BYTES = 31 * 1024 * 1024  # just below what the API takes
BIG_ANSWER = f"{POSTS}?perPage=1000&skipTotal=1"


class Target:
    """Whom it goes against, and what was answered."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.port: int = told["port"]
        self.host: str = told["host"]
        self.token: str = told["token"]
        self.draw = random.Random(told["seed"])
        self.numbers = itertools.count(self.draw.randrange(10**6, 10**9))
        self.answers: Counter[str] = Counter()

    def request(self, method: str, path: str, body: Any = None, token: str = "") -> bytes:
        return request(method, self.host, path, body, token)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=64 * 1024 * 1024)

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Read one answer away."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
        self.answers[head[9:12].decode()] += 1
        if b"connection: close" in head:
            raise ConnectionResetError


Abuse = Callable[[Target], Awaitable[None]]


async def _again(target: Target, connections: int, once: Callable[[Target, Any, Any], Awaitable[None]]) -> None:
    """So many connections, each doing `once` again and again, and opened again when it is closed."""

    async def keep() -> None:
        while True:
            try:
                reader, writer = await target.open()
                try:
                    while True:
                        await once(target, reader, writer)
                finally:
                    writer.transport.abort()
            except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                target.answers[type(error).__name__] += 1
                await asyncio.sleep(0.02)

    await asyncio.gather(*(keep() for _ in range(connections)))


def _asking(connections: int, make: Callable[[Target], bytes], pipelined: int = 1) -> Abuse:
    """So many connections that send such requests, so many at a time, and read the answers."""

    async def once(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(make(target) for _ in range(pipelined)))
        await writer.drain()
        for _ in range(pipelined):
            await target.answer(reader)

    return lambda target: _again(target, connections, once)


def _cheap(target: Target) -> bytes:
    return target.request("GET", f"{POSTS}?perPage=1&skipTotal=1")


def _scan(target: Target) -> bytes:
    word = "".join(target.draw.choices("abcdefgh", k=5))
    return target.request("GET", f"{POSTS}?filter=(body~%22{word}%22%26%26title!~%22{word}%22)&sort=-body")


def _login(target: Target) -> bytes:
    identity = f"user{target.draw.randrange(30)}@example.com"
    return target.request("POST", USERS, {"identity": identity, "password": "attack-secret"})


def _write(target: Target) -> bytes:
    number = next(target.numbers)
    return target.request("POST", POSTS, {"title": f"post {number}", "body": "x" * 2000})


def _batch(target: Target) -> bytes:
    body = {"title": "batched", "body": "y" * 500}
    requests = [{"method": "POST", "url": POSTS, "body": body} for _ in range(500)]
    return target.request("POST", "/api/batch", {"requests": requests})


def _schema(target: Target) -> bytes:
    fields = [{"name": f"f{n}", "type": "text"} for n in range(200)]
    body = {"name": f"c{next(target.numbers)}", "type": "base", "fields": fields}
    return target.request("POST", "/api/collections", body, target.token)


def _console(target: Target) -> bytes:
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    return target.request("POST", "/api/sql", {"query": query}, target.token)


_FILLER = b'","'.join([b"z" * 50] * (BODY_BYTES // 53))


async def _bodies(target: Target) -> None:
    kinds = [
        target.request("POST", POSTS, b'{"title":"a","body":"' + b"z" * BODY_BYTES + b'"}'),
        target.request("POST", POSTS, b'{"title":"a","meta":["' + _FILLER + b'"]}'),
    ]

    async def once(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(target.draw.choice(kinds))
        await writer.drain()
        await target.answer(reader)

    await _again(target, 4, once)


async def _chunks(target: Target) -> None:
    head = f"POST {POSTS} HTTP/1.1\r\nHost: {target.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    grain = b"1\r\nx\r\n" * 10_000

    async def once(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(200):
            writer.write(grain)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        await target.answer(reader)

    await _again(target, 8, once)


async def _connections(target: Target) -> None:
    """Opens without end; half of them have sent one request, so that they are the tenant's own."""
    kept: list[asyncio.StreamWriter] = []
    ask = target.request("GET", "/api/health")
    while True:
        try:
            reader, writer = await target.open()
            if len(kept) % 2:
                writer.write(ask)
                await target.answer(reader)
            kept.append(writer)
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            target.answers[type(error).__name__] += 1
            await asyncio.sleep(0.01)
        if len(kept) >= 8000:
            for old in kept[:2000]:
                old.transport.abort()
            del kept[:2000]


async def _unread(target: Target) -> None:
    """Asks for large answers on many connections and reads none."""
    ask = target.request("GET", BIG_ANSWER) * 4

    async def one() -> None:
        while True:
            try:
                reader, writer = await target.open()
                reader._transport.pause_reading()  # type: ignore[attr-defined] # its one purpose
                writer.write(ask)
                await asyncio.sleep(5)
                writer.transport.abort()
                target.answers["unread"] += 1
            except OSError as error:
                target.answers[type(error).__name__] += 1
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(200)))


async def _slow_heads(target: Target) -> None:
    async def one() -> None:
        while True:
            try:
                _, writer = await target.open()
                for byte in target.request("GET", "/api/health"):
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.1)
                writer.transport.abort()
            except OSError as error:
                target.answers[type(error).__name__] += 1
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(500)))


def _script(name: str, connections: int) -> Abuse:
    """So many connections that ask for a route of the attacker's scripts (tests/attack/attacker.pb.js)."""
    return _asking(connections, lambda target: target.request("GET", f"/script/{name}"))


SCRIPTS: dict[str, Abuse] = {
    "script: many": _script("short", 64),
    "script: loops": _script("loop", 16),
    "script: memory": _script("memory", 16),
    "script: calls": _script("calls", 16),
    "script: reads": _script("reads", 16),
    "script: frames": _script("frames", 8),
    "script: values": _script("values", 8),
    "script: logs": _script("logs", 16),
    "script: transactions": _script("transaction", 16),
    "script: recursion": _script("saves", 8),
    "script: deaths": _script("death", 16),
}
ABUSES: dict[str, Abuse] = {
    "flood": _asking(64, _cheap, pipelined=8),
    "scans": _asking(32, _scan),
    "large answers": _asking(8, lambda target: target.request("GET", BIG_ANSWER)),
    "logins": _asking(32, _login),
    "writes": _asking(32, _write),
    "batches": _asking(4, _batch),
    "schema": _asking(2, _schema),
    "console": _asking(4, _console),
    "bodies": _bodies,
    "chunks": _chunks,
    "connections": _connections,
    "unread": _unread,
    "slow heads": _slow_heads,
    **SCRIPTS,
}


async def _main(name: str, told: dict[str, Any]) -> None:
    target = Target(told)
    task = asyncio.ensure_future(ABUSES[name](target))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    if told.get("seconds"):
        loop.call_later(told["seconds"], task.cancel)
    with suppress(asyncio.CancelledError):
        await task
    json.dump(dict(target.answers), sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], json.load(sys.stdin)))
