"""Tenants on real databases, and a real PocketBase next to them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import PocketBase
from tests.unit.conftest import NewTenant
from worker.context import Context
from worker.db.connection import Database
from worker.errors import ApiError
from worker.lanes import Lanes
from worker.records.rules import check_rule
from worker.schema import sync
from worker.schema.dryrun import dry_run_view

EMAIL, PASSWORD = "root@example.com", "rootpass123"
DRY_RUN = "meta/dry-run-view"


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Threads for slow work, with limits that a test can wait for."""
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=2.0, pool_threads=2)
    yield lanes
    lanes.close()


@pytest.fixture
def tenant(tmp_path: Path, lanes: Lanes, new_tenant: NewTenant) -> Iterator[Context]:
    """A new tenant."""
    directory = tmp_path / "ours"
    directory.mkdir()
    new_tenant(directory)
    context = Context("test", directory, lanes, write_limit_s=30.0, log_queue_max=200)
    yield context
    context.close()


class Ours:
    """The use cases of collections, asked as the API is asked."""

    def __init__(self, tenant: Context, run: Any) -> None:
        self.tenant = tenant
        self.run = run

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        try:
            return self.run(self._answer(method, path, body or {}))
        except ApiError as error:
            return error.status, json.loads(json.dumps(error.body()))

    async def _answer(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        ctx = self.tenant
        if path == DRY_RUN:
            return 200, await dry_run_view(ctx, body.get("query", ""))
        if method == "POST":
            return 200, (await sync.create_collection(ctx, body, check_rule)).dump()
        found = ctx.catalog.get(path)
        if found is None:
            return 404, {"data": {}, "message": "The requested resource wasn't found.", "status": 404}
        if method == "PATCH":
            return 200, (await sync.update_collection(ctx, found, body, check_rule)).dump()
        await sync.delete_collection(ctx, found, check_rule)
        return 204, None


@pytest.fixture
def ours(tenant: Context, run: Any) -> Ours:
    """The use cases on a new tenant."""
    return Ours(tenant, run)


class Real:
    """A real PocketBase on a data directory, asked as a superuser."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = PocketBase(directory)

    def __enter__(self) -> "Real":
        self.server.upsert_superuser(EMAIL, PASSWORD)
        self.server.start()
        self.http = httpx.Client(base_url=self.server.url, timeout=30)
        login = {"identity": EMAIL, "password": PASSWORD}
        answer = self.http.post("/api/collections/_superusers/auth-with-password", json=login)
        self.http.headers["Authorization"] = answer.json()["token"]
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.server.stop()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.http.request(method, path, **({} if body is None else {"json": body}))
        return answer.status_code, answer.json() if answer.content else None

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.call(method, f"/api/collections/{path}".rstrip("/"), body)


@pytest.fixture
def real(pocketbase_binary: Path, tmp_path: Path) -> Iterator[Real]:
    """A real PocketBase on an empty directory of its own."""
    with Real(tmp_path / "real" / "pb_data") as server:
        yield server


SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"


def schema_of(db: Database) -> list[tuple[Any, ...]]:
    """Every table, index and view in the order in which they were made, without SQLite's own."""
    return db.once(f"{SCHEMA} ORDER BY rowid")
