"""Options of every type, good and bad, one at a time: the real PocketBase and our fields refuse the same, alike."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.servers import PocketBase
from worker.db.connection import Database
from worker.errors import error_data
from worker.fields import DefinitionCheck, MalformedError, load_field
from worker.fields.jsontext import dumps
from worker.schema.catalog import Catalog

EMAIL, PASSWORD = "root@example.com", "rootpass123"
USERS = "_pb_users_auth_"
WHOLE: list[Any] = [0, 1, -1, 2, 5, 71, 72, 1.5, "1", None, True, 2**53 - 1, 2**53, 2**63]
PATTERNS: list[Any] = [
    *(
        "",
        "a",
        "[",
        "[a-z]{3}",
        "^a$",
        "\\",
        "(?P<n>x)",
        "a{1001}",
        "(a{500}){3}",
        "((a{10}){10}){10}",
        "(a",
        "*",
        1,
        None,
    ),
    *(
        "(a|)",
        "a|",
        "()",
        "(?i)",
        "a||b",
        "\\b",
        "(?m)^",
        "[^\\x00-\\x{10FFFF}]",
        "(^)*",
        "^?",
        "x{0}",
        "(^){0}",
        "\\B",
        "a\\z",
    ),
]
DOMAINS: list[Any] = [
    *(
        [],
        ["a"],
        ["", ""],
        ["a", 1],
        "a",
        None,
        [None],
        ["example.com"],
        ["EXAMPLE.com", "a b"],
        ["x.", "-x.com", "é.com"],
    ),
    *(["a.b.c", "1.2.3.4", "xn--x.com"], ["a_b.com", "localhost", "http://x.com"]),
]
SIZES: list[Any] = [[], ["10x10", "0x0"], ["0x5t", "1x1z", "x"], ["10X10", " 1x1"], [None], [1], "1x1"]
FLAGS: list[Any] = [True, False, None, 1, "true"]
NUMBERS: list[Any] = [0, -1, 1.5, None, "1", True, 2**63, 10**15]
DATES: list[Any] = ["", "2020-01-01", "x", None, 1]
# type → what any definition of it has, and the values to try for each option
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "text": ({}, {"min": WHOLE, "max": WHOLE, "pattern": PATTERNS, "autogeneratePattern": PATTERNS}),
    "number": ({}, {"min": NUMBERS, "max": NUMBERS, "onlyInt": FLAGS}),
    "bool": ({}, {"required": FLAGS}),
    "email": ({}, {"onlyDomains": DOMAINS, "exceptDomains": DOMAINS}),
    "url": ({}, {"onlyDomains": DOMAINS, "exceptDomains": DOMAINS}),
    "editor": ({}, {"maxSize": WHOLE, "convertURLs": FLAGS}),
    "date": ({}, {"min": DATES, "max": DATES}),
    "autodate": ({}, {"onCreate": FLAGS, "onUpdate": FLAGS}),
    "select": ({"values": ["a", "b", "c"]}, {"maxSelect": WHOLE, "values": [[], ["a", "a"], [""], [None], "a"]}),
    "json": ({}, {"maxSize": WHOLE}),
    "file": ({}, {"maxSelect": WHOLE, "maxSize": WHOLE, "thumbs": SIZES, "mimeTypes": [[], ["x"], [None], "x"]}),
    "relation": (
        {"collectionId": USERS},
        {"minSelect": WHOLE, "maxSelect": WHOLE, "cascadeDelete": FLAGS, "collectionId": ["", "users", "x", 1, None]},
    ),
    "password": ({}, {"min": WHOLE, "max": WHOLE, "cost": WHOLE, "pattern": PATTERNS}),
    "geoPoint": ({}, {"hidden": FLAGS}),
}
TOGETHER: list[dict[str, Any]] = [
    {"type": "text", "min": 5, "max": 3},
    {"type": "text", "autogeneratePattern": "a{5}", "pattern": "^[0-9]+$"},
    {"type": "text", "autogeneratePattern": "a{5}", "max": 4},
    {"type": "number", "min": 5, "max": 3},
    {"type": "number", "min": 1.5, "max": 2.5, "onlyInt": True},
    {"type": "email", "onlyDomains": ["a.com"], "exceptDomains": ["b.com"]},
    {"type": "date", "min": "2021-01-01", "max": "2020-01-01"},
    {"type": "relation", "collectionId": USERS, "minSelect": 3, "maxSelect": 2},
    {"type": "relation", "collectionId": USERS, "minSelect": 1, "maxSelect": 1},
    {"type": "password", "min": 10, "max": 9},
    {"type": "autodate", "onCreate": False, "onUpdate": False},
]
DEFINITIONS = [
    {"type": kind} | always | {option: value}
    for kind, (always, options) in OPTIONS.items()
    for option, values in options.items()
    for value in values
] + TOGETHER
MALFORMED = "malformed"


def ours(definition: dict[str, Any], catalog: Catalog) -> Any:
    """The errors of the definition by option, as JSON."""
    try:
        field = load_field({"name": "f", **definition})
    except MalformedError:
        return MALFORMED
    collection: Any = SimpleNamespace(id="c", name="c", type="base", is_auth=False, is_view=False)
    return json.loads(dumps(error_data(field.check_options(DefinitionCheck(catalog, collection, (field,), None)))))


@pytest.mark.slow
def test_every_definition_has_the_real_ones_answer(pocketbase_binary: Path, tmp_path: Path, db: Database) -> None:
    server = PocketBase(tmp_path / "real" / "pb_data")
    server.upsert_superuser(EMAIL, PASSWORD)
    catalog = Catalog.load(db)
    different, refused = [], 0
    with server, httpx.Client(base_url=server.url, timeout=30) as http:
        login = {"identity": EMAIL, "password": PASSWORD}
        answer = http.post("/api/collections/_superusers/auth-with-password", json=login)
        http.headers["Authorization"] = answer.json()["token"]
        for number, definition in enumerate(DEFINITIONS):
            name = f"c{number}"
            answer = http.post("/api/collections", json={"name": name, "fields": [{"name": "f", **definition}]})
            if answer.status_code == 200:
                expected: Any = {}
                http.delete(f"/api/collections/{name}")
            else:
                refused += 1
                data = answer.json()["data"]
                expected = data["fields"]["1"] if data else MALFORMED
            if (given := ours(definition, catalog)) != expected:
                different.append(f"{definition}\n  real {expected}\n  ours {given}")
    assert not different, "\n".join(different)
    assert len(DEFINITIONS) / 4 < refused < len(DEFINITIONS) * 3 / 4, "the table has good and bad definitions"
