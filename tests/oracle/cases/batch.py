"""Batches: what may be asked for, how failures are said, and that all of it happens or nothing."""

import json as jsonlib
from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import PASSWORD, ident

BATCH = "/api/batch"
SETTINGS = "/api/settings"
FORM = "application/x-www-form-urlencoded"
POSTS, TAGS, COMMENTS, NOTES, STAFF, USERS, PRIVATE, CHECKS = (
    f"/api/collections/{name}/records"
    for name in ("posts", "tags", "comments", "notes", "staff", "users", "private", "checks")
)
POST1 = f"{POSTS}/{ident('post1')}"
BRIEF = "?fields=title"
NAMED = "?fields=id,title"


def item(method: str, url: str, body: Any = None, **members: Any) -> dict[str, Any]:
    return {"method": method, "url": url, **({} if body is None else {"body": body}), **members}


def new(title: str = "batch", **values: Any) -> dict[str, Any]:
    """The creation of a post."""
    return item("POST", POSTS + BRIEF, {"title": title, **values})


def batch(*requests: Any, **options: Any) -> Case:
    """A batch of `requests`; where one asks for several fields, they come in any order."""
    if any("fields=" in url and "," in url for url in (request.get("url", "") for request in requests)):
        options["unordered"] = True
    return case("POST", BATCH, json={"requests": list(requests)}, **options)


def text(raw: str, **options: Any) -> Case:
    """A body as it is written."""
    options.setdefault("headers", {"Content-Type": "application/json"})
    return case("POST", BATCH, raw=raw.encode(), note=raw, **options)


def limits(**values: Any) -> Case:
    return case("PATCH", SETTINGS, as_="super", json={"batch": values}, query={"fields": "batch"}, status=200)


def payload(requests: list[Any]) -> str:
    return jsonlib.dumps({"requests": requests})


def headed(rule: str, request: dict[str, Any], **options: Any) -> list[Case]:
    """A request to create a note, under a create rule that shows what rules see."""
    return [
        case("PATCH", "/api/collections/notes", as_="super", json={"createRule": rule}, query={"fields": "createRule"}),
        batch({"method": "POST", "url": NOTES, "body": {"text": "seen"}, **request}, **options),
    ]


DISABLED = [
    batch(new(), status=403),
    batch(new(), as_="super", status=403),
    case("POST", BATCH, status=403),
    text("[1]", status=403),
    case("POST", BATCH, raw=b"x", headers={"Content-Type": "text/plain"}),
]

