"""Worker processes without a supervisor: hand-off under pipelined load, graceful stop, replacement, hung loops.

A small parent stands in for the supervisor: it binds the sockets, forks the real `ShardWorker`, listens to its channel.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from supervisor.contract import channel
from supervisor.contract.board import Board
from supervisor.contract.messages import Call, Message, Reply, UsageReport
from supervisor.contract.plan import Plan
from supervisor.contract.settings import Http, Settings, Supervision
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.slots import Slots
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import WorkerUsage
from tests.process.forked import become
from worker.fair.account import Accounts
from worker.process import ShardWorker

SHARDS = 3
NAMES = [f"t{number}" for number in range(12)]
SEED = 20260


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Tells which shard served what; some paths wait, sleep or hang."""
    path, tenant = scope["path"], scope["pocker.tenant"]
    body, more = b"", True
    while more:
        event = await receive()
        body += event["body"]
        more = event["more_body"]
    if path == "/hang":
        time.sleep(600)
    if path.startswith("/wait"):
        await asyncio.sleep(float(path[6:] or 0))
    told = {
        "shard": SHARD[0],
        "tenant": tenant.name if tenant else None,
        "path": path,
        "query": scope["query_string"].decode(),
        "hash": hashlib.sha256(body).hexdigest()[:8],
        "client": scope["client"][1],
    }
    answer = json.dumps(told).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


SHARD = [-1]  # of this process


