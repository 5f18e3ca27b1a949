"""Import of collections: what is matched, kept, dropped and refused, in which order, and in which words.

The real one shows a field of an unknown type with its members in any order. After an import that failed in SQL, it
goes on with a damaged cache of the collections it had looked at: such cases leave theirs alone afterwards.
"""

from typing import Any

from tests.oracle.harness import Case, case

ALL = "/api/collections"
IMPORT = f"{ALL}/import"
BY_AGE = {"perPage": "200", "sort": "@rowid", "fields": "id,name,type,system"}


def load(*items: Any, missing: Any = None, status: int | None = None, note: str = "") -> Case:
    """An import; `missing` is `deleteMissing`."""
    body = {"collections": list(items)} | ({} if missing is None else {"deleteMissing": missing})
    return case("PUT", IMPORT, as_="super", json=body, status=status, note=note)


def look(name: str) -> Case:
    return case("GET", f"{ALL}/{name}", as_="super")


def names() -> Case:
    return case("GET", ALL, as_="super", query=BY_AGE)


def text(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "text", **options}


def relation(name: str, to: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "relation", "collectionId": to, "maxSelect": 1, **options}


FORMS = [
    case("PUT", IMPORT, json={"collections": [{"name": "a"}]}, status=401),
    case("PUT", IMPORT, as_="user1", json={"collections": [{"name": "a"}]}, status=403),
    *(
        case("PUT", IMPORT, as_="super", json=body)
        for body in (
            {},
            {"collections": None},
            {"collections": []},
            {"collections": {}},
            {"collections": "x"},
            {"collections": [1]},
            {"collections": ["a"]},
            {"collections": [[]]},
            {"collections": [None]},
            {"collections": [{}]},
            {"collections": [{"name": "early"}], "deleteMissing": "x"},
            {"collections": [{"name": "early"}], "deleteMissing": 1},
            {"collections": [{"name": "early"}], "deleteMissing": None},
            {"COLLECTIONS": [{"name": "early2"}]},
            {"collections": [{"NAME": "early3"}]},
            [],
            [1],
            "x",
            None,
        )
    ),
    case("PUT", IMPORT, as_="super"),
    case("PUT", IMPORT, as_="super", form={"collections": "[]"}),
    case("PUT", IMPORT, as_="super", form={"collections": '{"name":"q"}', "deleteMissing": "true"}),
    case("PUT", IMPORT, as_="super", form={"other": "1"}),
    case("PUT", IMPORT, as_="super", raw=b"x", headers={"Content-Type": "text/plain"}),
    case(
        "PUT",
        IMPORT,
        as_="super",
        raw=b'{"collections":[{"name":"trailing"}]} more',
        headers={"Content-Type": "application/json"},
    ),
    case(
        "PUT",
        IMPORT,
        as_="super",
        raw=b'{"collections":[{"name":"j1","name":"j2"}]}',
        headers={"Content-Type": "application/json"},
    ),
    *(case(method, IMPORT, as_="super", json={}) for method in ("GET", "POST", "PATCH", "DELETE")),
    case("POST", ALL, as_="super", json={"name": "import"}),
    case("GET", IMPORT, as_="super", status=200, note="a collection named import"),
    case("PATCH", IMPORT, as_="super", json={"listRule": ""}, status=200),
    case("DELETE", f"{IMPORT}/truncate", as_="super", status=204),
    case("DELETE", IMPORT, as_="super", status=204),
    names(),
]

