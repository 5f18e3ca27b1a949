"""Paths of URLs as Go's server treats them before a handler sees the request: as they were sent, escapes and all.

A path is cleaned and split while its escapes stand: `%2F` is no slash between segments and `%2E%2E` no step up. What is
malformed is refused in plain text; what is not clean is sent to its clean form, whatever the method.
"""

import posixpath
import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

_BAD_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")
# A path of these alone is taken as it was sent; any other is decoded and escaped anew, which turns `%2F` into a slash.
_AS_SENT = re.compile(rb"[A-Za-z0-9\-._~$&+,/:;=@!'()*\[\]%]*")
_UNESCAPED = "$&+,/:;=@"  # beside letters, digits and -._~
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})

Headers = list[tuple[bytes, bytes]]


class Detour(NamedTuple):
    """An answer in place of any handler's."""

    status: int
    headers: Headers
    body: bytes


_PERCENT: Final = ord("%")

MALFORMED = Detour(
    400, [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")], b"400 Bad Request"
)


def suspect(raw: bytes) -> bool:
    """Whether `detour_of` has to look at this path: most are clean, and that is seen at once."""
    # `b"//" in raw` has bytes make the message of an error that nobody gets, which takes half a microsecond
    return _PERCENT in raw or raw.find(b"//") >= 0 or raw.find(b"/.") >= 0


def detour_of(method: str, root: str, raw: bytes, query: bytes) -> Detour | None:
    """The answer to a path with a bad escape or one that is not clean; None where the request goes its way.

    `root` stands before `raw` in the URL, and is not looked at.
    """
    if _BAD_ESCAPE.search(raw):
        return MALFORMED
    path = escaped(raw)
    clean = cleaned(path)
    if clean == path:
        return None
    return _sent_on(method, root + clean, query)


def moved(method: str, root: str, raw: bytes, query: bytes) -> Detour:
    """The answer to a path that is known with a slash at its end only."""
    return _sent_on(method, root + cleaned(escaped(raw)) + "/", query)


def _sent_on(method: str, target: str, query: bytes) -> Detour:
    location = target + ("?" + query.decode("latin-1") if query else "")
    headers = [(b"location", location.encode("latin-1"))]
    if method not in {"GET", "HEAD"}:
        return Detour(307, headers, b"")
    headers.insert(0, (b"content-type", b"text/html; charset=utf-8"))
    link = f'<a href="{location.translate(_HTML)}">Temporary Redirect</a>.\n\n'
    return Detour(307, headers, link.encode("latin-1") if method == "GET" else b"")


def escaped(raw: bytes) -> str:
    """A path in the escaped form that is cleaned and split."""
    if _AS_SENT.fullmatch(raw):
        return raw.decode("ascii")
    return quote(unquote_to_bytes(raw), safe=_UNESCAPED)


def cleaned(path: str) -> str:
    """A path without empty, `.` and `..` segments; a slash at its end stays."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def segments(raw: bytes) -> list[str]:
    """The decoded segments of a path that has escapes."""
    return [
        unquote_to_bytes(segment).decode("utf-8", "replace") if "%" in segment else segment
        for segment in escaped(raw)[1:].split("/")
    ]
