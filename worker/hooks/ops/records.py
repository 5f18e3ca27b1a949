"""`$app`'s methods for records: storing, deleting, what records may do and who may see them; `finding` finds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, ValidationErrors
from worker.fields import TextField
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.ops.finding import collection_of, text
from worker.records import accounts, removal, rules, saving, store
from worker.records.accounts import Credentials
from worker.records.events import VALIDATE, quiet
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context


async def schema(call: Call, app: object, collection_id: object) -> list[Any]:
    """What the script needs to know of a collection's fields."""
    collection = collection_of(call.context(app), collection_id)
    fields = [
        [
            field.name,
            field.type,
            field.hidden,
            field.multiple,
            isinstance(field, TextField) and bool(field.autogenerate_pattern),
        ]
        for field in collection.fields
    ]
    return [collection.id, collection.name, collection.type, fields]


# -- storing ----------------------------------------------------------------------------------------------------------


@contextmanager
def own(call: Call, app: object, wire: object) -> Iterator[tuple["Context", Record]]:
    """A record that the host works on for the script, which hears with the answer what has become of it."""
    ctx = call.context(app)
    record = call.shared.record(wire, ctx)
    try:
        yield ctx, record
    finally:
        if isinstance(wire, dict):
            call.shared.give_back(record)


async def save(call: Call, app: object, wire: object, validate: object) -> None:
    """Create or update a record with all its events."""
    with own(call, app, wire) as (ctx, record):
        await saving.save(ctx, record, validate=validate is not False)


async def validate(call: Call, app: object, wire: object) -> None:
    """Check a record as `save` does."""
    with own(call, app, wire) as (ctx, record):
        saving.complete(ctx, record, dates=False)
        if quiet(ctx.bus, VALIDATE):
            saving.check(ctx, record)
        else:
            await saving.hear_check(ctx, record)


async def delete(call: Call, app: object, wire: object) -> None:
    """Delete a record with all its events."""
    with own(call, app, wire) as (ctx, record):
        await removal.remove(ctx, record)


async def submit(call: Call, app: object, wire: object, body: object, manager: object) -> None:
    """As `save`, for what a form has loaded: credentials are to be confirmed first."""
    if not isinstance(body, dict):
        raise GoError("the form's data is missing")
    with own(call, app, wire) as (ctx, record):
        if record.collection.is_auth:
            errors = await accounts.check_credentials(ctx, record, Credentials(body), manager=manager is True)
            if errors:
                raise ValidationErrors(errors)
        await saving.save(ctx, record)


# -- who may see it ---------------------------------------------------------------------------------------------------


async def access(call: Call, app: object, wire: object, info: object, rule: object) -> bool:
    """Whether a rule holds for a stored record and a requester."""
    ctx = call.context(app)
    record = call.shared.record(wire, ctx)
    asked = request_info(call, ctx, info)
    if asked.is_superuser:
        return True
    if rule is None:
        return False
    condition = text(rule)
    if not condition:
        return True
    try:
        where = rules.rule_where(ctx.catalog, record.collection, condition, asked, required=True)
    except ApiError as error:
        raise GoError(str(error.cause or error)) from error
    key = record.id
    return (
        await ctx.lanes.read(ctx.data, lambda db: store.one_row(db, plan_of(record.collection), key, where)) is not None
    )


def request_info(call: Call, ctx: "Context", raw: object) -> RequestInfo:
    """A RequestInfo of a script's. GoError for nonsense."""
    if not isinstance(raw, dict):
        raise GoError("runtime error: invalid memory address or nil pointer dereference")
    auth = raw.get("auth")
    return RequestInfo(
        method=text(raw.get("method")),
        query=_texts_by_name(raw.get("query")),
        headers=_texts_by_name(raw.get("headers")),
        body=raw["body"] if isinstance(raw.get("body"), dict) else {},
        auth=None if auth is None else call.shared.record(auth, ctx),
        context=text(raw.get("context")),
    )


def _texts_by_name(raw: object) -> dict[str, str]:
    return {name: value for name, value in raw.items() if isinstance(value, str)} if isinstance(raw, dict) else {}


async def generate(call: Call, app: object, collection_id: object, name: object) -> str:
    """A text that a field's pattern generates."""
    field = collection_of(call.context(app), collection_id).by_name.get(text(name))
    if not isinstance(field, TextField):
        raise GoError("only texts are generated")
    generated: str = field.modify(":autogenerate", "", "")
    return generated


OPS: dict[str, Operation] = {
    "records.schema": schema,
    "records.save": save,
    "records.validate": validate,
    "records.delete": delete,
    "records.submit": submit,
    "records.access": access,
    "records.generate": generate,
}
