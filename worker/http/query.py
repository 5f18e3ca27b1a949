"""The query part of a URL and urlencoded bodies, split as the real one splits them."""

import re
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_NONE: dict[str, str] = {}


class BadEscapeError(ValueError):
    """A pair of an urlencoded body with a `%` that two hexadecimal digits don't follow, or with a `;`."""


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
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def parse_query(query_string: bytes) -> dict[str, str]:
    """Parameters by name, the first value of a repeated one. The empty query is a shared dict: don't write to it."""
    if not query_string:
        return _NONE
    parameters: dict[str, str] = {}
    for name, value in split_pairs(query_string.decode("utf-8", "replace")):
        parameters.setdefault(name, value)
    return parameters
