"""Collections that are made when they are asked for: the same as if all had been made at once, and errors at once."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import orjson
import pytest

from worker.context import Context
from worker.fields import TYPES, load_field
from worker.fields.base import Option
from worker.fields.stored import stored_definitions, stored_field
from worker.schema.catalog import SELECT, Catalog
from worker.schema.collection import AUTH, COLUMNS, VIEW, Collection, Row
from worker.schema.options import TOKENS
from worker.schema.shelf import Shelf, Stored

PLACES = {name: place for place, name in enumerate(COLUMNS)}
VALUES: dict[str, Callable[[random.Random], Any]] = {
    "bool": lambda rng: rng.random() < 0.5,
    "str": lambda rng: rng.choice(["", "a", "é\u2028", '"\\', "x" * 50]),
    "int": lambda rng: rng.choice([0, 1, -1, (1 << 63) - 1]),
    "number": lambda rng: rng.choice([None, 0, 3, -7, 2.5, -0.0, 1e300, 1 << 60]),
    "date": lambda rng: rng.choice(["", "2024-01-02 03:04:05.000Z", "no date"]),
    "texts": lambda rng: rng.sample(["a", "b", "c", ""], rng.randrange(4)),
}


def stored_row(row: Row, **changes: Any) -> Row:
    return tuple(changes.get(name, value) for name, value in zip(COLUMNS, row, strict=True))


def definition(rng: random.Random, kind: str, name: str, targets: list[str]) -> dict[str, Any]:
    options: dict[str, Option] = dict(TYPES[kind].OPTIONS)
    made = {key: VALUES[option.kind](rng) for key, option in options.items() if rng.random() < 0.7}
    if kind == "relation":
        made["collectionId"] = rng.choice(targets)
    return made | {"name": name, "type": kind}


def rows_of(rng: random.Random, template: list[Row]) -> list[Row]:
    """A schema: the template's collections, and some with relations among each other, auth ones and views."""
    ids = [f"pbc_{rng.randrange(10**9)}" for _ in range(rng.randrange(1, 8))]
    targets = [*ids, "_pb_users_auth_", "nowhere"]
    users = next(row for row in template if row[3] == "users")
    rows = list(template)
    for place, identifier in enumerate(ids):
        kind = rng.choice(["base", "base", AUTH, VIEW])
        count = rng.randrange(6)
        fields = [definition(rng, rng.choice(list(TYPES)), f"f{at}", targets) for at in range(count)]
        spaces = rng.choice([None, (", ", ": ")]) or (",", ":")
        rows.append(
            stored_row(
                users,
                id=identifier,
                type=kind,
                name=f"Name{place}" if rng.random() < 0.9 else ids[-1 - place],
                fields=json.dumps(fields, separators=spaces, ensure_ascii=rng.random() < 0.5),
                options=users[PLACES["options"]] if kind == AUTH else '{"viewQuery":"SELECT 1"}',
            )
        )
    rng.shuffle(rows)
    return rows


class Database:
    """What a catalog reads."""

    burden: Any = None

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def once(self, sql: str) -> list[Row]:
        return self.rows if sql is SELECT else []


def loaded(rows: list[Row], shelf: Shelf) -> Catalog:
    return Catalog.load(Database(rows), shelf)  # type: ignore[arg-type]


