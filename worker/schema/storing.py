"""Storing and removing collections: the row, the table or view, and the views that depend on it, with all events.

Everything here works in a transaction that may wait, whose context is `ctx`; what fails leaves that to be rolled back.
Table changes run in a thread: a large table takes its time.

A view is stored anew whenever what it reads has changed its fields. The real one goes through all views after each
change, and so does this: one whose query fails then keeps all of them as they were, unless a collection was removed,
which is refused. So what a view uses can't be removed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import ApiError, HookError, ValidationErrors
from worker.events import Handler, Stages, around
from worker.fields import Field
from worker.schema import binding, events, tables, viewfields, viewquery, viewtext
from worker.schema.collection import COLUMNS, VIEW, Collection
from worker.schema.events import CollectionEvent
from worker.schema.validate import RuleCheck, Subject, validate
from worker.schema.viewddl import create_view, drop_view
from worker.schema.viewtext import QueryError
from worker.sql import now, quote
from worker.unit import Unit, transaction
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

# System tables whose rows belong to a record of an auth collection.
BELONGINGS = ("_externalAuths", "_mfas", "_otps", "_authOrigins")


class RefusedError(Exception):
    """A handler wants no change; the message is its own."""


class InUseError(Exception):
    """A collection that may not be removed: `users` are the collections that refer to it, none for a system one."""

    def __init__(self, name: str, users: str = "") -> None:
        why = f"failed to delete due to existing relation references: {users}"
        super().__init__(f"[{name}] {why if users else 'system collections cannot be deleted'}")
        self.users = users


async def save(
    ctx: "Context", collection: Collection, old: Collection | None, check_rule: RuleCheck, *, validated: bool = True
) -> None:
    """Store a new collection, or `old` changed into `collection`, and then the views that depend on it.

    Raises ValidationErrors, or one of `tables.FAILURES` where SQLite refuses it. One that is not `validated` is stored
    as it is.
    """
    stages = events.CREATE if old is None else events.UPDATE

    async def check(event: CollectionEvent) -> None:
        assert event.collection is not None
        await validate_fully(event.context, event.collection, old, check_rule)
        await event.context.breathe()
        await around(ctx.bus, events.VALIDATE[1:], event, _nothing)

    async def write_row(event: CollectionEvent) -> None:
        assert event.collection is not None
        # what ends logins belongs to the row and to nothing else
        event.collection = event.collection if old is None else binding.with_logins_ended(event.collection, old)
        await _write_row(event.context, event.collection, old)

    async def execute(event: CollectionEvent) -> None:
        assert event.collection is not None
        if event.collection.is_view:
            await _write_view(event.context, event.collection, old)
        await around(ctx.bus, stages.execute[1:], event, write_row)
        if not event.collection.is_view:
            await _write_table(event.context, event.collection, old)
        await event.context.breathe()
        _changed(event.context)
        await save_dependents(event.context, check_rule, strict=False)

    async def default(event: CollectionEvent) -> None:
        assert event.collection is not None
        if event.collection.is_view:
            fields = await _fields_of(event.context, event.collection, strict=not validated)
            event.collection = with_fields(event.collection, fields)
        if validated:
            await around(ctx.bus, events.VALIDATE[:1], event, check)
        await around(ctx.bus, stages.execute[:1], event, execute)

    await _announced(ctx, stages, CollectionEvent(ctx, collection, old), default)


async def remove(ctx: "Context", collection: Collection, check_rule: RuleCheck | None) -> None:
    """Delete a collection with its records; without `check_rule` also one that is still in use.

    Raises as `save`, or InUseError.
    """

    async def erase(ctx: "Context") -> None:
        ctx.data.once("DELETE FROM `_collections` WHERE `id` = ?", (collection.id,))

    async def erase_row(event: CollectionEvent) -> None:
        await write(event.context, erase)

    async def execute(event: CollectionEvent) -> None:
        if check_rule is not None:
            _check_removable(event.context, collection)
        await around(ctx.bus, events.DELETE.execute[1:], event, erase_row)
        await _drop(event.context, collection)
        _changed(event.context)
        if check_rule is not None:
            await save_dependents(event.context, check_rule, strict=True)

    async def default(event: CollectionEvent) -> None:
        await around(ctx.bus, events.DELETE.execute[:1], event, execute)

    await _announced(ctx, events.DELETE, CollectionEvent(ctx, collection, collection), default)


def _check_removable(ctx: "Context", collection: Collection) -> None:
    users = dict.fromkeys(other.name for other, _ in ctx.catalog.referencing(collection) if other.id != collection.id)
    if users:
        raise InUseError(collection.name, ", ".join(users))
    if collection.system:
        raise InUseError(collection.name)


async def validate_fully(
    ctx: "Context", collection: Collection, old: Collection | None, check_rule: RuleCheck, *, stored: bool = False
) -> None:
    """As `validate.validate`, with a look at what a view's query brings."""
    error = None
    if collection.is_view and stored:  # what its query reads may have changed with it
        collection = with_fields(collection, await _fields_of(ctx, collection, strict=False))
    if collection.is_view and collection.view_query:
        error = await viewquery.query_error(ctx, collection.view_query)
    validate(Subject(ctx.data, ctx.catalog, collection, old, check_rule, stored, error))


