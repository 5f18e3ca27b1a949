"""The ledger against the kernel: what the workers say that tenants used is what psutil says that the processes used.

CPU is compared with CPU over the same work, so a busy machine makes these tests slower and not wrong.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import psutil
import pytest

from supervisor.accounting.archive import Archive
from supervisor.tenants.registry import SCHEMA_VERSION
from tests.process.whole import CREDENTIALS, LOGIN, NOTES, Whole, Wire, expect, until

TICK_S = 0.2
ROWS = 30_000
FILL = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    " INSERT INTO notes (id, title) SELECT printf('fill%011d', i), hex(randomblob(60)) FROM n"
)
COUNT = {
    "query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n"
}
SCAN = f"{NOTES}?perPage=5&sort=-title&filter=" + "title~'ABCD'%7C%7Ctitle~'DCBA'"
USAGE = "/api/usage"
TENANTS = ("reader", "writer", "scanner", "logins", "console", "flood")
PLANS = {"default": {}, "small": {"requests_per_s": 20.0, "requests_burst": 5}}
SLACK_MS = 60.0  # the kernel tells psutil hundredths of a second, of each kind; and the figures are read one by one
LOAD_S = 4.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One worker, and a tenant for each kind of load."""
    directory = tmp_path_factory.mktemp("ledger") / "data"
    with Whole(directory, shards=1, supervision={"tick_s": TICK_S}, plans=PLANS) as whole:
        token = whole.make_all([name for name in TENANTS if name != "flood"])
        whole.do("tenant.create", name="flood", domains=[], plan="small")
        expect(whole.ask("POST", "scanner", "/api/sql", {"query": FILL.format(ROWS)}, token), 200)
        expect(whole.ask("POST", "reader", NOTES, {"id": "r" * 15, "title": "to be read"}), 200)
        whole.token = token  # type: ignore[attr-defined]
        yield whole


class Reading:
    """The figures of one moment at which nothing happens: the ledger's in ms, and psutil's of the worker."""

    def __init__(self, server: Whole) -> None:
        self.live = settled(server)
        worker = self.live["workers"][0]
        times = psutil.Process(worker["pid"]).cpu_times()
        self.kernel_ms = 1000 * (times.user + times.system + times.children_user + times.children_system)
        self.worker = worker
        self.tenants = {tenant["name"]: tenant["totals"] for tenant in self.live["tenants"]}

    def tenants_ms(self) -> float:
        return float(sum(totals["cpu_ms"] for totals in self.tenants.values()) + self.live["rest"]["totals"]["cpu_ms"])


def settled(server: Whole) -> dict[str, Any]:
    """`usage.live` once two looks in a row tell the same of all tenants."""
    seen: list[Any] = [None]

    def same() -> Any:
        live = server.do("usage.live")
        totals = [tenant["totals"] for tenant in live["tenants"]]
        before, seen[0] = seen[0], totals
        if before == totals:
            return live
        time.sleep(TICK_S * 3)
        return None

    live: dict[str, Any] = until(same, "the ledger has settled")
    return live


def loads(server: Whole) -> dict[str, Callable[[Wire, int], Any]]:
    token: str = server.token  # type: ignore[attr-defined]

    def ask(name: str, status: int | None, method: str, target: str, body: Any = None) -> Callable[[Wire, int], Any]:
        def once(wire: Wire, number: int) -> None:
            sent = {**body, "title": f"no. {number}"} if target == NOTES else body
            answer = wire.ask(method, server.host(name), target, sent, token if target == "/api/sql" else "")
            assert status in {None, answer.status}, (name, answer.status, answer.body[:300])

        return once

    return {
        "reader": ask("reader", 200, "GET", f"{NOTES}/{'r' * 15}"),
        "writer": ask("writer", 200, "POST", NOTES, {}),
        "scanner": ask("scanner", 200, "GET", SCAN),
        "logins": ask("logins", 200, "POST", LOGIN, CREDENTIALS),
        "console": ask("console", 200, "POST", "/api/sql", COUNT),
        "flood": ask("flood", None, "GET", "/api/health"),
    }


def work(server: Whole, seconds: float) -> dict[str, int]:
    """All loads at once for so long; how many requests of each were answered."""
    done = dict.fromkeys(TENANTS, 0)
    wrong: list[BaseException] = []
    until_s = time.monotonic() + seconds

    def client(name: str, once: Callable[[Wire, int], Any]) -> None:
        try:
            with Wire(server.port) as wire:
                while time.monotonic() < until_s:
                    once(wire, done[name])
                    done[name] += 1
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=client, args=load) for load in loads(server).items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return done


