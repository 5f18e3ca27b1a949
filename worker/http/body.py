"""What clients send: JSON, urlencoded and multipart bodies, as a free map (record data) or a fixed form.

The answers to bad input are the real one's: 400 with a sentence that depends on who reads (a map or a form), and 413
where the body is larger than allowed. The content type is compared by prefix, in its exact case, as the real one does.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from worker.errors import ApiError, bad_request, caused
from worker.fields.jsontext import VALUES_MAX, DuplicateNameError, UnfitError, folded, is_heap, loads
from worker.http.exchange import Request
from worker.http.inference import infer
from worker.http.mediatype import MediaTypeError, parse_media_type
from worker.http.multipart import parts_of
from worker.http.query import BadEscapeError, mended, readable, split_pairs_strictly

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

BODY_BYTES_MAX: Final = 32 << 20
# What is larger is parsed in a thread: a megabyte takes some 5 ms.
BULK_BYTES: Final = 256 << 10
# Of an urlencoded body, empty pairs counted; more bytes or pairs are refused, as the real one's library does it.
FORM_BYTES_MAX = 10 << 20
FORM_PAIRS_MAX = 10_000
# Values in one JSON body. The real one has no bound: there, a body of ten million empty lists keeps one thread busy for
# seconds; here it would keep every tenant of the worker waiting.
JSON_VALUES_MAX = VALUES_MAX

JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
JSON_PAYLOAD = "@jsonPayload"
FORM_FAILED = "An error occurred while loading the submitted data."
NO_UPLOADS = "Failed to read the submitted data."
UNSUPPORTED_TYPE = "Unsupported Content-Type."

_BLANKS = b" \t\r\n"
_FORGIVING_JSON = json.JSONDecoder()
# The methods whose urlencoded bodies Go's server reads.
URLENCODED_METHODS = frozenset({"POST", "PUT", "PATCH"})
_URLENCODED = "application/x-www-form-urlencoded"
_XML = ("text/xml", "application/xml")


async def read_body(
    req: Request, limit: int = BODY_BYTES_MAX, *, uploads: bool = False, skip_files: bool = False
) -> dict[str, Any]:
    """The body as a free map: JSON as it is, form texts with their types inferred, `@jsonPayload` merged in.

    No body is an empty map, unless it may bring `uploads` and says that it does. ApiError 400 for what is no object or
    of a type nobody reads, 413 beyond `limit` bytes.
    """
    raw = await read_raw(req, limit)
    content_type = req.content_type or ""
    if not raw and not _is_chunked(req):
        if uploads and content_type.startswith("multipart/form-data"):
            raise bad_request(NO_UPLOADS)
        return {}
    if content_type.startswith("application/json"):
        return _json_object(raw, "") if len(raw) <= BULK_BYTES else await _apart(req, raw, _json_object, raw, "")
    if content_type.startswith(("multipart/form-data", _URLENCODED)):
        return _form_map(await _form_pairs(req, raw, content_type, "", skip_files=skip_files))
    raise bad_request("" if content_type.startswith(_XML) else UNSUPPORTED_TYPE)


def _is_chunked(req: Request) -> bool:
    """Whether the length of the body was not announced: then it is read as one even if nothing comes."""
    return b"transfer-encoding" in req.raw_headers


def has_body(req: Request) -> bool:
    """Whether there is a body to read, for requests that rarely have one."""
    headers = req.raw_headers
    return b"content-length" in headers or b"transfer-encoding" in headers


async def read_form(
    req: Request, form: type[T], limit: int = BODY_BYTES_MAX, *, unsupported: str = UNSUPPORTED_TYPE
) -> T:
    """The body as a fixed form: JSON members match in any case, form keys exactly; `null` and strangers are left out.

    A form's `@jsonPayload` overrides its texts.

    ApiError 400 where a member has the wrong type or comes twice, and for a type of body nobody reads (in the words of
    `unsupported`); 413 beyond `limit` bytes.
    """
    raw = await read_raw(req, limit)
    if not raw and not _is_chunked(req):
        return form()
    content_type = req.content_type or ""
    if content_type.startswith("application/json"):
        members = _fold_names(await _apart(req, raw, _json_object, raw, FORM_FAILED), form)
        return _convert(members, form, strict=True)
    if content_type.startswith(("multipart/form-data", _URLENCODED)):
        return _filled(await _form_pairs(req, raw, content_type, FORM_FAILED), form)
    # the real one fills forms from XML whose elements are called as the members of its structs
    raise bad_request(FORM_FAILED if content_type.startswith(_XML) else unsupported)


async def read_parts(
    req: Request, limit: int = BODY_BYTES_MAX, *, skip_files: bool = False
) -> dict[str, Any] | list[tuple[str, str]]:
    """The body of a form that is no flat one: a JSON object as it is, or the names and texts of a form in their order.

    No body is an empty object. ApiError 400 for what cannot be read and for a type nobody reads, 413 beyond `limit`.
    """
    raw = await read_raw(req, limit)
    content_type = req.content_type or ""
    if not raw or content_type.startswith(_XML):
        return {}
    if content_type.startswith("application/json"):
        return await _apart(req, raw, _json_object, raw, FORM_FAILED)
    if content_type.startswith(("multipart/form-data", _URLENCODED)):
        return await _form_pairs(req, raw, content_type, FORM_FAILED, skip_files=skip_files)
    raise bad_request(FORM_FAILED, cause=UNSUPPORTED_TYPE)


def json_payload(text: str, message: str) -> dict[str, Any]:
    """The object in a form's `@jsonPayload`. ApiError 400 in the words of `message` for what is none."""
    return _payload(text, message) or {}


