"""The routes of the request log, for superusers: `/api/logs`, `/api/logs/stats`, `/api/logs/:id`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from worker.db.burdens import burden_of
from worker.db.connection import Database
from worker.errors import NO_ROWS, bad_request, not_found
from worker.filters.nodes import FilterError
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content
from worker.records.listing import ListQuery
from worker.services.logreader import read_log, read_logs, read_stats

if TYPE_CHECKING:
    from worker.context import Context

T = TypeVar("T")

NO_STATS = "Failed to generate logs stats."
BAD_FILTER = "Invalid filter format."


class Logs:
    """A page of entries; delete them all."""

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        req.context.quiet = True
        query = ListQuery.parse(req.context.query)
        try:
            page = await _read(req.context.tenant, lambda db: read_logs(db, query))
        except FilterError as exc:
            raise bad_request(cause=str(exc)) from exc
        json_reply(resp, page, req)

    async def on_delete(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        req.context.quiet = True
        ctx = req.context.tenant
        await ctx.lanes.blocking(ctx.account, ctx.logs.clear)
        no_content(resp)


class LogStats:
    """Entries per hour."""

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        req.context.quiet = True
        text = req.context.query.get("filter", "")
        try:
            stats = await _read(req.context.tenant, lambda db: read_stats(db, text))
        except FilterError as exc:
            raise bad_request(BAD_FILTER, cause=str(exc)) from exc
        except apsw.SQLError as exc:
            raise bad_request(NO_STATS, cause=str(exc)) from exc
        json_reply(resp, stats, req)


class Log:
    """One entry."""

    async def on_get(self, req: Request, resp: Response, log: str) -> None:
        require_superuser(req)
        req.context.quiet = True
        item = await _read(req.context.tenant, lambda db: read_log(db, log))
        if item is None:
            raise not_found(cause=NO_ROWS)
        json_reply(resp, item, req)


async def _read(ctx: "Context", fn: Callable[[Database], T]) -> T:
    """Run `fn` on the log's database, with everything in it that has happened so far."""
    await ctx.lanes.blocking(ctx.account, ctx.logs.flush)
    db = Database(ctx.logs.path)
    db.burden = burden_of(db)
    db.account = ctx.data.account
    try:
        return await ctx.lanes.read(db, fn)
    finally:
        db.close()


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/logs", Logs())
    app.add_route("/api/logs/stats", LogStats())
    app.add_route("/api/logs/{log}", Log())
