"""The use cases of records: list, view, create, update, delete, under a collection's rules.

Plain functions below HTTP, which routes, batches and hooks share. Each is an event on the tenant's bus whose last
handler is the default action; with nothing bound no event is made. A rule that is null refuses everybody but
superusers (403); one that does not hold filters a list, hides a single record (404), and refuses a new one (400).
"""

from collections.abc import Sequence
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any, Final

import apsw

from worker.db.connection import Database
from worker.errors import (
    NO_ROWS,
    ApiError,
    HookError,
    ValidationErrors,
    bad_request,
    caused,
    forbidden,
    internal,
    not_found,
)
from worker.events import answered
from worker.records import accounts, enriching, events, expand, listing, present, rules, store, upsert
from worker.records.events import RecordRequestEvent, RecordsListEvent, quiet
from worker.records.listing import STEP_ROWS, ListQuery
from worker.records.plan import Row, plan_of
from worker.records.record import Record
from worker.records.removal import REFUSED, remove
from worker.records.request import RequestInfo
from worker.records.saving import save

if TYPE_CHECKING:
    from worker.context import Context
    from worker.records.compiled import Where
    from worker.schema.collection import Collection

__all__ = [
    "ListQuery",
    "create_record",
    "delete_record",
    "enriched",
    "list_records",
    "remove",
    "save",
    "update_record",
    "view_record",
]

SUPERUSERS_ONLY = "Only superusers can perform this action."
UNSUPPORTED = "Unsupported collection type."
NOT_CREATED = "Failed to create record."
NOT_UPDATED = "Failed to update record."
NOT_ENRICHED = "Failed to enrich record."
NONE_ENRICHED = "Failed to enrich records."
# The events of an answer with records in it.
LISTED: Final = events.LIST_REQUEST + events.ENRICH
VIEWED: Final = events.VIEW_REQUEST + events.ENRICH
# A rule with this in it looks at what was submitted, so the stored record has to be read before the rule is asked.
BODY = "@request.body."

Item = dict[str, Any]


async def list_records(ctx: "Context", collection: "Collection", info: RequestInfo, query: ListQuery) -> Item | None:
    """The envelope of one page. ApiError 400 and 403 for a query that is malformed or not allowed.

    None, here and below, where a handler has kept it from being answered.
    """
    _refuse_null(collection.list_rule, info)
    if quiet(ctx.bus, LISTED, collection) and not query.expand:
        shape = present.shape_for(collection, info)
        if query.per_page > STEP_ROWS:
            return await _list_in_steps(ctx, collection, info, query)

        def read(db: Database) -> Item:
            page = listing.read_page(db, ctx.catalog, collection, query, info, columns=shape.columns)
            items = present.present_rows(ctx, db, collection, shape, page.rows, info=info)
            return listing.envelope(items, query, page.total)

        return await ctx.lanes.read(ctx.data, read)
    return await _list_whole_records(ctx, collection, info, query)


async def _list_in_steps(ctx: "Context", collection: "Collection", info: RequestInfo, query: ListQuery) -> Item:
    """A page that may be long: its rows, and then their JSON, a part at a time, so that others have turns between."""
    shape = present.shape_for(collection, info)
    page = await ctx.lanes.read(
        ctx.data, lambda db: listing.read_page(db, ctx.catalog, collection, query, info, columns=shape.columns)
    )
    items: list[Item] = []
    for start in range(0, len(page.rows), STEP_ROWS):
        await ctx.breathe()
        show = partial(_rows_shown, ctx, collection, info, page.rows[start : start + STEP_ROWS])
        items += await ctx.lanes.read(ctx.data, show)
    return listing.envelope(items, query, page.total)


def _rows_shown(
    ctx: "Context", collection: "Collection", info: RequestInfo, rows: list[Row], db: Database
) -> list[Item]:
    return present.present_rows(ctx, db, collection, present.shape_for(collection, info), rows, info=info)


async def _list_whole_records(
    ctx: "Context", collection: "Collection", info: RequestInfo, query: ListQuery
) -> Item | None:
    plan = plan_of(collection)
    values = plan.values

    def read(db: Database) -> tuple[list[Record], int]:
        page = listing.read_page(db, ctx.catalog, collection, query, info, columns=plan.columns)
        return [Record.stored(collection, values(row)) for row in page.rows], page.total

    records, total = await ctx.lanes.read(ctx.data, read)
    event = RecordsListEvent(ctx, collection, records, info)
    event.result = listing.envelope(list(records), query, total)

    async def default(event: RecordsListEvent) -> None:
        if event.result is not None:
            event.result["items"] = await _items(event, query.expand)
        event.answered = True

    await answered(ctx.bus, events.LIST_REQUEST, event, default)
    return event.result if event.answered else None


