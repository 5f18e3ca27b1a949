"""Auth collections and system collections, by the same bodies here and by the real PocketBase: `auth_requests.txt`."""

from pathlib import Path

import pytest

from worker.context import Context
from worker.db.connection import Database

from .conftest import Ours, Real, schema_of
from .test_against_real import comparable, differences_of, key_orders, parse, rows_of

REQUESTS = Path(__file__).with_name("auth_requests.txt").read_text().splitlines()


@pytest.mark.slow
def test_same_answers_and_same_databases(real: Real, ours: Ours, tenant: Context) -> None:
    differences = []
    statuses: dict[int, int] = {}
    for line in REQUESTS:
        method, path, body = parse(line)
        expected, given = real(method, path, body), ours(method, path, body)
        statuses[expected[0]] = statuses.get(expected[0], 0) + 1
        found = list(differences_of(comparable(list(expected)), comparable(list(given))))
        if found:
            differences.append("\n".join([line, *found]))
        elif key_orders(expected[1]) != key_orders(given[1]):
            differences.append(f"{line}\n  the order of the keys")
    assert not differences, "\n".join(differences)
    assert statuses[200] > 100, "the table has good requests"
    assert statuses[400] > 100, "and bad ones"
    real.server.stop()
    theirs = Database(real.directory / "data.db")
    try:
        assert sorted(rows_of(tenant.data)) == sorted(rows_of(theirs))
        assert sorted(schema_of(tenant.data)) == sorted(schema_of(theirs))
    finally:
        theirs.close()
