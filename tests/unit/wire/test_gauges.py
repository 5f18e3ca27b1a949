"""What is counted up is counted down, however clients behave: after any storm all gauges are at zero."""

import asyncio
import random
from typing import Any

import pytest

from supervisor.contract.plan import Plan
from tests.unit.wire.test_connection import chunked, request
from worker.fair.gate import BUSY, HELD, LADEN, QUEUED, ROUTED, SPENT

CLIENTS = 60
PATHS = ("/echo", "/wait", "/stream", "/zeros/4", "/early", "/boom", "/boom-later", "/boom-inside", "/short", "/none")
TIGHT = Plan(
    concurrency_max=3,
    queue_max=8,
    connections_max=20,
    buffer_bytes_max=100_000,
    requests_per_s=2_000,
    requests_burst=30,
    cpu_percent=50,
)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def some_input(chance: random.Random) -> bytes:
    """One or more requests of both tenants; the last one may be cut."""
    data = b""
    for _ in range(chance.randint(1, 6)):
        host = chance.choice(("a.localhost", "a.localhost", "b.localhost", "nobody.localhost"))
        path = chance.choice(PATHS)
        body = bytes(chance.choice((0, 10, 5_000, 70_000)))
        kind = chance.random()
        if kind < 0.4:
            data += request("GET", path, host=host)
        elif kind < 0.6:
            data += chunked("POST", path, body).replace(b"a.localhost", host.encode())
        elif kind < 0.7:
            data += request("POST", path, body, "Expect: 100-continue", host=host)
        else:
            data += request("POST", path, body, host=host)
    return data[: chance.randint(1, len(data))] if chance.random() < 0.4 else data


async def misbehave(wire: Any, chance: random.Random) -> None:
    """One client: sends, reads some of the answers or none, and leaves in one way or another."""
    client = await wire.connect(chance.randrange(len(wire.ends)))
    try:
        for _ in range(chance.randint(1, 3)):
            if client.writer.transport.is_closing():
                break
            client.writer.write(some_input(chance))
            for _ in range(chance.randint(0, 8)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                await asyncio.wait_for(client.reader.read(chance.choice((1, 1_000, 200_000))), 0.05)
    except (ConnectionError, TimeoutError):
        pass
    how = chance.random()
    if how < 0.3:
        client.writer.transport.abort()
    elif how < 0.5:
        if not client.writer.transport.is_closing():
            client.writer.write_eof()
        await asyncio.sleep(0)
        client.writer.close()
    else:
        client.writer.close()


async def disturb(wire: Any, chance: random.Random, done: asyncio.Event) -> None:
    """Holds and frees, cuts, changed plans."""
    while not done.is_set():
        end = chance.choice(wire.ends)
        name = chance.choice("ab")
        what = chance.random()
        if what < 0.5:
            end.gate.hold(name)
            await asyncio.sleep(0.002)
            end.gate.free(name)
        elif what < 0.6:
            end.cut(name)
        elif (account := end.accounts.get(name)) is not None:
            end.gate.settle(account)
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_gauges_return_to_zero(play: Any, seed: int, shards: int) -> None:
    async def scenario(wire: Any) -> None:
        chance = random.Random(seed)
        done = asyncio.Event()
        for end in wire.ends:  # so that some wait in any case
            end.gate.hold("a")
            asyncio.get_running_loop().call_later(0.01, end.gate.free, "a")
        disturbing = asyncio.create_task(disturb(wire, chance, done))
        for _ in range(3):
            await asyncio.gather(*(misbehave(wire, chance) for _ in range(CLIENTS // 3)))
        done.set()
        await disturbing
        await until(lambda: all(end.quiet for end in wire.ends))
        for end in wire.ends:
            await until(lambda end=end: not any(account.running for account in end.accounts))
            assert end.buffered == 0
            for account in (end.accounts.own, *end.accounts):
                assert (account.connections, account.running, account.buffered) == (0, 0, 0), account.name
                assert not account.waiting
                assert not account.bars & (BUSY | HELD | LADEN | QUEUED | ROUTED), account.bars
                await until(lambda account=account: not account.bars & SPENT)
                assert min(account.bytes_in, account.bytes_out) >= 0
            await until(lambda end=end: not end.gate._queue and not end.gate._freed)
        assert sum(sum(wire.outcomes(name)) for name in "ab") > 0
        assert sum(account.waited_ns for end in wire.ends for account in end.accounts) > 0
        # and whoever comes now is served
        for host in ("a.localhost", "b.localhost"):
            client = await wire.connect()
            await client.send(request("GET", "/wait", host=host))
            assert (await client.response())[0] == 200

    play(scenario, shards=shards, plan=TIGHT, buffer_bytes_max=400_000)
