"""Many tenants, each of its own making: names of collections, fields, their order, indexes and rules differ from tenant
to tenant as they do between strangers, so nothing is shared that real users would not share.

What a tenant is follows from its number alone. Each has PocketBase's `users` with some users, a superuser, and so many
collections of its own; each of those has records. Its files are made by `settlement`.
"""

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from tests.bench.load import COUNTER
from tests.bench.operations import encoder


def _words(text: str) -> list[str]:
    return text.split()


SUBJECTS = _words(
    "orders invoices customers products articles comments reviews tickets tasks projects events bookings rooms members "
    "courses lessons recipes albums tracks devices sensors readings vehicles trips routes contacts leads deals assets "
    "notes files pages posts threads messages teams shifts stocks prices offers payments refunds parcels labels"
)
TEXTS = _words("title name subject label caption heading summary description body remark address city street code sku")
NUMBERS = _words("amount price total rank score weight height width level count stock rating points minutes position")
OTHERS = _words("active public done starts ends due website contact kind status priority data meta text markup")
KINDS = _words("bool date url email select json editor")
VALUES = _words("new open paid sent done late lost won low high red green blue small large north south")
SCRIPTS = "onRecordCreate((e) => {{ e.next() }}, '{name}')"
PUBLIC = ""
LOGGED_IN = '@request.auth.id != ""'


@dataclass(frozen=True)
class Shape:
    """One collection of a tenant: as the API takes it, and which of its fields are what."""

    name: str
    text: str
    number: str
    owner: str
    body: dict[str, Any]

    def record(self, rng: random.Random, owner: str, title: str) -> dict[str, Any]:
        """A record of it."""
        record: dict[str, Any] = {self.text: title, self.number: rng.randrange(1000), self.owner: owner}
        for field in self.body["fields"]:
            if field["name"] not in record and (made := _value(field, rng)) is not None:
                record[field["name"]] = made
        return record


@dataclass(frozen=True)
class Resident:
    """One tenant: its number, and how many collections and records (in each) are its own."""

    number: int
    collections: int = 5
    records: int = 10
    prefix: str = "tenant"
    keys: tuple[str, str, str] = ("", "", "")  # tokens of superuser and first user, the user's id
    called: str = ""  # instead of prefix and number

    @property
    def name(self) -> str:
        """As it is registered."""
        return self.called or f"{self.prefix}-{self.number:06}"

    @property
    def host(self) -> str:
        """As clients call it."""
        return f"{self.name}.localhost"

    @property
    def scripts(self) -> str:
        """The first tenant's, so that what runs scripts is there too; the others have none."""
        return "" if self.number else SCRIPTS.format(name=self.shapes[0].name)

    @cached_property
    def shapes(self) -> list[Shape]:
        """Its schema, the same at each call."""
        rng = random.Random(f"{self.prefix} {self.number}")
        names = rng.sample(SUBJECTS, min(self.collections, len(SUBJECTS)))
        names += [f"{rng.choice(SUBJECTS)}_{at}" for at in range(self.collections - len(names))]
        return [_shape(f"{name}_{rng.randrange(1296):03x}", rng) for name in names]

    def record_id(self, collection: int, number: int) -> str:
        """The id of one of its first records."""
        return f"{self.number:06}{collection:03}{number:06}"

    def requests(self, turn: int = 0) -> list[str]:
        """A view, a filtered list, a create, an update and the list of a user logged in, each on another collection;
        which one is on which, and the record, goes on with `turn`."""
        rng = random.Random(self.number * 1009 + turn)
        at = [(turn + step) % self.collections for step in range(5)]
        view, listed, created, changed, own = (self.shapes[number] for number in at)
        _, token, user = self.keys
        low = quote(f"{listed.number} > {rng.randrange(900)}")
        mine = quote(f"{own.owner} = '{user}'")
        title = f"{rng.choice(VALUES)} {COUNTER}"
        return [
            self.encode("GET", f"{_path(view)}/{self.record_id(at[0], rng.randrange(self.records))}", token=token),
            self.encode("GET", f"{_path(listed)}?filter={low}&sort=-{listed.number}&perPage=20", token=token),
            self.encode("POST", _path(created), created.record(rng, user, title), token=token),
            self.encode(
                "PATCH",
                f"{_path(changed)}/{self.record_id(at[3], rng.randrange(self.records))}",
                {changed.text: title, changed.number: rng.randrange(1000)},
                token=token,
            ),
            self.encode("GET", f"{_path(own)}?filter={mine}&perPage=20", token=token),
        ]

    def encode(self, method: str, path: str, body: Any = None, *, token: str = "") -> str:
        """One request, as it goes over the wire."""
        return encoder(self.host, token)(method, path, body, auth=bool(token))


