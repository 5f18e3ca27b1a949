"""A collection in memory and in a database, for fields to be checked against."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker.db.connection import Database
from worker.db.migrations import write_template
from worker.fields import Field, PasswordValue, load_field
from worker.fields.jsontext import dumps
from worker.schema.catalog import Catalog
from worker.sql import quote


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """The data.db of a new tenant."""
    write_template(tmp_path)
    database = Database(tmp_path / "data.db")
    yield database
    database.close()


class Desk:
    """Submits values to a field as a new record would, over a table of its own."""

    def __init__(self, db: Database, definition: dict[str, Any], table: str = "t") -> None:
        self.db = db
        self.field: Field = load_field({"name": "f", **definition})
        self.table = table
        db.once(f"DROP TABLE IF EXISTS {quote(table)}")
        db.once(f"CREATE TABLE {quote(table)} ({quote(self.field.name)} {self.field.column()})")
        collection = SimpleNamespace(id="c", name=table, type="base", is_auth=False, is_view=False)
        self.check: Any = SimpleNamespace(
            db=db, catalog=Catalog.load(db), collection=collection, original=None, is_new=True
        )

    def submit(self, raw: Any) -> Any:
        """What the API would show of it once it is stored, or `{"error": body}`."""
        field = self.field
        value = field.prepare(field.cast(raw), True, True)
        error = field.validate(value, self.check)
        if error is not None:
            return {"error": json.loads(dumps(error.body()))}
        if isinstance(value, PasswordValue):
            return ""
        column = quote(field.name)
        self.db.execute(f"DELETE FROM {quote(self.table)}")
        self.db.execute(f"INSERT INTO {quote(self.table)} ({column}) VALUES (?)", (field.to_db(value),))
        stored = field.from_db(self.db.value(f"SELECT {column} FROM {quote(self.table)}"))
        assert stored == value, "stored and read again it is the same"
        return json.loads(dumps(stored))
