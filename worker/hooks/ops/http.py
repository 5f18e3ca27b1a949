"""`$http.send`: a request to somewhere else, carried out by the worker."""

import asyncio
import secrets
from typing import Any

from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.net.client import BODY_BYTES_MAX, HEADERS_MAX, Request, Response, canonical
from worker.hooks.net.urls import last_part
from worker.hooks.root import PathError, Tree
from worker.hooks.wire import as_binary, as_bytes, as_text

TIMEOUT_S = 120
METHOD_CHARS_MAX = 32
PARTS_MAX = 1_000


async def send(call: Call, given: object) -> dict[str, Any]:
    """Carry out a request: {url, method, headers, timeout, body | form}; what came of it."""
    if not isinstance(given, dict):
        raise GoError("a request is missing")
    request = _request(call, given)
    # an operation's first step has no task yet, and time-outs need one
    await asyncio.sleep(0)
    hooks = call.hooks
    return _wire(await hooks.children.processes.outside.send(hooks.ctx, hooks.book, request))


def _request(call: Call, given: dict[str, Any]) -> Request:
    method = as_text(given.get("method")).upper() or "GET"
    if len(method) > METHOD_CHARS_MAX:
        raise GoError("net/http: invalid method")
    found = given.get("headers")
    headers: dict[str, str] = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        headers[canonical(str(name))] = as_text(value)
    if len(headers) > HEADERS_MAX:
        raise GoError("too many headers")
    form = given.get("form")
    if isinstance(form, list):
        boundary = secrets.token_hex(30)
        body = _multipart(call, form, boundary)
        headers.setdefault("Content-Type", f"multipart/form-data; boundary={boundary}")
    else:
        body = as_bytes(given.get("body", ""))
    timeout, redirect = given.get("timeout"), as_text(given.get("redirect"))
    limit_s = timeout if isinstance(timeout, int) and not isinstance(timeout, bool) and timeout > 0 else TIMEOUT_S
    return Request(method, as_text(given.get("url")), headers, body, min(limit_s, call.plan.js_job_timeout_s), redirect)


def _multipart(call: Call, parts: list[Any], boundary: str) -> bytes:
    """The body of a form: parts are [name, text] or [name, file name, bytes or null, path]."""
    if len(parts) > PARTS_MAX:
        raise GoError("a form has too many parts")
    tree = Tree(call.hooks.ctx.directory)
    out = bytearray()
    for part in parts:
        if not isinstance(part, list) or len(part) not in (2, 4):
            raise GoError("a form's part is malformed")
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part[0])}"'.encode()
        if len(part) == 2:
            out += b"\r\n\r\n" + as_text(part[1]).encode()
        else:
            out += f'; filename="{_quoted(part[1])}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
            out += _content(tree, part[2], part[3])
        out += b"\r\n"
        if len(out) > BODY_BYTES_MAX:
            raise GoError("a form is too large")
    return bytes(out + f"--{boundary}--\r\n".encode())


def _content(tree: Tree, data: object, path: object) -> bytes:
    if data is not None:
        return as_bytes(data)
    try:
        return tree.read(as_text(path))
    except PathError as error:
        raise GoError(f"{error.op} {path}: {error.reason}") from None


def _quoted(value: object) -> str:
    return as_text(value).replace("\\", "\\\\").replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A")


def _wire(response: Response) -> dict[str, Any]:
    """`text` where the body is UTF-8, else `bytes`; `url` and `path` are those of the last request."""
    answer: dict[str, Any] = {
        "status": response.status,
        "headers": response.headers,
        "url": response.target.shown,
        "redirected": response.redirected,
        "path": last_part(response.target),
    }
    try:
        answer["text"] = response.body.decode()
    except UnicodeDecodeError:
        answer["bytes"] = as_binary(response.body)
    return answer


OPS: dict[str, Operation] = {"http.send": send}
