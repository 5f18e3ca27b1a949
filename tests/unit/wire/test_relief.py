"""What a worker does when it has too many connections, or keeps too much in memory."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from supervisor.contract.plan import Plan
from tests.unit.wire.test_connection import request, told
from tests.unit.wire.test_gated import until

MB = 1_000_000


def sized(size: int) -> Callable[..., Any]:
    """An application that answers with so many bytes at once, when it has read the body."""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        more = True
        while more:
            more = (await receive())["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
        await send({"type": "http.response.body", "body": bytes(size)})

    return application


async def deaf(wire: Any) -> Any:
    """A client that reads nothing."""
    client = await wire.connect()
    client.reader._transport.pause_reading()
    return client


def test_answers_that_nobody_takes_do_not_fill_the_memory(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        limit = wire.end.http.buffer_bytes_max
        honest = await wire.connect()
        greedy = [await deaf(wire) for _ in range(12)]
        for client in greedy:
            await client.send(request("GET", "/"))
            await asyncio.sleep(0)
            assert wire.end.buffered <= limit
        await until(lambda: sum(client.reader._transport.is_closing() for client in greedy) == 0)
        await honest.send(request("GET", "/", host="b.localhost"))
        assert len((await honest.response())[2]) == MB
        await until(lambda: wire.outcomes("a")[0] == 12)
        assert 0 < wire.account("a").buffered == wire.end.buffered <= limit
        assert len(wire.end.connections) < 13
        for connection in tuple(wire.end.connections):
            connection.abort()
        await until(lambda: not wire.end.connections)
        assert wire.account("a").buffered == wire.end.buffered == 0

    play(scenario, sized(MB), buffer_bytes_max=4 * MB)


def test_the_one_who_keeps_most_gives_way(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        slow = await deaf(wire)
        await slow.send(request("GET", "/", host="b.localhost"))
        await until(lambda: wire.end.accounts.get("b") is not None and wire.account("b").buffered)
        for _ in range(8):
            client = await deaf(wire)
            await client.send(request("GET", "/"))
        await until(lambda: wire.outcomes("a")[0] == 8)
        slow.reader._transport.resume_reading()
        assert len((await slow.response())[2]) == MB

    play(scenario, sized(MB), buffer_bytes_max=4 * MB)


def test_a_tenant_with_too_much_in_memory_is_refused(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        greedy = [await deaf(wire) for _ in range(3)]
        for client in greedy:
            await client.send(request("GET", "/"))
        await until(lambda: wire.outcomes("a")[0] + wire.outcomes("a")[3] == 3)
        assert wire.outcomes("a")[3] >= 1
        client = await wire.connect()
        await client.send(request("GET", "/"))
        assert (await client.response())[0] == 429
        await client.send(request("GET", "/", host="b.localhost"))
        assert (await client.response())[0] == 200
        for one in greedy:
            one.reader._transport.resume_reading()
            assert (await one.response())[0] in {200, 429}
        await until(lambda: wire.account("a").buffered == 0)
        await client.send(request("GET", "/"))
        assert (await client.response())[0] == 200

    play(scenario, sized(MB), plan=Plan(buffer_bytes_max=MB))


@pytest.mark.parametrize("limits", [{"plan": Plan(buffer_bytes_max=MB)}, {"buffer_bytes_max": 1_048_576}])
def test_bodies_that_arrive_wait_for_memory(play: Any, limits: dict[str, Any]) -> None:
    """More than fits arrives at once: it is read by and by, and all of it is answered."""
    most = 0

    async def scenario(wire: Any) -> None:
        nonlocal most
        clients = [await wire.connect() for _ in range(8)]
        body = bytes(700_000)
        raw = request("POST", "/echo", body)
        starting = [asyncio.create_task(client.send(raw[:100_000])) for client in clients]
        await asyncio.gather(*starting)
        await until(lambda: wire.account().running == 8)
        sending = [asyncio.create_task(client.send(raw[100_000:])) for client in clients]
        answers = [asyncio.create_task(client.response()) for client in clients]
        while not all(answer.done() for answer in answers):
            most = max(most, wire.end.buffered)
            await asyncio.sleep(0)
        for answer in answers:
            assert json.loads(answer.result()[2]) == told("POST", "/echo", body)
        await asyncio.gather(*sending)
        await until(lambda: wire.end.buffered == 0)

    play(scenario, **limits)
    # the limit, one body that may go on, and for each of the others what is read at a time
    assert most < MB + 700_000 + 8 * 70_000 < 8 * 700_000


def test_silent_addresses_make_room_first(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        wire.end.connections_max = 20
        served = [await wire.connect() for _ in range(5)]
        for client in served:
            await client.send(request("GET", "/", host="b.localhost"))
            assert (await client.response())[0] == 200
        silent = [await wire.connect(address="198.51.100.7") for _ in range(10)]
        await until(lambda: len(wire.end.connections) == 15)
        others = [await wire.connect(address=f"192.0.2.{number}") for number in range(10)]
        for client in served + others:
            await client.send(request("GET", "/"))
            assert (await client.response())[0] == 200
        assert len(wire.end.connections) == 20
        for client in silent[:5]:
            assert await client.ended() == b""
        # then the tenant with most connections
        for client in served[:3]:
            await client.send(request("GET", "/", host="b.localhost"))
            assert (await client.response())[0] == 200
        more = []
        for number in range(12):
            one = await wire.connect(address="203.0.113.9")
            more.append(one)
            await one.send(request("GET", "/", host="b.localhost" if number < 2 else "a.localhost"))
            assert (await one.response())[0] == 200
        assert (wire.account("a").connections, wire.account("b").connections) == (15, 5)

    play(scenario, sized(10))