def _payload(text: str, message: str) -> dict[str, Any] | None:
    """As `json_payload`, but None for null, which undoes what came before it."""
    raw = text.encode()
    return None if raw.strip(_BLANKS) == b"null" else _json_object(raw, message, alone=True)


async def read_raw(req: Request, limit: int) -> bytes:
    """The raw body, refused before reading where its declared length is beyond `limit`."""
    headers = req.raw_headers
    declared = headers.get(b"content-length")
    if declared is not None:
        if int(declared) > limit:
            raise ApiError(413)
        arrived = req.arrived
        return await req.stream.read() if arrived is None else arrived
    if b"transfer-encoding" not in headers:
        return b""
    chunks = []
    left = limit
    async for chunk in req.stream:
        left -= len(chunk)
        if left < 0:
            raise ApiError(413)
        chunks.append(chunk)
    return b"".join(chunks)


async def _apart(req: Request, raw: bytes, parse: Callable[..., R], *args: Any) -> R:
    """`parse(*args)`, which reads all of `raw`: in a thread where that would be felt by others."""
    if len(raw) <= BULK_BYTES:
        return parse(*args)
    ctx = req.context.tenant
    return await ctx.lanes.bulk(ctx.account, len(raw), parse, *args)


def _json_object(raw: bytes, message: str, *, alone: bool = False) -> dict[str, Any]:
    """The object that is the first value of `raw`; the real one's decoder never looks at what follows.

    With `alone` nothing may follow.
    """
    _refuse_heap(raw)
    try:
        value = loads(raw)
    except ValueError as exc:
        if alone or isinstance(exc, UnfitError):
            raise caused(bad_request(message, cause=str(exc)), exc) from exc
        value = _first_json_value(raw, exc, message)
    if value is None:
        return {}
    if type(value) is not dict:
        raise bad_request(message, cause=f"json: cannot unmarshal JSON {JSON_TYPES[type(value)]} into an object")
    return value


def _refuse_heap(raw: bytes) -> None:
    """ApiError 413 for JSON of more than `JSON_VALUES_MAX` values, before it is parsed."""
    if is_heap(raw):
        raise ApiError(413)


def _first_json_value(raw: bytes, error: ValueError, message: str) -> Any:
    """The first value of `raw` where more follows it."""
    try:
        text = raw.decode().lstrip(" \t\r\n")
        _, end = _FORGIVING_JSON.raw_decode(text)
        return loads(text[:end].encode())  # once more by the strict parser: the forgiving one only found the end
    except (ValueError, RecursionError):
        raise caused(bad_request(message, cause=str(error)), error) from error


def _fold_names(members: dict[str, Any], form: type[msgspec.Struct]) -> dict[str, Any]:
    """`members` under the form's own spelling. ApiError 400 for a name that comes twice, in whatever case."""
    known = {folded(name): name for name in form.__struct_encode_fields__}
    found: dict[str, Any] = {}
    for name, value in members.items():
        own = known.get(folded(name))
        if own is None:
            continue
        if own in found:
            raise bad_request(FORM_FAILED, cause=DuplicateNameError(name))
        found[own] = value
    return {name: value for name, value in found.items() if value is not None}