async def save_dependents(ctx: "Context", check_rule: RuleCheck, *, strict: bool) -> None:
    """Store those views anew whose fields have changed with what they read: all of them, or none where one can't be.

    With `strict` the error of that one is raised, as by `save`.
    """
    views = [collection.id for collection in ctx.catalog.of_type(VIEW)]
    if not views:
        return
    try:
        async with transaction(ctx) as inner:
            for identifier in views:
                await _refresh(inner, identifier, check_rule)
    except (ValidationErrors, *tables.FAILURES):
        if strict:
            raise


async def _refresh(ctx: "Context", identifier: str, check_rule: RuleCheck) -> None:
    await ctx.breathe()  # each takes a millisecond, and there may be many
    view = ctx.catalog.by_id(identifier)
    if view is None:
        return
    if not viewfields.same_fields(await viewquery.fields_of(ctx, view.view_query), view.fields):
        draft = binding.draft_of(view)
        draft.updated = now()
        await save(ctx, draft.build(), view, check_rule)


def with_fields(collection: Collection, fields: tuple[Field, ...]) -> Collection:
    """`collection` with other fields."""
    draft = binding.draft_of(collection)
    draft.fields = fields
    return draft.build()


async def _fields_of(ctx: "Context", view: Collection, *, strict: bool) -> tuple[Field, ...]:
    try:
        fields = await viewquery.fields_of(ctx, view.view_query)
    except QueryError:
        if strict:
            raise
        return ()  # the validation will say so
    if strict and all(field.name != "id" for field in fields):
        raise QueryError(viewquery.NO_ID)
    return fields


async def _announced(ctx: "Context", stages: Stages, event: CollectionEvent, default: Handler[CollectionEvent]) -> None:
    """Run `default` with the events around it, and see to those that follow the end of the transaction."""
    unit = ctx.unit
    assert unit is not None

    async def succeeded(ctx: "Context") -> None:
        assert event.collection is not None
        async with _refusing():
            await around(ctx.bus, stages.success, CollectionEvent(ctx, event.collection, event.old), _nothing)

    async def failed(ctx: "Context", error: Exception) -> None:
        assert event.collection is not None
        failure = CollectionEvent(ctx, event.collection, event.old)
        failure.error = error
        async with _refusing():
            await around(ctx.bus, stages.failure, failure, _nothing)

    unit.undone.append(failed)
    async with _refusing():
        await around(ctx.bus, stages.around, event, default)
    unit.after.append(succeeded)


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    """What a handler throws is a refusal, whatever it wanted to answer with."""
    try:
        yield
    except ApiError as error:
        raise RefusedError(error.message) from error
    except HookError as error:
        raise RefusedError(str(error)) from error


async def _nothing(event: CollectionEvent) -> None:
    del event


async def _write_row(ctx: "Context", stored: Collection, old: Collection | None) -> None:
    async def row(ctx: "Context") -> None:
        if old is None:
            marks = ", ".join("?" * len(COLUMNS))
            columns = ", ".join(map(quote, COLUMNS))
            ctx.data.once(f"INSERT INTO `_collections` ({columns}) VALUES ({marks})", stored.row())
        else:
            assignments = ", ".join(f"{quote(column)} = ?" for column in COLUMNS[1:])
            ctx.data.once(f"UPDATE `_collections` SET {assignments} WHERE `id` = ?", (*stored.row()[1:], old.id))

    await write(ctx, row)


async def _write_table(ctx: "Context", stored: Collection, old: Collection | None) -> None:
    if old is None:
        async with Unit(ctx):
            tables.create_table(ctx.data, stored)
    else:
        before = old
        await ctx.lanes.work(ctx.data, lambda db: tables.change_table(db, before, stored))


async def _write_view(ctx: "Context", view: Collection, old: Collection | None) -> None:
    for name in (view.name,) if old is None else (old.name, view.name):
        drop_view(ctx.data, name)
    try:
        query = await viewquery.normal_query(ctx, view.view_query)
    except QueryError as error:
        raise QueryError(f"failed to normalize view query id: {error}") from error
    create_view(ctx.data, view.name, viewtext.trimmed(query))


async def _drop(ctx: "Context", collection: Collection) -> None:
    def drop(db: Database) -> None:
        for name in BELONGINGS:
            if collection.is_auth and ctx.catalog.get(name) is not None:
                db.once(f"DELETE FROM {quote(name)} WHERE `collectionRef` = ?", (collection.id,))
        tables.drop_table(db, collection)

    if collection.is_view:
        drop_view(ctx.data, collection.name)
    else:
        await ctx.lanes.work(ctx.data, drop)


def _changed(ctx: "Context") -> None:
    ctx.catalog.reload(ctx.data)
    ctx.auth_epoch += 1
