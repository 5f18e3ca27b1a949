"""What is due: once a minute the jobs of the tenants whose schedules say so are run, open or not.

A tenant's schedules are known to every worker (`Tenant.crons`), so one that sleeps costs nothing but a look a minute;
its owner opens it when something is due. Times are UTC. As in the real one nothing is made up for: what was due while
no server ran is run the next time, and a job may begin while the one of a minute ago still runs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from supervisor.contract.messages import Message, Scheduled
from supervisor.contract.tenant import TenantState
from worker.errors import ApiError
from worker.hooks.jobs import Job, jobs_of, wakes
from worker.services.cron import CronError, Schedule, parse_cron

if TYPE_CHECKING:
    from worker.context import Context
    from worker.tenants import Tenants

log = logging.getLogger("pocker.crons")

MINUTE_S = 60
# Tenants whose jobs run at a time: at the full hour many are due.
AT_A_TIME = 16
# Tenants looked at without a pause for others.
LOOKS = 500


class Crons:
    """The scheduler of one worker."""

    def __init__(self, tenants: "Tenants", tell: Callable[[Message], None]) -> None:
        self._tenants = tenants
        self._tell = tell
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From the next full minute on."""
        self._timer = asyncio.get_running_loop().create_task(self._tick())

    def stop(self) -> None:
        """Begin nothing more. What runs goes on, and keeps its tenant open meanwhile."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _tick(self) -> None:
        while True:
            now = time.time()
            await asyncio.sleep(MINUTE_S - now % MINUTE_S)
            # a timer may be early by a hair, and a sleeping machine late by hours
            moment = time.gmtime(round(time.time() / MINUTE_S) * MINUTE_S)
            try:
                await self.run_due(moment)
            except Exception:  # of whatever kind: the next minute must still come
                log.exception("what is due could not be run")

    def note(self, ctx: "Context") -> None:
        """Have the supervisor know the schedules of an open tenant's scripts, if it does not."""
        tenant = self._tenants.ownership.directory.get(ctx.name)
        crons = () if ctx.hooks is None else wakes(ctx.hooks.manifest.crons)
        if tenant is not None and tenant.crons != crons:
            self._tell(Scheduled(ctx.name, crons))

    async def run_due(self, moment: time.struct_time) -> None:
        """Begin everything that is due in the minute of `moment` (UTC)."""
        for number, name in enumerate(self._names(moment)):
            if number % LOOKS == LOOKS - 1:
                await asyncio.sleep(0)
            self._begin(name, moment)

    def _names(self, moment: time.struct_time) -> Iterable[str]:
        """The tenants of this worker for whom something is due: by their schedules, or what they do for themselves."""
        tenants = self._tenants
        ownership = tenants.ownership
        names = {context.name for context in tenants if any(is_due(job.schedule, moment) for job in jobs_of(context))}
        for tenant in ownership.directory:
            if tenant.crons and tenant.state is TenantState.ACTIVE and any(map(_due_at(moment), tenant.crons)):
                names.add(tenant.name)
        return [name for name in names if ownership.mine(name)]

    def _begin(self, name: str, moment: time.struct_time) -> None:
        task = asyncio.get_running_loop().create_task(self._run(name, moment))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, name: str, moment: time.struct_time) -> None:
        """All jobs of a tenant that are due, side by side."""
        async with self._turns:
            try:
                async with self._tenants.using(name) as ctx:
                    self.note(ctx)  # its scripts may have gone while it slept
                    due = [job for job in jobs_of(ctx) if is_due(job.schedule, moment)]
                    await asyncio.gather(*(run_job(ctx, job) for job in due))
            except ApiError as error:  # it has just gone to another worker, or can't be opened
                log.warning("tenant %s: its jobs were not run: %s", name, error.cause or error, extra={"tenant": name})


async def run_job(ctx: "Context", job: Job) -> None:
    """Run one job. Never raises: what goes wrong stands in the server's log."""
    try:
        await job.run(ctx)
    except Exception as error:
        log.warning("tenant %s: the job %s has failed: %s", ctx.name, job.id, error, extra={"tenant": ctx.name})


def is_due(schedule: Schedule, moment: time.struct_time) -> bool:
    """Whether `moment` (UTC) is one of the schedule's minutes."""
    return (
        moment.tm_min in schedule.minutes
        and moment.tm_hour in schedule.hours
        and moment.tm_mday in schedule.days
        and moment.tm_mon in schedule.months
        and (moment.tm_wday + 1) % 7 in schedule.weekdays
    )


def _due_at(moment: time.struct_time) -> Callable[[str], bool]:
    def due(expression: str) -> bool:
        schedule = _parsed(expression)
        return schedule is not None and is_due(schedule, moment)

    return due


@lru_cache(maxsize=1_000)
def _parsed(expression: str) -> Schedule | None:
    try:
        return parse_cron(expression)
    except CronError:  # of an older release, or damaged
        return None
