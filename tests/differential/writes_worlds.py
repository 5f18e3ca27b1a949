"""Random collections to write to: every type and option, relations in circles, unique indexes, rules, accounts."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.differential.writes_values import TYPES, Definition, definition, relation

Body = dict[str, Any]
RULES = ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")
# Fields of an auth collection that a body may name like any other.
ACCOUNT: list[Definition] = [
    {"name": "email", "type": "email"},
    {"name": "emailVisibility", "type": "bool"},
    {"name": "verified", "type": "bool"},
    {"name": "tokenKey", "type": "text"},
]
# The password of an auth collection, at the lowest cost: hashing is what takes the time.
PASSWORD: Body = {
    "name": "password",
    "type": "password",
    "system": True,
    "hidden": True,
    "required": True,
    "cost": 4,
    "min": 8,
}
INDEXES = [
    "CREATE UNIQUE INDEX {i} ON {t} ({a})",
    "CREATE UNIQUE INDEX {i} ON {t} ({a}, {b})",
    "CREATE UNIQUE INDEX {i} ON {t} ({a} COLLATE NOCASE)",
    "CREATE UNIQUE INDEX {i} ON {t} ({a}) WHERE {a} != ''",
    "CREATE UNIQUE INDEX {i} ON {t} ({a}) WHERE {b} != '' AND {a} != 0",
    "CREATE UNIQUE INDEX {i} ON {t} (lower({a}))",
    "CREATE UNIQUE INDEX {i} ON {t} (lower({a}), {b} DESC)",
    "CREATE INDEX {i} ON {t} ({a}, {b})",
]


@dataclass
class Place:
    """One collection of a world: its definition, and the ids of the records that were asked for so far."""

    name: str
    id: str
    kind: str
    fields: list[Definition]
    rules: Body = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def first(self) -> Body:
        """The body that creates the collection, without what refers to others."""
        plain = [one for one in self.fields if one["type"] != "relation"]
        made: Body = {"id": self.id, "name": self.name, "type": self.kind, "fields": plain}
        if self.kind == "auth":
            made["authAlert"] = {"enabled": False}
        return made

    @property
    def relations(self) -> list[Definition]:
        """The relations, to be added once all collections are there."""
        return [one for one in self.fields if one["type"] == "relation"]


@dataclass
class World:
    """Collections of one name space, in the order in which they are made."""

    prefix: str
    places: list[Place]

    def place(self, collection_id: str) -> Place:
        return next(one for one in self.places if one.id == collection_id)


def build(rng: Random, prefix: str) -> World:
    """A world of two auth and some base collections whose names begin with `prefix`."""
    places = []
    for number in range(rng.randint(4, 6)):
        kind = "auth" if number < 2 else "base"
        name = f"{prefix}{'u' if number < 2 else 'b'}{number}"
        kinds = [rng.choice(TYPES) for _ in range(rng.randint(2, 7))]
        if kind == "auth":  # hashing is what takes the time
            kinds = [one for one in kinds if one != "password"]
        fields = [definition(rng, one, f"{one[:4].lower()}{place}") for place, one in enumerate(kinds)]
        if kind == "auth":
            fields.append({**PASSWORD})
        if rng.random() < 0.5:
            fields += [{"name": "created", "type": "autodate", "onCreate": True}]
            fields += [{"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True}]
        if rng.random() < 0.15:
            fields.append(_odd_id(rng))
        places.append(Place(name, f"id{name}", kind, fields))
    for place in places:
        for number in range(rng.choice((0, 1, 1, 2, 3))):
            place.fields.append(relation(rng, f"rel{number}", rng.choice(places).id))
    world = World(prefix, places)
    for place in places:
        place.indexes = _indexes(rng, place)
        place.rules = _rules(rng, world, place)
    return world


def _odd_id(rng: Random) -> Definition:
    made = {"name": "id", "type": "text", "primaryKey": True, "required": True, "system": True}
    return made | rng.choice(
        (
            {"pattern": "^.+$", "autogeneratePattern": "[a-z0-9]{15}"},
            {"pattern": "^[a-zA-Z]+$", "min": 2, "max": 20, "autogeneratePattern": ""},
            {"pattern": "^[0-9]+$", "min": 1, "max": 15, "autogeneratePattern": "[0-9]{15}"},
        )
    )


def _indexes(rng: Random, place: Place) -> list[str]:
    names = [one["name"] for one in place.fields if one["type"] not in ("password", "json", "geoPoint", "autodate")]
    names = [name for name in names if name != "id"]
    made = []
    for number in range(rng.choice((0, 0, 1, 1, 2)) if names else 0):
        pattern = rng.choice(INDEXES)
        made.append(
            pattern.format(
                i=f"`ix_{place.name}_{number}`",
                t=f"`{place.name}`",
                a=f"`{rng.choice(names)}`",
                b=f"`{rng.choice(names)}`",
            )
        )
    return made


def _rules(rng: Random, world: World, place: Place) -> Body:
    rules: Body = {name: _rule(rng, world, place, name) for name in RULES}
    if place.kind == "auth":
        rules["manageRule"] = rng.choice((None, _rule(rng, world, place, "updateRule")))
    return rules


def _rule(rng: Random, world: World, place: Place, name: str) -> str | None:
    roll = rng.random()
    if roll < (0.07 if name in ("createRule", "updateRule") else 0.15):
        return None
    if roll < 0.5:
        return ""
    parts = [_condition(rng, world, place, name) for _ in range(rng.choice((1, 1, 2, 3)))]
    rule = parts[0]
    for part in parts[1:]:
        rule = f"{rule} {rng.choice(('&&', '||', '||'))} {part}"
    return rule


def _condition(rng: Random, world: World, place: Place, name: str) -> str:
    path = _path(rng, world, place, 2)
    other = _path(rng, world, place, 1)
    mine = rng.choice([one["name"] for one in place.fields])
    elsewhere = rng.choice(world.places)
    there = rng.choice([one["name"] for one in elsewhere.fields])
    sign = rng.choice(("=", "!=", "~", "!~", ">", "<=", "?=", "?!=", "?~", "?>"))
    literal = rng.choice(("''", "'a'", "'abc'", "1", "0", "2.5", "true", "false", "null", "@now", "@todayStart"))
    forms = [
        f"{path} {sign} {literal}",
        f"{path} {sign} {literal}",
        f"{path} {sign} {other}",
        "@request.auth.id != ''",
        f"@request.auth.collectionName = '{elsewhere.name}'",
        f"@request.auth.{there} {sign} {path}",
        f"@request.body.{mine}:isset = {rng.choice(('true', 'false'))}",
        f"@request.body.{mine}:changed = {rng.choice(('true', 'false'))}",
        f"@request.body.{path} {sign} {literal}",
        f"@request.body.{mine} {sign} {mine}",
        f"@request.body.{mine}:length {sign} {rng.choice((0, 1, 2))}",
        f"@request.body.{mine}:each {sign} {literal}",
        f"@request.body.{mine}:lower = {literal}",
        f"{mine}:length {sign} {rng.choice((0, 1, 2))}",
        f"{mine}:each {sign} {literal}",
        f"{path}:lower = {literal}",
        f"@collection.{elsewhere.name}.{there} ?= {path}",
        f"@collection.{elsewhere.name}:x.id ?!= ''",
        f"@request.method = '{rng.choice(('POST', 'PATCH'))}'",
        f"@request.query.q:isset = {rng.choice(('true', 'false'))}",
        "@request.headers.x_none = ''",
        f"@request.context = '{rng.choice(('default', 'expand'))}'",
        f"id {sign} {literal}",
    ]
    form = rng.choice(forms)
    del name
    return f"({form})" if rng.random() < 0.1 else form


def _path(rng: Random, world: World, place: Place, hops: int) -> str:
    """A field, or one across relations and back relations."""
    if hops and rng.random() < 0.5:
        steps = [(one["name"], world.place(one["collectionId"])) for one in place.fields if one["type"] == "relation"]
        steps += [
            (f"{other.name}_via_{one['name']}", other)
            for other in world.places
            for one in other.fields
            if one.get("collectionId") == place.id
        ]
        if steps:
            step, target = rng.choice(steps)
            return f"{step}.{_path(rng, world, target, hops - 1)}"
    return str(rng.choice([*[one["name"] for one in place.fields], "id"]))