FORMS = [
    *(case(method, BATCH, json={"requests": []}) for method in ("GET", "PUT", "PATCH", "DELETE")),
    case("POST", f"{BATCH}/", json={"requests": []}),
    case("POST", BATCH, status=400),
    *(text(raw) for raw in ("[]", "[1]", '"x"', "null", "{}", "{bad", "\ufeff{}", '{"requests":[]} more')),
    *(text(f'{{"requests":{raw}}}') for raw in ("null", "[]", "{}", '"x"', "1", "[1]", '["x"]', "[[]]", "[{}]")),
    *(
        text(f'{{"requests":[{{"method":"POST","url":"/a",{raw}}}]}}')
        for raw in (
            '"body":[]',
            '"body":"x"',
            '"body":null',
            '"headers":[]',
            '"headers":{"a":1}',
            '"headers":null',
            '"headers":{"a":null}',
            '"headers":{"a":"b","a":"c"}',
            '"body":{"a":1,"a":2}',
            '"method":"PUT"',
            '"METHOD":"PUT"',
            '"body":{"a":"\\ud800"}',
            '"unknown":1',
        )
    ),
    text('{"requests":[{"method":1}]}'),
    text('{"requests":[{"method":"POST","url":1}]}'),
    text('{"requests":[{"method":null,"url":null}]}'),
    text('{"Requests":[{"METHOD":"POST","Url":"/x"}]}'),
    text('{"re-quests":[{"me_thod":"POST","u-r-l":"/x"}],"x":1}'),
    text('{"requests":[],"requests":[]}'),
    text('{"requests":[],"Requests":[]}'),
    case("POST", BATCH, raw=b"x", headers={"Content-Type": "text/plain"}),
    case("POST", BATCH, raw=b"<a/>", headers={"Content-Type": "application/xml"}),
    case("POST", BATCH, raw=b'{"requests":[]}', note="no type"),
    case("POST", BATCH, form={"requests": "1"}),
    case("POST", BATCH, form={"requests.0.method": "POST", "requests.0.url": POSTS}),
    case("POST", BATCH, raw=b"x=%zz", headers={"Content-Type": FORM}),
    case("POST", BATCH, form={"x": "1"}, query={"requests": "1"}),
    case("POST", BATCH, form={"@jsonPayload": payload([new("urlencoded")])}),
    case("POST", BATCH, parts=[("@jsonPayload", payload([new("several parts")]))], status=200, note="parts"),
    case("POST", BATCH, parts=[("@jsonPayload", payload([new("text")])), ("requests.0.title", "x")], note="text part"),
    case("POST", BATCH, parts=[("@jsonPayload", payload([new("text")])), ("requests", "x")], note="part requests"),
    case("POST", BATCH, parts=[("requests.0.method", "POST"), ("requests[0].url", POSTS)], note="no payload"),
    case("POST", BATCH, parts=[("@jsonPayload", "[]")], note="payload []"),
    case("POST", BATCH, parts=[("@jsonPayload", "null")], note="payload null"),
    case("POST", BATCH, parts=[("@jsonPayload", "")], note="payload empty"),
    case("POST", BATCH, parts=[("@jsonPayload", payload([new()]) + "x")], note="payload and more"),
    case("POST", BATCH, parts=[("@jsonPayload", '{"Requests":[{}]}')], note="payload's case"),
    case("POST", BATCH, parts=[("@jsonPayload", '{"requests":[{"METHOD":"POST"}]}')], note="payload's inner case"),
    case(
        "POST",
        BATCH,
        parts=[("@jsonPayload", payload([new("p1"), new("p2")])), ("@jsonPayload", payload([new("p3")]))],
        note="two payloads",
    ),
    case("POST", BATCH, parts=[("@jsonPayload", payload([new("p4")])), ("@jsonPayload", "{}")], note="payload and {}"),
]

CHECKED = [
    *(batch(item(method, POSTS, {"title": "xx"})) for method in ("", "get", "HEAD", "OPTIONS", "post", "FOO", " POST")),
    batch({}, {}, {}, {}, {}, {}, status=400),
    batch(*(new(f"many {number}") for number in range(6)), status=400),
    batch(new(), {}, new(), item("x", POSTS)),
    batch(item("POST", "é" * 1000), note="2000 bytes"),
    batch(item("POST", "é" * 1000 + "a"), note="2001 bytes"),
    batch(item("POST", f"{POSTS}?fields=id&x=" + "a" * (2000 - len(POSTS) - 13), {"title": "long"}), note="long URL"),
]

