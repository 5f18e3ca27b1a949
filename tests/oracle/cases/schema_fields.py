"""Definitions of fields: the options of every type, kept and refused."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

ALL = "/api/collections"
TAGS = "pbc_1219621782"
counter = iter(range(1000))


def field(kind: str, name: str = "f", /, **options: object) -> Case:
    """A collection with one field of this definition; collections of good ones get numbered names."""
    return case(
        "POST",
        ALL,
        as_="super",
        json={"name": f"c{next(counter)}", "fields": [{"type": kind, "name": name, **options}]},
    )


KINDS = (
    "text",
    "number",
    "bool",
    "email",
    "url",
    "editor",
    "date",
    "autodate",
    "select",
    "json",
    "file",
    "relation",
    "password",
    "geoPoint",
)
NAMES = (
    "id",
    "null",
    "TRUE",
    "_rowid_",
    "collectionId",
    "collectionName",
    "expand",
    "with space",
    "a-b",
    "a.b",
    "ünï",
    "a" * 101,
    "a" * 100,
    "a_via_b",
    "_x",
    "1x",
    "created",
    "",
    "password",
    "select",
    "@x",
    "f:g",
)

CASES = [
    *(field(kind) for kind in KINDS),
    *(field("text", name) for name in NAMES),
    *(field(kind, required=True, hidden=True, presentable=True, help="some help", unknown=1) for kind in KINDS),
    *(
        field("text", **options)
        for options in (
            {"min": -1},
            {"max": -1},
            {"min": 5, "max": 3},
            {"pattern": "("},
            {"pattern": "^a+$", "min": 1, "max": 2},
            {"autogeneratePattern": "[a-z]{3}"},
            {"autogeneratePattern": "["},
            {"primaryKey": True},
            {"min": "x"},
            {"max": 1.5},
            {"min": 9007199254740993},
            {"id": "short"},
            {"id": "own_field_id"},
            {"id": "with space"},
            {"system": True},
            {"name": 5},
        )
    ),
    case(
        "POST",
        ALL,
        as_="super",
        json={
            "name": "unlucky",
            "fields": [{"type": "text", "name": "f", "autogeneratePattern": "[a-z]{3}", "pattern": "^[0-9]$"}],
        },
        loose=("message",),
    ),
    *(
        field("number", **options)
        for options in (
            {"min": 1, "max": 0},
            {"min": 1.5, "onlyInt": True},
            {"min": None, "max": None},
            {"min": 0, "max": 0},
            {"max": 2.5},
            {"min": "a"},
        )
    ),
    *(
        field(kind, **options)
        for kind in ("email", "url")
        for options in (
            {"onlyDomains": ["a.com"], "exceptDomains": ["b.com"]},
            {"onlyDomains": ["bad domain"]},
            {"exceptDomains": ["a.com"]},
            {"onlyDomains": None},
        )
    ),
    *(field("editor", **options) for options in ({"maxSize": -1}, {"maxSize": 100, "convertURLs": True})),
    *(
        field("date", **options)
        for options in (
            {"min": "2024-01-01", "max": "2023-01-01"},
            {"min": "x"},
            {"min": "2024-01-01 00:00:00.000Z", "max": ""},
        )
    ),
    *(
        field("autodate", **options)
        for options in (
            {"onCreate": True},
            {"onUpdate": True},
            {"onCreate": False, "onUpdate": False},
            {"onCreate": True, "onUpdate": True, "required": True},
        )
    ),
    *(
        field("select", **options)
        for options in (
            {"values": ["a"]},
            {"values": ["a", "b"], "maxSelect": 2},
            {"values": ["a"], "maxSelect": 5},
            {"values": ["a", "a"]},
            {"values": [""]},
            {"values": []},
            {"values": ["a"], "maxSelect": -1},
            {"values": ["a"], "maxSelect": 0},
            {"values": "a"},
            {"values": ["a", 5]},
            {"values": ["a", "b", "c"], "maxSelect": 3},
        )
    ),
    *(field("json", **options) for options in ({"maxSize": -1}, {"maxSize": 10}, {"maxSize": 9007199254740993})),
    *(
        field("file", **options)
        for options in (
            {"maxSelect": 2},
            {"maxSize": -1},
            {"thumbs": ["100x100", "0x50", "50x0t"]},
            {"thumbs": ["x"]},
            {"thumbs": ["0x0"]},
            {"mimeTypes": ["image/png"]},
            {"mimeTypes": ["nonsense"]},
            {"protected": True},
            {"maxSelect": 0},
        )
    ),
    *(
        field("relation", **options)
        for options in (
            {"collectionId": "nothing"},
            {"collectionId": TAGS},
            {"collectionId": "tags"},
            {"collectionId": TAGS, "maxSelect": 5, "minSelect": 2, "cascadeDelete": True},
            {"collectionId": TAGS, "minSelect": 3, "maxSelect": 2},
            {"collectionId": TAGS, "minSelect": -1},
            {"collectionId": TAGS, "maxSelect": 0},
        )
    ),
    *(
        field("password", **options)
        for options in (
            {"min": 5, "max": 3},
            {"min": -1},
            {"max": 72},
            {"cost": 3},
            {"cost": 32},
            {"cost": 12, "pattern": "^a+$"},
            {"pattern": "("},
        )
    ),
    # a value for every type in the first collections
    *(
        case("POST", f"{ALL}/c{number}/records", as_="super", json={"f": value})
        for number, value in enumerate(("x", 1.5, True, "a@example.com", "https://example.com", "<p>", "2024-01-01"))
    ),
    # changing a field of a collection that has records
    case(
        "POST",
        ALL,
        as_="super",
        json={
            "name": "moves",
            "fields": [
                {"name": "t", "type": "text", "id": "fieldt00"},
                {"name": "s", "type": "select", "id": "fields00", "values": ["a", "b"], "maxSelect": 1},
                {"name": "m", "type": "select", "id": "fieldm00", "values": ["a", "b"], "maxSelect": 2},
            ],
        },
    ),
    case(
        "POST", f"{ALL}/moves/records", as_="super", json={"id": ident("move1"), "t": "text", "s": "a", "m": ["a", "b"]}
    ),
    case("GET", f"{ALL}/moves", as_="super", save={"pk": "fields.0.id"}),
    case(
        "PATCH",
        f"{ALL}/moves",
        as_="super",
        json={
            "fields": [
                {"name": "t", "type": "text", "id": "fieldt00"},
                {"name": "s", "type": "select", "id": "fields00", "values": ["a", "b"], "maxSelect": 2},
                {"name": "m", "type": "select", "id": "fieldm00", "values": ["a", "b"], "maxSelect": 1},
            ]
        },
        note="single to multiple and back",
    ),
    case("GET", f"{ALL}/moves/records", as_="super", note="single to multiple and back"),
    case(
        "PATCH",
        f"{ALL}/moves",
        as_="super",
        json={
            "fields": [
                {"name": "t2", "type": "text", "id": "fieldt00", "required": True, "min": 10},
                {"name": "n", "type": "number"},
            ]
        },
        note="rename and drop",
    ),
    case("GET", f"{ALL}/moves/records", as_="super", note="rename and drop"),
    case("PATCH", f"{ALL}/moves/records/{ident('move1')}", as_="super", json={"n": 5}, note="now too short"),
    case(
        "PATCH",
        f"{ALL}/moves",
        as_="super",
        json={"fields": [{"name": "t2", "type": "number", "id": "fieldt00"}]},
        note="another type under the same id",
    ),
    case(
        "PATCH",
        f"{ALL}/moves",
        as_="super",
        json={"fields": [{"name": "x", "type": "text"}, {"name": "x", "type": "text"}]},
        note="twice the same",
    ),
    case("GET", f"{ALL}/moves", as_="super"),
]
