"""`$app.cron()`, and `cronAdd` and `cronRemove` in a handler: the tenant's scheduled jobs while it is open."""

from typing import Any

from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.jobs import SOURCE_CHARS_MAX

PLACE = {"file": str, "line": int, "column": int}


async def add(call: Call, name: object, expression: object, handled: object) -> None:
    """Add a job with its source."""
    if not isinstance(name, str) or not isinstance(expression, str) or not isinstance(handled, dict):
        raise GoError("failed to add new cron job: it needs an id, a cron expression and a function")
    source = handled.get("source")
    if not isinstance(source, str) or len(source) > SOURCE_CHARS_MAX:
        raise GoError("failed to add new cron job: its function is missing or too long")
    place = {key: handled.get(key) for key, kind in PLACE.items() if type(handled.get(key)) is kind}
    call.hooks.jobs.add(name, expression, {"file": "", "line": 1, "column": 1, **place, "source": source})


async def remove(call: Call, name: object) -> None:
    """Remove a job; one that is not there is nothing to do."""
    if isinstance(name, str):
        call.hooks.jobs.remove(name)


async def remove_all(call: Call) -> None:
    """Remove every job."""
    call.hooks.jobs.clear()


async def jobs(call: Call) -> list[dict[str, Any]]:
    """Ids and expressions."""
    return [{"id": job.id, "expression": job.expression} for job in call.hooks.jobs]


async def run(call: Call, name: object) -> None:
    """Run a job of the tenant's now, as a part of this run."""
    job = call.hooks.jobs.get(name) if isinstance(name, str) else None
    if job is None:
        raise GoError("there is no such job")
    await job.run(call.hooks.ctx)


OPS: dict[str, Operation] = {
    "cron.add": add,
    "cron.remove": remove,
    "cron.removeAll": remove_all,
    "cron.jobs": jobs,
    "cron.run": run,
}
