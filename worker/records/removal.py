"""Deleting a record and what depends on it, in one transaction.

A record that refers to the deleted one loses the id; if its relation says `cascadeDelete` and no id is left in it, it
is deleted too; if the relation is `required` and no id is left, nothing is deleted at all. Cascades go depth first
and are walked with a stack of our own: a chain of replies may be longer than Python's.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.db.connection import Database
from worker.errors import HookError, bad_request
from worker.fields import AutodateField, RelationField
from worker.records import accounts, events, saving, store
from worker.records.events import RecordEvent, around, heard, quiet
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.sql import now, quote
from worker.unit import transaction
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context
    from worker.fields.base import Field
    from worker.schema.collection import Collection

REFUSED = "Failed to delete record. Make sure that the record is not part of a required relation reference."
# Referring records read at a time: they are changed while they are walked.
BATCH = 500
# What a deletion may be heard as, with all that it takes along.
HEARD = (*events.DELETE.every, *events.UPDATE.every, *events.VALIDATE)
# What a deletion of nothing is answered with.
NOT_STORED = "the model can be deleted only if it is existing and has a non-empty primary key"


class Required(Exception):  # noqa: N818 - it says why, not that something broke
    """A record still in use by a required relation."""


async def remove(ctx: "Context", record: Record) -> None:
    """Delete a record with all its events.

    ApiError 400 where it is required elsewhere or the last superuser; HookError for one that is not stored.
    """
    try:
        if not quiet(ctx.bus, HEARD):
            await _remove_loudly(ctx, record)
            return
        _check_stored(record)
        accounts.check_removable(ctx.data, record)
        # who refers to it is looked for, mostly without an index
        searches = any(not other.is_view for other, _ in ctx.catalog.referencing(record.collection))
        await write(ctx, partial(_remove_whole, record), searches=searches)
    except Required as error:
        raise bad_request(REFUSED, cause=error) from error


def _check_stored(record: Record) -> None:
    if record.is_new or not record.id:
        raise HookError(NOT_STORED)


async def _remove_whole(record: Record, ctx: "Context") -> None:
    await _remove_tree(ctx, record, await _remove_row(ctx, record), loud=False)


async def remove_belongings(ctx: "Context", record: Record, collections: Sequence[str]) -> None:
    """Delete the rows that an auth record has in the named system collections.

    It waits for those who hear of deletions, if there are any: not inside of a Unit of the outer context then.
    """
    for name in collections:
        collection = ctx.catalog.get(name)
        if collection is None:
            continue
        owner = (record.collection.id, (record.original or record.data)["id"])
        condition = "`collectionRef` = ? AND `recordRef` = ?"
        if quiet(ctx.bus, events.DELETE.every):
            ctx.data.execute(f"DELETE FROM {quote(collection.name)} WHERE {condition}", owner)
            continue
        plan = plan_of(collection)
        rows = ctx.data.all(f"SELECT {plan.columns} FROM {plan.table} WHERE {condition}", owner)
        for row in rows:
            await remove(ctx, Record.stored(collection, plan.values(row)))


async def _remove_loudly(ctx: "Context", record: Record) -> None:
    """Only the last to hear of the record itself do so inside of the transaction; of what it takes along, all do."""
    of_record, of_model = events.DELETE.execute

    async def tree(event: RecordEvent) -> None:
        outer = event.context
        async with transaction(outer) as inner:
            event.context = inner
            try:
                gone = await _remove_heard(event, (of_model,))
                await _remove_tree(inner, event.record, gone, loud=True)
            finally:
                event.context = outer

    async def default(event: RecordEvent) -> None:
        _check_stored(event.record)
        await around(ctx.bus, (of_record,), event, tree)

    check = partial(accounts.check_removable, ctx.data, record)
    await heard(events.DELETE, RecordEvent(ctx, record), default, check=check)


async def _remove_tree(ctx: "Context", record: Record, gone: bool, *, loud: bool) -> None:
    """What follows a record that is `gone`; nothing where it is not. Only where it is `loud` it may wait."""
    if not gone:
        return
    await _remove_belongings(ctx, record)
    walks = [_doomed(ctx, record)]
    rows: list[tuple[Any, ...]] | None = None
    while walks:
        try:
            step = next(walks[-1]) if rows is None else walks[-1].send(rows)
        except StopIteration:
            walks.pop()
            rows = None
            continue
        rows = None
        if isinstance(step, Look):
            if not loud:
                rows = step.fn(ctx.data)
            elif step.reads:
                rows = await ctx.lanes.read(ctx.data, step.fn)
            else:
                rows = await ctx.lanes.work(ctx.data, step.fn)
        elif step.data is not step.original:  # it lost an id and stays
            await saving.save(ctx, step, validate=False)
        elif await _remove_one(ctx, step):
            await _remove_belongings(ctx, step)
            walks.append(_doomed(ctx, step))


async def _remove_one(ctx: "Context", record: Record) -> bool:
    """Delete the row of one record with its events; False where it was gone already."""
    if quiet(ctx.bus, events.DELETE.every):
        return await _remove_row(ctx, record)
    gone = False

    async def default(event: RecordEvent) -> None:
        nonlocal gone
        gone = await _remove_heard(event, events.DELETE.execute)

    await heard(events.DELETE, RecordEvent(ctx, record), default)
    return gone


async def _remove_heard(event: RecordEvent, names: Sequence[str]) -> bool:
    """Delete the row inside of the events `names`; False where it is not gone by that."""
    gone = False

    async def execute(event: RecordEvent) -> None:
        nonlocal gone
        gone = await _remove_row(event.context, event.record)

    await around(event.context.bus, names, event, execute)
    return gone


async def _remove_row(ctx: "Context", record: Record) -> bool:
    accounts.check_removable(ctx.data, record)  # again: whoever was the last but one may be gone by now
    gone = store.delete(ctx.data, record)
    if gone and record.collection.is_auth:
        ctx.auth_epoch += 1
    return gone


async def _remove_belongings(ctx: "Context", record: Record) -> None:
    if record.collection.is_auth:
        await remove_belongings(ctx, record, accounts.BELONGINGS)


class Look(NamedTuple):
    """What a walk wants done that may go through a whole table; `reads`: it changes nothing."""

    fn: Callable[[Database], list[tuple[Any, ...]]]
    reads: bool = True


# Yields what is to be done to a record, and in between what is to be looked for, of which it gets the rows.
Walk = Generator[Record | Look, list[tuple[Any, ...]], None]


def _doomed(ctx: "Context", record: Record) -> Walk:
    """The records that a deleted one takes along (unchanged), and those that lose its id (changed, to be saved)."""
    for collection, field in ctx.catalog.referencing(record.collection):
        if collection.is_view:
            continue
        assert isinstance(field, RelationField)
        cascade, required = field.cascade_delete, field.required
        if not (field.multiple or cascade or required) and quiet(ctx.bus, events.UPDATE.every):
            yield Look(partial(_unset_all, ctx, collection, field, record.id), reads=False)
            continue
        last = -1
        while True:
            rows = yield Look(partial(_referring, collection, field, record.id, last))
            for row in rows:
                last = row[0]
                referring = store.find(ctx.data, collection, plan_of(collection).values(row[1:])["id"])
                if referring is None:  # deleted since by a cascade of an earlier one
                    continue
                left = [value for value in referring.data[field.name] if value != record.id] if field.multiple else []
                if left or not (cascade or required):
                    referring.set(field.name, left if field.multiple else "")
                elif not cascade:
                    raise Required(
                        "the record cannot be deleted because it is part of a required reference in record "
                        f"{referring.id} ({collection.name} collection)"
                    )
                yield referring
            if len(rows) < BATCH:
                break


def _unset_all(
    ctx: "Context", collection: "Collection", field: "Field", record_id: str, db: Database
) -> list[tuple[Any, ...]]:
    """Clear a single relation wherever it holds `record_id`, with one statement."""
    dates = [each.name for each in collection.fields if isinstance(each, AutodateField) and each.on_update]
    moment = now()
    assignments = ", ".join(f"{quote(name)} = ?" for name in (field.name, *dates))
    db.execute(
        f"UPDATE {quote(collection.name)} SET {assignments} WHERE {quote(field.name)} = ?",
        ("", *(moment for _ in dates), record_id),
    )
    if collection.is_auth and db.connection.changes():
        ctx.auth_epoch += 1
    return []


def _referring(
    collection: "Collection", field: "Field", record_id: str, after: int, db: Database
) -> list[tuple[Any, ...]]:
    """The next rows whose `field` holds `record_id`, each with its place. They may change while one is looked at."""
    plan = plan_of(collection)
    column = f"{plan.table}.{quote(field.name)}"
    holds = f"EXISTS (SELECT 1 FROM json_each({column}) WHERE value = ?)" if field.multiple else f"{column} = ?"
    return db.all(
        f"SELECT {plan.table}._rowid_, {plan.columns} FROM {plan.table} WHERE {holds} AND {plan.table}._rowid_ > ?"
        f" ORDER BY {plan.table}._rowid_ LIMIT {BATCH}",
        (record_id, after),
    )
