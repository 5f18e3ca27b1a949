"""The usage report: all CPU is somebody's, what is not measured is shared out by its causes, nothing is told twice."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.contract.plan import Plan
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import TenantUsage, WorkerUsage
from worker.fair import report as report_module
from worker.fair.account import Account, Accounts
from worker.fair.gate import HELD
from worker.fair.report import IDLE_LOOK, Clocks, LagProbe, Reporter, share_out

MS = 1_000_000


class Cpu(Clocks):
    """Clocks that the test moves, in ns."""

    def __init__(self) -> None:
        self.loop_ns = self.threads_ns = self.children_ns = 0

    def loop(self) -> int:
        return self.loop_ns

    def process(self) -> int:
        return self.loop_ns + self.threads_ns

    def children(self) -> int:
        return self.children_ns


class Threads:
    """Pools in which nothing runs but what the test books."""

    unpaid_ns = 0

    def book(self) -> None:
        """Nothing is under way."""


class Context:
    """A live tenant."""

    pb_data = Path("unused")

    def __init__(self, disk_kb: int = 0) -> None:
        self.data: Any = SimpleNamespace(room=SimpleNamespace(use=SimpleNamespace(total_kb=disk_kb)))

    def memory_kb(self) -> int:
        return 140


class Worker:
    """What a reporter looks at."""

    def __init__(self) -> None:
        self.cpu = Cpu()
        self.threads = Threads()
        self.live: dict[str, Context] = {}
        self.accounts = Accounts(lambda name: Plan(), {})
        self.reporter = Reporter(self.accounts, self.live.get, self.threads, self.cpu)

    def account(self, name: str) -> Account:
        return self.accounts.of(Tenant(name, TenantState.ACTIVE))

    def used(self, name: str, loop_ms: int = 0, wakes: int = 1, **counters: int) -> Account:
        """Something ran for the tenant, and was measured."""
        account = self.account(name)
        account.loop_ns += loop_ms * MS
        account.wakes += wakes
        self.cpu.loop_ns += loop_ms * MS
        for counter, value in counters.items():
            setattr(account, counter, getattr(account, counter) + value)
        self.cpu.threads_ns += counters.get("pool_ns", 0)
        return account

    def report(self) -> WorkerUsage:
        return self.reporter.fill(WorkerUsage(shard=0, pid=0))

    def told(self) -> dict[str, TenantUsage]:
        return {tenant.name: tenant for tenant in self.report().tenants}


@pytest.fixture
def worker() -> Worker:
    made = Worker()
    made.report()
    return made


def test_counters_are_told_once(worker: Worker) -> None:
    worker.live["a"] = Context(disk_kb=77)
    account = worker.used(
        "a", 3, ok=5, failed=4, errors=3, refused=2, gone=1, pool_ns=2 * MS, child_ns=MS, sql_ns=4 * MS, rows=9, cut=1
    )
    account.waited_ns, account.bytes_in, account.bytes_out, account.connections = 6 * MS, 10, 20, 8
    account.waiting.append("somebody")
    usage = worker.report()
    (told,) = usage.tenants
    assert (told.ok, told.failed, told.errors, told.refused, told.gone, told.requests) == (5, 4, 3, 2, 1, 15)
    assert (told.cpu_loop_ms, told.cpu_pool_ms, told.cpu_child_ms, told.cpu_ms) == (3.0, 2.0, 1.0, 6.0)
    assert (told.sql_ms, told.rows, told.cut, told.waited_ms) == (4.0, 9, 1, 6.0)
    assert (told.bytes_in, told.bytes_out, told.connections, told.queued) == (10, 20, 8, 1)
    assert (told.memory_kb, told.disk_kb, told.live, usage.queued) == (140, 77, True, 1)
    assert (usage.cpu_ms, usage.own_cpu_ms) == (6.0, 0.0)
    assert worker.report().tenants == []


def test_the_start_is_the_workers_own() -> None:
    cpu = Cpu()
    cpu.loop_ns, cpu.threads_ns = 90 * MS, 10 * MS
    reporter = Reporter(Accounts(lambda name: Plan(), {}), lambda name: None, Threads(), cpu)
    usage = reporter.fill(WorkerUsage(shard=0, pid=0))
    assert (usage.cpu_ms, usage.own_cpu_ms, usage.tenants) == (100.0, 100.0, [])


def test_the_rest_of_the_loop_is_shared_by_wakes(worker: Worker) -> None:
    worker.used("busy", 50, wakes=7)
    worker.used("calm", 10, wakes=2)
    worker.cpu.loop_ns += 30 * MS  # polling, reading sockets
    usage = worker.report()  # its own wake is the tenth
    told = {tenant.name: tenant.cpu_loop_ms for tenant in usage.tenants}
    assert told == {"busy": 50 + 21.0, "calm": 10 + 6.0}
    assert (usage.own_cpu_ms, usage.shared_cpu_ms, usage.cpu_ms) == (3.0, 27.0, 90.0)


def test_an_idle_workers_timers_are_its_own(worker: Worker) -> None:
    for _ in range(8):
        with worker.accounts.own_work():
            pass
    worker.used("once", 1)
    worker.cpu.loop_ns += 10 * MS
    usage = worker.report()
    assert usage.tenants[0].cpu_loop_ms == pytest.approx(2, abs=0.5)  # what `own_work` measures is real
    assert usage.own_cpu_ms == pytest.approx(9, abs=0.5)


def test_the_rest_of_the_threads_is_shared_by_their_cpu(worker: Worker) -> None:
    worker.used("scans", pool_ns=90 * MS)
    worker.used("logs in", pool_ns=10 * MS)
    worker.cpu.threads_ns += 20 * MS
    usage = worker.report()
    assert {tenant.name: tenant.cpu_pool_ms for tenant in usage.tenants} == {"scans": 108.0, "logs in": 12.0}
    assert usage.own_cpu_ms == 0.0
    worker.used("reads", 1)
    worker.cpu.threads_ns += 5 * MS
    usage = worker.report()
    assert (usage.tenants[0].cpu_pool_ms, usage.own_cpu_ms) == (0.0, 5.0), "no tenant's job ran"


def test_work_for_nobody_is_the_workers_own(worker: Worker) -> None:
    worker.used("a", pool_ns=10 * MS)
    worker.threads.unpaid_ns = 30 * MS
    worker.cpu.threads_ns += 30 * MS + 4 * MS
    usage = worker.report()
    assert (usage.tenants[0].cpu_pool_ms, usage.own_cpu_ms) == (11.0, 33.0)
    assert worker.threads.unpaid_ns == 0


def test_children_are_booked_while_they_run(worker: Worker) -> None:
    worker.used("console", child_ns=100 * MS)
    usage = worker.report()
    assert (usage.tenants[0].cpu_child_ms, usage.own_cpu_ms, usage.cpu_ms) == (100.0, 0.0, 100.0)
    worker.used("console", child_ns=50 * MS)
    worker.cpu.children_ns = 150 * MS  # it has ended
    usage = worker.report()
    assert (usage.tenants[0].cpu_child_ms, usage.own_cpu_ms) == (50.0, 0.0)
    worker.cpu.children_ns += 7 * MS  # nobody's
    usage = worker.report()
    assert (usage.own_cpu_ms, usage.cpu_ms) == (7.0, 7.0)
    assert worker.report().own_cpu_ms == 0.0


def test_what_was_booked_too_much_is_made_up_for(worker: Worker) -> None:
    account = worker.used("a", 10)
    account.loop_ns += 4 * MS  # a clock read a moment later
    usage = worker.report()
    assert (usage.tenants[0].cpu_loop_ms, usage.own_cpu_ms, usage.cpu_ms) == (14.0, 0.0, 10.0)
    worker.used("a", 10, wakes=9)
    worker.cpu.loop_ns += 14 * MS
    usage = worker.report()
    assert (usage.tenants[0].cpu_loop_ms, usage.own_cpu_ms) == (19.0, 1.0)


booking = st.tuples(
    st.sampled_from("abcd"), st.integers(0, 50), st.integers(1, 9), st.integers(0, 30), st.integers(0, 40)
)


@given(st.lists(st.lists(booking, max_size=6), max_size=8), st.lists(st.integers(0, 99), min_size=8, max_size=8))
@settings(max_examples=80, deadline=None)
def test_the_sums_are_those_of_the_process(intervals: list[list[Any]], rests: list[int]) -> None:
    worker = Worker()
    sums = own = cpu = 0.0
    for bookings, rest in zip(intervals, rests, strict=False):
        for name, loop_ms, wakes, pool_ms, child_ms in bookings:
            worker.used(name, loop_ms, wakes, pool_ns=pool_ms * MS, child_ns=child_ms * MS)
            worker.cpu.children_ns += child_ms * MS
        worker.cpu.loop_ns += rest * MS // 7
        worker.cpu.threads_ns += rest * MS // 3
        usage = worker.report()
        sums += sum(tenant.cpu_ms for tenant in usage.tenants)
        own += usage.own_cpu_ms
        cpu += usage.cpu_ms
    clocks = (worker.cpu.process() + worker.cpu.children_ns) / MS
    assert sums + own == pytest.approx(clocks)
    assert cpu == pytest.approx(clocks)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_are_in_proportion_and_complete(amount: int, weights: list[int]) -> None:
    accounts = [Account(str(number), Plan()) for number in range(len(weights))]
    total = sum(weights)
    if not total:
        return
    share_out(amount, accounts, weights, "loop_ns")
    assert sum(account.loop_ns for account in accounts) == amount
    for account, weight in zip(accounts, weights, strict=True):
        assert abs(account.loop_ns - amount * weight / total) <= 1 + amount * 1e-9


# Gauges and forgetting


def later(worker: Worker, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = report_module.monotonic() + seconds
    monkeypatch.setattr(report_module, "monotonic", lambda: now)


def idle_look(worker: Worker) -> dict[str, TenantUsage]:
    """All that is told until those were looked at for whom nothing ran."""
    told: dict[str, TenantUsage] = {}
    for _ in range(IDLE_LOOK):
        told |= worker.told()
    return told


def test_changed_gauges_are_told_though_nothing_ran(worker: Worker) -> None:
    worker.live["a"] = Context()
    account = worker.used("a", 1)
    account.connections = 3
    assert worker.told()["a"].connections == 3
    assert idle_look(worker) == {}
    account.connections = 1
    assert idle_look(worker)["a"].connections == 1
    worker.live["a"].data.room.use.total_kb = 500
    assert idle_look(worker)["a"].disk_kb == 500
    del worker.live["a"]
    told = idle_look(worker)["a"]
    assert (told.live, told.memory_kb, told.requests) == (False, 0, 0)
    assert idle_look(worker) == {}


@pytest.mark.parametrize(
    "needed",
    [{"running": 1}, {"connections": 1}, {"buffered": 1}, {"bars": HELD}, {"live": 1}, {}],
    ids=lambda needed: next(iter(needed), "nothing"),
)
def test_who_is_idle_for_long_is_forgotten(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, needed: dict[str, int]
) -> None:
    account = worker.used("a", 1, ok=1)
    for name, value in needed.items():
        if name == "live":
            worker.live["a"] = Context()
        else:
            setattr(account, name, value)
    assert worker.told()["a"].ok == 1
    idle_look(worker)
    assert worker.accounts.get("a") is account, "not yet"
    later(worker, monkeypatch, report_module.FORGET_AFTER_S + 1)
    idle_look(worker)
    assert (worker.accounts.get("a") is account) is bool(needed)


def test_ten_thousand_tenants_served_once_cost_nothing_later(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10_000):
        worker.used(f"t{number}", ok=1)
    assert sum(tenant.ok for tenant in worker.report().tenants) == 10_000
    later(worker, monkeypatch, report_module.FORGET_AFTER_S + 1)
    idle_look(worker)
    assert len(worker.accounts) == 0


def test_the_probe_tells_how_late_the_loop_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "PROBE_EVERY_S", 0.01)

    async def measured() -> tuple[float, float]:
        probe = LagProbe(Accounts(lambda name: Plan(), {}))
        probe.start()
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.3
        while loop.time() < until:
            pass  # the loop is kept busy
        while (late := probe.take_ms()) == 0:
            await asyncio.sleep(0)
        probe.stop()
        return late, probe.take_ms()

    late, after = asyncio.run(measured())
    assert 200 < late < 60_000
    assert after == 0.0
