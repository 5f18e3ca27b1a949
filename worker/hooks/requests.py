"""A request to a tenant with scripts, as these see it: what they are told, what they have answered.

`ASKED` is the one that is under way, for events of requests deep inside of a use case. The HTTP layer makes it, and
knows how to read it (`Source`). What scripts say comes back as an `Answered`, of which nothing is trusted: names and
values of headers, statuses, sizes are checked here.
"""

import re
from collections.abc import Awaitable
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from worker.hooks.calls import Call, GoError
from worker.hooks.heads import Block, head_of, said_of
from worker.hooks.shared import wire_of
from worker.hooks.wire import as_binary
from worker.records.events import RecordRequestEvent

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.routes import Found
    from worker.records.record import Record
    from worker.records.request import RequestInfo

# Methods of requests that load their body into a record.
LOADING = frozenset({"PATCH", "POST", "PUT"})
HEADERS_MAX = 200
HEADER_BYTES_MAX = 32 << 10
HEADERS_BYTES_MAX = 64 << 10
ANSWER_BYTES_MAX = 20 << 20
LIVE = "requests"
# Statuses of answers that have no body; 0 is none.
UNLIKE = frozenset({0, 204, 304})
# What `e.json`, `e.string` and `e.html` say.
TYPES = frozenset({"application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"})

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# What the server says itself of each response, and what is between it and its neighbour.
UNSAYABLE = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

Pairs = list[tuple[str, str]]
_numbers = count(1)


class Upload(NamedTuple):
    """A file in the body of a request."""

    field: str
    filename: str
    disposition: str
    type: str | None
    content: bytes


class Form(NamedTuple):
    """A body that is a form: names and texts in their order, and files."""

    values: Pairs
    files: list[Upload]
    is_multipart: bool


class Source(Protocol):
    """What HTTP knows of a request. Bodies may be read as often as it takes; ApiError 400 and 413 as for any body."""

    def head(self) -> bytes:
        """What a script is told of it: `head_of`."""

    def read(self) -> Awaitable[bytes]:
        """All of the body."""

    def mapped(self) -> Awaitable[dict[str, Any] | None]:
        """The body as rules see it: an object, or a form with its types inferred; None for `null`."""

    def bound(self) -> Awaitable[dict[str, Any] | None]:
        """The body for a form's members: {"json": text} or {"pairs": […]}; None without a body."""

    def form(self) -> Awaitable[Form]:
        """The body as a form; an empty one if it is none."""

    def identify(self, authorization: str | None) -> "Record | None":
        """Who asks; with another Authorization header, who that would be."""

    def become(self, auth: "Record | None") -> None:
        """From now on it is somebody else who asks."""

    def change(self, headers: Pairs | None, query: str | None, body: bytes | None) -> None:
        """What the server's own routes shall see instead of what was sent; None: as it was. The body is JSON."""

    def headers(self) -> list[list[str]]:
        """The headers of the response so far."""

    def answer(self, pairs: Pairs) -> None:
        """The headers of the response, as far as scripts have a say in them."""

    def native(self, ctx: "Context") -> Awaitable[tuple[int, bool]]:
        """Have the server's own route answer, working on `ctx`: the status, and whether it was a change of records."""

    def info(self, ctx: "Context") -> "RequestInfo":
        """What rules may know of it."""

    def login(self, ctx: "Context", record: "Record", method: str, meta: object) -> Awaitable[dict[str, Any] | None]:
        """The answer to a login of `record` by `method`; None where a handler has kept it from being answered."""

    def pick(self, value: Any, fields: str) -> Any:
        """A value cut down to what `?fields=` names."""


class Answered(NamedTuple):
    """What scripts have said to the client. A status of 0: nothing; `headers` None: those it had."""

    status: int = 0
    headers: Pairs | None = None
    # that of the content, where the headers are those it had
    type: str = ""
    body: bytes = b""
    # a file of the tenant's, as a path of its own root
    file: str = ""
    gzip: bool = False
    quiet: bool = False
    # whether the server's own answer stands, and `body` follows it
    native: bool = False
    late: Any = None
    # whether status, type and body are all of it
    is_plain: bool = False


