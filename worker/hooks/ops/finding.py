"""`$app`'s methods for finding records: by id, by a value, by a filter.

Rows go to the script as they were read, with the collection's id, [id, row] or [id, rows]; `sandbox/js/recordvalues.js`
knows what they mean.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.db.connection import Database
from worker.errors import ApiError
from worker.filters.listing import parse_sort
from worker.hooks.calls import Call, GoError, Operation
from worker.records import listing, rules, store
from worker.records.compiled import Query
from worker.records.plan import plan_of
from worker.records.request import RequestInfo
from worker.sql import quote

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection

NO_ROWS = "sql: no rows in result set"
IDS_MAX = 10_000
FILTER_CHARS_MAX = 1 << 20
# What no filter has: it stands for a value while a filter is compiled.
MARK = "\x01"

Found = list[Any]

_PLACEHOLDER = re.compile(r"\{:([^}]+)\}")


def collection_of(ctx: "Context", name_or_id: object) -> "Collection":
    """The collection that a script names. GoError for none."""
    collection = ctx.catalog.get(name_or_id) if isinstance(name_or_id, str) else None
    if collection is None:
        raise GoError(NO_ROWS)
    return collection


def text(value: object) -> str:
    """A text of a script's. GoError for anything else."""
    if not isinstance(value, str):
        raise GoError("a text is missing")
    return value


def texts(value: object) -> list[str]:
    """A list of texts of a script's. GoError for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise GoError("a list of texts is missing")
    return value


async def find(call: Call, app: object, name: object, record_id: object) -> Found:
    """The record with this id."""
    ctx = call.context(app)
    collection = collection_of(ctx, name)
    plan = plan_of(collection)
    wanted = text(record_id)
    row = await ctx.lanes.read(ctx.data, lambda db: store.one_row(db, plan, wanted, None))
    if row is None:
        raise GoError(NO_ROWS)
    return [collection.id, row]


async def find_all(call: Call, app: object, name: object, ids: object) -> Found:
    """The records with these ids, in the order of the ids."""
    ctx = call.context(app)
    collection = collection_of(ctx, name)
    wanted = texts(ids)
    if len(wanted) > IDS_MAX:
        raise GoError(f"more than {IDS_MAX} ids")
    plan = plan_of(collection)
    sql, params = store.among(plan.columns, plan.table, wanted, None)
    return await _found(ctx, collection, f"{sql} ORDER BY {plan.table}.`id`", params)


async def every(call: Call, app: object, name: object) -> Found:
    """All records of a collection."""
    ctx = call.context(app)
    collection = collection_of(ctx, name)
    plan = plan_of(collection)
    return await _found(ctx, collection, f"SELECT {plan.columns} FROM {plan.table}", ())


async def _found(ctx: "Context", collection: "Collection", sql: str, params: Any) -> Found:
    return [collection.id, await ctx.lanes.read(ctx.data, lambda db: db.all(sql, params))]


async def count(call: Call, app: object, name: object) -> int:
    """How many records a collection has."""
    ctx = call.context(app)
    sql = f"SELECT COUNT(*) FROM {plan_of(collection_of(ctx, name)).table}"
    found: int = await ctx.lanes.read(ctx.data, lambda db: db.value(sql, ()))
    return found


async def first(call: Call, app: object, name: object, key: object, value: object) -> Found:
    """The first record with a value."""
    ctx = call.context(app)
    collection = collection_of(ctx, name)
    if text(key) not in collection.by_name:
        raise GoError(f"invalid or missing field {key}")
    if value is not None and not isinstance(value, str | int | float):
        raise GoError("the value is no parameter")
    plan = plan_of(collection)
    column = f"{plan.table}.{quote(text(key))}"
    condition, params = (f"{column} IS NULL", ()) if value is None else (f"{column} = ?", (value,))
    sql = f"SELECT {plan.columns} FROM {plan.table} WHERE {condition} LIMIT 1"
    row = await ctx.lanes.read(ctx.data, lambda db: db.one(sql, params))
    if row is None:
        raise GoError(NO_ROWS)
    return [collection.id, row]


async def by_filter(  # noqa: PLR0917 (what a script sends)
    call: Call,
    app: object,
    name: object,
    condition: object,
    sort: object,
    limit: object,
    offset: object,
    params: object,
) -> Found:
    """The records that a filter lets through; everything may be looked at by it."""
    ctx = call.context(app)
    collection = collection_of(ctx, name)
    given = text(condition)
    if len(given) > FILTER_CHARS_MAX:
        raise GoError("the filter is too long")
    filled, ordered = _filled(given, params), text(sort)

    count, start = _positive(limit) or -1, _positive(offset)

    def read(db: Database) -> list[Any]:
        query, bound = _selected(ctx, collection, given, params, ordered)
        sql = listing.window(db, collection, query, ordered, count)
        return db.all(sql, (*bound, *query.order_params, count, start))

    try:
        rows = await ctx.lanes.read(ctx.data, read)
    except ApiError as error:
        raise _filter_error(ctx, collection, error, filled, ordered) from error
    return [collection.id, rows]


def _positive(value: object) -> int:
    return min(value, 2**62) if isinstance(value, int) and value > 0 else 0


def _selected(
    ctx: "Context", collection: "Collection", condition: str, params: object, sort: str
) -> tuple[Query, tuple[Any, ...]]:
    """A filter as SQL, and its parameters.

    Texts stand in it as marks while it is compiled, so that the next one with other texts is compiled already. Where a
    mark does not come out as it went in (as in a search for a part of a text), the texts themselves are compiled.
    """
    marked = _marked(condition, params)
    if marked is not None:
        text, values = marked
        query = rules.select(ctx.catalog, collection, rules=[], filter=text, sort=sort, info=RequestInfo(trusted=True))
        bound = tuple(values.get(value, value) if type(value) is str else value for value in query.params)
        if not any(type(value) is str and MARK in value and value not in values for value in query.params):
            return query, bound
    filled = _filled(condition, params)
    query = rules.select(ctx.catalog, collection, rules=[], filter=filled, sort=sort, info=RequestInfo(trusted=True))
    return query, query.params


def _marked(condition: str, params: object) -> tuple[str, dict[str, str]] | None:
    """A filter with marks in the places of texts, and those by their marks; None where that gains nothing."""
    if not isinstance(params, dict) or MARK in condition:
        return None
    values: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        match params.get(match[1]):
            case {"s": str(value)} if value and MARK not in value:
                name = f"{MARK}{len(values)}{MARK}"
                values[name] = value
                return f"'{name}'"
        return _literal(match, params)

    text = _PLACEHOLDER.sub(mark, condition)
    return (text, values) if values else None


def _filled(condition: str, params: object) -> str:
    """A filter with its placeholders' values in their places, quoted so that they are values and nothing else."""
    if not isinstance(params, dict) or not params:
        return condition
    return _PLACEHOLDER.sub(lambda match: _literal(match, params), condition)


