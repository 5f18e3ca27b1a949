"""An app behind the front with a tenant that has settings and a log but no data, asked through the ASGI protocol."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec
import orjson
import pytest

from worker.http.body import read_body, read_form
from worker.http.exchange import Request, Response
from worker.http.front import make_app
from worker.http.reply import json_reply, no_content
from worker.lanes import Lanes
from worker.services.logs import RequestLog
from worker.services.settings import LogsSettings, TenantSettings

LOGS_DDL = """
CREATE TABLE `_logs` (`id` TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL,
    `level` INTEGER DEFAULT 0 NOT NULL, `message` TEXT DEFAULT "" NOT NULL, `data` JSON DEFAULT "{}" NOT NULL,
    `created` TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL);
CREATE INDEX idx_logs_level on `_logs` (`level`);
CREATE INDEX idx_logs_message on `_logs` (`message`);
CREATE INDEX idx_logs_created_hour on `_logs` (strftime('%Y-%m-%d %H:00:00', `created`));
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Tenant:
    """What the front needs of a context."""

    logs: RequestLog
    lanes: Lanes
    settings: TenantSettings = TenantSettings()
    auth_epoch: int = 0
    caches: dict[str, Any] = field(default_factory=dict)


class Tenants:
    def __init__(self, context: Tenant) -> None:
        self.context = context
        self.refusal: Exception | None = None

    def open(self, tenant: object) -> Tenant:
        if self.refusal is not None:
            raise self.refusal
        return self.context


class Form(msgspec.Struct, rename="camel"):
    identity: str = ""
    password_again: str = ""
    duration: int = 0


class EchoMap:
    async def on_post(self, req: Request, resp: Response) -> None:
        json_reply(resp, await read_body(req, 2048), req)


class EchoForm:
    async def on_post(self, req: Request, resp: Response) -> None:
        json_reply(resp, msgspec.to_builtins(await read_form(req, Form)), req)


class Item:
    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        json_reply(resp, {"name": name, "query": req.context.query, "ip": req.context.real_ip}, req)

    async def on_delete(self, req: Request, resp: Response, name: str) -> None:
        no_content(resp)


class Broken:
    async def on_get(self, req: Request, resp: Response) -> None:
        raise RuntimeError("the secret reason")


def ask(app: Any, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """One request through ASGI, the body in pieces of at most 700 bytes."""
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
        "path": path,
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

    asyncio.run(app(scope, receive, send))
    start, *parts = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
    )


@pytest.fixture(scope="session")
def auxiliary_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aux") / "auxiliary.db"
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(LOGS_DDL)
    connection.close()
    return path


@pytest.fixture
def tenant(tmp_path: Path, auxiliary_template: Path) -> Tenant:
    path = tmp_path / "auxiliary.db"
    shutil.copy(auxiliary_template, path)
    lanes = Lanes(inline_budget_ms=5, read_timeout_s=5, pool_threads=1)
    return Tenant(RequestLog(path, LogsSettings(), 1000), lanes)


@pytest.fixture
def tenants(tenant: Tenant) -> Tenants:
    return Tenants(tenant)


@pytest.fixture
def app(tenants: Tenants) -> Any:
    app = make_app(tenants)
    app.add_route("/api/map", EchoMap())
    app.add_route("/api/form", EchoForm())
    app.add_route("/api/items/{name}", Item())
    app.add_route("/api/broken", Broken())
    return app


@pytest.fixture
def call(app: Any) -> Callable[..., Answer]:
    def call(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        return ask(app, method, target, headers, body)

    return call
