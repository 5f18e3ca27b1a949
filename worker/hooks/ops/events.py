"""`e.next()`."""

from typing import Any

from worker.hooks.calls import Call, Operation
from worker.hooks.events import advance


async def go_on(call: Call, number: object, changes: object, app: object) -> dict[str, Any] | int:
    """Run the rest of an event's chain, in the transaction that is open; what the host has changed of the event."""
    return await advance(call, number, changes, app)


OPS: dict[str, Operation] = {"next": go_on}
