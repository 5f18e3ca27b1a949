"""What HTTP knows of a request to a tenant with scripts: the `Source` of `worker.hooks.requests`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import falcon
import orjson

from worker.auth import logins
from worker.auth.logins import Requester
from worker.auth.origins import Visit
from worker.errors import ApiError, ValidationErrors, bad_request
from worker.fields.jsontext import spelled
from worker.hooks.calls import GoError
from worker.hooks.heads import Block, Said, head_of, said_of
from worker.hooks.requests import Form, Pairs, Upload
from worker.http import body as bodies
from worker.http.exchange import Request, Response
from worker.http.faults import INVALID_DATA, route_not_found
from worker.http.identity import load_identity
from worker.http.multipart import parts_of
from worker.http.picker import pick
from worker.http.query import readable
from worker.http.realip import peer_ip
from worker.http.requestcontext import RequestContext
from worker.http.streams import Again, Heard
from worker.services.networks import listed

if TYPE_CHECKING:
    from worker.context import Context
    from worker.records.record import Record
    from worker.records.request import RequestInfo

# Headers of a request that are about its way here: scripts see them, but can't change them.
KEPT = (b"host", b"content-length", b"transfer-encoding", b"connection")
# Headers that scripts see elsewhere.
UNSHOWN = frozenset({b"host", b"transfer-encoding"})
MULTIPART = "multipart/form-data"
OK = 200
BODIES = ("application/json", MULTIPART, "application/x-www-form-urlencoded", "text/xml", "application/xml")

# Answers a request, with the parameters of its path; and what finds that for one.
Responder = Callable[..., Awaitable[None]]
Native = Callable[[Request], tuple[Responder, dict[str, str]]]


class HttpSource:
    """One request of HTTP's, its response, and the server's own route for it."""

    __slots__ = ("_form", "_heard", "_limit", "_native", "_raw", "_req", "_resp", "is_settled")

    def __init__(self, req: Request, resp: Response, native: Native, limit: int) -> None:
        """`limit` is that of its body, in bytes."""
        self._req = req
        self._resp = resp
        self._native = native
        self._limit = limit
        self._raw: bytes | None = None
        self._form: Form | None = None
        self._heard: Heard | None = None
        # whether the server's own route has answered, and what it has done stands
        self.is_settled = False

    # -- what came ----------------------------------------------------------------------------------------------------

    def head(self) -> bytes:
        """As `Source`."""
        req = self._req
        scope, context = req.scope, req.context
        uri = scope["raw_path"].decode("latin-1")
        query = ""
        if scope["query_string"]:
            query = readable(scope["query_string"]).encode("utf-8", "replace").decode()
            uri = f"{uri}?{query}"
        ip, port = scope.get("client") or ("", 0)
        remote = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        line = (req.method, uri, remote, peer_ip(scope), context.real_ip)
        return head_of(line, self._block(), query, anonymous=context.auth is None)

    def _block(self) -> Said:
        """What is told of the header block: of one that the wire keeps, what was told of it before."""
        scope, context = self._req.scope, self._req.context
        exchange = scope.get("pocker.exchange")
        if exchange is None:
            return _said(scope, context)
        fields = exchange.head.fields
        if context.headers is not fields.by_name:  # a script has changed them
            return _said(scope, context)
        said: Said | None = fields.said
        if said is None:
            said = fields.said = _said(scope, context)
        return said

    async def respond(self) -> None:
        """Have the server's own route answer, as if there were no scripts."""
        responder, params = self._native(self._req)
        await responder(self._req, self._resp, **params)

    def headers(self) -> list[list[str]]:
        """The headers of the response so far."""
        extra = [[name, value] for name, value in self._resp._extra_headers or ()]
        return [[name, value] for name, value in self._resp._headers.items()] + extra

    async def read(self) -> bytes:
        """All of the body."""
        if self._raw is None:
            heard = self._heard
            if heard is not None and heard.kept:
                self._raw = bytes(heard.kept)
            else:
                self._raw = await bodies.read_raw(self._req, self._limit)
            self.rewind()
        return self._raw

    def listen(self) -> None:
        """Keep what the server's own route reads: handlers of its events may ask for it."""
        if self._raw is None and bodies.has_body(self._req):
            self._heard = Heard(self._req.stream)
            self._req._stream = self._heard  # type: ignore[assignment]

    def rewind(self) -> None:
        """Let the body be read once more by whoever reads next."""
        if self._raw is not None:
            self._req._stream = Again(self._raw)  # type: ignore[assignment]

    async def mapped(self) -> dict[str, Any] | None:
        """The body as rules see it."""
        raw = await self.read()
        if raw.strip() == b"null" and (self._req.content_type or "").startswith(BODIES[0]):
            return None
        try:
            return await bodies.read_body(self._req, self._limit, skip_files=True)
        except ApiError as error:
            raise _plainly(error) from error
        finally:
            self.rewind()

    async def bound(self) -> dict[str, Any] | None:
        """The body for a form's members."""
        raw = await self.read()
        if not raw and b"transfer-encoding" not in self._req.raw_headers:
            return None
        content_type = self._req.content_type or ""
        if not content_type.startswith(BODIES):
            raise bad_request(bodies.UNSUPPORTED_TYPE)
        try:
            found = await bodies.read_parts(self._req, self._limit, skip_files=True)
        except ApiError as error:
            raise _plainly(error) from error
        finally:
            self.rewind()
        if isinstance(found, dict):
            return {"json": orjson.dumps(found, spelled).decode()}
        return {"pairs": found}

    async def form(self) -> Form:
        """The body as a form."""
        if self._form is None:
            raw = await self.read()
            content_type = self._req.content_type or ""
            if content_type.startswith(MULTIPART):
                try:
                    self._form = _multipart(raw, content_type)
                except ValueError as error:
                    raise GoError(str(error)) from error
            else:
                self._form = Form(await self._urlencoded(content_type), [], is_multipart=False)
        return self._form

    async def _urlencoded(self, content_type: str) -> Pairs:
        if not content_type.startswith("application/x-www-form-urlencoded"):
            return []
        query, self._req.scope["query_string"] = self._req.scope["query_string"], b""
        try:
            found = await bodies.read_parts(self._req, self._limit)
        finally:
            self._req.scope["query_string"] = query
            self.rewind()
        return found if isinstance(found, list) else []

    # -- who asks -----------------------------------------------------------------------------------------------------

    def identify(self, authorization: str | None) -> "Record | None":
        """Who asks; with another header, who that would be, and is from now on."""
        context = self._req.context
        if authorization is not None:
            self.become(load_identity(context.tenant, authorization.encode("utf-8", "replace") or None))
        return context.auth

    def become(self, auth: "Record | None") -> None:
        """From now on it is somebody else who asks."""
        self._req.context.become(auth)

    def info(self, ctx: "Context") -> "RequestInfo":
        """What rules may know of it."""
        del ctx
        return self._req.context.info()

    async def login(self, ctx: "Context", record: "Record", method: str, meta: object) -> dict[str, Any] | None:
        """The answer to a login."""
        context = self._req.context
        allowed = ctx.settings.superuser_ips
        requester = Requester(
            context.info(),
            Visit(context.real_ip, context.header(b"user-agent")),
            context.query.get("expand", ""),
            superusers=not allowed or listed(context.real_ip, allowed),
        )
        return await logins.answer(ctx, record, method, requester, meta=meta)

    # -- what scripts change ------------------------------------------------------------------------------------------

    def change(self, headers: Pairs | None, query: str | None, body: bytes | None) -> None:
        """What the server's own route shall see instead."""
        req = self._req
        context = req.context
        if headers is not None:
            kept = {name: context.headers[name] for name in KEPT if name in context.headers}
            fields = dict(kept)
            for name, value in headers:
                key = name.encode("latin-1")
                if key not in KEPT:
                    sent = value.encode("latin-1")
                    fields[key] = fields[key] + b"," + sent if key in fields else sent
            req._asgi_headers = context.headers = fields
            req.scope["headers"] = list(fields.items())
        if query is not None:
            req.scope["query_string"] = query.encode("utf-8", "replace")
        if body is not None:
            self._raw = body
            self._form = None
            req._asgi_headers = context.headers = dict(context.headers)
            context.headers[b"content-type"] = b"application/json"
            context.headers[b"content-length"] = str(len(body)).encode()
            context.headers.pop(b"transfer-encoding", None)
        if headers is not None or query is not None or body is not None:
            context.changed(query=query is not None)
        self.rewind()

    def answer(self, pairs: Pairs) -> None:
        """The headers of the response."""
        set_headers(self._resp, pairs)

    async def native(self, ctx: "Context") -> tuple[int, bool]:
        """Have the server's own route answer."""
        context = self._req.context
        outer, context.tenant = context.tenant, ctx
        self.rewind()
        self.listen()
        try:
            await self.respond()
        except falcon.HTTPError as error:
            raise route_not_found(self._req.method) from error
        except ValidationErrors as error:
            raise bad_request(INVALID_DATA, error.data(), cause=error) from error
        finally:
            context.tenant = outer
        changes = self._req.method not in {"GET", "HEAD"} and "/records" in self._req.path
        status = self._resp.status_code
        self.is_settled = not ctx.is_inner and not is_blank(self._resp)
        return (0 if is_blank(self._resp) else status), ctx.is_inner and changes

    def pick(self, value: Any, fields: str) -> Any:
        """A value cut down to what `?fields=` names."""
        return pick(value, fields)


