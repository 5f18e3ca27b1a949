"""Random definitions of fields of every type, and random values to submit to them: good, bad, odd.

Nothing here knows what a server should answer: the real one says. Values are JSON values; a share of those for each
type are good, or nothing but errors would be compared.
"""

from random import Random
from typing import Any

Definition = dict[str, Any]

# What any field may be sent.
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        "",
        0,
        1,
        -1,
        1.5,
        -0.0,
        "1",
        "abc",
        "1e3",
        " 1 ",
        "true",
        "null",
        "[]",
        "{}",
        '""',
        "[",
        "a,b",
    ),
    *([], [1], ["a"], ["a", "b", "a"], {}, {"a": 1}, '["a"]', '["a","b"]', "[1,2]", "[null]", [None], [[]], [{}]),
    *(
        [True, 1.5],
        [""],
        ["", "a"],
        1e21,
        1e-07,
        123456789012345678,
        2**53,
        -(2**63),
        "1_0",
        "0x10",
        "ééé",
        "😀",
        "a\u0000b",
    ),
    *(
        "2022-01-01",
        "2022-01-01 10:00:00.123Z",
        {"lon": 1, "lat": 2},
        "a@example.com",
        "https://example.com",
        "\n",
        "  ",
    ),
    *(
        float("1e308"),
        "Infinity",
        "NaN",
        "+1",
        ".5",
        "5.",
        "1e400",
        '{"a":1,"a":2}',
        "\u2028",
        "<b>&amp;</b>",
        "a" * 101,
    ),
]
WORDS = [
    "a",
    "b",
    "abc",
    "ABC",
    "abcdef",
    "a b",
    "x1",
    "éa",
    "日本",
    "ß",
    "SS",
    "z" * 20,
    "q" * 6000,
    "a%b_c",
    "it's",
    "0",
    "7",
]
NUMBERS: list[Any] = [
    0,
    1,
    2,
    3,
    5,
    10,
    -1,
    -5,
    2.5,
    -2.5,
    0.1,
    1e6,
    1234567.5,
    1e15,
    9007199254740993,
    "3",
    "2.5",
    "-7",
]
DATES = [
    *("2020-01-01 00:00:00.000Z", "2022-06-15 12:30:45.123Z", "2024-02-29", "2023-12-31T23:59:59+02:00", "2022-02-30"),
    *("0001-01-01 00:00:00.000Z", "9999-12-31 23:59:59.999Z", "2022-01-01 10:00", "1999-01-01 00:00:00Z", "10:00AM"),
]
EMAILS = [
    "a@example.com",
    "B@Example.com",
    "x@test.org",
    "x@sub.test.org",
    "no",
    "a@b",
    "é@example.com",
    "a b@example.com",
]
URLS = [
    *(
        "https://example.com",
        "http://test.org/a?b=c",
        "example.com",
        "ftp://test.org",
        "https://TEST.org",
        "http://a",
        "x",
    ),
    *(
        "https://u:p@test.org:80/x",
        "javascript:1",
        "https://example.com/é",
        "//test.org",
        "http://1.2.3.4",
        "https://[::1]/",
    ),
]
JSONS: list[Any] = [
    *(
        {"b": 1, "a": [1, 2.0, None]},
        [1, "two", {"k": -0.0}],
        "text",
        '{"x": 1.50}',
        "12",
        "1.0",
        "true",
        12.5,
        True,
        [[]],
    ),
    *(
        '"quoted"',
        "[1,",
        "-",
        "-5",
        "1e2",
        "0.10",
        "00",
        {"k" * 60: "v" * 60},
        "v" * 200,
        {"é": "\u0001"},
        "\t",
        '"\\u00e9"',
    ),
]
POINTS: list[Any] = [
    *(
        {"lon": 1.5, "lat": 2.5},
        {"lon": 0, "lat": 0},
        {"lon": 181, "lat": 0},
        {"lon": 0, "lat": -91},
        {"lon": 180, "lat": 90},
    ),
    *(
        {"lon": "1", "lat": "2"},
        {"lat": 5},
        '{"lon":3,"lat":4}',
        {"lon": 1, "lat": 2, "x": 3},
        {"Lon": 1, "LAT": 2},
        [1, 2],
    ),
    *(
        {"lon": None, "lat": 1},
        {"lon": True, "lat": []},
        "1,2",
        {"lon": 1e-7, "lat": -0.0},
        '{"lat":1,"lon":"2"}',
        '{"lon":true,"lat":5}',
    ),
]
PASSWORDS: list[Any] = [
    *(
        "password-1",
        "password-2",
        "pass",
        "é" * 30,
        "é" * 36,
        "é" * 37,
        "x" * 71,
        "x" * 72,
        "x" * 73,
        "12345678",
        12345678,
    ),
    *(
        "日本語日本語日本語",
        "p\u0000assword",
        "        ",
        "PASSWORD1",
        True,
        None,
        "",
        ["password-1"],
        "😀" * 18,
        "😀" * 19,
    ),
]
OPTIONS = ["a", "b", "c", "1", "true", "é", "a b"]
PATTERNS = ["^[a-z]+$", "^[a-z0-9 ]*$", "a", r"^\w+$", "(?i)^abc", r"\d", "^.{2,4}$", "é"]
# What is generated pairs as an id does.
GENERATED = "[a-z0-9]{15}"
TYPES = [
    "text",
    "number",
    "bool",
    "email",
    "url",
    "editor",
    "date",
    "autodate",
    "select",
    "json",
    "file",
    "password",
    "geoPoint",
]


