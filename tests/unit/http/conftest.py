"""An app behind the front with a tenant that has settings and a log but no data, asked through the ASGI protocol."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from tests.unit.http.asgi import Answer, ask
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


@dataclass
class Tenant:
    """What the front needs of a context."""

    logs: RequestLog
    lanes: Lanes
    settings: TenantSettings = field(default_factory=TenantSettings)
    auth_epoch: int = 0
    busy: int = 0
    name: str = "t"
    account: None = None
    hooks: None = None
    starting: None = None
    caches: dict[str, Any] = field(default_factory=dict)


class Tenants:
    def __init__(self, context: Tenant) -> None:
        self.context = context
        self.refusal: Exception | None = None

    def open(self, tenant: object) -> Tenant:
        if self.refusal is not None:
            raise self.refusal
        return self.context

    def fail(self, name: str, reason: str) -> None:
        self.failed = (name, reason)


class Form(msgspec.Struct, rename="camel"):
    identity: str = ""
    password_again: str = ""
    duration: int = 0


class EchoMap:
    async def on_post(self, req: Request, resp: Response) -> None:
        json_reply(resp, await read_body(req, 2048), req)


class EchoAny(EchoMap):
    on_get = on_put = on_patch = on_delete = EchoMap.on_post


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
    app.add_route("/api/any", EchoAny())
    app.add_route("/api/form", EchoForm())
    app.add_route("/api/items/{name}", Item())
    app.add_route("/api/broken", Broken())
    return app


@pytest.fixture
def call(app: Any) -> Callable[..., Answer]:
    def call(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        return ask(app, method, target, headers, body)

    return call
