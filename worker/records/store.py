"""The SQL of single records: find, insert, update, delete.

Every function takes the database it works on, since a read may run in the pool on a second connection. Texts of
statements depend on the collection alone, so apsw finds them prepared. Nothing here knows rules or events.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
import orjson

from worker.db.connection import Database
from worker.records.plan import Plan, Row, Shape, columns_left, plan_of
from worker.records.record import Record
from worker.sql import quote

if TYPE_CHECKING:
    from worker.records.compiled import Where
    from worker.schema.collection import Collection

# Parameters of one statement; SQLite allows 32,766, but texts that long would not be worth keeping prepared.
IDS_MAX = 500


def find(db: Database, collection: "Collection", record_id: str, where: "Where | None" = None) -> Record | None:
    """The record with this id, if it is there and a rule compiled to `where` holds for it."""
    plan = plan_of(collection)
    row = one_row(db, plan, record_id, where)
    if row is None:
        return None
    values = plan.values
    return Record.stored(collection, values(row))


def one_row(db: Database, target: "Plan | Shape", record_id: str, where: "Where | None") -> Row | None:
    """The row of one record, of the target's columns, if it is there and `where` holds for it."""
    sql = target.by_id
    params: list[Any] = [record_id]
    if where is not None and where.sql:
        source = f"{target.table}{where.joins} WHERE ({where.sql}) AND {target.table}.`id` = ?"
        sql, params = f"SELECT {target.columns} FROM {source} LIMIT 1", [*where.params, record_id]
    try:
        return db.one(sql, params)
    except apsw.SQLError:
        left = columns_left(db, target.table, target.columns)
        if left == target.columns:
            raise
        return db.one(sql.replace(target.columns, left, 1), params)


def find_by(db: Database, collection: "Collection", column: str, value: Any, *, nocase: bool = False) -> Record | None:
    """The first record whose `column` is `value`; `nocase` for columns with an index that ignores case."""
    plan = plan_of(collection)
    collate = " COLLATE NOCASE" if nocase else ""
    sql = f"SELECT {plan.columns} FROM {plan.table} WHERE {plan.table}.{quote(column)} = ?{collate} LIMIT 1"
    row = db.one(sql, (value,))
    if row is None:
        return None
    values = plan.values
    return Record.stored(collection, values(row))


def find_many(
    db: Database, collection: "Collection", ids: Iterable[str], where: "Where | None" = None
) -> dict[str, Record]:
    """The records with these ids for which `where` holds, by id."""
    plan = plan_of(collection)
    values = plan.values
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Record] = {}
    for start in range(0, len(wanted), IDS_MAX):
        batch = wanted[start : start + IDS_MAX]
        for row in db.all(*among(plan.columns, plan.table, batch, where)):
            record = Record.stored(collection, values(row))
            found[record.id] = record
    return found


def among(columns: str, table: str, ids: Sequence[str], where: "Where | None") -> tuple[str, Sequence[Any]]:
    """The SELECT of the rows with these ids under a rule, and its parameters. Rows may repeat if the rule joins."""
    # the list of ids is one JSON parameter: the statement's text does not depend on how many there are
    member = f"{table}.`id` IN (SELECT value FROM json_each(?))"
    if where is None or not where.sql:
        return f"SELECT {columns} FROM {table} WHERE {member}", (json_list(ids),)
    sql = f"SELECT {columns} FROM {table}{where.joins} WHERE ({where.sql}) AND {member}"
    return sql, (*where.params, json_list(ids))


def json_list(texts: Sequence[str]) -> str:
    """A JSON array of strings, as `json_each` takes it."""
    return orjson.dumps(texts).decode()


def insert(db: Database, record: Record) -> None:
    """Store a new record. Raises apsw.ConstraintError for a value that a unique index has already."""
    collection, data = record.collection, record.data
    db.execute(plan_of(collection).insert, [field.to_db(data[field.name]) for field in collection.fields])


def update(db: Database, record: Record) -> None:
    """Store the changed values of a record. Raises apsw.ConstraintError as `insert`."""
    changed = [field for field in record.collection.fields if record.changed(field.name)]
    if not changed:
        return
    assignments = ", ".join(f"{quote(field.name)} = ?" for field in changed)
    values = [field.to_db(record.data[field.name]) for field in changed]
    original = record.original or record.data
    db.execute(
        f"UPDATE {quote(record.collection.name)} SET {assignments} WHERE `id` = ?",
        [*values, original["id"]],
    )


def delete(db: Database, record: Record) -> bool:
    """Delete the row of a record. False where it is gone already."""
    db.execute(f"DELETE FROM {quote(record.collection.name)} WHERE `id` = ?", (record.id,))
    return db.connection.changes() > 0


def exists(db: Database, collection: "Collection", record_id: str) -> bool:
    """Whether a record with this id is stored."""
    return db.value(f"SELECT 1 FROM {quote(collection.name)} WHERE `id` = ?", (record_id,)) is not None
