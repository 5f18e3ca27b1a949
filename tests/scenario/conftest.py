"""A tenant of its own for each scenario, reached as its users reach it: over HTTP, by its host name."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.servers import Pocker

NUMBERS = itertools.count(1)
EMAIL, PASSWORD = "root@example.com", "1234567890"


class Story:
    """One tenant and whoever talks to it: `story("GET", "/api/…")` asks as nobody, `as_=token` as somebody."""

    def __init__(self, server: Pocker, tenant: str) -> None:
        self.tenant = tenant
        self.client = httpx.Client(base_url=server.url, headers={"Host": server.host(tenant)}, timeout=30)
        self.root = self.login("_superusers", EMAIL, PASSWORD)

    def __call__(self, method: str, path: str, body: Any = None, *, as_: str = "", **params: str) -> httpx.Response:
        headers = {"Authorization": as_} if as_ else {}
        return self.client.request(method, path, json=body, params=params or None, headers=headers)

    def ok(self, method: str, path: str, body: Any = None, *, as_: str = "", **params: str) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self(method, path, body, as_=as_, **params)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def login(self, collection: str, identity: str, password: str) -> str:
        path = f"/api/collections/{collection}/auth-with-password"
        token: str = self.ok("POST", path, {"identity": identity, "password": password})["token"]
        return token


@pytest.fixture
def story(pocker: Pocker) -> Iterator[Story]:
    tenant = f"story-{next(NUMBERS)}"
    pocker.create_tenant(tenant, EMAIL, PASSWORD)
    story = Story(pocker, tenant)
    yield story
    story.client.close()
    pocker.delete_tenant(tenant)
