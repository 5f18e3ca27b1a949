"""The way of a request: arrival, tenant, admission (superusers' addresses, rate limits), size of the body, the route.

The activity log sees what came out. What goes wrong on the way is answered by `worker.http.faults`. Malformed and
unclean paths never get that far (`worker.http.paths`).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from worker.errors import ApiError, forbidden, not_found
from worker.http.body import BODY_BYTES_MAX
from worker.http.exchange import CROSS_ORIGIN_HEADERS, GUARDS, Request, Response
from worker.http.faults import failure_of
from worker.http.paths import detour_of, suspect
from worker.http.ratelimit import limit_request
from worker.http.realip import peer_ip
from worker.http.requestcontext import RequestContext
from worker.http.scripted import body_limit
from worker.services.logrows import Entry
from worker.services.networks import listed

if TYPE_CHECKING:
    from worker.context import Context

# routes whose bodies may be larger than the usual limit; they say how large when they read
OWN_BODY_LIMIT: Final = re.compile(r"/api/(?:batch|backups/upload|collections/[^/]+/records(?:/[^/]+)?)")
PREFLIGHT_VARY = (("vary", "Access-Control-Request-Method"), ("vary", "Access-Control-Request-Headers"))
PREFLIGHT_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"

# Answers a request, with the parameters of its path.
Responder = Callable[..., Awaitable[None]]


class Tenants(Protocol):
    """Where live tenants come from."""

    def open(self, tenant: Any) -> Any:
        """The tenant's live context; ApiError 503 if it may not serve."""

    def fail(self, name: str, reason: str) -> None:
        """Take a tenant out of service because its data is damaged."""


class App(Protocol):
    """The app that knows the routes."""

    def responder_of(self, req: Request) -> tuple[Responder, dict[str, str]]:
        """What answers, with its parameters."""

    async def _handle_exception(self, req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> bool:
        """Answer an error; False where nobody knows how."""


async def answer(app: App, tenants: Tenants, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request, as ASGI has it."""
    raw: bytes = scope["raw_path"]
    if suspect(raw):
        detour = detour_of(scope["method"], scope["root_path"], raw, scope["query_string"])
        if detour is not None:
            await send({"type": "http.response.start", "status": detour.status, "headers": detour.headers})
            await send({"type": "http.response.body", "body": detour.body})
            return
    req, resp = Request(scope, receive), Response()
    context = req.context
    ctx: Context | None = None
    failure: Exception | None = None
    try:
        try:
            if arrive(req, resp):
                ctx = context.tenant = open_tenant(req, tenants)
                ctx.busy += 1
                if ctx.starting is not None:
                    await ctx.starting
                admit(req, resp)
                bound_body(req)
                responder, params = app.responder_of(req)
                await responder(req, resp, **params)
        except Exception as error:
            failure = error
        if failure is not None:
            if not await app._handle_exception(req, resp, failure, {}):
                raise failure
            failure = None  # its traceback leads back to here
        if ctx is not None:
            note(req, resp, ctx)
        if not resp.reply(req):
            await resp.send(send)
    finally:
        if ctx is not None:  # however it ends: a client may be lost in the middle
            ctx.busy -= 1


def arrive(req: Request, resp: Response) -> bool:
    """Answer a preflight; True for any other request, which goes its way."""
    method = req.method
    if method == "OPTIONS":
        _preflight(req.context, resp)
        return False
    if b"origin" in req.raw_headers:
        resp._headers = CROSS_ORIGIN_HEADERS.copy()
    resp.to_head = method == "HEAD"
    return True


def open_tenant(req: Request, tenants: Tenants) -> "Context":
    """The tenant that the host name stands for; ApiError 404 for a host nobody owns, 503 where it may not serve."""
    tenant = req.scope.get("pocker.tenant")
    if tenant is None:
        raise not_found()
    context: Context = tenants.open(tenant)
    return context


def admit(req: Request, resp: Response) -> None:
    """Refuse superusers from addresses that the tenant's settings don't list, and who asks too often."""
    settings = req.context.tenant.settings
    allowed = settings.superuser_ips
    if allowed and not _comes_from(req.context, allowed):
        for name in GUARDS:  # the real one sets them later on the way
            del resp._headers[name]
        raise forbidden()
    if settings.rate_limits.enabled:
        limit_request(req)


def bound_body(req: Request) -> None:
    """Refuse bodies declared larger than any handler takes; those with a limit of their own check it themselves."""
    declared = req.raw_headers.get(b"content-length")
    if declared is not None and int(declared) > BODY_BYTES_MAX and not OWN_BODY_LIMIT.fullmatch(req.path):
        hooks = req.context.tenant.hooks
        limit = None if hooks is None else body_limit(hooks, req)
        if limit is None or 0 < limit < int(declared):
            raise ApiError(413)


def note(req: Request, resp: Response, ctx: "Context") -> None:
    """Put the request into its tenant's log, with what went wrong if something did."""
    context = req.context
    failure = context.failure
    if context.quiet and failure is None:
        return
    scope = req.scope
    headers = req.raw_headers
    auth = context.auth
    query = scope["query_string"]
    path = scope["raw_path"]
    remote_ip = peer_ip(scope)
    full = ctx.logs.add(
        Entry(
            time_ns() // 1_000_000,
            perf_counter_ns() - context.started,
            req.method,
            path + b"?" + query if query else path,
            resp.code,
            "" if auth is None else auth.collection.name,
            "" if auth is None else auth.id,
            context.real_ip if ctx.settings.trusted_proxy.headers else remote_ip,
            remote_ip,
            headers.get(b"referer", b""),
            headers.get(b"user-agent", b""),
            None if failure is None else failure_of(failure),
        )
    )
    context.failure = None  # its traceback leads back to this request: a cycle for the garbage collector
    if full:
        ctx.logs.flushing = asyncio.create_task(_flush(ctx))


async def _flush(ctx: "Context") -> None:
    with suppress(ApiError):  # no thread for it: what waits is written by the next one
        await ctx.lanes.blocking(ctx.account, ctx.logs.flush)


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