MATCHING = [
    load({"name": "a", "fields": [text("t1"), text("t2")]}, status=204),
    look("a"),
    load({"name": "a", "type": "zzz"}),
    load({"name": "a", "type": None}, status=204),
    load({"id": "abc", "name": "c8"}, status=204),
    load({"id": "abc", "name": "c9"}, status=204, note="renamed by its id"),
    load({"id": "abcd", "name": "c9"}, status=400, note="an id nobody has, a name taken"),
    load({"id": "c9", "name": "d1"}, status=400, note="an id that is a name"),
    load({"id": "abc", "name": "d1", "fields": [text("f1")]}, {"id": "abc", "name": "d2", "fields": [text("f2")]}),
    look("abc"),
    load({"id": "abc"}, note="no name"),
    load({"id": "h0x", "name": "h0"}, status=204),
    load({"id": "h0x", "name": ""}, status=400),
    load({"name": "D2", "listRule": ""}, note="a name in another case"),
    look("abc"),
    load({"id": None, "name": "d2"}, note="an id taken away"),
    load({"id": "", "name": "d2"}),
    load({"id": None, "name": "early"}, status=400, note="a default id taken away"),
    load({"name": "abc"}, note="a name that is its own id"),
    load({"name": "d3", "id": "a b!"}, status=204, note="ids are not looked at"),
    load({"name": "d4", "id": "x" * 101}, status=204),
    load({"name": "c1"}, {"name": "c1"}, status=400),
    load({"name": "Y1"}, {"name": "y9"}, {"name": "Y9"}, status=400),
    load({"name": "dd"}, {"name": "dd", "id": "pbc_other"}, status=400),
    load({"id": "x1", "name": "dd"}, {"name": "dd", "listRule": ""}, status=400),
    load({"name": "h1", "id": "h1x"}, status=204),
    load({"name": "h!", "id": "h1x"}, status=400, note="a table renamed to what is no name"),
    *(load({"name": name}) for name in ("sqlite_stat1", "sqlite_xx", "_params", "_collections", "x_via_y", "b!", "")),
    load({"name": "n6", "id": "d2"}),
    load({"name": "abc", "id": "zzzz"}),
    load({"name": "users", "id": "posts"}),
    load({"name": 'quoted"u\n\u00e9o', "listRule": "x=1"}),
    names(),
]

ORDER = [
    load({"name": "b", "id": "bbb", "fields": [relation("r", "ccc")]}, {"name": "c", "id": "ccc"}, status=204),
    look("b"),
    load({"name": "b2", "fields": [relation("r", "zzz")]}, status=400),
    load(
        {"name": "d", "id": "ddd", "listRule": "r.t1='x'", "fields": [relation("r", "eee")]},
        {"name": "e", "id": "eee", "fields": [text("t1")]},
        status=204,
    ),
    look("d"),
    load({"name": "n1", "id": "idn1"}, {"name": "n2", "id": "idn2"}, status=204),
    load({"name": "n2", "id": "idn1"}, {"name": "n1", "id": "idn2"}, status=400, note="swapped names"),
    load({"name": "n2", "id": "idn1"}, {"name": "n3", "id": "idn2"}, status=400, note="a name freed too late"),
    load({"name": "n4", "id": "idn2"}, {"name": "n2", "id": "idn1"}, status=400, note="the older one goes first"),
    load({"name": "n0", "id": "idn1"}, {"name": "n1", "id": "idn2"}, status=204, note="a name freed in time"),
    look("idn1"),
    look("idn2"),
    load({"name": "zz"}, {"name": "aa"}, {"name": "mm"}, status=204),
    load({"name": "mm", "created": "1999-01-01 00:00:00.000Z"}, {"name": "zz", "created": "2050-01-01"}),
    load({"name": "zz", "viewRule": "q=1"}, {"name": "aa", "viewRule": "q=1"}, note="which is told first"),
    load({"name": "aa", "viewRule": "q=1"}, {"name": "mm", "viewRule": "q=1"}),
    load({"name": "aa", "viewRule": "q=1"}, {"name": "new7", "viewRule": "q=1"}),
    load({"name": "p!"}, {"name": "a!"}, {"name": "x!"}),
    load(
        {"name": "y1", "created": "2030-01-01 00:00:00.000Z"}, {"name": "y2", "created": "2020-01-01"}, {"name": "y3"}
    ),
    load({"name": "y1", "created": "zzz", "updated": "2001-01-01"}, status=204),
    look("y1"),
    look("mm"),
    names(),
]

