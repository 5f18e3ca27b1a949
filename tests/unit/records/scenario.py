"""A schema, its first records, and the requests whose answers are compared with the real PocketBase's."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import orjson

OPEN = {"listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": ""}
OWN = "owner = @request.auth.id && @request.auth.id != ''"
USERS = "_pb_users_auth_"


def ident(name: str) -> str:
    """A record id that says what it is."""
    return name.ljust(15, "0")


def relation(name: str, target: str, most: int = 1, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "relation", "collectionId": target, "maxSelect": most, **options}


def text(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "text", **options}


TAGS, THINGS = "pbc_1219621782", "pbc_1492593907"
DATES = [
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]
COLLECTIONS: list[dict[str, Any]] = [
    {
        "name": "tags",
        "type": "base",
        "fields": [text("name"), text("secret", hidden=True)],
        "indexes": ["CREATE UNIQUE INDEX idx_tags_name ON tags (name)"],
        **OPEN,
    },
    {
        "name": "things",
        "type": "base",
        "fields": [
            text("title", required=True, max=20),
            {"name": "num", "type": "number", "min": -5, "max": 100},
            {"name": "flag", "type": "bool"},
            {"name": "mail", "type": "email"},
            {"name": "link", "type": "url"},
            {"name": "body", "type": "editor"},
            {"name": "at", "type": "date"},
            {"name": "sel", "type": "select", "values": ["a", "b", "c"], "maxSelect": 1},
            {"name": "sels", "type": "select", "values": ["a", "b", "c"], "maxSelect": 3},
            {"name": "meta", "type": "json"},
            {"name": "geo", "type": "geoPoint"},
            {"name": "pass", "type": "password"},
            text("hid", hidden=True),
            relation("tag", TAGS),
            relation("tags", TAGS, 5),
            {"name": "doc", "type": "file", "maxSelect": 1},
            {"name": "docs", "type": "file", "maxSelect": 3},
            *DATES,
        ],
        **OPEN,
    },
    {
        "name": "kids",
        "type": "base",
        "fields": [
            text("name"),
            relation("cas", THINGS, cascadeDelete=True),
            relation("opt", THINGS),
            relation("many", THINGS, 5),
            relation("manycas", THINGS, 5, cascadeDelete=True),
            relation("user", USERS),
            *DATES,
        ],
        **OPEN,
    },
    {
        "name": "musts",
        "type": "base",
        "fields": [relation("must", THINGS, required=True), relation("mustmany", THINGS, 5, required=True)],
        **OPEN,
    },
    {
        "name": "ones",
        "type": "base",
        "fields": [relation("thing", THINGS), text("note")],
        "indexes": [
            "CREATE UNIQUE INDEX idx_ones ON ones (thing) WHERE thing != ''",
            "CREATE UNIQUE INDEX idx_low ON ones (lower(note))",
        ],
        **OPEN,
    },
    {"name": "locked", "type": "base", "fields": [text("name")]},
    {
        "name": "ruled",
        "type": "base",
        "fields": [text("name"), relation("owner", USERS), {"name": "num", "type": "number"}],
        "listRule": OWN,
        "viewRule": OWN,
        "createRule": "@request.auth.id != '' && name != 'bad'",
        "updateRule": f"{OWN} && @request.body.num != 13",
        "deleteRule": OWN,
    },
    {
        "name": "exps",
        "type": "base",
        "fields": [
            text("n"),
            relation("lock", "pbc_3720459743"),
            relation("ru", "pbc_3239027216", 3),
            relation("usr", USERS),
        ],
        **OPEN,
    },
    {
        "name": "members",
        "type": "auth",
        "fields": [text("nick"), text("role", hidden=True), relation("boss", USERS)],
        "manageRule": "@request.auth.nick = 'admin'",
        **OPEN,
    },
    {"name": "seen", "type": "view", "viewQuery": "select id, title, num from things", "listRule": "", "viewRule": ""},
]

SECRET = {"password": "12345678", "passwordConfirm": "12345678"}
LOGINS = {
    "ann": ("users", "ann@example.com", "12345678"),
    "bob": ("users", "bob@example.com", "12345678"),
    "mia": ("members", "mia@example.com", "12345678"),
    "admin": ("members", "admin@example.com", "12345678"),
}
SEED: list[tuple[str, dict[str, Any]]] = [
    ("users", {"id": ident("ann"), "email": "ann@example.com", "name": "Ann", **SECRET}),
    ("users", {"id": ident("bob"), "email": "bob@example.com", "emailVisibility": True, **SECRET}),
    ("members", {"id": ident("mia"), "email": "mia@example.com", "nick": "mia", "role": "R", **SECRET}),
    ("members", {"id": ident("vic"), "email": "vic@example.com", "nick": "vic", "emailVisibility": True, **SECRET}),
    ("members", {"id": ident("admin"), "email": "admin@example.com", "nick": "admin", **SECRET}),
    ("tags", {"id": ident("red"), "name": "red", "secret": "s"}),
    ("tags", {"id": ident("blue"), "name": "blue"}),
    ("tags", {"id": ident("green"), "name": "green"}),
    ("things", {"id": ident("a"), "title": "a", "num": 1, "tag": ident("red"), "tags": [ident("blue"), ident("red")]}),
    ("things", {"id": ident("b"), "title": "b", "num": 2.5, "hid": "h", "meta": {"z": 1, "a": [1, "x", None]}}),
    (
        "things",
        {"id": ident("c"), "title": "c", "num": 3, "flag": True, "geo": {"lon": 1.5, "lat": -2}, "sels": ["c", "a"]},
    ),
    ("things", {"id": ident("d"), "title": "d"}),
    ("kids", {"id": ident("k1"), "name": "k1", "cas": ident("a"), "opt": ident("b"), "many": [ident("b"), ident("a")]}),
    ("kids", {"id": ident("k2"), "name": "k2", "cas": ident("a"), "user": ident("ann")}),
    ("kids", {"id": ident("k3"), "name": "k3", "opt": ident("a"), "manycas": [ident("a")]}),
    ("kids", {"id": ident("k4"), "name": "k4", "opt": ident("a"), "manycas": [ident("a"), ident("b")]}),
    ("kids", {"id": ident("k5"), "name": "k5", "opt": ident("a"), "many": [ident("a")]}),
    ("musts", {"id": ident("m1"), "must": ident("c"), "mustmany": [ident("c"), ident("d"), ident("a")]}),
    ("ones", {"id": ident("o1"), "thing": ident("a"), "note": "one"}),
    ("ones", {"id": ident("o2"), "thing": ident("b"), "note": "two"}),
    ("locked", {"id": ident("l1"), "name": "L"}),
    ("ruled", {"id": ident("r1"), "name": "r1", "owner": ident("ann"), "num": 1}),
    ("ruled", {"id": ident("r2"), "name": "r2", "owner": ident("ann"), "num": 2}),
    ("ruled", {"id": ident("r3"), "name": "r3", "owner": ident("bob"), "num": 3}),
    (
        "exps",
        {
            "id": ident("e1"),
            "n": "e1",
            "lock": ident("l1"),
            "ru": [ident("r3"), ident("r2"), ident("r1")],
            "usr": ident("ann"),
        },
    ),
    ("exps", {"id": ident("e2"), "n": "e2"}),
]


class Step(NamedTuple):
    """One request: who sends it ("" for a guest), and what."""

    who: str
    method: str
    path: str
    body: dict[str, Any] | None


def read_chapters(path: Path) -> dict[str, list[Step]]:
    """The requests of a file, by chapter."""
    chapters: dict[str, list[Step]] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            steps = chapters[line.strip("[]")] = []
            continue
        who, method, target, *body = re.sub(r"<(\w+)>", lambda match: ident(match[1]), line).split(" ", 3)
        steps.append(Step(who.replace("guest", ""), method, target, orjson.loads(body[0]) if body else None))
    return chapters


CHAPTERS = read_chapters(Path(__file__).with_name("requests.txt"))
