"""The use cases of collections: create, update, delete. One transaction each; a failed one leaves no trace.

The stored collection is looked at again inside of the transaction, so that two changes at the same time both last.
The callers inject `check_rule`, which knows the filter language.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.errors import NO_ROWS, ValidationErrors, bad_request, not_found
from worker.events import answered
from worker.fields import MalformedError
from worker.fields.jsontext import folded
from worker.schema import binding, events, storing, tables
from worker.schema.collection import BASE, Collection
from worker.schema.events import CollectionRequestEvent
from worker.schema.validate import RuleCheck
from worker.sql import now
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

MALFORMED = "Failed to load the submitted data due to invalid formatting."
MALFORMED_TYPE = "Failed to load the collection type data due to invalid formatting."
# What a change of the schema owes the other tenants of its worker: some fifty times what it takes.
REST_S, REST_S_A_FIELD = 0.1, 100e-6
CREATE_FAILED = "Failed to create collection."
UPDATE_FAILED = "Failed to update collection."
DELETE_FAILED = "Failed to delete collection."


class Wanted(NamedTuple):
    """A collection as it shall be, and what is stored of it (None: it is new)."""

    collection: Collection
    old: Collection | None


async def create_collection(ctx: "Context", body: Mapping[str, Any], check_rule: RuleCheck) -> Collection | None:
    """Store the collection that `body` describes and make its table. ApiError 400 for what may not be stored.

    None, here and below, where a handler has kept it from being answered.
    """
    kind, name = _kind_and_name(body)

    def wanted(ctx: "Context") -> Wanted:
        return Wanted(_bound(ctx, binding.new_draft(kind, name), body), None)

    return await _requested(ctx, events.CREATE_REQUEST, CREATE_FAILED, wanted, check_rule)


async def update_collection(
    ctx: "Context", known: Collection, body: Mapping[str, Any], check_rule: RuleCheck
) -> Collection | None:
    """Change the stored collection `known` by what `body` names. ApiError 400 for what may not be stored."""

    def wanted(ctx: "Context") -> Wanted:
        old = _again(ctx, known)
        return Wanted(_bound(ctx, binding.draft_of(old), body, old), old)

    return await _requested(ctx, events.UPDATE_REQUEST, UPDATE_FAILED, wanted, check_rule)


async def delete_collection(ctx: "Context", known: Collection, check_rule: RuleCheck) -> bool:
    """Delete a collection and its records. Whether that is the answer: a handler may have prevented it.

    ApiError 400 for system collections and those that others refer to or that a view needs.
    """

    async def remove(event: CollectionRequestEvent) -> None:
        await rest(event.context)
        async with _change(event.context, DELETE_FAILED, explained=False) as inner:
            await storing.remove(inner, _again(inner, known), check_rule)

        event.answered = True

    event = CollectionRequestEvent(ctx, known, known)
    await answered(ctx.bus, events.DELETE_REQUEST, event, remove)
    return event.answered


async def _requested(
    ctx: "Context", names: tuple[str, ...], failed: str, wanted: Callable[["Context"], Wanted], check_rule: RuleCheck
) -> Collection | None:
    """Store what a request wants, with the request's event around it; the collection as it is stored then."""
    first, version = wanted(ctx), ctx.catalog.version
    event = CollectionRequestEvent(ctx, *first)

    async def store(event: CollectionRequestEvent) -> None:
        await rest(event.context)
        async with _change(event.context, failed) as inner:
            await inner.breathe()
            now_wanted = Wanted(event.collection or first.collection, first.old)
            if inner.catalog.version != version:  # somebody else was quicker
                again = wanted(inner)
                now_wanted = again if event.collection is first.collection else now_wanted._replace(old=again.old)
            await storing.save(inner, *now_wanted, check_rule)
        identifier = now_wanted.collection.id
        # a handler may have kept it from being stored
        event.collection = event.context.catalog.by_id(identifier) or now_wanted.collection

        event.answered = True

    await answered(ctx.bus, names, event, store)
    return event.collection if event.answered else None


async def rest(ctx: "Context") -> None:
    """A change of the schema has SQLite read all of it again, twice, which can't be divided."""
    fields = sum([len(collection.fields) for collection in ctx.catalog.all()])
    await ctx.lanes.rest(ctx.account, REST_S + fields * REST_S_A_FIELD)


def _kind_and_name(body: Mapping[str, Any]) -> tuple[str, str]:
    """The two members that are looked at first, whose names match as in any fixed form."""
    found = {"type": "", "name": ""}
    seen: set[str] = set()
    for key, value in body.items():
        name = folded(key)
        if name not in found:
            continue
        if name in seen or not (value is None or isinstance(value, str)):
            raise bad_request(MALFORMED_TYPE)
        seen.add(name)
        found[name] = value or ""
    return found["type"] or BASE, found["name"]


def _bound(ctx: "Context", draft: binding.Draft, body: Mapping[str, Any], old: Collection | None = None) -> Collection:
    try:
        binding.bind(draft, body)
    except MalformedError as error:
        raise bad_request(MALFORMED, cause=str(error)) from None
    if old is not None and draft.id != old.id:
        raise bad_request(
            f"{UPDATE_FAILED} Raw error: \nfailed to retrieve old cached collection: sql: no rows in result set"
        )
    taken = set(ctx.catalog.ids())
    binding.complete(draft, taken, scaffolded=old is None and "indexes" not in body)
    draft.updated = now()
    draft.created = draft.created if old is not None else draft.updated
    return draft.build()


@asynccontextmanager
async def _change(ctx: "Context", failed: str, *, explained: bool = True) -> "AsyncIterator[Context]":
    """A transaction whose failure is an ApiError 400 that starts with `failed`."""
    try:
        async with transaction(ctx) as inner:
            yield inner
    except ValidationErrors as error:
        raise bad_request(failed, error.data(), cause=error) from None
    except storing.InUseError as error:
        message = f"Failed to delete collection probably due to existing reference in {error.users}."
        raise bad_request(message if error.users else failed, cause=error) from None
    except storing.RefusedError as error:
        reason = str(error)
        raise bad_request(f"{failed} Raw error: \n{reason}" if explained else failed, cause=reason) from error
    except tables.FAILURES as error:
        reason = tables.explain(error)
        raise bad_request(f"{failed} Raw error: \n{reason}" if explained else failed, cause=reason) from None


def _again(ctx: "Context", known: Collection) -> Collection:
    collection = ctx.catalog.by_id(known.id)
    if collection is None:
        raise not_found(cause=NO_ROWS)
    return collection
