"""A random world: built on the real PocketBase through its API, stopped, copied, and served by both servers.

`build(seed, directory)` gives a `World` (a data directory and what is in it); `twins(world, …)` serves copies of it.
Equal seeds give equal worlds, but for dates and hashes.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.differential import schemas, values
from tests.differential.filters import Texts
from tests.oracle.client import Client
from tests.servers import Pocker, PocketBase

SUPER = ("root@example.com", "super-secret-1")
RULES = ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")
AUTH_COLLECTIONS = ("users", "people")
USERS = 4
# How many records a collection gets.
COUNTS = (0, 3, 6, 8, 8, 12, 20)
# Cheap hashes: a world has a handful of users, and is built in seconds.
HASH_COST = 4
# Joins of joins take the real one minutes.
ANSWER_TIMEOUT_S = 3.0
FORWARDED = "X-Forwarded-For"

# A manage rule that only a request shows to be none also stops the real one from expanding anything.
MAY_BREAK = re.compile(r"@request\.auth\.\w+[.:]")

Collection = dict[str, Any]
Record = dict[str, Any]


@dataclass
class World:
    """A `pb_data` of a stopped PocketBase and what is in it.

    `collections`: name → JSON as the API shows it (no system ones). `records`: name → JSON as superusers see it, e-mail
    included. `tokens`: actor → token; actors are `super` and `COLLECTION.NUMBER`, guests have none.
    """

    seed: int
    pb_data: Path
    collections: dict[str, Collection]
    records: dict[str, list[Record]]
    tokens: dict[str, str]

    def by_id(self, ident: str) -> Collection | None:
        """A collection by its id."""
        return next((found for found in self.collections.values() if found["id"] == ident), None)


@dataclass
class Twins:
    """One world served twice: plain HTTP clients to both."""

    real: Client
    other: Client


def build(seed: int, directory: Path, port: int = 0) -> World:
    """Make the world of `seed` in `directory` (which gets a `pb_data`). `port`: the real server's; 0 is any."""
    data = directory / "pb_data"
    data.mkdir(parents=True)
    server = PocketBase(data)
    server.port = port
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        world = _Builder(seed, api).build(data)
        api.close()
    return world


@contextmanager
def twins(world: World, pocker: Pocker, directory: Path, *, name: str = "", port: int = 0) -> Iterator[Twins]:
    """Both servers on copies of the world, below `directory`; the tenant of `pocker` is called `name`."""
    name = name or f"w{world.seed}"
    copies = [directory / f"{name}-{side}" / "pb_data" for side in ("real", "other")]
    for copy in copies:
        shutil.copytree(world.pb_data, copy)
    pocker.import_tenant(name, copies[1])
    server = PocketBase(copies[0])
    server.port = port
    with server:
        host = f"{name}.localhost:{pocker.port}"
        pair = Twins(Client(server.port, host, ANSWER_TIMEOUT_S), Client(pocker.port, host))
        yield pair
        pair.real.close()
        pair.other.close()


