"""`e.next()`."""

from typing import TYPE_CHECKING, Any

from worker.hooks.calls import Operation
from worker.hooks.events import advance

if TYPE_CHECKING:
    from worker.hooks.session import Session


async def go_on(call: "Session", number: object, changes: object, app: object) -> dict[str, Any] | int:
    """Run the rest of an event's chain, in the transaction that is open; what the host has changed of the event."""
    return await advance(call, number, changes, app)


OPS: dict[str, Operation] = {"next": go_on}
