"""The gate at the wire: requests that wait, are refused, are cut off, or move to another worker while they wait."""

import asyncio
import json
import random
import socket
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.shardmap import Routes
from tests.unit.wire.conftest import Client
from tests.unit.wire.test_connection import chunked, error, request, told
from worker.fair.gate import Gate
from worker.wire.connection import TOO_LONG
from worker.wire.handoff import HOPS_MAX, KEPT_BYTES_MAX, UNREAD_BYTES_MAX


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def waiting(wire: Any, name: str = "a", shard: int = 0) -> int:
    """Requests of the tenant that wait at the gate of one worker."""
    account = wire.ends[shard].accounts.get(name)
    return 0 if account is None else len(account.waiting)


# -- refusals ---------------------------------------------------------------------------------------------------------

RATE = Plan(requests_per_s=0.5, requests_burst=1)


def test_refusals_say_when_to_come_back(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        raw = request("GET", "/echo", None, "Origin: https://example.com")
        await client.send(raw * 2 + request("HEAD", "/echo") + request("POST", "/echo", b"12345"))
        assert (await client.response())[0] == 200
        status, fields, body = await client.response()
        error(429, body)
        assert json.loads(body)["message"] == "Too Many Requests."
        assert status == 429
        assert (fields["retry-after"], fields["ratelimit-limit"]) == ("2", "1")
        assert (fields["ratelimit-remaining"], fields["ratelimit-reset"]) == ("0", "2")
        assert fields["access-control-allow-origin"] == "*"
        assert "connection" not in fields
        status, fields, _ = await client.response(to_head=True)
        assert (status, int(fields["content-length"])) == (429, len(body))
        assert "access-control-allow-origin" not in fields
        assert (await client.response())[0] == 429
        assert wire.outcomes() == (1, 0, 0, 3, 0)
        account = wire.account()
        assert account.bytes_in == 2 * len(raw) + len(request("HEAD", "/echo") + request("POST", "/echo", b"12345"))

    play(scenario, plan=RATE)


def test_preflights_succeed(play: Any) -> None:
    """Else a browser would not even ask, and its script not learn why."""

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/echo"))
        assert (await client.response())[0] == 200
        fields = ("Origin: https://example.com", "Access-Control-Request-Headers: authorization")
        await client.send(request("OPTIONS", "/echo", None, *fields[:1]) + request("OPTIONS", "/echo"))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"access-control-allow-origin: *\r\n" in head
        assert b"allow-headers" not in head
        assert (await client.response())[0] == 429
        await client.send(request("OPTIONS", "/echo", None, *fields))
        assert b"access-control-allow-headers: authorization\r\n" in await client.reader.readuntil(b"\r\n\r\n")
        assert wire.outcomes() == (1, 0, 0, 3, 0)

    play(scenario, plan=RATE)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (request("POST", "/echo", bytes(100_000)), True),
        (request("POST", "/echo", bytes(1_000_000)), False),
        (chunked("POST", "/echo", bytes(10)), False),
        (request("POST", "/echo", b"12345", "Expect: 100-continue"), False),
        (request("POST", "/echo", b"12345", "Connection: close"), False),
    ],
)
def test_refused_bodies(play: Any, raw: bytes, kept: bool) -> None:
    """A body that nobody reads is skipped if that is cheaper than another connection."""

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/echo"))
        assert (await client.response())[0] == 200
        sending = asyncio.create_task(client.send(raw))
        status, fields, _ = await client.response()
        assert (status, fields.get("connection")) == (429, None if kept else "close")
        await sending
        if kept:
            wire.end.gate.judge(Verdict("a"))
            await client.send(request("GET", "/echo"))
            assert (await client.response())[0] == 429
        else:
            assert await client.ended() == b""

    play(scenario, plan=RATE)


