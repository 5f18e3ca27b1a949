"""The DDL of collections: tables, columns and indexes as PocketBase lays them out, data kept.

Everything runs inside the caller's transaction. A changed column moves to the end of its table, as it does in the real
one: it is added anew, filled from the old one, and the old one dropped.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from worker.db.connection import Database
from worker.db.faults import to_api_error
from worker.errors import FieldError, ValidationErrors
from worker.fields import Field
from worker.schema.collection import Collection
from worker.schema.indexes import parse_index
from worker.schema.viewddl import views_aside
from worker.schema.viewtext import QueryError
from worker.sql import quote, rand_id

BAD_INDEX = FieldError("validation_invalid_index_expression", "Invalid CREATE INDEX expression.")
# How a column's texts become lists, and the reverse; {0} is the column of the old values.
TO_MANY = (
    "CASE WHEN COALESCE({0}, '') = '' THEN '[]'"
    " WHEN json_valid({0}) AND json_type({0}) = 'array' THEN {0} ELSE json_array({0}) END"
)
TO_ONE = (
    "CASE WHEN COALESCE({0}, '[]') = '[]' THEN ''"
    " WHEN json_valid({0}) AND json_type({0}) = 'array' THEN COALESCE(json_extract({0}, '$[#-1]'), '') ELSE {0} END"
)
# SQLite's words for the codes whose failures a definition may be the cause of.
ERRORS = {
    apsw.SQLITE_ERROR: "SQL logic error",
    apsw.SQLITE_INTERRUPT: "interrupted",
    apsw.SQLITE_TOOBIG: "string or blob too big",
    apsw.SQLITE_CONSTRAINT: "constraint failed",
    apsw.SQLITE_MISMATCH: "datatype mismatch",
    apsw.SQLITE_AUTH: "authorization denied",
    apsw.SQLITE_RANGE: "column index out of range",
}


class StepError(Exception):
    """A step of a table's change that SQLite refused: which one, and why."""


# What a submitted definition may be the cause of, for `explain`.
FAILURES = (apsw.SQLError, apsw.ConstraintError, StepError, QueryError)


def create_table(db: Database, collection: Collection) -> None:
    """Make the table of a new base or auth collection, its columns in alphabetical order, and its indexes."""
    fields = sorted(collection.fields, key=lambda field: field.name)
    columns = ", ".join(f"{quote(field.name)} {field.column()}" for field in fields)
    db.once(f"CREATE TABLE {quote(collection.name)} ({columns})")
    create_indexes(db, collection)


def change_table(db: Database, old: Collection, new: Collection) -> None:
    """Bring the table of `old` into the form of `new`: columns are matched by the ids of their fields.

    Indexes are made anew with any change of fields, indexes or name. Where all of these are as before, nothing happens.
    """
    if (old.name, old.fields, old.indexes) == (new.name, new.fields, new.indexes):
        return
    drop_indexes(db, old)
    if old.name.lower() != new.name.lower():  # a table's name is found in any case
        db.once(f"ALTER TABLE {quote(old.name)} RENAME TO {quote(new.name)}")
    table = quote(new.name)
    before = {field.id: field for field in old.fields}
    after = {field.id: field for field in new.fields}
    waiting = _set_aside(db, table, before, new)
    for gone in old.fields:
        if gone.id not in after:
            with _step(f"drop column {gone.name}"):
                db.once(f"ALTER TABLE {table} DROP COLUMN {quote(gone.name)}")
    for aside, name in waiting:
        db.once(f"ALTER TABLE {table} RENAME COLUMN {quote(aside)} TO {quote(name)}")
    # new columns for lists follow the other new ones, as in the real one, where they are converted from texts
    turned = [field for field in new.fields if (field.id in before and before[field.id].multiple) != field.multiple]
    if turned:
        with views_aside(db):
            for field in turned:
                if field.id in before:
                    _convert(db, table, field)
                else:
                    db.once(f"ALTER TABLE {table} ADD COLUMN {quote(field.name)} {field.column()}")
    create_indexes(db, new)


def drop_table(db: Database, collection: Collection) -> None:
    """Drop the table of a collection."""
    db.once(f"DROP TABLE IF EXISTS {quote(collection.name)}")


@contextmanager
def _step(step: str) -> Iterator[None]:
    try:
        yield
    except apsw.SQLError as error:
        raise StepError(f"failed to {step} - {explain(error)}") from error


def _set_aside(db: Database, table: str, before: dict[str, Field], new: Collection) -> list[tuple[str, str]]:
    """Give new and renamed columns names of their own, since two may be swapped: those, and the final ones."""
    waiting: list[tuple[str, str]] = []
    for field in new.fields:
        known = before.get(field.id)
        aside = f"{field.name}_{rand_id()}"
        if known is None:
            if field.multiple:
                continue
            with _step(f"add column {field.name}"):
                db.once(f"ALTER TABLE {table} ADD COLUMN {quote(aside)} {field.column()}")
        elif known.name != field.name:
            with _step(f"rename column {known.name}"):
                db.once(f"ALTER TABLE {table} RENAME COLUMN {quote(known.name)} TO {quote(aside)}")
        else:
            continue
        waiting.append((aside, field.name))
    return waiting


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
    """Make a collection's indexes. ValidationErrors for those that SQLite refuses, apsw.Error where it can't."""
    errors: dict[str, FieldError] = {}
    for place, index in enumerate(map(parse_index, collection.indexes)):
        if not (index.valid and index.table):  # nobody has looked at it before where many collections are imported
            errors[str(place)] = BAD_INDEX
            continue
        try:
            db.once(index.build())
        except apsw.Error as error:
            if to_api_error(error).status >= 500:  # no space, for example: nothing that is said of the index
                raise
            message = f"Failed to create index {index.name} - {explain(error)}."
            errors[str(place)] = FieldError("validation_invalid_index_expression", message)
    if errors:
        raise ValidationErrors({"indexes": errors})


def explain(error: Exception) -> str:
    """A failure as the real PocketBase words it: SQLite's own as its driver does."""
    if not isinstance(error, apsw.Error):
        return str(error)
    code = getattr(error, "extendedresult", getattr(error, "result", apsw.SQLITE_ERROR))
    kind = ERRORS.get(code & 0xFF, ERRORS[apsw.SQLITE_ERROR])
    text = str(error)
    return f"{kind} ({code})" if text == kind else f"{kind}: {text} ({code})"
