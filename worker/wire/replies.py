"""HTTP/1.1 responses as bytes: heads, chunks, the date, and the answers the wire gives itself.

The wire's own answers have the shape of every error of the API: `{"data":{},"message":"…","status":N}`.
"""

import json
import re
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
LAST = {False: b"\r\n", True: CLOSE + b"\r\n"}  # what a head ends with, by whether the connection does

LINES_MAX = 1024
BLOCKS_MAX = 64
LINE_BYTES_MAX = 256
FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_BREAK = re.compile(rb"[\r\n\0]")
# Fields which say how to read this one response, and those of one hop, which are the wire's own to say.
UNIQUE_FIELDS = frozenset({b"content-length", b"date"})
HOP_FIELDS = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
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


class Composer:
    """Writes the heads of responses. Applications repeat themselves: lines once checked are kept, LINES_MAX of them.

    Fields that come as a tuple are constants of the application's: what they make, status line included, is kept whole.
    """

    __slots__ = ("_blocks", "_lines")

    def __init__(self) -> None:
        self._lines: dict[tuple[bytes, bytes], bytes] = {}
        self._blocks: dict[tuple[int, tuple[tuple[bytes, bytes], ...]], bytes] = {}

    def compose(
        self,
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
        if type(fields) is tuple and size is not None and not to_head and status not in BODILESS and version == "1.1":
            block = self._blocks.get((status, fields)) or self._block(status, fields)
            if block:
                return b"%bcontent-length: %d\r\n%b%b" % (block, size, date, LAST[close]), size, False, close
        parts = [STATUS_LINES.get(status) or status_line(status)]
        known = self._lines.get
        length: int | None = None
        chunked = False
        for pair in fields:
            line = known(pair)
            if line is None:
                name, value = pair
                if name == b"content-length":
                    if status == 204:
                        continue
                    length = int(value)
                elif name == b"date":
                    date = b""
                elif name in HOP_FIELDS:  # the wire's own to say
                    close = close or (name == b"connection" and b"close" in value.lower())
                    continue
                line = self._line(name, value)
            parts.append(line)
        if length is None and status not in BODILESS:
            framing, length = _framing(size, version, to_head)
            parts.append(framing)
            chunked = framing is CHUNKED
            close = close or (size is None and version == "1.0")
        parts.append(date)
        if close:
            parts.append(CLOSE)
        elif version == "1.0":
            parts.append(KEEP_ALIVE)
        parts.append(b"\r\n")
        return b"".join(parts), length, chunked, close

    def _block(self, status: int, fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
        """The beginning of every head with these fields; empty where one of them may speak for one response only."""
        if any(name in UNIQUE_FIELDS or name in HOP_FIELDS for name, _ in fields):
            return b""
        block = b"".join([status_line(status), *[self._line(name, value) for name, value in fields]])
        if len(self._blocks) >= BLOCKS_MAX:
            self._blocks.clear()
        self._blocks[status, fields] = block
        return block

    def _line(self, name: bytes, value: bytes) -> bytes:
        """The line of a field; it is kept unless it is long or says how to read this response."""
        if FIELD_NAME.fullmatch(name) is None or FIELD_BREAK.search(value) is not None:
            raise ValueError(f"the response field {name!r} would break the head")
        line = b"%b: %b\r\n" % (name, value)
        if len(line) <= LINE_BYTES_MAX and name not in UNIQUE_FIELDS:
            if len(self._lines) >= LINES_MAX:
                self._lines.clear()
            self._lines[name, value] = line
        return line


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
