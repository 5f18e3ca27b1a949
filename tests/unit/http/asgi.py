"""One request through the ASGI protocol, stepped as the wire steps it, and its answer."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    fields: list[tuple[bytes, bytes]]  # as they were sent, repeated ones included

    def json(self) -> Any:
        return orjson.loads(self.body)

    def lines(self, name: str) -> list[str]:
        """The values of a header that may be there more than once."""
        return [value.decode() for key, value in self.fields if key == name.encode()]


def ask(app: Any, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """The app's answer on a loop of its own."""
    return asyncio.run(send_to(app, method, target, headers, body))


async def send_to(
    app: Any, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """The app's answer to a request whose body comes in pieces of at most 700 bytes."""
    path, _, query = target.partition("?")
    pairs = [(b"host", b"demo.localhost")]
    pairs += [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    if body and not any(name in (b"content-length", b"transfer-encoding") for name, _ in pairs):
        pairs.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": pairs,
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
        "pocker.tenant": None if target.startswith("/nobody") else "demo",
    }
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(scope, receive, send)
    start, *parts = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
        start["headers"],
    )