class _Builder:
    """The steps, in order; each refusal of a random text by the real one is a reason to leave it out."""

    def __init__(self, seed: int, api: Client) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.api = api

    def build(self, data: Path) -> World:
        body = {"identity": SUPER[0], "password": SUPER[1]}
        self.api.token = self.api.ok("POST", "/api/collections/_superusers/auth-with-password", body)["token"]
        # each request may come from an address of its own, or the real one's guard on guessing slows lists down
        proxy = {"trustedProxy": {"headers": [FORWARDED], "useLeftmostIP": True}, "batch": {"enabled": True}}
        self.api.ok("PATCH", "/api/settings", proxy)
        self._collections()
        ids = self._records()
        self._finish(ids)
        world = World(self.seed, data, self._known(), {}, {"super": self.api.token})
        for name in world.collections:
            answer = self.api.ok("GET", f"/api/collections/{name}/records?perPage=1000&skipTotal=1")
            world.records[name] = answer["items"]
        self._rules(world)
        world.collections = self._known()
        self._log_in(world)
        self.api.ok("DELETE", "/api/logs")
        return world

    def _known(self) -> dict[str, Collection]:
        listed = self.api.ok("GET", "/api/collections?perPage=200&sort=name")["items"]
        return {found["name"]: found for found in listed if not found["system"]}

    def _collections(self) -> None:
        for body in schemas.collections(self.rng):
            self.api.ok("POST", "/api/collections", body)
        known = list(self._known().values())
        for collection in known:
            own = schemas.plain_fields(self.rng, 2) if collection["name"] == "users" else []
            taken = {field["name"] for field in collection["fields"]}
            grown = [*collection["fields"], *(field for field in own if field["name"] not in taken)]
            grown += schemas.relations(self.rng, {**collection, "fields": grown}, known)
            if collection["type"] == "auth":
                for field in grown:
                    if field["name"] == "password":
                        field["cost"] = HASH_COST
            self.api.ok("PATCH", f"/api/collections/{collection['name']}", {"fields": grown})

    def _records(self) -> dict[str, list[str]]:
        """Create them without relations, then set those, so that rings close."""
        rng, ids = self.rng, {}
        known = self._known()
        for name, collection in known.items():
            count = USERS if collection["type"] == "auth" else rng.choice(COUNTS)
            ids[name] = [values.ident(rng) for _ in range(count)]
            for number, ident in enumerate(ids[name]):
                body = {"id": ident} | self._values(collection)
                if collection["type"] == "auth":
                    body |= {"password": schemas.PASSWORD, "passwordConfirm": schemas.PASSWORD}
                    body |= {"email": f"{name}{number}@example.com", "verified": number != 2}
                    body |= {"emailVisibility": number != 1}
                self.api.ok("POST", f"/api/collections/{name}/records", body)
        for name, collection in known.items():
            pools = self._pools(collection, ids)
            for ident in ids[name]:
                body = {}
                for field, pool in pools:
                    unique = field["maxSelect"] <= 1 and field.get("unique")
                    body[field["name"]] = (pool.pop() if pool else "") if unique else values.value(rng, field, pool)
                if body:
                    self.api.ok("PATCH", f"/api/collections/{name}/records/{ident}", body)
        return ids

    def _pools(self, collection: Collection, ids: dict[str, list[str]]) -> list[tuple[Record, list[str]]]:
        """Each relation field with the ids it may take; half of the single ones take each id once only."""
        names = {found["id"]: name for name, found in self._known().items()}
        pools = []
        for field in collection["fields"]:
            if field["type"] == "relation":
                pool = list(ids[names[field["collectionId"]]])
                self.rng.shuffle(pool)
                pools.append((field | {"unique": self.rng.random() < 0.5}, pool))
        return pools

    def _values(self, collection: Collection) -> Record:
        body = {}
        for field in collection["fields"]:
            if not field["system"] and field["type"] not in ("relation", "autodate", "file"):
                body[field["name"]] = values.value(self.rng, field)
        return body

    def _finish(self, ids: dict[str, list[str]]) -> None:
        """Indexes, and views over what is there."""
        known = self._known()
        for name, collection in known.items():
            for index in schemas.indexes(self.rng, collection):
                kept = self.api.ok("GET", f"/api/collections/{name}")["indexes"]
                self._try("PATCH", f"/api/collections/{name}", {"indexes": [*kept, index]})
        sources = [found for name, found in known.items() if ids[name]]
        for view in schemas.views(self.rng, sources):
            self._try("POST", "/api/collections", view)

    def _try(self, method: str, path: str, body: Any) -> bool:
        try:
            self.api.ok(method, path, body)
        except AssertionError:
            return False
        return True

    def _rules(self, world: World) -> None:
        texts = Texts(self.rng, world)
        for name, collection in world.collections.items():
            kinds = RULES[:2] if collection["type"] == "view" else RULES
            if collection["type"] == "auth":
                kinds = (*kinds, "manageRule")
            for kind in kinds:
                rule = texts.rule(collection)
                if kind == "manageRule" and (rule == "" or MAY_BREAK.search(rule or "")):
                    rule = None
                if not self._try("PATCH", f"/api/collections/{name}", {kind: rule}):
                    self.api.ok("PATCH", f"/api/collections/{name}", {kind: "" if kind != "manageRule" else None})

    def _log_in(self, world: World) -> None:
        for name in AUTH_COLLECTIONS:
            for number in range(USERS):
                body = {"identity": f"{name}{number}@example.com", "password": schemas.PASSWORD}
                try:
                    answer = self.api.ok("POST", f"/api/collections/{name}/auth-with-password", body)
                except AssertionError:
                    continue
                world.tokens[f"{name}.{number}"] = answer["token"]
