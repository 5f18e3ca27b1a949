"""What operators and tenants are told of usage: shapes that others rely on, sums that are complete, windows, orders."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from supervisor.accounting.archive import Archive
from supervisor.accounting.keeping import Keeping
from supervisor.accounting.ledger import Ledger
from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import TenantUsage, WorkerUsage
from supervisor.crew import Crew
from supervisor.ops import figures, tables
from supervisor.ops.metrics import Metrics
from supervisor.ops.reports import ORDERS, Reports
from supervisor.ops.requests import Live
from supervisor.ops.statement import COUNTED, Statements

CREATED = "2026-01-01 00:00:00.000Z"
TOTALS = {*COUNTED, "requests", "cpu_ms"}
WINDOW = {
    *("seconds", "requests", "errors", "refused", "cpu_ms", "sql_ms", "bytes_in", "bytes_out"),
    *("requests_per_s", "errors_per_s", "refused_per_s", "cpu_percent", "in_per_s", "out_per_s"),
}
MB = 1 << 20


class Policy:
    """What reports ask of the tick."""

    def __init__(self) -> None:
        self.verdicts: dict[str, Verdict] = {}

    def verdict(self, name: str) -> Verdict | None:
        return self.verdicts.get(name)

    def sample_of(self, pid: int | None) -> Any:
        return SimpleNamespace(pid=pid or 1, cpu_percent=1.5, rss_kb=1000)


class Server:
    """A directory of tenants, their ledger, and the reports about them."""

    def __init__(self, path: Path) -> None:
        self.settings = Settings(
            data=str(path), plans={"default": Plan(), "small": Plan(weight=50, cpu_percent=20, disk_mb=10, memory_mb=1)}
        )
        self.directory = Directory(first_routes(2), "localhost", False)
        archive = Archive(path / "ledger.db")
        archive.prepare()
        self.ledger = Ledger(archive)
        self.policy: Any = Policy()
        self.crew = Crew(None, self.directory, 4, logging.getLogger())  # type: ignore[arg-type]  # nobody is asked
        self.reports = Reports(self.settings, self.directory, self.crew, self.ledger, self.policy)
        self.statements = Statements(lambda: self.settings, self.directory, self.ledger, self.policy)

    def add(self, *names: str, plan: str = "default") -> None:
        for name in names:
            self.directory.put(Tenant(name, TenantState.ACTIVE, None, (), "", CREATED, plan))

    def book(self, *tenants: TenantUsage, interval_s: float = 1.0) -> None:
        self.ledger.book(WorkerUsage(shard=0, pid=1, tenants=list(tenants), interval_s=interval_s))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_live_tells_of_everybody_in_the_shapes_that_are_written_down(server: Server) -> None:
    server.add("a", "b")
    server.book(TenantUsage("a", ok=3, errors=1, cpu_loop_ms=20, bytes_in=100, memory_kb=150, live=True, connections=2))
    live = server.reports.live()
    assert set(live) == {"at", "uptime_s", "tick_s", "supervisor", "workers", "tenants", "rest"}
    assert live["supervisor"]["tenants"] == {"active": 2}
    a, b = live["tenants"]
    assert (a["name"], b["name"]) == ("a", "b")
    for tenant in (a, b, live["rest"]):
        assert set(tenant["totals"]) == TOTALS
        assert all(set(window) == WINDOW for window in tenant["windows"].values())
        assert set(tenant["windows"]) == {"1s", "10s", "60s"}
    assert (a["live"], a["connections"], a["memory_kb"], a["totals"]["requests"]) == (True, 2, 150, 4)
    assert (b["live"], b["connections"], b["totals"]["requests"]) == (False, 0, 0)
    assert a["windows"]["1s"]["cpu_percent"] == 2.0
    assert (a["windows"]["10s"]["requests"], a["windows"]["10s"]["requests_per_s"]) == (4, 0.4)
    assert a["windows"]["60s"]["errors"] == 1
    assert (a["state"], a["plan"], a["weight"], a["verdict"]) == ("active", "default", 100, None)
    assert live["rest"]["tenants"] == 0


@pytest.mark.parametrize(
    ("by", "reverse", "match", "names"),
    [
        ("cpu", False, "", ["b", "a", "c"]),
        ("cpu_60s", False, "", ["b", "a", "c"]),
        ("requests", False, "", ["a", "b", "c"]),
        ("refused", False, "", ["b", "a", "c"]),
        ("memory", False, "", ["a", "b", "c"]),
        ("disk", False, "", ["b", "a", "c"]),
        ("name", False, "", ["a", "b", "c"]),
        ("name", True, "", ["c", "b", "a"]),
        ("cpu", True, "", ["c", "a", "b"]),
        ("cpu", False, "c", ["c"]),
        ("cpu", False, "x", []),
    ],
)
def test_orders(server: Server, by: str, reverse: bool, match: str, names: list[str]) -> None:
    server.add("c", "a", "b")
    server.book(TenantUsage("a", ok=9, cpu_loop_ms=1, memory_kb=9, disk_kb=1, live=True))
    server.book(TenantUsage("b", ok=1, refused=2, cpu_loop_ms=2, memory_kb=5, disk_kb=7, live=True))
    for limit in (0, 2, 10):
        told = server.reports.live(limit, by, reverse=reverse, match=match)["tenants"]
        assert [tenant["name"] for tenant in told] == names[: limit or None]


def test_every_order_that_can_be_asked_for_is_known() -> None:
    asked: Any = Live.__annotations__["by"]
    assert set(asked.__args__) <= set(ORDERS)


def test_the_shown_and_the_rest_are_all_and_never_fall(server: Server) -> None:
    server.add("a", "b", "c")
    sums = []
    for number in range(3):
        server.book(*(TenantUsage(name, ok=number + 1, cpu_loop_ms=1.5, memory_kb=5, live=True) for name in "abc"))
        if number == 1:
            server.directory.drop("c")
            server.ledger.close("c")
        for limit in (0, 1, 2):
            live = server.reports.live(limit)
            shown = sum(tenant["totals"]["ok"] for tenant in live["tenants"])
            sums.append(shown + live["rest"]["totals"]["ok"])
            assert len(live["tenants"]) + live["rest"]["tenants"] == (3 if number == 0 else 2)
    assert sums == sorted(sums)
    assert sums[-1] == 3 * (1 + 2 + 3), "deleted ones are in the rest"
    assert server.reports.live(1)["rest"]["memory_kb"] == 10


def test_usage_since(server: Server) -> None:
    server.add("a")
    server.book(TenantUsage("a", ok=2, cpu_pool_ms=1.25, memory_kb=7, live=True))
    Keeping(server.ledger, logging.getLogger()).close()
    server.book(TenantUsage("a", ok=3))
    tenant = server.directory.get("a")
    assert tenant is not None
    now = datetime.now(UTC)
    for since in (now, now - timedelta(days=7), now - timedelta(days=5000), now + timedelta(days=3)):
        told = server.reports.used_since(tenant, since)
        (day,) = told["days"]
        assert (day["day"], day["ok"], day["requests"], day["cpu_pool_ms"]) == (server.ledger.days.today, 5, 5, 1.25)
        assert set(day) == TOTALS | {"day", "created", "hangs", "memory_peak_kb", "disk_kb"}
        assert told["totals"]["ok"] == 5
        assert (told["name"], told["created"]) == ("a", CREATED)


def test_used_keeps_what_is_asked_of_all(server: Server) -> None:
    server.add("a", "b")
    server.book(TenantUsage("a", ok=1, failed=2, errors=3, gone=4, refused=5, disk_kb=50))
    used = {row["name"]: row for row in server.reports.usage()}
    assert [used["a"][name] for name in figures.OUTCOMES] == [1, 2, 3, 5, 4]
    assert (used["a"]["requests"], used["a"]["disk_kb"]) == (15, 50)
    totals = server.reports.live()["tenants"][0]["totals"]
    assert {name: used["a"][name] for name in totals} == totals, "whoever asks is told the same"
    assert (used["b"]["requests"], used["b"]["disk_kb"], used["b"]["live"]) == (0, 0, False)


def test_a_shard_without_a_worker_is_told_of(server: Server) -> None:
    told = server.reports.live()["workers"]
    assert told == [{"shard": shard, "state": "starting", "pid": 0, "restarts": 0} for shard in (0, 1)]
    assert 'pocker_worker_up{shard="1"} 0.0' in Metrics(server.reports.live, lambda: 5, "1").page().body.decode()
    assert "starting" in tables.live(server.reports.live())


def test_a_verdict_is_told_with_the_time_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.ops.reports.time.monotonic", lambda: 1000.0)
    server.add("a", plan="small")
    server.policy.verdicts["a"] = Verdict("a", weight_percent=50, blocked_until=1030.0, reason="too much")
    (told,) = server.reports.live()["tenants"]
    expected = {
        "weight_percent": 50,
        "cpu_percent": 0.0,
        "requests_per_s": 0.0,
        "blocked_s": 30.0,
        "reason": "too much",
    }
    assert told["verdict"] == expected
    assert (told["plan"], told["weight"]) == ("small", 50)
    statement = server.statements.answer("usage", "a")
    assert statement is not None
    verdict = statement["verdict"]
    assert (verdict["weightPercent"], verdict["retryAfter"], verdict["reason"]) == (50, 30.0, "too much")
    left_s = (datetime.fromisoformat(verdict["blockedUntil"]) - datetime.now(UTC)).total_seconds()
    assert 0 < left_s <= 30.001
    server.policy.verdicts["a"] = Verdict("a")
    statement = server.statements.answer("usage", "a")
    assert statement is not None
    assert statement["verdict"] is None


def test_the_statement_tells_what_is_left(server: Server) -> None:
    server.add("a", plan="small")
    server.book(TenantUsage("a", ok=1, cpu_loop_ms=50, memory_kb=512, disk_kb=9 * 1024, live=True, connections=4))
    statement = server.statements.answer("usage", "a")
    assert statement is not None
    assert statement["limits"]["cpuPercent"] == 20
    assert statement["left"] == {
        "cpuPercent": 15.0,
        "requestsPerSecond": None,
        "connections": 2496,
        "memoryBytes": MB // 2,
        "diskBytes": MB,
    }
    server.book(TenantUsage("a", ok=1, cpu_loop_ms=900, memory_kb=9000, disk_kb=99 * 1024, live=True))
    statement = server.statements.answer("usage", "a")
    assert statement is not None
    assert (statement["left"]["cpuPercent"], statement["left"]["memoryBytes"], statement["left"]["diskBytes"]) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize(("what", "tenant"), [("usage", "nobody"), ("secrets", "a")])
def test_nothing_else_is_answered(server: Server, what: str, tenant: str) -> None:
    server.add("a")
    assert server.statements.answer(what, tenant) is None


def test_totals_outlive_the_code(server: Server, tmp_path: Path) -> None:
    server.add("a")
    server.book(TenantUsage("a", ok=2, memory_kb=9, live=True))
    server.ledger.events.note("start")
    server.ledger.close("b")
    kept = server.ledger.keep()
    again = Ledger(Archive(tmp_path / "ledger.db"))
    again.recall(kept)
    account = again.get("a")
    assert account is not None
    assert (account.ok, account.live, account.memory_kb) == (2, True, 9)
    assert [fact.name for fact in again.facts().tenants] == ["a"]
    assert [day.ok for day in again.days_of("a", 1)] == [2]
    assert [event.kind for event in again.events.events()] == ["start"]
    again.lost(0)
    assert not account.live
    for nonsense in (None, [], {"began": 1}, "x"):
        Ledger().recall(nonsense)
