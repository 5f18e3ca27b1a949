"""Collections, created, changed and deleted by the same bodies here and by the real PocketBase.

`requests.txt` has a request a line: the method, the collection (none for POST), the body. Later ones depend on
earlier ones. Statuses and bodies are compared, then the two databases.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whims import settled_text
from worker.context import Context
from worker.db.connection import Database

from .conftest import Ours, Real, schema_of

REQUESTS = Path(__file__).with_name("requests.txt").read_text().splitlines()
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z")
EXAMPLE = re.compile(r'(ex\.: )"[^"]*"')
MISSING = "(missing)"
OWN_DATES = ("created", "updated")


def parse(line: str) -> tuple[str, str, Any]:
    method, _, rest = line.partition(" ")
    if method == "POST":
        return method, "", json.loads(rest)
    path, _, body = rest.partition(" ")
    return method, path, json.loads(body) if body else None


def comparable(body: Any) -> Any:
    """A body without what differs from run to run."""
    if isinstance(body, dict):
        return {
            key: "DATE" if key in OWN_DATES and isinstance(value, str) and STAMP.fullmatch(value) else comparable(value)
            for key, value in body.items()
        }
    if isinstance(body, list):
        return [comparable(item) for item in body]
    if isinstance(body, str):
        return EXAMPLE.sub(r"\1X", settled_text(body))
    return body


def differences_of(expected: Any, given: Any, path: str = "") -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(given, dict):
        for key in sorted(expected.keys() | given.keys()):
            yield from differences_of(expected.get(key, MISSING), given.get(key, MISSING), f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        for place, pair in enumerate(zip(expected, given, strict=True)):
            yield from differences_of(*pair, f"{path}.{place}")
    elif expected != given:
        yield f"  {path}: real {str(expected)[:200]} ours {str(given)[:200]}"


def key_orders(body: Any) -> list[list[str]]:
    """The keys of every object, in their order: clients see it."""
    if isinstance(body, dict):
        return [list(body), *(order for value in body.values() for order in key_orders(value))]
    return [order for item in body for order in key_orders(item)] if isinstance(body, list) else []


def rows_of(db: Database) -> list[tuple[Any, ...]]:
    secrets = "json_remove(options, '$.authToken.secret', '$.passwordResetToken.secret', '$.emailChangeToken.secret',"
    secrets += " '$.verificationToken.secret', '$.fileToken.secret')"
    columns = "id, system, type, name, fields, indexes, listRule, viewRule, createRule, updateRule, deleteRule"
    return db.once(f"SELECT {columns}, {secrets} FROM _collections ORDER BY rowid")


def compare(real: Real, ours: Ours, tenant: Context, requests: list[str], *, good: int, bad: int) -> None:
    """Fail unless all of `requests` have the real one's answers and leave its database.

    More than `good` of them must succeed and more than `bad` be refused, or the table shows nothing.
    """
    differences = []
    statuses: dict[int, int] = {}
    for line in requests:
        method, path, body = parse(line)
        expected, given = real(method, path, body), ours(method, path, body)
        statuses[expected[0]] = statuses.get(expected[0], 0) + 1
        found = list(differences_of(comparable(list(expected)), comparable(list(given))))
        if found:
            differences.append("\n".join([line, *found]))
        elif key_orders(expected[1]) != key_orders(given[1]):
            differences.append(f"{line}\n  the order of the keys")
    assert not differences, "\n".join(differences)
    assert statuses[200] > good, "the table has good requests"
    assert statuses[400] > bad, "and bad ones"
    real.server.stop()
    theirs = Database(real.directory / "data.db")
    try:
        assert sorted(rows_of(tenant.data)) == sorted(rows_of(theirs))
        assert sorted(schema_of(tenant.data)) == sorted(schema_of(theirs))
    finally:
        theirs.close()


@pytest.mark.slow
def test_same_answers_and_same_databases(real: Real, ours: Ours, tenant: Context) -> None:
    compare(real, ours, tenant, REQUESTS, good=100, bad=150)


def test_scaffolds(real: Real) -> None:
    from worker.schema.scaffolds import scaffolds

    def named(body: Any) -> Any:
        return json.loads(re.sub(r"(idx_\w+?_)[a-z0-9]{10}", r"\1X", json.dumps(body)))

    assert named(scaffolds()) == named(real("GET", "meta/scaffolds")[1])
