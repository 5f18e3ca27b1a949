"""Lenient casts of submitted JSON values, shared by the field types."""

from typing import Any

import orjson

from worker.fields.numbers import parse_float, text_of

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


def to_text(raw: Any) -> str:
    """Scalars as text; lists, objects and null as the empty text."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (int, float)):
        return text_of(raw)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""


def to_bool(raw: Any) -> bool:
    """Booleans, numbers other than 0, and the texts that Go's ParseBool takes; else False."""
    if isinstance(raw, str):
        return raw in _TRUE
    return bool(raw) if isinstance(raw, (bool, int, float)) else False


def to_float(raw: Any) -> float:
    """Numbers, booleans and decimal texts; else 0. May be infinite or NaN."""
    if isinstance(raw, (int, float)):
        return int(raw) if isinstance(raw, bool) else raw
    if isinstance(raw, str):
        number = parse_float(raw)
        return 0 if number is None else number
    return 0


def to_texts(raw: Any) -> list[str]:
    """A list of distinct, non-empty texts, from a list of scalars, one scalar, or a text with a JSON array of texts."""
    if isinstance(raw, str):
        if not raw:
            return []
        parsed = parse_array(raw) if raw[0] == "[" else None
        if parsed is None:
            return [raw]
        raw = parsed
    elif isinstance(raw, (bool, int, float)):
        return [to_text(raw)]
    if not isinstance(raw, (list, tuple)):
        return []
    return list(dict.fromkeys(text for text in map(to_text, raw) if text))


# Longer texts are no lists: no field takes so many values, and a parser would hold the worker up.
ARRAY_CHARS_MAX = 1 << 20


def parse_array(text: str) -> list[str] | None:
    """The texts of a JSON array of texts; None where it is anything else."""
    if len(text) > ARRAY_CHARS_MAX:
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(parsed, list):
        return None
    if not all(item is None or isinstance(item, str) for item in parsed):
        return None
    return ["" if item is None else item for item in parsed]
