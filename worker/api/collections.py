"""Collections: list, view, create, update, delete, and the scaffolds of new ones. For superusers only."""

from typing import Any

from worker.db.connection import Database
from worker.errors import ApiError, bad_request, not_found
from worker.fields import AutodateField, BoolField, TextField
from worker.http.body import read_body
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content
from worker.records.listing import ListQuery, envelope, read_page
from worker.records.rules import check_rule
from worker.schema import sync
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
LISTED_ID = f"{quote(LISTED.name)}.`id`"


class CollectionList:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        context = req.context
        tenant, info, query = context.tenant, context.info(), ListQuery.parse(context.query)

        def read(db: Database) -> dict[str, Any]:
            page = read_page(db, tenant.catalog, LISTED, query, info, columns=LISTED_ID)
            found = [tenant.catalog.get(row[0]) for row in page.rows]
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
        body = await _definition(req, sync.MALFORMED)
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
        raise not_found()
    return collection


async def _definition(req: Request, malformed: str) -> dict[str, Any]:
    try:
        return await read_body(req)
    except ApiError as error:
        if error.status != 400:
            raise
        raise bad_request(malformed, cause=error.cause or error.message) from None


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/collections", CollectionList())
    app.add_route("/api/collections/meta/scaffolds", Scaffolds())
    app.add_route("/api/collections/{collection}", CollectionItem())
