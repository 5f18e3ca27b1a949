"""Tenants that change their owner, seen from one worker: what it keeps, what it opens, what it answers."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.contract.messages import Expect, Gain, Judge, Lose, Own, Release, Settle
from supervisor.contract.plan import Verdict
from supervisor.contract.shardmap import Routes
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.core.shard import Gate, Shard
from worker import handover as handover_module
from worker import heap as heap_module
from worker.errors import ApiError
from worker.heap import CLOSED, GROWTH_KB, PAUSE_S, Heap
from worker.holds import Holds, Why

HERE, THERE = 0, 7
MOVED = Routes((THERE,))
"""Everything is another worker's."""


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path / "data", live_tenants_max=10)
    yield made
    asyncio.run(made.tenants.close_all(10))
    made.lanes.close()


async def order(shard: Shard, message: Any) -> Any:
    reply = await shard.handover.answer(message)
    assert reply.ok, reply.error
    return reply.value


def owner(shard: Shard, name: str) -> int:
    tenant = shard.directory.get(name)
    assert tenant is not None
    return shard.directory.owner(tenant)


def test_what_is_in_use_is_kept_and_the_rest_is_lost_at_once(shard: Shard) -> None:
    async def work() -> None:
        shard.open("a")
        shard.tenants.accounts.of(shard.directory.get("b")).running += 1  # type: ignore[arg-type]
        with shard.tenants.work("new"):
            assert await order(shard, Lose(1, MOVED)) == ["a", "b", "new"]
        assert [owner(shard, name) for name in "abc"] == [HERE, HERE, THERE]
        shard.open("a")
        with pytest.raises(ApiError):
            shard.open("c")

    shard.run(work)


def test_a_tenant_that_is_just_being_closed_is_kept(shard: Shard) -> None:
    async def work() -> None:
        shard.open("a")
        shard.tenants.close("a")
        assert await order(shard, Lose(1, MOVED)) == ["a"]
        assert await order(shard, Release(2, "a", THERE, 5.0)) is False
        assert shard.open_files("a") == []

    shard.run(work)


def test_a_thread_that_outlasts_the_context_keeps_its_tenant(shard: Shard) -> None:
    async def work() -> None:
        done = threading.Event()
        account = shard.tenants.accounts.of(shard.directory.get("a"))  # type: ignore[arg-type]
        job = asyncio.ensure_future(shard.lanes.blocking(account, done.wait, 20))
        await asyncio.sleep(0)
        job.cancel()  # nobody wants it any more, and it goes on
        assert await order(shard, Lose(1, MOVED)) == ["a"]
        released = asyncio.ensure_future(order(shard, Release(2, "a", THERE, 5.0)))
        await asyncio.sleep(0)
        assert not released.done()
        done.set()
        assert await released is False
        assert owner(shard, "a") == THERE

    shard.run(work)


def test_who_gains_and_loses_at_once_owns_nothing_too_early(shard: Shard) -> None:
    """By the new routes some tenants come and others go; what comes is nobody's here until all is settled."""

    async def work() -> None:
        shard.directory.put(Tenant("a", TenantState.ACTIVE, shard=1))  # another worker's
        shard.directory.settle(Routes((HERE, THERE)), {})
        shard.directory.put(Tenant("b", TenantState.ACTIVE, shard=0))
        shard.directory.put(Tenant("c", TenantState.ACTIVE, shard=0))
        shard.open("b")
        swapped = Routes((THERE, HERE))
        await order(shard, Gain(1, swapped))
        assert not shard.ownership.mine("a")
        assert await order(shard, Lose(2, swapped)) == ["b"]
        tenant = shard.directory.get("a")
        assert tenant is not None
        assert (shard.directory.owner(tenant), shard.directory.next_owner(tenant)) == (THERE, HERE)
        with pytest.raises(ApiError):
            shard.open("a")
        await order(shard, Settle(3, swapped, {"b": HERE}))
        assert [shard.ownership.mine(name) for name in "abc"] == [True, True, False]
        assert shard.open("a").name == "a"
        assert shard.gate.freed == ["*"]

    shard.run(work)


def test_a_tenant_is_opened_on_the_supervisors_word_only(shard: Shard) -> None:
    async def work() -> None:
        await order(shard, Settle(1, MOVED, {}))
        for _ in range(2):
            await order(shard, Expect(2, "a"))
        assert owner(shard, "a") == HERE, "its requests end here"
        assert shard.gate.held == {"a"}
        with pytest.raises(ApiError):
            shard.open("a")
        for warm in (True, False, True):
            await order(shard, Own(3, "a", warm=warm))
            assert shard.tenants.live("a") is not None
        assert (shard.gate.held, shard.gate.freed) == (set(), ["*", "a"])

    shard.run(work)


def test_a_settlement_ends_what_was_expected(shard: Shard) -> None:
    async def work() -> None:
        await order(shard, Settle(1, MOVED, {}))
        await order(shard, Expect(2, "a"))
        await order(shard, Expect(3, "b"))
        await order(shard, Settle(4, MOVED, {"b": HERE}))
        assert shard.gate.held == set()
        assert [shard.ownership.mine(name) for name in "ab"] == [False, True]

    shard.run(work)


