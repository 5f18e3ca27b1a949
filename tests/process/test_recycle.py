"""What no client may notice: fresh workers, a moved tenant, more and fewer shards, new settings, new code.

All of it happens under the load of a thousand kept-alive connections that read and write. A client that is answered
with an error, cut off, or closed without having been told to, is a failure; so is a lost write, and so is any moment in
which two processes have one tenant's database open.
"""

import asyncio
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervisor.contract.shardmap import owner_of
from tests.http1 import request
from tests.process.whole import NOTES, Whole, stored, until

CONNECTIONS = 1_000
TENANTS = 8
READS_A_WRITE = 3
PAUSE_S = 1.0  # of a client between two requests: many connections, and most of them idle, as it is in life
ANSWER_S = 60.0
LOOK_EVERY_S = 0.02


class Client:
    """One connection, kept as long as the load lasts. What must not happen is noted in `wrong`."""

    def __init__(self, server: Whole, tenant: str, number: int, crowd: int) -> None:
        self.server = server
        self.crowd = crowd
        self.tenant = tenant
        self.number = number
        self.acknowledged: list[str] = []
        self.answers = 0
        self.wrong: list[str] = []

    async def run(self, stopped: asyncio.Event) -> None:
        host = self.server.host(self.tenant)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            while not stopped.is_set():
                writes = self.answers % (READS_A_WRITE + 1) == 0
                record = f"{self.crowd:02}{self.number:04}{len(self.acknowledged):09}"
                if writes:
                    sent = request("POST", host, NOTES, {"id": record, "title": self.tenant})
                else:
                    known = self.acknowledged[self.answers % len(self.acknowledged)]
                    sent = request("GET", host, f"{NOTES}/{known}")
                # in two parts now and then: a request that has begun must not end a connection either
                half = len(sent) // 2 if self.answers % 5 == 0 else 0
                writer.write(sent[:half])
                await asyncio.sleep(0)
                writer.write(sent[half:])
                status, head, body = await asyncio.wait_for(self._answer(reader), ANSWER_S)
                self.answers += 1
                if status != 200:
                    self.wrong.append(f"{status} {body[:200]!r}")
                elif writes:
                    self.acknowledged.append(record)
                elif json.loads(body)["id"] != known:
                    self.wrong.append(f"{known} was asked for, {body[:200]!r} came")
                if b"connection: close" in head.lower():
                    self.wrong.append("the server wants to close")
                    return
                await asyncio.wait([asyncio.ensure_future(stopped.wait())], timeout=PAUSE_S)
        except (OSError, EOFError, TimeoutError) as error:
            self.wrong.append(f"after {self.answers} answers: {error!r}")
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        return int(head.split(None, 2)[1]), head, await reader.readexactly(size)


class Crowd:
    """All clients on a loop in a thread of their own, and a look at who has which database open."""

    def __init__(self, server: Whole, tenants: list[str], number: int, connections: int = CONNECTIONS) -> None:
        self.server = server
        self.clients = [Client(server, tenants[one % len(tenants)], one, number) for one in range(connections)]
        self.shared: list[str] = []
        self.looks = 0
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._threads = [threading.Thread(target=self._run), threading.Thread(target=self._look)]

    def _run(self) -> None:
        async def run() -> None:
            await asyncio.gather(*(client.run(self._stopped) for client in self.clients))

        self._loop.run_until_complete(run())

    def _look(self) -> None:
        """data.db has one process, at any time. A process is looked at while others go on, so a database that two seem
        to have is looked at again: only if both still have it at once."""
        while not self._stopped.is_set():
            self.looks += 1
            twice = {path: pids for path, pids in open_databases(self.server).items() if len(pids) > 1}
            for path, pids in twice.items():
                if all(path in databases_of(pid) for pid in pids) and all(path in databases_of(pid) for pid in pids):
                    self.shared.append(f"{path}: {sorted(pids)}")
            time.sleep(LOOK_EVERY_S)

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        self.each()
        return self

    def each(self, count: int = 1) -> None:
        """Waits until every client has so many more answers."""
        wanted = [client.answers + count for client in self.clients]
        until(
            lambda: all(c.answers >= goal or c.wrong for c, goal in zip(self.clients, wanted, strict=True)),
            f"{count} more answers for every client",
        )

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        for thread in self._threads:
            thread.join()

    def verify(self) -> None:
        """Ends the load. Nobody has noticed anything."""
        self.each(2)
        self.__exit__()
        assert Counter(said for client in self.clients for said in client.wrong) == {}
        assert self.shared == []
        assert self.looks > 1
        for tenant in {client.tenant for client in self.clients}:
            kept = stored(self.server, tenant)
            said = {record for client in self.clients if client.tenant == tenant for record in client.acknowledged}
            assert said - kept == set(), "acknowledged writes are there"


