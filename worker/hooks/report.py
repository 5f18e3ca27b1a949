"""What operators are told of a tenant's scripts: whether the files as they are now can be loaded, and what is bound."""

from typing import TYPE_CHECKING, Any

from worker.hooks.loader import LoadError
from worker.hooks.manifest import NONE, Manifest

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.scripts import Scripts


async def check(scripts: "Scripts", ctx: "Context") -> dict[str, Any]:
    """Load the files as they are now, for a look: nothing of what serves changes by it.

    `ok`, else `error` with message, file, line, column and stack; `serving` is what requests find: "current" files,
    "previous" ones, or "nothing" where the tenant does not serve.
    """
    live = await scripts.rested(ctx)
    error: LoadError | None = None
    manifest = NONE
    try:
        manifest = (await scripts.load(ctx)).manifest
    except LoadError as failure:
        error = failure
    else:
        if live is not None and live.error is not None and not await scripts.has_changed(live):
            error = live.error  # it loads, and fails when it begins
    stale = live is not None and (live.error is not None or await scripts.has_changed(live))
    serving = "nothing" if ctx.starting is not None else "previous" if stale else "current"
    return {
        "ok": error is None,
        "error": None if error is None else _told(error),
        "serving": serving,
        **_counts(manifest),
    }


def listed(ctx: "Context") -> dict[str, Any]:
    """What is bound now, in the order of registration."""
    manifest = NONE if ctx.hooks is None else ctx.hooks.manifest
    handlers = manifest.handlers
    return {
        "hooks": [
            {"event": handler.event, "tags": list(handler.tags), "file": handler.file, "line": handler.line}
            for handler in handlers
            if handler.event
        ],
        "routes": [
            {
                "method": route.method,
                "path": route.path,
                "middlewares": len(route.middlewares),
                "file": route.file,
                "line": route.line,
            }
            for route in manifest.routes
        ],
        "middlewares": [
            {"name": step.id or step.native, "priority": step.priority, **_place(manifest, step.handler)}
            for step in manifest.uses
        ],
        "jobs": [
            {"id": job.id, "expression": job.expression, **_place(manifest, job.handler)} for job in manifest.crons
        ],
    }


def _counts(manifest: Manifest) -> dict[str, int]:
    return {
        "hooks": sum(1 for handler in manifest.handlers if handler.event),
        "routes": len(manifest.routes),
        "middlewares": len(manifest.uses),
        "jobs": len(manifest.crons),
    }


def _place(manifest: Manifest, number: int) -> dict[str, Any]:
    if number < 0:
        return {"file": "", "line": 0}
    handler = manifest.handlers[number]
    return {"file": handler.file, "line": handler.line}


def _told(error: LoadError) -> dict[str, Any]:
    return {
        "message": error.message,
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "stack": error.stack,
    }
