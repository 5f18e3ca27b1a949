"""The front: the one Falcon app that answers for every tenant of a worker.

`middlewares` is the order of a request: arrival, tenant, admission (superusers' addresses, rate limits), size of the
body, then the route; the activity log sees what came out. What goes wrong on the way is answered by
`worker.http.faults`. Malformed and unclean paths never get that far (`worker.http.paths`).
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Protocol

import falcon
import falcon.asgi
from falcon.routing import CompiledRouter

from worker.errors import ApiError, forbidden, not_found
from worker.http.body import BODY_BYTES_MAX
from worker.http.exchange import CROSS_ORIGIN_HEADERS, GUARDS, Request, RequestContext, Response
from worker.http.faults import bind_faults, failure_of, route_not_found
from worker.http.paths import detour_of, segments, suspect
from worker.http.ratelimit import limit_request
from worker.http.realip import peer_ip
from worker.http.scripted import body_limit, responder_for
from worker.services.logrows import Entry
from worker.services.networks import listed

if TYPE_CHECKING:
    from worker.context import Context

# routes whose bodies may be larger than the usual limit; they say how large when they read
OWN_BODY_LIMIT = re.compile(r"/api/(?:batch|backups/upload|collections/[^/]+/records(?:/[^/]+)?)")
_SLASH = ord("/")
# Where the scope keeps the context of a request that is under way.
BUSY = "pocker.context"
PREFLIGHT_VARY = (("vary", "Access-Control-Request-Method"), ("vary", "Access-Control-Request-Headers"))
PREFLIGHT_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


class Tenants(Protocol):
    """Where live tenants come from."""

    def open(self, tenant: Any) -> Any:
        """The tenant's live context; ApiError 503 if it may not serve."""

    def fail(self, name: str, reason: str) -> None:
        """Take a tenant out of service because its data is damaged."""


class Arrival:
    """Hands the request its scope, and answers preflights."""

    async def process_request(self, req: Request, resp: Response) -> None:
        scope = req.scope
        context = req.context
        context.scope = scope
        context.headers = headers = req.raw_headers
        if req.method == "OPTIONS":
            _preflight(context, resp)
            return
        if b"origin" in headers:
            resp._headers = CROSS_ORIGIN_HEADERS.copy()
        resp.to_head = req.method == "HEAD"


class TenantDoor:
    """Opens the tenant that the host name stands for; 404 for a host nobody owns, 503 where it may not serve."""

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants

    async def process_request(self, req: Request, resp: Response) -> None:
        del resp
        tenant = req.scope.get("pocker.tenant")
        if tenant is None:
            raise not_found()
        req.context.tenant = ctx = self.tenants.open(tenant)
        ctx.busy += 1
        req.scope[BUSY] = ctx
        if ctx.starting is not None:
            await ctx.starting


class BodyLimit:
    """Refuses bodies declared larger than any handler takes; those with a limit of their own check it themselves."""

    async def process_request(self, req: Request, resp: Response) -> None:
        del resp
        declared = req.context.headers.get(b"content-length")
        if declared is not None and int(declared) > BODY_BYTES_MAX and not OWN_BODY_LIMIT.fullmatch(req.path):
            hooks = req.context.tenant.hooks
            limit = None if hooks is None else body_limit(hooks, req)
            if limit is None or 0 < limit < int(declared):
                raise ApiError(413)


class Admission:
    """Refuses superusers from addresses that the tenant's settings don't list, and who asks too often."""

    async def process_request(self, req: Request, resp: Response) -> None:
        settings = req.context.tenant.settings
        allowed = settings.superuser_ips
        if allowed and not _comes_from(req.context, allowed):
            for name in GUARDS:  # the real one sets them later on the way
                del resp._headers[name]
            raise forbidden()
        if settings.rate_limits.enabled:
            limit_request(req)


class ActivityLog:
    """Puts every request into its tenant's log, with what went wrong if something did."""

    async def process_response(self, req: Request, resp: Response, resource: object, ok: bool) -> None:
        """Runs for every response; preflights never reached a tenant and are not logged."""
        del resource, ok
        context = req.context
        ctx = context.tenant
        if ctx is None or (context.quiet and context.failure is None):
            return
        scope = req.scope
        headers = context.headers
        auth = context.auth
        query = scope["query_string"]
        path = scope["raw_path"]
        full = ctx.logs.add(
            Entry(
                time_ns() // 1_000_000,
                perf_counter_ns() - context.started,
                req.method,
                path + b"?" + query if query else path,
                resp.status_code,
                "" if auth is None else auth.collection.name,
                "" if auth is None else auth.id,
                context.real_ip,
                peer_ip(scope),
                headers.get(b"referer", b""),
                headers.get(b"user-agent", b""),
                None if context.failure is None else failure_of(context.failure),
            )
        )
        context.failure = None  # its traceback leads back to this request: a cycle for the garbage collector
        if full:
            ctx.logs.flushing = asyncio.create_task(_flush(ctx))


