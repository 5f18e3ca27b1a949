"""Sampler and ledger: sums are sums, gauges are gauges, the dead cost nothing."""

import os
import subprocess
import sys

from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import Sampler
from supervisor.contract.usage import TenantUsage, WorkerUsage


def report(shard: int, *tenants: TenantUsage) -> WorkerUsage:
    return WorkerUsage(shard=shard, pid=1, tenants=list(tenants))


def test_counters_add_up_and_gauges_are_replaced() -> None:
    ledger = Ledger()
    ledger.book(report(0, TenantUsage("a", 3, 1, 2.5, 10, 20, 100, True), TenantUsage("b", requests=1)))
    ledger.book(report(0, TenantUsage("a", 2, 0, 0.5, 1, 2, 90, True)))
    account = ledger.get("a")
    assert account is not None
    assert (account.requests, account.errors, account.cpu_ms) == (5, 1, 3.0)
    assert (account.bytes_in, account.bytes_out) == (11, 22)
    assert (account.memory_kb, account.live, account.shard) == (90, True, 0)
    assert {one.name for one in ledger} == {"a", "b"}
    assert ledger.get("c") is None


def test_a_lost_shard_takes_what_was_live_there() -> None:
    ledger = Ledger()
    ledger.book(report(0, TenantUsage("a", requests=1, memory_kb=100, live=True)))
    ledger.book(report(1, TenantUsage("b", requests=1, memory_kb=100, live=True)))
    ledger.shard_lost(0)
    gone, stays = ledger.get("a"), ledger.get("b")
    assert gone is not None
    assert stays is not None
    assert (gone.live, gone.memory_kb, gone.requests) == (False, 0, 1)
    assert (stays.live, stays.memory_kb) == (True, 100)


def test_hangs_and_closing() -> None:
    ledger = Ledger()
    assert [ledger.hang("a"), ledger.hang("a"), ledger.hang("b")] == [1, 2, 1]
    ledger.close("a")
    ledger.close("nobody")
    assert ledger.hang("a") == 1


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
    finally:
        child.kill()
        child.wait()
    assert set(sampler.sample([child.pid])) == {os.getpid()}
