"""One request of a script's, with its redirects as Go's client follows them; each time the address is looked at."""

import asyncio
import base64
import os
import re
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from worker.errors import ApiError
from worker.hooks.calls import GoError
from worker.hooks.net.addresses import Reach
from worker.hooks.net.names import Found
from worker.hooks.net.urls import Target, joined, parsed
from worker.hooks.net.wire import BrokenError, Connection, Received, Sent, TooLargeError, connect

if TYPE_CHECKING:
    from worker.fair.account import Account

REDIRECTS_MAX = 10
BODY_BYTES_MAX = 16 << 20
HEADERS_MAX = 100
HEADER_CHARS_MAX = 16_384
# What a TLS handshake takes of the loop where nothing can measure it.
HANDSHAKE_NS = 1_500_000

AGENT = "Pocker"
OUT_OF_REACH = "this address is out of reach for scripts (the server's setting sandbox.allow_networks)"
DEADLINE = "context deadline exceeded"

# Go leaves these to itself, or to the connection.
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "trailer", "upgrade"})
# Not told to another host than the one they were meant for.
SECRET_HEADERS = frozenset({"authorization", "www-authenticate", "cookie", "cookie2"})
# Without the body, what is said about it makes no sense.
BODY_HEADERS = frozenset({"content-encoding", "content-language", "content-location", "content-type"})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")


class Request(NamedTuple):
    """What a script asks for. Header names are in canonical spelling."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float
    redirect: str = ""  # "manual": answer it, "error": refuse it


class Response(NamedTuple):
    """What came in the end, and from where. Header names are in canonical spelling."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    target: Target
    redirected: bool = False


class Ways(NamedTuple):
    """What a request needs of its worker: names, reach, TLS, threads; and whom to book it to."""

    find: Callable[[str, int], Awaitable[list[Found]]]
    reach: Reach
    tls: Callable[[], Awaitable[ssl.SSLContext]]
    thread: Callable[[Callable[[bytes], bytes], bytes], Awaitable[bytes]]
    book: Callable[[int], None]
    account: "Account | None"


def canonical(name: str) -> str:
    """A header's name as Go spells it; one that is none as it is."""
    return "-".join(part.capitalize() for part in name.split("-")) if _TOKEN.match(name) else name


async def send(request: Request, ways: Ways) -> Response:
    """Carry out a request. GoError in the words of Go's client for whatever goes wrong."""
    op = (request.method[:1] + request.method[1:].lower()) or "Get"
    try:
        async with asyncio.timeout(request.timeout_s):
            return await _followed(request, ways, op)
    except TimeoutError:
        raise GoError(f'{op} "{_plain(request.url)}": {DEADLINE}') from None


async def _followed(request: Request, ways: Ways, op: str) -> Response:
    if not _TOKEN.match(request.method):
        raise GoError(f'net/http: invalid method "{request.method}"')
    target = parsed(request.url, op)
    _check(request, op, target)
    # each redirect starts from the headers as they were given, so that what was left out for one host comes back for it
    first, method, headers, body = target, request.method, request.headers, request.body
    shown = target.shown
    for count in range(REDIRECTS_MAX + 1):
        try:
            response = await _one(target, method, headers, body, ways)
        except GoError as error:
            raise GoError(f'{op} "{shown}": {error}') from None
        location = _location(response)
        if location is None or request.redirect == "manual":
            return response._replace(redirected=count > 0)
        if request.redirect == "error":
            raise GoError(f'{op} "{shown}": unexpected redirect')
        if count + 1 >= REDIRECTS_MAX:
            raise GoError(f'{op} "{location}": stopped after {REDIRECTS_MAX} redirects')
        before, shown = target, location
        target = parsed(joined(target, location), op)
        if response.status in (307, 308):
            pass
        else:
            method, body = (method if method in ("GET", "HEAD") else "GET"), b""
        headers = _carried(
            request.headers, first, before, target, with_body=bool(body) or response.status in (307, 308)
        )
    raise AssertionError("unreachable")


def _check(request: Request, op: str, target: Target) -> None:
    if len(request.headers) > HEADERS_MAX or len(request.body) > BODY_BYTES_MAX:
        raise GoError(f'{op} "{target.shown}": the request is too large')
    for name, value in request.headers.items():
        if not _TOKEN.match(name):
            raise GoError(f'{op} "{target.shown}": net/http: invalid header field name "{name}"')
        if not _FIELD.match(value) or len(value) > HEADER_CHARS_MAX:
            raise GoError(f'{op} "{target.shown}": net/http: invalid header field value for "{name}"')


def _carried(
    given: dict[str, str], first: Target, before: Target, target: Target, *, with_body: bool
) -> dict[str, str]:
    """The headers of the request after a redirect."""
    same = target.host == first.host or target.host.endswith(f".{first.host}")
    left = {
        name: value
        for name, value in given.items()
        if (same or name.lower() not in SECRET_HEADERS) and (with_body or name.lower() not in BODY_HEADERS)
    }
    if "Referer" not in left and not (before.secure and not target.secure):
        left["Referer"] = f"{before.scheme}://{before.authority}{before.target}"
    return left


