"""Storing a record: complete, validate, hash, write — as model events around a default action.

This is what every path to a stored record goes through: the API's use cases, logins, an operator's commands, hooks.
Rules are not its business. Without handlers bound it is one validation and one transaction with one statement.
"""

from typing import TYPE_CHECKING, Any

import apsw

from worker.db.connection import Database
from worker.db.faults import unique_columns
from worker.errors import FieldError, ValidationErrors, caused
from worker.fields import PasswordValue
from worker.fields.hashes import hash_password
from worker.records import accounts, events, removal, store
from worker.records.events import RecordEvent, Stages, around, heard, quiet
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.records.references import check_references
from worker.sql import now, rand_id
from worker.unit import within
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.catalog import Catalog

# The pattern of every id that nobody configured: drawn directly instead of through the pattern's generator.
ID_PATTERN = "[a-z0-9]{15}"
NOT_UNIQUE = FieldError("validation_not_unique", "Value must be unique")


class Check:
    """What a field's validation may look at besides the value."""

    __slots__ = ("catalog", "collection", "db", "is_new", "original", "record")

    def __init__(self, ctx: "Context", record: Record, original: dict[str, Any] | None, *, is_new: bool) -> None:
        self.db: Database = ctx.data
        self.catalog: Catalog = ctx.catalog
        self.collection = record.collection
        self.record = record
        self.original = original
        self.is_new = is_new


async def save(ctx: "Context", record: Record, *, validate: bool = True) -> None:
    """Create or update a record with all its events.

    Raises ValidationErrors by field name for values that may not be stored (also where a unique index refuses them),
    ApiError from a handler, apsw.Error where SQLite fails.
    """
    stages = events.CREATE if record.is_new else events.UPDATE
    collection = record.collection
    if quiet(ctx.bus, stages.every, collection) and quiet(ctx.bus, events.VALIDATE, collection):
        complete(ctx, record)
        if validate:
            check(ctx, record)
        await _hash_passwords(ctx, record)
        await _store(ctx, record)
        return
    await _save_loudly(ctx, record, stages, validate)


async def _save_loudly(ctx: "Context", record: Record, stages: Stages, validate: bool) -> None:
    ended: list[str] = []

    async def default(event: RecordEvent) -> None:
        complete(event.context, event.record, dates=False)
        if validate:
            await hear_check(event.context, event.record)
        collection = event.record.collection
        if collection.is_auth or not quiet(ctx.bus, stages.execute, collection):
            await _execute_loudly(ctx, event, stages, ended)
            return
        date(event.record)
        await _hash_passwords(event.context, event.record)
        await _store(event.context, event.record)

    async def end_logins(event: RecordEvent) -> None:
        if ended:
            await removal.remove_belongings(event.context, record, ended)

    complete(ctx, record, dates=False)
    await heard(stages, RecordEvent(ctx, record), default, then=end_logins if record.collection.is_auth else None)


async def _execute_loudly(ctx: "Context", event: RecordEvent, stages: Stages, ended: list[str]) -> None:
    """Write what is valid, with the events of that; of which logins rows are still to be deleted goes into `ended`."""
    record = event.record
    of_record, *of_model = stages.execute

    async def row(event: RecordEvent) -> None:
        await _hash_passwords(event.context, event.record)
        try:
            ended.extend(await _store(event.context, event.record, heard=True))
        except ValidationErrors as error:
            # handlers of models hear what SQLite has said, those of records what that means
            raise error.__cause__ if isinstance(error.__cause__, apsw.ConstraintError) else error from None

    async def change(event: RecordEvent) -> None:
        try:
            await around(ctx.bus, of_model, event, row)
        except apsw.ConstraintError as error:
            _refuse_taken(error)
            raise
        if accounts.OTPS in ended:
            ended.remove(accounts.OTPS)
            await removal.remove_belongings(event.context, record, [accounts.OTPS])

    async def execute(event: RecordEvent) -> None:
        date(event.record)
        if not accounts.loses_external(record):
            await change(event)
            return
        # who becomes verified must not keep what somebody else has linked, even for a moment
        outer = event.context

        async def both(inner: "Context") -> None:
            event.context = inner
            try:
                await removal.remove_belongings(event.context, record, [accounts.EXTERNAL])
                await change(event)
                if accounts.EXTERNAL in ended:
                    ended.remove(accounts.EXTERNAL)
            finally:
                event.context = outer

        await within(outer, both)

    await around(ctx.bus, (of_record,), event, execute)


