"""The query part of a URL and urlencoded bodies, split as the real one splits them.

While they are split, each byte that is no UTF-8 is a lone surrogate (as Python's `surrogateescape` has it), so that
those who have to can tell it; `mended` makes replacement characters of them.
"""

import re
from urllib.parse import unquote_to_bytes

_NO_UTF8 = re.compile(r"[\ud800-\udfff]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_NONE: dict[str, str] = {}


class BadEscapeError(ValueError):
    """A pair of an urlencoded body with a `%` that two hexadecimal digits don't follow, or with a `;`."""


def readable(raw: bytes) -> str:
    """The text of `raw`, in which bytes that are no UTF-8 are lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def mended(text: str) -> str:
    """`text` with a replacement character for each byte that is no UTF-8."""
    return text if text.isascii() else _NO_UTF8.sub("\ufffd", text)


def split_pairs(encoded: str) -> list[tuple[str, str]]:
    """Name and value pairs in their order, decoded; pairs with a bad escape or a `;` are left out."""
    pairs = []
    for pair in encoded.split("&"):
        if not pair or ";" in pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            if "%" in pair and _BAD_ESCAPE.search(pair):
                continue
            name, value = _unescape(name), _unescape(value)
        pairs.append((name, value))
    return pairs


def split_pairs_strictly(encoded: str) -> list[tuple[str, str]]:
    """As `split_pairs`, for bodies: BadEscapeError instead of leaving a pair out."""
    if ";" in encoded or ("%" in encoded and _BAD_ESCAPE.search(encoded)):
        raise BadEscapeError("invalid escape or separator")
    return split_pairs(encoded)


def _unescape(text: str) -> str:
    return readable(unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape")))


def parse_query(query_string: bytes) -> dict[str, str]:
    """Parameters by name, the first value of a repeated one. The empty query is a shared dict: don't write to it."""
    if not query_string:
        return _NONE
    parameters: dict[str, str] = {}
    for name, value in split_pairs(readable(query_string)):
        parameters.setdefault(mended(name), mended(value))
    return parameters