@pytest.mark.slow
def test_the_sums_agree_with_the_kernel(server: Whole) -> None:
    work(server, 0.5)  # everything is open and warm
    before = Reading(server)
    done = work(server, LOAD_S)
    after = Reading(server)
    kernel = after.kernel_ms - before.kernel_ms
    tenants = after.tenants_ms() - before.tenants_ms()
    own, shared = (after.worker[key] - before.worker[key] for key in ("own_cpu_ms", "shared_cpu_ms"))
    told = {
        name: {key: after.tenants[name][key] - before.tenants[name][key] for key in before.tenants[name]}
        for name in TENANTS
    }
    print(f"kernel {kernel:.0f} ms, tenants {tenants:.0f}, own {own:.0f}, shared out {shared:.0f} of it; {done}")
    for name, used in told.items():
        print(f"{name:8}", *(f"{kind} {used[f'cpu_{kind}_ms']:7.1f} ms" for kind in ("loop", "pool", "child")))
    assert kernel > 500, "there was something to be measured"
    assert abs(tenants + own - kernel) <= 0.05 * kernel + SLACK_MS
    assert own <= 0.1 * kernel + SLACK_MS
    assert shared <= 0.35 * kernel
    for name, count in done.items():
        assert told[name]["requests"] == count, name
    assert told["flood"]["refused"] > 0
    assert told["flood"]["ok"] + told["flood"]["refused"] == done["flood"]
    assert told["scanner"]["cpu_pool_ms"] > told["scanner"]["cpu_loop_ms"], "its reads run in threads"
    assert told["logins"]["cpu_pool_ms"] > told["logins"]["cpu_loop_ms"], "so do its passwords"
    assert told["console"]["cpu_child_ms"] > told["console"]["cpu_loop_ms"], "and its scripts in processes"
    assert told["reader"]["cpu_child_ms"] == told["writer"]["cpu_child_ms"] == 0
    assert told["scanner"]["rows"] > 0
    assert told["scanner"]["sql_ms"] > told["reader"]["sql_ms"] / max(1, done["reader"])
    assert all(used["bytes_in"] > 0 < used["bytes_out"] for used in told.values())


def totals(server: Whole, name: str) -> dict[str, Any]:
    tenants = {tenant["name"]: tenant for tenant in server.do("usage.live")["tenants"]}
    found: dict[str, Any] = tenants[name]
    return found


def test_what_a_killed_worker_has_told_stays_told(tmp_path: Path) -> None:
    with Whole(tmp_path / "data", shards=1, supervision={"tick_s": TICK_S}) as server:
        server.make("notes")
        for number in range(10):
            expect(server.ask("POST", "notes", NOTES, {"title": f"no. {number}"}), 200)
        before = until(lambda: (told := totals(server, "notes"))["totals"]["ok"] >= 12 and told, "the ledger knows")
        assert before["live"]
        assert before["memory_kb"] > 0
        (pid,) = server.pids()
        psutil.Process(pid).kill()
        server.pids(pid)
        after = totals(server, "notes")
        assert (after["live"], after["memory_kb"], after["connections"]) == (False, 0, 0)
        assert after["totals"]["ok"] == before["totals"]["ok"]
        expect(server.ask("GET", "notes", NOTES), 200)
        again = until(lambda: (told := totals(server, "notes"))["live"] and told, "it is live again")
        assert again["totals"]["ok"] == before["totals"]["ok"] + 1
        assert "worker_died" in [event["kind"] for event in server.do("events")]


def test_days_and_events_outlive_the_server(tmp_path: Path) -> None:
    for round_number in (1, 2):
        with Whole(tmp_path / "data", shards=1, supervision={"tick_s": TICK_S}) as server:
            if round_number == 1:
                server.make("notes")
            before = totals(server, "notes")["totals"]["ok"]
            for _ in range(10):
                expect(server.ask("GET", "notes", NOTES), 200)
            until(lambda: totals(server, "notes")["totals"]["ok"] >= before + 10, "the ledger knows")  # noqa: B023
            (day,) = server.do("usage.since", name="notes", since="2026-01-01T00:00:00Z")["days"]
            assert day["ok"] >= round_number * 10 + 2
            assert day["disk_kb"] >= 0 < day["memory_peak_kb"]
    archive = Archive(tmp_path / "data" / "ledger.db")
    kinds = [event.kind for event in archive.events(0, "", 100)]
    assert [kind for kind in kinds if kind in {"start", "stop"}] == ["start", "stop", "start", "stop"]
    (stored,) = archive.days("notes", day["day"], "9999-12-31")
    assert stored.ok >= 22
    connection = apsw.Connection(str(tmp_path / "data" / "registry.db"))
    assert connection.pragma("user_version") == SCHEMA_VERSION
    connection.close()


@pytest.mark.slow
def test_a_tenant_that_moves_is_counted_once(tmp_path: Path) -> None:
    with Whole(tmp_path / "data", shards=2, supervision={"tick_s": TICK_S}) as server:
        server.make("notes")
        asked = 0
        with Wire(server.port) as wire:
            for number in range(6):
                for _ in range(20):
                    expect(wire.ask("GET", server.host("notes"), NOTES), 200)
                    asked += 1
                if number < 5:
                    server.do("tenant.move", name="notes", shard=number % 2)
        told = until(lambda: (now := totals(server, "notes"))["totals"]["ok"] >= asked + 2 and now, "the ledger knows")
        assert told["totals"]["ok"] == asked + 2, "and the two requests that made it"
        until(lambda: totals(server, "notes")["connections"] == 0, "its connections are gone")
        assert totals(server, "notes")["shard"] == 0
