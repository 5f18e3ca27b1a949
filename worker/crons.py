"""What is due: once a minute the jobs of the tenants whose schedules say so are run, open or not.

A tenant's schedules are known to every worker (`Tenant.crons`), so one that sleeps costs nothing but a look a minute;
its owner opens it when something is due. Times are UTC. As in the real one nothing is made up for: what was due while
no server ran is run the next time, and a job may begin while the one of a minute ago still runs.

Each minute is looked at once. A tenant that changes its owner just then is the business of who owned it: what it has
not begun is passed on (`Due`), by way of the supervisor, which waits until the tenant has its new owner.
"""

import asyncio
import calendar
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context as Variables
from functools import lru_cache
from typing import TYPE_CHECKING

from supervisor.contract.messages import Due, Message, Scheduled
from supervisor.contract.tenant import TenantState
from worker.errors import ApiError
from worker.hooks.jobs import Job, jobs_of, wakes
from worker.services.cron import CronError, Schedule, parse_cron

if TYPE_CHECKING:
    from worker.context import Context
    from worker.tenants import Tenants

log = logging.getLogger("pocker.crons")

MINUTE_S = 60
# A timer may be early by so much, or the clock be set back by it: that is still the minute it was meant for.
EARLY_S = 0.5
# Tenants whose jobs begin at a time: at the full hour many are due. Who takes longer than a turn holds up nobody else.
AT_A_TIME = 16
TURN_S = 2.0
# Minutes of one tenant whose jobs are under way or wait for their turn; beyond it they are left out.
OVERLAPS_MAX = 8
# Tenants looked at without a pause for others.
LOOKS = 100
# Among what an open tenant keeps: its jobs that run outside of any schedule, and how many they may be.
BEGUN = "jobs"
BEGUN_MAX = 100


class Crons:
    """The scheduler of one worker."""

    def __init__(
        self, tenants: "Tenants", tell: Callable[[Message], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._tenants = tenants
        self._tell = tell
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._running: set[asyncio.Task[None]] = set()
        self._minutes: Counter[str] = Counter()
        self._timer: asyncio.Task[None] | None = None
        self._stopped = False
        # the minute that was looked at last, since 1970
        self._minute = -1

    def start(self) -> None:
        """From the next full minute on."""
        self._timer = asyncio.get_running_loop().create_task(self._tick())

    def stop(self) -> None:
        """Begin nothing more. What runs goes on, and keeps its tenant open meanwhile."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(MINUTE_S - self._clock() % MINUTE_S)
            await self.look()

    async def look(self) -> None:
        """Begin what is due in this minute, unless that was done."""
        minute = int((self._clock() + EARLY_S) // MINUTE_S)
        if minute == self._minute:
            return
        self._minute = minute
        try:
            await self.run_due(time.gmtime(minute * MINUTE_S))
        except Exception:  # of whatever kind: the next minute must still come
            log.exception("what is due could not be run")

    def note(self, ctx: "Context") -> None:
        """Have the supervisor know the schedules of an open tenant's scripts, if it does not."""
        tenant = self._tenants.ownership.directory.get(ctx.name)
        crons = () if ctx.hooks is None else wakes(ctx.hooks.jobs)
        if tenant is not None and tenant.crons != crons:
            self._tell(Scheduled(ctx.name, crons))

    async def run_due(self, moment: time.struct_time) -> None:
        """Begin everything that is due in the minute of `moment` (UTC)."""
        tenants = self._tenants
        ownership = tenants.ownership
        names = {context.name for context in tenants if any(is_due(job.schedule, moment) for job in jobs_of(context))}
        known = [tenant for tenant in ownership.directory.scheduled() if tenant.state is TenantState.ACTIVE]
        for number, tenant in enumerate(known):
            if number % LOOKS == LOOKS - 1:
                await asyncio.sleep(0)
            if any(is_due(schedule, moment) for text in tenant.crons if (schedule := _parsed(text)) is not None):
                names.add(tenant.name)
        minute = calendar.timegm(moment) // MINUTE_S
        for number, name in enumerate(names):
            if number % LOOKS == LOOKS - 1:
                await asyncio.sleep(0)
            if name in ownership.leaving or name in tenants.cut_off:
                self._tell(Due(name, minute))
            elif ownership.mine(name):
                self.begin(name, minute)

    def begin(self, name: str, minute: int) -> None:
        """Begin the tenant's jobs that are due in that minute (since 1970)."""
        if self._minutes[name] >= OVERLAPS_MAX:
            log.warning("tenant %s: its jobs are left out: too many still run", name, extra={"tenant": name})
            return
        self._minutes[name] += 1
        task = asyncio.get_running_loop().create_task(self._run(name, minute))
        self._running.add(task)
        task.add_done_callback(lambda task: self._over(task, name))

    def _over(self, task: "asyncio.Task[None]", name: str) -> None:
        self._running.discard(task)
        self._minutes[name] -= 1
        if not self._minutes[name]:
            del self._minutes[name]

    async def _run(self, name: str, minute: int) -> None:
        """All jobs of a tenant that are due, side by side."""
        moment = time.gmtime(minute * MINUTE_S)
        async with self._turn():
            if self._stopped:
                return
            try:
                async with self._tenants.using(name) as ctx:
                    self.note(ctx)  # its scripts may have gone while it slept
                    due = [job for job in jobs_of(ctx) if is_due(job.schedule, moment)]
                    await asyncio.gather(*(run_job(ctx, job) for job in due))
            except ApiError as error:
                tenant = self._tenants.ownership.directory.get(name)
                if tenant is None or tenant.state is not TenantState.ACTIVE:
                    return
                if not self._tenants.ownership.mine(name):
                    self._tell(Due(name, minute))
                    return
                log.warning("tenant %s: its jobs were not run: %s", name, error.cause or error, extra={"tenant": name})

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the few that begin at a time: for its whole run, if that is short."""
        await self._turns.acquire()
        has_turn = True

        def end() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._turns.release()

        alarm = asyncio.get_running_loop().call_later(TURN_S, end)
        try:
            yield
        finally:
            alarm.cancel()
            end()


def begin(ctx: "Context", job: Job) -> None:
    """Begin a job of an open tenant, which stays open until it has ended; it is no part of whatever has begun it.

    Raises ApiError where too many are under way.
    """
    begun: set[asyncio.Task[None]] = ctx.caches.setdefault(BEGUN, set())
    if len(begun) >= BEGUN_MAX:
        raise ApiError(429)
    ctx.busy += 1
    task = asyncio.get_running_loop().create_task(run_job(ctx, job), context=Variables())
    begun.add(task)

    def over(task: "asyncio.Task[None]") -> None:
        begun.discard(task)
        ctx.busy -= 1

    task.add_done_callback(over)


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


@lru_cache(maxsize=2_000)
def _parsed(expression: str) -> Schedule | None:
    try:
        return parse_cron(expression)
    except CronError:  # of an older release, or damaged
        return None
