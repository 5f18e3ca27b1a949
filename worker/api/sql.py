"""The SQL console: `/api/sql`. For superusers only."""

from functools import partial
from typing import Any

import msgspec
import orjson

from worker.db.console import ConsoleError
from worker.errors import REQUIRED, FieldError, ValidationErrors, bad_request
from worker.http.body import read_form
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply
from worker.services.console import run_script

# In characters; the sentence says no more either.
QUERY_MAX = 5000
TOO_LONG = FieldError(
    "validation_length_too_long", f"the length must be no more than {QUERY_MAX}", {"max": QUERY_MAX, "min": 0}
)
FAILED = "Failed to execute query. Raw error:\n"
EMPTY = "empty query"
# A longer answer isn't cut down to `?fields=`: parsing it would hold the worker up.
PICKED_BYTES_MAX = 1 << 20
TOO_LARGE_TO_PICK = "The result is too large to be cut down to some fields."


class QueryForm(msgspec.Struct):
    """What to run."""

    query: str = ""


class Sql:
    """Run statements."""

    async def on_post(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        form = await read_form(req, QueryForm)
        query = form.query
        if not query:
            raise ValidationErrors({"query": REQUIRED})
        if len(query.encode()) > QUERY_MAX:
            raise ValidationErrors({"query": TOO_LONG})
        query = query.strip()
        if not query:
            raise bad_request(FAILED + EMPTY)
        try:
            body = await run_script(req.context.tenant, query, partial(_gone, req))
        except ConsoleError as error:
            raise bad_request(FAILED + str(error), cause=str(error)) from error
        if not req.context.query.get("fields"):
            resp.data = body
        elif len(body) > PICKED_BYTES_MAX:
            raise bad_request(TOO_LARGE_TO_PICK)
        else:
            json_reply(resp, orjson.loads(body), req)


def _gone(req: Request) -> bool:
    """Whether the client has left, or says that it sends no more, which is all that is seen of one that has left."""
    exchange = req.scope.get("pocker.exchange")
    return exchange is not None and (exchange.connection.gone or exchange.connection.eof)


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/sql", Sql())
