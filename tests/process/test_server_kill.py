"""Workers of the real server that die or hang under load: nothing acknowledged is lost, nobody else notices."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.http1 import request
from tests.process.whole import (
    NOTES,
    Closed,
    Load,
    Poisoned,
    Whole,
    Wire,
    Writer,
    expect,
    on_shard,
    polled,
    stored,
    until,
)

SEED = 20260
KILLS = 5
CLIENTS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Two shards with two tenants each."""
    with Whole(tmp_path_factory.mktemp("kill") / "data", supervision={"tick_s": 0.2}) as whole:
        whole.make_all([*on_shard(0, 2), *on_shard(1, 2)])
        yield whole


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_loses_no_acknowledged_write(server: Whole, victim: int) -> None:
    rng = random.Random(SEED + victim)
    names = {shard: on_shard(shard, 2) for shard in (0, 1)}
    before = {name: len(stored(server, name)) for shard in (0, 1) for name in names[shard]}
    struck = [Writer(server, names[victim][number % 2], SEED + victim * 100 + number) for number in range(CLIENTS)]
    spared = [Writer(server, names[1 - victim][number % 2], SEED + victim * 100 + 50 + number) for number in (0, 1)]
    # one that connects anew for every request, straight to its own shard
    straight = server.shard_socket(1 - victim)
    spared.append(Writer(server, names[1 - victim][0], SEED + victim * 100 + 60, straight, fresh=True))
    pids = server.pids()
    with Load([*struck, *spared]) as load:
        load.each(5)
        for _ in range(KILLS):
            load.more(rng.randrange(50, 400))
            killed = server.pids()[victim]
            os.kill(killed, signal.SIGKILL)
            load.each()
            # the successor sits on the same shard
            assert server.pids(killed)[1 - victim] == pids[1 - victim]
            # who owns what did not change: the other shard's socket passes the connection to the successor
            with Wire(server.shard_socket(1 - victim)) as wire:
                expect(wire.ask("GET", server.host(names[victim][0]), NOTES + "?perPage=1"), 200)
    for writer in spared:
        assert (writer.closed, writer.cut, writer.wrong, writer.refused) == (0, [], [], False)
    for writer in struck:
        assert (writer.wrong, writer.refused) == ([], False)
    assert sum(writer.closed + len(writer.cut) for writer in struck) > 0, "the kills were felt"
    for name, count in before.items():
        found = stored(server, name)
        clients = [writer for writer in load.writers if writer.tenant == name]
        certain = [record for writer in clients for record in (*writer.acknowledged, *writer.unanswered)]
        assert set(certain) <= found
        assert len(found) - count <= len(certain) + sum(len(writer.left) for writer in clients)
    assert [row["restarts"] >= KILLS for row in server.rows()][victim]


def busy(pid: int) -> bool:
    """Whether the process uses a core, or did so until its end."""
    try:
        return psutil.Process(pid).cpu_percent(0.1) > 20
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
def test_a_hung_worker_is_replaced_and_its_tenant_blamed(tmp_path: Path) -> None:
    (greedy, neighbour), (other,) = on_shard(0, 2), on_shard(1)
    supervision, sql = {"hang_after_s": 1}, {"write_timeout_s": 0.5}
    with Poisoned(tmp_path / "data", supervision=supervision, sql=sql) as server:
        for name in (greedy, neighbour, other):
            server.make(name)
            expect(server.ask("POST", name, NOTES, {"title": name}), 200)
        pids = server.pids()
        with Wire(server.port) as kept, Wire(server.port) as waiting, Wire(server.port) as hung:
            for wire, name in ((kept, other), (waiting, neighbour), (hung, neighbour)):
                expect(wire.ask("GET", server.host(name), NOTES), 200)  # now each is with its shard
            began = time.monotonic()
            hung.send(request("GET", server.host(greedy), "/api/poison/hang"))
            until(lambda: busy(pids[0]), "the worker is busy")
            slowest, answered = 0.0, 0

            def replaced() -> bool:
                nonlocal slowest, answered
                asked = time.monotonic()
                expect(kept.ask("GET", server.host(other), NOTES), 200)
                expect(server.ask("GET", other, NOTES), 200)  # the hung one accepts nothing any more
                slowest = max(slowest, time.monotonic() - asked)
                answered += 1
                row = server.rows()[0]
                return bool(row["state"] == "serving" and row["pid"] != pids[0])

            # asked while its shard hangs: the other one accepts it, passes it on, and it waits for the successor
            with Wire(server.port) as patient:
                patient.send(request("GET", server.host(neighbour), NOTES))
                until(replaced, "a successor serves")
                assert expect(patient.answer(), 200)["totalItems"] == 1
            took = time.monotonic() - began
            assert took < 60, "aborted within seconds, on a machine that is idle"
            assert answered > 1
            assert slowest < took / 2, "the other shard answers all along"
            for wire in (hung, waiting):
                with pytest.raises(Closed):
                    wire.answer()
        assert server.pids()[1] == pids[1]
        assert not psutil.pid_exists(pids[0])
        assert expect(server.ask("GET", neighbour, NOTES), 200)["totalItems"] == 1
        expect(server.ask("POST", greedy, NOTES, {"title": "too soon"}), 429)
        server.do("tenant.pardon", name=greedy)
        polled(lambda: server.ask("POST", greedy, NOTES, {"title": "still writes"}), 200, "pardoned, it writes")
        used: dict[str, Any] = {row["name"]: row["hangs"] for row in server.do("usage")}
        assert used == {greedy: 1, neighbour: 0, other: 0}
        log = server.tail(400)
        assert f"tenant {greedy} holds the worker" in log
        assert "most recent call first" in log, "the stack is printed"
        assert f"tenant {neighbour} holds" not in log
