"""Which tenant a request means, decided for every request of a real connection, through the real supervisor."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.ops.client import ClientError
from tests.http1 import request
from tests.process.whole import (
    ANSWER_S,
    CREDENTIALS,
    HEALTH,
    LOGIN,
    NOTES,
    Answer,
    Whole,
    Wire,
    expect,
    new_id,
    on_shard,
    stored,
    until,
)

SEED = 7
A, A2 = on_shard(0, 2)
B = on_shard(1)[0]
TENANTS = [A, A2, B]
SERVED = NOTES + "?fields=title&sort=title"
NOBODY = {"data": {}, "message": "The requested resource wasn't found.", "status": 404}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Tenants of both shards, each with one record that names it, reachable by path too."""
    data = tmp_path_factory.mktemp("hosts") / "data"
    with Whole(data, path_prefix=True, supervision={"tick_s": 0.2}) as whole:
        whole.make_all(TENANTS)
        for name in TENANTS:
            expect(whole.ask("POST", name, NOTES, {"id": f"name00000000{TENANTS.index(name)}00", "title": name}), 200)
        yield whole


def who(answer: Answer) -> str | None:
    """The tenant who answered: the title of its first record. None: no tenant, told in PocketBase's JSON shape."""
    told = answer.json()
    assert answer.headers["content-type"] == "application/json"
    if answer.status == 404:
        assert told == NOBODY
        return None
    items = expect(answer, 200)["items"]
    return next(str(item["title"]) for item in items if item["title"] in TENANTS)


HOSTS: list[tuple[str, str, str | None]] = [
    # Host, path in front of the target, who answers
    ("{a}.localhost", "", A),
    ("{b}.localhost", "", B),
    ("{a}.localhost:8090", "", A),
    ("{b}.localhost:1", "", B),
    ("{a}.localhost:", "", A),
    ("{A}.LocalHost", "", A),
    ("{B}.LOCALHOST:65535", "", B),
    ("{a}.localhost.", "", A),
    ("{b}.localhost.:8090", "", B),
    ("{B}.localhost.", "", B),
    ("{a}.localhost..", "", None),
    ("x{a}.localhost", "", None),
    ("www.{a}.localhost", "", None),
    ("{a}", "", None),
    ("{a}.localhost.example.com", "", None),
    (".localhost", "", None),
    ("localhost", "", None),
    ("127.0.0.1:8090", "", None),
    ("[::1]:8090", "", None),
    ("", "", None),
    # the switch for development: a path names the tenant where the host means none
    ("127.0.0.1:8090", "/t/{a}", A),
    ("localhost", "/t/{b}", B),
    ("unknown.localhost", "/t/{a}", A),
    ("127.0.0.1", "/t/nobody", None),
    ("127.0.0.1", "/t/{a}x", None),
    ("127.0.0.1", "/t", None),
]


def filled(text: str) -> str:
    return text.format(a=A, b=B, A=A.upper(), B=B.upper())


@pytest.mark.parametrize("shard", [0, 1])
def test_hosts_on_one_kept_connection(server: Whole, shard: int) -> None:
    """Every row after every other on one connection that starts at either shard."""
    with Wire(server.shard_socket(shard)) as wire:
        for host, prefix, expected in [*HOSTS, *reversed(HOSTS)]:
            answer = wire.ask("GET", filled(host), filled(prefix) + SERVED)
            assert who(answer) == expected, (host, prefix)
            assert not answer.closes


@pytest.mark.parametrize(("host", "prefix", "expected"), HOSTS)
def test_hosts_on_new_connections(server: Whole, host: str, prefix: str, expected: str | None) -> None:
    with Wire(server.port) as wire:
        assert who(wire.ask("GET", filled(host), filled(prefix) + SERVED)) == expected


@pytest.mark.parametrize("host", ["{a}.localhost:port", "{a}.localhost:1:2", "{a}.local host", "{a}@localhost"])
def test_what_is_no_host_is_refused(server: Whole, host: str) -> None:
    with Wire(server.port) as wire:
        answer = wire.ask("GET", filled(host), SERVED)
        assert expect(answer, 400)["message"] == "The Host header is invalid."
        assert answer.closes


def test_a_host_wins_over_a_path(server: Whole) -> None:
    with Wire(server.port) as wire:
        answer = wire.ask("GET", server.host(A), f"/t/{B}{SERVED}")
        assert expect(answer, 404)["status"] == 404
        assert "items" not in answer.json()


