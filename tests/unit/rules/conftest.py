"""A schema of real collections and a database with their tables, without a server."""

import apsw
import orjson
import pytest

from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.schema.shelf import Shelf
from worker.sql import quote

USERS = "_pb_users_auth_"


def field(name, kind, **options):
    return {"name": name, "type": kind, **options}


def relation(name, target, many=False):
    return field(name, "relation", collectionId=target, maxSelect=9 if many else 1)


ID = field("id", "text", primaryKey=True, required=True, system=True)
SCHEMA = {
    "tags": [field("name", "text"), field("secret", "text", hidden=True)],
    "teams": [field("name", "text"), relation("members", USERS, many=True), relation("owner", USERS)],
    "posts": [
        *(field("title", "text"), field("alt", "text"), field("n", "number"), field("public", "bool")),
        *(field("data", "json"), field("kinds", "select", values=["a", "b"], maxSelect=2), field("at", "geoPoint")),
        *(relation("owner", USERS), relation("team", "teams"), relation("tags", "tags", many=True)),
        *(relation("locked", "locked"), relation("guarded", "guarded")),
    ],
    "comments": [field("text", "text"), relation("post", "posts")],
    "extras": [field("text", "text"), relation("post", "posts")],
    "locked": [field("name", "text")],
    "guarded": [field("name", "text"), relation("owner", USERS)],
    "users": [
        *(field("email", "email", system=True), field("emailVisibility", "bool", system=True)),
        *(field("verified", "bool", system=True), field("tokenKey", "text", system=True, hidden=True)),
        *(field("password", "password", system=True, hidden=True), field("name", "text"), field("level", "number")),
        relation("teams", "teams", many=True),
    ],
    "_superusers": [field("email", "email"), field("emailVisibility", "bool"), field("verified", "bool")],
}
LIST_RULES = {"locked": None, "guarded": "owner = @request.auth.id"}
INDEXES = {
    "extras": ["CREATE UNIQUE INDEX idx_extras ON extras (post)"],
    "posts": ["CREATE INDEX idx_owner ON posts (owner)"],
}


class FakeCatalog:
    """Collections by name and id; the real catalog reads them from a tenant's database."""

    def __init__(self, shelf, schema=SCHEMA, list_rules=LIST_RULES):
        self.collections = {}
        for name, fields in schema.items():
            kind = "auth" if name in ("users", "_superusers") else "base"
            row = (
                *(USERS if name == "users" else name, False, kind, name, orjson.dumps([ID, *fields]).decode()),
                *(orjson.dumps(INDEXES.get(name, [])).decode(), list_rules.get(name, ""), "", "", "", "", "{}", "", ""),
            )
            collection = shelf.collection(row)
            self.collections[collection.id] = self.collections[name] = collection

    def get(self, name):
        return self.collections.get(name) or self.collections.get(name.lower())


@pytest.fixture(scope="session")
def shelf():
    return Shelf()


@pytest.fixture(scope="session")
def catalog(shelf):
    return FakeCatalog(shelf)


@pytest.fixture(scope="session")
def other_catalog(shelf):
    """A tenant whose teams look different; everything else is equal."""
    schema = {**SCHEMA, "teams": [field("label", "text")]}
    return FakeCatalog(shelf, schema)


@pytest.fixture(scope="session")
def db(catalog):
    connection = apsw.Connection(":memory:")
    for name in SCHEMA:
        collection = catalog.get(name)
        columns = ", ".join(f"{quote(field.name)} {field.column()}" for field in collection.fields)
        connection.execute(f"CREATE TABLE {quote(name)} ({columns})")
        for index in collection.indexes:
            connection.execute(index)
    connection.execute("CREATE UNIQUE INDEX idx_posts_id ON posts (id)")
    return connection


@pytest.fixture
def who(catalog):
    """Requests by name: guest, ann (a user), root (a superuser)."""

    def record(collection, **values):
        record = Record.new(catalog.get(collection))
        for name, value in values.items():
            record.set(name, value)
        return record

    ann = record("users", id="ann", email="ann@example.com", name="Ann", level=5, verified=True)
    root = record("_superusers", id="root", email="root@example.com")
    return {"guest": RequestInfo(), "ann": RequestInfo(auth=ann), "root": RequestInfo(auth=root)}
