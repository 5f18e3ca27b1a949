"""Answers in JSON: compact, without HTML escaping, cut down to what `?fields=` asks for."""

from typing import Any

import orjson

from worker.fields.jsontext import spelled
from worker.http.exchange import Request, Response
from worker.http.picker import pick


def json_reply(resp: Response, value: Any, req: Request, status: int = 200) -> None:
    """Answer `value` as JSON, cut down to what `?fields=` names of an object, of a list's, or of a page's items."""
    if status != 200:
        resp.status = status
    if req.scope["query_string"]:
        fields = req.context.query.get("fields")
        if fields:
            value = pick(value, fields)
    resp.data = orjson.dumps(value, spelled)


def no_content(resp: Response) -> None:
    """Answer 204 without a body."""
    resp.status = 204