def test_a_path_names_nobody_without_the_switch(tmp_path: Path) -> None:
    with Whole(tmp_path / "data") as plain, Wire(plain.port) as wire:
        plain.make(A)
        expect(wire.ask("GET", plain.host(A), NOTES), 200)
        assert wire.ask("GET", f"127.0.0.1:{plain.port}", f"/t/{A}{NOTES}").json() == NOBODY
        assert wire.ask("GET", "localhost", f"/t/{A}/").json() == NOBODY
        expect(wire.ask("GET", plain.host(A), NOTES), 200)


@pytest.mark.parametrize("name", [A, B])
def test_domains_come_and_go_while_connections_are_kept(server: Whole, name: str) -> None:
    domain = f"{name}.Example.COM"
    with Wire(server.shard_socket(0)) as first, Wire(server.shard_socket(1)) as second:

        def everywhere() -> set[str | None]:
            hosts = (domain, domain.lower(), domain.upper() + ":443", domain + ".")
            return {who(wire.ask("GET", host, SERVED)) for wire in (first, second) for host in hosts}

        assert everywhere() == {None}
        for _ in range(3):
            server.do("tenant.domain.add", name=name, domain=domain)
            assert everywhere() == {name}
            assert who(first.ask("GET", "sub." + domain, SERVED)) is None
            server.do("tenant.domain.remove", name=name, domain=domain)
            assert everywhere() == {None}
        assert {who(wire.ask("GET", server.host(name), SERVED)) for wire in (first, second)} == {name}
    other = B if name == A else A
    server.do("tenant.domain.add", name=other, domain=domain)
    with pytest.raises(ClientError, match=f"belongs to tenant {other}"):
        server.do("tenant.domain.add", name=name, domain=domain)
    assert who(server.ask_host(domain, SERVED)) == other
    server.do("tenant.domain.remove", name=other, domain=domain)


@pytest.mark.parametrize("shard", [0, 1])
def test_suspended_resumed_deleted(server: Whole, shard: int) -> None:
    name = on_shard(shard, 1, prefix="brief-")[0]
    suspended = {"data": {}, "message": "The tenant is suspended.", "status": 503}
    with Wire(server.shard_socket(0)) as first, Wire(server.shard_socket(1)) as second, Wire(server.port) as third:
        wires = (first, second, third)

        def every(status: int) -> list[Any]:
            """What all connections get, each of which asks a neighbour in between."""
            told = [expect(wire.ask("GET", server.host(name), HEALTH), status) for wire in wires]
            assert [who(wire.ask("GET", server.host(A), SERVED)) for wire in wires] == [A] * 3
            return told

        assert every(404) == [NOBODY] * 3
        server.do("tenant.create", name=name, domains=[])
        every(200)
        server.do("tenant.suspend", name=name, reason="a reason for operators only")
        assert every(503) == [suspended] * 3
        server.do("tenant.resume", name=name)
        every(200)
        server.do("tenant.suspend", name=name)
        server.do("tenant.delete", name=name)
        assert every(404) == [NOBODY] * 3
        assert not (server.directory / "tenants" / name).exists()
        server.do("tenant.create", name=name, domains=[])
        every(200)
        server.do("tenant.delete", name=name)
        assert every(404) == [NOBODY] * 3


@pytest.mark.parametrize("end", ["suspend", "delete"])
def test_a_tenant_leaves_while_its_clients_work(server: Whole, end: str) -> None:
    """Logins, reads beyond the loop's budget and writes are under way: they succeed, or are told that it is gone."""
    name = f"leaving-{end}"
    token = server.make(name)
    for number in range(300):
        expect(server.ask("POST", name, NOTES, {"title": f"row {number}"}), 200)
    slow = f"{NOTES}?perPage=1&filter=@collection.notes.title%20?~%20'nowhere'"
    requests = {
        "login": request("POST", server.host(name), LOGIN, CREDENTIALS),
        "slow": request("GET", server.host(name), slow, token=token),
        "write": request("POST", server.host(name), NOTES, {"title": "written"}),
    }
    statuses: dict[str, list[int]] = {kind: [] for kind in requests}
    failures: list[str] = []
    stopped = threading.Event()

    def client(kind: str) -> None:
        try:
            with Wire(server.port) as wire:
                while not stopped.is_set():
                    wire.send(requests[kind])
                    statuses[kind].append(wire.answer().status)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=client, args=(kind,), daemon=True) for kind in (*requests, "login")]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3 if end == "suspend" else 1):
            until(lambda: all(seen[-1:] == [200] for seen in statuses.values()), "all of them are served")
            server.do(f"tenant.{end}", name=name)
            until(lambda: not any(seen[-1:] == [200] for seen in statuses.values()), "none is served")
            if end == "suspend":
                kept = server.pb_data(name) / "data.db-wal"
                assert not kept.exists() or not kept.stat().st_size, "closed and complete"
                server.do("tenant.resume", name=name)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(ANSWER_S)
    assert failures == []
    assert {status for seen in statuses.values() for status in seen} <= {200, 503, *([404] if end == "delete" else [])}
    assert (server.directory / "tenants" / name).exists() == (end == "suspend")
    assert len(server.pids()) == 2


