"""GET /api/health: the tenant answers; superusers learn how their address is seen."""

from typing import Any

import orjson

from worker.http.exchange import Request, Response
from worker.http.realip import proxy_header
from worker.http.reply import json_reply

HEALTHY = {"message": "API is healthy.", "code": 200}
# What everybody is told who doesn't ask for less.
USUAL = orjson.dumps({**HEALTHY, "data": {}})


class Health:
    async def on_get(self, req: Request, resp: Response) -> None:
        auth = req.context.auth
        if auth is None and not req.scope["query_string"]:
            resp.data = USUAL
            return
        data: dict[str, Any] = {}
        if auth is not None and auth.is_superuser:
            data = {
                "canBackup": True,
                "realIP": req.context.real_ip,
                "possibleProxyHeader": proxy_header(req.scope, req.context.tenant.settings.trusted_proxy),
            }
        json_reply(resp, {**HEALTHY, "data": data}, req)


def bind(app: Any) -> None:
    """Add the route of this group."""
    app.add_route("/api/health", Health())
