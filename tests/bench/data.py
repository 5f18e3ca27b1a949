"""The data that both servers serve, written by the real PocketBase: small public items, and ten times as many posts.

items    public, 7 fields
posts    → authors (one), → tags (up to three), → users (owner); read by a rule; a text of 60 words
tasks    → users (owner), a unique slug; everything by a rule
"""

from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.machine import Plan
from tests.oracle.client import Client
from tests.servers import PocketBase

SUPER = ("root@example.com", "super-secret-1")
READER = ("reader@example.com", "reader-secret")
ITEMS, POSTS, TASKS = (f"/api/collections/{name}/records" for name in ("items", "posts", "tasks"))
BATCH = 1000
AUTHORS, TAGS = 100, 20
KINDS = ("red", "green", "blue")
COUNTRIES = ("at", "ch", "cz", "de", "fr", "it", "nl", "pl", "se", "sk")
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
OWN = "owner = @request.auth.id"


def record_id(number: int, kind: str = "item") -> str:
    """The id of the record with this number; `kind` is of four letters."""
    return f"{kind}{number:011}"


class Seed(NamedTuple):
    """Who there is in the data: the reader's token and id, the superuser's token."""

    token: str
    reader: str
    root: str = ""


def fill(pb_data: Path, plan: Plan) -> Seed:
    """Write the data; who there is in it."""
    server = PocketBase(pb_data)
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        login = {"identity": SUPER[0], "password": SUPER[1]}
        api.token = api.ok("POST", "/api/collections/_superusers/auth-with-password", login)["token"]
        api.ok("PATCH", "/api/settings", {"batch": {"enabled": True, "maxRequests": BATCH, "timeout": 60}})
        person = {"email": READER[0], "password": READER[1], "passwordConfirm": READER[1]}
        reader = api.ok("POST", "/api/collections/users/records", person)["id"]
        users = api.ok("GET", "/api/collections/users")["id"]
        _add_collections(api, users)
        for name, records in _records(plan, reader).items():
            _create(api, name, records)
        root, login = api.token, {"identity": READER[0], "password": READER[1]}
        token = api.ok("POST", "/api/collections/users/auth-with-password", login)["token"]
        api.close()
    return Seed(token, reader, root)


def _add_collections(api: Client, users: str) -> None:
    def add(name: str, fields: list[dict[str, Any]], rules: dict[str, str], indexes: tuple[str, ...] = ()) -> str:
        dates: list[dict[str, Any]] = [{"name": "created", "type": "autodate", "onCreate": True}]
        dates.append({"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True})
        body = {"name": name, "type": "base", "fields": fields + dates, "indexes": list(indexes), **rules}
        added: str = api.ok("POST", "/api/collections", body)["id"]
        return added

    def relation(name: str, target: str, most: int = 1) -> dict[str, Any]:
        return {"name": name, "type": "relation", "collectionId": target, "maxSelect": most}

    def plain(name: str, kind: str = "text") -> dict[str, Any]:
        return {"name": name, "type": kind}

    title, number = plain("title"), plain("n", "number")
    kind = {"name": "kind", "type": "select", "values": list(KINDS), "maxSelect": 1}
    public = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule"), "")
    add("items", [title, number, plain("ok", "bool"), kind], public)
    authors = add("authors", [plain("name"), plain("country")], public)
    tags = add("tags", [plain("name")], public)
    relations = [relation("author", authors), relation("tags", tags, 3), relation("owner", users)]
    shown = f'@request.auth.id != "" && (public = true || {OWN})'
    rules = {"listRule": shown, "viewRule": shown}
    add("posts", [title, plain("body"), number, plain("public", "bool"), *relations], rules)
    own = dict.fromkeys(("listRule", "viewRule", "updateRule", "deleteRule"), OWN)
    own["createRule"] = f'@request.auth.id != "" && {OWN}'
    fields = [title, {"name": "slug", "type": "text", "required": True}, number, relation("owner", users)]
    add("tasks", fields, own, ("CREATE UNIQUE INDEX `tasks_slug` ON `tasks` (`slug`)",))


def _records(plan: Plan, reader: str) -> dict[str, list[dict[str, Any]]]:
    def words(number: int) -> str:
        return " ".join(WORDS[(number * 7 + at * (3 + number % 5)) % len(WORDS)] for at in range(60))

    return {
        "items": [
            {"id": record_id(n), "title": f"Item number {n}", "n": n, "ok": n % 3 == 0, "kind": KINDS[n % 3]}
            for n in range(plan.records)
        ],
        "authors": [
            {"id": record_id(n, "auth"), "name": f"Author {n}", "country": COUNTRIES[n % len(COUNTRIES)]}
            for n in range(AUTHORS)
        ],
        "tags": [{"id": record_id(n, "tags"), "name": f"Tag {n}"} for n in range(TAGS)],
        "posts": [
            {
                "id": record_id(n, "post"),
                "title": f"Post number {n}",
                "body": f"{words(n)} note{n:05} end",
                "n": n * 7919 % plan.posts,
                "public": n % 4 != 0,
                "author": record_id(n * 31 % AUTHORS, "auth"),
                "tags": [record_id((n + at * 5) % TAGS, "tags") for at in range(n % 4)],
                "owner": reader if n % 8 == 0 else "",
            }
            for n in range(plan.posts)
        ],
        "tasks": [
            {"id": record_id(n, "task"), "title": f"Task {n}", "slug": f"task-{n}", "n": n, "owner": reader}
            for n in range(plan.records)
        ],
    }


def _create(api: Client, name: str, records: list[dict[str, Any]]) -> None:
    url = f"/api/collections/{name}/records"
    for start in range(0, len(records), BATCH):
        requests = [{"method": "POST", "url": url, "body": record} for record in records[start : start + BATCH]]
        api.ok("POST", "/api/batch", {"requests": requests})