URLS = [
    *(
        batch(item("POST", url, {"title": "by url"}))
        for url in (
            " ",
            "x",
            "/",
            "/api",
            "/api/health",
            f"{POSTS}/",
            f"{POSTS}?",
            f"{POSTS}?fields=id",
            f"{POSTS}?expand=author&fields=title,expand",
            f"{POSTS}#frag",
            f"//x{POSTS}",
            f"http://example.com{POSTS}",
            POSTS.upper(),
            "/api/collections/POSTS/records?fields=title",
            "/api/collections/pbc_1125843985/records?fields=title",
            "/api//collections/posts/records",
            "/api/collections/posts/../posts/records",
            "/api/collections/%70osts/records",
            "/api/collections/%zz/records",
            "/api/collections/po sts/records",
            "/api/collections/posts#/records",
            "/api/collections/posts\n/records",
            "/api/collections/é/records",
            "/api/collections//records",
            "/api/collections/nope/records",
            "/api/collections/posts%2Frecords/records",
            "/api/collections/users/auth-with-password",
            BATCH,
            f"{POSTS}/a/b",
            f"{POSTS}é",
            f" {POSTS}",
            f"{POSTS} ",
            f"{POSTS}\n",
            POSTS[1:],
            f"?{POSTS}",
            f"{POSTS}?a=%zz",
            f"{POSTS}?%zz",
            f"{POSTS}?fields=%74itle",
            f"{POSTS}?fields=title;id",
            f"{POSTS}?fields=title#frag",
            f"{POSTS}?fields=title&a=b%20c+d",
            f"{POSTS}?fields=title?x",
            f"{POSTS}?fields=title&fields=id",
            f"{POSTS}?fields=%C3",
            f"{POSTS}?fields=title\n",
            f"{POSTS}?fields=title\x7f",
            f"{POSTS}?&&fields=title",
            f"{POSTS}? fields=title",
            f"{POSTS}?fields=title &x=1",
            f"{POSTS}?fields=x(",
            f"{POSTS}?fields=title:bogus()",
            f"{POSTS}?fields=title:excerpt(2),id",
        )
    ),
    *(
        batch(item("PATCH", f"{POSTS}{url}?fields=id", {"rating": 3}))
        for url in (
            "/first0000000000",
            "/post1000000000%30",
            "/post1 0000000000",
            "/post1#0",
            "/%zz",
            "/\x01",
            "/é",
            "/..",
        )
    ),
    batch(item("PATCH", f"{POST1}/", {})),
    batch(item("PATCH", POST1.replace("post1", "POST1"), {})),
    batch(item("PATCH", POSTS, {})),
    batch(item("DELETE", POSTS)),
    batch(item("GET", POSTS)),
    batch(item("GET", POST1)),
    batch(item("POST", POST1, {})),
    batch(item("PUT", POST1, {})),
    *(
        batch(new("unmade"), item(method, f"/api/collections/{name}/records{one}", {"id": "abc"}))
        for name in ("nope", "_superusers", "private", "staff")
        for method, one in (("POST", ""), ("PUT", ""), ("PATCH", "/x"), ("DELETE", "/x"))
    ),
    case("GET", POSTS, query={"filter": "title = 'unmade'"}),
]

RATED = f"{POST1}?fields=rating"
NEW_TAG = item("POST", TAGS, {"id": ident("taga"), "title": "fresh"})
TAGGED = item("POST", f"{POSTS}?expand=tags", {"title": "uses", "tags": [ident("taga")]})
GONE_TAG = item("DELETE", f"{TAGS}/{ident('taga')}")
ODD_NUMBERS = {"a": 1.0, "b": 12345678901234567890, "c": 1e21}

CHANGES = [
    batch(new("one"), new("two", author=ident("user1")), status=200),
    batch(item("POST", f"{POSTS}?expand=author,tags", {"title": "ex", "author": ident("user2"), "tags": []})),
    batch(new("x")),
    batch(new(), new(""), new("x")),
    batch(item("PATCH", POST1, {"title": "x"})),
    batch(item("PATCH", f"{POST1}?fields=rating,labels,tags", {"rating+": 2, "labels-": "red", "tags+": "nope"})),
    batch(item("PATCH", f"{POST1}?fields=tags,labels", {"labels-": "red", "tags+": ident("tag3")}), status=200),
    batch(item("PATCH", RATED, {"rating-": 1}), item("PATCH", RATED, {"rating-": 1}), status=200),
    batch(item("DELETE", f"{POSTS}/{ident('nope')}")),
    batch(item("DELETE", f"{POSTS}/{ident('nope')}?fields=x(")),
    batch(item("POST", TAGS, {"title": "same"}), item("POST", TAGS, {"title": "same"}), status=400),
    batch(TAGGED, NEW_TAG, status=400),
    batch(NEW_TAG, TAGGED, status=200),
    batch(GONE_TAG, NEW_TAG, GONE_TAG, NEW_TAG, status=200),
    batch(GONE_TAG, item("PATCH", f"{TAGS}/{ident('taga')}", {"weight": 1}), status=400),
    batch({**GONE_TAG, "body": {"ignored": 1}, "headers": {"x": "y"}}, status=200),
    batch(GONE_TAG, status=400),
    batch(item("POST", CHECKS, {"code": "A", "data": {"a": "x" * 60}, "tags": [ident("tag1")]})),
    batch(item("POST", f"{POSTS}?fields=meta", {"title": "json", "meta": ODD_NUMBERS})),
    batch(item("POST", f"{POSTS}?fields=meta,title", {"title": "<b>é\u0000</b>", "meta": '{"a":1}'})),
    batch(item("POST", POSTS, {"title": "file", "cover": "x.txt"})),
    batch(item("POST", POSTS + BRIEF, {"title": "payload", "@jsonPayload": '{"title":"p"}'})),
    *(
        batch(item("POST", f"{POSTS}?{query}&fields=title,rating,labels", {"title": "queried", "rating": 4}))
        for query in (
            "labels=red&labels=blue",
            "rating=3",
            "rating=x",
            "title=5",
            "title=a&title=b",
            "internal=1",
            "a=%",
        )
    ),
    batch(item("PATCH", f"{POST1}?kind=essay&fields=title,kind", {})),
    batch(item("PATCH", f"{POST1}?labels%2B=black&fields=title,labels", {"kind": "news"})),
    batch(new("outer fields"), query={"fields": "status"}, status=200),
    batch(new("outer fields"), query={"fields": "body.title"}, status=200),
    batch(new("outer fields"), query={"fields": "x("}),
    batch(new("outer expand"), query={"expand": "x"}),
    batch({}, query={"fields": "message"}),
]

