"""The scheduled jobs of a live tenant: those of its scripts, and what it does for itself.

    jobs_of(ctx)         the jobs of an open tenant, in their order
    Jobs                 those of a tenant with scripts, which may add and remove some while they run

What is added while scripts run is there until the tenant is closed; what was registered when they were loaded, or by
onBootstrap, is there whenever the tenant is, and wakes it (`worker.crons`).
"""

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.hooks.calls import GoError
from worker.hooks.session import CURRENT
from worker.services.cron import MACROS, CronError, Schedule, parse_cron
from worker.services.upkeep import CHORES

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.hooks import Hooks

JOBS_MAX = 500
ID_CHARS_MAX = 300
EXPRESSION_CHARS_MAX = 300  # they are in the registry, and in each worker's memory
# What a job added at run time may have of source, in characters.
SOURCE_CHARS_MAX = 1 << 18
# And all of them together.
SOURCES_CHARS_MAX = 1 << 22
OWN_PREFIX = "__pb"


class Job(NamedTuple):
    """When it is due, and what is run then."""

    id: str
    expression: str
    schedule: Schedule
    run: Callable[["Context"], Awaitable[None]]
    # what its source takes, where it has one of its own
    chars: int = 0


class Jobs:
    """The jobs of one tenant with scripts, by id."""

    __slots__ = ("_by_id", "_hooks")

    def __init__(self, hooks: "Hooks") -> None:
        self._hooks = hooks
        self._by_id: dict[str, Job] = dict(_chores())
        last = self._by_id.popitem()  # the real one has the log's at the end
        for job in hooks.manifest.crons:
            self.add(job.id, job.expression, {"handler": job.handler})
        self._by_id[last[0]] = last[1]

    def __iter__(self) -> "Any":
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, name: str) -> Job | None:
        """The job of that id."""
        return self._by_id.get(name)

    def add(self, name: str, expression: str, handler: dict[str, Any]) -> None:
        """Add a job, or put it in the place of the one of that id. GoError for what is no cron expression."""
        try:
            schedule = parse_cron(expression)
        except CronError as error:
            raise GoError(f"failed to add new cron job: {error}") from error
        if len(expression) > EXPRESSION_CHARS_MAX:
            raise GoError("failed to add new cron job: its cron expression is too long")
        if len(name) > ID_CHARS_MAX or (len(self._by_id) >= JOBS_MAX and name not in self._by_id):
            raise GoError(f"failed to add new cron job: there are {JOBS_MAX} jobs, or its id is too long")
        chars = len(handler.get("source", ""))
        if chars + sum(job.chars for job in self if job.id != name) > SOURCES_CHARS_MAX:
            raise GoError("failed to add new cron job: the functions of all jobs are too long together")
        self._by_id.pop(name, None)
        shown = MACROS.get(expression, expression)
        self._by_id[name] = Job(name, shown, schedule, partial(_run_script, self._hooks, name, handler), chars)

    def remove(self, name: str) -> None:
        """Remove the job of that id, if there is one."""
        self._by_id.pop(name, None)

    def clear(self) -> None:
        """Remove all of them, the tenant's own upkeep included, as the real one does."""
        self._by_id.clear()


def jobs_of(ctx: "Context") -> list[Job]:
    """The jobs of an open tenant, in their order."""
    hooks = ctx.hooks
    return list(_chores().values()) if hooks is None else list(hooks.jobs)


def wakes(jobs: Jobs) -> tuple[str, ...]:
    """The schedules for which a tenant has to be opened: those of its scripts, each once, in order."""
    return tuple(sorted({job.expression for job in jobs if _chores().get(job.id) != job}))


async def _run_script(hooks: "Hooks", name: str, handler: dict[str, Any], ctx: "Context") -> None:
    del ctx
    asking = CURRENT.get()
    if asking is not None and asking.hooks is hooks and asking.hosting:  # a script that runs it itself waits for it
        await asking.run("job", {"id": name, **handler})
        return
    async with hooks.session(job=True) as session:
        await session.run("job", {"id": name, **handler})


@cache
def _chores() -> dict[str, Job]:
    return {chore.id: Job(chore.id, chore.expression, parse_cron(chore.expression), chore.run) for chore in CHORES}