def test_a_release_waits_for_what_is_under_way(shard: Shard) -> None:
    async def work() -> None:
        context = shard.open("a")
        account = context.account
        context.busy = account.running = 1
        release = asyncio.create_task(order(shard, Release(1, "a", THERE, 20.0)))
        await asyncio.sleep(0.02)
        assert shard.gate.held == {"a"}
        context.busy = 0
        with shard.tenants.work("a"):
            account.running = 0
            await asyncio.sleep(0.02)
            assert not release.done()
            assert owner(shard, "a") == HERE
            assert shard.open("a") is context, "what is under way may go on"
        assert await release is True
        assert shard.open_files("a") == []
        assert owner(shard, "a") == THERE
        assert shard.gate.held == set()
        assert shard.wire.cuts == []
        assert await order(shard, Release(2, "a", THERE, 5.0)) is False

    shard.run(work)


def test_a_release_that_times_out_cuts(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_module, "CUT_S", 0.05)

    async def work() -> None:
        context = shard.open("a")
        context.busy = 1
        reply = await shard.handover.answer(Release(1, "a", THERE, 0.01))
        assert (reply.ok, reply.error) == (False, "tenant a is still being worked on")
        assert (shard.wire.cuts, shard.gate.held, owner(shard, "a")) == (["a"], set(), HERE)
        assert shard.open("a") is context, "it stays this worker's"
        shard.wire.on_cut = lambda name: setattr(context, "busy", 0)
        assert await order(shard, Release(2, "a", THERE, 0.01)) is True
        assert owner(shard, "a") == THERE
        assert shard.open_files("a") == []

    shard.run(work)


def test_a_deleted_tenant_is_let_go_by_everybody(shard: Shard) -> None:
    async def work() -> None:
        shard.open("a").busy = 1
        release = asyncio.create_task(order(shard, Release(1, "a", THERE, 20.0)))
        await asyncio.sleep(0.02)
        shard.directory.drop("a")
        shard.tenants.dropped("a")
        assert await release is True
        assert "a" not in shard.directory.kept
        for message in (Expect(2, "a"), Own(3, "a", warm=True)):
            await order(shard, message)
            assert "a" not in shard.directory.kept
        assert shard.gate.held == set()

    shard.run(work)


def test_a_tenant_open_against_the_rules_is_closed_and_told_of(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        shard.open("a")
        await order(shard, Settle(1, MOVED, {}))
        await shard.tenants.closer.ended("a")
        assert shard.open_files("a") == []

    shard.run(work)
    assert "tenant a was open but is another worker's" in caplog.text


def test_a_stopping_worker_takes_on_nothing(shard: Shard) -> None:
    async def work() -> None:
        shard.open("a")
        shard.handover.stopping = True
        for message in (Gain(1, MOVED), Expect(2, "b"), Own(3, "b")):
            assert (await shard.handover.answer(message)).error == "the worker is stopping"
        assert await order(shard, Lose(4, MOVED)) == ["a"]
        assert await order(shard, Release(5, "a", THERE, 5.0)) is True

    shard.run(work)


def test_verdicts_are_kept_until_they_are_lifted(shard: Shard) -> None:
    async def work() -> None:
        verdict = Verdict("a", weight_percent=50, reason="a test")
        await order(shard, Judge(1, verdict))
        assert shard.tenants.accounts.verdicts == {"a": verdict}
        await order(shard, Judge(2, Verdict("a")))
        assert shard.tenants.accounts.verdicts == {}
        assert shard.gate.settled == ["a", "a"]

    shard.run(work)


def test_reasons_to_wait_overlap() -> None:
    gate = Gate()
    holds = Holds(gate)
    for why in (Why.CLOSING, Why.RELEASED, Why.CLOSING):
        holds.hold("a", why)
    holds.free("a", Why.EXPECTED)
    holds.free("a", Why.CLOSING)
    assert (gate.held, gate.freed) == ({"a"}, [])
    holds.free("a", Why.RELEASED)
    holds.free("a", Why.RELEASED)
    assert (gate.held, gate.freed) == (set(), ["a"])


@pytest.mark.parametrize(
    ("grown_kb", "closed", "given_back_kb", "trimmed", "pause_s"),
    [
        (GROWTH_KB - 1, CLOSED - 1, 0, False, 0),
        (GROWTH_KB, 0, GROWTH_KB, True, PAUSE_S),
        (GROWTH_KB, 0, GROWTH_KB // 8, True, PAUSE_S * 4),
        (0, CLOSED, 100, True, PAUSE_S),
        (-5_000, CLOSED, 0, True, PAUSE_S),
    ],
)
def test_memory_is_given_back_when_it_is_worth_it(
    monkeypatch: pytest.MonkeyPatch, *, grown_kb: int, closed: int, given_back_kb: int, trimmed: bool, pause_s: float
) -> None:
    resident = [100_000]
    monkeypatch.setattr(heap_module, "resident_kb", lambda: resident[0])

    async def apart(work: Any) -> None:
        work()
        resident[0] -= given_back_kb

    async def work() -> None:
        heap = Heap(apart)
        heap.beat(1000.0)
        resident[0] += grown_kb
        heap.closed(closed)
        heap.beat(1001.0)
        await asyncio.sleep(0)
        assert heap.trims == trimmed
        if trimmed:
            for later, again in ((pause_s - 1, False), (pause_s, True)):
                resident[0] += GROWTH_KB
                heap.beat(1001.0 + later)
                await asyncio.sleep(0)
                assert heap.trims == 1 + again
            assert heap.freed_kb >= given_back_kb

    asyncio.run(work())
