"""The routes of records over the real front: methods, statuses, bodies, `fields`, and what is no route."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from worker.api import records
from worker.context import Context
from worker.http.front import make_app

from .conftest import add_collection

KEPT = "0" * 15


@dataclass
class Site:
    """Sends requests to the ASGI app of one tenant."""

    app: Any

    def call(self, method: str, target: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        return asyncio.run(self._call(method, target, body, kind))

    async def _call(self, method: str, target: str, body: bytes, kind: str) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        headers = [(b"host", b"t.localhost"), (b"content-type", kind.encode())]
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "pocker.tenant": object(),
        }
        events = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(events, {"type": "http.disconnect"})

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(event.get("body", b"") for event in sent[1:])


class OneTenant:
    """Opens the same context for every request."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(self, tenant: object) -> Context:
        del tenant
        return self._context

    def fail(self, name: str, reason: str) -> None:
        raise AssertionError(f"{name} failed: {reason}")


@pytest.fixture
def site(ctx: Context) -> Site:
    add_collection(ctx, "notes", {"name": "title", "type": "text", "required": True}, {"name": "n", "type": "number"})
    ctx.data.execute("INSERT INTO notes (id, title, n) VALUES (?, 'kept', 1)", (KEPT,))
    app = make_app(OneTenant(ctx))
    records.bind(app)
    return Site(app)


ITEM = {"collectionId": "pbc_notes", "collectionName": "notes", "id": KEPT, "n": 1, "title": "kept"}
PAGE = {"items": [{"n": 1}], "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1}
ONE, ALL = f"/api/collections/notes/records/{KEPT}", "/api/collections/notes/records"


@pytest.mark.parametrize(
    ("sent", "status", "answer"),
    [
        (("GET", ONE, b""), 200, ITEM),
        (("GET", ONE.replace("notes", "NOTES"), b""), 200, ITEM),
        (("GET", ONE.replace("notes", "pbc_notes"), b""), 200, ITEM),
        (("GET", f"{ONE}?fields=id,n", b""), 200, {"id": KEPT, "n": 1}),
        (("GET", f"{ALL}?fields=n", b""), 200, PAGE),
        (("PATCH", ONE, b'{"n+": 2}'), 200, {**ITEM, "n": 3}),
        (("PATCH", f"{ONE}?fields=n", b'{"n": "5"}'), 200, {"n": 5}),
        (("PATCH", ONE, b""), 200, ITEM),
        (("POST", f"{ALL}?fields=title", b'{"title": "new"}'), 200, {"title": "new"}),
        (("DELETE", ONE, b""), 204, None),
    ],
)  # fmt: skip
def test_answers(site: Site, sent: tuple[str, str, bytes], status: int, answer: Any) -> None:
    got, text = site.call(*sent)
    assert (got, orjson.loads(text) if text else None) == (status, answer)


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (("GET", ALL.replace("notes", "nope"), b""), 404, "Missing collection context."),
        (("GET", ONE.replace("notes", "nope"), b""), 404, "Missing collection context."),
        (("POST", ALL.replace("notes", "nope"), b"{bad"), 404, "Missing or invalid collection context."),
        (("PATCH", ONE.replace("notes", "nope"), b""), 404, "Missing or invalid collection context."),
        (("DELETE", ONE.replace("notes", "nope"), b""), 404, "Missing collection context."),
        (("GET", f"{ALL}/nope", b""), 404, "The requested resource wasn't found."),
        (("POST", ALL, b"{bad"), 400, "Something went wrong while processing your request."),
        (("PATCH", ONE, b"{bad"), 400, "Something went wrong while processing your request."),
        (("DELETE", ONE, b"{bad"), 400, "Something went wrong while processing your request."),
        (("POST", ALL, b"[]"), 400, "Something went wrong while processing your request."),
        (("POST", ALL, b"{}"), 400, "Failed to create record."),
        (("PATCH", ONE, b'{"title": ""}'), 400, "Failed to update record."),
        (("GET", f"{ALL}?page=x", b""), 400, "Something went wrong while processing your request."),
        (("GET", "/api/collections/_superusers/records", b""), 403, "Only superusers can perform this action."),
        (("POST", ONE, b"{}"), 404, "The requested resource wasn't found."),
        (("PUT", ALL, b"{}"), 404, "The requested resource wasn't found."),
        (("PUT", ONE, b"{}"), 404, "The requested resource wasn't found."),
    ],
)
def test_refusals(site: Site, sent: tuple[str, str, bytes], status: int, message: str) -> None:
    got, text = site.call(*sent)
    error = orjson.loads(text)
    assert list(error) == ["data", "message", "status"]
    assert (got, error["status"], error["message"]) == (status, status, message)
    assert site.call("GET", ONE)[0] == 200


def test_a_form_is_a_body_too(site: Site) -> None:
    status, text = site.call("PATCH", ONE, b"title=a+b&n=2.5", "application/x-www-form-urlencoded")
    assert (status, orjson.loads(text)) == (200, {**ITEM, "title": "a b", "n": 2.5})


def test_an_upload_is_refused_in_words(site: Site) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="doc"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    status, text = site.call("POST", ALL, part, "multipart/form-data; boundary=x")
    assert status == 400
    assert "upload" in orjson.loads(text)["message"]


def test_head_is_a_get_without_a_body(site: Site) -> None:
    assert site.call("HEAD", ONE) == (200, b"")
    assert site.call("HEAD", f"{ALL}/nope")[0] == 404
