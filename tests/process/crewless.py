"""Real workers without a supervisor: a small parent that forks them and plays its part over their channels.

Everything of the parent runs on one asyncio loop, the clients included, so a test is one coroutine. It forks while its
loop runs, as the supervisor does; the child closes what it does not need and has a loop of its own.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import apsw

from supervisor.contract import channel
from supervisor.contract.board import Board
from supervisor.contract.messages import (
    Call,
    Depart,
    Expect,
    Gain,
    Lose,
    Message,
    Own,
    Release,
    Reply,
    Settle,
    TenantPut,
    UsageReport,
)
from supervisor.contract.settings import Settings, draft_dir, tenant_dir
from supervisor.contract.shardmap import Directory, Routes, first_routes
from supervisor.contract.slots import Slots
from supervisor.contract.tenant import Tenant, TenantState
from tests.http1 import request
from tests.process.forked import become, sockets_of
from worker.app import preload
from worker.process import ShardWorker

BERTHS = 8
PATIENCE_S = 30.0
RELEASE_S = 10.0
NOTES = "/api/collections/notes/records"
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
EMAIL, PASSWORD = "root@example.com", "super-secret-1"
LOGIN = "/api/collections/_superusers/auth-with-password"
CREDENTIALS = {"identity": EMAIL, "password": PASSWORD}


@dataclass
class Hand:
    """One worker process, as its parent sees it."""

    pid: int
    shard: int
    channel: channel.Channel
    asked: dict[int, asyncio.Future[Reply]] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    reports: list[Any] = field(default_factory=list)


class Parent:
    """Forks workers and gives them orders. `async with` it; `log` is what the workers said."""

    def __init__(self, path: Path, shards: int = 2, **settings: Any) -> None:
        self.path = path
        self.hands: dict[int, Hand] = {}
        self.directory = Directory(first_routes(shards), "localhost", path_prefix=False)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        listeners = []
        for shard in range(BERTHS):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path / f"shard-{shard}.sock"))
            listener.listen(64)
            listeners.append(listener)
        self.settings = Settings(data=str(path / "data"), shards=shards, **settings)
        self.board = Board(
            settings=self.settings,
            directory=self.directory,
            slots=Slots(BERTHS),
            links=[socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(BERTHS)],
            channel=self.listener,
            shard_listeners=listeners,
        )
        self._last_id = 0

    async def __aenter__(self) -> Self:
        if not apsw.connections():  # those of other tests, in this process, keep SQLite as it is
            preload()
        for shard, berth in enumerate(self.directory.routes.berths):
            await self.start(berth, shard)
        return self

    async def __aexit__(self, *_: object) -> None:
        for berth, hand in list(self.hands.items()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(hand.pid, signal.SIGKILL)
            await self.exit_code(berth)
        for sock in sockets_of(self.board, self.listener):
            sock.close()

    # -- processes -----------------------------------------------------------------------------------------------------

    async def start(self, berth: int, shard: int) -> Hand:
        """Forks a worker and waits until it serves."""
        ours, theirs = channel.pair()
        self.board.slots.clear(berth)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(
                ShardWorker,
                self.board,
                listener=self.listener,
                theirs=theirs,
                shard=shard,
                berth=berth,
                parent=parent,
                log=self.path / "log",
            )
        theirs.close()
        hand = Hand(pid, shard, channel.Channel(lambda message: self._heard(hand, message), lambda: self._lost(hand)))
        self.hands[berth] = hand
        await channel.attach(asyncio.get_running_loop(), ours, hand.channel)
        async with asyncio.timeout(PATIENCE_S):
            await hand.ready.wait()
        return hand

    async def exit_code(self, berth: int) -> int:
        """Waits for the end of the worker; its exit code (negative: the signal)."""
        hand = self.hands.pop(berth)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                done, status = os.waitpid(hand.pid, os.WNOHANG)
                if done:
                    hand.channel.close()
                    return os.waitstatus_to_exitcode(status)
                await asyncio.sleep(0.005)

    def log(self) -> str:
        return (self.path / "log").read_text() if (self.path / "log").exists() else ""

    def _heard(self, hand: Hand, message: Message) -> None:
        match message:
            case Reply():
                hand.asked.pop(message.id).set_result(message)
            case UsageReport():
                hand.ready.set()
                hand.reports.append(message.usage)

    def _lost(self, hand: Hand) -> None:
        for asked in hand.asked.values():
            asked.set_exception(ConnectionError("the worker is gone"))
            asked.exception()
        hand.asked.clear()

    # -- orders --------------------------------------------------------------------------------------------------------

    def ask(self, berth: int, order: Callable[[int], Message]) -> asyncio.Future[Reply]:
        """Sends an order; the reply comes later."""
        self._last_id += 1
        hand = self.hands[berth]
        reply = hand.asked[self._last_id] = asyncio.get_running_loop().create_future()
        hand.channel.send(order(self._last_id))
        return reply

    async def order(self, berth: int, order: Callable[[int], Message]) -> Any:
        """Has an order carried out; the reply's value."""
        async with asyncio.timeout(PATIENCE_S):
            reply = await self.ask(berth, order)
        assert reply.ok, reply.error
        return reply.value

    async def refused(self, berth: int, order: Callable[[int], Message]) -> str:
        """Has an order refused; the error."""
        async with asyncio.timeout(PATIENCE_S):
            reply = await self.ask(berth, order)
        assert not reply.ok
        return reply.error

    async def all(self, berths: Iterable[int], order: Callable[[int], Message]) -> None:
        for reply in [self.ask(berth, order) for berth in berths]:
            assert (await reply).ok

    async def put(self, tenant: Tenant) -> None:
        """Has everybody know a tenant."""
        self.directory.put(tenant)
        await self.all(self.hands, lambda number: TenantPut(number, tenant))

    def owner(self, name: str) -> int:
        tenant = self.directory.get(name)
        assert tenant is not None
        return self.directory.owner(tenant)

    async def make_all(self, names: list[str]) -> str:
        """Tenants with an open collection `notes`, copies of the first; the token of their superuser."""
        first = names[0]
        await self._call(first, "provision")
        await self._found(first)
        await self._call(first, "superuser.upsert", email=EMAIL, password=PASSWORD)
        async with Client(self.port) as client:
            token: str = (await client.get(first, LOGIN, CREDENTIALS))["token"]
            title = {"name": "title", "type": "text", "max": 1_000_000}
            notes = {"name": "notes", "type": "base", **OPEN, "fields": [title]}
            await client.get(first, "/api/collections", notes, token)
        source = str(self.path / "exported")
        await self._call(first, "export", target=source)
        for name in names[1:]:
            await self._call(name, "import", source=source)
            await self._found(name)
        return token

    async def _found(self, name: str) -> None:
        draft_dir(self.board.settings, name).rename(tenant_dir(self.board.settings, name))
        await self.put(Tenant(name, TenantState.ACTIVE))

    async def _call(self, name: str, op: str, **args: Any) -> Any:
        tenant = self.directory.get(name) or Tenant(name, TenantState.CREATING)
        return await self.order(self.directory.owner(tenant), lambda number: Call(number, op, name, args))

    # -- handovers -----------------------------------------------------------------------------------------------------

    async def change(self, routes: Routes, gaining: list[int], losing: list[int], release_s: float = RELEASE_S) -> int:
        """Puts these routes in force, as the supervisor does; how many tenants were handed over live."""
        await self.all(gaining, lambda number: Gain(number, routes))
        kept: dict[str, int] = {}
        for berth in losing:
            kept |= dict.fromkeys(await self.order(berth, lambda number: Lose(number, routes)), berth)
        self.directory.settle(routes, kept)
        first = {*gaining, *losing}
        await self.all(first, lambda number: Settle(number, routes, kept))
        await self.all(self.hands.keys() - first, lambda number: Settle(number, routes, kept))
        for name, source in kept.items():
            target = routes.berths[self.directory.shard(self.directory.get(name))]  # type: ignore[arg-type]
            await self.pass_on(name, source, target, release_s)
            del self.directory.kept[name]
        await self.all(self.hands, lambda number: Settle(number, routes, {}))
        return len(kept)

    async def pass_on(self, name: str, source: int, target: int, release_s: float = RELEASE_S) -> None:
        await self.order(target, lambda number: Expect(number, name))
        warm = await self.order(source, lambda number: Release(number, name, target, release_s))
        await self.order(target, lambda number: Own(number, name, warm))

    async def replace(self, old: int, new: int) -> None:
        """A successor at another berth takes everything over; the predecessor departs."""
        shard = self.hands[old].shard
        await self.start(new, shard)
        berths = tuple(new if berth == old else berth for berth in self.directory.routes.berths)
        await self.change(Routes(berths), [new], [old])
        await self.depart(old, new)

    async def depart(self, old: int, new: int) -> None:
        await self.order(old, lambda number: Depart(number, new))
        assert await self.exit_code(old) == 0

    async def move(self, name: str, target: int) -> None:
        """One tenant to the worker at another berth."""
        await self.pass_on(name, self.owner(name), target)
        await self.put(Tenant(name, TenantState.ACTIVE, shard=self.hands[target].shard))

    # -- who has what open ---------------------------------------------------------------------------------------------

    def openers(self) -> dict[str, set[int]]:
        """Tenants whose data.db is open, and the pids of those who have it open at this very moment.

        No look at several processes is one moment: whoever seems to share a file must still have it after the look.
        """
        pids = [hand.pid for hand in self.hands.values()]
        seen = {pid: _open_tenants(pid) for pid in pids}
        again = {pid: _open_tenants(pid) for pid in pids}
        found: dict[str, set[int]] = {}
        for pid in pids:
            for name in seen[pid] & again[pid]:
                found.setdefault(name, set()).add(pid)
        return found


