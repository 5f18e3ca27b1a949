"""The DDL of collections: tables, columns and indexes as PocketBase lays them out, data kept.

Everything runs inside the caller's transaction. A changed column moves to the end of its table, as it does in the real
one: it is added anew, filled from the old one, and the old one dropped.
"""

import apsw

from worker.db.connection import Database
from worker.errors import FieldError, ValidationErrors
from worker.fields import Field
from worker.schema.collection import Collection
from worker.schema.indexes import parse_index
from worker.sql import quote, rand_id

# How a column's texts become lists, and the reverse; {0} is the column of the old values.
TO_MANY = (
    "CASE WHEN COALESCE({0}, '') = '' THEN '[]'"
    " WHEN json_valid({0}) AND json_type({0}) = 'array' THEN {0} ELSE json_array({0}) END"
)
TO_ONE = (
    "CASE WHEN COALESCE({0}, '[]') = '[]' THEN ''"
    " WHEN json_valid({0}) AND json_type({0}) = 'array' THEN COALESCE(json_extract({0}, '$[#-1]'), '') ELSE {0} END"
)


def create_table(db: Database, collection: Collection) -> None:
    """Make the table of a new base or auth collection, its columns in alphabetical order, and its indexes."""
    fields = sorted(collection.fields, key=lambda field: field.name)
    columns = ", ".join(f"{quote(field.name)} {field.column()}" for field in fields)
    db.once(f"CREATE TABLE {quote(collection.name)} ({columns})")
    create_indexes(db, collection)


def change_table(db: Database, old: Collection, new: Collection) -> None:
    """Bring the table of `old` into the form of `new`: columns are matched by the ids of their fields."""
    drop_indexes(db, old)
    if old.name.lower() != new.name.lower():  # a table's name is found in any case
        db.once(f"ALTER TABLE {quote(old.name)} RENAME TO {quote(new.name)}")
    table = quote(new.name)
    before = {field.id: field for field in old.fields}
    after = {field.id: field for field in new.fields}
    for gone in old.fields:
        if gone.id not in after:
            db.once(f"ALTER TABLE {table} DROP COLUMN {quote(gone.name)}")
    _rename_columns(db, table, before, new)
    for field in new.fields:
        known = before.get(field.id)
        if known is not None and known.multiple != field.multiple:
            _convert(db, table, field)
    create_indexes(db, new)


def drop_table(db: Database, collection: Collection) -> None:
    """Drop the table (or view) of a collection."""
    db.once(f"DROP {'VIEW' if collection.is_view else 'TABLE'} IF EXISTS {quote(collection.name)}")


def _rename_columns(db: Database, table: str, before: dict[str, Field], new: Collection) -> None:
    # names may be swapped, so everything gets a name of its own first; a new column is added under one as well
    waiting: list[tuple[str, str]] = []
    for field in new.fields:
        known = before.get(field.id)
        aside = f"{field.name}_{rand_id()}"
        if known is None:
            db.once(f"ALTER TABLE {table} ADD COLUMN {quote(aside)} {field.column()}")
        elif known.name != field.name:
            db.once(f"ALTER TABLE {table} RENAME COLUMN {quote(known.name)} TO {quote(aside)}")
        else:
            continue
        waiting.append((aside, field.name))
    for aside, name in waiting:
        db.once(f"ALTER TABLE {table} RENAME COLUMN {quote(aside)} TO {quote(name)}")


def _convert(db: Database, table: str, field: Field) -> None:
    column, aside = quote(field.name), quote(f"{field.name}_{rand_id()}")
    db.once(f"ALTER TABLE {table} RENAME COLUMN {column} TO {aside}")
    db.once(f"ALTER TABLE {table} ADD COLUMN {column} {field.column()}")
    value = (TO_MANY if field.multiple else TO_ONE).format(aside)
    db.once(f"UPDATE {table} SET {column} = {value}")
    db.once(f"ALTER TABLE {table} DROP COLUMN {aside}")


def drop_indexes(db: Database, collection: Collection) -> None:
    """Drop the indexes a collection names."""
    for index in map(parse_index, collection.indexes):
        if index.valid:
            db.once(f"DROP INDEX IF EXISTS {quote(index.name)}")


def create_indexes(db: Database, collection: Collection) -> None:
    """Make a collection's indexes. ValidationErrors for those that SQLite refuses."""
    errors: dict[str, FieldError] = {}
    for place, index in enumerate(map(parse_index, collection.indexes)):
        try:
            db.once(index.build())
        except apsw.Error as error:
            message = f"Failed to create index {index.name} - {explain(error)}."
            errors[str(place)] = FieldError("validation_invalid_index_expression", message)
    if errors:
        raise ValidationErrors({"indexes": errors})


def explain(error: apsw.Error) -> str:
    """A failure of SQLite as the real PocketBase's driver words it."""
    kind = "constraint failed" if isinstance(error, apsw.ConstraintError) else "SQL logic error"
    code = getattr(error, "extendedresult", getattr(error, "result", 1))
    return f"{kind}: {error} ({code})"


def tables_read(db: Database, view: str) -> frozenset[str]:
    """The tables and views that a view reads, as SQLite sees them."""
    names: set[str] = set()

    def note(operation: int, name: str | None, *_: str | None) -> int:
        if operation == apsw.SQLITE_READ and name:
            names.add(name)
        return apsw.SQLITE_OK

    before = db.connection.authorizer
    db.connection.authorizer = note
    try:
        db.once(f"SELECT 1 FROM {quote(view)} LIMIT 0")
    except apsw.SQLError:  # a view that reads nothing that exists holds nothing back
        return frozenset()
    finally:
        db.connection.authorizer = before
    return frozenset(names - {view})
