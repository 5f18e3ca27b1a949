"""Sampler and ledger: sums are sums, gauges are gauges, windows slide, the dead cost nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.accounting.account import Account
from supervisor.accounting.facts import Window
from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import Sampler
from supervisor.accounting.windows import CELL_MAX, COLUMNS, Windows
from supervisor.contract.usage import TenantUsage, WorkerUsage


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def report(berth: int, *tenants: TenantUsage, shard: int | None = None, interval_s: float = 1.0) -> WorkerUsage:
    number = berth if shard is None else shard
    return WorkerUsage(shard=number, pid=1, berth=berth, tenants=list(tenants), interval_s=interval_s)


def account_of(ledger: Ledger, name: str) -> Account:
    account = ledger.get(name)
    assert account is not None
    return account


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock=clock)


def test_counters_add_up_and_gauges_are_replaced(ledger: Ledger) -> None:
    first = TenantUsage("a", 2, 1, cpu_loop_ms=2.5, bytes_in=10, bytes_out=20, memory_kb=100, live=True, connections=3)
    ledger.book(report(0, first, TenantUsage("b", 1)))
    ledger.book(report(0, TenantUsage("a", 2, cpu_pool_ms=0.5, bytes_in=1, bytes_out=2, memory_kb=90, live=True)))
    account = account_of(ledger, "a")
    assert (account.requests, account.ok, account.failed, account.cpu_ms) == (5, 4, 1, 3.0)
    assert (account.bytes_in, account.bytes_out) == (11, 22)
    assert (account.memory_kb, account.live, account.shard, account.connections) == (90, True, 0, 0)
    assert {one.name for one in ledger} == {"a", "b"}
    assert ledger.get("c") is None


def test_a_lost_worker_takes_what_was_live_there(ledger: Ledger) -> None:
    ledger.book(report(0, TenantUsage("a", ok=1, memory_kb=100, live=True, connections=2, queued=1)))
    ledger.book(report(1, TenantUsage("b", ok=1, memory_kb=100, live=True)))
    assert set(ledger.workers) == {0, 1}
    ledger.lost(0)
    gone, stays = account_of(ledger, "a"), account_of(ledger, "b")
    assert (gone.live, gone.memory_kb, gone.connections, gone.queued, gone.requests) == (False, 0, 0, 0, 1)
    assert (stays.live, stays.memory_kb) == (True, 100)
    assert set(ledger.workers) == {1}


def test_last_words_count_and_bring_nobody_back(ledger: Ledger) -> None:
    ledger.book(report(0, TenantUsage("a", ok=1, memory_kb=100, live=True)))
    ledger.lost(0)
    ledger.book(report(0, TenantUsage("a", ok=2, memory_kb=100, live=True, connections=3)))
    account = account_of(ledger, "a")
    assert (account.ok, account.live, account.memory_kb, account.connections) == (3, False, 0, 0)
    assert ledger.workers == {}
    successor = WorkerUsage(shard=0, pid=2, berth=0, tenants=[TenantUsage("a", ok=4, memory_kb=80, live=True)])
    ledger.book(successor)
    assert (account.ok, account.live, account.memory_kb) == (7, True, 80)
    assert ledger.workers[0].pid == 2


def test_two_workers_tell_of_a_tenant_that_moves(ledger: Ledger) -> None:
    def told(live: bool, connections: int = 0) -> TenantUsage:
        return TenantUsage("a", ok=1, cpu_loop_ms=1, memory_kb=50 if live else 0, live=live, connections=connections)

    ledger.book(report(0, told(True, 5)))
    ledger.book(report(2, told(False, 1), shard=0))  # the successor gets requests before the files
    account = account_of(ledger, "a")
    assert (account.berth, account.live, account.connections, account.memory_kb) == (0, True, 5, 50)
    ledger.book(report(2, told(True, 4), shard=0))
    ledger.book(report(0, told(False, 1)))  # what the former owner has to add
    assert (account.berth, account.live, account.connections, account.memory_kb) == (2, True, 4, 50)
    ledger.lost(0)
    assert (account.live, account.ok, account.cpu_ms) == (True, 4, 4.0)
    assert ledger.windows("a")[2].requests == 4
    ledger.lost(2)
    assert not account.live


def test_a_tenant_that_left_one_worker_is_the_next_ones(ledger: Ledger) -> None:
    ledger.book(report(0, TenantUsage("a", ok=1, live=True, memory_kb=9)))
    ledger.book(report(0, TenantUsage("a", live=False)))
    ledger.book(report(1, TenantUsage("a", refused=1, connections=1)))
    account = account_of(ledger, "a")
    assert (account.shard, account.live, account.connections) == (1, False, 1)


def test_hangs_and_closing(ledger: Ledger) -> None:
    assert [ledger.hang("a"), ledger.hang("a"), ledger.hang("b")] == [1, 2, 1]
    ledger.book(report(0, TenantUsage("a", ok=3, live=True)))
    ledger.close("a")
    ledger.close("nobody")
    assert ledger.former.ok == 3
    assert ledger.hang("a") == 1
    assert account_of(ledger, "a").ok == 0


def test_who_does_not_exist_opens_no_account(clock: Clock) -> None:
    ledger = Ledger(clock=clock, created_of={"a": "then"}.get)
    ledger.book(report(0, TenantUsage("a", ok=1), TenantUsage("former", ok=2, cpu_loop_ms=1.5)))
    assert [account.name for account in ledger] == ["a"]
    assert ledger.former.ok == 2
    assert [(day.created, day.ok, day.cpu_loop_ms) for day in ledger.days_of("former", 1)] == [("", 2, 1.5)]
    assert ledger.hang("former") == 0


def test_facts_tell_of_those_in_use(ledger: Ledger, clock: Clock) -> None:
    ledger.book(
        report(
            0,
            TenantUsage("busy", ok=10, refused=2, cpu_loop_ms=250, waited_ms=24, memory_kb=7, live=True, queued=1),
            TenantUsage("idle", ok=1, memory_kb=70, live=True),
            TenantUsage("gone", ok=1),
        )
    )
    facts = {known.name: known for known in ledger.facts().tenants}
    assert set(facts) == {"busy", "idle", "gone"}
    busy = facts["busy"]
    assert (busy.cpu_percent_1s, busy.cpu_percent_10s) == (25.0, 2.5)
    assert busy.cpu_percent_60s == pytest.approx(250 / 600)
    assert (busy.requests_per_s_1s, busy.requests_per_s_10s, busy.refused_per_s_10s) == (12.0, 1.2, 0.2)
    assert (busy.waited_ms, busy.memory_kb, busy.queued, busy.idle_s) == (2.0, 7, 1, 0.0)
    clock.now += 61
    facts = {known.name: known for known in ledger.facts().tenants}
    assert set(facts) == {"busy", "idle"}, "live ones stay, whether they are used or not"
    assert (facts["idle"].memory_kb, facts["idle"].idle_s, facts["idle"].cpu_percent_60s) == (70, 61.0, 0.0)


def test_workers_tell_of_themselves(ledger: Ledger) -> None:
    ledger.book(WorkerUsage(1, 4711, 5, cpu_ms=900, own_cpu_ms=20, lag_ms=3, interval_s=2.0, queued=4, sqlite_kb=9))
    told = ledger.facts().workers[5]
    assert (told.shard, told.pid, told.cpu_percent, told.own_cpu_percent) == (1, 4711, 45.0, 1.0)
    assert (told.lag_ms, told.queued, told.sqlite_kb) == (3, 4, 9)


def test_the_others_together(ledger: Ledger) -> None:
    ledger.book(report(0, TenantUsage("a", ok=4, cpu_loop_ms=1), TenantUsage("b", ok=2, cpu_loop_ms=2), interval_s=0.5))
    ledger.book(report(1, TenantUsage("c", ok=100)))
    second, ten, minute = ledger.windows_of_others({"c"})
    assert (second.requests, ten.requests, minute.requests, minute.cpu_us) == (12, 6, 6, 3000)


# Windows

reports = st.lists(
    st.tuples(
        st.floats(0, 15).map(lambda seconds: round(seconds, 3)),
        st.lists(st.integers(0, CELL_MAX // 100), min_size=len(COLUMNS), max_size=len(COLUMNS)),
    ),
    max_size=60,
)


@given(reports, st.floats(0, 70))
@settings(max_examples=100, deadline=None)
def test_windows_are_the_sums_over_their_intervals(steps: list[tuple[float, list[int]]], later_s: float) -> None:
    windows, told, now = Windows(), [], 0.0
    for pause_s, counts in steps:
        now += pause_s
        windows.book(now, 1.0, counts)
        told.append((int(now), counts))
        expect(windows, told, int(now))
    now += later_s
    windows.age(int(now))
    expect(windows, told, int(now))
    windows.age(int(now) + 60)
    expect(windows, told, int(now) + 60)
    assert windows.empty


def expect(windows: Windows, told: list[tuple[int, list[int]]], second: int) -> None:
    for window, length in ((windows.ten(), 10), (windows.minute(), 60)):
        inside = [counts for at, counts in told if at > second - length]
        sums = [sum(column) for column in zip(*inside, strict=True)] or [0] * len(COLUMNS)
        assert [getattr(window, name) for name in COLUMNS] == sums
        assert window.seconds == length


def test_the_window_of_a_second_is_the_last_report_while_it_is_news() -> None:
    windows = Windows()
    one = (5, 0, 0, 200_000, 0, 0, 0, 0)
    windows.book(100.0, 2.0, one)
    assert windows.one(101.0) == Window(2.0, *one)
    assert windows.one(101.0).cpu_percent == 10.0
    windows.book(100.4, 2.0, one)  # another worker's, of the same time
    assert windows.one(101.0).requests == 10
    windows.book(102.0, 2.0, one)
    assert windows.one(102.0).requests == 5
    assert windows.one(108.0).requests == 0
    assert windows.ten().requests == 15


def test_a_cell_holds_so_much_and_the_sums_stay_true() -> None:
    windows = Windows()
    for _ in range(3):
        windows.book(5.0, 1.0, (CELL_MAX - 1,) * len(COLUMNS))
    assert windows.minute().bytes_out == CELL_MAX
    windows.age(65)
    assert windows.minute() == Window(60.0)


def test_a_tenant_in_use_all_the_time_takes_some_kilobytes() -> None:
    windows = Windows()
    for second in range(500):
        windows.book(float(second), 1.0, (1, 2, 3, 4, 5, 6, 7, 8))
    assert memory_of(windows) < 3200
    once = Windows()
    once.book(1.0, 1.0, (1,) * len(COLUMNS))
    assert memory_of(once) < 900


def memory_of(windows: Windows) -> int:
    parts: Iterator[object] = (getattr(windows, name) for name in Windows.__slots__)
    return sys.getsizeof(windows) + sum(sys.getsizeof(part) for part in parts)


# Sampler


def test_the_sampler_sees_cpu_and_memory_and_forgets_the_dead() -> None:
    sampler = Sampler()
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.read(1)
        sampler.sample([child.pid])
        sum(range(10_000_000))  # some time, spent busily
        found = sampler.sample([child.pid])
        assert found[child.pid].cpu_percent > 2  # of a machine that may have much else to do
        assert found[child.pid].rss_kb > 1000
        assert set(found) == {child.pid, os.getpid()}
        assert child.pid in [process.pid for process in sampler.children(os.getpid())]
        pss_kb = sampler.pss_kb(child.pid)
        assert pss_kb is not None
        assert 0 < pss_kb <= found[child.pid].rss_kb + 1024
    finally:
        child.kill()
        child.wait()
    assert set(sampler.sample([child.pid])) == {os.getpid()}
    assert sampler.children(child.pid) == []
    assert sampler.pss_kb(child.pid) is None