def _convert(members: dict[str, Any], form: type[T], *, strict: bool) -> T:
    try:
        return msgspec.convert(members, form, strict=strict)
    except msgspec.ValidationError as exc:
        raise caused(bad_request(FORM_FAILED, cause=str(exc)), exc) from exc


def _filled(pairs: Iterable[tuple[str, str]], form: type[T]) -> T:
    """A fixed form from texts, the first one of each name, and from what payloads put in their place."""
    texts: dict[str, str] = {}
    payloads = []
    for name, text in pairs:
        if name == JSON_PAYLOAD:
            payloads.append(text)
        else:
            texts.setdefault(name, text)
    filled = _convert(texts, form, strict=False)
    for payload in payloads:
        members = _payload(payload, FORM_FAILED)
        blank = form()
        if members is None:
            filled = blank
            continue
        submitted = _convert({name: value for name, value in members.items() if value is not None}, form, strict=True)
        for field in msgspec.structs.fields(form):
            if field.encode_name in members:
                given = members[field.encode_name] is not None
                setattr(filled, field.name, getattr(submitted if given else blank, field.name))
    return filled


async def _form_pairs(
    req: Request, raw: bytes, content_type: str, message: str, *, skip_files: bool = False
) -> list[tuple[str, str]]:
    """Names and texts of the body in their order, then those of the query, which belong to a form as well."""
    pairs: list[tuple[str, str]] = []
    if not content_type.startswith(_URLENCODED):
        pairs = await _apart(req, raw, _multipart_pairs, raw, content_type, message, skip_files)
    elif req.method in URLENCODED_METHODS:
        if len(raw) > FORM_BYTES_MAX or raw.count(b"&") >= FORM_PAIRS_MAX:
            raise bad_request(message, cause="too large a form")
        try:
            # a type that only begins as this one does has a body nobody reads
            if parse_media_type(content_type)[0] == _URLENCODED:
                pairs = split_pairs_strictly(readable(raw))
        except (BadEscapeError, MediaTypeError) as exc:
            raise caused(bad_request(message, cause=str(exc)), exc) from exc
    query = req.scope["query_string"]
    if query:
        try:
            pairs += split_pairs_strictly(readable(query))
        except BadEscapeError as exc:
            raise caused(bad_request(message, cause=str(exc)), exc) from exc
    return [(mended(name), _fit(name, value, message)) for name, value in pairs]


def _fit(name: str, value: str, message: str) -> str:
    """A text without bytes that are no UTF-8; they are replaced, but in JSON refused."""
    fit = mended(value)
    if fit != value and name == JSON_PAYLOAD:
        raise bad_request(message, cause="jsontext: invalid UTF-8")
    return fit


def _multipart_pairs(raw: bytes, content_type: str, message: str, skip_files: bool) -> list[tuple[str, str]]:
    pairs = []
    try:
        for part in parts_of(raw, content_type):
            if not part.name:
                continue
            if part.filename:
                if skip_files:
                    continue
                raise bad_request("File uploads are not supported yet.")
            pairs.append((readable(part.name.encode("latin-1")), readable(part.content)))
    except ValueError as exc:
        raise caused(bad_request(message, cause=str(exc)), exc) from exc
    return pairs


def _form_map(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Texts by name with their types inferred, lists where a name repeats; `@jsonPayload` objects override them."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    payloads = texts.pop(JSON_PAYLOAD, [])
    body = {name: infer(of[0]) if len(of) == 1 else [infer(text) for text in of] for name, of in texts.items()}
    for payload in payloads:
        members = _payload(payload, "")
        body = {} if members is None else _merged(body, members)
    return body


def form_of(pairs: Iterable[tuple[str, str]], members: dict[str, Any]) -> dict[str, Any]:
    """A form's texts by name, overridden by its payload. ApiError 400 where the two have different types."""
    return _merged(_form_map(pairs), members)


def _merged(into: dict[str, Any], members: dict[str, Any]) -> dict[str, Any]:
    """`into` with `members` in it: objects are merged, other values replaced, by their like or by null only."""
    for name, value in members.items():
        there = into.get(name)
        if there is not None and value is not None:
            if _kind(there) != _kind(value):
                raise bad_request(cause=f"json: cannot unmarshal JSON {_kind(value)} into {_kind(there)}")
            if type(value) is dict:
                _merged(there, value)
                continue
        into[name] = value
    return into


def _kind(value: Any) -> str:
    """What JSON calls the type of `value`; numbers may have types of their own."""
    return JSON_TYPES.get(type(value)) or next(name for kind, name in JSON_TYPES.items() if isinstance(value, kind))