async def hear_check(ctx: "Context", record: Record) -> None:
    """As `check`, with its events: the record's own check comes after its handlers, before those of every model."""
    of_record, of_model = events.VALIDATE
    if quiet(ctx.bus, events.VALIDATE, record.collection):
        check(ctx, record)
        return

    async def own(event: RecordEvent) -> None:
        check(event.context, event.record)
        await around(ctx.bus, (of_model,), event, _nothing)

    await around(ctx.bus, (of_record,), RecordEvent(ctx, record), own)


async def _nothing(event: RecordEvent) -> None:
    pass


def complete(ctx: "Context", record: Record, *, dates: bool = True) -> None:
    """Fill in what nobody has to submit: id, token key, generated texts, and `dates`, which handlers don't see yet."""
    is_new = record.is_new
    if record.collection.is_auth:
        accounts.settle(ctx.data, ctx.catalog, record)
    if is_new and not record.data["id"]:
        _draw_id(record)
    if dates:
        date(record)
    if is_new:
        for field in plan_of(record.collection).generated:
            value = record.data[field.name]
            prepared = field.prepare(value, True, True)
            if prepared is not value:
                record.set(field.name, prepared)


def date(record: Record) -> None:
    """Set the dates that follow each change, as `complete` does."""
    is_new, moment = record.is_new, now()  # one for all dates of the record
    for field in plan_of(record.collection).dated:
        if field.on_create if is_new else field.on_update:
            record.set(field.name, moment)


def _draw_id(record: Record) -> None:
    field = record.collection.by_name["id"]
    pattern: str = getattr(field, "autogenerate_pattern", "")
    if pattern:
        record.set("id", rand_id() if pattern == ID_PATTERN else field.prepare("", True, False))
        record.id_generated = True


def check(ctx: "Context", record: Record) -> None:
    """Raise ValidationErrors for what may not be stored."""
    protocol = Check(ctx, record, record.original, is_new=record.is_new)
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
    for field in plan_of(record.collection).passwords:
        value = record.data[field.name]
        if isinstance(value, PasswordValue):
            job = (hash_password, value.plain, field.hash_cost)
            record.set(field.name, await ctx.lanes.blocking(ctx.account, *job))


async def _store(ctx: "Context", record: Record, *, heard: bool = False) -> list[str]:
    """Write the record, and delete what ends with a change of a login.

    Of which collections rows are still to be deleted: with `heard`, if somebody hears of that, afterwards.
    """
    ended = accounts.ended_by(record) if record.collection.is_auth and not record.is_new else []

    async def row(ctx: "Context") -> None:
        _write(ctx, record)

    async def whole(ctx: "Context") -> None:
        _write(ctx, record)
        await removal.remove_belongings(ctx, record, ended)

    async def in_steps(ctx: "Context") -> None:
        await write(ctx, row)
        await removal.remove_belongings(ctx, record, ended)

    left: list[str] = []
    if ended and not quiet(ctx.bus, events.DELETE.every):  # who hears of it may take time
        if heard:
            await write(ctx, row)
            left = ended
        else:
            await within(ctx, in_steps)
    else:
        await write(ctx, whole if ended else row)
    record.committed()
    return left


def _write(ctx: "Context", record: Record) -> None:
    db = ctx.data
    is_auth = record.collection.is_auth
    try:
        if record.is_new:
            if is_auth:
                taken = accounts.check_unique_id(db, ctx.catalog, record)
                if taken is not None:
                    raise ValidationErrors({"id": taken})
            store.insert(db, record)
        else:
            store.update(db, record)
    except apsw.ConstraintError as error:
        _refuse_taken(error)
        raise
    if is_auth:
        ctx.auth_epoch += 1


def _refuse_taken(error: apsw.ConstraintError) -> None:
    """Raise ValidationErrors where a unique index has been violated."""
    columns = unique_columns(error)
    if columns and all("." in column for column in columns):
        refused = ValidationErrors({column.partition(".")[2]: NOT_UNIQUE for column in sorted(columns)})
        raise caused(refused, error) from error
