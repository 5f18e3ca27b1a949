"""Random collections: base, auth and view, fields of all types and options, relations of every shape, indexes.

A world grows in steps, because relations and rules name collections that must exist: `collections` (plain fields),
`relations` for each, `indexes` for each, `views`, and rules (see `filters.Texts.rule`).
"""

from random import Random
from typing import Any

from tests.differential.values import SELECTS, Field

Collection = dict[str, Any]

# Names that are keywords of SQL, differ by case only from others' or look like something else.
COLLECTION_NAMES = ("alpha", "Beta", "gamma", "order", "d_e_l", "eps1", "zeta", "_eta")
FIELD_NAMES = (
    "title", "n", "Count", "data", "loc", "a_b", "_x", "order", "group", "select", "x1", "length", "via", "name",
    "kind", "tags", "flag", "at", "body", "link", "mail", "request", "value", "key", "alpha", "json", "each",
    "lower", "rowid",
)  # fmt: skip
PLAIN_TYPES = ("text", "number", "bool", "email", "url", "editor", "date", "select", "json", "geoPoint")
# How often each comes; every collection has a text and a number.
WEIGHTS = (4, 4, 2, 1, 1, 1, 2, 4, 4, 2)
HIDDEN_SHARE = 0.12
PASSWORD = "12345678"


def collections(rng: Random) -> list[Collection]:
    """The bodies of base and auth collections, without relations, indexes and rules; `users` exists already."""
    names = rng.sample(COLLECTION_NAMES, rng.randint(3, 5))
    bodies = [{"name": name, "type": "base", "fields": plain_fields(rng)} for name in names]
    bodies.append({"name": "people", "type": "auth", "fields": plain_fields(rng, rng.randint(1, 4))})
    return bodies


def plain_fields(rng: Random, count: int | None = None) -> list[Field]:
    """Random fields that need nothing else."""
    kinds = ["text", "number", *rng.choices(PLAIN_TYPES, WEIGHTS, k=rng.randint(2, 7) if count is None else count)]
    names = rng.sample(FIELD_NAMES, len(kinds))
    fields = [plain_field(rng, kind, name) for kind, name in zip(kinds, names, strict=True)]
    if rng.random() < 0.6:
        fields.append({"type": "autodate", "name": "created", "onCreate": True})
    return fields


def plain_field(rng: Random, kind: str, name: str) -> Field:
    """One field of a type that needs no other collection, with random options."""
    field: Field = {"type": kind, "name": name, "hidden": rng.random() < HIDDEN_SHARE}
    if kind == "select":
        field["values"] = rng.sample(SELECTS, rng.randint(2, 6))
        field["maxSelect"] = rng.choice((1, 2, len(field["values"])))
    elif kind == "number":
        field["onlyInt"] = rng.random() < 0.2
    elif kind == "text" and rng.random() < 0.3:
        field["max"] = rng.choice((1, 5, 20))
    return field


def relations(rng: Random, collection: Collection, all_of_them: list[Collection]) -> list[Field]:
    """Relation fields for a collection that exists: single, multiple, to itself, in rings."""
    taken = {field["name"].lower() for field in collection["fields"]}
    fields = []
    for number in range(rng.randint(0, 3)):
        # "parent", a column of json_each too, is no name for a multiple one: the real one finds nothing then
        name = rng.choice((f"rel{number}", f"Rel_{number}", "parent", "author", "items"))
        if name.lower() in taken:
            continue
        taken.add(name.lower())
        target = collection if rng.random() < 0.15 else rng.choice(all_of_them)
        fields.append(
            {
                "type": "relation",
                "name": name,
                "collectionId": target["id"],
                "maxSelect": 1 if name == "parent" else rng.choice((1, 1, 2, 5)),
                "cascadeDelete": rng.random() < 0.3,
                "hidden": rng.random() < HIDDEN_SHARE,
            }
        )
    return fields


def indexes(rng: Random, collection: Collection) -> list[str]:
    """Indexes over random fields: unique ones on single relations (the back relation is single then), plain others."""
    name, found = collection["name"], []
    fields = [field for field in collection["fields"] if not field["system"]]
    for field in fields:
        where = rng.choice(("", f" WHERE `{field['name']}` != ''"))
        if field["type"] == "relation" and field["maxSelect"] <= 1 and rng.random() < 0.5:
            found.append(f"CREATE UNIQUE INDEX `u_{name}_{field['name']}` ON `{name}` (`{field['name']}`){where}")
        elif field["type"] in ("text", "number", "relation", "date") and rng.random() < 0.15:
            order = rng.choice(("", " DESC", " COLLATE NOCASE"))
            found.append(f"CREATE INDEX `i_{name}_{field['name']}` ON `{name}` (`{field['name']}`{order})")
    if len(fields) > 1 and rng.random() < 0.3:
        one, two = rng.sample(fields, 2)
        found.append(f"CREATE INDEX `i_{name}_two` ON `{name}` (`{one['name']}`, `{two['name']}`)")
    return found


def views(rng: Random, sources: list[Collection]) -> list[Collection]:
    """Views over the collections: a selection, a join, a count, expressions."""
    source, other = rng.choice(sources), rng.choice(sources)
    names = [field["name"] for field in source["fields"] if field["type"] != "password" and field["name"] != "id"]
    picked = rng.sample(names, min(len(names), 4))
    table = f"`{source['name']}`"
    listed = "".join(f", {table}.`{name}`" for name in picked)
    computed = (
        "(1 + 1) as two",
        f"cast({table}.id as text) as word",
        f"(length({table}.id) > 3) as long",
        f"cast({table}.`{picked[0]}` as int) as whole",
        f"cast({table}.`{picked[0]}` as real) as part",
        "null as nothing",
        f"max({table}.`{picked[0]}`, 'm') as bigger",
    )
    extra = "".join(f", {text}" for text in rng.sample(computed, 2))
    aliased = f", {table}.`{picked[0]}` as other_name"
    queries = {
        "v_some": f"SELECT {table}.id{listed} FROM {table}",
        "v_calc": f"SELECT {table}.id{aliased}{extra} FROM {table}",
        "v_join": f"SELECT {table}.id{listed}, o.id as oid FROM {table}"
        f" LEFT JOIN `{other['name']}` o ON o.id > {table}.id GROUP BY {table}.id",
        "v_count": f"SELECT (row_number() over ()) as id, count(*) as total FROM {table} GROUP BY `{picked[0]}`",
    }
    chosen = rng.sample(sorted(queries), rng.randint(1, 2))
    return [{"name": name, "type": "view", "viewQuery": queries[name]} for name in chosen]