class FakeShard:
    """An application with a trace of its life: it writes a file when it was closed."""

    def __init__(self, shard: int, trace: Path) -> None:
        SHARD[0] = shard
        self.asgi = application
        self.accounts = Accounts(lambda _: Plan(), {})
        self._shard = shard
        self._trace = trace

    busy = False

    def start(self, wire: Any) -> None:
        pass

    def beat(self) -> None:
        pass

    def stop(self) -> None:
        pass

    async def answer(self, message: Call) -> Reply:
        if message.op == "fail":
            raise ValueError("no")
        return Reply(message.id, ok=True, value=f"{message.op} {message.tenant}")

    def usage(self) -> WorkerUsage:
        return WorkerUsage(shard=self._shard, pid=0)

    async def close(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self._trace.write_text("closed")


class Workers:
    """The parent of the worker processes."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.path = directory
        self.pids: dict[int, int] = {}
        self.channels: dict[int, socket.socket] = {}
        tenants = Directory(first_routes(SHARDS), "localhost", path_prefix=False)
        for number, name in enumerate(NAMES):
            tenants.put(Tenant(name=name, state=TenantState.ACTIVE, shard=number % SHARDS))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        shard_listeners = []
        for shard in range(SHARDS):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(directory / f"shard-{shard}.sock"))
            listener.listen(64)
            shard_listeners.append(listener)
        self.board = Board(
            settings=Settings(shards=SHARDS, **settings),
            directory=tenants,
            slots=Slots(SHARDS),
            links=[socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(SHARDS)],
            channel=self.listener,
            shard_listeners=shard_listeners,
        )

    def start(self, shard: int) -> None:
        ours, theirs = channel.pair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(shard, parent, theirs)
        theirs.close()
        self.pids[shard] = pid
        self.channels[shard] = ours

    def _become_worker(self, shard: int, parent: int, theirs: socket.socket) -> NoReturn:
        trace = self.path / f"closed-{shard}-{os.getpid()}"

        class TestWorker(ShardWorker):
            def build_shard(self) -> FakeShard:
                return FakeShard(shard, trace)

        become(
            TestWorker,
            self.board,
            listener=self.listener,
            theirs=theirs,
            shard=shard,
            berth=shard,
            parent=parent,
            log=self.path / "log",
        )

    def hear(self, shard: int, kind: type, deadline_s: float = 10.0) -> Any:
        """The next message of that kind from the worker."""
        sock = self.channels[shard]
        sock.settimeout(deadline_s)
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            length = int.from_bytes(self._exactly(sock, 4), "big")
            message: Message = channel.decode(self._exactly(sock, length))
            if isinstance(message, kind):
                return message
        raise TimeoutError(kind)

    def _exactly(self, sock: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            got = sock.recv(size - len(data))
            if not got:
                raise EOFError
            data += got
        return data

    def signal(self, shard: int, number: int) -> None:
        os.kill(self.pids[shard], number)

    def wait(self, shard: int, deadline_s: float = 15.0) -> int:
        """Exit code of the worker (negative: signal); it is forgotten."""
        pid = self.pids[shard]
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del self.pids[shard]
                self.channels.pop(shard).close()
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        raise TimeoutError(f"worker {shard} still runs")

    def closed(self, shard: int) -> bool:
        """Whether a worker of the shard has closed its application."""
        return any(self.path.glob(f"closed-{shard}-*"))

    def log(self) -> str:
        return (self.path / "log").read_text() if (self.path / "log").exists() else ""

    def end(self) -> None:
        for shard in list(self.pids):
            with contextlib.suppress(ProcessLookupError):
                self.signal(shard, signal.SIGKILL)
            self.wait(shard)
        for sock in (self.listener, *self.board.shard_listeners, *(end for pair in self.board.links for end in pair)):
            sock.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    parent = Workers(
        tmp_path,
        http=Http(head_timeout_s=60.0),
        supervision=Supervision(tick_s=0.2, graceful_timeout_s=5),
    )
    try:
        for shard in range(SHARDS):
            parent.start(shard)
        for shard in range(SHARDS):
            parent.hear(shard, UsageReport)
        yield parent
    finally:
        parent.end()


def request(rng: random.Random, number: int, host: str | None = None) -> tuple[bytes, dict[str, Any]]:
    """A random request and what its answer has to say."""
    name = host or rng.choice(NAMES)
    path = rng.choice(["/now", "/now", "/wait", "/wait/0.001"])
    body = rng.randbytes(rng.choice([0, 10, 500, 70_000]) if rng.random() < 0.9 else rng.randrange(200_000))
    fields = [f"Host: {name}.localhost", *([f"X-Number: {number}"] if rng.random() < 0.3 else [])]
    kind = rng.choice(["GET", "POST", "chunked"])
    if kind == "GET":
        head, body, raw = "GET", b"", b""
    elif kind == "POST":
        head, raw = "POST", body
        fields.append(f"Content-Length: {len(body)}")
    else:
        head, raw = "PUT", b""
        fields.append("Transfer-Encoding: chunked")
        position = 0
        while position < len(body):
            size = rng.randrange(1, 30_000)
            part = body[position : position + size]
            raw += b"%x\r\n%b\r\n" % (len(part), part)
            position += size
        raw += b"0\r\n\r\n"
    text = "\r\n".join([f"{head} {path}?n={number} HTTP/1.1", *fields, "", ""])
    expected = {
        "shard": NAMES.index(name) % SHARDS,
        "tenant": name,
        "path": path,
        "query": f"n={number}",
        "hash": hashlib.sha256(body).hexdigest()[:8],
    }
    return text.encode() + raw, expected


async def answer(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bool]:
    """(what the application told, whether the connection closes after it)."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(size)), b"connection: close" in head.lower()


async def converse(port: int, seed: int, count: int) -> None:
    """Sends `count` pipelined requests, cut at random, and checks every answer and its order."""
    rng = random.Random(seed)
    requests = [request(rng, number) for number in range(count)]
    data = b"".join(raw for raw, _ in requests)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    me = writer.get_extra_info("sockname")[1]

    async def send() -> None:
        start = 0
        while start < len(data):
            end = start + rng.choice([1, 30, 300, 3_000, 50_000, 300_000])
            writer.write(data[start:end])
            start = end
            await writer.drain()
            if rng.random() < 0.3:
                await asyncio.sleep(rng.random() * 0.002)

    sending = asyncio.create_task(send())
    for _, expected in requests:
        told, closes = await answer(reader)
        assert told == expected | {"client": me}
        assert not closes
    await sending
    writer.close()


@pytest.mark.slow
def test_handoff_of_pipelined_requests(workers: Workers) -> None:
    """12 connections with 200 requests of 12 tenants, cut at random, GET, POST and chunked, over three shards."""

    async def main() -> None:
        await asyncio.gather(*(converse(workers.port, SEED + number, 200) for number in range(12)))

    asyncio.run(asyncio.wait_for(main(), 150))
    reports = [workers.hear(shard, UsageReport).usage for shard in range(SHARDS)]
    assert [report.shard for report in reports] == list(range(SHARDS))
    until = time.monotonic() + 5  # an answer is on its way before its step has ended
    while any(workers.board.slots.read(shard) for shard in range(SHARDS)):
        assert time.monotonic() < until
    assert "Traceback" not in workers.log()


def test_handoff_few_requests(workers: Workers) -> None:
    async def main() -> None:
        await asyncio.gather(*(converse(workers.port, number, 25) for number in range(6)))

    asyncio.run(asyncio.wait_for(main(), 60))
    passed = taken = 0
    for shard in range(SHARDS):
        workers.signal(shard, signal.SIGTERM)
    for shard in range(SHARDS):
        with contextlib.suppress(EOFError):
            while True:
                usage = workers.hear(shard, UsageReport).usage
                passed += usage.handoffs_out
                taken += usage.handoffs_in
        assert workers.wait(shard) == 0
    assert passed == taken > 30


def ask(path: str | int, host: str, target: str = "/now") -> tuple[int, dict[str, Any]]:
    """(status, told) of one request on a connection of its own, to a port or to a unix socket."""
    with socket.socket(socket.AF_INET if isinstance(path, int) else socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(("127.0.0.1", path) if isinstance(path, int) else path)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while got := sock.recv(65536):
            data += got
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_shard_sockets(workers: Workers) -> None:
    for shard in range(SHARDS):
        for number, name in enumerate(NAMES):
            status, told = ask(str(workers.path / f"shard-{shard}.sock"), f"{name}.localhost")
            assert (status, told["shard"], told["tenant"], told["client"]) == (200, number % SHARDS, name, 0)
        assert ask(str(workers.path / f"shard-{shard}.sock"), "nobody.localhost")[1]["tenant"] is None


def test_graceful_stop_under_load(workers: Workers) -> None:
    """Every request whose answer began is answered whole; clients which reconnect lose nothing on live shards."""
    stopped, lost, served, cut_off = [False], [0], [0], [0]

    async def client(number: int) -> None:
        rng = random.Random(number)
        while not stopped[0]:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
            except ConnectionError:
                lost[0] += 1
                continue
            closes = False
            while not closes and not stopped[0]:
                raw, expected = request(rng, number)
                try:
                    writer.write(raw)
                    told, closes = await answer(reader)
                except asyncio.IncompleteReadError as error:
                    # Closed while idle, as HTTP allows at any time: never in the middle of an answer.
                    cut_off[0] += len(error.partial)
                    break
                except ConnectionError:
                    break
                assert told["tenant"] == expected["tenant"]
                assert told["hash"] == expected["hash"]
                served[0] += 1
            writer.close()

    async def main() -> None:
        clients = [asyncio.create_task(client(number)) for number in range(8)]
        loop = asyncio.get_running_loop()
        for shard in range(SHARDS):
            await asyncio.sleep(0.2)
            workers.signal(shard, signal.SIGTERM)
            # The successor starts when the old one has gone; until then its connections wait in the inbox.
            assert await loop.run_in_executor(None, workers.wait, shard) == 0
            assert workers.closed(shard)
            workers.start(shard)
        await asyncio.sleep(0.2)
        stopped[0] = True
        await asyncio.gather(*clients)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert served[0] > 20
    assert (lost[0], cut_off[0]) == (0, 0)
    for shard in range(SHARDS):
        workers.hear(shard, UsageReport)
    assert "Traceback" not in workers.log()


def test_request_under_way_is_finished(workers: Workers) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
        writer.write(b"GET /wait/0.7 HTTP/1.1\r\nHost: t0.localhost\r\n\r\n")
        while workers.hear(0, UsageReport).usage.connections == 0:
            pass
        workers.signal(0, signal.SIGTERM)
        told, closes = await answer(reader)
        assert (told["shard"], closes) == (0, True)
        writer.close()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert workers.wait(0) == 0
    assert workers.closed(0)


def test_quick_stop_does_not_wait(workers: Workers) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
        writer.write(b"GET /wait/30 HTTP/1.1\r\nHost: t1.localhost\r\n\r\n")
        while workers.hear(1, UsageReport).usage.connections == 0:
            pass
        began = time.monotonic()
        workers.signal(1, signal.SIGTERM)  # a quick stop cuts a graceful one short
        workers.signal(1, signal.SIGQUIT)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert time.monotonic() - began < 3
        writer.close()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert workers.wait(1) == 0
    assert workers.closed(1)


def test_connections_wait_for_the_successor(workers: Workers) -> None:
    """A shard dies; what its siblings pass to it meanwhile is answered by the next worker of that shard."""
    workers.signal(2, signal.SIGKILL)
    assert workers.wait(2) == -signal.SIGKILL

    async def main() -> None:
        loop = asyncio.get_running_loop()
        asking = [loop.run_in_executor(None, ask, workers.port, "t2.localhost") for _ in range(5)]
        while sum(workers.hear(shard, UsageReport).usage.handoffs_out for shard in (0, 1)) == 0:
            pass
        workers.start(2)
        for status, told in await asyncio.gather(*asking):
            assert (status, told["shard"]) == (200, 2)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_signals_of_a_terminal_are_ignored(workers: Workers) -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGWINCH):
        workers.signal(0, number)
    workers.hear(0, UsageReport)
    assert ask(workers.port, "t0.localhost")[0] == 200


def test_hung_worker_is_named_and_aborts_with_its_stack(workers: Workers) -> None:
    with socket.create_connection(("127.0.0.1", workers.port)) as sock:
        sock.sendall(b"GET /hang HTTP/1.1\r\nHost: t0.localhost\r\n\r\n")
        until = time.monotonic() + 10
        while (held := workers.board.slots.read(0)) is None:
            assert time.monotonic() < until
        assert held[0] == "t0"
        assert ask(workers.port, "t1.localhost")[1]["shard"] == 1
        workers.signal(0, signal.SIGABRT)
        assert workers.wait(0) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in workers.log()
    assert "in application" in workers.log()


def test_end_of_the_channel_ends_the_worker(workers: Workers) -> None:
    workers.channels[0].shutdown(socket.SHUT_RDWR)
    assert workers.wait(0) == 0
    assert workers.closed(0)
    assert ask(workers.port, "t1.localhost")[1]["shard"] == 1


def test_orders(workers: Workers) -> None:
    sock = workers.channels[1]
    for number, op in enumerate(("import", "fail")):
        sock.sendall(channel.encode(Call(id=number, op=op, tenant="t1")))
    replies = sorted((workers.hear(1, Reply) for _ in range(2)), key=lambda reply: reply.id)
    assert replies == [
        Reply(0, ok=True, value="import t1"),
        Reply(1, ok=False, error="ValueError: no"),
    ]
