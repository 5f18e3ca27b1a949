"""The primary key: its characters, its clashes, that it never changes."""

from types import SimpleNamespace
from typing import Any

import pytest

from worker.db.connection import Database

from .conftest import Desk

OPEN = {"type": "text", "name": "id", "primaryKey": True, "min": 1, "max": 30, "pattern": "^.+$"}
PLAIN = OPEN | {"pattern": "^[a-z0-9]+$"}


def code(answer: Any) -> str | None:
    return answer["error"]["code"] if isinstance(answer, dict) else None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", None),
        ("é-_@", None),
        ("com0", None),
        ("a.b", "validation_forbidden_pk_character"),
        ("a/b", "validation_forbidden_pk_character"),
        ("a\0b", "validation_forbidden_pk_character"),
        (" a", "validation_forbidden_pk_character"),
        ("a\nb", "validation_invalid_format"),
        ("CON", "validation_reserved_pk"),
        ("lpt9", "validation_reserved_pk"),
        ("x" * 31, "validation_max_text_constraint"),
    ],
)
def test_values(db: Database, value: str, expected: str | None) -> None:
    assert code(Desk(db, OPEN).submit(value)) == expected


def test_clashes(db: Database) -> None:
    for definition, expected in ((OPEN, "validation_pk_invalid"), (PLAIN, None)):
        desk = Desk(db, definition)
        db.execute("INSERT INTO t (id) VALUES ('abc')")
        field = desk.field
        error = field.validate("abc", desk.check)
        assert (error and error.code) == expected, "without upper case, the unique index tells"
    desk = Desk(db, OPEN)
    db.execute("INSERT INTO t (id) VALUES ('abc')")
    assert code(desk.submit("ABC")) == "validation_pk_invalid"


def test_change(db: Database) -> None:
    desk = Desk(db, OPEN)
    check: Any = SimpleNamespace(**vars(desk.check) | {"is_new": False, "original": {"id": "abc"}})
    assert desk.field.validate("abc", check) is None
    error = desk.field.validate("abd", check)
    assert error is not None
    assert error.code == "validation_pk_change"
