"""One data directory served by a real PocketBase and, at the same time, opened by us: two programs, the same rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.servers import PocketBase
from tests.unit.http.asgi import Answer, ask
from worker.api import auth, health, logs
from worker.context import Context
from worker.http.front import make_app
from worker.lanes import Lanes

ROOT, PASSWORD = "root@example.com", "1234567890"
ANN = {"email": "ann@example.com", "name": "Ann", "password": PASSWORD, "passwordConfirm": PASSWORD, "verified": True}


class Both:
    """The same request to both."""

    def __init__(self, real: httpx.Client, app: Any, context: Context, pb_data: Path) -> None:
        self.real = real
        self.app = app
        self.context = context
        self.pb_data = pb_data
        self.superuser = ""

    def there(self, method: str, target: str, json: Any = None, token: str = "") -> httpx.Response:
        headers = {"authorization": token} if token else {}
        return self.real.request(method, target, json=json, headers=headers)

    def here(self, method: str, target: str, json: Any = None, token: str = "") -> Answer:
        headers = {"authorization": token} if token else {}
        body = b""
        if json is not None:
            headers["content-type"] = "application/json"
            body = orjson.dumps(json)
        return ask(self.app, method, target, headers, body)

    def configure(self, **options: Any) -> None:
        """Change options of `users` through the real one, and have our schema read again."""
        done = self.there("PATCH", "/api/collections/users", options, self.superuser)
        assert done.status_code == 200, done.text
        self.reload()

    def reload(self) -> None:
        self.context.catalog.reload(self.context.data)
        self.context.auth_epoch += 1


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory, pocketbase_binary: Path) -> Iterator[Both]:
    directory = tmp_path_factory.mktemp("both")
    server = PocketBase(directory / "pb_data")
    server.upsert_superuser(ROOT, PASSWORD)
    lanes = Lanes(inline_budget_ms=1000, read_timeout_s=5, pool_threads=1)
    with server, httpx.Client(base_url=server.url) as client:
        login = client.post(
            "/api/collections/_superusers/auth-with-password", json={"identity": ROOT, "password": PASSWORD}
        )
        token = login.json()["token"]
        client.post("/api/collections/users/records", json=ANN, headers={"authorization": token}).raise_for_status()
        context = Context("both", directory, lanes, write_limit_s=30.0, log_queue_max=1000)
        app = make_app(OneTenant(context))
        for group in (health, logs, auth):
            group.bind(app)
        pair = Both(client, app, context, directory / "pb_data")
        pair.superuser = token
        yield pair
        context.close()
    lanes.close()


class OneTenant:
    def __init__(self, context: Context) -> None:
        self.context = context

    def open(self, tenant: object) -> Context:
        return self.context

    def fail(self, name: str, reason: str) -> None:
        raise AssertionError(f"{name} failed: {reason}")


@pytest.fixture
def users(both: Both) -> Iterator[Both]:
    """`both`, whose `users` gets its options back afterwards."""
    before = both.there("GET", "/api/collections/users", token=both.superuser).json()
    yield both
    names = ("authRule", "manageRule", "passwordAuth", "mfa", "otp", "authAlert", "indexes", "authToken")
    both.configure(**{name: before[name] for name in names})