U1, U1_AGAIN = (item("PUT", POSTS + NAMED, {"id": ident("u1"), "title": title}) for title in ("u1", "u1 again"))
NO_U1 = item("DELETE", f"{POSTS}/{ident('u1')}")

UPSERTS = [
    *(
        batch(item("PUT", POSTS + NAMED, body))
        for body in (
            {},
            {"title": "no id"},
            {"id": "", "title": "empty id"},
            {"id": None, "title": "null id"},
            {"id": "nope", "title": "bad id"},
            {"id": ident("upsert"), "title": "new id"},
            {"id": ident("upsert"), "title": "known id"},
            {"id": 5, "title": "number"},
            {"id": 1e21, "title": "number"},
            {"id": True, "title": "flag"},
            {"id": [ident("post1")], "title": "list"},
            {"id": {"a": 1}, "title": "object"},
            {"id": f" {ident('post1')}", "title": "blank"},
            {"Id": ident("post1"), "title": "case"},
            {"id": ident("upsert"), "id+": "x", "title": "plus"},
            {"id:autogenerate": "", "title": "generated"},
            {"id": 123456789012345, "title": "long number"},
            {"id": 123456789012345, "title": "long number again"},
        )
    ),
    batch(item("PUT", COMMENTS, {"id": ident("comment1"), "text": "x"})),
    batch(item("PUT", COMMENTS, {"id": ident("comment1"), "text": "x"}), as_="super"),
    batch(item("PUT", COMMENTS, {"id": ident("commentx"), "text": "x"})),
    batch(U1, U1_AGAIN, NO_U1, item("PUT", POSTS, {"id": ident("u1")}), status=400),
    batch(U1, U1_AGAIN, status=200),
]

OWN_COMMENT = item("POST", COMMENTS, {"text": "a", "post": ident("post1"), "author": ident("user1")})

RULES = [
    batch(OWN_COMMENT, status=400),
    batch(OWN_COMMENT, as_="user1", status=200),
    batch(OWN_COMMENT, as_="user2", status=400),
    batch(item("POST", f"{PRIVATE}?fields=title", {"title": "p"}), as_="super", status=200),
    batch(item("POST", PRIVATE, {"title": "p"}), as_="user1", status=400),
    *headed("@request.context = 'batch'", {}),
    *headed("@request.context = 'default'", {}),
    *headed("@request.method = 'POST'", {"method": "PUT"}),
    *headed("@request.method = 'PUT'", {"method": "PUT"}),
    *headed("@request.query.q = '1'", {"url": f"{NOTES}?q=1"}),
    *headed("@request.query.q = '1'", {}, query={"q": "1"}),
    *headed("@request.headers.x_a = 'one'", {"headers": {"X-A": "one"}}),
    *headed("@request.headers.x_a = 'one'", {"headers": {"x_a": "one"}}),
    *headed("@request.headers.x_a = 'one'", {"headers": {"x a": "one"}}),
    *headed("@request.headers.x_a = 'one'", {}, headers={"X-A": "one"}),
    *headed("@request.headers.x_a = 'one'", {"headers": {"X-A": "two"}}, headers={"X-A": "one"}),
    *headed("@request.headers.x_a = 'one'", {"headers": {"x-a": "one"}}, headers={"X-A": "two"}),
    *headed("@request.headers.x_a = ''", {"headers": {"X-A": None}}, headers={"X-A": "one"}),
    *headed("@request.headers.content_type ~ 'multipart/form-data; boundary='", {}),
    *headed("@request.headers.content_type = 'text/plain'", {"headers": {"Content-Type": "text/plain"}}),
    *headed("@request.headers.authorization:isset = false", {"headers": {"Authorization": "x"}}),
    *headed("@request.headers.authorization != 'x'", {"headers": {"authorization": "x"}}, as_="user1"),
    *headed("@request.headers.user_agent = 'x'", {"headers": {"User-Agent": "x"}}),
    *headed("@request.auth.id != ''", {}),
    *headed("@request.auth.id != ''", {}, as_="user1"),
    *headed("@request.body.extra = 'e'", {"body": {"text": "t", "extra": "e"}}),
    *headed("@request.body.extra.a = 1", {"body": {"text": "t", "extra": {"a": 1}}}),
    *headed("@collection.notes.text ?= 'first of two'", {}),
    batch(item("POST", NOTES, {"text": "first of two"}), item("POST", NOTES, {"text": "second"}), as_="super"),
    *headed("@collection.tags.title ?= 'just made'", {}),
    batch(item("POST", TAGS, {"title": "just made"}), item("POST", NOTES, {"text": "after it"}), status=200),
]