async def _flush(ctx: "Context") -> None:
    with suppress(ApiError):  # no thread for it: what waits is written by the next one
        await ctx.lanes.blocking(ctx.account, ctx.logs.flush)


def middlewares(tenants: Tenants) -> list[Any]:
    """The front's middlewares, in the order requests pass them (responses pass them the other way)."""
    return [Arrival(), ActivityLog(), TenantDoor(tenants), Admission(), BodyLimit()]


class Front(falcon.asgi.App[Request, Response]):
    """Falcon's app, which lets a request's tenant go however the request ends: a client may be lost in the middle."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override] # as in Falcon
        """Answer one request."""
        raw = scope["raw_path"]
        if suspect(raw):
            detour = detour_of(scope["method"], scope["root_path"], raw, scope["query_string"])
            if detour is not None:
                await send({"type": "http.response.start", "status": detour.status, "headers": detour.headers})
                await send({"type": "http.response.body", "body": detour.body})
                return
        try:
            await super().__call__(scope, receive, send)
        finally:
            ctx = scope.get(BUSY)
            if ctx is not None:
                ctx.busy -= 1

    def _get_responder(self, req: Any) -> Any:
        """As Falcon's, and around it what the tenant's scripts have for this request."""
        found = super()._get_responder(req)
        tenant = req.context.tenant
        if tenant is None or tenant.hooks is None:
            return found
        responder: Any
        responder, params, resource, template = found
        scripted = responder_for(tenant.hooks, req, responder, params)
        return found if scripted is None else (scripted, {}, resource, template)


def make_app(tenants: Tenants) -> Front:
    """The ASGI app of a worker, without routes: each `worker.api` module's `bind(app)` adds its own."""
    app = Front(
        request_type=Request,
        response_type=Response,
        middleware=middlewares(tenants),
        router=Router(),
    )
    app._standard_response_type = True  # ours renders its body as Falcon's own does; saves a coroutine a response
    bind_faults(app, tenants.fail)
    return app


class Router(CompiledRouter):
    """Falcon's router where GET answers HEAD too, and a method without a responder is an unknown route.

    Paths are split while they are escaped, and their last segment is never empty.
    """

    def find(self, uri: str, req: Any = None) -> Any:
        """The route of `req`, whose decoded path is `uri`; None for an unknown one."""
        raw = req.scope["raw_path"]
        if raw[-1] == _SLASH:
            return None
        params: dict[str, str] = {}
        path = segments(raw) if b"%" in raw else uri[1:].split("/")
        node = self._find(path, self._return_values, self._patterns, self._converters, params)
        return None if node is None else (node.resource, node.method_map or {}, params, node.uri_template)

    def map_http_methods(self, resource: object, **kwargs: Any) -> Any:
        """The responders of `resource` by method, every method of HTTP having one."""
        responders: dict[str, Callable[..., Any]] = super().map_http_methods(resource, **kwargs)
        if "GET" in responders:
            responders.setdefault("HEAD", responders["GET"])
        return {method: responders.get(method, _no_route) for method in falcon.COMBINED_METHODS}


async def _no_route(req: Request, resp: Response, **params: str) -> None:
    del resp, params
    raise route_not_found(req.method)


def _comes_from(context: RequestContext, allowed: tuple[str, ...]) -> bool:
    """Whether this is no superuser, or one from an address that is allowed."""
    auth = context.auth
    return auth is None or not auth.is_superuser or listed(context.real_ip, allowed)


def _preflight(context: RequestContext, resp: Response) -> None:
    resp.status = 204
    resp.complete = True
    resp._headers = headers = {"vary": "Origin"}
    if not context.header(b"origin"):
        return
    resp._extra_headers = list(PREFLIGHT_VARY)  # lines of their own, as the real one has them
    headers["access-control-allow-methods"] = PREFLIGHT_METHODS
    headers["access-control-allow-origin"] = "*"
    wanted = context.header(b"access-control-request-headers")
    if wanted:
        headers["access-control-allow-headers"] = wanted
