"""`$app` on tables, views and the databases as such."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import apsw

from worker.db.connection import Database
from worker.errors import REQUIRED, ValidationErrors
from worker.fields import DefinitionCheck, Field, load_field
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.ops.collections import drafted
from worker.hooks.shared import value_out
from worker.hooks.wire import as_text
from worker.records.record import Record
from worker.records.saving import Check
from worker.schema import viewquery
from worker.schema.importing import NAMEABLE, UNNAMEABLE
from worker.schema.validate import field_name_error
from worker.schema.viewddl import create_view, drop_view
from worker.schema.viewfields import ID
from worker.schema.viewquery import Trial
from worker.schema.viewtext import QueryError, trimmed
from worker.services.logs import open_auxiliary
from worker.sql import quote
from worker.unit import lock_writer, second_connection, take_back_soon, transaction
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

IS_TABLE = "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?) LIMIT 1"
INDEXES = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND lower(tbl_name) = lower(?) AND sql IS NOT NULL"
IN_TRANSACTION = "SQL logic error: cannot VACUUM from within a transaction (1)"
NO_DEFINITION = "a field is missing"
SAMPLE_MAX = 1_000


class _Undone(Exception):  # noqa: N818 - it is no error
    """Ends a transaction with nothing kept of it."""


async def has_table(call: Call, app: object, name: object) -> bool:
    """Whether there is a table or view of a name, in any case."""
    ctx, wanted = call.context(app), as_text(name)
    return await ctx.lanes.read(ctx.data, lambda db: db.one(IS_TABLE, (wanted,)) is not None)


async def has_aux_table(call: Call, app: object, name: object) -> bool:
    """As `has_table`, in the auxiliary database."""
    ctx, wanted = call.context(app), as_text(name)

    def look() -> bool:
        connection = open_auxiliary(ctx.logs.path)
        try:
            return connection.execute(IS_TABLE, (wanted,)).fetchone() is not None
        finally:
            connection.close()

    return await ctx.lanes.blocking(ctx.account, look)


async def table_info(call: Call, app: object, name: object) -> list[dict[str, Any]]:
    """The columns of a table; none where there is no such table."""
    ctx, table = call.context(app), as_text(name)
    if not table or "\0" in table:
        return []
    rows = await ctx.lanes.read(ctx.data, lambda db: db.once(f"PRAGMA table_info({quote(table)})"))
    return [
        {
            "pk": key,
            "index": place,
            "name": column,
            "type": kind,
            "notNull": bool(not_null),
            "defaultValue": {"string": default or "", "valid": default is not None},
        }
        for place, column, kind, not_null, default, key in rows
    ]


async def table_indexes(call: Call, app: object, name: object) -> dict[str, str]:
    """The statements of a table's indexes, by name."""
    ctx, table = call.context(app), as_text(name)
    return dict(await ctx.lanes.read(ctx.data, lambda db: db.all(INDEXES, (table,))))


async def delete_table(call: Call, app: object, name: object) -> None:
    """Drop a table, if it is there, whatever it was for."""
    table = _nameable(name)

    async def drop(ctx: "Context") -> None:
        ctx.data.once(f"DROP TABLE IF EXISTS {quote(table)}")
        _reread(ctx)

    await write(call.context(app), drop)


async def delete_view(call: Call, app: object, name: object) -> None:
    """Drop a view, if it is there."""
    view = _nameable(name)

    async def drop(ctx: "Context") -> None:
        drop_view(ctx.data, view)
        _reread(ctx)

    await write(call.context(app), drop)


async def save_view(call: Call, app: object, name: object, query: object) -> None:
    """Make a view of a query, in place of the one that there is. QueryError."""
    view, text = _nameable(name), as_text(query)
    async with transaction(call.context(app)) as inner:
        drop_view(inner.data, view)
        await viewquery.normal_query(inner, text)  # SQLite reads a view's query when that is used
        create_view(inner.data, view, trimmed(text))
        _reread(inner)


async def view_fields(call: Call, app: object, query: object) -> list[dict[str, Any]]:
    """The fields of a view's query. QueryError."""
    ctx = call.context(app)
    fields = await viewquery.fields_of(ctx, as_text(query))
    if all(field.name != ID for field in fields):
        raise QueryError(viewquery.NO_ID)
    return [field.dump() for field in fields]