def databases_of(pid: int) -> set[str]:
    """The data.db files that a process has open."""
    found = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(entry.path)  # noqa: PTH115 (a thousand times a second)
            except OSError:
                continue
            if target.endswith("/data.db"):
                found.add(target)
    except OSError:
        pass  # it has just ended
    return found


def open_databases(server: Whole) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for child in psutil.Process(server.pid).children():
        for path in databases_of(child.pid):
            found.setdefault(path, set()).add(child.pid)
    return found


class Free(Whole):
    """A server whose number of shards is the file's."""

    def command(self) -> list[str]:
        command = super().command()
        at = command.index("--shards")
        return command[:at] + command[at + 2 :]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Free]:
    made = Free(tmp_path_factory.mktemp("recycle") / "data", shards=2)
    made.configure(shards=2)
    with made:
        made.make_all([f"t{number}" for number in range(TENANTS)])
        yield made


NUMBERS = itertools.count()


@pytest.fixture
def crowd(server: Free) -> Iterator[Crowd]:
    with Crowd(server, [f"t{number}" for number in range(TENANTS)], next(NUMBERS)) as made:
        yield made


def shards(server: Free) -> list[tuple[int, str]]:
    return [(row["pid"], row["state"]) for row in server.rows()]


def signal_and_wait(server: Free, number: signal.Signals, count: int) -> None:
    """Until so many shards are served, by others than before."""
    before = {pid for pid, _ in shards(server)}
    os.kill(server.pid, number)

    def done() -> bool:
        now = shards(server)
        return len(now) == count and all(state == "serving" and pid not in before for pid, state in now)

    until(done, "all workers are replaced")
    until(lambda: not any(psutil.pid_exists(pid) for pid in before), "the former ones are gone")


@pytest.mark.slow
def test_a_recycled_worker(server: Free, crowd: Crowd) -> None:
    before = shards(server)
    server.do("recycle", shard=0)
    crowd.each(2)
    server.do("recycle", shard=1)
    crowd.each(2)
    assert all(pid != other for (pid, _), (other, _) in zip(before, shards(server), strict=True))
    crowd.verify()


@pytest.mark.slow
def test_new_settings(server: Free, crowd: Crowd) -> None:
    signal_and_wait(server, signal.SIGHUP, 2)
    crowd.verify()


@pytest.mark.slow
def test_a_moved_tenant(server: Free, crowd: Crowd) -> None:
    for name in ("t0", "t1", "t2"):
        home = owner_of(name, 2)
        assert server.do("tenant.move", name=name, shard=1 - home)["shard"] == 1 - home
        crowd.each()
        assert server.do("tenant.move", name=name, shard=None)["shard"] == home
    crowd.verify()


@pytest.mark.slow
def test_another_number_of_shards(server: Free, crowd: Crowd) -> None:
    for count in (3, 2):
        server.configure(shards=count)
        signal_and_wait(server, signal.SIGHUP, count)
        crowd.each()
    crowd.verify()


@pytest.mark.slow
def test_new_code(server: Free, crowd: Crowd) -> None:
    supervisor = server.pid
    signal_and_wait(server, signal.SIGUSR2, 2)
    crowd.each(2)
    assert server.do("status")["pid"] == supervisor
    crowd.verify()


@pytest.mark.slow
def test_everything_at_once(server: Free, crowd: Crowd) -> None:
    """Asked for in any order, one thing happens after another."""
    threads = [threading.Thread(target=server.do, args=(command,), kwargs=arguments) for command, arguments in cases()]
    os.kill(server.pid, signal.SIGHUP)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    crowd.verify()
    assert Path(server.directory, "shard-1.sock").exists()


def cases() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("recycle", {"shard": 0}),
        ("tenant.move", {"name": "t3", "shard": 1}),
        ("tenant.create", {"name": f"new{time.monotonic_ns()}", "domains": []}),
        ("recycle", {"shard": 1}),
        ("tenant.move", {"name": "t3", "shard": 0}),
    ]
