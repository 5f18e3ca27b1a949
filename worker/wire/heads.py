"""Heads of HTTP/1.1 requests: from bytes to a `Head`, or a `Refusal` with the status to answer.

One strict parser decides what is well formed: gunicorn's `PythonProtocol`, chunked bodies included, so no two parsers
can disagree about where a request ends. It costs tens of microseconds a head; clients repeat themselves. In front of it
stands a memo of header blocks by their exact bytes, from the digit of the HTTP version to the empty line:

    GET /api/health HTTP/1.1\\r\\nHost: demo.localhost\\r\\nAccept: */*\\r\\n\\r\\n
    └── regular expression ─┘└────────────────── key ──────────────────────┘

A block enters the memo only after the parser has accepted it behind a request line of the same HTTP version, and the
expression accepts a strict subset of the parser's request lines; anything else goes the full way. Blocks that frame
a chunked body never enter.

What the parser leaves to its caller is decided here: Host (RFC 9112 3.2), the forms of the target, transfer codings
other than `chunked` alone, expectations.
"""

import re
from typing import Final

from gunicorn.asgi.parser import ParseError, PythonProtocol

from worker.http.headers import combined
from worker.wire.chunks import Chunks
from worker.wire.refusal import HEAD_TOO_LARGE, MALFORMED, TARGET_TOO_LONG, Refusal, refusal_of

# to look for one byte as a number is quicker: for another bytes, Python makes the message of an error first
_QUESTION: Final = ord("?")
_HASH: Final = ord("#")
HEAD_END: Final = b"\r\n\r\n"
MEMO_BLOCK_BYTES_MAX: Final = 2048
# What the memo may take: a thousand tenants have a thousand blocks, which differ in their Host at least.
MEMO_BYTES_MAX = 4 << 20
# Of a block in the memo, beside its bytes and those of its fields, and of each field.
BLOCK_BYTES, FIELD_BYTES = 500, 150

METHODS: Final = {name.encode(): name for name in ("GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PUT")}
REQUEST_LINE: Final = re.compile(rb"(GET|POST|PATCH|DELETE|HEAD|OPTIONS|PUT) (/[!-\"$-~]*) HTTP/1\.([01])\r\n")
ABSOLUTE_FORM = re.compile(rb"https?://([^/?]+)([/?].*)?", re.IGNORECASE)
HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
METHOD_START: Final = re.compile(rb"[!$%&'*+.^_`|~0-9A-Z\r-]")

Pairs = tuple[tuple[bytes, bytes], ...]


class Fields:
    """What a header block says. Immutable by convention: shared by every request that sent the same bytes.

    `headers` are (lower-case name, value) pairs; `host` is the Host value as sent (b"" without one);
    `length` the Content-Length (0 without one); `version` "1.1" or "1.0"; `by_name` the headers by name; `said` what
    scripts are told of it, kept by who tells them.
    """

    __slots__ = ("by_name", "expect_continue", "headers", "host", "keep_alive", "length", "said", "version")

    def __init__(self, headers: Pairs, version: str, length: int, keep_alive: bool) -> None:
        self.headers = headers
        self.by_name = combined(headers)
        self.version = version
        self.length = length
        self.keep_alive = keep_alive
        self.expect_continue = False
        self.said: tuple[bytes, bytes] | None = None
        self.host = self._check(headers)

    def _check(self, headers: Pairs) -> bytes:
        """Decide what the parser does not; returns the Host value. Raises Refusal."""
        host = None
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                raise Refusal(501, "The transfer coding is not supported.")
            elif name == b"expect" and self.version != "1.0":
                if value.lower() != b"100-continue":
                    raise Refusal(417, "The expectation is not supported.")
                self.expect_continue = True
        if host is None:
            if self.version != "1.0":
                raise Refusal(400, "The Host header is missing.")
            return b""
        if HOST.fullmatch(host) is None:
            raise Refusal(400, "The Host header is invalid.")
        return host


class Head:
    """The head of one request.

    `target` is in origin form (or b"*"); `size` is the bytes it took on the wire, `chunks` decodes a chunked body.
    """

    __slots__ = ("chunks", "fields", "method", "path", "query", "size", "target")

    def __init__(self, method: str, target: bytes, fields: Fields, size: int, chunks: Chunks | None = None) -> None:
        self.method = method
        self.target = target
        if _QUESTION in target:
            self.path, _, self.query = target.partition(b"?")
        else:
            self.path, self.query = target, b""
        self.fields = fields
        self.size = size
        self.chunks = chunks

    @property
    def version(self) -> str:
        """The HTTP version, "1.1" or "1.0"."""
        return self.fields.version

    @property
    def headers(self) -> Pairs:
        """(lower-case name, value) pairs in the order sent."""
        return self.fields.headers

    @property
    def host(self) -> bytes:
        """The Host value as sent, or the authority of an absolute-form target."""
        return self.fields.host

    @property
    def content_length(self) -> int:
        """Bytes of the body if it is not chunked."""
        return self.fields.length

    @property
    def chunked(self) -> bool:
        """Whether a chunked body follows."""
        return self.chunks is not None

    @property
    def keep_alive(self) -> bool:
        """Whether the client lets the connection be used again."""
        return self.fields.keep_alive

    @property
    def expect_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return self.fields.expect_continue