NEW_USER = {"email": "batch@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD, "name": "Batch"}

SUPERUSERS = "/api/collections/_superusers/records"

LOGINS = [
    batch(item("POST", USERS, {}), status=400),
    batch(item("POST", f"{USERS}?fields=name", NEW_USER), status=200),
    batch(item("POST", USERS, {**NEW_USER, "email": "other@example.com"}), item("POST", STAFF, {"username": "x1"})),
    batch(item("PATCH", f"{USERS}/{ident('user3')}?fields=name", {"name": "Cid"}), as_="user3", status=200),
    batch(item("PATCH", f"{USERS}/{ident('user3')}", {"name": "Cid"}), as_="user1", status=400),
    batch(
        item("PATCH", f"{USERS}/{ident('user3')}", {"password": "n3w-password", "passwordConfirm": "n3w-password"}),
        as_="user3",
        status=400,
    ),
    batch(
        item(
            "PATCH",
            f"{USERS}/{ident('user3')}?fields=id,name",
            {"password": "n3w-password", "passwordConfirm": "n3w-password", "oldPassword": PASSWORD},
        ),
        item("PATCH", f"{USERS}/{ident('user3')}?fields=id,name", {"name": "still in"}),
        as_="user3",
        status=200,
    ),
    batch(item("PATCH", f"{USERS}/{ident('user3')}", {"name": "out"}), as_="user3", status=400),
    batch(item("POST", f"{SUPERUSERS}?fields=email", {**NEW_USER, "email": "r2@example.com"}), as_="super"),
    case(
        "POST",
        "/api/collections/users/auth-with-password",
        json={"identity": "other@example.com", "password": PASSWORD},
        status=400,
    ),
]

SIZES = [
    limits(maxBodySize=300),
    case("POST", BATCH, raw=payload([new("fits")]).ljust(300).encode(), headers={"Content-Type": "application/json"}),
    case("POST", BATCH, raw=payload([new("large")]).ljust(301).encode(), headers={"Content-Type": "application/json"}),
    limits(enabled=False),
    case("POST", BATCH, raw=b" " * 400, headers={"Content-Type": "application/json"}, status=403),
    limits(enabled=True, timeout=1, maxBodySize=0, maxRequests=100),
    batch(*(item("POST", USERS, {**NEW_USER, "email": f"t{number}@example.com"}) for number in range(100)), status=400),
    batch(new("after the timeout"), status=200),
    case("GET", USERS, as_="super", query={"filter": "email ~ 't%@example.com'", "fields": "email"}),
    case("GET", POSTS, query={"sort": "title", "fields": "title", "perPage": "200"}),
]

CASES = [
    *DISABLED,
    limits(enabled=True, maxRequests=5),
    *FORMS,
    *CHECKED,
    *URLS,
    *CHANGES,
    *UPSERTS,
    *RULES,
    *LOGINS,
    *SIZES,
]