def _open_tenants(pid: int) -> set[str]:
    names = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                file = link.readlink()
                if file.name == "data.db":
                    names.add(file.parent.parent.name)
    except OSError:
        return set()
    return names


class Client:
    """One kept-alive connection. Any end of it that nobody asked for is an error."""

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        if isinstance(self._target, int):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._target)
        else:
            self.reader, self.writer = await asyncio.open_unix_connection(str(self._target))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, name: str, target: str, body: Any = None, token: str = "", method: str = "") -> None:
        method = method or ("GET" if body is None else "POST")
        self.writer.write(request(method, host_of(name), target, body, token))

    async def answer(self) -> tuple[int, Any]:
        """(status, JSON) of the next response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line[15:])
        body = await self.reader.readexactly(size)
        return int(head.split()[1]), json.loads(body) if body else None

    async def ask(self, name: str, target: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        self.send(name, target, body, token)
        return await self.answer()

    async def get(self, name: str, target: str, body: Any = None, token: str = "") -> Any:
        """The JSON of a request that has to succeed: GET, or POST where there is a body."""
        status, told = await self.ask(name, target, body, token)
        assert status == 200, (name, target, status, told)
        return told


def host_of(name: str) -> str:
    """The host name of a tenant."""
    return f"{name}.localhost"