async def _items(event: RecordsListEvent, paths: str) -> list[Any]:
    """The items of a page as JSON: mostly the event's records. A handler may have put other things in their place."""
    ctx, info = event.context, event.info
    shown = await enriched(ctx, event.records, info, paths, failure=NONE_ENRICHED)
    assert event.result is not None
    items = event.result["items"]
    if len(items) == len(shown) and all(map(is_, items, event.records)):
        return shown
    known = {id(record): item for record, item in zip(event.records, shown, strict=True)}
    return [known.get(id(item)) or _bare(ctx, item, info) if isinstance(item, Record) else item for item in items]


def _bare(ctx: "Context", record: Record, info: RequestInfo) -> Item:
    return present.present_many(ctx.data, ctx.catalog, [record], info)[0]


async def view_record(
    ctx: "Context", collection: "Collection", record_id: str, info: RequestInfo, *, expand: str = ""
) -> Item | None:
    """One record. ApiError 403 for a null rule, 404 where there is none or the view rule does not hold."""
    rule: str | None = collection.view_rule
    if rule is None:
        _refuse_null(rule, info)
    if not expand and quiet(ctx.bus, VIEWED, collection):
        shape = present.shape_for(collection, info)

        def read(db: Database) -> Item | None:
            row = store.one_row(db, shape, record_id, _where(ctx, collection, rule, info))
            if row is None:
                return None
            return present.present_rows(ctx, db, collection, shape, (row,), info=info)[0]

        item = await ctx.lanes.read(ctx.data, read)
        if item is None:
            raise not_found(cause=NO_ROWS)
        return item
    event = RecordRequestEvent(ctx, await _found(ctx, collection, record_id, rule, info), info)

    async def default(event: RecordRequestEvent) -> None:
        await _answer(event, expand)

    await answered(ctx.bus, events.VIEW_REQUEST, event, default)
    return event.result


async def create_record(
    ctx: "Context",
    collection: "Collection",
    info: RequestInfo,
    body: dict[str, Any],
    *,
    expand: str = "",
) -> Item | None:
    """Create a record from `body` and return it. ApiError 400 for bad values or a rule that does not hold, 403."""
    refuse_view(collection)
    _refuse_null(collection.create_rule, info)
    superuser = info.is_superuser
    record = Record.new(collection)
    info.body = upsert.load(record, body, superuser=superuser)
    rule = "" if superuser else collection.create_rule
    if not superuser and not upsert.hashable(record):
        raise bad_request(NOT_CREATED, cause="bcrypt: password length exceeds 72 bytes")
    if rule and not await _holds_for_new(ctx, record, rule, info):
        raise bad_request(NOT_CREATED, cause=f"create rule failure: {NO_ROWS}")
    event = RecordRequestEvent(ctx, record, info)

    async def default(event: RecordRequestEvent) -> None:
        await _submit(event, body, NOT_CREATED)
        await _answer(event, expand)

    await answered(ctx.bus, events.CREATE_REQUEST, event, default)
    return event.result


async def update_record(
    ctx: "Context",
    collection: "Collection",
    record_id: str,
    info: RequestInfo,
    body: dict[str, Any],
    *,
    expand: str = "",
) -> Item | None:
    """Change a record as `body` says and return it. ApiError 400 for bad values, 403, 404 as for a view."""
    refuse_view(collection)
    rule = collection.update_rule
    _refuse_null(rule, info)
    superuser = info.is_superuser
    asks_body = not superuser and rule is not None and BODY in rule
    record = await _found(ctx, collection, record_id, "" if asks_body else rule, info)
    info.body = upsert.load(record, body, superuser=superuser)
    if asks_body:
        await _found(ctx, collection, record_id, rule, info)
    event = RecordRequestEvent(ctx, record, info)

    async def default(event: RecordRequestEvent) -> None:
        await _submit(event, body, NOT_UPDATED)
        await _answer(event, expand)

    await answered(ctx.bus, events.UPDATE_REQUEST, event, default)
    return event.result


async def _answer(event: RecordRequestEvent, expand: str) -> None:
    event.result = (await enriched(event.context, [event.record], event.info, expand))[0]
    event.answered = True


