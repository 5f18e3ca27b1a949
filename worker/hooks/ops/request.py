"""`e` of routes, middlewares and the events of requests, and the helpers of `$apis`: what they need of the server."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from worker.db.connection import Database
from worker.fields.jsontext import is_heap, is_too_deep, spelled
from worker.hooks.arguments import BULK_BYTES, TOO_DEEP, TOO_MUCH
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.pages import Place, file_at, place_of
from worker.hooks.requests import answered, asked_of, auth_wire, binary_of, pairs_of
from worker.hooks.wire import as_text
from worker.records import events, expand, present
from worker.records.events import RecordEnrichEvent, around
from worker.records.record import Record, View
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context

EXPANDS_MAX = 50
ENRICHED_MAX = 5_000
# What not even superusers see.
SECRETS = frozenset({"password", "tokenKey"})


async def auth(call: Call, number: object, authorization: object) -> Any:
    """Who asks, or who would with another Authorization header."""
    source = asked_of(call, number).source
    return auth_wire(source.identify(None if authorization is None else as_text(authorization)))


async def set_auth(call: Call, number: object, record: object) -> None:
    """Somebody else asks from now on."""
    source = asked_of(call, number).source
    source.become(None if record is None else call.shared.record(record, call.context(0)))


async def info(call: Call, number: object) -> dict[str, Any]:
    """The body as rules see it."""
    asked = asked_of(call, number)
    return asked.loaded or {"body": await asked.source.mapped()}


async def body(call: Call, number: object, start: object, size: object) -> str:
    """A piece of the body."""
    return binary_of(await asked_of(call, number).source.read(), start, size)


async def bind(call: Call, number: object) -> dict[str, Any] | None:
    """The body for the members of a form."""
    return await asked_of(call, number).source.bound()


async def form(call: Call, number: object) -> dict[str, Any]:
    """The body as a form, without the contents of its files."""
    read = await asked_of(call, number).source.form()
    files = [
        {
            "number": at,
            "field": file.field,
            "filename": file.filename,
            "disposition": file.disposition,
            "type": file.type,
            "size": len(file.content),
        }
        for at, file in enumerate(read.files)
    ]
    return {"values": read.values, "files": files, "isMultipart": read.is_multipart}


async def file(call: Call, number: object, at: object, start: object, size: object) -> str:
    """A piece of an uploaded file."""
    files = (await asked_of(call, number).source.form()).files
    if not isinstance(at, int) or not 0 <= at < len(files):
        raise GoError("http: no such file")
    return binary_of(files[at].content, start, size)


async def native(call: Call, number: object, app: object, changes: object) -> dict[str, Any]:
    """The server's own route."""
    source = asked_of(call, number).source
    _change(call, number, changes)
    status, deferred = await source.native(call.context(app))
    return {"status": status, "deferred": deferred}


def _change(call: Call, number: object, changes: object) -> None:
    """Take over what a script has changed of a request."""
    source = asked_of(call, number).source
    if not isinstance(changes, dict):
        raise GoError("no changes of a request")
    headers, query, sent = changes.get("headers"), changes.get("query"), changes.get("body")
    source.change(
        None if headers is None else pairs_of(headers),
        None if query is None else as_text(query),
        None if sent is None else as_text(sent).encode("utf-8", "replace"),
    )
    if "auth" in changes:
        record = changes["auth"]
        source.become(None if record is None else call.shared.record(record, call.context(0)))
    if "answer" in changes:
        source.answer(pairs_of(changes["answer"]))


async def write(call: Call, number: object, told: object, after: object) -> None:
    """A handler of one of the server's events answers, before its own answer or behind it."""
    asked_of(call, number).write(answered(told), after=after is True)


async def headers(call: Call, number: object) -> list[list[str]]:
    """The headers of the answer so far."""
    return asked_of(call, number).source.headers()


async def answer(call: Call, number: object, headers: object) -> None:
    """The headers of an answer that is an error."""
    asked_of(call, number).source.answer(pairs_of(headers))


async def late(call: Call, number: object, error: object) -> None:
    """A handler has failed, but the client has its answer."""
    asked_of(call, number)
    call.spend("log_lines")
    report(call, error)


def report(call: Call, error: object) -> None:
    """Tell the tenant's log of an error that nobody else will hear of."""
    message = error.get("message", "") if isinstance(error, dict) else ""
    call.hooks.warn(f"a handler has failed behind its answer: {str(message)[:500]}")


async def picked(call: Call, number: object, text: object, fields: object) -> str:
    """JSON cut down to what `?fields=` names."""
    source, raw, wanted = asked_of(call, number).source, as_text(text).encode(), as_text(fields)

    def pick() -> str:
        if is_heap(raw):
            raise GoError(TOO_MUCH)
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise GoError("invalid JSON") from None
        if is_too_deep(value, raw):
            raise GoError(TOO_DEEP)
        return orjson.dumps(source.pick(value, wanted), spelled).decode()

    if len(raw) <= BULK_BYTES:
        return pick()
    ctx = call.hooks.ctx
    return await ctx.lanes.bulk(ctx.account, len(raw), pick)


