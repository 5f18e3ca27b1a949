"""Collections: list, view, create, update, delete, and the scaffolds of new ones. For superusers only."""

from typing import Any

from worker.db.connection import Database
from worker.errors import NO_ROWS, ApiError, bad_request, not_found
from worker.fields import AutodateField, BoolField, TextField
from worker.fields.casts import to_text
from worker.http.body import read_body
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content
from worker.records.listing import ListQuery, envelope, read_page
from worker.records.rules import check_rule
from worker.schema import sync
from worker.schema.binding import RULES
from worker.schema.collection import BASE, Collection, FieldSet
from worker.schema.scaffolds import NO_RULES, scaffolds
from worker.sql import quote

# The table of collections, in the form of one itself, for its filter and sort: these columns may be named.
LISTED = Collection(
    id="_collections",
    name="_collections",
    type=BASE,
    system=True,
    fields=FieldSet(
        (
            *(TextField({"name": name}) for name in ("id", "name", "type")),
            BoolField({"name": "system"}),
            *(AutodateField({"name": name}) for name in ("created", "updated")),
        )
    ),
    indexes=(),
    rules=NO_RULES,
)
# Forms have no types, so that only these members can come in one.
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
FORM_RULES = (*RULES, "authRule", "manageRule")
FORM_TEXTS = frozenset((*FORM_RULES, "id", "name", "type", "viewQuery"))
OLDEST_FIRST = "@rowid"
LISTED_ID = f"{quote(LISTED.name)}.`id`"


class CollectionList:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        context = req.context
        tenant, info, query = context.tenant, context.info(), ListQuery.parse(context.query)
        query = query._replace(sort=query.sort or OLDEST_FIRST)

        def read(db: Database) -> dict[str, Any]:
            page = read_page(db, tenant.catalog, LISTED, query, info, columns=LISTED_ID)
            found = [tenant.catalog.by_id(row[0]) for row in page.rows]
            return envelope([collection.dump() for collection in found if collection], query, page.total)

        json_reply(resp, await tenant.lanes.read(tenant.data, read), req)

    async def on_post(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        body = await _definition(req, sync.MALFORMED_TYPE)
        collection = await sync.create_collection(req.context.tenant, body, check_rule)
        json_reply(resp, collection.dump(), req)


class CollectionItem:
    async def on_get(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        json_reply(resp, _find(req, collection).dump(), req)

    async def on_patch(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        found = _find(req, collection)
        body = await _definition(req, sync.MALFORMED, found)
        changed = await sync.update_collection(req.context.tenant, found, body, check_rule)
        json_reply(resp, changed.dump(), req)

    async def on_delete(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        await sync.delete_collection(req.context.tenant, _find(req, collection))
        no_content(resp)


class Scaffolds:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        json_reply(resp, scaffolds(), req)


def _find(req: Request, name_or_id: str) -> Collection:
    collection = req.context.tenant.catalog.get(name_or_id)
    if collection is None:
        raise not_found(cause=NO_ROWS)
    return collection


async def _definition(req: Request, malformed: str, stored: Collection | None = None) -> dict[str, Any]:
    """The submitted definition, JSON as it is; 400 in the words of `malformed` for what cannot be read."""
    try:
        body = await read_body(req)
    except ApiError as error:
        if error.status != 400:
            raise
        raise bad_request(malformed, cause=error.cause or error.message) from None
    return _from_form(body, stored) if (req.content_type or "").startswith(FORM_TYPES) else body


def _from_form(values: dict[str, Any], stored: Collection | None) -> dict[str, Any]:
    """A definition from a form: texts only, and each rule that was null is empty unless the form has it."""
    current = stored.dump() if stored is not None else {}
    body: dict[str, Any] = {key: "" for key in FORM_RULES if current.get(key) is None}
    for key, value in values.items():
        if key == "indexes":
            body[key] = [to_text(each) for each in value] if isinstance(value, list) else [to_text(value)]
        elif key in FORM_TEXTS:
            body[key] = None if value is None else to_text(value)
    return body


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/collections", CollectionList())
    app.add_route("/api/collections/meta/scaffolds", Scaffolds())
    app.add_route("/api/collections/{collection}", CollectionItem())
