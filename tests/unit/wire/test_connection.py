"""One connection from both ends: framing, order, limits, ends."""

import asyncio
import hashlib
import json
import os
import socket
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.wire.connection import PIPELINE_BATCH
from worker.wire.handoff import HOPS_MAX, UNREAD_BYTES_MAX


def request(method: str, path: str, body: bytes | None = None, *fields: str, host: str = "a.localhost") -> bytes:
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


def chunked(method: str, path: str, *pieces: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def told(method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    return {"method": method, "path": path, "size": len(body), "hash": hashlib.sha256(body).hexdigest()[:8]}


def error(status: int, body: bytes) -> None:
    value = json.loads(body)
    assert list(value) == ["data", "message", "status"]
    assert value["data"] == {}
    assert value["status"] == status
    assert value["message"].endswith(".")


BIG = bytes(range(256)) * 1024  # 256 KiB: streamed


@pytest.mark.parametrize("path", ["/echo", "/wait", "/stream"])
@pytest.mark.parametrize("body", [None, b"", b"x", b"y" * 5000, BIG], ids=["none", "empty", "one", "small", "big"])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_requests(play: Any, path: str, body: bytes | None, coding: str) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        raw = request("POST", path, body) if coding == "length" else chunked("POST", path, *([body] if body else []))
        for _ in range(3):
            sending = asyncio.create_task(client.send(raw))
            status, fields, answer = await client.response()
            await sending
            assert status == 200
            assert json.loads(answer) == told("POST", path, body or b"")
            assert "date" in fields
            assert "connection" not in fields
            assert ("content-length" in fields) is (path != "/stream")
        while wire.outcomes() != (3, 0, 0, 0, 0):  # an answer may be there before its step has ended
            await asyncio.sleep(0)
        assert wire.account().loop_ns > 0
        assert (wire.account().running, wire.account().buffered, wire.account().connections) == (0, 0, 1)
        assert wire.slots.read(0) is None

    play(scenario)


def test_bytes_are_booked(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        raw = request("POST", "/echo", b"12345")
        await client.send(raw + request("GET", "/none", None, host="nobody.localhost"))
        client.writer.write_eof()
        answer = await client.ended()
        first = answer[: answer.index(b"HTTP/1.1 500")]
        account = wire.account()
        assert (wire.outcomes(), account.bytes_in, account.bytes_out) == ((1, 0, 0, 0, 0), len(raw), len(first))
        own = wire.end.accounts.own
        assert (own.errors, own.bytes_out) == (1, len(answer) - len(first))

    play(scenario)


def test_scope(play: Any) -> None:
    seen: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for raw in (
            request("GET", "/api/%C3%A4%2Fb?x=%20", None, "X-Y: Z"),
            request("GET", "/t/a/api?x", None, host="127.0.0.1"),
            request("GET", "/t/a", None, host="127.0.0.1"),
            request("GET", "/t/none/api", None, host="127.0.0.1"),
        ):
            await client.send(raw)
            assert (await client.response())[0] == 200

    play(scenario, application)
    first, prefixed, bare, unknown = seen
    assert (first["path"], first["raw_path"], first["query_string"]) == ("/api/ä/b", b"/api/%C3%A4%2Fb", b"x=%20")
    assert first["headers"] == ((b"host", b"a.localhost"), (b"x-y", b"Z"))
    assert first["client"] == ("192.0.2.1", 4711)
    assert first["pocker.tenant"].name == "a"
    assert (prefixed["path"], prefixed["root_path"], prefixed["query_string"]) == ("/api", "/t/a", b"x")
    assert (bare["path"], bare["raw_path"], bare["root_path"]) == ("/", b"/", "/t/a")
    assert unknown["pocker.tenant"] is None
    assert unknown["path"] == "/t/none/api"


STREAM = [
    request("GET", "/echo"),
    request("POST", "/echo", b"abc"),
    chunked("POST", "/wait", b"de", b"f" * 40),
    request("GET", "/wait"),
    request("HEAD", "/echo"),
    request("POST", "/stream", b"x" * 300),
    request("GET", "/early"),
    request("PUT", "/early", b"unread"),
    request("GET", "/empty"),
    chunked("POST", "/echo"),
    request("GET", "/stream"),
    request("POST", "/wait", b"q" * 100),
    *[request("GET", "/echo")] * (2 * PIPELINE_BATCH),
    request("DELETE", "/echo", None, "Connection: close"),
    request("GET", "/echo"),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, sum(map(len, STREAM)) - 1), max_size=40, unique=True))
def test_cuts_do_not_matter(play: Any, cuts: list[int]) -> None:
    raw = b"".join(STREAM)
    edges = [0, *sorted(cuts), len(raw)]

    async def scenario(wire: Any) -> None:
        wire.sweeping.cancel()  # the date stands still
        wire.end.date = b"date: now\r\n"
        client = await wire.connect()
        await client.send(*(raw[start:end] for start, end in pairwise(edges)))
        answers.append(await client.ended())

    answers: list[bytes] = []
    play(scenario)
    assert answers[0].count(b"HTTP/1.1 ") == len(STREAM) - 1
    assert hashlib.sha256(answers[0]).hexdigest() == _expected(play, raw)


_EXPECTED: dict[int, str] = {}


def _expected(play: Any, raw: bytes) -> str:
    """Digest of the answers when the requests are sent one by one."""
    if not _EXPECTED:
        answers: list[bytes] = []

        async def scenario(wire: Any) -> None:
            wire.sweeping.cancel()
            wire.end.date = b"date: now\r\n"
            client = await wire.connect()
            for one in STREAM[:-2]:
                await client.send(one)
                head = await client.reader.readuntil(b"\r\n\r\n")
                answers.append(head)
                if b"content-length: " in head and not one.startswith(b"HEAD"):
                    size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                    answers.append(await client.reader.readexactly(size))
                elif b"chunked" in head:
                    answers.append(await client.reader.readuntil(b"\r\n0\r\n\r\n"))
            await client.send(STREAM[-2])
            answers.append(await client.ended())

        play(scenario)
        _EXPECTED[0] = hashlib.sha256(b"".join(answers)).hexdigest()
    return _EXPECTED[0]


def test_head_is_answered_like_get(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("HEAD", "/echo"), request("GET", "/echo"))
        status, fields, _ = await client.response(to_head=True)
        assert (status, fields["content-length"]) == (200, str(len(json.dumps(told("HEAD", "/echo")))))
        assert json.loads((await client.response())[2]) == told("GET", "/echo")

    play(scenario)


CONTINUE = ("Expect: 100-continue",)


def test_continue_is_sent_when_the_body_is_wanted(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("POST", "/echo", b"12345", *CONTINUE)[:-5])
        assert (await client.response())[0] == 100
        await client.send(b"12345")
        assert json.loads((await client.response())[2]) == told("POST", "/echo", b"12345")
        # A client that does not wait gets no 100.
        await client.send(request("POST", "/echo", b"12345", *CONTINUE))
        assert (await client.response())[0] == 200

    play(scenario)


def test_continue_is_not_sent_when_the_answer_is_there(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("POST", "/early", b"12345", *CONTINUE)[:-5])
        status, fields, _ = await client.response()
        assert (status, fields["connection"]) == (401, "close")
        assert await client.ended() == b""

    play(scenario)


@pytest.mark.parametrize("size", [10, 100_000, 200_000])
def test_unread_body_is_skipped(play: Any, size: int) -> None:
    """The body itself looks like a request, which must never be answered."""
    body = (request("GET", "/echo") * (size // 20 + 1))[:size]

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("POST", "/early", body)[:-size])
        await client.send(body, request("GET", "/wait"))
        assert (await client.response())[0] == 401
        assert json.loads((await client.response())[2]) == told("GET", "/wait")

    play(scenario)


def test_large_unread_body_closes(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        raw = request("POST", "/early", bytes(10_000_000))
        await client.send(raw[:1000])
        status, fields, _ = await client.response()
        assert (status, fields["connection"]) == (401, "close")
        await client.send(raw[1000:], request("GET", "/echo"))  # a client which does not look is read away
        assert await client.ended() == b""
        assert wire.outcomes() == (0, 1, 0, 0, 0)

    play(scenario)


REFUSED = [
    ("head", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000, 431),
    ("fields", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    ("target", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("body", b"POST /echo HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 1000001\r\n\r\n", 413),
    (
        "body, waiting",
        b"POST /echo HTTP/1.1\r\nHost: a.localhost\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\n",
        413,
    ),
    ("chunk", b"POST /echo HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ("syntax", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
]


@pytest.mark.parametrize(("raw", "status"), [pytest.param(raw, status, id=name) for name, raw, status in REFUSED])
def test_refusals(play: Any, raw: bytes, status: int) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/echo"))
        assert (await client.response())[0] == 200
        await client.send(raw, request("GET", "/echo"))
        got, fields, body = await client.response()
        assert (got, fields["connection"]) == (status, "close")
        error(status, body)
        assert await client.ended() == b""
        # what cannot be read is nobody's, but for a body that is too large or no body
        assert wire.outcomes() == (1, int(status == 413 or raw.startswith(b"POST")), 0, 0, 0)

    play(scenario, body_bytes_max=1_000_000)


def test_chunked_body_beyond_the_cap(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        sending = asyncio.create_task(client.send(chunked("POST", "/echo", *[bytes(50_000)] * 30)))
        status, _, body = await client.response()
        error(413, body)
        assert status == 413
        await sending
        assert await client.ended() == b""
        assert wire.outcomes() == (0, 1, 0, 0, 0)

    play(scenario, body_bytes_max=1_000_000)


SLOW = [
    ("nothing", b"", None),
    ("only a line end", b"\r\n", None),
    ("head", b"GET / HT", 408),
    ("small body", request("POST", "/echo", b"123")[:-1], 408),
    ("large body", request("POST", "/echo", BIG)[:-1], 408),
    ("chunked body", chunked("POST", "/echo", b"abc")[:-1], 408),
    ("announced body", request("POST", "/echo", b"12345", *CONTINUE)[:-1], 408),
]


@pytest.mark.parametrize(("raw", "status"), [pytest.param(raw, status, id=name) for name, raw, status in SLOW])
@pytest.mark.parametrize("served", [0, 1])
def test_slow_clients(play: Any, raw: bytes, status: int | None, served: int) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for _ in range(served):
            await client.send(request("GET", "/echo"))
            assert (await client.response())[0] == 200
        await client.send(raw)
        if status is None:
            assert await client.ended() == b""
            return
        while (got := await client.response())[0] == 100:
            pass
        assert got[0] == status
        error(408, got[2])
        assert await client.ended() == b""

    play(scenario, head_timeout_s=0.1, body_timeout_s=0.1, keepalive_timeout_s=0.1)


def test_client_that_reads_nothing_is_dropped(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(request("GET", "/zeros/1000"))
        while wire.end.connections:
            await asyncio.sleep(0.01)
        assert wire.outcomes() == (0, 0, 0, 0, 1)
        assert wire.account().buffered == wire.end.buffered == 0

    play(scenario, write_timeout_s=0.2)


def test_slow_reader_gets_everything(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(*[request("GET", "/zeros/20")] * 5, request("GET", "/echo"))
        for _ in range(5):
            assert len((await client.response())[2]) == 20 * 65536
            connection = next(iter(wire.end.connections))
            assert connection.transport.get_write_buffer_size() < 3 * 65536
        assert (await client.response())[0] == 200

    play(scenario)


BROKEN = [("/boom", 500), ("/boom-later", 500), ("/none", 500), ("/split", 500), ("/long", None), ("/short", None)]


@pytest.mark.parametrize(("path", "status"), [*BROKEN, ("/boom-inside", 200)])
def test_broken_applications(play: Any, path: str, status: int | None) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", path), request("GET", "/echo"))
        if status == 500:
            got, fields, body = await client.response()
            assert (got, fields["connection"]) == (500, "close")
            error(500, body)
            assert await client.ended() == b""
        elif status == 200:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.response()
        else:
            assert await client.reset()
        assert wire.outcomes() == (0, 0, 1, 0, 0)
        assert wire.slots.read(0) is None

    play(scenario)


def test_half_closed_client_is_answered(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/wait"), request("POST", "/wait", b"abc"), request("GET", "/echo"))
        client.writer.write_eof()
        for expected in (told("GET", "/wait"), told("POST", "/wait", b"abc"), told("GET", "/echo")):
            assert json.loads((await client.response())[2]) == expected
        assert await client.ended() == b""

    play(scenario)


@pytest.mark.parametrize("end", ["half", "reset"])
@pytest.mark.parametrize("raw", [request("POST", "/echo", BIG)[:-1], chunked("POST", "/wait", b"abc")[:-1]])
def test_cut_body_never_looks_whole(play: Any, raw: bytes, end: str) -> None:
    bodies: list[bytes] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                bodies.append(body)
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(raw)
        if end == "half":
            client.writer.write_eof()
            assert (await client.ended())[9:12] in (b"500", b"")
        else:
            client.writer.transport.abort()
        while wire.end.connections:
            await asyncio.sleep(0.01)
        assert bodies == []

    play(scenario, application)


def test_disconnect_is_told(play: Any) -> None:
    events: list[str] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        events.append((await receive())["type"])
        events.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        except ConnectionError:
            events.append("gone")

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/"))
        while not events:
            await asyncio.sleep(0.01)
        client.writer.transport.abort()
        while len(events) < 3:
            await asyncio.sleep(0.01)
        assert events == ["http.request", "http.disconnect", "gone"]

    play(scenario, application)


def test_contextvars_and_steps(play: Any) -> None:
    """A variable set in the first step is there after a wait, and never in another request."""
    import contextvars

    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[tuple[int, int]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        before = variable.get()
        variable.set(1)
        if scope["path"] == "/wait":
            await asyncio.sleep(0)
            assert asyncio.current_task() is not None
        seen.append((before, variable.get()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for path in ("/", "/wait", "/", "/wait"):
            await client.send(request("GET", path))
            await client.response()
        assert seen == [(0, 1)] * 4

    play(scenario, application)


def test_slot_names_the_tenant_in_every_step(play: Any) -> None:
    seen: list[tuple[str, int] | None] = []
    wires: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(wires[0].slots.read(0))
        await asyncio.sleep(0)
        seen.append(wires[0].slots.read(0))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        wires.append(wire)
        client = await wire.connect()
        await client.send(request("GET", "/"))
        await client.response()
        assert [slot[0] if slot else None for slot in seen] == ["a", "a"]
        assert seen[0] is not None
        assert seen[1] is not None
        assert 0 < seen[0][1] < seen[1][1]
        assert wire.slots.read(0) is None

    play(scenario, application)


def test_detached_responses(play: Any) -> None:
    exchanges: list[Any] = []
    gone: list[int] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        exchange = scope["pocker.exchange"]
        exchange.detach(lambda: gone.append(len(exchanges)))
        exchanges.append(exchange)

    async def scenario(wire: Any) -> None:
        clients = [await wire.connect() for _ in range(3)]
        for client in clients:
            await client.send(request("GET", "/"))
            assert b"chunked" in await client.reader.readuntil(b"\r\n\r\n")
        for number, exchange in enumerate(exchanges):
            exchange.push(b"hello %d" % number)
        for number, client in enumerate(clients):
            assert await client.reader.readexactly(12) == b"7\r\nhello %d\r\n" % number
        clients[0].writer.close()
        while len(gone) < 1:
            await asyncio.sleep(0.01)
        assert exchanges[0].push(b"x") == 0
        exchanges[1].hang_up()
        assert await clients[1].ended() == b"0\r\n\r\n"
        wire.end.drain()
        assert await clients[2].ended() == b"0\r\n\r\n"
        while len(gone) < 3:
            await asyncio.sleep(0.01)

    play(scenario, application)


def test_drain(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        idle, busy, fresh, arrived, partial = [await wire.connect() for _ in range(5)]
        for client in (idle, busy, arrived, partial):
            await client.send(request("GET", "/echo"))
            await client.response()
        await partial.send(request("GET", "/echo")[:10])
        await busy.send(request("GET", "/wait"))
        # Arrived, but not read yet when the draining begins.
        os.write(arrived.writer.get_extra_info("socket").fileno(), request("GET", "/echo"))
        wire.end.drain()
        assert await idle.ended() == b""
        await fresh.send(request("GET", "/echo"))
        await partial.send(request("GET", "/echo")[10:])
        for client in (busy, fresh, arrived, partial):
            status, fields, _ = await client.response()
            assert (status, fields["connection"]) == (200, "close")
            client.writer.close()
        while not wire.end.quiet:
            await asyncio.sleep(0.01)

    play(scenario)


def test_slow_clients_do_not_hold_up_a_stop(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.wire.connection.DRAIN_S", 0.1)

    async def scenario(wire: Any) -> None:
        whole = request("POST", "/echo", bytes(100_000))
        in_head, in_body = clients = [await wire.connect() for _ in range(2)]
        await in_head.send(whole[:20])
        await in_body.send(whole[:200])
        while {(bool(one.unread), one._exchange is None) for one in wire.end.connections} != {
            (True, True),
            (False, False),
        }:
            await asyncio.sleep(0.01)
        wire.end.drain()
        for client in clients:
            assert (await client.response())[0] == 408
            client.writer.close()
        while not wire.end.quiet:
            await asyncio.sleep(0.01)

    play(scenario)


def test_a_stop_lets_an_application_at_work_finish(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a stopping worker gives its clients is not for requests that have arrived."""
    monkeypatch.setattr("worker.wire.connection.DRAIN_S", 0.05)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def scenario(wire: Any) -> None:
        small, large = [await wire.connect() for _ in range(2)]
        await small.send(request("GET", "/"))
        await large.send(request("POST", "/", bytes(100_000)))
        while [one._exchange is None or one._exchange.task is None for one in wire.end.connections] != [False] * 2:
            await asyncio.sleep(0.01)
        wire.end.drain()
        for client in (small, large):
            assert (await client.response())[0] == 200
            client.writer.close()

    play(scenario, application)


def test_last_response_leaves_whole_however_slowly_it_is_read(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.wire.stream.LINGER_S", 0.1)

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        wire.end.draining = True
        await client.send(request("GET", "/"))
        await asyncio.sleep(0.5)  # much longer than the client may take to close its half
        _, fields, body = await client.response()
        assert (fields["connection"], len(body)) == ("close", 5_000_000)
        assert await client.ended() == b""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5000000")]})
        await send({"type": "http.response.body", "body": bytes(5_000_000)})

    play(scenario, application)


def test_requests_behind_the_last_one_are_read_away(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/wait"))
        wire.end.draining = True
        client.writer.write(request("GET", "/echo") * 3 * (UNREAD_BYTES_MAX // len(request("GET", "/echo"))))
        assert (await client.response())[1]["connection"] == "close"
        assert await client.ended() == b""
        client.writer.close()
        while not wire.end.quiet:
            await asyncio.sleep(0.01)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2)  # until as much has come as is kept for later
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    play(scenario, application)
    assert not caplog.records


def test_http_1_0(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(b"GET /stream HTTP/1.0\r\nHost: a.localhost\r\n\r\n")
        status, fields, body = await client.response()
        assert (status, json.loads(body)) == (200, told("GET", "/stream"))
        assert fields["connection"] == "close"
        client = await wire.connect()
        await client.send(b"GET /echo HTTP/1.0\r\nHost: a.localhost\r\nConnection: keep-alive\r\n\r\n" * 2)
        for _ in range(2):
            assert (await client.response())[1]["connection"] == "keep-alive"

    play(scenario)


def test_connection_limit(play: Any) -> None:
    """Who does not work makes room: first who never asked for anything, then who has been quiet for longest."""

    async def scenario(wire: Any) -> None:
        wire.end.connections_max = 2
        first = await wire.connect()
        await first.send(request("GET", "/echo"))
        assert (await first.response())[0] == 200
        assert not wire.end.full
        silent, second = await wire.connect(), await wire.connect()
        assert await silent.ended() == b""
        await second.send(request("GET", "/hang"))
        while wire.account().running != 1:
            await asyncio.sleep(0)
        third = await wire.connect()
        assert await first.ended() == b""
        await third.send(request("GET", "/hang"))
        while wire.account().running != 2:
            await asyncio.sleep(0)
        fourth = await wire.connect()
        status, _, body = await fourth.response()
        error(503, body)
        assert status == 503
        assert wire.account().connections == 2

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/hang":
            await asyncio.sleep(60)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    play(scenario, application)


# -- hand-off ---------------------------------------------------------------------------------------------------------


def test_handoff_in_both_directions(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for round_ in range(3):
            for host in ("a.localhost", "b.localhost"):
                body = bytes([round_]) * 3000
                await client.send(request("POST", "/echo", body, host=host)[:-2000], body[:2000])
                assert json.loads((await client.response())[2]) == told("POST", "/echo", body)
        await client.send(*[request("GET", "/wait", host=host) for host in ("a.localhost", "b.localhost")] * 20)
        for _ in range(40):
            assert json.loads((await client.response())[2]) == told("GET", "/wait")
        assert wire.ends[0].passed + wire.ends[1].passed == wire.ends[0].taken + wire.ends[1].taken >= 5 + 39

    play(scenario, shards=2)


def test_handoff_carries_large_bodies_and_full_buffers(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        for size in (UNREAD_BYTES_MAX - 500, UNREAD_BYTES_MAX, 2_000_000):
            client = await wire.connect()
            body = bytes(size)
            for host in ("b.localhost", "a.localhost"):
                sending = asyncio.create_task(client.send(request("POST", "/echo", body, host=host)))
                assert json.loads((await client.response())[2]) == told("POST", "/echo", body)
                await sending

    play(scenario, shards=2)


def test_handoff_flushes_earlier_responses(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/zeros/100"), request("GET", "/echo", host="b.localhost"))
        assert len((await client.response())[2]) == 100 * 65536
        assert json.loads((await client.response())[2]) == told("GET", "/echo")
        assert wire.ends[1].taken == 1

    play(scenario, shards=2)


def test_handoff_keeps_the_client(play: Any) -> None:
    seen: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["pocker.tenant"].name))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for host in ("a.localhost", "b.localhost", "a.localhost"):
            await client.send(request("GET", "/", host=host))
            await client.response()
        assert seen == [(("192.0.2.1", 4711), name) for name in ("a", "b", "a")]

    play(scenario, application, shards=2)


def test_handoff_survives_a_half_closed_client(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(request("GET", "/wait"), request("GET", "/echo", host="b.localhost"))
        client.writer.write_eof()
        assert json.loads((await client.response())[2]) == told("GET", "/wait")
        assert json.loads((await client.response())[2]) == told("GET", "/echo")
        assert await client.ended() == b""

    play(scenario, shards=2)


def test_disagreement_about_an_owner_ends(play: Any) -> None:
    async def scenario(wire: Any) -> None:
        first, second = wire.ends
        client = await wire.connect()
        await client.send(request("GET", "/", host="c.localhost"))
        status, fields, body = await client.response()
        error(503, body)
        assert (status, fields["retry-after"]) == (503, "1")
        assert await client.ended() == b""
        assert first.passed + second.passed == HOPS_MAX

    class Stubborn:
        """Says that somebody else owns every tenant."""

        def __init__(self, directory: Any, shard: int) -> None:
            self._directory = directory
            self._shard = shard

        def route(self, host: bytes, target: bytes) -> Any:
            return self._directory.get("a"), 0

        def owner(self, tenant: Any) -> int:
            return 1 - self._shard

        next_owner = owner

    async def disagree(wire: Any) -> None:
        for shard, end in enumerate(wire.ends):
            end.directory = Stubborn(end.directory, shard)
        await scenario(wire)

    play(disagree, shards=2)


def test_full_queue_is_waited_for_then_refused(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.wire.movable.PASS_WAIT_S", 0.3)

    async def scenario(wire: Any) -> None:
        loop = asyncio.get_running_loop()
        sender, inbox = wire.pairs[1]
        loop.remove_reader(inbox.fileno())  # the owner is being replaced
        filler = 0
        while True:
            try:
                sender.send(bytes(1000))
            except BlockingIOError:
                break
            filler += 1
        lucky, unlucky = await wire.connect(), await wire.connect()
        await lucky.send(request("GET", "/echo", host="b.localhost"))
        while not wire.end._queueing:
            await asyncio.sleep(0.01)
        for _ in range(filler):
            inbox.recv(2000)
        while not wire.end.passed:
            await asyncio.sleep(0.01)
        while True:
            try:
                sender.send(bytes(1000))
            except BlockingIOError:
                break
        await unlucky.send(request("GET", "/echo", host="b.localhost"))
        status, fields, body = await unlucky.response()
        error(503, body)
        assert (status, fields["retry-after"]) == (503, "1")
        # The successor finds the lucky one first, then frames that are none.
        loop.add_reader(inbox.fileno(), wire.ends[1].take_passed)
        assert json.loads((await lucky.response())[2]) == told("GET", "/echo")
        # There is room again, but what was refused must not be carried out any more: the client may repeat it.
        while wire.end._queueing:
            await asyncio.sleep(0.01)
        assert wire.end.passed == 1

    play(scenario, shards=2)


def test_strange_frames_are_refused(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(wire: Any) -> None:
        sender, _ = wire.pairs[0]
        ours, theirs = socket.socketpair()
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        good = b"\x50\x01\x01\x00\x00\x00"
        sender.send(good)  # no descriptor
        for frame, sock in (
            (b"", theirs),
            (b"\x51" + good[1:], theirs),
            (b"\x50\x01\x09\0\0\0", theirs),
            (good, datagram),
        ):
            socket.send_fds(sender, [frame or b"\x50"], [sock.fileno()])
        socket.send_fds(sender, [good + request("GET", "/echo")], [theirs.fileno()])
        theirs.close()
        datagram.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert wire.end.taken == 1
        writer.close()

    play(scenario)
    assert sum("was lost" in record.getMessage() for record in caplog.records) == 5