async def static(call: Call, number: object, root: object, name: object) -> dict[str, Any] | None:
    """Whether a file of the tenant's can be answered, and its type. None: there is none."""
    asked_of(call, number)
    found = await file_at(call.hooks.ctx, as_text(root), as_text(name))
    return None if found is None else {"path": found.path, "type": found.type}


async def place(  # noqa: PLR0917 (what a script sends)
    call: Call, number: object, root: object, path: object, url: object, fallback: object
) -> dict[str, Any] | None:
    """What `$apis.static` answers for a path: a file, or where to go instead. None: there is nothing."""
    asked_of(call, number)
    found: Place | None = await place_of(
        call.hooks.ctx, as_text(root), as_text(path), as_text(url), fallback=fallback is True
    )
    if found is None:
        return None
    return {"redirect": found.redirect} if found.redirect else {"path": found.path}


async def login(  # noqa: PLR0917 (what a script sends)
    call: Call, number: object, app: object, record: object, method: object, meta: object, changes: object
) -> dict[str, Any] | None:
    """`$apis.recordAuthResponse`; None where a handler has kept it from being answered."""
    ctx = call.context(app)
    _change(call, number, changes)
    found = call.shared.record(record, ctx)
    if not found.collection.is_auth:
        raise GoError("the record is not from an auth collection")
    return await asked_of(call, number).source.login(ctx, found, as_text(method), meta)


async def enrich(  # noqa: PLR0917 (what a script sends)
    call: Call, number: object, app: object, records: object, expands: object, changes: object
) -> list[dict[str, Any]]:
    """`$apis.enrichRecords`: of each, what is shown beyond the usual. What has changed goes with the answer."""
    ctx = call.context(app)
    _change(call, number, changes)
    if not isinstance(records, list) or not isinstance(expands, list) or len(records) > ENRICHED_MAX:
        raise GoError("no records to enrich")
    paths = expand.parse(",".join(map(as_text, expands[:EXPANDS_MAX])))
    request = asked_of(call, number).source.info(ctx)
    found = [call.shared.record(each, ctx) for each in records]
    lent = [record for record, wire in zip(found, records, strict=True) if isinstance(wire, dict)]
    try:
        for record in found:
            await around(ctx.bus, events.ENRICH, RecordEnrichEvent(ctx, record, request), _nothing)
        if paths:
            await ctx.lanes.read(ctx.data, lambda db: expand.expand(db, ctx.catalog, found, paths, request))
        everyone = [*found, *_expanded(found)]
        shown = await ctx.lanes.read(ctx.data, lambda db: _with_emails(db, ctx, everyone, request))
        for record in everyone[len(found) :]:
            record.view = View(
                dict.fromkeys(_unhidden(record, request), True), {}, custom=False, email=_key(record) in shown
            )
    finally:
        for record in lent:
            call.shared.give_back(record)
    return [{"email": _key(record) in shown, "unhide": _unhidden(record, request)} for record in found]


def _expanded(records: Iterable[Record]) -> Iterator[Record]:
    """What records expand to, however deep."""
    for record in records:
        for related in (record.expand or {}).values():
            each = [one for one in (related if isinstance(related, list) else [related]) if isinstance(one, Record)]
            yield from each
            yield from _expanded(each)


def _unhidden(record: Record, request: RequestInfo) -> list[str]:
    """The fields that are shown to superusers alone, for one of these."""
    if not request.is_superuser:
        return []
    return [field.name for field in record.collection.fields if field.hidden and field.name not in SECRETS]


def _key(record: Record) -> tuple[str, str]:
    return record.collection.id, record.id


def _with_emails(db: Database, ctx: "Context", records: list[Record], request: RequestInfo) -> set[tuple[str, str]]:
    """The auth records whose e-mail the requester may see, whatever they say themselves."""
    auths = [record for record in records if record.collection.is_auth]
    if request.is_superuser:
        return set(map(_key, auths))
    auth = request.auth
    shown = {_key(auth)} if auth is not None else set()
    for collection in {record.collection.id: record.collection for record in auths}.values():
        ids = [record.id for record in auths if record.collection.id == collection.id]
        shown |= {(collection.id, each) for each in present.managed_ids(db, ctx.catalog, collection, ids, request)}
    return shown


async def _nothing(event: RecordEnrichEvent) -> None:
    del event


OPS: dict[str, Operation] = {
    "request.answer": answer,
    "request.auth": auth,
    "request.bind": bind,
    "request.body": body,
    "request.enrich": enrich,
    "request.file": file,
    "request.form": form,
    "request.headers": headers,
    "request.info": info,
    "request.late": late,
    "request.login": login,
    "request.next": native,
    "request.pick": picked,
    "request.place": place,
    "request.setAuth": set_auth,
    "request.static": static,
    "request.write": write,
}
