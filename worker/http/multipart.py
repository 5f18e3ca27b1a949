"""Multipart bodies: a body in memory, cut into its parts as the real one cuts it.

Its reader is lenient where RFC 2046 is not (bare line feeds, blanks behind a boundary, a missing last boundary before
which nothing is missing), so that what it accepts is accepted here, and what it refuses is refused.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from worker.http.mediatype import MediaTypeError, parse_media_type

PARTS_MAX = 1000
# Header lines in a whole body, and bytes of a header that is looked at.
HEADERS_MAX = 10_000
DISPOSITION_BYTES_MAX = 16_384

FORM_DATA = "form-data"
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.0-9A-Za-z^_`|~ ]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BLANKS = (b" ", b"\t")
_QUOTED_PRINTABLE = b"quoted-printable"
# What quoted-printable does not allow, and what it does not mean.
_BAD_QUOTED = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_ESCAPED = re.compile(rb"=(?:\r?\n|\Z|([0-9A-Fa-f]{2}))")


class MultipartError(ValueError):
    """A body that cannot be cut into parts."""


class Part(NamedTuple):
    """One part of a form. A file's `filename` is not empty; `name` and `filename` are bytes as Latin-1."""

    name: str
    filename: str
    content: bytes
    # its headers, as they came
    disposition: bytes = b""
    type: bytes | None = None


def parts_of(raw: bytes, content_type: str) -> Iterator[Part]:
    """The parts of `raw` in their order; those without a name have an empty one. Raises MultipartError, MediaTypeError.

    `content_type` is the header, as Latin-1.
    """
    media, params = parse_media_type(content_type)
    if media != "multipart/form-data" or not params.get("boundary"):
        raise MultipartError("no multipart/form-data with a boundary")
    for headers, content in Cutter(raw, params["boundary"].encode("latin-1")):
        disposition, kind = headers.get(b"content-disposition", b""), headers.get(b"content-type")
        name, filename = _names(disposition)
        if headers.get(b"content-transfer-encoding", b"").lower() == _QUOTED_PRINTABLE:
            yield Part(name, filename, _unquoted(content), disposition, kind)
        else:
            yield Part(name, filename, content, disposition, kind)


def _names(disposition: bytes) -> tuple[str, str]:
    """The name and the file's name that a part's header gives it; empty where it gives none."""
    if len(disposition) > DISPOSITION_BYTES_MAX:
        raise MultipartError("too long a header")
    try:
        kind, params = parse_media_type(disposition.decode("latin-1"))
    except MediaTypeError:
        return "", ""
    return params.get("name", "") if kind == FORM_DATA else "", params.get("filename", "").rpartition("/")[2]


def _unquoted(content: bytes) -> bytes:
    """Quoted-printable text, decoded; what looks like an escape and is none stays."""
    if _BAD_QUOTED.search(content):
        raise MultipartError("invalid quoted-printable text")
    plain = _LINE_BLANKS.sub(b"", content)
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"", plain)


class Cutter:
    """Iterates over the headers and the content of each part of `raw`."""

    def __init__(self, raw: bytes, boundary: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._mark = b"--" + boundary
        # the line end of this body: that of its first boundary
        self._newline = b"\r\n"
        self._count = 0
        self._lines = 0
        # patterns throughout: a body may consist of millions of lines that are nearly boundaries
        mark = re.escape(self._mark)
        self._first = re.compile(
            rb"(?:\A|(?<=\n))%b(?:(?P<last>--)[ \t]*+(?:\r\n|\Z)|[ \t]*+(?P<newline>\r?\n))" % mark
        )
        ends = rb"(?=[ \t\r\n]|--|\Z)"
        self._here = re.compile(mark + ends)
        self._next = {newline: re.compile(newline + mark + ends) for newline in (b"\r\n", b"\n")}

    def __iter__(self) -> Iterator[tuple[dict[bytes, bytes], bytes]]:
        while self._enter():
            self._count += 1
            if self._count > PARTS_MAX:
                raise MultipartError("too many parts")
            headers = self._headers()
            if headers is None:
                return
            yield headers, self._content()

    def _line(self) -> bytes:
        """The next line with its end, which only the last one may lack."""
        end = self._raw.find(b"\n", self._at) + 1 or len(self._raw)
        line = self._raw[self._at : end]
        self._at = end
        return line

    def _enter(self) -> bool:
        """Go behind the next boundary; False where it was the last one."""
        if self._count == 0:
            found = self._first.search(self._raw)
            if found is None:
                raise MultipartError("no boundary")
            self._at = found.end()
            if found["last"]:
                return False
            self._newline = found["newline"]
            return True
        line = self._line()
        if line == self._newline:  # it belongs to the boundary that follows
            line = self._line()
        elif line.endswith(b"\n") and not line.startswith(self._mark):
            raise MultipartError("no boundary where one should be")
        rest = line[len(self._mark) :] if line.startswith(self._mark) else b"x"
        if rest.lstrip(b" \t") == self._newline:
            return True
        if rest.startswith(b"--") and rest[2:].lstrip(b" \t") in (b"", self._newline):
            return False
        raise MultipartError("no boundary where one should be")

    def _headers(self) -> dict[bytes, bytes] | None:
        """The headers of a part by lower-case name; the first one where a name is repeated.

        None where the body ends among them: then that part counts as none.
        """
        lines: list[list[bytes]] = []
        while (line := self._line()).rstrip(b"\r\n"):
            self._lines += 1
            if self._lines > HEADERS_MAX:
                raise MultipartError("too many headers")
            text = line.rstrip(b"\r\n")
            if text[:1] not in _BLANKS:
                lines.append([text.rstrip(b" \t")])
            elif lines:
                lines[-1].append(text.strip(b" \t"))
            else:
                raise MultipartError("malformed header")
        headers: dict[bytes, bytes] = {}
        for pieces in lines:
            name, colon, value = b" ".join(pieces).partition(b":")
            if not colon or not _FIELD_NAME.fullmatch(name) or _BAD_VALUE.search(value):
                raise MultipartError("malformed header")
            headers.setdefault(name.lower(), value.strip(b" \t"))
        return headers if line else None

    def _content(self) -> bytes:
        """What stands before the next boundary; the line end before it is a part of that."""
        raw, start = self._raw, self._at
        if self._here.match(raw, start):
            return b""
        at = raw.find(self._newline + self._mark, start)
        found = self._next[self._newline].search(raw, at) if at >= 0 else None
        if found is None:
            raise MultipartError("the body ends within a part")
        self._at = found.start()
        return raw[start : self._at]
