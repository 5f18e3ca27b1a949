"""The front: the one Falcon app that answers for every tenant of a worker.

Routes and the handling of errors are Falcon's; the way of a request is `worker.http.way`.
"""

from collections.abc import Callable
from typing import Any

import falcon
import falcon.asgi
from falcon.routing import CompiledRouter

from worker.http import way
from worker.http.exchange import Request, Response
from worker.http.faults import bind_faults, route_not_found
from worker.http.paths import segments
from worker.http.scripted import responder_for
from worker.http.way import Responder, Tenants

_SLASH, _PERCENT = b"/%"


class Front(falcon.asgi.App[Request, Response]):
    """The app: one way for every request, from its arrival to its entry in the log.

    The way itself is written out, although Falcon has one: for the usual request it cost as much as reading a record
    (18 of 95 µs), in steps that nothing here needs.
    """

    def __init__(self, tenants: Tenants) -> None:
        super().__init__(router=Router())
        self._tenants = tenants

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:  # type: ignore[override] # as in Falcon
        """Answer one request."""
        return way.answer(self, self._tenants, scope, receive, send)

    def responder_of(self, req: Request) -> tuple[Responder, dict[str, str]]:
        """What answers, with its parameters: the server's own route, and around it what the tenant's scripts have."""
        hooks = req.context.tenant.hooks
        if hooks is not None and (scripted := responder_for(hooks, req, self._native)) is not None:
            return scripted, {}
        return self._native(req)

    def _native(self, req: Request) -> tuple[Responder, dict[str, str]]:
        """The server's own route."""
        found: tuple[Responder, dict[str, str]] | None = self._router.find(req.path, req)  # type: ignore[assignment]
        return found or (_no_route, {})


def make_app(tenants: Tenants) -> Front:
    """The ASGI app of a worker, without routes: each `worker.api` module's `bind(app)` adds its own."""
    app = Front(tenants)
    bind_faults(app, tenants.fail)
    return app


class Router(CompiledRouter):
    """Falcon's router where GET answers HEAD too, and a method without a responder is an unknown route.

    Paths are split while they are escaped, and their last segment is never empty.
    """

    def __init__(self) -> None:
        super().__init__()
        # the routes without parameters that were found, by their paths: no more than there are
        self._fixed: dict[bytes, dict[str, Responder]] = {}

    def find(self, uri: str, req: Any = None) -> Any:
        """The responder for `req`, whose decoded path is `uri`, and its parameters; None for an unknown route."""
        raw = req.scope["raw_path"]
        fixed = self._fixed.get(raw)
        if fixed is not None:
            return fixed.get(req.method, _no_route), {}
        if raw[-1] == _SLASH:
            return None
        params: dict[str, str] = {}
        escaped = _PERCENT in raw
        path = segments(raw) if escaped else uri[1:].split("/")
        node = self._find(path, self._return_values, self._patterns, self._converters, params)
        if node is None:
            return None
        responders = node.method_map or {}
        if not params and not escaped:
            self._fixed[raw] = responders
        return responders.get(req.method, _no_route), params

    def map_http_methods(self, resource: object, **kwargs: Any) -> Any:
        """The responders of `resource` by method, every method of HTTP having one."""
        responders: dict[str, Callable[..., Any]] = super().map_http_methods(resource, **kwargs)
        if "GET" in responders:
            responders.setdefault("HEAD", responders["GET"])
        return {method: responders.get(method, _no_route) for method in falcon.COMBINED_METHODS}


async def _no_route(req: Request, resp: Response, **params: str) -> None:
    del resp, params
    raise route_not_found(req.method)
