"""`e.next()`."""

from typing import Any

from worker.hooks.calls import Call, Operation
from worker.hooks.events import advance


async def go_on(call: Call, number: object, changes: object) -> dict[str, Any] | int:
    """Run the rest of an event's chain; what the host has changed of the event since."""
    return await advance(call, number, changes)


OPS: dict[str, Operation] = {"next": go_on}
