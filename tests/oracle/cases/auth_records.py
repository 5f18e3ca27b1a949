"""Records of auth collections: passwords, e-mail visibility, verified, the manage rule."""

from tests.oracle.harness import case
from tests.oracle.rows import PASSWORD, ident

USERS = "/api/collections/users/records"
STAFF = "/api/collections/staff/records"
NEW = {"password": PASSWORD, "passwordConfirm": PASSWORD}
BOSS, CLERK = f"{STAFF}/{ident('boss')}", f"{STAFF}/{ident('clerk')}"
ANN = f"{USERS}/{ident('user1')}"

CASES = [
    case("GET", USERS, status=200),
    case("GET", USERS, as_="user1"),
    case("GET", USERS, as_="super", query={"sort": "id"}),
    case("GET", STAFF, query={"sort": "id"}),
    case("GET", STAFF, as_="user1", query={"sort": "id"}),
    case("GET", STAFF, as_="clerk", query={"sort": "id"}),
    case("GET", STAFF, as_="boss", query={"sort": "id"}),
    case("GET", CLERK, as_="user1"),
    case("GET", BOSS, as_="user1"),
    case("GET", BOSS, as_="boss"),
    case("GET", BOSS, as_="clerk", query={"fields": "id,email,username"}),
    # who may filter by e-mail
    case("GET", STAFF, as_="clerk", query={"filter": "email = 'boss@example.com'"}),
    case("GET", STAFF, as_="user1", query={"filter": "email = 'clerk@example.com'"}),
    case("GET", STAFF, as_="boss", query={"filter": "email ~ 'example'", "sort": "id"}),
    case("GET", STAFF, as_="super", query={"filter": "email = 'boss@example.com'"}),
    case("GET", STAFF, as_="clerk", query={"filter": "password = 'x'"}),
    case("GET", STAFF, as_="clerk", query={"filter": "tokenKey != ''"}),
    case("GET", STAFF, as_="super", query={"filter": "tokenKey != ''", "sort": "id"}),
    case("GET", STAFF, as_="clerk", query={"sort": "email"}),
    # create
    case("POST", USERS, json={"email": "dora@example.com", **NEW}, save="dora", status=200),
    case("POST", USERS, json={"email": "dora@example.com", **NEW}, status=400),
    case("POST", USERS, json={"email": "DORA@example.com", **NEW}),
    case("POST", USERS, json={"email": "x", **NEW}),
    case("POST", USERS, json={**NEW}),
    case("POST", USERS, json={}),
    case("POST", USERS, json={"email": "e1@example.com", "password": "short", "passwordConfirm": "short"}),
    case("POST", USERS, json={"email": "e1@example.com", "password": "p" * 72, "passwordConfirm": "p" * 72}),
    case("POST", USERS, json={"email": "e1@example.com", "password": PASSWORD, "passwordConfirm": "other-password"}),
    case("POST", USERS, json={"email": "e1@example.com", "password": PASSWORD}),
    case(
        "POST",
        USERS,
        json={"email": "e1@example.com", "password": 12345678, "passwordConfirm": 12345678},
        note="numbers",
    ),
    case("POST", USERS, json={"email": "e2@example.com", "verified": True, **NEW}),
    case("POST", USERS, as_="super", json={"email": "e2@example.com", "verified": True, **NEW}, status=200),
    case(
        "POST",
        USERS,
        json={"email": "e3@example.com", "emailVisibility": True, "name": "E3", "tokenKey": "x" * 40, **NEW},
        save="e3",
    ),
    case("POST", USERS, as_="super", json={"email": "e4@example.com", "tokenKey": "short", **NEW}),
    case("POST", USERS, json={"id": ident("e5"), "email": "e5@example.com", **NEW}, status=200),
    case("POST", USERS, json={"id": ident("e5"), "email": "e6@example.com", **NEW}),
    case(
        "POST",
        USERS,
        json={"id": ident("boss"), "email": "e6@example.com", **NEW},
        note="id of another auth collection",
    ),
    case("POST", STAFF, json={"email": "e7@example.com", "username": "seven", **NEW}, save="seven"),
    case("POST", STAFF, json={"email": "e8@example.com", "username": "SEVEN", **NEW}),
    case("POST", STAFF, json={"email": "e8@example.com", "username": "Clerk", **NEW}),
    case("POST", STAFF, json={"email": "e8@example.com", "username": "eight", "role": "boss", "verified": True, **NEW}),
    case(
        "POST",
        STAFF,
        as_="boss",
        json={"email": "e9@example.com", "username": "nine", "verified": True, **NEW},
        status=200,
    ),
    # update by the owner
    case("PATCH", ANN, as_="user1", json={"name": "Anna"}, status=200),
    case("PATCH", ANN, as_="user1", json={"email": "new@example.com"}),
    case("PATCH", ANN, as_="user1", json={"email": "ann@example.com"}, note="the same e-mail"),
    case("PATCH", ANN, as_="user1", json={"verified": False}),
    case("PATCH", ANN, as_="user1", json={"verified": True}),
    case("PATCH", ANN, as_="user1", json={"emailVisibility": True}),
    case(
        "PATCH",
        ANN,
        as_="user1",
        json={"password": "changed-123", "passwordConfirm": "changed-123", "oldPassword": "wrong"},
    ),
    case(
        "PATCH", ANN, as_="user1", json={"password": "changed-123", "passwordConfirm": "other", "oldPassword": PASSWORD}
    ),
    case("PATCH", ANN, as_="user1", json={"passwordConfirm": "other"}),
    case("PATCH", ANN, as_="user1", json={"oldPassword": "wrong"}),
    case("PATCH", ANN, as_="user2", json={"name": "Mallory"}, status=404),
    case("PATCH", ANN, json={"name": "Mallory"}, status=404),
    case("DELETE", ANN, as_="user2", status=404),
    # update by a manager and by a superuser
    case("PATCH", CLERK, as_="boss", json={"email": "clerk2@example.com", "verified": True}, status=200),
    case("PATCH", CLERK, as_="boss", json={"password": "managed-123", "passwordConfirm": "managed-123"}, status=200),
    case(
        "POST",
        "/api/collections/staff/auth-with-password",
        json={"identity": "clerk", "password": "managed-123"},
        status=200,
    ),
    case("GET", STAFF, as_="clerk", note="token of the old password"),
    case(
        "PATCH",
        BOSS,
        as_="super",
        json={"email": "boss2@example.com", "password": "rooted-123", "passwordConfirm": "rooted-123"},
        status=200,
    ),
    case("PATCH", BOSS, as_="super", json={"email": "noone@example.com"}),
    case("PATCH", BOSS, as_="super", json={"email": ""}),
    case("PATCH", BOSS, as_="super", json={"username": "with space"}),
    case("PATCH", f"{USERS}/{ident('user3')}", as_="super", json={"verified": True, "name": "Cid"}, status=200),
    case("GET", f"{USERS}/{ident('user3')}", as_="user3", note="after verified was set"),
    case("PATCH", f"{USERS}/{ident('user2')}", as_="super", json={"tokenKey:autogenerate": ""}),
    case("GET", f"{USERS}/{ident('user2')}", as_="user2", note="after a new token key"),
    case("PATCH", f"{USERS}/{{dora}}", as_="super", json={"id": ident("other")}),
    # delete
    case("DELETE", f"{USERS}/{{dora}}", as_="super", status=204),
    case("DELETE", f"{USERS}/{{dora}}", as_="super", status=404),
    case("DELETE", f"{STAFF}/{ident('noone')}", as_="super", status=204),
    case("DELETE", ANN, as_="user1", status=400, note="still required elsewhere"),
    case("DELETE", f"{USERS}/{ident('user3')}", as_="super", status=204),
    case("GET", "/api/collections/profiles/records", as_="super", query={"sort": "id"}, note="after the user is gone"),
    case(
        "GET",
        "/api/collections/posts/records",
        query={"sort": "id", "fields": "id,author"},
        note="after the user is gone",
    ),
    case(
        "GET", "/api/collections/memberships/records", as_="super", query={"sort": "id"}, note="after the user is gone"
    ),
]
