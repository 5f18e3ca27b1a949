"""Deleting every record of a collection, with what depends on them: all of them, or none.

Where nobody hears of deletions and no reference needs a look at each record, a few statements do it. Otherwise the
records go one by one in the order in which they were stored, each with its cascades and events. What nobody hears of
runs in threads.
"""

from functools import partial
from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import ApiError, HookError, bad_request
from worker.fields import AutodateField, RelationField
from worker.records import accounts, store
from worker.records.events import quiet
from worker.records.plan import plan_of
from worker.records.record import SUPERUSERS, Record
from worker.records.removal import HEARD, remove
from worker.sql import now, quote
from worker.unit import transaction
from worker.writing import run_through

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection

OF_VIEW = "View collections cannot be truncated since they don't store their own records."
REFUSED = "Failed to truncate collection (most likely due to required cascade delete record references)."
# Records read at a time. Each batch of those that nobody hears of has the time limit of a slow read.
BATCH = 200

References = list[tuple["Collection", RelationField]]


async def truncate(ctx: "Context", collection: "Collection") -> None:
    """Delete every record. ApiError 400 for views, and where a record is required elsewhere or the last superuser."""
    if collection.is_view:
        raise bad_request(OF_VIEW)
    try:
        async with transaction(ctx) as inner:
            if not quiet(inner.bus, HEARD):
                await _remove_loudly(inner, collection)
                return
            references = _simple_references(inner, collection)
            if references is None:
                await _remove_quietly(inner, collection)
                return
            await inner.lanes.work(inner.data, lambda db: _remove_all(db, inner, collection, references))
            inner.auth_epoch += collection.is_auth or any(other.is_auth for other, _ in references)
    except ApiError as error:
        raise bad_request(REFUSED, cause=error.cause or error.message) from error
    except HookError as error:
        raise bad_request(REFUSED, cause=error) from error


def _simple_references(ctx: "Context", collection: "Collection") -> References | None:
    """The references from elsewhere that just lose their ids; None where one has to be looked at record by record."""
    if collection.name == SUPERUSERS:  # one must stay
        return None
    simple = []
    for other, field in ctx.catalog.referencing(collection):
        assert isinstance(field, RelationField)
        if other.is_view:
            continue
        if other.id == collection.id:
            if field.required and not field.cascade_delete:
                return None
        elif field.multiple or field.required or field.cascade_delete:
            return None
        else:
            simple.append((other, field))
    return simple


def _remove_all(db: Database, ctx: "Context", collection: "Collection", references: References) -> None:
    ids = f"(SELECT `id` FROM {quote(collection.name)})"
    moment = now()
    for other, field in references:
        dates = [each.name for each in other.fields if isinstance(each, AutodateField) and each.on_update]
        assignments = ", ".join(f"{quote(name)} = ?" for name in (field.name, *dates))
        values = ("", *(moment for _ in dates))
        db.once(f"UPDATE {quote(other.name)} SET {assignments} WHERE {quote(field.name)} IN {ids}", values)
    if collection.is_auth:
        for belonging in accounts.BELONGINGS:
            if ctx.catalog.get(belonging) is not None:
                sql = f"DELETE FROM {quote(belonging)} WHERE `collectionRef` = ? AND `recordRef` IN {ids}"
                db.once(sql, (collection.id,))
    db.once(f"DELETE FROM {quote(collection.name)}")


async def _remove_loudly(ctx: "Context", collection: "Collection") -> None:
    """One by one, each with its events; whoever hears of one may take his time."""
    last = -1
    while batch := await ctx.lanes.read(ctx.data, partial(_read, collection, last)):
        last = batch[-1][0]
        for _, record in batch:
            if store.exists(ctx.data, collection, record.id):  # no cascade of an earlier one took it along
                await remove(ctx, record)
            await ctx.breathe()


async def _remove_quietly(ctx: "Context", collection: "Collection") -> None:
    """One by one in a thread, since each may have to look through whole tables for what refers to it."""
    last = -1

    def remove_batch(db: Database) -> int:
        batch = _read(collection, last, db)
        for _, record in batch:
            if store.exists(db, collection, record.id):
                run_through(remove(ctx, record))
        return batch[-1][0] if batch else -1

    while (last := await ctx.lanes.work(ctx.data, remove_batch)) >= 0:
        pass


def _read(collection: "Collection", after: int, db: Database) -> list[tuple[int, Record]]:
    """The next records in the order in which they were stored, with their places in it."""
    plan = plan_of(collection)
    # a field may be called rowid
    row = f"{plan.table}._rowid_"
    sql = f"SELECT {row}, {plan.columns} FROM {plan.table} WHERE {row} > ? ORDER BY {row} LIMIT {BATCH}"
    return [(row[0], Record.stored(collection, plan.values(row[1:]))) for row in db.all(sql, (after,))]