def chunked(raw: bytes, rng: random.Random) -> bytes:
    """The same request with its body in chunks."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length:")]
    out = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])
    while body:
        part, body = body[: (size := rng.randrange(1, 2000))], body[size:]
        out += b"%x\r\n%b\r\n" % (len(part), part)
    return out + b"0\r\n\r\n"


Expected = Callable[[Answer], None]


def step(server: Whole, rng: random.Random, made: dict[str, set[str]]) -> tuple[bytes, Expected]:
    """A random request to a random tenant, by host or path, and the check of its answer."""
    name = rng.choice(TENANTS)
    host, prefix = (server.host(name), "") if rng.random() < 0.7 else (f"127.0.0.1:{server.port}", f"/t/{name}")
    kind = rng.choice(["GET", "GET", "POST", "chunked", "unknown", "health"])
    if kind == "GET":

        def listed(answer: Answer) -> None:
            assert who(answer) == name

        return request("GET", host, f"{prefix}{SERVED}&filter=title='{name}'"), listed
    if kind in ("POST", "chunked"):
        record, size = new_id(rng), rng.choice([1, 200, 4000])
        made[name].add(record)
        title = f"{name} " + "y" * size

        def created(answer: Answer) -> None:
            told = expect(answer, 200)
            assert (told["id"], told["title"]) == (record, title)

        raw = request("POST", host, prefix + NOTES, {"id": record, "title": title})
        return (raw if kind == "POST" else chunked(raw, rng)), created
    if kind == "health":
        return request("GET", host, prefix + HEALTH), lambda answer: expect(answer, 200)

    def nobody(answer: Answer) -> None:
        assert who(answer) is None

    return request("POST", "unknown.localhost", NOTES, {"title": "z" * rng.choice([1, 5000])}), nobody


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
@pytest.mark.parametrize("pipelined", [1, 25])
def test_one_connection_for_tenants_of_both_shards(server: Whole, seed: int, pipelined: int) -> None:
    """As a reverse proxy does: every request may be another shard's, its body goes along."""
    rng = random.Random(seed * 100 + pipelined)
    before = {name: stored(server, name) for name in TENANTS}
    made: dict[str, set[str]] = {name: set() for name in TENANTS}
    with Wire(server.port) as wire:
        for _ in range(600 // pipelined):
            steps = [step(server, rng, made) for _ in range(pipelined)]
            data = b"".join(raw for raw, _ in steps)
            start = 0
            while start < len(data):
                end = start + rng.choice([7, 100, 3000, 100_000])
                wire.send(data[start:end])
                start = end
            for _, check in steps:
                check(wire.answer())
    for name in TENANTS:
        assert stored(server, name) - before[name] == made[name]
    assert len(server.pids()) == 2


def test_what_a_tenant_used_is_booked_on_it_alone(server: Whole) -> None:
    names = {shard: on_shard(shard, 2, prefix="booked-") for shard in (0, 1)}
    for name in (every := [name for pair in names.values() for name in pair]):
        server.do("tenant.create", name=name, domains=[])
    asked = {name: [request("GET", server.host(name), HEALTH)] * (5 * number) for number, name in enumerate(every)}
    with Wire(server.port) as wire:
        for name in every * 2:
            for raw in asked[name]:
                wire.send(raw)
                expect(wire.answer(), 200)
                wire.send(request("GET", "unknown.localhost", HEALTH))
                expect(wire.answer(), 404)

    def used() -> dict[str, tuple[int, int, int]]:
        rows = {row["name"]: (row["requests"], row["bytes_in"], row["errors"]) for row in server.do("usage")}
        return {name: rows[name] for name in every}

    expected = {name: (2 * len(sent), 2 * sum(map(len, sent)), 0) for name, sent in asked.items()}
    until(lambda: used() == expected, "every request is reported, once")
    shown = server.run("usage", every[1])
    assert [row["requests"] for row in (shown if isinstance(shown, list) else [shown])] == [10]
    for name in every:
        server.do("tenant.delete", name=name)
