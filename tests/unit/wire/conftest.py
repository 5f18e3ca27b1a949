"""An endpoint on real sockets with a small application, and a client that speaks bytes."""

import asyncio
import hashlib
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from supervisor.contract.plan import Plan
from supervisor.contract.settings import Http
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.slots import Slots
from supervisor.contract.tenant import Tenant, TenantState
from worker.fair.account import Account, Accounts
from worker.fair.gate import Gate
from worker.wire.endpoint import Endpoint
from worker.wire.handoff import Links


async def read_all(receive: Any) -> bytes:
    body = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request", event
        body += event["body"]
        if not event["more_body"]:
            return body


def start(status: int = 200, *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": fields}


def piece(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers by the path; /echo and /wait tell what they received."""
    path = scope["path"]
    if path == "/early":
        await send(start(401))
        await send(piece(b"no"))
        return
    if path == "/boom":
        raise RuntimeError("boom")
    if path == "/boom-later":
        await asyncio.sleep(0)
        raise RuntimeError("boom")
    if path == "/boom-inside":
        await send(start(200, (b"content-length", b"10")))
        await send(piece(b"12345", True))
        raise RuntimeError("boom")
    if path == "/split":
        await send(start(200, (b"x", b"a\r\nSet-Cookie: b")))
    if path == "/none":
        return
    if path == "/long":
        await send(start(200, (b"content-length", b"3")))
        await send(piece(b"12345"))
    if path == "/short":
        await send(start(200, (b"content-length", b"30")))
        await send(piece(b"12345"))
    if path == "/empty":
        await send(start(204, (b"content-length", b"0")))
        await send(piece(b""))
        return
    if path.startswith("/zeros/"):
        await send(start(200))
        for _ in range(int(path[7:])):
            await send(piece(bytes(65536), True))
        await send(piece(b""))
        return
    body = await read_all(receive)
    if path == "/wait":
        for _ in range(3):
            await asyncio.sleep(0)
    told = {"method": scope["method"], "path": path, "size": len(body), "hash": hashlib.sha256(body).hexdigest()[:8]}
    if path == "/stream":
        await send(start(200, (b"content-type", b"application/json")))
        for byte in json.dumps(told).encode():
            await send(piece(bytes([byte]), True))
        await send(piece(b""))
        return
    answer = json.dumps(told).encode()
    await send(start(200, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))))
    await send(piece(answer))


class Client:
    """One connection to the endpoint."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        for data in pieces:
            self.writer.write(data)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def response(self, to_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """(status, fields, body) of the next response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        assert head[0].startswith("HTTP/1.1 "), head[0]
        status = int(head[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in head[1:-2])
        assert len(fields) == len(head) - 3, "no field twice"
        if to_head or status in (100, 204, 304):
            return status, fields, b""
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                assert await self.reader.readexactly(2) == b"\r\n"
            assert await self.reader.readexactly(2) == b"\r\n"
            return status, fields, body
        if "content-length" in fields:
            return status, fields, await self.reader.readexactly(int(fields["content-length"]))
        return status, fields, await self.reader.read()

    async def ended(self) -> bytes:
        """What comes until the server closes."""
        return await self.reader.read()

    async def reset(self) -> bool:
        """Whether the server has dropped the connection, whatever came before."""
        try:
            await self.reader.read()
        except ConnectionError:
            return True
        return self.reader.at_eof()


class Wire:
    """An endpoint of one shard among `shards`; tenants a (shard 0) and b (shard 1 if there is one)."""

    def __init__(self, application: Any, http: Http, shards: int, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        self.pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(shards)]
        self.plan = plan
        self.slots = Slots(shards)
        self.ends = []
        for shard in range(shards):
            directory = Directory(first_routes(shards), "localhost", path_prefix=True)
            directory.put(Tenant(name="a", state=TenantState.ACTIVE, shard=0))
            directory.put(Tenant(name="b", state=TenantState.ACTIVE, shard=shards - 1))
            accounts = Accounts(lambda _: plan, {})
            end = Endpoint(
                loop=loop,
                http=http,
                directory=directory,
                slots=self.slots,
                berth=shard,
                app=application,
                accounts=accounts,
                gate=Gate(loop, accounts),
                links=Links(self.pairs, shard),
                log=logging.getLogger("wire"),
            )
            loop.add_reader(end.links.inbox.fileno(), end.take_passed)
            self.ends.append(end)
        self.end = self.ends[0]
        self.sweeping = loop.create_task(self._sweep())

    def account(self, name: str = "a", shard: int = 0) -> Account:
        """The account of a tenant which has been used."""
        account = self.ends[shard].accounts.get(name)
        assert account is not None
        return account

    def outcomes(self, name: str = "a") -> tuple[int, int, int, int, int]:
        """Requests of the tenant that were ok, failed, errors, refused, gone; wherever they were served."""
        found = [account for end in self.ends if (account := end.accounts.get(name)) is not None]
        kinds = [(one.ok, one.failed, one.errors, one.refused, one.gone) for one in found] or [(0, 0, 0, 0, 0)]
        return tuple(map(sum, zip(*kinds, strict=True)))  # type: ignore[return-value]

    async def _sweep(self) -> None:
        while True:
            for end in self.ends:
                end.sweep()
            await asyncio.sleep(0.02)

    async def connect(self, shard: int = 0, address: str = "192.0.2.1") -> Client:
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        self.ends[shard].adopt(ours, (address, 4711))
        return Client(*await asyncio.open_connection(sock=theirs))

    async def close(self) -> None:
        self.sweeping.cancel()
        for end in self.ends:
            await end.abort()
        for _ in range(3):
            await asyncio.sleep(0)
        for end in self.ends:
            asyncio.get_running_loop().remove_reader(end.links.inbox.fileno())
            assert end.quiet
        for pair in self.pairs:
            for sock in pair:
                sock.close()


Scenario = Callable[[Wire], Awaitable[None]]


@pytest.fixture
def play() -> Callable[..., None]:
    """Runs a scenario against an endpoint: `play(scenario, application=…, shards=…, plan=…, **limits)`."""

    def run(
        scenario: Scenario, application: Any = app, shards: int = 1, plan: Plan | None = None, **limits: Any
    ) -> None:
        async def main() -> None:
            wire = Wire(application, Http(**limits), shards, plan or Plan())
            try:
                await asyncio.wait_for(scenario(wire), 20)
            finally:
                await wire.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the workers' loop
            runner.run(main())

    return run
