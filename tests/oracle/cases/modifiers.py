"""Body modifiers: name+, +name, name-, name:autogenerate."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

ONE = f"/api/collections/posts/records/{ident('post1')}"
TAG = [ident(f"tag{number}") for number in range(6)]


def change(body: dict[str, object], path: str = ONE, as_: str | None = None) -> Case:
    return case("PATCH", path, as_=as_, json=body, loose=("slug",))


CASES = [
    *(change({"rating+": value}) for value in (1, 2.5, -3, "4", "x", None, 1000)),
    *(change({"rating-": value}) for value in (1, 0.5, "2")),
    change({"rating": 10, "rating+": 5}),
    change({"rating+": 5, "rating": 10}),
    change({"rating+": 1, "rating-": 1}),
    *(change({"labels+": value}) for value in ("blue", ["blue"], ["black", "nope"], "", None)),
    *(change({"labels-": value}) for value in ("red", ["red", "green"], "nope", None)),
    *(change({"+labels": value}) for value in ("black", ["red", "green"])),
    change({"labels": ["red"], "labels+": "blue", "+labels": "green"}),
    change({"labels": ["red"], "labels-": "red"}),
    *(change({"tags+": value}) for value in (TAG[3], [TAG[4], TAG[5]], TAG[3], ident("nope"))),
    *(change({"tags-": value}) for value in (TAG[1], [TAG[2], TAG[3]], ident("nope"))),
    change({"+tags": TAG[2]}),
    *(
        change({key: value})
        for key, value in (
            ("author+", ident("user2")),
            ("author-", ident("user1")),
            ("author-", ident("user2")),
            ("+author", ident("user1")),
        )
    ),
    *(change({key: value}) for key, value in (("kind+", "essay"), ("kind-", "essay"), ("kind-", "news"))),
    *(
        change({key: value})
        for key, value in (
            ("title+", "x"),
            ("title-", "x"),
            ("+title", "x"),
            ("published+", 1),
            ("meta+", 1),
            ("nothing+", 1),
            ("title:autogenerate", "x"),
            ("place+", 1),
            ("due+", 1),
        )
    ),
    change({"attachments-": "nothing.txt"}),
    case("GET", ONE, save={"file": "attachments.0"}),
    change({"attachments-": "{file}"}),
    case(
        "POST",
        "/api/collections/checks/records",
        json={"code": "abc", "agreed": True, "one": "a", "whole": 5, "slug:autogenerate": "pre-"},
        loose=("slug",),
    ),
    case(
        "POST",
        "/api/collections/checks/records",
        json={"code": "abc", "agreed": True, "one+": "a", "two+": ["a", "b"], "whole+": 5},
        loose=("slug",),
    ),
    case(
        "POST",
        "/api/collections/tickets/records",
        json={"title": "t", "state": "open", "points+": 5},
        note="isset with a modifier",
    ),
    case("POST", "/api/collections/tickets/records", as_="clerk", json={"points+": 5, "points-": 2}),
    case(
        "POST",
        "/api/collections/posts/records",
        parts=[("title", "multi"), ("rating+", "3"), ("labels+", "red"), ("labels+", "blue")],
    ),
    case("GET", ONE),
]
