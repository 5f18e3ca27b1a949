"""Answers in JSON: compact, without HTML escaping, cut down to what `?fields=` asks for."""

from typing import TYPE_CHECKING, Any

import orjson

from worker.fields.jsontext import spelled
from worker.http.exchange import Request, Response
from worker.http.picker import pick
from worker.records.listing import STEP_ROWS

if TYPE_CHECKING:
    from worker.context import Context


def json_reply(resp: Response, value: Any, req: Request, status: int = 200) -> None:
    """Answer `value` as JSON, cut down to what `?fields=` names of an object, of a list's, or of a page's items.

    Nothing where it is None: a handler has kept the request from being answered.
    """
    if value is None:
        return
    if status != 200:
        resp.status = status
    if req.scope["query_string"]:
        fields = req.context.query.get("fields")
        if fields:
            value = pick(value, fields)
    resp.data = orjson.dumps(value, spelled)


async def page_reply(resp: Response, page: dict[str, Any], req: Request, ctx: "Context") -> None:
    """As `json_reply`, of a page that may have a thousand items: some at a time, so that others have turns between."""
    items = page["items"]
    if len(items) <= STEP_ROWS:
        json_reply(resp, page, req)
        return
    fields = req.context.query.get("fields")
    parts = []
    for start in range(0, len(items), STEP_ROWS):
        await ctx.breathe()
        part = items[start : start + STEP_ROWS]
        picked = pick({**page, "items": part}, fields)["items"] if fields else part
        parts.append(orjson.dumps(picked, spelled)[1:-1])
    frame = orjson.dumps({**page, "items": []})
    start = frame.index(b"[]") + 1
    resp.data = b"".join([frame[:start], b",".join(parts), frame[start:]])


def no_content(resp: Response) -> None:
    """Answer 204 without a body."""
    resp.status = 204