def _location(response: Response) -> str | None:
    if response.status not in (301, 302, 303, 307, 308):
        return None
    found = response.headers.get("Location", [""])[0]
    return found or None


async def _one(target: Target, method: str, headers: dict[str, str], body: bytes, ways: Ways) -> Response:
    """One exchange, uncompressed. GoError."""
    unzips = method != "HEAD" and not any(name.lower() in ("accept-encoding", "range") for name in headers)
    sent = Sent(method, target.target, _fields(target, method, headers, body, unzips=unzips), body)
    connection = await _connection(target, ways)
    try:
        received = await connection.exchange(sent, BODY_BYTES_MAX, ways.account)
    except BrokenError as error:
        raise GoError(str(error)) from None
    except TooLargeError:
        raise _too_large() from None
    except ssl.SSLError as error:
        raise GoError(_tls_words(error)) from None
    except OSError as error:
        raise GoError(f"read tcp: {_words(error)}") from None
    finally:
        connection.close()
    return await _opened(received, target, ways, unzips=unzips)


def _fields(
    target: Target, method: str, headers: dict[str, str], body: bytes, *, unzips: bool
) -> list[tuple[str, str]]:
    known = {name.lower() for name in headers}
    fields = [("Host", target.authority)]
    if "user-agent" not in known:
        fields.append(("User-Agent", AGENT))
    fields += [(name, value) for name, value in headers.items() if name.lower() not in OWN_HEADERS]
    if target.user is not None and "authorization" not in known:
        fields.append(("Authorization", "Basic " + base64.b64encode(target.user.encode()).decode()))
    if body or method in ("POST", "PUT", "PATCH"):
        fields.append(("Content-Length", str(len(body))))
    if unzips:
        fields.append(("Accept-Encoding", "gzip"))
    return fields


async def _connection(target: Target, ways: Ways) -> Connection:
    """A connection to one of the target's addresses: to none that was not looked at. GoError."""
    host, port = target.host, target.port
    try:
        found = await ways.find(host, port)
    except socket.gaierror:
        raise GoError(f"dial tcp: lookup {host}: no such host") from None
    except (UnicodeError, OSError) as error:
        raise GoError(f"dial tcp: lookup {host}: {_words(error)}") from None
    except ApiError as error:
        raise GoError(f"dial tcp: lookup {host}: {error.message}") from error
    open_ones = [each for each in found if ways.reach.has(str(each.address[0]))]
    if not open_ones:
        raise GoError(f"dial tcp {_spelled(found[0]) if found else host}: {OUT_OF_REACH}")
    tls = await ways.tls() if target.secure else None
    failure = GoError(f"dial tcp: lookup {host}: no such host")
    for each in open_ones:
        try:
            connection = await connect(each, host, tls)
        except ssl.SSLError as error:
            raise GoError(_tls_words(error)) from None
        except OSError as error:
            failure = GoError(f"dial tcp {_spelled(each)}: connect: {_words(error)}")
        else:
            if tls is not None:
                ways.book(HANDSHAKE_NS)
            return connection
    raise failure


async def _opened(received: Received, target: Target, ways: Ways, *, unzips: bool) -> Response:
    headers: dict[str, list[str]] = {}
    for name, value in received.headers:
        headers.setdefault(canonical(name), []).append(value)
    body = received.body
    if unzips and headers.get("Content-Encoding", [""])[0].lower() == "gzip":
        if body:
            try:
                body = await ways.thread(unzipped, body)
            except zlib.error as error:
                raise GoError(f"gzip: invalid header ({error})") from None
        headers.pop("Content-Encoding")
        headers.pop("Content-Length", None)
    return Response(received.status, headers, body, target)


def unzipped(body: bytes) -> bytes:
    """What was compressed, unless it is too large. GoError, zlib.error."""
    out = bytearray()
    while body:
        unzip = zlib.decompressobj(wbits=31)
        out += unzip.decompress(body, BODY_BYTES_MAX + 1 - len(out))
        if len(out) > BODY_BYTES_MAX:
            raise _too_large()
        if not unzip.eof:
            raise GoError("unexpected EOF")
        body = unzip.unused_data
    return bytes(out)


def _too_large() -> GoError:
    return GoError(f"the response is larger than {BODY_BYTES_MAX >> 20} MB")


def _spelled(found: Found) -> str:
    host, port = found.address[0], found.address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _words(error: Exception) -> str:
    code = getattr(error, "errno", None)  # asyncio's own words stand in the rest
    text = os.strerror(code) if isinstance(code, int) and code > 0 else str(error)
    return text[:1].lower() + text[1:]


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {error.verify_message}"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "tls: first record does not look like a TLS handshake"
    return f"tls: {(error.reason or 'handshake failure').lower().replace('_', ' ')}"


def _plain(url: str) -> str:
    return url if len(url) <= 500 else f"{url[:500]}…"