def test_pipelined_refusals_on_http_1_0(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(b"GET /echo HTTP/1.0\r\nHost: a.localhost\r\nConnection: keep-alive\r\n\r\n" * 40)
        assert (await client.response())[0] == 200
        for _ in range(39):
            status, fields, _ = await client.response()
            assert (status, fields["connection"]) == (429, "keep-alive")

    play(scenario, plan=RATE)


def test_connections_of_a_tenant(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        first, second, third = [await wire.connect() for _ in range(3)]
        for client in (first, second):
            await client.send(request("GET", "/echo"))
            assert (await client.response())[0] == 200
        await third.send(request("GET", "/echo"))
        status, fields, _ = await third.response()
        assert (status, fields["connection"], fields["ratelimit-limit"]) == (429, "close", "2")
        assert await third.ended() == b""
        third.writer.close()
        await until(lambda: wire.account().connections == 2)
        await second.send(request("GET", "/echo", host="b.localhost"))
        assert (await second.response())[0] == 200
        assert (wire.account("a").connections, wire.account("b").connections) == (1, 1)
        fourth = await wire.connect()
        await fourth.send(request("GET", "/echo"))
        assert (await fourth.response())[0] == 200

    play(scenario, plan=Plan(connections_max=2))


def test_concurrency_makes_wait(play: Any) -> None:
    free: list[asyncio.Event] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        event = asyncio.Event()
        free.append(event)
        await event.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        clients = [await wire.connect() for _ in range(5)]
        for client in clients:
            await client.send(request("GET", "/"))
        await until(lambda: wire.outcomes()[3] == 1)
        account = wire.account()
        assert (account.running, len(account.waiting), len(free)) == (2, 2, 2)
        for number in range(4):
            free[number].set()
            await until(lambda: wire.outcomes()[0] > number)  # noqa: B023
        assert wire.outcomes() == (4, 0, 0, 1, 0)
        assert account.waited_ns > 0
        assert (account.running, len(account.waiting)) == (0, 0)

    play(scenario, application, plan=Plan(concurrency_max=2, queue_max=2))


# -- who takes too long -----------------------------------------------------------------------------------------------


async def sleepy(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope["path"]
    if path == "/begun":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    try:
        await asyncio.sleep(60)
    except Exception as failure:  # as an application does that answers errors
        if path == "/deaf":
            await asyncio.sleep(60)
        if path == "/answers":
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": str(failure).encode()})
            return
        raise


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/", True), ("/deaf", True), ("/answers", True), ("/begun", False)],
)
def test_requests_are_ended_in_time(play: Any, monkeypatch: pytest.MonkeyPatch, path: str, answer: bool) -> None:
    monkeypatch.setattr("worker.wire.connection.STOP_AGAIN_S", 0.1)

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", path))
        if not answer:
            with pytest.raises((ValueError, EOFError, ConnectionError)):  # in the middle of the body
                await client.response()
        else:
            status, _, body = await client.response()
            assert status == 503
            assert body == TOO_LONG.encode() if path == "/answers" else json.loads(body)["message"] == TOO_LONG
        await until(lambda: wire.outcomes() == (0, 0, 1, 0, 0))
        assert wire.account().running == 0

    play(scenario, sleepy, plan=Plan(request_timeout_s=1.0))


def test_waiting_requests_are_ended_in_time(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        wire.end.gate.hold("a")
        client = await wire.connect()
        await client.send(request("GET", "/echo"))
        status, fields, body = await client.response()
        error(503, body)
        assert (status, fields["retry-after"]) == (503, "1")
        assert wire.outcomes() == (0, 0, 0, 1, 0)
        assert not wire.account().waiting

    play(scenario, plan=Plan(request_timeout_s=1.0))


def test_cutting_off_a_tenant(play: Any) -> None:
    detached: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/detached":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            scope["pocker.exchange"].detach(lambda: detached.append(1))
            return
        await asyncio.sleep(60)

    async def scenario(wire: Any) -> None:
        one, other, stream = [await wire.connect() for _ in range(3)]
        await one.send(request("GET", "/"))
        await other.send(request("GET", "/", host="b.localhost"))
        await stream.send(request("GET", "/detached"))
        await until(lambda: wire.outcomes() == (1, 0, 0, 0, 0) and wire.account("b").running == 1)
        wire.end.cut("a", "It is being moved.")
        status, _, body = await one.response()
        error(503, body)
        assert (status, json.loads(body)["message"]) == (503, "It is being moved.")
        assert (await stream.response())[2] == b""
        await until(lambda: detached)
        assert (wire.account("a").running, wire.account("b").running) == (0, 1)

    play(scenario, application)


# -- hand-over --------------------------------------------------------------------------------------------------------


def test_held_requests_wait_and_go_on(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        gate = wire.end.gate
        clients = [await wire.connect() for _ in range(3)]
        gate.hold("a")
        whole = request("POST", "/echo", b"x" * 500)
        large = request("POST", "/echo", bytes(2 * UNREAD_BYTES_MAX))
        sending = [
            asyncio.create_task(clients[0].send(whole * 2, whole[:100])),
            asyncio.create_task(clients[1].send(large, whole)),
            asyncio.create_task(clients[2].send(whole)),
        ]
        await until(lambda: waiting(wire) == 3)
        min(wire.end.connections, key=lambda connection: len(connection.unread)).abort()  # as if it were reset
        await until(lambda: waiting(wire) == 2)
        assert wire.account().buffered > UNREAD_BYTES_MAX
        gate.free("a")
        await clients[0].send(whole[100:])
        for _ in range(3):
            assert json.loads((await clients[0].response())[2]) == told("POST", "/echo", b"x" * 500)
        assert json.loads((await clients[1].response())[2]) == told("POST", "/echo", bytes(2 * UNREAD_BYTES_MAX))
        assert json.loads((await clients[1].response())[2]) == told("POST", "/echo", b"x" * 500)
        await asyncio.gather(*sending)
        await until(lambda: wire.account().buffered == 0)

    play(scenario)


def hand_over(wire: Any, name: str, source: int, target: int) -> None:
    """The tenant has another owner, which everybody knows at once."""
    for end in wire.ends:
        end.directory.kept[name] = target
    wire.ends[source].gate.free(name)
    wire.ends[target].gate.free(name)


PIECES = [
    request("GET", "/echo"),
    request("POST", "/echo", b"abc" * 100),
    chunked("POST", "/wait", b"de", b"f" * 400),
    request("GET", "/wait"),
    request("POST", "/echo", b"z" * 70_000),
    request("GET", "/echo", host="b.localhost"),
]
ANSWERS = [
    told("GET", "/echo"),
    told("POST", "/echo", b"abc" * 100),
    told("POST", "/wait", b"de" + b"f" * 400),
    told("GET", "/wait"),
    told("POST", "/echo", b"z" * 70_000),
    told("GET", "/echo"),
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 3 * sum(map(len, PIECES)) - 1), max_size=30, unique=True), st.integers(0, 10**6))
def test_a_tenant_moves_to_and_fro_under_pipelined_requests(play: Any, cuts: list[int], seed: int) -> None:
    """Cut anywhere, moved at any time: every request is answered once, in order, and no connection is lost."""
    rng = random.Random(seed)
    raw = b"".join(PIECES) * 3
    edges = [0, *sorted(cuts), len(raw)]

    async def scenario(wire: Any) -> None:
        moving = [True]

        async def move() -> None:
            owner = 0
            while moving[0]:
                source, owner = owner, (owner + 1) % 3
                wire.ends[owner].gate.hold("a")  # expected there, released here
                wire.ends[source].gate.hold("a")
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(0)
                while (account := wire.ends[source].accounts.get("a")) is not None and account.running:
                    await asyncio.sleep(0)
                hand_over(wire, "a", source, owner)
                for _ in range(rng.randrange(30)):
                    await asyncio.sleep(0)

        async def talk() -> None:
            client = await wire.connect(rng.randrange(3))
            sending = asyncio.create_task(client.send(*(raw[start:end] for start, end in pairwise(edges))))
            for expected in ANSWERS * 3:
                status, fields, body = await client.response()
                assert (status, json.loads(body)) == (200, expected)
                assert "connection" not in fields
            await sending

        task = asyncio.create_task(move())
        await asyncio.gather(*(talk() for _ in range(4)))
        moving[0] = False
        await task

    play(scenario, shards=3)


def test_what_waits_for_routes_goes_where_they_lead(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        old, new = wire.ends
        client = await wire.connect(shard=1)
        new.directory.coming = Routes((1, 1))  # this one gains what is at berth 0
        await client.send(request("GET", "/echo") * 3)
        await until(lambda: waiting(wire, shard=1))
        assert old.taken == 0
        for end in wire.ends:
            end.directory.settle(Routes((1, 1)), {"b": 0})
            end.gate.free_all_routed()
        for _ in range(3):
            assert json.loads((await client.response())[2]) == told("GET", "/echo")
        assert (old.taken, wire.outcomes("a")) == (0, (3, 0, 0, 0, 0))
        # what was kept by another is passed on to it
        await client.send(request("GET", "/echo", host="b.localhost"))
        assert (await client.response())[0] == 200
        assert old.taken == 1

    play(scenario, shards=2)


def test_hand_overs_do_not_exhaust_the_hops(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        wire.end.gate.hold("a")
        await client.send(request("GET", "/echo"))
        owner = 0
        for _ in range(2 * HOPS_MAX):
            await until(lambda: waiting(wire, shard=owner))  # noqa: B023
            source, owner = owner, 1 - owner
            wire.ends[owner].gate.hold("a")
            for end in wire.ends:
                end.directory.kept["a"] = owner
            wire.ends[source].gate.free("a")
        wire.ends[owner].gate.free("a")
        assert (await client.response())[0] == 200

    play(scenario, shards=2)


def test_departing_with_many_connections(play: Any) -> None:
    """Idle ones, busy ones, some in the middle of a head or a body, some waiting: all live on at the other worker."""

    async def scenario(wire: Any) -> None:
        old, new = wire.ends
        whole = request("POST", "/wait", b"q" * 3000)
        idle = [await wire.connect() for _ in range(300)]
        for client in idle[50:]:
            await client.send(request("GET", "/echo"))
            await client.response()
        busy, parked, head, body, streaming = [[await wire.connect() for _ in range(10)] for _ in range(5)]
        for client in busy:
            await client.send(whole)
        for client in head:
            await client.send(whole[:30])
        for client in body:
            await client.send(whole[:-10])
        large = request("POST", "/echo", bytes(300_000))
        for client in streaming:
            await client.send(large[:100_000])
        old.gate.hold("a")
        for client in parked:
            await client.send(whole)
        await until(lambda: waiting(wire) == 10)
        for end in wire.ends:
            end.directory.settle(Routes((1, 1)), {})
        old.depart(1)
        await asyncio.sleep(0)
        late = await wire.connect()  # accepted before, seen only now
        for client in streaming:
            await client.send(large[100_000:])
        await until(lambda: old.quiet)
        assert new.taken == 351
        for client in head:
            await client.send(whole[30:])
        for client in body:
            await client.send(whole[-10:])
        for client in [*idle, late]:
            await client.send(whole)
        for client in [*busy, *parked, *head, *body, *idle, late]:
            status, fields, answer = await client.response()
            assert (status, json.loads(answer)) == (200, told("POST", "/wait", b"q" * 3000))
            assert "connection" not in fields
        for client in streaming:
            assert json.loads((await client.response())[2]) == told("POST", "/echo", bytes(300_000))
            await client.send(request("GET", "/echo"))
            assert (await client.response())[0] == 200

    play(scenario, shards=2, connections_max=2000)


def test_departing_ends_streams(play: Any) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["pocker.exchange"].detach(lambda: None)

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/"))
        await client.reader.readuntil(b"\r\n\r\n")
        wire.ends[0].depart(1)
        assert await client.ended() == b"0\r\n\r\n"
        await until(lambda: wire.ends[0].quiet)

    play(scenario, application, shards=2)


def test_one_refused_after_it_was_freed_is_not_taken_up_again(play: Any) -> None:
    """Its time may be over between the moment at which it was freed and its turn."""

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/echo"))
        assert (await client.response())[0] == 200
        wire.end.gate.hold("a")
        await client.send(request("GET", "/echo"))
        await until(lambda: waiting(wire))
        (connection,) = wire.end.connections
        wire.end.gate.free("a")
        connection.expire()
        waited_ns, deadline = wire.account().waited_ns, connection.deadline
        await until(lambda: not wire.end.gate._freed)
        assert (wire.account().waited_ns, connection.deadline) == (waited_ns, deadline)
        assert (await client.response())[0] == 503
        assert await client.ended() == b""
        assert wire.outcomes() == (1, 0, 0, 1, 0)

    play(scenario)


def test_a_refusal_is_paid_by_who_was_refused(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the next request of a proxy's connection is another tenant's."""
    paid: list[str] = []
    book = Gate.book
    monkeypatch.setattr(Gate, "book", lambda gate, account, ns: (paid.append(account.name), book(gate, account, ns))[1])

    async def scenario(wire: Any) -> None:
        wire.end.gate.judge(Verdict("a", blocked_until=wire.end.now + 60))
        client = await wire.connect()
        await client.send(request("GET", "/echo") + request("GET", "/echo", host="b.localhost"))
        assert [(await client.response())[0] for _ in range(2)] == [429, 200]
        assert paid == ["a", "b"]

    play(scenario)


SMUGGLED = request("GET", "/smuggled")


@pytest.mark.parametrize(
    "raw",
    [
        request("POST", "/echo", SMUGGLED),
        request("POST", "/echo", SMUGGLED, "Expect: 100-continue"),
        request("POST", "/echo", SMUGGLED + bytes(300_000)),
        request("GET", "/echo", SMUGGLED),
        request("HEAD", "/echo", SMUGGLED),
        chunked("POST", "/echo", SMUGGLED),
        b"POST /echo HTTP/1.0\r\nHost: a.localhost\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    ],
)
@pytest.mark.parametrize("cut", [None, -1, -len(SMUGGLED)])
def test_a_refused_body_is_never_a_request(play: Any, raw: bytes, cut: int | None) -> None:
    """Whether the connection goes on behind it or is closed, and however much of it has come at first."""
    served: list[str] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        served.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        wire.end.gate.judge(Verdict("a", blocked_until=wire.end.now + 60))
        behind = request("GET", "/behind", host="b.localhost")
        client = await wire.connect()
        data = raw + behind
        split = len(data) if cut is None else len(raw) + cut
        await client.send(data[:split])
        for _ in range(5):
            await asyncio.sleep(0)
        await client.send(data[split:])
        status, fields, _ = await client.response(to_head=raw.startswith(b"HEAD"))
        assert status == 429
        if fields.get("connection") == "close":
            assert await client.ended() == b""
            assert served == []
        else:
            assert (await client.response())[0] == 204
            assert served == ["/behind"]

    play(scenario, application)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("carried", [KEPT_BYTES_MAX, UNREAD_BYTES_MAX])
def test_a_connection_comes_with_all_that_a_hand_off_carries(play: Any, carried: int, held: bool) -> None:
    body = bytes(2 * UNREAD_BYTES_MAX)
    whole = request("POST", "/wait", body)

    async def scenario(wire: Any) -> None:
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        if held:
            wire.end.gate.hold("a")
        wire.end.adopt(ours, ("192.0.2.1", 4711), 1, whole[:carried])
        client = Client(*await asyncio.open_connection(sock=theirs))
        await client.send(whole[carried:])
        if held:
            await until(lambda: waiting(wire))
            wire.end.gate.free("a")
        assert json.loads((await client.response())[2]) == told("POST", "/wait", body)

    play(scenario)