def _said(scope: dict[str, Any], context: RequestContext) -> Said:
    header = context.headers.get
    block = Block(
        context.header(b"host"),
        scope["http_version"],
        context.header(b"content-type"),
        -1 if b"transfer-encoding" in context.headers else int(header(b"content-length") or 0),
        header(b"connection", b"").lower() == b"close",
        [
            [name.decode("latin-1"), value.decode("utf-8", "replace")]
            for name, value in scope["headers"]
            if name not in UNSHOWN
        ],
    )
    return said_of(block)


def is_blank(resp: Response) -> bool:
    """Whether nothing has answered."""
    return resp.status_code == OK and resp._data is None and resp.stream is None and resp.text is None


def set_headers(resp: Response, pairs: Pairs) -> None:
    """Make `pairs` (names in lower case) the headers of a response."""
    fields: dict[str, str] = {}
    extra: list[tuple[str, str]] = []
    for name, value in pairs:
        if name in fields or name == "set-cookie":
            extra.append((name, value))
        else:
            fields[name] = value
    resp._headers = fields
    resp._extra_headers = extra or None


def _plainly(error: ApiError) -> Exception:
    """An error of a body as a script sees it: that of the parser, where there is one."""
    return GoError(str(error.cause)) if error.status == 400 and error.cause is not None else error


def _multipart(raw: bytes, content_type: str) -> Form:
    values: Pairs = []
    files: list[Upload] = []
    for part in parts_of(raw, content_type):
        if not part.name:
            continue
        name = _text(part.name.encode("latin-1"))
        if not part.filename:
            values.append((name, _text(part.content)))
            continue
        filename = _text(part.filename.encode("latin-1")).replace("\\", "/").rpartition("/")[2]
        kind = None if part.type is None else _text(part.type)
        files.append(Upload(name, filename, _text(part.disposition), kind, part.content))
    return Form(values, files, is_multipart=True)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