class Asked:
    """One request on its way through a tenant's scripts."""

    __slots__ = ("after", "before", "found", "loaded", "number", "source")

    def __init__(self, source: Source, found: "Found | None" = None) -> None:
        self.number = next(_numbers)
        self.source = source
        # its route, if that is known to the scripts' table
        self.found = found
        # what handlers of the server's own events have written before its own answer, and behind it
        self.before: Answered | None = None
        self.after: list[Answered] = []
        # what is told of the body once the server's own route has loaded it into a record: values, not modifiers
        self.loaded: dict[str, Any] | None = None

    def write(self, answered: Answered, *, after: bool) -> None:
        """A handler of one of the server's events has written."""
        if after:
            self.after.append(answered)
        elif self.before is None:
            self.before = answered
        else:
            body = self.before.body + answered.body
            self.before = self.before._replace(body=body, file=self.before.file or answered.file)


ASKED: ContextVar[Asked | None] = ContextVar("ASKED", default=None)


def wire(call: Call, asked: Asked) -> dict[str, Any]:
    """What a script is told of a request: everything for the first time in a run, then its number."""
    live: dict[int, Asked] = call.extras.setdefault(LIVE, {})
    told: dict[str, Any] = {"q": asked.number}
    if asked.number in live:
        return told
    if not live:
        told["first"] = True
    live[asked.number] = asked
    told["head"] = orjson.Fragment(asked.source.head())
    found = asked.found
    if found is not None:
        told["pattern"] = found.pattern
        told["values"] = found.values
    return told


def order_of(call: Call, asked: Asked, found: "Found") -> orjson.Fragment:
    """What a run begins with that is one request's: [number, head, pattern, values, steps, early, native]."""
    call.extras[LIVE] = {asked.number: asked}
    return orjson.Fragment(b"[%d,%b,%b]" % (asked.number, asked.source.head(), found.told))


def wire_of_event(call: Call, event: Any) -> dict[str, Any]:
    """What a script is told of the request behind one of the server's events (which has its `info`)."""
    info: RequestInfo | None = getattr(event, "info", None)
    asked = ASKED.get()
    loaded = _loaded(event, info) if info is not None and info.method in LOADING else None
    if asked is not None and (info is None or info.context != "batch"):
        told = wire(call, asked)
        if loaded is not None:
            asked.loaded = loaded
            told["loaded"] = True
        return told
    told = wire_of_info(call, event.context, info)
    if loaded is not None:
        told["info"] |= loaded
    return told


def _loaded(event: Any, info: "RequestInfo") -> dict[str, Any] | None:
    """The body of a request which creates or changes a record, as it was loaded; `raw` names JSON fields."""
    if type(event) is not RecordRequestEvent:
        return None
    by_name = event.record.collection.by_name
    body = dict(info.body)
    return {"body": body, "raw": [name for name in body if name in by_name and by_name[name].type == "json"]}


def wire_of_info(call: Call, ctx: "Context", info: "RequestInfo | None") -> dict[str, Any]:
    """What a script is told of a request that is a part of another one, or none of HTTP's at all."""
    from worker.records.request import RequestInfo  # noqa: PLC0415 (values only)

    known = info or RequestInfo()
    source = _Part(ctx, known)
    asked = Asked(source)
    told = wire(call, asked)
    told["info"] = {"query": dict(known.query), "headers": dict(known.headers), "body": dict(known.body)}
    told["context"] = known.context
    return told


def asked_of(call: Call, number: object) -> Asked:
    """The request that a script means. GoError for one that is over."""
    live: dict[int, Asked] = call.extras.get(LIVE, {})
    asked = live.get(number) if isinstance(number, int) else None
    if asked is None:
        raise GoError("the request of this event is over")
    return asked


def auth_wire(auth: "Record | None") -> Any:
    """Who asks, for a script."""
    return None if auth is None else wire_of(auth)


# -- what scripts say -------------------------------------------------------------------------------------------------


def answered(told: object) -> Answered:
    """The answer of a script: most are [status, type, text], others have members. GoError for nonsense."""
    if type(told) is list and len(told) == 3:
        status, body = _status(told[0]), _body(told[2], None)
        plain = bool(body) and status not in UNLIKE
        return Answered(status, None, _type(told[1]), body, is_plain=plain)
    if not isinstance(told, dict):
        raise GoError("no answer")
    status = _status(told.get("status", 0))
    file = told.get("file", "")
    headers = told.get("headers")
    return Answered(
        status,
        None if headers is None else pairs_of(headers),
        _type(told.get("type")),
        _body(told.get("text"), told.get("binary")),
        file if isinstance(file, str) else "",
        told.get("gzip") is True,
        told.get("quiet") is True,
        told.get("native") is True,
        told.get("late"),
    )


