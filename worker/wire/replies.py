"""HTTP/1.1 responses as bytes: heads, chunks, the date, and the answers the wire gives itself.

The wire's own answers have the shape of every error of the API: `{"data":{},"message":"…","status":N}`.
"""

import json
import time
from collections.abc import Iterable
from http import HTTPStatus

STATUS_LINES: dict[int, bytes] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"  # HTTP/1.0 wants to be told
LAST_CHUNK = b"0\r\n\r\n"

# Fields of a response which the wire looks at or replaces; the others pass.
WATCHED = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive", b"date"})
# Statuses whose responses have no body, whatever the application sends.
BODILESS = frozenset({204, 304})

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def status_line(status: int) -> bytes:
    """The first line of a response, CRLF included."""
    line = STATUS_LINES.get(status)
    return b"HTTP/1.1 %d Unknown\r\n" % status if line is None else line


def date_line(seconds: float) -> bytes:
    """The Date field of a moment given as seconds since the epoch; independent of the locale."""
    at = time.gmtime(seconds)
    return (
        f"date: {_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT\r\n"
    ).encode("ascii")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body. Empty data gives nothing: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def compose_head(
    status: int,
    fields: Iterable[tuple[bytes, bytes]],
    size: int | None,
    *,
    version: str,
    to_head: bool,
    close: bool,
    date: bytes,
) -> tuple[bytes, int | None, bool, bool]:
    """(head, content-length, whether the body is chunked, whether the connection is closed after it).

    `fields` are (lower-case name, value) pairs, `size` the bytes of the whole body or None if it comes in pieces,
    `version` the request's, `to_head` whether it was a HEAD, `date` a line of `date_line`. The connection closes if
    `close` is set, a field says so, or nothing else could mark the body's end. Raises ValueError for a field that
    would break the head.
    """
    parts = [STATUS_LINES.get(status) or status_line(status)]
    lines = 2  # the status line and the empty one
    length: int | None = None
    chunked = False
    for name, value in fields:
        if name in WATCHED:
            if name == b"content-length":
                if status == 204:
                    continue
                length = int(value)
            elif name == b"date":
                date = b""
            else:  # of this hop: the wire's own to say
                close = close or (name == b"connection" and b"close" in value.lower())
                continue
        parts += (name, b": ", value, b"\r\n")
        lines += 1
    if length is None and status not in BODILESS:
        framing, length = _framing(size, version, to_head)
        if framing:
            parts.append(framing)
            lines += 1
        chunked = framing is CHUNKED
        close = close or (size is None and version == "1.0")
    if date:
        parts.append(date)
        lines += 1
    if close:
        parts.append(CLOSE)
        lines += 1
    elif version == "1.0":
        parts.append(KEEP_ALIVE)
        lines += 1
    parts.append(b"\r\n")
    head = b"".join(parts)
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise ValueError("a response field contains a line break")
    return head, length, chunked, close


def _framing(size: int | None, version: str, to_head: bool) -> tuple[bytes, int | None]:
    """(field that marks the end of the body or b"", content-length)."""
    if size is not None:
        # An answer to HEAD which says nothing of its length has none that we know.
        return (b"content-length: %d\r\n" % size, size) if size or not to_head else (b"", None)
    return (CHUNKED if version == "1.1" and not to_head else b""), None


def error_body(status: int, message: str) -> bytes:
    """The JSON of an error without field errors."""
    return json.dumps({"data": {}, "message": message, "status": status}, separators=(",", ":")).encode()


def error_reply(status: int, message: str, date: bytes, *, to_head: bool = False, retry_after_s: int = 0) -> bytes:
    """A whole response after which the connection is closed."""
    body = error_body(status, message)
    parts = [status_line(status), b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)]
    if retry_after_s:
        parts.append(b"retry-after: %d\r\n" % retry_after_s)
    parts += (date, CLOSE, b"\r\n", b"" if to_head else body)
    return b"".join(parts)
