"""A queue of notices: made by events, delivered by a job, seen through a route; a migration as the dashboard writes it."""

from functools import partial

from tests.oracle.harness import Case
from tests.oracle.harness import case as made
from tests.oracle.rows import ident

case = partial(made, unordered=True)
COMMENTS, NOTICES = "/api/collections/comments/records", "/api/collections/notices/records"


def comment(who: str, number: int, text: str, post: int = 1) -> Case:
    body = {"id": ident(f"said{number}"), "text": text, "post": ident(f"post{post}"), "author": ident(who)}
    return case("POST", COMMENTS, as_=who, json=body)


def delivered(runs: int) -> list[Case]:
    return [
        case("POST", "/api/crons/deliver", as_="super"),
        case("GET", "/notices/state", until=f'"runs":{runs}', note=f"runs {runs}"),
    ]


CASES = [
    made("GET", "/api/collections/notices", as_="super"),
    case("GET", "/api/settings?fields=meta.appName,logs.maxDays", as_="super"),
    comment("user2", 1, "Hello @Ann and @Bob and @Nobody"),
    comment("user2", 2, "Again @Ann"),
    comment("user1", 3, "To cid", post=6),
    comment("user3", 4, "@Bob @Ann", post=2),
    case("GET", NOTICES, as_="user1", query={"sort": "kind,@rowid"}),
    case("GET", "/notices/state"),
    *delivered(1),
    *delivered(2),
    *delivered(3),
    *delivered(4),
    case("POST", "/api/crons/digest", as_="super"),
    case("GET", "/notices/state", until='"digest:queued":2', note="digest"),
    case(
        "GET", NOTICES, as_="user1", query={"sort": "kind,@rowid"}, save={"first": "items.0.id", "second": "items.1.id"}
    ),
    case("GET", NOTICES, as_="user2", query={"sort": "kind,@rowid"}, save={"theirs": "items.0.id"}),
    case("POST", "/notices/seen", as_="user1", json={"ids": ["{first}", "nope"]}),
    case("POST", "/notices/seen", as_="user1", json={"ids": ["{second}", "{theirs}"]}),
    case("POST", "/notices/seen", as_="user1", json={}),
    case("PATCH", NOTICES + "/{second}", as_="user1", json={"seen": True}),
    case("PATCH", NOTICES + "/{second}", as_="user1", json={"state": "queued"}),
    case("DELETE", NOTICES + "/{second}", as_="user1"),
]
TABLES = ["notices"]
