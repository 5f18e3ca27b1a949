"""GET /api/usage: what the tenant has used and may use, for its superusers. PocketBase has no such route.

The supervisor knows (`supervisor.ops.statement` draws the answer); it is asked once a second at most.
"""

from typing import Any, Protocol

from worker.asking import NoAnswerError
from worker.errors import ApiError
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply

WHAT = "usage"
UNKNOWN = (503, "The usage isn't known at the moment.")


class Supervisor(Protocol):
    """Who is asked."""

    async def ask(self, what: str, tenant: str) -> Any:
        """What it knows of the tenant, or None. Raises NoAnswerError."""


class Usage:
    """The tenant's own usage."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        try:
            told = await self._supervisor.ask(WHAT, req.context.tenant.name)
        except NoAnswerError as error:
            raise ApiError(*UNKNOWN, cause=str(error)) from error
        if told is None:
            raise ApiError(*UNKNOWN, cause="the supervisor knows nothing of the tenant")
        json_reply(resp, told, req)


def bind(app: Any, supervisor: Supervisor) -> None:
    """Add the route of this group."""
    app.add_route("/api/usage", Usage(supervisor))
