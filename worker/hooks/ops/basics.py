"""What every script needs whatever it does: the sources of its handlers, and time."""

import asyncio
from typing import Any

from worker.hooks.calls import Call, GoError, Operation

# A script's longest pause at a time; its run has a limit of its own.
PAUSE_MS_MAX = 3_600_000


async def handler(call: Call, number: object) -> dict[str, Any]:
    """Source, file and line of one of the tenant's handlers."""
    handlers = call.hooks.manifest.handlers
    if type(number) is not int or not 0 <= number < len(handlers):
        raise GoError("there is no such handler")
    found = handlers[number]
    return {"source": found.source, "file": found.file, "line": found.line, "column": found.column}


async def sleep(call: Call, milliseconds: object) -> None:
    """Let time pass."""
    del call
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool) or not milliseconds > 0:
        return
    await asyncio.sleep(min(milliseconds, PAUSE_MS_MAX) / 1000)


OPS: dict[str, Operation] = {"handler": handler, "sleep": sleep}
