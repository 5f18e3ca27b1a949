"""The records of the seed. Their ids are chosen, so that a case can name one and lists sorted by id agree."""

from typing import Any

PASSWORD = "password-123"


def ident(name: str) -> str:
    """A record id of 15 characters that can be recognised: `ident("post1")` is `post10000000000`."""
    return name.ljust(15, "0")


def users() -> list[tuple[str, dict[str, Any]]]:
    known = {"password": PASSWORD, "passwordConfirm": PASSWORD}
    return [
        ("users", {"id": ident("user1"), "email": "ann@example.com", "name": "Ann", "verified": True, **known}),
        ("users", {"id": ident("user2"), "email": "bob@example.com", "name": "Bob", "emailVisibility": True, **known}),
        ("users", {"id": ident("user3"), "email": "cid@example.com", "name": "", **known}),
        ("staff", {"id": ident("boss"), "email": "boss@example.com", "username": "boss", "role": "boss", **known}),
        (
            "staff",
            {
                "id": ident("clerk"),
                "email": "clerk@example.com",
                "username": "clerk",
                "role": "clerk",
                "friend": ident("user1"),
                "emailVisibility": True,
                **known,
            },
        ),
        ("staff", {"id": ident("noone"), "email": "noone@example.com", "username": "noone", **known}),
        ("locked", {"id": ident("locked"), "email": "locked@example.com", **known}),
    ]


TAGS = [
    ("tag1", "alpha", 1),
    ("tag2", "beta", 2),
    ("tag3", "gamma", 3),
    ("tag4", "Delta", -4),
    ("tag5", "épsilon 50%_x", 0),
]


def posts() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "title": "First post",
            "rating": 5,
            "published": True,
            "contact": "a@example.com",
            "kind": "news",
            "link": "https://example.com/a?b=c&d=<e>",
            "body": "<p>Hello <b>wide</b> world &amp; more</p>",
            "due": "2024-02-29 12:30:00.000Z",
            "labels": ["red", "green"],
            "author": ident("user1"),
            "pin": "1234",
            "meta": {"a": {"b": [1, 2.5, {"c": "deep"}]}, "n": 1, "t": True, "z": None, "s": "x<y>&z"},
            "tags": [ident("tag1"), ident("tag2")],
            "place": {"lon": 2.3522, "lat": 48.8566},
            "internal": "one",
        },
        {
            "title": "second POST",
            "rating": -2.25,
            "kind": "essay",
            "body": "plain",
            "due": "2023-12-31 23:59:59.999Z",
            "labels": ["blue"],
            "author": ident("user2"),
            "tags": [ident("tag2")],
            "meta": [1, "two", None, {"k": "v"}],
            "place": {"lon": -74.006, "lat": 40.7128},
            "internal": "two",
        },
        {
            "title": 'Third\'s "quote"',
            "rating": 0,
            "published": True,
            "kind": "note",
            "author": ident("user1"),
            "meta": "text",
        },
        {
            "title": "100% _under_ \\score",
            "rating": 99.5,
            "labels": ["red", "blue", "black"],
            "meta": 12.5,
            "internal": "four",
        },
        {
            "title": "Größe <ümlaut> 日本 🎉",
            "published": True,
            "rating": 5,
            "tags": [ident(f"tag{n}") for n in range(1, 6)],
            "meta": True,
        },
        {
            "title": "lonely",
            "due": "2030-01-01 00:00:00.000Z",
            "author": ident("user3"),
            "meta": {"a": {"b": []}, "n": "1"},
        },
    ]
    return [{"id": ident(f"post{number}"), **row} for number, row in enumerate(rows, 1)]


def records() -> list[tuple[str, dict[str, Any]]]:
    rows: list[tuple[str, dict[str, Any]]] = [
        *(("tags", {"id": ident(key), "title": title, "weight": weight}) for key, title, weight in TAGS),
        *(("posts", row) for row in posts()),
    ]
    for number, (post, author, stars, text) in enumerate(
        [
            (1, 1, 5, "nice"),
            (1, 2, 1, "meh"),
            (2, 2, 4, "own"),
            (3, 0, 0, "guest"),
            (1, 1, 3, "again"),
            (5, 3, 5, "ünï"),
        ],
        1,
    ):
        body = {"id": ident(f"comment{number}"), "post": ident(f"post{post}"), "stars": stars, "text": text}
        rows.append(("comments", {**body, "author": ident(f"user{author}") if author else ""}))
    rows += [("private", {"id": ident(f"private{n}"), "title": f"hush {n}", "n": n}) for n in (1, 2)]
    rows += [
        (
            "profiles",
            {"id": ident(f"profile{n}"), "user": ident(f"user{n}"), "bio": f"I am {n}", "prefs": {"dark": n == 1}},
        )
        for n in (1, 2)
    ]
    rows += [("teams", {"id": ident(f"team{n}"), "name": f"Team {n}", "open": n == 3}) for n in (1, 2, 3)]
    for number, (team, user, role) in enumerate([(1, 1, "owner"), (1, 2, "member"), (2, 2, "owner")], 1):
        body = {
            "id": ident(f"member{number}"),
            "team": ident(f"team{team}"),
            "user": ident(f"user{user}"),
            "role": role,
        }
        rows.append(("memberships", body))
    for number, (team, watchers, state) in enumerate(
        [(1, (2,), "open"), (2, (1, 3), "done"), (3, (), "open"), (0, (1,), "")], 1
    ):
        body = {"id": ident(f"ticket{number}"), "title": f"Ticket {number}", "state": state, "points": number}
        body["team"] = ident(f"team{team}") if team else ""
        rows.append(("tickets", {**body, "watchers": [ident(f"user{user}") for user in watchers]}))
    for number, (owner, share) in enumerate([(1, ["all"]), (2, ["team", "none"]), (1, []), (0, ["all", "team"])], 1):
        body = {"id": ident(f"note{number}"), "text": f"note {number}", "secret": f"s{number}", "share": share}
        rows.append(("notes", {**body, "owner": ident(f"user{owner}") if owner else ""}))
    words = ["zero", "one", "Two", "three", "FOUR"]
    rows += [("numbers", {"id": ident(f"num{n:03}"), "n": n, "m": n % 7 - 3, "word": words[n % 5]}) for n in range(65)]
    return rows