FIELDS = [
    load({"name": "a", "fields": [text("t1", max=7), text("t3")]}, status=204, note="fields kept"),
    look("a"),
    load({"name": "a"}, status=204),
    load({"name": "a", "fields": []}, status=204),
    load({"name": "a", "fields": None, "listRule": ""}, status=204),
    look("a"),
    load({"name": "a", "fields": [text("renamed", id="text1532276279")]}, status=204),
    load({"name": "a", "fields": [text("t2", id="other1")]}, status=204, note="a name with another id"),
    look("a"),
    load({"name": "g1", "fields": [text("x", id="ix"), text("y", id="iy")]}, status=204),
    load({"name": "g1", "fields": [{"name": "y", "type": "number"}]}, status=400, note="a name with another type"),
    load({"name": "g2", "fields": [text("x", id="ix"), text("y", id="iy")]}, status=204),
    load({"name": "g2", "fields": [{"name": "y", "type": "number", "id": "ix"}]}, status=400),
    load({"name": "g3", "fields": [text("x", id="ix")]}, status=204),
    load({"name": "g3", "fields": [{"name": "x", "type": "number", "id": "ix"}]}, status=400),
    load({"name": "g4", "fields": [text("x", id="ix", system=True)]}, status=204),
    load({"name": "g4", "fields": [text("y", id="ix")]}, status=400),
    load({"name": "f1", "fields": [text("a", id="ia"), text("b", id="ib")]}, status=204),
    load({"name": "f1", "fields": [text("b", id="ia")]}, status=204, note="the id of one, the name of another"),
    look("f1"),
    load({"name": "f1", "fields": [text("b", id="ia"), text("a", id="ib")]}, status=204),
    look("f1"),
    load({"name": "f2", "fields": [text("a")]}, status=204),
    load({"name": "f2", "fields": [text("z", id="text3904355907")]}, status=204),
    load({"name": "f2", "fields": [text("a")]}, status=204, note="a default id that a renamed one has"),
    look("f2"),
    load({"name": "f3", "fields": [text("a")]}, status=204),
    load({"name": "f3", "fields": [text("A")]}, status=400),
    load({"name": "f4", "fields": [text("a", id="ia")]}, status=204),
    load({"name": "f4", "fields": [text("a", max=5)]}, status=204, note="the stored one stays"),
    look("f4"),
    load({"name": "g5", "fields": [text("a", id="ia")]}, status=204),
    load({"name": "g5", "fields": [text("a", max=5), text("a", max=6, id="zz")]}, status=400),
    load({"name": "f4", "fields": [text("id"), text("a")]}, status=204),
    look("f4"),
    load({"name": "f5", "fields": [text("a"), text("a")]}, status=204),
    load({"name": "f6", "fields": [text("a", id="q"), text("b", id="q")]}, status=204),
    look("f6"),
    load({"name": "f7", "fields": [text("q", max=5.0)]}, status=204, note="a whole number"),
    look("f7"),
    case("POST", "/api/collections/f4/records", as_="super", json={"a": "kept"}),
    load({"name": "f4", "fields": [text("a2", id="ia")]}, status=204),
    case("GET", "/api/collections/f4/records", as_="super", query={"fields": "a2"}),
]

INDEXES = [
    load(
        {"name": "i1", "fields": [text("x")], "indexes": ["create index ix1 on i1 (x)"]},
        {"name": "i2", "fields": [text("x")], "indexes": ["create index ix1 on i2 (x)"]},
        status=400,
    ),
    load({"name": "i1", "fields": [text("x")], "indexes": ["create index ix1 on i1 (nope)"]}, status=400),
    load({"name": "i1", "fields": [text("x")], "indexes": ["nonsense"]}, status=400),
    load({"name": "i1", "fields": [text("x")], "indexes": ["create index ix1 on i1 (x)"]}, status=204),
    load({"name": "i1", "indexes": ["create index ix2 on zz (x)"]}, status=204),
    look("i1"),
    load({"name": "i1"}, status=204),
    look("i1"),
    load({"name": "i1", "indexes": ["create index ix3 on i1 (x)", "create index ix4 on i1 (x)"]}, status=400),
    load({"name": "i1", "indexes": []}, status=204),
    look("i1"),
]

AUTH = [
    load({"name": "a", "type": "auth"}, status=400, note="a base collection becomes an auth one"),
    load({"name": "au", "type": "auth"}, status=204),
    look("au"),
    load({"name": "au", "type": "base"}, status=400),
    load(
        {
            "name": "au",
            "authToken": {"duration": 999, "secret": "s" * 40},
            "fields": [text("nick")],
            "oauth2": {"enabled": True, "providers": [{"name": "google", "clientId": "c", "clientSecret": "x"}]},
        },
        status=204,
    ),
    load(
        {"name": "au", "authToken": {"duration": 777}, "oauth2": {"providers": [{"name": "google", "clientId": "d"}]}}
    ),
    look("au"),
    load({"name": "au", "authRule": "verified = true"}, status=204),
    load({"name": "au", "authRule": "nope = true", "mfa": {"enabled": True}}, status=400),
    load({"name": "au", "passwordAuth": {"enabled": True, "identityFields": ["a<b&'\"é"]}}, status=400),
    load({"name": "au", "indexes": []}, status=204),
    look("au"),
    load({"name": "au2", "type": "auth", "indexes": ["create unique index au_mail on au (email)"]}, status=204),
    look("au2"),
]

