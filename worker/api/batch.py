"""The route of batches: `/api/batch`. Each request of one is a record's creation, change or deletion by its own URL."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from worker.errors import NO_ROWS, ApiError, ValidationErrors, bad_request, forbidden, not_found
from worker.fields import MalformedError
from worker.fields.casts import to_text
from worker.http.body import FORM_FAILED, JSON_PAYLOAD, form_of, json_payload, read_parts
from worker.http.exchange import Request, Response
from worker.http.picker import pick
from worker.http.query import BadEscapeError, mended, parse_query, readable, split_pairs_strictly
from worker.http.ratelimit import ItemLimit, item_limit
from worker.http.reply import json_reply
from worker.records import actions, batchform, store
from worker.records.batch import Answer, run_batch
from worker.records.batchform import REQUESTS, BatchRequest
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection

DISABLED = "Batch requests are not allowed."
UNREADABLE = "Failed to read the submitted batch data."
INVALID = "Invalid batch request data."
NO_COLLECTION = "Missing collection context."
BODY_BYTES_MAX = 128 << 20
TIMEOUT_S = 3

# What may be asked for. Path and query are split as they are: names and ids have no escapes, the query's end at a `#`.
ROUTE = re.compile(r"/api/collections/([^/?]+)/records(?:/([^/?]+))?(?:\?(.*))?")
# The methods, and whether they are for one record.
ONE_RECORD = {"POST": False, "PUT": False, "PATCH": True, "DELETE": True}
# What no URL has in it.
_BROKEN = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9a-fA-F]{2})")
# Of the name of a header, as rules know it.
_SEPARATORS = re.compile(r"[\W_]+")


class Batches:
    """Carry one out."""

    async def on_post(self, req: Request, resp: Response) -> None:
        context = req.context
        settings = context.tenant.settings.batch
        if not settings.enabled:
            raise forbidden(DISABLED)
        bounds = context.tenant.lanes.batch
        body_bytes_max = min(settings.max_body_size or BODY_BYTES_MAX, bounds.body_bytes_max)
        requests = await _read(req, body_bytes_max, bounds.requests_max)
        try:
            batchform.check(requests, min(settings.max_requests, bounds.requests_max))
        except ValidationErrors as error:
            raise bad_request(INVALID, error.data(), cause=error) from error
        info = context.info()
        perform = partial(_perform, info, item_limit(req))
        timeout_s = min(settings.timeout or TIMEOUT_S, bounds.timeout_s)
        answers = await run_batch(context.tenant, requests, info, timeout_s, perform)
        json_reply(resp, answers, req)


async def _read(req: Request, bytes_max: int, requests_max: int) -> list[BatchRequest]:
    try:
        parts = await read_parts(req, bytes_max)
        if isinstance(parts, dict):
            return batchform.bind(parts, requests_max, exact=False) or []
        requests: list[BatchRequest] = []
        for name, text in parts:
            if name == REQUESTS:
                raise MalformedError("a list of requests is no text")
            if name == JSON_PAYLOAD:
                bound = batchform.bind(json_payload(text, FORM_FAILED), requests_max, exact=True)
                requests = requests if bound is None else bound
        return requests
    except MalformedError as error:
        raise bad_request(UNREADABLE, cause=error) from error
    except ApiError as error:
        if error.message != FORM_FAILED:
            raise
        raise bad_request(UNREADABLE, cause=error.cause) from error


async def _perform(outer: RequestInfo, limit: ItemLimit | None, ctx: "Context", request: BatchRequest) -> Answer:
    """Carry out one request with the rights of the batch's sender. ApiError as the route of its own would say."""
    name, record_id, query, pairs = _split(request)
    collection = ctx.catalog.get(name)
    if collection is None:
        raise not_found(NO_COLLECTION, cause=NO_ROWS)
    method, body = request.method, request.body
    if method == "PUT":
        record_id = _stored_id(ctx, collection, body)
        method = "PATCH" if record_id else "POST"
    if pairs:  # the real one sends each request on as a form, to which its query belongs
        body = form_of(pairs, body)
    if limit is not None:
        limit(collection, method, f"/api/collections/{name}/records" + (f"/{record_id}" if record_id else ""))
    info = RequestInfo(method, query, ItemHeaders(outer.headers, request.headers), body, outer.auth, "batch")
    if method == "DELETE":
        gone = await actions.delete_record(ctx, collection, record_id, info)
        return {"body": None, "status": 204 if gone else 200}
    expand = query.get("expand", "")
    if method == "POST":
        item = await actions.create_record(ctx, collection, info, body, expand=expand)
    else:
        item = await actions.update_record(ctx, collection, record_id, info, body, expand=expand)
    fields = query.get("fields")
    return {"body": pick(item, fields) if fields and item is not None else item, "status": 200}


def _split(request: BatchRequest) -> tuple[str, str, Mapping[str, str], list[tuple[str, str]]]:
    """Collection, record id and query of a URL, also in pairs. ApiError 400 for one that is no action's, or broken."""
    url = request.url
    match = ROUTE.fullmatch(url)
    if match is None or ONE_RECORD.get(request.method) is not (match[2] is not None) or _BROKEN.search(url):
        raise bad_request(cause="unknown batch request action")
    query = match[3]
    if not query:
        return match[1], match[2] or "", {}, []
    query = query.partition("#")[0]
    try:
        pairs = split_pairs_strictly(readable(query.encode("utf-8", "replace")))
    except BadEscapeError as error:
        raise bad_request(cause=error) from error
    named = parse_query(query.encode("utf-8", "replace"))
    return match[1], match[2] or "", named, [(mended(name), mended(value)) for name, value in pairs]


def _stored_id(ctx: "Context", collection: "Collection", body: Mapping[str, Any]) -> str:
    """The id of the record that a body names, if there is one; empty otherwise."""
    submitted = to_text(body.get("id"))
    if not submitted or collection.is_view or store.find(ctx.data, collection, submitted) is None:
        return ""
    return submitted


class ItemHeaders(Mapping[str, str]):
    """The headers that rules see of a batch's request: its own, without a login, over those of the batch.

    Made on demand: few rules ask.
    """

    __slots__ = ("_headers", "_outer", "_own")

    def __init__(self, outer: Mapping[str, str], own: Mapping[str, str]) -> None:
        self._outer = outer
        self._own = own
        self._headers: dict[str, str] | None = None

    def _merged(self) -> dict[str, str]:
        headers = self._headers
        if headers is None:
            own = {named: text for name, text in self._own.items() if (named := _rule_name(name)) != "authorization"}
            # the real one sends each request on as a form of several parts
            own["content_type"] = f"multipart/form-data; boundary={token_hex(30)}"
            headers = self._headers = {**self._outer, **own}
        return headers

    def __getitem__(self, name: str) -> str:
        return self._merged()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._merged())

    def __len__(self) -> int:
        return len(self._merged())


def _rule_name(name: str) -> str:
    return _SEPARATORS.sub("_", name.lower())


def bind(app: Any) -> None:
    """Add the route of this group."""
    app.add_route("/api/batch", Batches())
