"""Views, made, changed, removed and tried out by the same requests here and by the real PocketBase.

Statuses and bodies are compared, and at the end of each part what is in the two databases: the rows of the collections
and the DDL of everything, in its order.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from worker.context import Context
from worker.db.connection import Database

from .conftest import DRY_RUN, Ours, Real, schema_of
from .test_against_real import comparable, differences_of, key_orders, rows_of

LINES = Path(__file__).with_name("views.txt").read_text().splitlines()
PARTS = {title: lines for title, *lines in (part.splitlines() for part in "\n".join(LINES).split("\n= ")[1:])}
# What is drawn at random: ids of copied fields, names of views that are tried out, and the ids that follow from those.
RANDOM = (
    (re.compile(r"_clone_\w{4}"), "_clone_"),
    (re.compile(r"temp_view_\w{5}"), "temp_view_"),
    (re.compile(r"_temp_\w{6}"), "_temp_"),
)


CHANGED = (200, 204)


def settled(body: Any) -> Any:
    """A body without what is random in it."""
    if isinstance(body, dict) and str(body.get("collectionName")).startswith("temp_view_"):
        body = {**body, "collectionId": "ID"}
    if isinstance(body, dict):
        return {key: settled(value) for key, value in body.items()}
    if isinstance(body, list):
        return [settled(item) for item in body]
    return without_random(body) if isinstance(body, str) else body


def without_random(text: str) -> str:
    for pattern, instead in RANDOM:
        text = pattern.sub(instead, text)
    return text


def request_of(line: str) -> tuple[str, str, Any]:
    method, _, rest = line.partition(" ")
    if method == "DRY":
        return "POST", DRY_RUN, {"query": json.loads(rest)}
    if method == "POST":
        return method, "", json.loads(rest)
    path, _, body = rest.partition(" ")
    return method, path, json.loads(body) if body else None


def databases_of(real: Real, tenant: Context) -> Iterator[Any]:
    theirs = Database(real.directory / "data.db")
    try:
        for db in (theirs, tenant.data):
            rows = sorted(tuple(without_random(str(cell)) for cell in row) for row in rows_of(db))
            views = [row for row in schema_of(db) if row[0] == "view"]
            yield rows, views, sorted(schema_of(db))
    finally:
        theirs.close()


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_same_answers_and_same_databases(part: str, real: Real, ours: Ours, tenant: Context) -> None:
    differences = []
    statuses: dict[int, int] = {}
    for line in PARTS[part]:
        if line.startswith("SQL "):
            assert real.call("POST", "/api/sql", {"query": line[4:]})[0] == 200, line
            tenant.data.execute(line[4:])
            continue
        method, path, body = request_of(line)
        expected, given = real(method, path, body), ours(method, path, body)
        statuses[expected[0]] = statuses.get(expected[0], 0) + 1
        found = list(differences_of(comparable(settled(list(expected))), comparable(settled(list(given)))))
        if found:
            differences.append("\n".join([line, *found]))
        elif key_orders(expected[1]) != key_orders(given[1]):
            differences.append(f"{line}\n  the order of the keys")
        if expected[0] in CHANGED and path != DRY_RUN:
            theirs, mine = databases_of(real, tenant)
            if theirs != mine:
                differences.append(f"{line}\n  the databases: {first_difference(theirs, mine)}")
    assert not differences, "\n".join(differences)
    assert statuses[200] > 15, "the part has good requests"
    assert statuses[400] > 5, "and bad ones"


def first_difference(theirs: Any, mine: Any) -> str:
    for some, others in zip(theirs, mine, strict=True):
        only = [row for row in some if row not in others], [row for row in others if row not in some]
        if some != others:
            return f"real {only[0] or some} ours {only[1] or others}"[:2000]
    return "equal"
