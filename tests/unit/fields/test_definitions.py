"""Definitions: what is read, what is refused, what is written back; and the DDL of each type."""

from typing import Any

import pytest

from worker.fields import TYPES, MalformedError, load_field

COMMON = {"hidden": False, "presentable": False, "system": False}
FULL = COMMON | {"help": "", "required": False}
TEXT = "TEXT DEFAULT '' NOT NULL"
# type → its options with their defaults, column, zero value
TABLE: dict[str, tuple[dict[str, Any], str, Any]] = {
    "text": (
        {"min": 0, "max": 0, "pattern": "", "autogeneratePattern": "", "primaryKey": False},
        TEXT,
        "",
    ),
    "number": ({"min": None, "max": None, "onlyInt": False}, "NUMERIC DEFAULT 0 NOT NULL", 0),
    "bool": ({}, "BOOLEAN DEFAULT FALSE NOT NULL", False),
    "email": ({"onlyDomains": [], "exceptDomains": []}, TEXT, ""),
    "url": ({"onlyDomains": [], "exceptDomains": []}, TEXT, ""),
    "editor": ({"maxSize": 0, "convertURLs": False}, TEXT, ""),
    "date": ({"min": "", "max": ""}, TEXT, ""),
    "autodate": ({"onCreate": False, "onUpdate": False}, TEXT, ""),
    "select": ({"values": [], "maxSelect": 0}, TEXT, ""),
    "json": ({"maxSize": 0}, "JSON DEFAULT NULL", None),
    "file": ({"maxSelect": 0, "maxSize": 0, "mimeTypes": [], "thumbs": [], "protected": False}, TEXT, ""),
    "relation": ({"collectionId": "", "cascadeDelete": False, "minSelect": 0, "maxSelect": 0}, TEXT, ""),
    "password": ({"min": 0, "max": 0, "pattern": "", "cost": 0}, TEXT, ""),
    "geoPoint": ({}, """JSON DEFAULT '{"lon":0,"lat":0}' NOT NULL""", {"lon": 0, "lat": 0}),
}


def test_the_table_is_complete() -> None:
    assert TABLE.keys() == TYPES.keys()


@pytest.mark.parametrize("kind", TABLE)
def test_defaults(kind: str) -> None:
    options, column, zero = TABLE[kind]
    field = load_field({"type": kind, "name": "f", "unknown": 1, "Help": "keys match exactly"})
    expected = (COMMON if kind == "autodate" else FULL) | options
    dumped = field.dump()
    assert dumped == expected | {"type": kind, "name": "f", "id": dumped["id"]}
    assert list(dumped) == sorted(dumped)
    assert field.column() == column
    assert field.zero() == zero
    assert field.zero() is not field.zero() or not isinstance(zero, dict), "mutable zero values are fresh"
    assert load_field(dumped) == field
    assert not field.multiple


@pytest.mark.parametrize("kind", ["select", "file", "relation"])
def test_multiple(kind: str) -> None:
    for maximum, multiple in ((0, False), (1, False), (2, True)):
        field = load_field({"type": kind, "name": "f", "maxSelect": maximum})
        assert field.multiple is multiple
        assert field.zero() == ([] if multiple else "")
        assert field.column() == ("JSON DEFAULT '[]' NOT NULL" if multiple else TEXT)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [("text", "id", "text3208210256"), ("autodate", "created", "autodate2990389176"), ("text", "", "")],
)
def test_default_ids(kind: str, name: str, expected: str) -> None:
    assert load_field({"type": kind, "name": name}).id == expected


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"type": "nope"},
        {"type": "TEXT"},
        {"type": 5},
        {"type": "text", "name": 5},
        {"type": "text", "max": "5"},
        {"type": "text", "max": 1.0},
        {"type": "text", "max": True},
        {"type": "text", "max": 2**63},
        {"type": "text", "required": "x"},
        {"type": "number", "min": "1"},
        {"type": "number", "min": True},
        {"type": "date", "min": 5},
        {"type": "select", "values": "a"},
        {"type": "select", "values": [1]},
    ],
)
def test_malformed(raw: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        load_field(raw)


def test_null_is_the_default() -> None:
    field = load_field({"type": "text", "name": "f", "max": None, "pattern": None, "required": None})
    assert field == load_field({"type": "text", "name": "f"})
