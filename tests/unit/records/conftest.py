"""Tenants over real databases, and the same requests sent to a real PocketBase and to our use cases."""

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest

from tests.unit.conftest import NewTenant
from worker.context import Context
from worker.errors import ApiError
from worker.fields import load_field
from worker.fields.jsontext import spelled
from worker.lanes import Lanes
from worker.records import actions, store
from worker.records.listing import ListQuery
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.schema.collection import Collection
from worker.sql import quote

REAL = Path(sys.executable).with_name("pocketbase")
ROOT, PASSWORD = "root@example.com", "rootpass123"
OPEN = {"listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": ""}
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z")


def open_context(directory: Path, lanes: Lanes) -> Context:
    return Context("test", directory, lanes, write_limit_s=30.0, log_queue_max=200)


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=30.0, pool_threads=2)
    yield lanes
    lanes.close()


@pytest.fixture
def ctx(tmp_path: Path, lanes: Lanes, new_tenant: NewTenant) -> Iterator[Context]:
    """A new tenant: the system collections and `users`."""
    new_tenant(tmp_path)
    context = open_context(tmp_path, lanes)
    yield context
    context.close()


@dataclass
class Caller:
    """Sends requests to the use cases as the HTTP layer does, and gives back status and body text."""

    context: Context
    who: Record | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def collection(self, name: str) -> Collection:
        found = self.context.catalog.get(name)
        assert found is not None, name
        return found

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        return asyncio.run(self.send(method, path, body))

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        route, _, query_text = path.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        name, _, record_id = route.partition("/")
        info = RequestInfo(method=method, query=query, headers=self.headers, body=body or {}, auth=self.who)
        try:
            answer = await self._answer(method, self.collection(name), record_id, info, body or {})
        except ApiError as error:
            return error.status, orjson.dumps(error.body()).decode()
        return (204, "") if answer is None else (200, orjson.dumps(answer, spelled).decode())

    async def _answer(
        self, method: str, collection: Collection, record_id: str, info: RequestInfo, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        context, expand = self.context, info.query.get("expand", "")
        if method == "POST":
            return await actions.create_record(context, collection, info, body, expand=expand)
        if method == "PATCH":
            return await actions.update_record(context, collection, record_id, info, body, expand=expand)
        if method == "DELETE":
            await actions.delete_record(context, collection, record_id, info)
            return None
        if record_id:
            return await actions.view_record(context, collection, record_id, info, expand=expand)
        return await actions.list_records(context, collection, info, ListQuery.parse(info.query))


class RealServer:
    """A real PocketBase on a free port of the loopback, over its own directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client()

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            [REAL, "serve", "--dir", self.directory, "--http", f"127.0.0.1:{port}", "--automigrate=false"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.http.get("/api/health")
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the real server does not answer"
                assert self._process.poll() is None, "the real server ended"
            else:
                return

    def stop(self) -> None:
        self.http.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def login(self, collection: str, identity: str, password: str) -> str:
        answer = self.http.post(
            f"/api/collections/{collection}/auth-with-password", json={"identity": identity, "password": password}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def call(self, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        name, slash, rest = path.partition("/")
        if not slash:
            name, question, rest = path.partition("?")
            url = f"/api/collections/{name}/records{question}{rest}"
        else:
            url = f"/api/collections/{name}/records/{rest}"
        headers = {"Authorization": token} if token else {}
        answer = self.http.request(method, url, json=body, headers=headers)
        return answer.status_code, answer.text


def normalised(text: str) -> str:
    """A body with its dates blotted out."""
    return DATE.sub("<date>", text)


def find(context: Context, collection: str, column: str, value: str) -> Record:
    found = context.catalog.get(collection)
    assert found is not None
    record = store.find_by(context.data, found, column, value)
    assert record is not None, (collection, column, value)
    return record


def copied(source: Path, target: Path) -> Path:
    """The data directory of a stopped server as the directory of a tenant."""
    shutil.copytree(source, target / "pb_data")
    return target


def add_collection(context: Context, name: str, *fields: dict[str, Any], **options: Any) -> Collection:
    """A base collection open to everyone, unless `options` (columns of `_collections`) say otherwise."""
    definitions: list[dict[str, Any]] = [
        {
            "name": "id",
            "type": "text",
            "primaryKey": True,
            "required": True,
            "min": 15,
            "max": 15,
            "pattern": "^[a-z0-9]+$",
            "autogeneratePattern": "[a-z0-9]{15}",
        },
        *fields,
    ]
    columns = ", ".join(f"{quote(raw['name'])} {load_field(raw).column()}" for raw in definitions)
    context.data.execute(f"CREATE TABLE {quote(name)} ({columns})")
    indexes: list[str] = options.pop("indexes", [])
    for index in indexes:
        context.data.execute(index)
    row = {
        "id": f"pbc_{name}",
        "name": name,
        "type": "base",
        "fields": orjson.dumps(definitions).decode(),
        "indexes": orjson.dumps(indexes).decode(),
        **OPEN,
        **options,
    }
    marks = ", ".join("?" * len(row))
    context.data.execute(f"INSERT INTO _collections ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    context.catalog.reload(context.data)
    found = context.catalog.get(name)
    assert found is not None
    return found


def info_of(who: Record | None = None, **values: Any) -> RequestInfo:
    """A request without query, headers and body, unless given."""
    return RequestInfo(auth=who, **values)