SYSTEM = [
    load({"name": "_superusers", "listRule": ""}, status=400),
    load({"name": "_superusers", "fields": []}, status=204),
    load({"id": "pbc_3142635823", "name": "sup"}, status=400),
    load({"name": "_superusers", "system": False}, status=400),
    load({"name": "_superusers", "fields": [text("x")]}, status=204),
    look("_superusers"),
    load({"name": "_mfas", "fields": [text("y", system=True)]}, status=204),
    look("_mfas"),
    load({"name": "sys", "system": True}, status=204),
    look("sys"),
    case("DELETE", f"{ALL}/sys", as_="super", status=400),
]

DECODING = [
    *(
        load({"name": "a1", key: value})
        for key in ("id", "name", "type", "listRule", "system", "fields", "indexes", "created", "viewQuery")
        for value in (5, "x", True, [], {}, None, 1.5, [1], {"a": 1})
        if not (key in ("id", "name") and value == "x")
    ),
    *(
        load({"name": "a2", "type": "auth", key: value})
        for key in (
            "authRule",
            "authAlert",
            "oauth2",
            "passwordAuth",
            "mfa",
            "otp",
            "fileToken",
            "verificationTemplate",
        )
        for value in (5, "x", [], None)
    ),
    *(
        load({"name": "a3", "type": "auth", **options})
        for options in (
            {"mfa": {"enabled": 5}},
            {"mfa": {"duration": "x"}},
            {"mfa": {"duration": 1.5}},
            {"mfa": {"rule": 5}},
            {"otp": {"length": "x"}},
            {"otp": {"emailTemplate": 5}},
            {"otp": {"emailTemplate": {"subject": 5}}},
            {"oauth2": {"providers": 5}},
            {"oauth2": {"providers": [5]}},
            {"oauth2": {"providers": [{"name": 5}]}},
            {"oauth2": {"providers": [{"name": "google", "pkce": 5}]}},
            {"oauth2": {"providers": [{"name": "google", "extra": 5}]}},
            {"oauth2": {"mappedFields": 5}},
            {"oauth2": {"mappedFields": {"id": 5}}},
            {"passwordAuth": {"identityFields": 5}},
            {"passwordAuth": {"identityFields": [5]}},
            {"authToken": {"secret": 5}},
            {"authToken": {"duration": 1e30}},
            {"authToken": {"duration": 99999999999999999999}},
            {"viewQuery": 5},
        )
    ),
    *(
        load({"name": "a5", "fields": [field]})
        for field in (
            5,
            "x",
            None,
            [],
            {},
            {"type": "text"},
            {"type": 5},
            {"name": "q"},
            {"type": "é<&>"},
            {"type": "text", "name": 5},
            {"type": "text", "name": "q", "max": "5"},
            {"type": "text", "name": "q", "max": 1.5},
            {"type": "text", "name": "q", "required": 5},
            {"type": "text", "name": "q", "id": 5},
            {"type": "number", "name": "q", "min": "5"},
            {"type": "number", "name": "q", "onlyInt": 5},
            {"type": "select", "name": "q", "values": 5},
            {"type": "select", "name": "q", "values": [5]},
            {"type": "relation", "name": "q", "collectionId": 5},
            {"type": "date", "name": "q", "min": 5},
            {"type": "autodate", "name": "q", "onCreate": 5},
            {"type": "file", "name": "q", "mimeTypes": 5},
            {"type": "file", "name": "q", "maxSize": "x"},
            {"type": "json", "name": "q", "maxSize": "x"},
            {"type": "editor", "name": "q", "convertURLs": 5},
            {"type": "email", "name": "q", "onlyDomains": 5},
            {"type": "url", "name": "q", "exceptDomains": [5]},
            {"type": "password", "name": "q", "cost": "x"},
            {"type": "bool", "name": "q", "hidden": 5},
            {"type": "geoPoint", "name": "q", "help": 5},
        )
    ),
    load({"name": "a6", "fields": [text("ok"), {"type": "text", "name": 5}]}),
    load({"name": "ok1"}, {"name": 5}, note="the second can't be read"),
]