def eager(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """What the rows say, by id, read without any of what is shared or kept."""
    found = {}
    for row in rows:
        collection = Shelf().collection(row)
        assert [field.dump() for field in collection.fields] == [load_field(raw).dump() for raw in orjson.loads(row[4])]
        found[row[0]] = collection.dump(secrets=True)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_made_one_by_one_or_all_at_once(seed: int, tenant: Context) -> None:
    rng = random.Random(seed)
    shelf = Shelf()
    template = tenant.data.all(SELECT)
    for _ in range(6):
        rows = rows_of(rng, template)
        catalog, expected = loaded(rows, shelf), eager(rows)
        steps = [
            *((catalog.by_id, (row[0],), row[0]) for row in rows),
            *((catalog.get, (name_or_id,), None) for row in rows for name_or_id in (row[0], row[3], row[3].upper())),
        ]
        rng.shuffle(steps)
        for ask, arguments, identifier in steps[: rng.randrange(len(steps))]:
            found = ask(*arguments)
            wanted = identifier or _named(rows, arguments[0])
            assert found is not None
            assert found.dump(secrets=True) == expected[wanted]
            assert found is catalog.by_id(wanted)
        target = rng.choice(rows)[0]
        references = [
            (row[0], raw["name"])
            for row in rows
            for raw in orjson.loads(row[4])
            if raw["type"] == "relation" and raw["collectionId"] == target
        ]
        pointed_to = catalog.by_id(target)
        assert pointed_to is not None
        assert [(other.id, field.name) for other, field in catalog.referencing(pointed_to)] == references
        kind = rng.choice([AUTH, VIEW, "base"])
        assert [one.id for one in catalog.of_type(kind)] == [row[0] for row in rows if row[2] == kind]
        assert catalog.ids() == list(expected)
        assert [one.dump(secrets=True) for one in catalog.all()] == list(expected.values())
        assert [catalog.by_id(identifier) for identifier in catalog.ids()] == catalog.all()


def _named(rows: list[Row], name_or_id: str) -> str:
    named: dict[str, str] = {row[3].lower(): row[0] for row in rows}  # the last one of a name
    either = {name_or_id, named.get(name_or_id.lower())}
    return next(str(row[0]) for row in rows if row[0] in either)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('[{"type":"text","name":"a","max":5}]', True),
        ('[{"name":"a","id":"","type":"number","min":null}]', True),
        ("[]", True),
        # what is not as PocketBase writes it
        ('[{"type":"number","min":2.5}]', False),
        ('[{"type":"number","min":18446744073709551616}]', False),
        ('[{"type":"text","max":null}]', False),
        ('[{"type":"select","values":["a",null]}]', False),
        ("null", False),
        # errors
        ('[{"type":"text","max":1.0}]', False),
        ('[{"type":"text","max":9223372036854775808}]', False),
        ('[{"type":"text","max":true}]', False),
        ('[{"type":"text","type":"bool"}]', False),
        ('[{"type":"nix"}]', False),
        ('[{"name":"a"}]', False),
        ("[5]", False),
        ("{}", False),
        ('[{"type":"text"', False),
        ('[{"type":"text","name":"\\ud800"}]', False),
        ("", False),
    ],
)
def test_definitions_as_they_are_written(text: str, known: bool) -> None:
    definitions = stored_definitions(text)
    assert (definitions is not None) is known
    if definitions is not None:
        expected = [load_field(raw) for raw in orjson.loads(text)]
        assert [(type(field), field.dump()) for field in map(stored_field, definitions)] == [
            (type(field), field.dump()) for field in expected
        ]


@pytest.mark.parametrize(
    "damage",
    [
        {"fields": '[{"type":"nope"}]'},
        {"fields": '[{"type":"text","max":"5"}]'},
        {"fields": '[{"type":"text"'},
        {"fields": ""},
        {"fields": None},
        {"indexes": "[", "fields": "[]"},
        {"type": "auth", "options": '{"mfa":5}'},
        {"type": "auth", "options": ""},
        {"type": "view", "options": '{"viewQuery":5}'},
    ],
)
def test_what_is_damaged_is_found_before_it_is_wanted(damage: dict[str, Any], tenant: Context) -> None:
    rows = tenant.data.all(SELECT)
    users = next(row for row in rows if row[3] == "users")
    base = stored_row(users, id="pbc_1", name="one", type="base", options="{}")
    assert loaded([*rows, base], Shelf()).by_id("pbc_1") is not None
    damaged = stored_row(base, **damage)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (which one, the next lines say)
        loaded([*rows, damaged], Shelf())
    with pytest.raises(type(refused.value)) as expected:
        Shelf().collection(damaged)
    assert str(refused.value) == str(expected.value)


