"""The scheduler: which minutes are due, who is woken, and what a job's failure means to others."""

import asyncio
import calendar
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervisor.contract.messages import Call, Due, Scheduled
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.core.shard import Shard
from worker.crons import OVERLAPS_MAX, Crons, is_due, run_job
from worker.hooks.jobs import Job, jobs_of
from worker.services.cron import parse_cron

SUNDAY = time.struct_time((2026, 11, 22, 16, 30, 0, 6, 326, 0))
DUE = [
    ("* * * * *", True),
    ("30 16 * * *", True),
    ("30 16 22 11 0", True),
    ("*/15 * * * *", True),
    ("30 16 * * 1-6", False),
    ("31 16 * * *", False),
    ("30 16 21 * *", False),
    ("@hourly", False),
]


@pytest.mark.parametrize(("expression", "due"), DUE)
def test_which_minutes_are_due(expression: str, due: bool) -> None:
    assert is_due(parse_cron(expression), SUNDAY) is due


@pytest.fixture
def shard(tmp_path: Path) -> Any:
    made = Shard(tmp_path)
    yield made
    made.lanes.close()


def _scheduler(shard: Shard) -> Crons:
    return Crons(shard.tenants, shard.told.append)


def _ran(shard: Shard, crons: Crons, moment: time.struct_time) -> Callable[[], Any]:
    async def work() -> None:
        await crons.run_due(moment)
        while crons._running:
            await asyncio.sleep(0.001)

    return work


def test_a_sleeping_tenant_is_woken_when_its_schedule_is_due(shard: Shard) -> None:
    shard.directory.put(Tenant("a", TenantState.ACTIVE, crons=("30 16 * * *",)))
    shard.directory.put(Tenant("b", TenantState.ACTIVE, crons=("31 16 * * *",)))
    shard.directory.put(Tenant("c", TenantState.SUSPENDED, crons=("* * * * *",)))
    crons = _scheduler(shard)
    shard.run(_ran(shard, crons, SUNDAY))
    assert shard.live() == ["a"]
    # it has no scripts at all (any more), and should not be woken again
    assert [told for told in shard.told if isinstance(told, Scheduled)] == [Scheduled("a", ())]


def test_nobody_elses_tenant_is_woken(shard: Shard) -> None:
    shard.directory.put(Tenant("a", TenantState.ACTIVE, crons=("* * * * *",)))
    shard.ownership.expected.add("a")
    shard.run(_ran(shard, _scheduler(shard), SUNDAY))
    assert shard.live() == []


def test_an_open_tenant_looks_after_itself(shard: Shard) -> None:
    async def work() -> list[str]:
        context = shard.open("a")
        for job in jobs_of(context):
            await job.run(context)
        return [job.id for job in jobs_of(context)]

    own = ["__pbDBOptimize__", "__pbMFACleanup__", "__pbOTPCleanup__", "__pbLogsCleanup__"]
    assert shard.run(work) == own


def test_a_failing_job_is_logged_and_nothing_else(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(ctx: Any) -> None:
        raise ValueError("what went wrong")

    async def work() -> None:
        await run_job(shard.open("a"), Job("nightly", "* * * * *", parse_cron("* * * * *"), broken))

    shard.run(work)
    assert "the job nightly has failed: what went wrong" in caplog.text


MINUTE = calendar.timegm(SUNDAY) // 60


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE * 60.0

    def __call__(self) -> float:
        return self.now


LOOKS = [
    ([0.0, 0.2], [MINUTE]),
    ([-0.01, 0.001, 59.99, 60.01], [MINUTE, MINUTE + 1]),  # a timer that is early by a hair
    ([0.0, 95.0, 120.0], [MINUTE, MINUTE + 1, MINUTE + 2]),  # one that is late
    ([0.0, 3 * 3600.0], [MINUTE, MINUTE + 180]),  # a machine that has slept: nothing is made up for
    ([0.0, -3600.0, -3540.0], [MINUTE, MINUTE - 60, MINUTE - 59]),  # a clock that was set back
]


@pytest.mark.parametrize(("times", "minutes"), LOOKS)
def test_each_minute_is_looked_at_once(shard: Shard, times: list[float], minutes: list[int]) -> None:
    clock = Clock()
    crons = Crons(shard.tenants, shard.told.append, clock)
    seen: list[int] = []

    async def run_due(moment: time.struct_time) -> None:
        seen.append(calendar.timegm(moment) // 60)

    crons.run_due = run_due  # type: ignore[method-assign]

    async def work() -> None:
        for past_s in times:
            clock.now = MINUTE * 60 + past_s
            await crons.look()

    shard.run(work)
    assert seen == minutes


@pytest.mark.parametrize("why", ["leaving", "cut off", "gone before its turn"])
def test_what_a_tenant_that_is_handed_over_was_to_run_is_passed_on(shard: Shard, why: str) -> None:
    shard.directory.put(Tenant("a", TenantState.ACTIVE, crons=("30 16 * * *",)))
    shard.directory.put(Tenant("b", TenantState.ACTIVE, crons=("31 16 * * *",)))
    crons = _scheduler(shard)

    async def work() -> None:
        if why == "leaving":
            shard.ownership.leaving.update("ab")
        elif why == "cut off":
            shard.tenants.cut_off.update("ab")
        await crons.run_due(SUNDAY)
        if why.startswith("gone"):
            shard.directory.kept["a"] = 1
        while crons._running:
            await asyncio.sleep(0.001)

    shard.run(work)
    assert shard.told == [Due("a", MINUTE)]
    assert shard.live() == []


def test_what_is_passed_on_is_run_by_the_new_owner(shard: Shard) -> None:
    crons = _scheduler(shard)
    shard.orders.begin_jobs = crons.begin

    async def work() -> None:
        assert (await shard.orders.answer(Call(1, "jobs", "a", {"minute": MINUTE}))).ok
        while crons._running:
            await asyncio.sleep(0.001)

    shard.run(work)
    assert shard.live() == ["a"]


def test_long_jobs_hold_up_nobody_else(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.crons.TURN_S", 0.01)
    monkeypatch.setattr("worker.crons.AT_A_TIME", 1)
    over, ran = asyncio.Event(), []

    async def run(ctx: Any) -> None:
        ran.append(ctx.name)
        if ctx.name == "a":
            await over.wait()

    monkeypatch.setattr("worker.crons.jobs_of", lambda ctx: [Job("j", "* * * * *", parse_cron("* * * * *"), run)])

    async def work() -> None:
        crons = _scheduler(shard)
        for number in range(2 * OVERLAPS_MAX):  # also of a tenant whose jobs never end
            crons.begin("a", MINUTE + number)
        crons.begin("b", MINUTE)
        while "b" not in ran:
            await asyncio.sleep(0.001)
        assert ran.count("a") <= OVERLAPS_MAX
        over.set()
        while crons._running:
            await asyncio.sleep(0.001)
        assert ran.count("a") == OVERLAPS_MAX
        assert not crons._minutes

    shard.run(work)


def test_nothing_begins_once_the_worker_stops(shard: Shard) -> None:
    async def work() -> None:
        crons = _scheduler(shard)
        crons.start()
        crons.begin("a", MINUTE)
        crons.stop()
        while crons._running:
            await asyncio.sleep(0.001)

    shard.run(work)
    assert shard.live() == []