async def try_view(call: Call, app: object, query: object, size: object) -> dict[str, Any]:
    """Fields and first rows of a query that nobody stores. QueryError."""
    wanted = size if isinstance(size, int) and 0 <= size <= SAMPLE_MAX else SAMPLE_MAX
    trial: Trial | None = None
    with suppress(_Undone):
        async with transaction(call.context(app)) as inner:
            trial = await viewquery.try_query(inner, as_text(query), wanted)
            raise _Undone
    assert trial is not None
    rows = [
        [value_out(field, field.from_db(value)) for field, value in zip(trial.fields, row, strict=True)]
        for row in trial.rows
    ]
    return {"name": trial.name, "fields": [field.dump() for field in trial.fields], "rows": rows}


async def vacuum(call: Call, app: object) -> None:
    """Give what is free in the database back to the file system, in a thread, under the limit of a write."""
    ctx = call.context(app)
    if ctx.is_inner:
        raise GoError(IN_TRANSACTION)

    def rebuild(db: Database) -> None:
        db.connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)  # the new file is one, until it takes the place of the old
        db.once("VACUUM")

    await lock_writer(ctx)
    with second_connection(ctx) as data:
        await ctx.lanes.write(data, rebuild)
    take_back_soon(ctx)


async def vacuum_aux(call: Call, app: object) -> None:
    """As `vacuum`, for the auxiliary database."""
    ctx = call.context(app)
    await ctx.lanes.blocking(ctx.account, ctx.logs.vacuum)


async def prune_logs(call: Call, app: object, before: object) -> None:
    """Delete what was logged before a moment."""
    ctx = call.context(app)
    await ctx.lanes.blocking(ctx.account, ctx.logs.delete_before, as_text(before))


async def delete_log(call: Call, app: object, identifier: object) -> None:
    """Delete one entry of the log."""
    ctx = call.context(app)
    await ctx.lanes.blocking(ctx.account, ctx.logs.delete, as_text(identifier))


# -- what a field says of a value --------------------------------------------------------------------------------------


async def check_value(call: Call, app: object, definition: object, record: object) -> None:
    """Say what is wrong with a record's value of a field."""
    ctx, field = call.context(app), _field(definition)
    held = call.shared.record(record, ctx)
    check = Check(ctx, held, held.original, is_new=held.is_new)
    _raise(field, field.validate(held.data.get(field.name, field.zero()), check))


async def check_text(call: Call, definition: object, value: object) -> None:
    """Say what is wrong with a text, as far as the options of a field go."""
    ctx, field = call.hooks.ctx, _field(definition)
    record = Record.new(ctx.catalog.all()[0])
    check = Check(ctx, record, None, is_new=True)
    _raise(field, field.validate(as_text(value), check))


async def check_options(call: Call, app: object, definition: object, wire: object) -> None:
    """Say what is wrong with a field's own options in a collection."""
    ctx, field = call.context(app), _field(definition)
    collection, old = drafted(ctx, wire, completed=False)
    before = {known.id: known for known in old.fields} if old is not None else {}
    check = DefinitionCheck(ctx.catalog, collection, collection.fields, before.get(field.id))
    errors: dict[str, Any] = dict(field.check_options(check))
    name = field_name_error(field.name)
    if name is not None:
        errors["name"] = name
    if isinstance(definition, dict) and not definition.get("id"):
        errors["id"] = REQUIRED
    if errors:
        raise ValidationErrors(errors)


def _field(definition: object) -> Field:
    if not isinstance(definition, dict):
        raise GoError(NO_DEFINITION)
    return load_field(definition)


def _raise(field: Field, error: Any) -> None:
    del field
    if error is not None:
        raise GoError(error.message)


def _nameable(name: object) -> str:
    text = as_text(name)
    if not NAMEABLE.fullmatch(text):
        raise GoError(UNNAMEABLE)
    return text


def _reread(ctx: "Context") -> None:
    """What is known of the schema is read again; where that fails, so has the change."""
    ctx.catalog.reload(ctx.data)
    ctx.auth_epoch += 1


OPS: dict[str, Operation] = {
    "table.has": has_table,
    "table.has.aux": has_aux_table,
    "table.info": table_info,
    "table.indexes": table_indexes,
    "table.delete": delete_table,
    "view.delete": delete_view,
    "view.save": save_view,
    "view.fields": view_fields,
    "view.try": try_view,
    "vacuum": vacuum,
    "vacuum.aux": vacuum_aux,
    "log.prune": prune_logs,
    "log.delete": delete_log,
    "field.check": check_value,
    "field.plain": check_text,
    "field.settings": check_options,
}
