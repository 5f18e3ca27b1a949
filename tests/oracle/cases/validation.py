"""What each field type refuses, and in which words."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

CHECKS = "/api/collections/checks/records"
NEEDS = "/api/collections/needs/records"
GOOD = {"code": "abc1", "agreed": True, "one": "a", "whole": 5}


def check(**values: object) -> Case:
    """A record that is good but for these values."""
    return case("POST", CHECKS, json={**GOOD, **values}, loose=("slug",))


def tags(*numbers: int) -> list[str]:
    return [ident(f"tag{number}") for number in numbers]


CASES = [
    check(),
    check(whole=None),
    *(
        check(code=value)
        for value in ("", None, "ab", "abcdefghi", "ABC", "12345", "abc ", "äöü", "ab\n", 123, "abc9999999")
    ),
    *(check(slug=value) for value in ("mine", "", None, "x" * 5000, "x" * 5001)),
    *(check(whole=value) for value in (1, 0, -1, 10, 11, 2.5, "7", "x", 1e9)),
    *(check(ratio=value) for value in (1.5, -1.5, 1.51, -2, "0.5", "nan", "inf")),
    *(check(agreed=value) for value in (False, None, "false", "true", 1)),
    *(
        check(mail=value)
        for value in (
            "a@bad.example",
            "a@sub.bad.example",
            "plain",
            "a@b",
            "a b@c.de",
            "ä@example.com",
            "a@BAD.example",
            "a@example.com, b@example.com",
            "<a@example.com>",
        )
    ),
    *(check(work=value) for value in ("a@example.com", "a@other.com", "a@EXAMPLE.com")),
    *(
        check(site=value)
        for value in (
            "https://example.com/x",
            "https://other.com",
            "example.com",
            "ftp://example.com",
            "//example.com",
            "https://",
            "https://example.com:99999",
            "javascript:alert(1)",
            "https://EXAMPLE.com",
        )
    ),
    *(
        check(blog=value)
        for value in (
            "https://bad.example/x",
            "https://good.example",
            "not a url",
            "http://localhost",
            "http://127.0.0.1:80/a?b#c",
            "mailto:a@example.com",
            "http://[::1]/",
        )
    ),
    *(check(text=value) for value in ("x" * 50, "x" * 51, "ä" * 26)),
    *(
        check(day=value)
        for value in ("2019-12-31 23:59:59.999Z", "2020-01-01 00:00:00.000Z", "2030-01-01 00:00:00.001Z", "nonsense")
    ),
    *(check(one=value) for value in ("", "d", None, ["a", "b"], "A", [])),
    *(check(two=value) for value in (["a"], ["a", "b", "c"], ["a", "x"], ["x", "y", "z"], "a", ["a", "a"])),
    *(check(data=value) for value in ({"a": "x" * 40}, "x" * 41, "x" * 38, "[1,")),
    *(check(tag=value) for value in (ident("tag1"), ident("nope"), "x", ident("post1"))),
    *(
        check(tags=value)
        for value in (tags(1), tags(1, 2), tags(1, 2, 3, 4), [ident("nope"), ident("tag1")], tags(1, 1), ["a", "b"])
    ),
    *([check(**{"pass": value}) for value in ("1234", "12345", "x" * 13, "", None, "ääää", 123456)]),
    *(
        check(spot=value)
        for value in (
            {"lon": 181, "lat": 0},
            {"lon": 0, "lat": -91},
            {"lon": -180, "lat": 90},
            {"lon": 999, "lat": 999},
        )
    ),
    *(check(doc=value) for value in ("name.txt", ["name.txt"], "", None)),
    check(code="", one="z", whole=99, agreed=False, work="no", spot={"lon": 500, "lat": 0}),
    case("POST", CHECKS, json={}),
    case("POST", CHECKS, as_="super", json={}),
    case("POST", CHECKS, json={**GOOD, "id": ident("fixed"), "mail": "taken@example.com"}, loose=("slug",), status=200),
    case("POST", CHECKS, json={**GOOD, "mail": "taken@example.com"}, status=400),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"code": "x"}),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"whole": 0}, loose=("slug",)),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"slug": ""}, loose=("slug",)),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"agreed": False}),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"pass": "12"}),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"tags": tags(2)}),
    case("PATCH", f"{CHECKS}/{ident('fixed')}", json={"unknown": 1, "mail": "other@example.com"}, loose=("slug",)),
    # everything required
    case("POST", NEEDS, json={}),
    case(
        "POST",
        NEEDS,
        json={
            "number": 0,
            "email": "",
            "url": "",
            "editor": "",
            "date": "",
            "select": [],
            "json": None,
            "relation": "",
            "password": "",
        },
    ),
    case("POST", NEEDS, json={"json": {}, "geo": {"lon": 0, "lat": 0}, "select": [""]}),
    case("POST", NEEDS, json={"json": [], "geo": {"lon": 1, "lat": 0}, "select": ["x"]}),
    case("POST", NEEDS, json={"json": "", "number": 1, "editor": " ", "password": "x"}),
    case(
        "POST",
        NEEDS,
        json={"json": 0, "date": "2024-01-01", "relation": ident("tag1"), "url": "http://a.b", "email": "a@b.cd"},
    ),
    case("POST", NEEDS, json={"json": False}),
    # cascades and required references
    case("POST", "/api/collections/comments/records", as_="user1", json={"author": ident("user1"), "text": "x"}),
    case(
        "POST",
        "/api/collections/comments/records",
        as_="user1",
        json={"author": ident("user1"), "text": "x", "post": ident("nope")},
    ),
    case(
        "POST",
        "/api/collections/comments/records",
        as_="user1",
        json={"author": ident("user1"), "text": "x", "post": ident("post1"), "stars": 1.5},
    ),
    case(
        "DELETE", "/api/collections/users/records/" + ident("user2"), as_="super", note="required elsewhere", status=400
    ),
    case("DELETE", "/api/collections/teams/records/" + ident("team1"), as_="super", note="cascades", status=204),
    case("GET", "/api/collections/memberships/records", as_="super", query={"sort": "id"}),
    case("GET", "/api/collections/tickets/records", as_="super", query={"sort": "id"}),
]
