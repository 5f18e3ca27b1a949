"""The routes of records: `/api/collections/:c/records` and `…/records/:id`."""

import asyncio
from typing import TYPE_CHECKING, Any

import falcon.asgi

from worker.errors import NO_ROWS, not_found
from worker.http.body import has_body, read_body
from worker.http.exchange import Request, Response
from worker.http.guards import require_collection
from worker.http.reply import json_reply, no_content, page_reply
from worker.records import actions
from worker.records.guessing import delay_s
from worker.records.listing import STEP_ROWS, ListQuery
from worker.records.plan import plan_of
from worker.records.request import RequestInfo
from worker.schema.collection import Collection

if TYPE_CHECKING:
    from worker.context import Context

# Pages that are made in steps: so many of a tenant's at a time.
LONG_PAGES_MAX = 4
LONG_PAGES = "long pages"
NO_COLLECTION = "Missing or invalid collection context."


class Records:
    """List and create."""

    async def on_get(self, req: Request, resp: Response, collection: str) -> None:
        context = req.context
        found = require_collection(context.tenant, collection)
        # as for a deletion, a body matters to rules only, but has to be well formed
        info = context.info(await read_body(req) if has_body(req) else None)
        query = ListQuery.parse(context.query)
        if query.per_page > STEP_ROWS:
            pages = _long_pages(context.tenant)
            await pages.acquire()
            try:
                await self._list(req, resp, found, info, query)
            finally:
                pages.release()
        else:
            await self._list(req, resp, found, info, query)

    async def _list(self, req: Request, resp: Response, found: Collection, info: RequestInfo, query: ListQuery) -> None:
        context = req.context
        page = await actions.list_records(context.tenant, found, info, query)
        if page is None:
            return
        if query.filter and not page["items"] and found.list_rule and not info.is_superuser:
            await asyncio.sleep(delay_s(context.tenant.caches, found.id, context.real_ip))
        await page_reply(resp, page, req, context.tenant)

    async def on_post(self, req: Request, resp: Response, collection: str) -> None:
        context = req.context
        found = _writable(req, collection)
        body = await read_body(req, plan_of(found).body_bytes_max, uploads=True)
        expand = context.query.get("expand", "")
        json_reply(
            resp, await actions.create_record(context.tenant, found, context.info(body), body, expand=expand), req
        )


class OneRecord:
    """View, update and delete."""

    async def on_get(self, req: Request, resp: Response, collection: str, record: str) -> None:
        context = req.context
        found = require_collection(context.tenant, collection)
        info = context.info(await read_body(req) if has_body(req) else None)
        expand = context.query.get("expand", "")
        json_reply(resp, await actions.view_record(context.tenant, found, record, info, expand=expand), req)

    async def on_patch(self, req: Request, resp: Response, collection: str, record: str) -> None:
        context = req.context
        found = _writable(req, collection)
        body = await read_body(req, plan_of(found).body_bytes_max, uploads=True)
        expand = context.query.get("expand", "")
        info = context.info(body)
        json_reply(resp, await actions.update_record(context.tenant, found, record, info, body, expand=expand), req)

    async def on_delete(self, req: Request, resp: Response, collection: str, record: str) -> None:
        context = req.context
        found = require_collection(context.tenant, collection)
        actions.refuse_view(found)
        # the body of a deletion matters to rules only, but a malformed one is refused as any other
        info = context.info(await read_body(req))
        if await actions.delete_record(context.tenant, found, record, info):
            no_content(resp)


def _long_pages(ctx: "Context") -> asyncio.Semaphore:
    """What long pages of a tenant wait for: a few may be in memory at a time."""
    pages: asyncio.Semaphore | None = ctx.caches.get(LONG_PAGES)
    if pages is None:
        pages = ctx.caches[LONG_PAGES] = asyncio.Semaphore(LONG_PAGES_MAX)
    return pages


def _writable(req: Request, collection: str) -> Collection:
    found = req.context.tenant.catalog.get(collection)
    if found is None:
        raise not_found(NO_COLLECTION, cause=NO_ROWS)
    actions.refuse_view(found)  # before the body is looked at
    return found


def bind(app: "falcon.asgi.App[Any, Any]") -> None:
    """Add the routes of records."""
    app.add_route("/api/collections/{collection}/records", Records())
    app.add_route("/api/collections/{collection}/records/{record}", OneRecord())
