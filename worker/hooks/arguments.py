"""What a script passes to an operation: JSON, read with a bound on how much there is of it and how deep.

A small call is read where it arrives. A large one would be felt by others: it is read in a thread, at the tenant's
expense, and the tenant's next one waits until that is made up for.
"""

import re
from typing import Any

import orjson

from worker.fields.jsontext import DEPTH_MAX, is_heap, is_too_deep
from worker.hooks.calls import GoError

# What is larger is read in a thread.
BULK_BYTES = 256 << 10
# Texts with half of a surrogate pair in them are mended up to this size.
MENDED_BYTES_MAX = 1 << 20
TOO_MUCH = "there are too many values in one call of the server"
TOO_DEEP = "the values of a call of the server are nested too deep"
HALF = "a text has half of a surrogate pair in it"

# An escape: a pair of surrogates, half of one, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class NonsenseError(ValueError):
    """What no script can send: the frame was made by something else. Says what it is not."""


def arguments(raw: bytes) -> list[Any]:
    """What a frame's arguments are, the changes of shared records first. NonsenseError, or GoError beyond a bound."""
    if is_heap(raw):
        raise GoError(TOO_MUCH)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _mended(raw)
    if type(value) is not list or not value:
        raise NonsenseError("a call without arguments")
    if len(raw) > DEPTH_MAX and is_too_deep(value, raw):
        raise GoError(TOO_DEEP)
    return value


def _mended(raw: bytes) -> Any:
    """Texts in which a script has cut a character in half: Go has a replacement character there."""
    if b"\\ud" not in raw and b"\\uD" not in raw:
        raise NonsenseError("arguments that are no JSON")
    if len(raw) > MENDED_BYTES_MAX:
        raise GoError(HALF)
    try:
        return orjson.loads(_ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], raw))
    except orjson.JSONDecodeError:
        raise NonsenseError("arguments that are no JSON") from None
