"""More tenants than a worker keeps open: every one of them serves all the time, whoever was closed for whom."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import psutil
import pytest

from tests.process.whole import ANSWER_S, NOTES, Whole, Wire, expect, on_shard, stored, until

LIVE_MAX = 3
NAMES = on_shard(0, 10)
ROUNDS = 8
CLIENTS = 4
TICK_S = 0.1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Ten tenants on one shard, three of which may be open."""
    supervision, logs = {"tick_s": TICK_S}, {"flush_s": 0.2}
    data = tmp_path_factory.mktemp("lru") / "data"
    with Whole(data, live_tenants_max=LIVE_MAX, supervision=supervision, logs=logs) as whole:
        whole.make_all(NAMES)
        yield whole


def live(server: Whole) -> int:
    return int(server.rows()[0]["live_tenants"])


def open_databases(server: Whole) -> set[str]:
    """The tenants whose data.db a worker really has open."""
    files = [file.path for pid in server.pids() for file in psutil.Process(pid).open_files()]
    return {Path(path).parent.parent.name for path in files if path.endswith("/data.db")}


def is_logged(server: Whole, name: str, text: str) -> bool:
    """Whether the tenant's log has a request with `text` in its URL, in the file or on the way into it."""
    spool = server.pb_data(name) / "auxiliary.db-spool"
    if spool.exists() and text in spool.read_text():
        return True
    log = apsw.Connection(str(server.pb_data(name) / "auxiliary.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return bool(log.execute("SELECT 1 FROM _logs WHERE message LIKE ?", (f"%{text}%",)).fetchall())
    finally:
        log.close()


@pytest.mark.slow
def test_the_log_of_an_open_tenant_is_written_again_and_again(server: Whole) -> None:
    with Wire(server.port) as wire:
        for number in range(3):
            expect(wire.ask("GET", server.host(NAMES[0]), f"{NOTES}?written={number}"), 200)
            until(lambda text=f"written={number}": is_logged(server, NAMES[0], text), "the log is written")


@pytest.mark.slow
def test_round_robin_over_more_tenants_than_may_be_open(server: Whole) -> None:
    seen: set[int] = set()
    with Wire(server.port) as wire:
        for number in range(ROUNDS):
            for name in NAMES:
                body = {"title": f"round {name} {number}"}
                expect(wire.ask("POST", server.host(name), NOTES, body), 200)
                found = expect(wire.ask("GET", server.host(name), NOTES + "?perPage=500&filter=title~'round'"), 200)
                assert {item["title"] for item in found["items"]} == {f"round {name} {n}" for n in range(number + 1)}
            seen.add(live(server))
            until(lambda: len(open_databases(server)) <= LIVE_MAX, "the rest is closed")
    until(lambda: live(server) == LIVE_MAX, "the limit is used")
    assert max(seen) <= LIVE_MAX
    # the least recently used were closed, and closing left nothing behind
    assert open_databases(server) == set(NAMES[-LIVE_MAX:])
    closed = NAMES[:-LIVE_MAX]
    assert [name for name in closed if (server.pb_data(name) / "data.db-wal").stat().st_size] == []
    assert {row["name"] for row in server.do("tenant.list") if row["live"]} <= set(NAMES)


@pytest.mark.slow
def test_clients_of_all_tenants_at_once(server: Whole) -> None:
    """Requests of more tenants than may be open, at the same time; the excess is closed again afterwards."""
    failures: list[str] = []
    made: dict[str, set[str]] = {name: set() for name in NAMES}

    def client(start: int) -> None:
        try:
            with Wire(server.port) as wire:
                for step in range(ROUNDS * len(NAMES)):
                    name = NAMES[(start + step * 3) % len(NAMES)]
                    answer = wire.ask("POST", server.host(name), NOTES, {"title": f"{start} {step}"})
                    made[name].add(expect(answer, 200)["id"])
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=client, args=(start,), daemon=True) for start in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ANSWER_S)
        assert not thread.is_alive()
    assert failures == []
    for name in NAMES:
        assert len(made[name]) == ROUNDS * CLIENTS
        assert made[name] <= stored(server, name)
    until(lambda: live(server) <= LIVE_MAX, "no more are open than may be")
    until(lambda: len(open_databases(server)) <= LIVE_MAX, "the rest is closed")
    log = server.log.read_text()
    assert "failed" not in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_tenants_without_traffic_cost_nothing(tmp_path: Path) -> None:
    """They are closed, no file of theirs is open any more, and they serve at the next request as if nothing was."""
    names = on_shard(0, 4)
    with Whole(tmp_path / "data", idle_close_s=1.0, supervision={"tick_s": TICK_S}) as server:
        server.make_all(names)
        with Wire(server.port) as wire, Wire(server.port) as busy:
            made = {
                name: expect(wire.ask("POST", server.host(name), NOTES, {"title": name}), 200)["id"] for name in names
            }

            def only_the_busy_one() -> bool:
                expect(busy.ask("GET", server.host(names[0]), NOTES), 200)
                return open_databases(server) == {names[0]}

            until(only_the_busy_one, "the others are closed")
            until(lambda: live(server) == 0 and not open_databases(server), "all are closed")
            assert [name for name in names if (server.pb_data(name) / "data.db-wal").stat().st_size] == []
            for name in names:
                assert expect(wire.ask("GET", server.host(name), f"{NOTES}/{made[name]}"), 200)["title"] == name
