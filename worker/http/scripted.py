"""Requests to tenants with scripts: a route of theirs, or the server's own one with their middlewares around it.

The front asks `responder_for` where a tenant has scripts. What is run is decided by the table of `worker.hooks.routes`,
runs on the tenant's child, and comes back as an `Answered`, which is put into Falcon's response here. An answer of the
server's own stays where it is: scripts may have changed its headers, and what they write goes behind it.
"""

import gzip
from typing import TYPE_CHECKING

from worker.errors import ApiError, ValidationErrors, bad_request
from worker.hooks.calls import GoError
from worker.hooks.ops.request import report
from worker.hooks.patterns import SLASH
from worker.hooks.requests import ASKED, Answered, Asked, answered, order_of
from worker.hooks.routes import Chain, Found, Routes
from worker.http.asked import HttpSource, Native, Responder, is_blank, set_headers
from worker.http.body import BODY_BYTES_MAX
from worker.http.exchange import JSON, Request, Response
from worker.http.paths import moved, segments
from worker.http.serving import serve_file
from worker.services.sniffing import sniffed

if TYPE_CHECKING:
    from worker.hooks.hooks import Hooks

ROUTES = "routes"
# A route may take whatever the wire does, which has its own bound.
UNLIMITED = 1 << 62
LEFT = "The client has left."
NOT_MODIFIED = 304
# Paths whose routes are kept, of so many bytes each.
KNOWN_MAX = 64
KNOWN_BYTES_MAX = 200
# What is larger is compressed in a thread.
BULK_BYTES = 64 << 10


def routes_of(hooks: "Hooks") -> Routes:
    """The tenant's table."""
    routes: Routes | None = hooks.extras.get(ROUTES)
    if routes is None:
        routes = hooks.extras[ROUTES] = Routes(hooks.manifest)
    return routes


def body_limit(hooks: "Hooks", req: Request) -> int | None:
    """The largest body that a route of scripts takes, where it says so itself; 0 for any, None for the usual."""
    found = _found(routes_of(hooks), req)
    return found.chain.body_bytes_max if isinstance(found, Found) else None


def responder_for(hooks: "Hooks", req: Request, native: Native) -> Responder | None:
    """What answers in place of the server's own responder, called without parameters; None: that one itself.

    `native` finds that one.
    """
    routes = routes_of(hooks)
    found = None if routes.is_empty else _found(routes, req)
    if found is None:
        return _Heard(native).respond if routes.hears_requests else None
    return _redirect if isinstance(found, str) else _Scripted(hooks, found, native).respond


def _found(routes: Routes, req: Request) -> Found | str | None:
    raw = req.scope["raw_path"]
    known = routes.known
    key = (req.method, raw, req.context.headers.get(b"host") if routes.has_hosts else None)
    if key in known:
        return known[key]
    if not routes.takes(req.method, raw):
        return None
    parts = segments(raw)
    if parts[-1] == "":
        parts[-1] = SLASH
    host = req.context.header(b"host").rpartition(":")[0] or req.context.header(b"host")
    found = routes.find(req.method, host, parts)
    if len(known) >= KNOWN_MAX:
        known.clear()
    if len(raw) <= KNOWN_BYTES_MAX:
        known[key] = found
    return found


async def _redirect(req: Request, resp: Response) -> None:
    """To the same path with a slash at its end, as Go's mux does it."""
    detour = moved(req.method, req.scope["root_path"], req.scope["raw_path"], req.scope["query_string"])
    resp.status = detour.status
    set_headers(resp, [(name.decode(), value.decode("latin-1")) for name, value in detour.headers])
    if not any(name == b"content-type" for name, _ in detour.headers):
        resp.untyped = True
        resp._extra_headers = []
    resp.data = detour.body


class _Heard:
    """The server's own route, whose events scripts hear."""

    __slots__ = ("_native",)

    def __init__(self, native: Native) -> None:
        self._native = native

    async def respond(self, req: Request, resp: Response) -> None:
        """Answer."""
        source = HttpSource(req, resp, self._native, BODY_BYTES_MAX)
        source.listen()
        asked = Asked(source)
        token = ASKED.set(asked)
        try:
            await source.respond()
        except Exception:
            if asked.before is None:
                raise  # else the client has its answer
        finally:
            ASKED.reset(token)
            _say_headers(resp, asked)
        await _written(req, resp, asked)