MISSING = [
    load({"name": "posts"}, missing=True, note="what is system stays"),
    names(),
    look("posts"),
    load({"name": "users", "id": "newusers"}, {"name": "posts"}, missing=True, status=204, note="a name reused"),
    look("users"),
    load({"name": "k1"}, {"name": "k2", "id": "idk2", "fields": [relation("r", "idk3")]}, {"name": "k3", "id": "idk3"}),
    load({"name": "k2"}, missing=True, status=204, note="the field goes with what it refers to"),
    look("k2"),
    load({"name": "k2", "fields": [relation("r", "idk3")]}, missing=True, status=400),
    names(),
    load({"name": "m", "fields": [text("a", id="ia"), text("s", system=True)]}, missing=True, status=204),
    load({"name": "m"}, missing=True, status=204),
    look("m"),
    load({"name": "m", "fields": [{"name": "a", "type": "number", "id": "zz"}]}, missing=True, status=204),
    load({"name": "m", "fields": [text("id", id="zzz"), text("b")]}, missing=True, status=204),
    look("m"),
    load({"name": "m", "fields": [{"name": "b", "type": "number", "id": "text1908338681"}]}, missing=True, status=400),
    load({"name": "m", "fields": [text("idx", id="text3208210256")]}, missing=True, status=400),
    load({"name": "m2"}, {"name": "m3"}, missing=True, status=204),
    load({"name": "m2", "fields": [{"name": "id", "type": "number"}]}, missing=True, status=400),
    load({"name": "_superusers", "fields": [text("z")]}, missing=True, status=204),
    look("_superusers"),
    names(),
]

A_VIEW = {"type": "view", "viewQuery": "select id, a from w1"}
VIEWS = [
    load({"name": "v1", **A_VIEW}, {"name": "w1", "fields": [text("a"), text("b")]}, status=204),
    look("v1"),
    load(
        {"name": "w2", "fields": [text("a", id="ia")]},
        {"name": "v2", "type": "view", "viewQuery": "select id, a from w2"},
        {"name": "v3", "type": "view", "viewQuery": "select id, a from v2"},
        status=204,
    ),
    look("v3"),
    load({"name": "w2", "fields": [text("a", id="ia", max=8)]}, status=204),
    look("v3"),
    load(
        {"name": "v4", "type": "view", "viewQuery": "select id, a from v5"},
        {"name": "v5", "type": "view", "viewQuery": "select id, a from w1"},
        status=400,
        note="views go in the order of the list",
    ),
    load({"name": "w1", "fields": [text("a", max=77)]}, status=204),
    look("v1"),
    look("v3"),
    load({"name": "w1", "fields": [text("c", id="text3904355907")]}, status=204, note="a field of a view renamed"),
    look("v1"),
    load({"name": "w1"}, {"name": "v1", "type": "view", "viewQuery": "select id, c as a from w1"}, status=204),
    look("v1"),
    case("GET", f"{ALL}/v1/records", as_="super"),
    load({"name": "w3", "fields": [text("a")]}, {"name": "vw3", "type": "view", "viewQuery": "select id, a from w3"}),
    *(
        load({"name": f"q{number}", "type": "view", **options})
        for number, options in enumerate(
            (
                {},
                {"viewQuery": ""},
                {"viewQuery": None},
                {"viewQuery": "select 1"},
                {"viewQuery": "selec"},
                {"viewQuery": "select id, nope from w1"},
                {"viewQuery": "select * from w1"},
                {"viewQuery": "select id from w1 where"},
                {"viewQuery": "select id from w1", "createRule": ""},
                {"viewQuery": "select id from w1", "listRule": "zz = 1"},
                {"viewQuery": "select id from w1", "indexes": ["create index a on w1 (id)"]},
                {"viewQuery": "select id from w1", "fields": [text("bogus")]},
                {"viewQuery": "select id, id as id2 from w1"},
            )
        )
    ),
    load({"name": "q11", "type": "view"}, status=204),
    load({"name": "q11", "viewQuery": "select id, b from w1"}, status=204),
    look("q11"),
    look("q12"),
    load({"name": "q11", "type": "base"}, status=400),
    load({"name": "x!", "type": "view", "viewQuery": "select id, b from w1"}, status=400),
    names(),
]
VIEWS_MISSING = [
    load({"name": "w4", "fields": [text("a")]}, {"name": "v4", "type": "view", "viewQuery": "select id, a from w4"}),
    load({"name": "v4", "type": "view"}, missing=True, status=400, note="what a view reads is dropped"),
    names(),
    load(
        {"name": "w5", "fields": [text("a"), text("b")]},
        {"name": "v5", "type": "view", "viewQuery": "select id, a from w5"},
    ),
    load({"name": "w5", "fields": [text("b")]}, {"name": "v5", "type": "view"}, missing=True, status=400),
    load({"name": "w6", "fields": [text("a")]}, {"name": "v6", "type": "view", "viewQuery": "select id, a from w6"}),
    load({"name": "w6", "fields": [text("a")]}, missing=True, status=204, note="the views go"),
    names(),
]

CASES = [*FORMS, *MATCHING, *ORDER, *FIELDS, *INDEXES, *AUTH, *SYSTEM, *DECODING, *VIEWS, *MISSING, *VIEWS_MISSING]
