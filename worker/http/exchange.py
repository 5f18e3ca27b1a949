"""One request and its response: Falcon's own types with what every handler of ours needs at hand."""

from typing import Any

import falcon.asgi

from worker.http.headers import combined
from worker.http.requestcontext import RequestContext

# What every response carries. Falcon adds the content type, which is JSON unless a handler says otherwise or there is
# no body. Two tables, so that a response starts as one copy of one of them.
SECURITY_HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "vary": "Origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "1; mode=block",
}
# Those of them that are about the response's use in a browser's page.
GUARDS = tuple(name for name in SECURITY_HEADERS if name != "vary")
CROSS_ORIGIN_HEADERS = {"access-control-allow-origin": "*", **SECURITY_HEADERS}
JSON = "application/json"
# Statuses whose responses have no body, and those that have no type of one either.
BODILESS = frozenset({100, 101, 204, 304})
TYPELESS = frozenset({204, 304})


class Request(falcon.asgi.Request):
    """A request to a tenant; `context` is a `RequestContext`.

    Of Falcon's it has what is used here: method, path, content type and the body's stream.
    """

    __slots__ = ()
    # Falcon's own type of a context is a bag of anything
    context: RequestContext  # type: ignore[assignment]

    def __init__(self, scope: dict[str, Any], receive: Any) -> None:
        headers = scope.get("pocker.headers")
        if headers is None:
            headers = combined(scope["headers"])
        self._asgi_headers = headers
        self.scope = scope
        self.method = scope["method"]
        self.path = scope["path"]
        self.is_websocket = False
        kind = headers.get(b"content-type")
        self.content_type = None if kind is None else kind.decode("latin-1")
        self._receive = receive
        self._first_event = None
        self.context = RequestContext(scope, headers)

    @property
    def raw_headers(self) -> dict[bytes, bytes]:
        """The headers by lower-case name, repeated ones joined by commas. Shared: don't change them."""
        return self._asgi_headers

    @property
    def arrived(self) -> bytes | None:
        """The body, if it came with the head; None where the stream has to be asked, also because somebody has."""
        exchange = self.scope.get("pocker.exchange")
        if exchange is None or exchange.body is not None or self._stream is not None:
            return None
        whole: bytes = exchange.whole
        return whole


def _fields(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """The fields of a JSON answer with `headers`, as ASGI has them."""
    return tuple((name.encode(), value.encode()) for name, value in {**headers, "content-type": JSON}.items())


# The fields of nearly every answer. One object for all of them, so that the wire writes its head once.
SECURITY_FIELDS = _fields(SECURITY_HEADERS)
CROSS_ORIGIN_FIELDS = _fields(CROSS_ORIGIN_HEADERS)


class Response(falcon.asgi.Response):
    """A response that starts with the headers every one of ours carries.

    Of Falcon's it has what is used here: `status`, `data` or a stream, headers.
    """

    __slots__ = ("to_head", "untyped")

    def __init__(self) -> None:
        self.status = 200
        self._headers = SECURITY_HEADERS.copy()
        self._extra_headers = None
        self._cookies = None
        self.text = None
        self.stream = None
        self._data = None
        # whether the length of the body has to be said for it, since none is sent
        self.to_head = False
        # whether it has no body, and so no type of one; with `_extra_headers` only, which keep it from the quick way
        self.untyped = False

    @property
    def code(self) -> int:
        """As `status_code`, which is slower where the status is a number already, as it is here."""
        status = self.status
        return status if type(status) is int else self.status_code

    def reply(self, req: Request) -> bool:
        """Put it on the wire at once, as most are; False where `send` has to."""
        exchange = req.scope.get("pocker.exchange")
        data = self._data
        if exchange is None or data is None or self.to_head or (status := self.code) in BODILESS:
            return False
        exchange.reply(status, self._fields(JSON), data)
        return True

    async def send(self, send: Any) -> None:
        """Put it on the wire as ASGI has it."""
        status = self.code
        data = self._data
        if data is None or self.to_head or status in BODILESS:
            await self._send_rarer(status, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": self._fields(JSON)})
        await send({"type": "http.response.body", "body": data})

    async def _send_rarer(self, status: int, send: Any) -> None:
        """A response that has no body, or one that comes in pieces."""
        data, stream, headers = self._data, self.stream, self._headers
        if status in BODILESS:
            stream = None
        elif stream is None or data is not None:
            headers.setdefault("content-length", str(len(data or b"")))
        fields = self._fields(None if status in TYPELESS else JSON)
        await send({"type": "http.response.start", "status": status, "headers": fields})
        if stream is not None and not self.to_head:
            async for piece in stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _fields(self, media_type: str | None) -> Any:
        """The fields: of usual answers a constant. The wire says the length of what it sends."""
        if self._extra_headers is None and not self.to_head and media_type is not None:
            headers = self._headers
            if headers == SECURITY_HEADERS:
                return SECURITY_FIELDS
            if headers == CROSS_ORIGIN_HEADERS:
                return CROSS_ORIGIN_FIELDS
        return self._asgi_headers(None if self.untyped else media_type)
