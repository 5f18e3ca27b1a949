"""The data both servers start from, written by the real PocketBase through its own API.

`schema.py` has the collections, `rows.py` the records. `ACTORS` are who may ask.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.oracle.client import Client
from tests.oracle.rows import PASSWORD, ident, records, users
from tests.oracle.schema import PUBLIC, autodates, collections, field, relation
from tests.servers import PocketBase

SUPER = ("root@example.com", "super-secret-1")

# actor → collection, e-mail, password
ACTORS: dict[str, tuple[str, str, str]] = {
    "super": ("_superusers", *SUPER),
    "user1": ("users", "ann@example.com", PASSWORD),
    "user2": ("users", "bob@example.com", PASSWORD),
    "user3": ("users", "cid@example.com", PASSWORD),
    "boss": ("staff", "boss@example.com", PASSWORD),
    "clerk": ("staff", "clerk@example.com", PASSWORD),
}

# Rules that name collections or back relations which exist only later are set at the end.
LATE_RULES = {"teams": ("listRule",), "tickets": ("listRule", "viewRule", "deleteRule")}


def _create_collections(api: Client) -> None:
    ids: dict[str, str] = {}
    late: dict[str, dict[str, str | None]] = {}
    count = len(collections(ids))
    for index in range(count):
        body = collections(ids)[index]
        name = body["name"]
        late[name] = {rule: body.pop(rule) for rule in LATE_RULES.get(name, ())}
        ids[name] = api.ok("POST", "/api/collections", body)["id"]
    nodes = {"name": "nodes", "fields": [field("text", "name"), *autodates()], **PUBLIC}
    ids["nodes"] = api.ok("POST", "/api/collections", nodes)["id"]
    created = api.ok("GET", "/api/collections/nodes")
    grown = [*created["fields"], relation("parent", ids["nodes"]), relation("children", ids["nodes"], 9)]
    api.ok("PATCH", "/api/collections/nodes", {"fields": grown})
    for name, waiting in late.items():
        if waiting:
            api.ok("PATCH", f"/api/collections/{name}", waiting)


def _nodes(api: Client) -> None:
    """A tree of self relations, seven deep and with a ring at its end; parents are set once all exist."""
    names = [f"node{number}" for number in range(1, 9)]
    for name in names:
        api.ok("POST", "/api/collections/nodes/records", {"id": ident(name), "name": name})
    for child, parent in zip(names[1:], names, strict=False):
        path = "/api/collections/nodes/records"
        api.ok("PATCH", f"{path}/{ident(child)}", {"parent": ident(parent)})
        api.ok("PATCH", f"{path}/{ident(parent)}", {"children": [ident(child), ident(names[0])]})


@dataclass(frozen=True)
class Seed:
    """`pb_data` of a stopped PocketBase, and each actor's token."""

    pb_data: Path
    tokens: dict[str, str]


def log_in(api: Client, actor: str) -> str:
    """The actor's token, by a password login on that server."""
    collection, identity, password = ACTORS[actor]
    body = {"identity": identity, "password": password}
    token = api.ok("POST", f"/api/collections/{collection}/auth-with-password", body)["token"]
    assert isinstance(token, str)
    return token


def grow_into(api: Client, files: bool = False) -> dict[str, str]:
    """Make the collections and records at a server that has the superuser `SUPER`; each actor's token."""
    api.token = log_in(api, "super")
    _create_collections(api)
    for collection, body in [*users(), *records()]:
        api.ok("POST", f"/api/collections/{collection}/records", body)
    _nodes(api)
    for name, content in {"a.txt": b"hello a", "b.txt": b"hello b"}.items() if files else ():
        part = {"attachments+": (name, content, "text/plain")}
        api.ok_files("PATCH", f"/api/collections/posts/records/{ident('post1')}", part)
    return {actor: log_in(api, actor) for actor in ACTORS}


def grow(directory: Path) -> Seed:
    """Fill `directory` (a new pb_data) by the real PocketBase, and stop it again."""
    server = PocketBase(directory)
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        tokens = grow_into(api, files=True)
        api.ok("DELETE", "/api/logs")
        api.close()
    return Seed(directory, tokens)