def definition(rng: Random, kind: str, name: str) -> Definition:
    """A field of this type with random options (relations: `relation`)."""
    made: Definition = {"name": name, "type": kind}
    for key, share in (("required", 0.2), ("hidden", 0.12), ("presentable", 0.1)):
        if rng.random() < share and not (kind == "autodate" and key == "required"):
            made[key] = True
    made.update(OPTIONS_OF[kind](rng))
    return made


def relation(rng: Random, name: str, target: str) -> Definition:
    """A relation to the collection with the id `target`."""
    made = definition(rng, "bool", name) | {"type": "relation", "collectionId": target}
    most = rng.choice((0, 1, 1, 2, 3, 5))
    least = rng.choice((0, 0, 0, 1, 2)) if most > 1 else rng.choice((0, 0, 0, 0, 1))
    return made | {"maxSelect": most, "minSelect": min(least, most), "cascadeDelete": rng.random() < 0.4}


def _text(rng: Random) -> Definition:
    made: Definition = {}
    if rng.random() < 0.3:
        made["min"] = rng.choice((1, 2, 3, 5))
    if rng.random() < 0.4:
        made["max"] = rng.choice((3, 5, 6, 15, 20, 6000))
        made["max"] = max(made["max"], made.get("min", 0))
    if rng.random() < 0.25:
        made["pattern"] = rng.choice(PATTERNS)
    if rng.random() < 0.2:
        made = {"autogeneratePattern": GENERATED} | ({"pattern": "^[a-z0-9]*$"} if rng.random() < 0.3 else {})
    return made


def _number(rng: Random) -> Definition:
    made: Definition = {"onlyInt": True} if rng.random() < 0.3 else {}
    if rng.random() < 0.35:
        made["min"] = rng.choice((-5, 0, 1, 2))
    if rng.random() < 0.35:
        made["max"] = rng.choice((2, 3, 10, 1000000))
    return made


def _domains(rng: Random) -> Definition:
    key = rng.choice(("", "", "onlyDomains", "exceptDomains"))
    return {key: rng.sample(["example.com", "test.org", "sub.test.org"], rng.randint(1, 2))} if key else {}


def _date(rng: Random) -> Definition:
    made: Definition = {}
    if rng.random() < 0.3:
        made["min"] = "2021-01-01 00:00:00.000Z"
    if rng.random() < 0.3:
        made["max"] = rng.choice(("2023-01-01", "2022-06-15 12:30:45.123Z"))
    return made


def _autodate(rng: Random) -> Definition:
    return rng.choice(({"onCreate": True}, {"onUpdate": True}, {"onCreate": True, "onUpdate": True}))


def _select(rng: Random) -> Definition:
    values = rng.sample(OPTIONS, rng.randint(1, 5))
    return {"values": values, "maxSelect": rng.randint(0, len(values))}


def _file(rng: Random) -> Definition:
    return {"maxSelect": rng.choice((0, 1, 2, 3)), "protected": rng.random() < 0.2}


def _password(rng: Random) -> Definition:
    made: Definition = {"cost": 4}
    if rng.random() < 0.4:
        made["min"] = rng.choice((1, 5, 8))
    if rng.random() < 0.4:
        made["max"] = rng.choice((8, 10, 71))
    if rng.random() < 0.2:
        made["pattern"] = rng.choice(PATTERNS)
    return made


def _sized(rng: Random) -> Definition:
    return {"maxSize": rng.choice((1, 5, 50, 100, 5000))} if rng.random() < 0.4 else {}


def _none(rng: Random) -> Definition:
    del rng
    return {}


OPTIONS_OF = {
    "text": _text,
    "number": _number,
    "bool": _none,
    "email": _domains,
    "url": _domains,
    "editor": _sized,
    "date": _date,
    "autodate": _autodate,
    "select": _select,
    "json": _sized,
    "file": _file,
    "password": _password,
    "geoPoint": _none,
}


def value(rng: Random, field: Definition, ids: list[str]) -> Any:
    """Something to submit to this field; `ids` are those of the records a relation may name."""
    if rng.random() < 0.12:
        return rng.choice(ODD)
    match field["type"]:
        case "text":
            return rng.choice(WORDS)
        case "number":
            return rng.choice(NUMBERS)
        case "bool":
            return rng.choice((True, True, False, "true", "false", 1, 0, "t", "1", "yes"))
        case "email":
            return rng.choice(EMAILS)
        case "url":
            return rng.choice(URLS)
        case "editor":
            return rng.choice(("<p>a</p>", "é", "ééé", "", "<b>bold</b>" * 10, "x" * 51, "😀"))
        case "date" | "autodate":
            return rng.choice(DATES)
        case "select":
            return _listed(rng, [*field["values"], *field["values"], "zzz", ""], field.get("maxSelect", 0))
        case "json":
            return rng.choice(JSONS)
        case "file":
            return _listed(rng, ["nofile.txt", "", "x_1234567890.png"], field.get("maxSelect", 0))
        case "password":
            return rng.choice(PASSWORDS)
        case "geoPoint":
            return rng.choice(POINTS)
        case _:
            return _listed(rng, [*ids, *ids, *ids, *ids, "missing", ""], field.get("maxSelect", 0))


def _listed(rng: Random, choices: list[str], most: int) -> Any:
    """One choice or several, mostly as many as the field takes; sometimes as the text of a JSON array."""
    if most < 2 and rng.random() < 0.8:
        return rng.choice(choices)
    count = rng.choice((0, 1, 1, 2, 2, 3, most, most + 1))
    some = [rng.choice(choices) for _ in range(count)]
    form = rng.random()
    if form < 0.08:
        return "[" + ",".join(f'"{one}"' for one in some) + "]"
    if form < 0.14:
        return ",".join(some)
    return some if form < 0.94 or not some else some[0]