def _path(shape: Shape) -> str:
    return f"/api/collections/{shape.name}/records"


def _shape(name: str, rng: random.Random) -> Shape:
    texts, numbers = rng.sample(TEXTS, 2), rng.sample(NUMBERS, 2)
    owner = rng.choice(["owner", "author", "user", "created_by", "assignee"])
    fields: list[dict[str, Any]] = [
        {"name": texts[0], "type": "text", "required": True, "max": rng.randrange(100, 5000)},
        {"name": numbers[0], "type": "number", "onlyInt": rng.random() < 0.5},
        {"name": owner, "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 1},
        {"name": texts[1], "type": "text", "max": rng.randrange(100, 5000)},
    ]
    fields += [_field(other, rng) for other in rng.sample(OTHERS, rng.randrange(2, 5))]
    if rng.random() < 0.5:
        fields.append({"name": numbers[1], "type": "number", "min": 0})
    rng.shuffle(fields)
    fields.append({"name": "created", "type": "autodate", "onCreate": True})
    fields.append({"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True})
    indexes = [f"CREATE INDEX `{name}_{numbers[0]}` ON `{name}` (`{numbers[0]}`)"]
    if rng.random() < 0.5:
        indexes.append(f"CREATE INDEX `{name}_{owner}` ON `{name}` (`{owner}`, `{texts[0]}`)")
    mine = f"{owner} = @request.auth.id"
    shown = rng.choice([PUBLIC, LOGGED_IN, mine, f"{LOGGED_IN} && ({mine} || {numbers[0]} >= {rng.randrange(100)})"])
    rules = {
        "listRule": shown,
        "viewRule": rng.choice([shown, LOGGED_IN, PUBLIC]),
        "createRule": rng.choice([LOGGED_IN, f"{LOGGED_IN} && {mine}"]),
        "updateRule": rng.choice([mine, f'{mine} && {texts[0]} != ""', LOGGED_IN]),
        "deleteRule": rng.choice([mine, None]),
    }
    body = {"name": name, "type": "base", "fields": fields, "indexes": indexes, **rules}
    return Shape(name, texts[0], numbers[0], owner, body)


def _field(name: str, rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(KINDS)
    made: dict[str, Any] = {"name": name, "type": kind}
    if kind == "select":
        made |= {"values": rng.sample(VALUES, rng.randrange(2, 7)), "maxSelect": 1}
    return made


def _value(field: dict[str, Any], rng: random.Random) -> Any:
    match field["type"]:
        case "bool":
            return rng.random() < 0.5
        case "text" | "editor":
            return " ".join(rng.choices(VALUES, k=8))
        case "number":
            return rng.randrange(100)
        case "date":
            return f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 28):02} 12:00:00.000Z"
        case "select":
            return rng.choice(field["values"])
        case "json":
            return {"a": rng.randrange(10), "b": rng.choice(VALUES)}
        case "url":
            return f"https://example.com/{rng.randrange(1000)}"
        case "email":
            return f"mail{rng.randrange(1000)}@example.com"
    return None
