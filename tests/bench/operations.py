"""What is measured: each operation with the requests that are sent in turn."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from tests.bench.data import COUNTRIES, ITEMS, POSTS, READER, TASKS, WORDS, Seed, record_id
from tests.bench.load import COUNTER
from tests.bench.machine import Plan

BATCHED = 50
PAGES = 40
SEARCHED = 50

AUTHORS = "/api/collections/authors/records"

Encode = Callable[..., str]


class Kind(StrEnum):
    """What it is measured against."""

    READ = "read"
    WRITE = "write"
    LOGIN = "login"


@dataclass(frozen=True)
class Operation:
    """One row of the table. `steps` requests each form a group which one connection sends in this order."""

    name: str
    requests: list[str]
    steps: int = 1
    kind: Kind = Kind.READ
    scripted: bool = False  # it runs scripts
    slow: bool = False  # 5 ms of a core and more, in one of the two: few connections keep it busy as well as many


def encoder(host: str, token: str) -> Encode:
    """What writes a request as it goes over the wire; `auth` sends the token with it."""

    def encode(method: str, path: str, body: Any = None, *, auth: bool = False) -> str:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        if auth:
            lines.append(f"Authorization: {token}")
        text = ""
        if body is not None:
            text = json.dumps(body)
            lines += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
        return "\r\n".join([*lines, "", text])

    return encode


def operations(host: str, seed: Seed, plan: Plan) -> list[Operation]:
    """All of them, reads first: the data grows once writes have begun."""
    encode = encoder(host, seed.token)
    return [*_simple(encode, plan), *_lists(encode, plan), *_services(encode), *_writes(encode, seed.reader, plan)]


def scripted(host: str, seed: Seed, plan: Plan) -> list[Operation]:
    """Those that run the tenant's scripts, and one that does not, of a tenant that has some."""

    def hooked(name: str, requests: list[str]) -> Operation:
        return Operation(name, requests, kind=Kind.WRITE, scripted=True)

    encode = encoder(host, seed.token)
    items = [f"{ITEMS}/{record_id(number)}" for number in range(0, plan.records, 5)]
    return [
        Operation("route of a script", [encode("GET", "/bench/hello/you")], scripted=True),
        Operation("route with a loop over 100 records", [encode("GET", "/bench/loop")], scripted=True, slow=True),
        Operation("view that no hook wants", [encode("GET", path) for path in items]),
        hooked("update with a hook", [encode("PATCH", path, {"n": 7}) for path in items]),
        hooked("create with a hook of three finds", [encode("POST", AUTHORS, {"name": f"A {COUNTER}"})]),
    ]


def _simple(encode: Encode, plan: Plan) -> list[Operation]:
    views = [f"{ITEMS}/{record_id(number)}" for number in range(0, plan.records, 5)]
    pages = range(1, max(2, plan.records // 30))
    filters = [f"n >= {number} && ok = true" for number in range(0, plan.records, max(1, plan.records // 50))]
    return [
        Operation("view", [encode("GET", path) for path in views]),
        Operation("view, logged in", [encode("GET", path, auth=True) for path in views]),
        Operation("list of 30", [encode("GET", f"{ITEMS}?page={page}&perPage=30") for page in pages]),
        Operation(
            "filtered, sorted list of 30",
            [encode("GET", f"{ITEMS}?{urlencode({'filter': text, 'sort': '-n', 'perPage': 30})}") for text in filters],
        ),
    ]


def _lists(encode: Encode, plan: Plan) -> list[Operation]:
    """Over the posts, logged in, under their list rule."""

    def each(name: str, queries: list[dict[str, Any]], *, slow: bool = False) -> Operation:
        requests = [encode("GET", f"{POSTS}?{urlencode(query)}", auth=True) for query in queries]
        return Operation(name, requests, slow=slow)

    pages = range(1, min(PAGES, plan.posts // 60) + 1)
    bounds = range(0, plan.posts, max(1, plan.posts // SEARCHED))
    return [
        each(
            "list of 30, rule and relation filter",
            [{"perPage": 30, "filter": f'author.country = "{country}"', "sort": "-n"} for country in COUNTRIES],
            slow=True,
        ),
        each("list of 30, expand one", [{"perPage": 30, "page": n, "expand": "author"} for n in pages], slow=True),
        each(
            "list of 30, expand three",
            [{"perPage": 30, "page": n, "expand": "author,tags,owner"} for n in pages],
            slow=True,
        ),
        each(
            "text search with ~",
            [
                {"perPage": 30, "filter": f'title ~ "{word} {n}" || body ~ "note{n:05}" || body ~ "{word} {word}"'}
                for n, word in zip(bounds, WORDS * SEARCHED, strict=False)
            ],
            slow=True,
        ),
        each("count (perPage=1)", [{"perPage": 1, "filter": f"n >= {n}"} for n in bounds], slow=True),
        each("first, skipTotal", [{"perPage": 1, "skipTotal": 1, "filter": f"n >= {n}"} for n in bounds]),
    ]


def _services(encode: Encode) -> list[Operation]:
    users = "/api/collections/users"
    login = encode("POST", f"{users}/auth-with-password", {"identity": READER[0], "password": READER[1]})
    return [
        Operation("health", [encode("GET", "/api/health")]),
        Operation("auth-methods", [encode("GET", f"{users}/auth-methods")]),
        Operation("auth-refresh", [encode("POST", f"{users}/auth-refresh", auth=True)]),
        Operation("password login", [login], kind=Kind.LOGIN, slow=True),
    ]


def _writes(encode: Encode, reader: str, plan: Plan) -> list[Operation]:
    item = {"title": "A new item", "n": 5, "ok": True, "kind": "red"}
    task = {"title": f"Task {COUNTER}", "slug": f"slug-{COUNTER}", "n": 5, "owner": reader}
    kept = [f"{TASKS}/{record_id(number, 'task')}" for number in range(plan.records)]
    spent = {**task, "id": f"gone{COUNTER}", "slug": f"gone-{COUNTER}"}
    batch = {"requests": [{"method": "POST", "url": ITEMS, "body": item}] * BATCHED}
    return [
        Operation("create", [encode("POST", ITEMS, item)], kind=Kind.WRITE),
        Operation("create, rule and unique index", [encode("POST", TASKS, task, auth=True)], kind=Kind.WRITE),
        Operation(
            "update of one field, by a rule",
            [encode("PATCH", path, {"title": f"Changed {COUNTER}"}, auth=True) for path in kept],
            kind=Kind.WRITE,
        ),
        Operation(
            "create and delete in turn, by rules",
            [encode("POST", TASKS, spent, auth=True), encode("DELETE", f"{TASKS}/gone{COUNTER}", auth=True)],
            steps=2,
            kind=Kind.WRITE,
        ),
        Operation(f"batch of {BATCHED} creates", [encode("POST", "/api/batch", batch)], kind=Kind.WRITE, slow=True),
    ]