def _literal(match: re.Match[str], params: Mapping[str, Any]) -> str:
    match params.get(match[1]):
        case {"s": str(value)}:
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"
        case {"r": str(value)} if re.fullmatch(r"[\w.+-]+", value):
            return value
    return match[0]


def _filter_error(ctx: "Context", collection: "Collection", error: ApiError, condition: str, sort: str) -> GoError:
    """What is wrong with a filter, or, where that is fine, with a sort."""
    if _compiles(ctx, collection, condition, ""):
        for key in parse_sort(sort):
            if not _compiles(ctx, collection, "", key.path):
                return GoError(f'invalid sort field "{key.path}"')
    return GoError(f"invalid filter expression: {error.cause or error}")


def _compiles(ctx: "Context", collection: "Collection", condition: str, sort: str) -> bool:
    try:
        rules.select(ctx.catalog, collection, rules=[], filter=condition, sort=sort, info=RequestInfo(trusted=True))
    except ApiError:
        return False
    return True


async def by_email(call: Call, app: object, name: object, email: object) -> Found:
    """The auth record with this e-mail address."""
    ctx = call.context(app)
    try:
        collection = collection_of(ctx, name)
    except GoError as error:
        raise GoError(f"failed to fetch auth collection: {error}") from error
    if not collection.is_auth:
        raise GoError(f'"{name}" is not an auth collection')
    plan = plan_of(collection)
    collate = " COLLATE NOCASE" if collection.nocase_unique("email") else ""
    sql = f"SELECT {plan.columns} FROM {plan.table} WHERE {plan.table}.`email` = ?{collate} LIMIT 1"
    wanted = text(email)
    row = await ctx.lanes.read(ctx.data, lambda db: db.one(sql, (wanted,)))
    if row is None:
        raise GoError(NO_ROWS)
    return [collection.id, row]


OPS: dict[str, Operation] = {
    "records.find": find,
    "records.findAll": find_all,
    "records.all": every,
    "records.count": count,
    "records.first": first,
    "records.filter": by_filter,
    "records.byEmail": by_email,
}
