"""Storing a record: complete, validate, hash, write — as model events around a default action.

This is what every path to a stored record goes through: the API's use cases, logins, an operator's commands, hooks.
Rules are not its business. Without handlers bound it is one validation and one transaction with one statement.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw
import bcrypt

from worker.db.connection import Database
from worker.db.faults import unique_columns
from worker.errors import FieldError, ValidationErrors
from worker.fields import AutodateField, PasswordField, PasswordValue
from worker.records import accounts, events, removal, store
from worker.records.events import RecordEvent, Stages, around, quiet
from worker.records.record import Record
from worker.records.references import check_references
from worker.sql import now, rand_id
from worker.unit import Unit

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

# The pattern of every id that nobody configured: drawn directly instead of through the pattern's generator.
ID_PATTERN = "[a-z0-9]{15}"
# A hash of this cost takes about a second of a thread that other tenants' logins wait for. A field's definition may ask
# for up to 31, which is a day: it is hashed with this.
HASH_COST_MAX = 14
NOT_UNIQUE = FieldError("validation_not_unique", "Value must be unique")


@dataclass(slots=True)
class Check:
    """What a field's validation may look at besides the value."""

    db: Database
    catalog: "Catalog"
    collection: "Collection"
    record: Record
    original: dict[str, Any] | None
    is_new: bool


async def save(ctx: "Context", record: Record, *, within: Unit | None = None, validate: bool = True) -> None:
    """Create or update a record with all its events.

    Raises ValidationErrors by field name for values that may not be stored (also where a unique index refuses them),
    ApiError from a handler, apsw.Error where SQLite fails. `within` is the unit of work that this is a part of.
    """
    stages = events.CREATE if record.is_new else events.UPDATE
    bus = ctx.bus
    if quiet(bus, stages.every) and quiet(bus, events.VALIDATE):
        complete(ctx, record)
        if validate:
            check(ctx, record)
        await _hash_passwords(ctx, record)
        async with Unit(ctx, within) as unit:
            await _write(ctx, record, unit)
        return
    await _save_loudly(ctx, record, stages, within, validate)


async def _save_loudly(ctx: "Context", record: Record, stages: Stages, within: Unit | None, validate: bool) -> None:
    bus = ctx.bus
    event = RecordEvent(ctx, record)

    async def execute(event: RecordEvent) -> None:
        await _hash_passwords(ctx, event.record)
        assert event.unit is not None
        await _write(ctx, event.record, event.unit)

    async def default(event: RecordEvent) -> None:
        complete(ctx, event.record)
        if validate:
            await around(bus, events.VALIDATE, RecordEvent(ctx, event.record, event.unit), _check_event)
        await around(bus, stages.execute, event, execute)

    async def succeeded() -> None:
        await around(bus, stages.success, RecordEvent(ctx, record), _nothing)

    try:
        async with Unit(ctx, within) as unit:
            event.unit = unit
            complete(ctx, record)
            await around(bus, stages.around, event, default)
            unit.after.append(succeeded)
    except Exception as error:
        if event.unit is not None and event.unit.committed:
            raise  # a handler of the success: the record is stored all the same
        failed = RecordEvent(ctx, record)
        failed.error = error
        await around(bus, stages.failure, failed, _nothing)
        raise


async def _check_event(event: RecordEvent) -> None:
    check(event.context, event.record)


async def _nothing(event: RecordEvent) -> None:
    del event


def complete(ctx: "Context", record: Record) -> None:
    """Fill in what nobody has to submit: id, token key, dates, generated texts."""
    is_new = record.is_new
    if record.collection.is_auth:
        accounts.settle(ctx.data, ctx.catalog, record)
    if is_new and not record.data["id"]:
        _draw_id(record)
    moment = now()  # one for all dates of the record
    for field in record.collection.fields:
        name = field.name
        if isinstance(field, AutodateField):
            if field.on_create if is_new else field.on_update:
                record.set(name, moment)
            continue
        value = record.data[name]
        prepared = field.prepare(value, is_new, record.changed(name))
        if prepared is not value:
            record.set(name, prepared)


def _draw_id(record: Record) -> None:
    field = record.collection.by_name["id"]
    pattern: str = getattr(field, "autogenerate_pattern", "")
    drawn = rand_id() if pattern in ("", ID_PATTERN) else field.prepare("", True, False)
    record.set("id", drawn)
    record.id_generated = True


def check(ctx: "Context", record: Record) -> None:
    """Raise ValidationErrors for what may not be stored."""
    protocol = Check(ctx.data, ctx.catalog, record.collection, record, record.original, record.is_new)
    errors: dict[str, FieldError] = {}
    for field in record.collection.fields:
        if record.id_generated and field.name == "id":
            continue
        error = field.validate(record.data[field.name], protocol)
        if error is not None:
            errors[field.name] = error
    if not errors:
        errors = check_references(ctx.data, ctx.catalog, record)
    if errors:
        raise ValidationErrors(dict(sorted(errors.items())))


async def _hash_passwords(ctx: "Context", record: Record) -> None:
    for field in record.collection.fields:
        value = record.data[field.name]
        if isinstance(field, PasswordField) and isinstance(value, PasswordValue):
            record.set(field.name, await ctx.lanes.blocking(hash_password, value.plain, field.hash_cost))


def hash_password(plain: str, cost: int) -> str:
    """The bcrypt hash of `plain`, empty for an empty one. Burns CPU: call it through `lanes.blocking`."""
    # PocketBase writes the older prefix of the same algorithm
    salt = bcrypt.gensalt(min(cost, HASH_COST_MAX), b"2a")
    return bcrypt.hashpw(plain.encode(), salt).decode() if plain else ""


async def _write(ctx: "Context", record: Record, unit: Unit) -> None:
    db = ctx.data
    is_auth = record.collection.is_auth
    try:
        if record.is_new:
            if is_auth:
                error = accounts.check_unique_id(db, ctx.catalog, record)
                if error is not None:
                    raise ValidationErrors({"id": error})
            store.insert(db, record)
        else:
            store.update(db, record)
    except apsw.ConstraintError as error:
        columns = unique_columns(error)
        if not columns or any("." not in column for column in columns):
            raise
        raise ValidationErrors({column.partition(".")[2]: NOT_UNIQUE for column in sorted(columns)}) from error
    if is_auth:
        ctx.auth_epoch += 1
        if not record.is_new:
            await removal.remove_belongings(ctx, record, accounts.ended_by(record), unit)
    record.committed()
