"""The scheduler: which minutes are due, who is woken, and what a job's failure means to others."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervisor.contract.messages import Scheduled
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.core.shard import Shard
from worker.crons import Crons, is_due, run_job
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
