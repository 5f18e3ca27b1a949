"""Collections: list, view, create, update, delete, truncate, import, and what is known of new ones.

For superusers only.
"""

from typing import Any

import msgspec

from worker.auth import providers
from worker.errors import NO_ROWS, REQUIRED, ApiError, FieldError, ValidationErrors, bad_request, not_found
from worker.events import answered
from worker.fields.casts import to_text
from worker.hooks import automigrate
from worker.http.body import read_body, read_form
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content
from worker.records.catalogue import read_collections
from worker.records.listing import ListQuery, envelope
from worker.records.rules import check_rule
from worker.records.truncation import truncate
from worker.schema import events, sync
from worker.schema.binding import RULES
from worker.schema.collection import Collection
from worker.schema.dryrun import dry_run_view
from worker.schema.events import CollectionRequestEvent, CollectionsImportEvent, CollectionsListEvent
from worker.schema.importing import import_collections
from worker.schema.scaffolds import scaffolds

# Forms have no types, so that only these members can come in one.
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
FORM_RULES = (*RULES, "authRule", "manageRule")
FORM_TEXTS = frozenset((*FORM_RULES, "id", "name", "type", "viewQuery"))
IMPORT = "import"
# Bytes of the query of a view that is tried out.
QUERY_BYTES_MAX = 5000
TOO_LONG = FieldError(
    "validation_length_too_long",
    f"the length must be no more than {QUERY_BYTES_MAX}",
    {"max": QUERY_BYTES_MAX, "min": 0},
)


class ImportForm(msgspec.Struct, rename="camel"):
    """Collections to import, and whether what they don't name is dropped."""

    collections: list[dict[str, Any] | None] = []
    delete_missing: bool = False


class DryRunForm(msgspec.Struct):
    """The query of a view to try out."""

    query: str = ""


class CollectionList:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        context = req.context
        tenant, query = context.tenant, ListQuery.parse(context.query)
        collections, total = await tenant.lanes.read(
            tenant.data, lambda db: read_collections(db, tenant.catalog, query)
        )
        event = CollectionsListEvent(tenant, collections)
        event.result = envelope(list(collections), query, total)

        async def default(event: CollectionsListEvent) -> None:
            if event.result is not None:
                items = event.result["items"]
                event.result["items"] = [each.dump() if isinstance(each, Collection) else each for each in items]
            event.answered = True

        await answered(tenant.bus, events.LIST_REQUEST, event, default)
        if event.answered:
            json_reply(resp, event.result, req)

    async def on_post(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        body = await _definition(req, sync.MALFORMED_TYPE)
        collection = await sync.create_collection(req.context.tenant, body, check_rule)
        if collection is None:
            return
        made = collection.dump()
        await automigrate.keep(req.context.tenant, None, made)
        json_reply(resp, made, req)


class CollectionItem:
    async def on_get(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        tenant, found = req.context.tenant, _find(req, collection)

        async def default(event: CollectionRequestEvent) -> None:
            assert event.collection is not None
            json_reply(resp, event.collection.dump(), req)
            event.answered = True

        event = CollectionRequestEvent(tenant, found, found)
        await answered(tenant.bus, events.VIEW_REQUEST, event, default)

    async def on_patch(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        found = _find(req, collection)
        body = await _definition(req, sync.MALFORMED, found)
        before = found.dump()
        collection_now = await sync.update_collection(req.context.tenant, found, body, check_rule)
        if collection_now is None:
            return
        changed = collection_now.dump()
        await automigrate.keep(req.context.tenant, before, changed)
        json_reply(resp, changed, req)

    async def on_delete(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        found = _find(req, collection)
        before = found.dump()
        if await sync.delete_collection(req.context.tenant, found, check_rule):
            await automigrate.keep(req.context.tenant, before, None)
            no_content(resp)


class Import:
    """Many collections at once. Other methods are those of a collection with this name."""

    async def on_put(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        tenant = req.context.tenant
        form = await read_form(req, ImportForm)
        if not form.collections:
            raise ValidationErrors({"collections": REQUIRED})

        async def default(event: CollectionsImportEvent) -> None:
            await import_collections(tenant, event.items, check_rule, delete_missing=event.delete_missing)
            no_content(resp)
            event.answered = True

        event = CollectionsImportEvent(tenant, form.collections, form.delete_missing)
        await answered(tenant.bus, events.IMPORT_REQUEST, event, default)

    async def on_get(self, req: Request, resp: Response) -> None:
        await CollectionItem().on_get(req, resp, IMPORT)

    async def on_patch(self, req: Request, resp: Response) -> None:
        await CollectionItem().on_patch(req, resp, IMPORT)

    async def on_delete(self, req: Request, resp: Response) -> None:
        await CollectionItem().on_delete(req, resp, IMPORT)


class Truncate:
    async def on_delete(self, req: Request, resp: Response, collection: str) -> None:
        require_superuser(req)
        await truncate(req.context.tenant, _find(req, collection))
        no_content(resp)


class Scaffolds:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        json_reply(resp, scaffolds(), req)


class DryRunView:
    async def on_post(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        form = await read_form(req, DryRunForm)
        if not form.query:
            raise ValidationErrors({"query": REQUIRED})
        if len(form.query.encode()) > QUERY_BYTES_MAX:
            raise ValidationErrors({"query": TOO_LONG})
        json_reply(resp, await dry_run_view(req.context.tenant, form.query), req)


class Providers:
    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        json_reply(resp, providers.listed(), req)


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
            first = value[0] if isinstance(value, list) and value else value
            body[key] = None if first is None else to_text(first)
        elif isinstance(value, (dict, list)):  # of a JSON payload in the form
            body[key] = value
    return body


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/collections", CollectionList())
    app.add_route(f"/api/collections/{IMPORT}", Import())
    app.add_route("/api/collections/meta/scaffolds", Scaffolds())
    app.add_route("/api/collections/meta/oauth2-providers", Providers())
    app.add_route("/api/collections/meta/dry-run-view", DryRunView())
    app.add_route("/api/collections/{collection}", CollectionItem())
    app.add_route("/api/collections/{collection}/truncate", Truncate())