async def delete_record(ctx: "Context", collection: "Collection", record_id: str, info: RequestInfo) -> bool:
    """Delete a record. ApiError 400 where it is required elsewhere, 403, 404 as for a view.

    Whether that is the answer: a handler may have prevented it.
    """
    refuse_view(collection)
    _refuse_null(collection.delete_rule, info)
    record = await _found(ctx, collection, record_id, collection.delete_rule, info)
    event = RecordRequestEvent(ctx, record, info)

    async def default(event: RecordRequestEvent) -> None:
        try:
            await remove(event.context, event.record)
        except HookError as error:
            raise caused(bad_request(REFUSED, cause=error), error) from error
        event.answered = True

    await answered(ctx.bus, events.DELETE_REQUEST, event, default)
    return event.answered


async def enriched(
    ctx: "Context", records: Sequence[Record], info: RequestInfo, paths: str = "", *, failure: str = NOT_ENRICHED
) -> list[Item]:
    """The JSON of records for the requester, with `paths` expanded and enriched by hooks. ApiError 500: `failure`."""
    if quiet(ctx.bus, events.ENRICH):
        if not paths and len(records) == 1 and present.is_plain(records[0]):
            return present.present_many(ctx.data, ctx.catalog, records, info)
        return await ctx.lanes.read(ctx.data, lambda db: _shown(db, ctx, records, info, paths))
    try:
        await enriching.enrich(ctx, records, info, paths)
    except HookError as error:
        raise caused(internal(failure, cause=error), error) from error
    return await ctx.lanes.read(ctx.data, lambda db: _shown(db, ctx, records, info, ""))


def _shown(db: Database, ctx: "Context", records: Sequence[Record], info: RequestInfo, paths: str) -> list[Item]:
    if paths:
        expand.expand(db, ctx.catalog, records, expand.parse(paths), info)
    return present.present_many(db, ctx.catalog, records, info)


async def _submit(event: RecordRequestEvent, body: dict[str, Any], failure: str) -> None:
    """Check who may change what of a login, then store."""
    ctx, record, info = event.context, event.record, event.info
    try:
        if record.collection.is_auth:
            errors = await _credential_errors(ctx, record, info, body)
            if errors:
                raise ValidationErrors(errors)
        await save(ctx, record)
    except ValidationErrors as error:
        raise caused(bad_request(failure, error.data(), cause=error), error) from error
    except (apsw.ConstraintError, apsw.SQLError, HookError) as error:  # also of an expression in an index
        raise caused(bad_request(failure, cause=error), error) from error


async def _credential_errors(ctx: "Context", record: Record, info: RequestInfo, body: dict[str, Any]) -> dict[str, Any]:
    credentials = accounts.Credentials(body)
    manager = info.is_superuser
    if manager or info.auth is None or not accounts.manages_something(record, credentials):
        return await accounts.check_credentials(ctx, record, credentials, manager=manager)
    options = record.collection.auth
    rule = options.manage_rule if options is not None else None
    if rule is not None:
        if record.is_new:
            manager = await _holds_for_new(ctx, record, rule, info)
        else:
            ids = [record.id]
            manager = bool(present.managed_ids(ctx.data, ctx.catalog, record.collection, ids, info))
    return await accounts.check_credentials(ctx, record, credentials, manager=manager)


async def _holds_for_new(ctx: "Context", record: Record, rule: str, info: RequestInfo) -> bool:
    try:
        sql, params = rules.rule_on_row(ctx.catalog, record.collection, rule, info, upsert.row_of(record))
    except ApiError as error:  # a rule that was fine once, or is for stored records only
        raise caused(bad_request(NOT_CREATED, cause=error.cause), error) from error
    return await ctx.lanes.read(ctx.data, lambda db: db.value(sql, params)) is not None


async def _found(
    ctx: "Context", collection: "Collection", record_id: str, rule: str | None, info: RequestInfo
) -> Record:
    """The record for which `rule` holds (superusers: whatever it says). ApiError 404."""
    where = _where(ctx, collection, rule, info)
    record = await ctx.lanes.read(ctx.data, lambda db: store.find(db, collection, record_id, where))
    if record is None:
        raise not_found(cause=NO_ROWS)
    return record


def _where(ctx: "Context", collection: "Collection", rule: str | None, info: RequestInfo) -> "Where | None":
    if not rule or info.is_superuser:
        return None
    return rules.rule_where(ctx.catalog, collection, rule, info)


def _refuse_null(rule: str | None, info: RequestInfo) -> None:
    if rule is None and not info.is_superuser:
        raise forbidden(SUPERUSERS_ONLY)


def refuse_view(collection: "Collection") -> None:
    """ApiError 400 for a view, to which nobody writes."""
    if collection.is_view:
        raise bad_request(UNSUPPORTED)