class _Scripted:
    """A route of scripts, or the server's own one with their middlewares around it."""

    __slots__ = ("_found", "_hooks", "_native")

    def __init__(self, hooks: "Hooks", found: Found, native: Native) -> None:
        self._hooks = hooks
        self._found = found
        self._native = native

    async def respond(self, req: Request, resp: Response) -> None:
        """Answer."""
        hooks, found = self._hooks, self._found
        source = HttpSource(req, resp, self._native, _limit_of(found.chain, req))
        asked = Asked(source, found)
        token = ASKED.set(asked)
        exchange = req.scope.get("pocker.exchange")
        try:
            async with hooks.session(handler=found.pattern) as session:
                if exchange is not None:
                    if exchange.is_left:  # while it waited for a process
                        raise ApiError(503, LEFT)
                    exchange.on_lost = lambda: session.end(ApiError(503, LEFT, cause="the client has left"))
                try:
                    told = await session.run("route", order_of(session, asked, found))
                except ValidationErrors as error:  # of what a script has saved, or thrown: the route says nothing
                    raise bad_request("", error.data(), cause=error) from error
            try:
                said = answered(told)
            except GoError as error:
                raise ApiError(400, cause=error) from error
            if said.late is not None:
                report(session, said.late)
        except Exception as error:
            if not source.is_settled:
                raise
            # the script's end comes too late: what was done is done, and the client is to hear of it
            hooks.warn(f"a run has failed behind the server's answer: {error}")
            said = Answered(native=True)
        finally:
            ASKED.reset(token)
            if exchange is not None:
                exchange.on_lost = None
            _say_headers(resp, asked)
        if said.quiet:
            req.context.quiet = True
        if said.type == JSON and said.is_plain and asked.before is None and "content-type" not in resp._headers:
            # as most of them: of the rest the response is right by itself
            resp.status = said.status
            resp.data = said.body
        else:
            await _put(req, resp, said, asked)


def _limit_of(chain: Chain, req: Request) -> int:
    """The largest body, in bytes. ApiError 413 for one that is declared as larger."""
    if chain.body_bytes_max is None:
        return BODY_BYTES_MAX
    limit = chain.body_bytes_max or UNLIMITED
    if int(req.context.header(b"content-length") or 0) > limit:
        raise ApiError(413)
    return limit


def _say_headers(resp: Response, asked: Asked) -> None:
    """The headers that handlers of the server's own events have set."""
    if asked.before is None and not asked.after:
        return
    for said in ([] if asked.before is None else [asked.before]) + asked.after:
        if said.headers is not None:
            set_headers(resp, said.headers)
        elif said.type:
            resp._headers["content-type"] = said.type


async def _written(req: Request, resp: Response, asked: Asked) -> None:
    """What handlers of the server's own events have written, before its own answer or in its place, and behind it."""
    before = asked.before
    if before is not None and before.status:
        own = resp.data or b""
        await _put(req, resp, before, None)
        if own:
            resp.data = (resp.data or b"") + own
    elif is_blank(resp):
        _bare(resp)
    for said in asked.after:
        if said.body:
            resp.data = (resp.data or b"") + said.body


async def _put(req: Request, resp: Response, said: Answered, asked: Asked | None) -> None:
    """Make what a script has said the response."""
    if said.headers is not None and not said.native:
        set_headers(resp, said.headers)
    if asked is not None and (said.native or asked.before is not None):
        await _written(req, resp, asked)
        if said.body:
            resp.data = (resp.data or b"") + said.body
    else:
        resp.status = said.status or 200
        resp.data = said.body
        if said.headers is None and said.type:
            resp._headers["content-type"] = said.type
        if said.file:
            await serve_file(req, resp, req.context.tenant, said.file)
        elif not said.body and "content-type" not in resp._headers:
            _bare(resp)
        elif "content-type" not in resp._headers:
            resp._headers["content-type"] = sniffed(said.body)
        if said.status == NOT_MODIFIED:
            resp._headers.pop("content-type", None)
            _bare(resp)
    if said.gzip:
        await _compress(req, resp)


def _bare(resp: Response) -> None:
    """An answer without a body, and without a type of one."""
    resp.data = b""
    resp.untyped = True
    if resp._extra_headers is None:
        resp._extra_headers = []


async def _compress(req: Request, resp: Response) -> None:
    data = resp.data
    if not data or "gzip" not in req.context.header(b"accept-encoding") or "content-encoding" in resp._headers:
        return
    resp._headers["content-encoding"] = "gzip"
    if len(data) <= BULK_BYTES:
        resp.data = gzip.compress(data, 6, mtime=0)
    else:
        ctx = req.context.tenant
        resp.data = await ctx.lanes.bulk(ctx.account, len(data), lambda: gzip.compress(data, 6, mtime=0))
