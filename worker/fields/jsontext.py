"""JSON text as the real one reads and writes it, where that differs from what a JSON library does.

It refuses an object that has a name twice, tells -0 from 0, keeps the spelling of numbers in the text of a JSON field,
and has a spelling of its own for some numbers (`numbers.Numeral`). Ordinary text is read by orjson and seen to be
ordinary because orjson writes it back as it was, byte for byte: cheaper than looking for what may be wrong with it.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

from worker.fields.numbers import Numeral

TOO_DEEP = "jsontext: exceeded max depth"
# How deep a value may nest. The encoder ends at 254, and a record is answered inside of pages and expansions.
DEPTH_MAX = 200
# Values in one text from outside. Ten million empty lists would keep the interpreter busy for seconds, and half a
# gigabyte of memory.
VALUES_MAX = 250_000

_BLANKS = b" \t\r\n"
# In text that is well formed: what stands behind a name of an object, once blanks are gone; and at least every -0.
_NAME_END = b'":'
_MINUS_ZERO = re.compile(rb"-0[ \t\r\n,\]}]|-0\Z")


def is_heap(raw: bytes) -> bool:
    """Whether text holds more than `VALUES_MAX` values; found without reading it, some 5 ms a megabyte at worst."""
    if len(raw) <= VALUES_MAX or _marks(raw) <= VALUES_MAX:
        return False
    # some of what was counted may stand in texts: what is between each second pair of quotes
    bare = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 4 * VALUES_MAX:
        return True
    return _marks(b"".join(bare.split(b'"')[::2])) > VALUES_MAX


def _marks(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def is_too_deep(value: Any, raw: bytes) -> bool:
    """Whether lists and objects stand within each other, more than `DEPTH_MAX` of them, in what was read from `raw`."""
    return raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _depth(value) > DEPTH_MAX


class UnfitError(ValueError):
    """Well-formed JSON which is refused all the same."""


class DuplicateNameError(UnfitError):
    """An object has two members of the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(f'jsontext: duplicate object member name "{name}"')


def folded(name: str) -> str:
    """The name of a member as fixed forms compare it: in lower case, without what may divide words."""
    # the long s has a lower case that Python does not know
    return name.lower().replace("\u017f", "s").replace("_", "").replace("-", "")


def loads(raw: bytes) -> Any:
    """The value of JSON text. ValueError for what is no JSON; UnfitError for a name twice in an object, or too deep."""
    value = orjson.loads(raw)
    if _is_written(value, raw):
        return value
    if b"-0" not in raw or not _MINUS_ZERO.search(raw):
        # texts may add to the count: then, too, the slower parser has a look
        names = raw.translate(None, _BLANKS).count(_NAME_END)
        if (type(value) is dict and names == len(value)) or names == _names(value):
            return value
    return _decoded(_EXACT, raw)


def loads_spelled(raw: bytes) -> Any:
    """As `loads`, with numbers that are spelled as they are in the text."""
    value = orjson.loads(raw)
    return value if _is_written(value, raw) else _decoded(_SPELLED, raw)


def dumps(value: Any) -> bytes:
    """A value, which may have numbers with a spelling of their own in it, as compact JSON text."""
    return orjson.dumps(value, spelled)


def spelled(value: Any) -> orjson.Fragment:
    """The `default` of orjson.dumps for what records may hold: numbers with a spelling of their own, and bytes.

    Bytes are in databases that somebody wrote to by SQL; the real one takes them for a text.
    """
    if type(value) is Numeral:
        return orjson.Fragment(value.text)
    if type(value) is bytes:
        return orjson.Fragment(orjson.dumps(value.decode(errors="replace")))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _is_written(value: Any, raw: bytes) -> bool:
    """Whether `raw` is what orjson makes of a value. UnfitError for one that nests too deeply to be written at all."""
    if is_too_deep(value, raw):
        raise UnfitError(TOO_DEEP)
    return orjson.dumps(value) == raw


def _depth(value: Any) -> int:
    """How many lists and objects of a value stand within each other at most."""
    depth = 0
    level = [value]
    while level := [item for item in level if type(item) is list or type(item) is dict]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if type(item) is dict else item)]
    return depth


def _names(value: Any) -> int:
    """How many members all objects in a value have."""
    count = 0
    waiting = [value] if type(value) is dict or type(value) is list else []
    while waiting:
        value = waiting.pop()
        items = value
        if type(value) is dict:
            count += len(value)
            items = value.values()
        waiting += [item for item in items if type(item) is dict or type(item) is list]
    return count


def _decoded(decoder: json.JSONDecoder, raw: bytes) -> Any:
    """The value of text that orjson takes, by a slower parser."""
    try:
        return decoder.decode(raw.decode())
    except RecursionError:
        raise UnfitError(TOO_DEEP) from None


def _distinct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        raise DuplicateNameError(next(name for place, name in enumerate(names) if name in names[:place]))
    return found


def _whole(text: str) -> int | float:
    number: int | float = -0.0 if text == "-0" else orjson.loads(text)
    return number


def _as_spelled(text: str) -> int | float:
    number: int | float = orjson.loads(text)
    return number if orjson.dumps(number).decode() == text else Numeral(float(text), text)


def _decoder(whole: Callable[[str], float], fraction: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_distinct, parse_int=whole, parse_float=fraction)


_EXACT = _decoder(_whole, float)
_SPELLED = _decoder(_as_spelled, _as_spelled)
