"""`$app` on collections: finding, saving, deleting, truncating and importing them.

A collection crosses as its definition, with the secrets of its tokens: what the real one's getters show. One that a
script saves is read like any submitted one, only that it is complete.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.errors import NO_ROWS, ApiError, FieldError, ValidationErrors
from worker.events import around
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.wire import as_text
from worker.records.rules import check_rule
from worker.records.truncation import truncate
from worker.schema import binding, events, importing, storing, sync
from worker.schema.collection import AUTH, Collection
from worker.schema.events import CollectionEvent
from worker.sql import now
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

NO_MODEL = "the model can be deleted only if it is existing and has a non-empty primary key"
ID_LOST = "failed to retrieve old cached collection: sql: no rows in result set"
OF_VIEW = "view collections cannot be truncated since they don't store their own records"
NONE_TO_IMPORT = "no collections to import"
# Names and ids that an operation may be given at once.
NAMES_MAX = 10_000

Definition = dict[str, Any]


def definition(collection: Collection) -> Definition:
    """A collection as scripts get it."""
    return collection.dump(secrets=True)


def found(ctx: "Context", name_or_id: object) -> Collection:
    """The collection that a script means. GoError where there is none."""
    collection = ctx.catalog.get(name_or_id) if isinstance(name_or_id, str) else None
    if collection is None:
        raise GoError(NO_ROWS)
    return collection


def drafted(ctx: "Context", wire: object, *, completed: bool = True) -> tuple[Collection, Collection | None]:
    """A script's collection as it would be stored, and what is stored of it. GoError, MalformedError.

    What is not `completed` is as the script has it.
    """
    if not isinstance(wire, dict) or not isinstance(wire.get("def"), dict):
        raise GoError("a collection is missing")
    body: Mapping[str, Any] = wire["def"]
    stored_id = as_text(wire.get("id"))
    old = ctx.catalog.by_id(stored_id) if stored_id else None
    if stored_id and old is None:
        raise GoError(ID_LOST)
    draft = binding.draft_of(old) if old else binding.new_draft(as_text(body.get("type")), as_text(body.get("name")))
    draft.type = as_text(body.get("type"))
    binding.bind(draft, body)
    if old is not None and draft.id != old.id:
        raise GoError(ID_LOST)
    if completed:
        taken = set(ctx.catalog.ids())
        binding.complete(draft, taken)
        draft.updated = now()
        draft.created = draft.created or draft.updated
    return draft.build(), old


async def scaffold(call: Call, name: object) -> Definition:
    """A new auth collection of a name, as `new Collection` begins with it."""
    del call
    draft = binding.new_draft(AUTH, as_text(name)[: binding.NAME_CHARS_MAX])
    binding.complete(draft, (), scaffolded=True)
    return definition(draft.build())


async def find(call: Call, app: object, name_or_id: object) -> Definition:
    """One by its id, or its name in any case."""
    return definition(found(call.context(app), name_or_id))


async def find_all(call: Call, app: object, types: object) -> list[Definition]:
    """All, or those of some types."""
    wanted = {kind for kind in _texts(types) if kind}
    return [
        definition(collection)
        for collection in call.context(app).catalog.all()
        if not wanted or collection.type in wanted
    ]


async def references(call: Call, app: object, identifier: object, excluded: object) -> list[tuple[str, list[str]]]:
    """The collections that refer to one, each with the names of the fields that do."""
    catalog = call.context(app).catalog
    skipped = set(_texts(excluded))
    target = as_text(identifier)
    return [
        (other.id, names)
        for other in catalog.all()
        if other.id not in skipped
        and (names := [field.name for field in other.relations if field.collection_id == target])
    ]


async def is_name_unique(call: Call, app: object, name: object, excluded: object) -> bool:
    """Whether no other collection has a name in any case."""
    wanted, skipped = as_text(name).lower(), set(_texts(excluded))
    if not wanted:
        return False
    return all(
        collection.name.lower() != wanted or collection.id in skipped for collection in call.context(app).catalog.all()
    )


async def reload(call: Call, app: object) -> None:
    """Read the catalog again: a script has changed it by its own SQL."""
    ctx = call.context(app)
    ctx.catalog.reload(ctx.data)
    ctx.auth_epoch += 1


async def save(call: Call, app: object, wire: object, validated: object) -> Definition | None:
    """Store one; as it is stored then. None where a handler has kept it from being stored."""
    ctx = call.context(app)
    if not ctx.is_inner:
        await sync.rest(ctx)
    async with transaction(ctx) as inner:
        collection, old = drafted(inner, wire)
        await storing.save(inner, collection, old, check_rule, validated=validated is not False)
    stored = ctx.catalog.by_id(collection.id)
    return None if stored is None else definition(stored)


async def validate(call: Call, app: object, wire: object) -> None:
    """Say what is wrong with one as it is, with the events of a validation."""
    ctx = call.context(app)
    async with transaction(ctx) as inner:
        collection, old = drafted(inner, wire, completed=False)

        async def check(event: CollectionEvent) -> None:
            assert event.collection is not None
            await storing.validate_fully(event.context, event.collection, old, check_rule)

        await around(inner.bus, events.VALIDATE, CollectionEvent(inner, collection, old), check)


async def delete(call: Call, app: object, identifier: object, unchecked: object) -> None:
    """Remove one with its records; `unchecked`: also one that is in use. Nothing to do for one that is gone."""
    ctx = call.context(app)
    stored_id = as_text(identifier)
    if not stored_id:
        raise GoError(NO_MODEL)
    if not ctx.is_inner:
        await sync.rest(ctx)
    async with transaction(ctx) as inner:
        collection = inner.catalog.by_id(stored_id)
        if collection is not None:
            await storing.remove(inner, collection, None if unchecked is True else check_rule)


async def truncate_records(call: Call, app: object, identifier: object, name: object) -> None:
    """Delete every record of one."""
    ctx = call.context(app)
    collection = ctx.catalog.get(as_text(identifier))
    if collection is None:
        wanted = as_text(name)
        failed = f"SELECT `{wanted}`.* FROM `{wanted}` LIMIT 500"
        raise GoError(f"SQL logic error: no such table: {wanted} (1); failed query: {failed}")
    if collection.is_view:
        raise GoError(OF_VIEW)
    try:
        await truncate(ctx, collection)
    except ApiError as error:
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from None
        raise


async def import_all(call: Call, app: object, items: object, delete_missing: object) -> None:
    """Store many at once."""
    ctx = call.context(app)
    if not isinstance(items, list) or not all(item is None or isinstance(item, dict) for item in items):
        raise GoError("the collections to import are no objects")
    if not items:
        raise GoError(NONE_TO_IMPORT)
    try:
        await importing.import_collections(ctx, items, check_rule, delete_missing=delete_missing is True)
    except ApiError as error:
        raise _unwrapped(error) from None


def _unwrapped(error: ApiError) -> Exception:
    """A failed import as the app's method tells it, without what the API says around it."""
    cause = error.cause
    if not isinstance(cause, ValidationErrors):
        return error
    said = cause.errors.get("collections")
    if isinstance(said, FieldError) and said.message.startswith(importing.RAW_ERROR):
        return GoError(said.message[len(importing.RAW_ERROR) :])
    return cause


def _texts(values: object) -> list[str]:
    if not isinstance(values, list) or len(values) > NAMES_MAX:
        raise GoError("these are no names")
    return [as_text(value) for value in values]


OPS: dict[str, Operation] = {
    "collection.scaffold": scaffold,
    "collection.find": find,
    "collection.all": find_all,
    "collection.references": references,
    "collection.unique": is_name_unique,
    "collection.reload": reload,
    "collection.save": save,
    "collection.validate": validate,
    "collection.delete": delete,
    "collection.truncate": truncate_records,
    "collection.import": import_all,
}
