"""Random values for fields of every type, valid for the field's options and as odd as those allow."""

import json
from random import Random
from typing import Any

Field = dict[str, Any]

WORDS = ("a", "A", "ab", "Abc", "foo", "Foo bar", "bar", "null", "true", "false", "0", "1", "-1", "1.0", "10", "id")
# Texts that mean something to LIKE, to JSON, to SQL, to number parsers, or hold more than ASCII.
ODD = (
    "", " ", "%", "_", "\\", "%_\\", "a%b", "a_b", "a\\b", "\\%", "'", '"', "it's", 'say "hi"', "`", "--", "/*",
    ";", "é", "É", "ß", "ſ", "İ", "日本", "😀", "e\u0301", "a\nb", "a\tb", "[]", "{}", "[1,2]", '["a"]', '{"a":1}',
    '"x"', "1e3", "0x10", "9223372036854775807", "1.5", ".5", "5.", " 1", "+1", "NaN", "Infinity", "@now", "?",
    "?1", ":a", "<b>x</b>",
)  # fmt: skip
NUMBERS = (
    0, 0, 1, 1, -1, 2, 3, 10, 100, 0.5, -0.5, 1.5, 0.1, 1e-7, 123456.789, -2147483649, 2**31, 2**53, 2**53 + 2,
    -(2**53), 1e15, 1e21, 1.5e300, -1e-300, 9007199254740993, 9223372036854775807, 1e100,
)  # fmt: skip
DATES = (
    "2020-01-01 00:00:00.000Z", "2020-01-01 00:00:00.001Z", "2020-02-29 12:30:45.678Z", "1969-12-31 23:59:59.999Z",
    "2038-01-19 03:14:08.000Z", "2024-12-31 23:59:59.999Z", "0001-01-01 00:00:00.000Z", "9999-12-31 23:59:59.000Z",
    "2026-11-22 00:00:00.000Z",
)  # fmt: skip
KEYS = ("a", "b", "c", "k1", "A")
SELECTS = ("red", "green", "blue", "Red", "a b", "x'y", "%", "1", "é", "null")


def text(rng: Random, most: int = 40) -> str:
    """A text: a word, an odd one, or some glued together."""
    roll = rng.random()
    if roll < 0.45:
        return rng.choice(WORDS)[:most]
    if roll < 0.8:
        return rng.choice(ODD)[:most]
    return "".join(rng.choice((*WORDS, *ODD)) for _ in range(rng.randint(2, 4)))[:most]


def number(rng: Random) -> int | float:
    """A number as a `number` field takes it."""
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(NUMBERS)
    return rng.randint(-50, 50) if roll < 0.85 else round(rng.uniform(-100, 100), rng.randint(0, 6))


def json_value(rng: Random, depth: int = 3) -> Any:
    """Any JSON: nested, empty, and strings that look like JSON."""
    roll = rng.random()
    if depth and roll < 0.3:
        return {key: json_value(rng, depth - 1) for key in rng.sample(KEYS, rng.randint(0, 3))}
    if depth and roll < 0.5:
        return [json_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    if roll < 0.65:
        return number(rng)
    if roll < 0.75:
        return rng.choice((None, True, False, ""))
    return text(rng)


def geo_point(rng: Random) -> dict[str, float]:
    """A geo point, also at the ends of the ranges."""
    if rng.random() < 0.3:
        return {"lon": 0, "lat": 0}
    lon = rng.choice((180, -180, 23.32, 0.5, 23.3199999, round(rng.uniform(-180, 180), 4)))
    return {"lon": lon, "lat": rng.choice((90, -90, 42.69, -0.5, round(rng.uniform(-90, 90), 4)))}


def ident(rng: Random) -> str:
    """A record id."""
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(15))


def some(rng: Random, choices: list[str], most: int) -> list[str]:
    """Up to `most` different ones."""
    return rng.sample(choices, rng.randint(0, min(most, len(choices))))


def value(rng: Random, field: Field, related: list[str] | None = None) -> Any:
    """A valid value for `field`, JSON of the API; `related` are the ids a relation may take. None: leave it out."""
    kind = field["type"]
    if kind in ("select", "relation"):
        choices = field["values"] if kind == "select" else related or []
        most = field.get("maxSelect") or 1
        picked = some(rng, choices, most)
        if most > 1:
            return picked
        return picked[0] if picked else ""
    if kind in ("text", "editor"):
        return text(rng, field.get("max") or 40)
    if kind == "number":
        drawn = number(rng)
        return int(drawn) if field.get("onlyInt") and abs(drawn) < 2**53 else 7 if field.get("onlyInt") else drawn
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "email":
        return rng.choice(("", "a@example.com", "A.b+c@example.com", "x_y@sub.example.org"))
    if kind == "url":
        return rng.choice(("", "https://example.com", "http://example.com/a%20b?x=1&y=_#z", "ftp://example.com"))
    if kind == "date":
        return rng.choice(("", *DATES))
    if kind == "json":
        return json_value(rng)
    if kind == "geoPoint":
        return geo_point(rng)
    if kind == "password":
        return "12345678"
    return None


def compact(tree: Any) -> str:
    """JSON without blanks, as databases hold it."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
