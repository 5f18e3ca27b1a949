"""The use cases of collections: create, update, delete. One transaction each; a failed one leaves no trace.

Each is an event of the tenant. The callers inject `check_rule`, which knows the filter language.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from worker.db.connection import Database
from worker.errors import ValidationErrors, bad_request
from worker.events import Bus, Event
from worker.fields import MalformedError
from worker.schema import binding, tables
from worker.schema.catalog import Catalog
from worker.schema.collection import BASE, COLUMNS, Collection
from worker.schema.validate import RuleCheck, Subject, validate
from worker.sql import now, quote
from worker.unit import Unit

if TYPE_CHECKING:
    from worker.context import Context

MALFORMED = "Failed to load the submitted data due to invalid formatting."
MALFORMED_TYPE = "Failed to load the collection type data due to invalid formatting."
CREATE_FAILED = "Failed to create collection."
UPDATE_FAILED = "Failed to update collection."
DELETE_FAILED = "Failed to delete collection."
VIEWS_LATER = "View collections can't be created or changed yet."

# System tables whose rows belong to a record of an auth collection.
BELONGINGS = ("_externalAuths", "_mfas", "_otps", "_authOrigins")


class Tenant(Protocol):
    """The part of a context that the use cases work on."""

    data: Database
    catalog: Catalog
    bus: Bus
    auth_epoch: int
    writer: asyncio.Lock


class CollectionEvent(Event):
    """A collection about to be stored or deleted; `old` is what is stored of it."""

    __slots__ = ("old",)

    def __init__(self, context: "Context", collection: Collection, old: Collection | None) -> None:
        super().__init__(context, collection)
        self.old = old


async def create_collection(ctx: "Context", body: Mapping[str, Any], check_rule: RuleCheck) -> Collection:
    """Store the collection that `body` describes and make its table. ApiError 400 for what may not be stored."""
    kind, name = _kind_and_name(body)
    draft = binding.new_draft(kind, name)
    body = {key: value for key, value in body.items() if key not in ("created", "updated")}
    draft.created = draft.updated = now()
    collection = _bound(ctx, draft, body)
    if collection.is_view:
        raise bad_request(VIEWS_LATER)

    async def store(event: CollectionEvent) -> None:
        assert event.collection is not None
        await _store_new(ctx, event.collection, check_rule)

    await ctx.bus.trigger("onCollectionCreate", CollectionEvent(ctx, collection, None), store)
    return _stored(ctx, collection.id)


async def update_collection(
    ctx: "Context", old: Collection, body: Mapping[str, Any], check_rule: RuleCheck
) -> Collection:
    """Change the stored collection `old` by what `body` names. ApiError 400 for what may not be stored."""
    draft = binding.draft_of(old)
    body = {key: value for key, value in body.items() if key != "updated"}
    draft.updated = now()
    collection = _bound(ctx, draft, body, old)
    if old.is_view:
        raise bad_request(VIEWS_LATER)

    async def store(event: CollectionEvent) -> None:
        assert event.collection is not None
        await _store_changed(ctx, old, event.collection, check_rule)

    await ctx.bus.trigger("onCollectionUpdate", CollectionEvent(ctx, collection, old), store)
    return _stored(ctx, old.id)


async def delete_collection(ctx: "Context", collection: Collection) -> None:
    """Delete a collection and its records. ApiError 400 for system collections and those that others refer to."""

    async def remove(_event: CollectionEvent) -> None:
        await _delete(ctx, collection)

    await ctx.bus.trigger("onCollectionDelete", CollectionEvent(ctx, collection, collection), remove)


def _kind_and_name(body: Mapping[str, Any]) -> tuple[str, str]:
    """The two members that are looked at first, whose names match in any case."""
    found = {"type": "", "name": ""}
    seen: set[str] = set()
    for key, value in body.items():
        lowered = key.lower()
        if lowered not in found:
            continue
        if lowered in seen or not (value is None or isinstance(value, str)):
            raise bad_request(MALFORMED_TYPE)
        seen.add(lowered)
        found[lowered] = value or ""
    return found["type"] or BASE, found["name"]


def _bound(ctx: Tenant, draft: binding.Draft, body: Mapping[str, Any], old: Collection | None = None) -> Collection:
    try:
        binding.bind(draft, body)
    except MalformedError as error:
        raise bad_request(MALFORMED, cause=str(error)) from None
    if old is not None and draft.id != old.id:
        raise bad_request(
            f"{UPDATE_FAILED} Raw error: \nfailed to retrieve old cached collection: sql: no rows in result set"
        )
    binding.complete(draft, {collection.id for collection in ctx.catalog.all()})
    return draft.build()


async def _store_new(ctx: Tenant, collection: Collection, check_rule: RuleCheck) -> None:
    def write() -> None:
        validate(Subject(ctx.data, ctx.catalog, collection, None, check_rule))
        marks = ", ".join("?" * len(COLUMNS))
        columns = ", ".join(map(quote, COLUMNS))
        ctx.data.once(f"INSERT INTO `_collections` ({columns}) VALUES ({marks})", collection.row())
        tables.create_table(ctx.data, collection)

    await _change(ctx, CREATE_FAILED, write)


async def _store_changed(ctx: Tenant, old: Collection, new: Collection, check_rule: RuleCheck) -> None:
    def write() -> None:
        validate(Subject(ctx.data, ctx.catalog, new, old, check_rule))
        stored = binding.with_logins_ended(new, old)
        assignments = ", ".join(f"{quote(column)} = ?" for column in COLUMNS[1:])
        ctx.data.once(f"UPDATE `_collections` SET {assignments} WHERE `id` = ?", (*stored.row()[1:], old.id))
        tables.change_table(ctx.data, old, stored)

    await _change(ctx, UPDATE_FAILED, write)


async def _delete(ctx: Tenant, collection: Collection) -> None:
    users = dict.fromkeys(other.name for other, _ in ctx.catalog.referencing(collection) if other.id != collection.id)
    if users:
        names = ", ".join(users)
        cause = f"[{collection.name}] failed to delete due to existing relation references: {names}"
        raise bad_request(f"Failed to delete collection probably due to existing reference in {names}.", cause=cause)
    if collection.system:
        raise bad_request(DELETE_FAILED, cause=f"[{collection.name}] system collections cannot be deleted")
    if _views_on(ctx, collection):
        raise bad_request(DELETE_FAILED)

    def write() -> None:
        ctx.data.once("DELETE FROM `_collections` WHERE `id` = ?", (collection.id,))
        for name in BELONGINGS:
            if collection.is_auth and ctx.catalog.get(name) is not None:
                ctx.data.once(f"DELETE FROM {quote(name)} WHERE `collectionRef` = ?", (collection.id,))
        tables.drop_table(ctx.data, collection)

    await _change(ctx, DELETE_FAILED, write)


def _views_on(ctx: Tenant, collection: Collection) -> bool:
    return any(
        other.is_view and collection.name in tables.tables_read(ctx.data, other.name) for other in ctx.catalog.all()
    )


async def _change(ctx: Tenant, failed: str, write: Callable[[], None]) -> None:
    """Run `write` in a transaction, then look at the schema anew. ApiError 400 with nothing changed if it fails."""
    try:
        async with Unit(ctx):
            write()
    except ValidationErrors as error:
        raise bad_request(failed, error.data(), cause=error) from None
    except (apsw.SQLError, apsw.ConstraintError) as error:
        raise bad_request(f"{failed} Raw error: \n{tables.explain(error)}", cause=str(error)) from None
    ctx.catalog.reload(ctx.data)
    ctx.auth_epoch += 1


def _stored(ctx: "Context", identifier: str) -> Collection:
    collection = ctx.catalog.by_id(identifier)
    assert collection is not None
    return collection