def _status(told: object) -> int:
    if type(told) is not int or not (told == 0 or 200 <= told <= 999):
        raise GoError("invalid status code")
    return told


def _type(told: object) -> str:
    """A content type of the prelude's, or any other one that may be sent."""
    if not told or (type(told) is str and told in TYPES):
        return str(told or "")
    pairs = pairs_of([["content-type", told]])
    return pairs[0][1] if pairs else ""


def _body(text: object, binary: object) -> bytes:
    try:
        if isinstance(text, str):
            body = text.encode("utf-8", "replace")
        else:
            body = binary.encode("latin-1") if isinstance(binary, str) else b""
    except UnicodeEncodeError:
        raise GoError("these are no bytes") from None
    if len(body) > ANSWER_BYTES_MAX:
        raise GoError("the response is too large")
    return body


def pairs_of(headers: object) -> Pairs:
    """Headers of a script, as they may be sent: what has no proper name is left out, no value has a line break."""
    if not isinstance(headers, list) or len(headers) > HEADERS_MAX:
        raise GoError("too many headers")
    pairs: Pairs = []
    size = 0
    for pair in headers:
        match pair:
            case [str(name), str(value)]:
                pass
            case _:
                raise GoError("a header is a name and a value")
        if not _NAME.fullmatch(name) or name.lower() in UNSAYABLE:
            continue
        sent = _CONTROLS.sub(" ", value).strip(" \t").encode("utf-8", "replace").decode("latin-1")
        size += len(name) + len(sent)
        if len(sent) > HEADER_BYTES_MAX or size > HEADERS_BYTES_MAX:
            raise GoError("the headers are too large")
        pairs.append((name.lower(), sent))
    return pairs


def binary_of(data: bytes, start: object, size: object) -> str:
    """A piece of bytes for a script."""
    if not isinstance(start, int) or not isinstance(size, int) or start < 0 or size <= 0:
        raise GoError("no piece of the body")
    return as_binary(data[start : start + size])


class _Part:
    """A request inside of another one: all there is of it is its `RequestInfo`."""

    def __init__(self, ctx: "Context", info: "RequestInfo") -> None:
        self._ctx = ctx
        self._info = info

    def head(self) -> bytes:
        """As `Source`."""
        info = self._info
        headers = [[name.replace("_", "-"), value] for name, value in info.headers.items()]
        block = Block("", "1.1", "", 0, close=False, headers=headers)
        return head_of((info.method, "/", "", "", ""), said_of(block), "", anonymous=info.auth is None)

    async def read(self) -> bytes:
        """As `Source`."""
        return b""

    async def mapped(self) -> dict[str, Any] | None:
        """As `Source`."""
        return dict(self._info.body)

    async def bound(self) -> dict[str, Any] | None:
        """As `Source`."""
        return None

    async def form(self) -> Form:
        """As `Source`."""
        return Form([], [], is_multipart=False)

    def identify(self, authorization: str | None) -> "Record | None":  # noqa: ARG002
        """As `Source`."""
        return self._info.auth

    def become(self, auth: "Record | None") -> None:
        """As `Source`."""
        self._info.auth = auth

    def change(self, headers: Pairs | None, query: str | None, body: bytes | None) -> None:
        """As `Source`: nothing reads it any more."""

    def headers(self) -> list[list[str]]:
        """As `Source`."""
        return []

    def answer(self, pairs: Pairs) -> None:
        """As `Source`: its answer has no headers."""

    async def native(self, ctx: "Context") -> tuple[int, bool]:  # noqa: ARG002
        """As `Source`."""
        raise GoError("this request has no route")

    def info(self, ctx: "Context") -> "RequestInfo":  # noqa: ARG002
        """As `Source`."""
        return self._info

    async def login(self, ctx: "Context", record: "Record", method: str, meta: object) -> dict[str, Any] | None:  # noqa: ARG002
        """As `Source`."""
        raise GoError("a request of a batch can't log in")

    def pick(self, value: Any, fields: str) -> Any:  # noqa: ARG002
        """As `Source`."""
        return value