def test_only_what_is_asked_for_is_made(tenant: Context) -> None:
    shelf = Shelf()
    rows = tenant.data.all(SELECT)
    users = next(row for row in rows if row[3] == "users")
    rows += [
        stored_row(users, id=f"pbc_{name}", name=name, type="base", fields=f'[{{"name":"{name}","type":"{kind}"}}]')
        for name, kind in (("one", "text"), ("two", "bool"), ("three", "url"))
    ]

    def waiting(catalog: Catalog) -> list[str]:
        return [entry.row[3] for entry in catalog._entries() if isinstance(entry, Stored)]

    first, second = loaded(rows, shelf), loaded(rows, shelf)
    assert waiting(first) == ["users", "one", "two", "three"]
    copied = first.copy()
    one = first.get("ONE")
    assert one is not None
    assert waiting(first) == waiting(copied) == ["users", "two", "three"]
    assert copied.by_id("pbc_one") is one
    assert first.referencing(one) == []
    assert waiting(first) == ["users", "two", "three"]
    # another tenant's is the same object, be it made before or after it was read there
    assert second.get("one") is one
    assert waiting(loaded(rows, shelf)) == ["users", "two", "three"]
    # reading anew keeps what did not change
    rows[-1] = stored_row(rows[-1], listRule="")
    copied.reload(Database(rows))  # type: ignore[arg-type]
    assert copied.get("one") is one
    assert (first.get("three"), copied.get("three")) != (None, None)
    assert [getattr(catalog.get("three"), "list_rule", 0) for catalog in (first, copied)] == [users[6], ""]


def test_threads_that_ask_at_once_get_the_same(tenant: Context) -> None:
    rows = tenant.data.all(SELECT)
    users = next(row for row in rows if row[3] == "users")
    rows += [stored_row(users, id=f"pbc_{at}", name=f"n{at}", type=AUTH if at % 2 else "base") for at in range(40)]
    catalog = loaded(rows, Shelf())
    barrier = Barrier(4)

    def ask() -> list[Collection | None]:
        barrier.wait()
        return [catalog.get(f"n{at}") for at in range(40)]

    with ThreadPoolExecutor(4) as pool:
        several = [found.result() for found in [pool.submit(ask) for _ in range(4)]]
    for each in several:
        assert all(one is other for one, other in zip(each, several[0], strict=True))
    assert all(one is catalog.by_id(f"pbc_{at}") for at, one in enumerate(several[0]))


TOKENS_TEXT = ",".join(f'"{key}":{{"secret":"{{0}}{at}","duration":{at}}}' for at, key in enumerate(TOKENS.values()))


@pytest.mark.parametrize(
    ("before", "after", "shares"),
    [
        ('{"authRule":null,', "}", True),
        ("{", "}", True),
        ('{"authRule":null, ', ' , "manageRule":""}', True),
        # what looks like the tokens is not them
        ('{"oauth2":{"providers":[{"extra":{', "}}]}}", False),
        ('{"oauth2":{"providers":[{"extra":{', '}}]},"authToken":{"secret":"top"}}', False),
    ],
)
def test_secrets_are_a_tenants_own(before: str, after: str, shares: bool, tenant: Context) -> None:
    users = next(row for row in tenant.data.all(SELECT) if row[3] == "users")
    shelf = Shelf()
    texts = [before + TOKENS_TEXT.replace("{0}", word) + after for word in ("one", "two", "one")]
    rows = [stored_row(users, options=text) for text in texts]
    several = [shelf.collection(row) for row in rows]
    for row, collection in zip(rows, several, strict=True):
        auth = collection.auth
        assert auth is not None
        item = orjson.loads(row[PLACES["options"]])
        for name, key in TOKENS.items():
            assert getattr(auth, name).secret == item.get(key, {}).get("secret", "")
        for provider, raw in zip(auth.oauth2.providers, item.get("oauth2", {}).get("providers", []), strict=True):
            assert provider.extra == raw["extra"]
        assert collection.prototype.auth is not None
        assert "one" not in repr(collection.prototype.auth.auth_token)
    assert (several[0].prototype is several[1].prototype) is shares
    assert several[0].prototype is several[2].prototype
