"""Relations and files: what has to be there."""

from types import SimpleNamespace
from typing import Any

import pytest

from worker.db.connection import Database

from .conftest import Desk

USERS = {"type": "relation", "collectionId": "_pb_users_auth_"}


@pytest.fixture
def people(db: Database) -> Database:
    for name in "abc":
        db.execute("INSERT INTO users (id, tokenKey, email) VALUES (?, ?, ?)", (name, name, f"{name}@x.co"))
    return db


@pytest.mark.parametrize(
    ("options", "value", "expected"),
    [
        ({}, "a", None),
        ({}, "zz", "validation_missing_rel_records"),
        ({"maxSelect": 2}, ["a", "b"], None),
        ({"maxSelect": 2}, ["a", "a"], None),
        ({"maxSelect": 2}, ["a", "zz"], "validation_missing_rel_records"),
        ({"maxSelect": 2}, ["a", "b", "c"], "validation_too_many_values"),
        ({"maxSelect": 3, "minSelect": 2}, ["a"], "validation_not_enough_values"),
        ({"maxSelect": 3, "minSelect": 2}, [], None),
        ({"required": True}, "", "validation_required"),
        ({"collectionId": "gone"}, "a", "validation_missing_rel_collection"),
    ],
)
def test_relations(people: Database, options: dict[str, Any], value: Any, expected: str | None) -> None:
    answer = Desk(people, USERS | options).submit(value)
    assert (answer["error"]["code"] if isinstance(answer, dict) else None) == expected


def test_stored_files_may_stay_and_go(db: Database) -> None:
    desk = Desk(db, {"type": "file", "maxSelect": 2})
    check: Any = SimpleNamespace(**vars(desk.check) | {"is_new": False, "original": {"f": ["a.txt", "b.txt"]}})
    for value in (["a.txt", "b.txt"], ["b.txt"], []):
        assert desk.field.validate(value, check) is None
    error = desk.field.validate(["b.txt", "c.txt"], check)
    assert error is not None
    assert error.params == {"invalidFiles": ["c.txt"]}
