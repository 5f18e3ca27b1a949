"""The five rules: closed, public, and expressions with the requester, the body, other collections and relation hops."""

from tests.oracle.harness import case
from tests.oracle.rows import ident

WHO = (None, "user1", "user2", "user3", "clerk", "super")
COMMENTS, PROFILES, TEAMS, MEMBERS, TICKETS, NOTES = (
    f"/api/collections/{name}/records" for name in ("comments", "profiles", "teams", "memberships", "tickets", "notes")
)
OPEN = {"X-Open": "yes"}

CASES = [
    *(
        case("GET", f"/api/collections/{name}/records", as_=who, query={"sort": "id"})
        for name in ("private", "profiles", "teams", "memberships", "tickets", "notes")
        for who in WHO
    ),
    *(
        case("GET", f"{TICKETS}/{ident(f'ticket{number}')}", as_=who)
        for number in (1, 2, 3, 4)
        for who in ("user1", "user2", None)
    ),
    *(case("GET", f"{NOTES}/{ident(f'note{number}')}", as_="user1") for number in (1, 2, 4)),
    *(case("GET", f"{PROFILES}/{ident(f'profile{number}')}", as_="user1") for number in (1, 2)),
    case("GET", f"{NOTES}/{ident('note2')}", headers=OPEN, note="open header"),
    case("GET", f"{NOTES}/{ident('note2')}", headers={"x-open": "no"}, note="open header, other value"),
    case("GET", f"{NOTES}/{ident('note2')}"),
    # a client's filter on top of a rule
    case("GET", TICKETS, as_="user2", query={"filter": "state = 'done'"}),
    case("GET", TICKETS, as_="user2", query={"filter": "team.name = 'Team 2'", "sort": "id"}),
    case("GET", NOTES, as_="user1", query={"filter": "owner.name = 'Ann'", "sort": "id"}),
    case("GET", NOTES, as_="user1", query={"filter": "secret = 's1'"}),
    case("GET", NOTES, as_="super", query={"filter": "secret = 's1'"}),
    case("GET", COMMENTS, as_="user1", query={"filter": "@request.auth.id != ''"}, status=403),
    case("GET", COMMENTS, query={"filter": "@collection.private.n = 1"}, status=403),
    case("GET", COMMENTS, as_="super", query={"filter": "@collection.private.n = 1", "sort": "id"}),
    case("GET", COMMENTS, as_="super", query={"filter": "@request.auth.id = author", "sort": "id"}),
    case("GET", MEMBERS, as_="user1", query={"filter": "team.memberships_via_team.user.name ?= 'Bob'"}),
    # create rules
    case("POST", COMMENTS, json={"text": "x", "post": ident("post1")}, status=400),
    case("POST", COMMENTS, as_="user1", json={"text": "x", "post": ident("post1")}, status=400),
    case("POST", COMMENTS, as_="user1", json={"text": "x", "post": ident("post1"), "author": ident("user2")}),
    case(
        "POST",
        COMMENTS,
        as_="user1",
        json={"text": "x", "post": ident("post1"), "author": ident("user1")},
        save="mine",
        status=200,
    ),
    case(
        "POST",
        COMMENTS,
        as_="user1",
        json={"post": ident("post1"), "author": ident("user1")},
        note="rule holds, text missing",
    ),
    case("POST", COMMENTS, as_="user2", json={"author": ident("user1")}, note="rule fails, text missing"),
    case("POST", COMMENTS, as_="super", json={"text": "x", "post": ident("post1")}, status=200),
    case("POST", COMMENTS, as_="clerk", json={"text": "x", "post": ident("post1"), "author": ident("clerk")}),
    case("POST", TICKETS, json={"title": "t", "state": "open"}, status=200),
    case("POST", TICKETS, json={"title": "t", "state": "open", "points": 0}, note="points are set"),
    case("POST", TICKETS, json={"title": "t", "state": "done"}),
    case("POST", TICKETS, as_="clerk", json={"title": "t", "state": "done", "points": 3}, status=200),
    case("POST", NOTES, as_="user1", json={"text": "mine", "owner": ident("user1")}, save="note", status=200),
    case("POST", NOTES, as_="user1", json={"text": "", "owner": ident("user1")}),
    case("POST", NOTES, json={"text": "a PUBLIC one"}, status=200),
    case("POST", NOTES, json={"text": "private"}),
    case("POST", PROFILES, as_="user1", json={"user": ident("user1")}, status=403),
    # update rules
    case("PATCH", f"{COMMENTS}/{{mine}}", as_="user1", json={"text": "y"}, status=200),
    case("PATCH", f"{COMMENTS}/{{mine}}", as_="user1", json={"author": ident("user2")}, status=200),
    case("PATCH", f"{COMMENTS}/{{mine}}", as_="user1", json={"text": "z"}, status=404),
    case("PATCH", f"{COMMENTS}/{{mine}}", as_="user2", json={"text": "z"}, status=200),
    case("PATCH", f"{COMMENTS}/{{mine}}", json={"text": "z"}, status=404),
    case("PATCH", f"{PROFILES}/{ident('profile1')}", as_="user1", json={"bio": "new"}, status=200),
    case("PATCH", f"{PROFILES}/{ident('profile2')}", as_="user1", json={"bio": "new"}),
    case("PATCH", f"{PROFILES}/{ident('profile1')}", as_="user1", json={"user": ident("user2")}, note="unique user"),
    case("PATCH", f"{NOTES}/{{note}}", as_="user1", json={"text": "edited"}, status=200),
    case("PATCH", f"{NOTES}/{{note}}", as_="user1", json={"owner": ident("user2")}),
    case("PATCH", f"{NOTES}/{{note}}", as_="user1", json={"owner": ident("user1")}),
    case("PATCH", f"{TICKETS}/{ident('ticket1')}", as_="user2", json={"state": "done"}),
    case(
        "PATCH",
        f"{TICKETS}/{ident('ticket1')}",
        as_="user2",
        json={"title": "Ticket 1", "points": 9},
        note="same title",
    ),
    case("PATCH", f"{TICKETS}/{ident('ticket1')}", as_="user2", json={"title": "other"}),
    case("PATCH", f"{TICKETS}/{ident('ticket2')}", as_="user2", json={"points": 1}),
    # delete rules
    case("DELETE", f"{COMMENTS}/{{mine}}", as_="user1", status=404),
    case("DELETE", f"{COMMENTS}/{{mine}}", as_="user2", status=204),
    case("DELETE", f"{NOTES}/{{note}}", as_="user2"),
    case("DELETE", f"{NOTES}/{{note}}", as_="user1", status=204),
    case("DELETE", f"{TICKETS}/{ident('ticket4')}", as_="boss"),
    case("DELETE", f"{TICKETS}/{ident('ticket4')}", as_="clerk", query={"really": "yes"}),
    case("DELETE", f"{TICKETS}/{ident('ticket4')}", as_="boss", query={"really": "yes"}, status=204),
    case("DELETE", f"{TEAMS}/{ident('team3')}", as_="user1", status=403),
]
