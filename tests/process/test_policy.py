"""The policy at work in the whole server: who takes too much is slowed down and freed again, who hangs workers is
refused, and an operator's word counts at once."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from supervisor.ops.client import ClientError
from tests.http1 import request
from tests.process.whole import NOTES, Closed, Poisoned, Whole, Wire, expect, on_shard, polled, until

QUICK: dict[str, Any] = {"tick_s": 0.2}
SMALL = {"small": {"requests_per_s": 5, "requests_burst": 10}}
PIPELINED = 64
FLOODED_S = 60.0


class Flood(threading.Thread):
    """Requests without a pause, many at a time, whatever the answers; until stopped."""

    def __init__(self, server: Whole, name: str) -> None:
        super().__init__(daemon=True)
        self.port = server.port
        self.burst = request("GET", server.host(name), f"{NOTES}?perPage=1") * PIPELINED
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
                    sock.setblocking(False)
                    self._pour(sock)
            except OSError:
                continue

    def _pour(self, sock: socket.socket) -> None:
        left = b""
        while not self.stopped.is_set():
            left = left or self.burst
            try:
                left = left[sock.send(left) :]
            except BlockingIOError:
                self.stopped.wait(0.001)
            try:
                while sock.recv(1 << 18):
                    pass
                return
            except BlockingIOError:
                continue


@contextmanager
def flooding(server: Whole, name: str) -> Iterator[None]:
    flood = Flood(server, name)
    flood.start()
    try:
        yield
    finally:
        flood.stopped.set()
        flood.join(FLOODED_S)


def kinds(server: Whole, name: str) -> list[str]:
    return [event["kind"] for event in server.do("events", tenant=name)]


def verdict(server: Whole, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = server.do("tenant.show", name=name)["verdict"]
    return found


@pytest.mark.slow
def test_a_flood_beside_a_neighbour_is_slowed_down_and_freed_when_it_ends(tmp_path: Path) -> None:
    greedy, victim = on_shard(0, 2)
    policy = {"sustain_s": 1.0, "calm_s": 1.0, "block_s": 600.0}
    with Whole(tmp_path / "data", supervision=QUICK, policy=policy, plans=SMALL) as server:
        server.make_all([greedy, victim])
        server.do("tenant.plan", name=greedy, plan="small")
        asked = 0
        with Wire(server.port) as kept:

            def judged() -> dict[str, Any] | None:
                nonlocal asked
                asked += 1
                expect(kept.ask("GET", server.host(victim), f"{NOTES}?perPage=1"), 200)
                return verdict(server, greedy)

            with flooding(server, greedy):
                told = until(judged, "the flood is slowed down")
            assert told["weight_percent"] < 100
            assert "requests a second refused" in told["reason"]
            until(lambda: judged() is None, "it is free again")
        assert asked > 10
        assert kinds(server, greedy)[-2:] in (["throttled", "free"], ["eased", "free"])
        assert kinds(server, victim) == ["created"]
        assert [row["restarts"] for row in server.rows()] == [0, 0]


@contextmanager
def poisoned(tmp_path: Path, **policy: Any) -> Iterator[tuple[Poisoned, str, str]]:
    """A server, a tenant that will harm its worker, and its neighbour."""
    greedy, neighbour = on_shard(0, 2)
    supervision, sql = {**QUICK, "hang_after_s": 1}, {"write_timeout_s": 0.5}
    with Poisoned(tmp_path / "data", supervision=supervision, sql=sql, policy=policy) as server:
        server.make_all([greedy, neighbour])
        yield server, greedy, neighbour


def harm(server: Whole, name: str, how: str) -> None:
    """Sends a poisonous request and waits until its worker was replaced."""
    former = server.pids()[0]
    with Wire(server.port) as wire, pytest.raises(Closed):
        wire.ask("GET", server.host(name), f"/api/poison/{how}")
    server.pids(former)


def serves(server: Whole, name: str) -> bool:
    return server.ask("GET", name, NOTES).status == 200


@pytest.mark.slow
@pytest.mark.parametrize(("how", "what"), [("hang", "held its worker"), ("crash", "died of SIGSEGV")])
def test_a_poisonous_request_kills_one_worker_and_is_refused_from_then_on(tmp_path: Path, how: str, what: str) -> None:
    with poisoned(tmp_path, hang_block_s=600.0) as (server, greedy, neighbour):
        harm(server, greedy, how)
        after = server.pids()
        for _ in range(5):
            refused = server.ask("GET", greedy, f"/api/poison/{how}")
            expect(refused, 429)
            assert 0 < int(refused.headers["retry-after"]) <= 600
            expect(server.ask("GET", neighbour, NOTES), 200)
        assert server.pids() == after
        assert [row["restarts"] for row in server.rows()] == [1, 0]
        told = verdict(server, greedy)
        assert told is not None
        assert what in told["reason"]
        assert kinds(server, greedy)[-1] == "blocked"
        # an operator's word: it may serve again, and what it did is forgotten
        assert server.run("tenant", "pardon", greedy)["verdict"] is None
        until(lambda: serves(server, greedy), "it serves")
        assert kinds(server, greedy)[-1] == "free"


@pytest.mark.slow
def test_who_kills_workers_again_and_again_is_suspended(tmp_path: Path) -> None:
    with poisoned(tmp_path, hang_block_s=0.1) as (server, greedy, neighbour):
        for number in range(3):
            until(lambda: serves(server, greedy), "its block is over")
            harm(server, greedy, "crash")
            expect(server.ask("GET", neighbour, NOTES), 200)
            assert server.rows()[0]["restarts"] == number + 1
        until(lambda: server.do("tenant.show", name=greedy)["state"] == "suspended", "it is suspended")
        assert "the 3. time within an hour" in server.do("tenant.show", name=greedy)["reason"]
        polled(lambda: server.ask("GET", greedy, NOTES), 503, "once its block is over it serves no more")
        expect(server.ask("GET", neighbour, NOTES), 200)
        server.do("tenant.resume", name=greedy)
        until(lambda: serves(server, greedy), "it serves at once, unblocked")
        assert verdict(server, greedy) is None
        # killed from outside while it serves somebody: nobody is blamed
        harm(server, greedy, "leave")
        assert verdict(server, greedy) is None
        expect(server.ask("GET", greedy, NOTES), 200)


def test_another_plan_counts_at_once(tmp_path: Path) -> None:
    (name,) = on_shard(0)
    with Whole(tmp_path / "data", plans=SMALL) as server:
        server.make(name)
        target = f"{NOTES}?perPage=1"
        with Wire(server.port) as wire:

            def ask(count: int) -> list[int]:
                return [wire.ask("GET", server.host(name), target).status for _ in range(count)]

            def is_refused() -> bool:
                return 429 in ask(20)

            assert set(ask(40)) == {200}
            assert server.do("tenant.plan", name=name, plan="small")["plan"] == "small"
            until(is_refused, "more than ten at once are refused")
            with pytest.raises(ClientError, match="there is no plan gold; the plans are: default, small"):
                server.do("tenant.plan", name=name, plan="gold")
            assert server.run("tenant", "plan", name, "default")["plan"] == "default"
            assert set(ask(40)) == {200}
        with pytest.raises(ClientError, match="there is no plan gold"):
            server.do("tenant.create", name="rich", plan="gold")
        assert server.run("tenant", "create", "poor", "--plan", "small")["plan"] == "small"
        assert {row["name"]: row["plan"] for row in server.do("tenant.list")} == {name: "default", "poor": "small"}
        assert kinds(server, name)[-1] == "plan"
        # it outlives the server
        server.stop()
        server.start()
        assert server.do("tenant.show", name="poor")["plan"] == "small"
        began = time.monotonic()
        with Wire(server.port) as wire:
            answers = [wire.ask("GET", server.host("poor"), "/api/health") for _ in range(30)]
        allowed = 10 + 5 * (time.monotonic() - began) + 1
        assert sum(answer.status == 200 for answer in answers) <= allowed