class Heads:
    """The parser of a worker's connections and its memo.

    The memo has two generations: a block found in the old one moves to the young one; when the young one is full it
    becomes the old one. So what is used stays, without bookkeeping at a hit.
    """

    __slots__ = ("_fields_max", "_head_max", "_line_max", "_old", "_young", "_young_bytes")

    def __init__(self, head_bytes_max: int, headers_max: int) -> None:
        self._head_max = head_bytes_max
        self._line_max = head_bytes_max // 2  # no single line may take more than half of the head
        self._fields_max = headers_max
        self._young: dict[bytes, Fields] = {}
        self._young_bytes = 0
        self._old: dict[bytes, Fields] = {}

    def __len__(self) -> int:
        """Blocks in the memo."""
        return len(self._young) + len(self._old)

    def parse(self, data: bytes, start: int = 0) -> Head | None:
        """The head that begins at `start`, or None while its end has not arrived. Raises Refusal."""
        end = data.find(HEAD_END, start)
        if end < 0:
            self._check_partial(data, start)
            return None
        end += len(HEAD_END)
        if end - start > self._head_max:
            raise self._too_large(data, start)
        line = REQUEST_LINE.match(data, start, end)
        if (
            line is not None
            and line.end() - start <= self._line_max
            and end - (version := line.start(3)) <= MEMO_BLOCK_BYTES_MAX
        ):
            method, target = line.group(1, 2)
            block = data[version:end]
            fields = self._young.get(block)
            if fields is None and (fields := self._old.get(block)) is not None:
                self._remember(block, fields)
            if fields is not None:
                return Head(METHODS[method], target, fields, end - start)
            head = self._parse_fully(data[start:end])
            if head.chunks is None:
                self._remember(block, head.fields)
            return head
        return self._parse_fully(data[start:end])

    def _remember(self, block: bytes, fields: Fields) -> None:
        if self._young_bytes >= MEMO_BYTES_MAX // 2:
            self._old = self._young
            self._young = {}
            self._young_bytes = 0
        self._young_bytes += BLOCK_BYTES + 4 * len(block) + FIELD_BYTES * len(fields.headers)
        self._young[block] = fields

    def _parse_fully(self, raw: bytes) -> Head:
        """The head whose bytes are exactly `raw`, by the strict parser."""
        found: list[bytes] = []
        parser = PythonProtocol(
            on_body=found.append,
            limit_request_line=self._line_max,
            limit_request_fields=self._fields_max,
            limit_request_field_size=self._line_max,
        )
        try:
            parser.feed(raw)
        except (ParseError, ValueError) as error:
            raise refusal_of(error) from error
        if not (parser.is_complete or parser.is_chunked or parser.content_length):
            raise Refusal(400, MALFORMED)  # an end of head which the parser does not see as one
        method = parser.method.decode("ascii")
        version = "1.1" if parser.http_version == (1, 1) else "1.0"
        headers: Pairs = tuple(parser.headers)
        fields = Fields(headers, version, parser.content_length or 0, parser.should_keep_alive)
        target: bytes = parser.path
        if method == "CONNECT":
            raise Refusal(501, "The method is not supported.")
        if _HASH in target:
            raise Refusal(400, MALFORMED)
        if target[:1] != b"/" and target != b"*":
            target, fields = _to_origin_form(target, fields)
        return Head(method, target, fields, len(raw), Chunks(parser, found) if parser.is_chunked else None)

    def _check_partial(self, data: bytes, start: int) -> None:
        """Refuse early what can't become a head any more."""
        size = len(data) - start
        if size > self._head_max:
            raise self._too_large(data, start)
        if size > self._line_max and data.find(b"\r\n", start, start + self._line_max + 2) < 0:
            raise Refusal(414, TARGET_TOO_LONG)
        if METHOD_START.match(data, start) is None or data.count(b"\n", start) != data.count(b"\r\n", start):
            raise Refusal(400, MALFORMED)

    def _too_large(self, data: bytes, start: int) -> Refusal:
        if data.find(b"\r\n", start, start + self._line_max + 2) < 0:
            return Refusal(414, TARGET_TOO_LONG)
        return Refusal(431, HEAD_TOO_LARGE)


def _to_origin_form(target: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """An absolute-form target's own authority replaces the Host header (RFC 9112 3.2.2). Raises Refusal."""
    found = ABSOLUTE_FORM.fullmatch(target)
    if found is None or HOST.fullmatch(found[1]) is None:
        raise Refusal(400, MALFORMED)
    rest = found[2] or b"/"
    others = tuple(pair for pair in fields.headers if pair[0] != b"host")
    replaced = Fields(((b"host", found[1]), *others), fields.version, fields.length, fields.keep_alive)
    return rest if rest[:1] == b"/" else b"/" + rest, replaced
