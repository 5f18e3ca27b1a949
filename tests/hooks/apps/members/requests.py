"""Members: who may register, with what password, who may log in and how often, what a login is told, bans, tokens."""

from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

MEMBERS, LOGIN = "/api/collections/members/records", "/api/collections/members/auth-with-password"
JOE, BAD = ident("joe"), ident("bad")


def register(email: str, password: str, who: str | None = None, **more: Any) -> Case:
    body = {"email": email, "password": password, "passwordConfirm": password, **more}
    return case("POST", MEMBERS, as_=who, json=body)


def login(identity: str, password: str = "Password-123", save: str = "unused", **more: Any) -> Case:
    return case(
        "POST", LOGIN, json={"identity": identity, "password": password, **more}, save={save: "token"}, unordered=True
    )


CASES = [
    register("new@club.example", "Secret-12345", id=ident("new"), level=9, banned=True),
    register("weak@club.example", "alllowercase"),
    register("weak@trash.example", "12345678"),
    register("super@club.example", "Secret-12345", who="super", id=ident("made"), level=4, nick="Made"),
    register("joe@club.example", "Secret-12345", nick="other"),
    register("second@club.example", "Secret-12345", nick="JOE"),
    register("", "Secret-12345", nick="nomail"),
    case("GET", MEMBERS, query={"sort": "nick"}),
    login("joe"),
    login("Joe", save="joe"),
    login("joe@club.example", identityField="nick"),
    login("root@club.example", save="root"),
    login("nobody@club.example"),
    login("nobody@club.example"),
    login("nobody@club.example"),
    login("nobody@club.example"),
    login("Baddie", "wrong"),
    login("Baddie", "wrong"),
    login("baddie@club.example", save="bad"),
    case("GET", MEMBERS, token="{joe}", query={"sort": "nick"}),
    case("GET", MEMBERS, token="{root}", query={"sort": "nick"}),
    case("GET", f"/members/{JOE}/self", token="{joe}", unordered=True),
    case("GET", f"/members/{BAD}/self", token="{joe}"),
    case("GET", f"/members/{BAD}/self"),
    case("POST", "/members/guests"),
    case("POST", "/members/guests", token="{joe}"),
    case("POST", f"/members/{BAD}/ban", token="{joe}", json={"reason": "envy"}),
    case("POST", f"/members/{BAD}/ban", as_="user1", json={"reason": "envy"}),
    case("POST", f"/members/{BAD}/ban", token="{root}", json={"reason": "rude"}, unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{bad}", unordered=True),
    case("POST", f"/members/{BAD}/ban", token="{root}", json={"reason": "very rude", "hard": True}, unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{bad}", unordered=True),
    login("baddie@club.example"),
    case("POST", "/api/collections/members/auth-refresh", token="{joe}", unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{joe}", unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{joe}", unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{joe}", unordered=True),
    case("POST", "/api/collections/members/auth-refresh", token="{joe}", unordered=True),
    case("PATCH", f"{MEMBERS}/{ident('root')}", token="{root}", json={"email": "other@club.example"}),
    case("PATCH", f"{MEMBERS}/{JOE}", token="{root}", json={"email": "joseph@club.example", "verified": True}),
    case(
        "PATCH",
        f"{MEMBERS}/{ident('made')}",
        token="{root}",
        json={"password": "Password-123", "passwordConfirm": "Password-123"},
    ),
    case("POST", "/members/tickets", as_="super", json={"email": "root@club.example"}, unordered=True),
    case("POST", "/members/tickets", as_="super", json={"email": "gone@club.example"}, unordered=True),
    case("POST", f"/members/{JOE}/assume", as_="super", unordered=True),
    case("POST", f"/members/{BAD}/assume", as_="super", unordered=True),
    case("POST", f"/members/{JOE}/assume?fields=record.nick,meta", as_="super"),
    case("GET", "/api/collections/members/auth-methods"),
    case("POST", f"/api/collections/members/impersonate/{JOE}", as_="super", json={"duration": 100}, unordered=True),
]
TABLES = ["members"]
LOGS = True
