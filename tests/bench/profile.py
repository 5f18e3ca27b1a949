"""`python -m tests.bench.profile OPERATION`: where one operation's time goes, by cProfile. Table on stdout.

One worker's parts (wire, app, one tenant with the benchmark's data) run in this process; requests go from a buffer to
the connection's protocol and answers to a transport that drops them, so that neither sockets nor the event loop show.
cProfile makes calls of Python dearer than they are and those of C cheaper by comparison: the first figure is CPU µs a
request without it. With `--seed` the data is kept in that directory and used again.
"""

import argparse
import asyncio
import cProfile
import json
import logging
import pstats
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from supervisor.contract.board import Board  # noqa: E402
from supervisor.contract.settings import Settings, tenant_dir  # noqa: E402
from supervisor.contract.shardmap import Directory, first_routes  # noqa: E402
from supervisor.contract.slots import Slots  # noqa: E402
from supervisor.contract.tenant import Tenant, TenantState  # noqa: E402
from tests.bench import machine  # noqa: E402
from tests.bench.data import Seed, fill  # noqa: E402
from tests.bench.load import Turns  # noqa: E402
from tests.bench.operations import Operation, operations  # noqa: E402
from worker import app  # noqa: E402
from worker.fair.gate import Gate  # noqa: E402
from worker.wire.connection import LOCAL, Connection  # noqa: E402
from worker.wire.endpoint import Endpoint  # noqa: E402
from worker.wire.handoff import Links  # noqa: E402

TENANT = "bench"
WARM_UP = 50
PARTS = 25  # of the requests that are timed: the fastest is what undisturbed ones take


class Drop:
    """A transport whose client takes everything at once."""

    def __init__(self) -> None:
        self.answer = b""

    def write(self, data: bytes) -> None:
        self.answer = self.answer + data if self.answer else data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 8090) if name == "sockname" else default

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Worker:
    """The parts of a worker, and one connection to it."""

    def __init__(self, data: Path) -> None:
        settings = Settings(data=str(data), shards=1)
        directory = Directory(first_routes(1), settings.base_domain, path_prefix=False)
        directory.put(Tenant(name=TENANT, state=TenantState.ACTIVE, shard=0))
        log = logging.getLogger("profile")
        app.preload()
        self.pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        board = Board(
            settings=settings,
            directory=directory,
            slots=Slots(1),
            links=[self.pair],
            channel=self.pair[0],
            shard_listeners=[],
        )
        self.shard = app.build(board, 0, 0, log, lambda _: None)
        self.end = Endpoint(
            loop=asyncio.get_running_loop(),
            http=settings.http,
            directory=directory,
            slots=board.slots,
            berth=0,
            app=self.shard.asgi,
            accounts=self.shard.accounts,
            gate=Gate(asyncio.get_running_loop(), self.shard.accounts),
            links=Links([self.pair], 0),
            log=log,
        )
        self.transport = Drop()
        self.connection = Connection(self.end, LOCAL, 0, b"")
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]

    async def ask(self, request: bytes) -> bytes:
        """The answer."""
        transport = self.transport
        transport.answer = b""
        self.end.buffer[: len(request)] = request
        self.connection.buffer_updated(len(request))
        while not transport.answer:
            await asyncio.sleep(0)
        return transport.answer

    async def run(self, turns: Turns, count: int) -> None:
        """Ask so many requests. RuntimeError for an answer that is no success."""
        while count > 0:
            for request in reversed(turns.group()):
                answer = await self.ask(request)
                if answer[9:10] != b"2":
                    raise RuntimeError(answer[:500])
                count -= 1

    async def close(self) -> None:
        await self.shard.close(5.0)
        for sock in self.pair:
            sock.close()


async def profiled(data: Path, operation: Operation, count: int, lines: int, sort: str) -> None:
    """Print CPU a request and the profile's table."""
    worker = Worker(data)
    turns = Turns([text.encode() for text in operation.requests], operation.steps, 1)
    await worker.run(turns, WARM_UP)
    parts = []
    for _ in range(PARTS):
        began = time.process_time()
        await worker.run(turns, count // PARTS)
        parts.append((time.process_time() - began) / (count // PARTS) * 1e6)
    print(f"{operation.name}: {machine.median(parts)} µs CPU a request, without cProfile")
    profile = cProfile.Profile()
    profile.enable()
    await worker.run(turns, count)
    profile.disable()
    pstats.Stats(profile).strip_dirs().sort_stats(sort).print_stats(lines)
    await worker.close()


def seeded(seed: Path, plan: machine.Plan) -> Seed:
    """Who there is in the data in `seed`, which is made if it is not there."""
    people = seed / "reader.json"
    if not people.exists():
        (seed / "pb_data").mkdir(parents=True)
        people.write_text(json.dumps(fill(seed / "pb_data", plan)))
    return Seed(*json.loads(people.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("operation", help="the operation with this in its name")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=35)
    parser.add_argument("--sort", default="tottime", help="tottime or cumulative")
    parser.add_argument("--seed", type=Path, help="directory that keeps the data for the next time")
    options = parser.parse_args()
    plan = machine.FULL
    with tempfile.TemporaryDirectory(prefix="pocker-profile-") as directory:
        seed = options.seed or Path(directory) / "seed"
        people = seeded(seed, plan)
        data = Path(directory) / "data"
        shutil.copytree(seed / "pb_data", tenant_dir(Settings(data=str(data)), TENANT) / "pb_data")
        every = operations(f"{TENANT}.localhost", people, plan)
        found = [operation for operation in every if options.operation in operation.name]
        if not found:
            sys.exit("one of: " + ", ".join(operation.name for operation in every))
        asyncio.run(profiled(data, found[0], options.requests, options.lines, options.sort))


if __name__ == "__main__":
    main()
