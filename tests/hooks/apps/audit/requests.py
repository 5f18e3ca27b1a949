"""An audit log: hooks of all models, what has changed of a record, who asked for it, in one request and in batches."""

from tests.oracle.harness import case
from tests.oracle.rows import ident

TAGS, POSTS = "/api/collections/tags/records", "/api/collections/posts/records"
NEW = ident("audited")


def trail(model: str, name: str) -> object:
    return case("GET", f"/trail/{model}/{ident(name)}", unordered=True)


CASES = [
    case("POST", TAGS, as_="user1", json={"id": NEW, "title": "audited", "weight": 1.5}),
    case("POST", TAGS, json={"title": "alpha"}),
    case("POST", TAGS, json={"title": "forbidden"}),
    case("POST", TAGS, json={"title": ""}),
    case("PATCH", f"{TAGS}/{NEW}", as_="user2", json={"weight+": 2, "title": "renamed"}),
    case("PATCH", f"{TAGS}/{NEW}", as_="user2", json={"title": "renamed"}),
    case("PATCH", f"{TAGS}/{NEW}", as_="user2", json={"title": "beta"}),
    trail("tags", "audited"),
    case(
        "PATCH",
        f"{POSTS}/{ident('post1')}",
        as_="super",
        json={"pin": "98765", "labels+": "blue", "tags-": ident("tag1"), "meta": {"n": [1]}},
    ),
    case("PATCH", f"{POSTS}/{ident('post1')}", json={"place": {"lon": 1, "lat": -2.5}, "due": "", "published": False}),
    trail("posts", "post1"),
    case("POST", f"/trail/undo/{ident('post1')}", as_="super"),
    case("POST", f"/trail/undo/{ident('post9')}", as_="super"),
    case(
        "PATCH",
        f"/api/collections/users/records/{ident('user1')}",
        as_="user1",
        json={
            "name": "Anna",
            "oldPassword": "password-123",
            "password": "new-password",
            "passwordConfirm": "new-password",
        },
    ),
    trail("users", "user1"),
    case("DELETE", f"{POSTS}/{ident('post5')}", as_="clerk"),
    trail("posts", "post5"),
    case("DELETE", f"{TAGS}/{ident('tag2')}", as_="super"),
    trail("posts", "post2"),
    trail("tags", "tag2"),
    case("PATCH", "/api/collections/tags", as_="super", json={"listRule": None}),
    case(
        "GET",
        "/api/collections/trail/records",
        as_="super",
        query={"filter": "event='schema' || model='_collections'", "sort": "@rowid"},
    ),
    case("PATCH", "/api/settings", as_="super", json={"meta": {"appName": "Forbidden"}}),
    case(
        "PATCH",
        "/api/settings",
        as_="super",
        json={"meta": {"appName": " Audited "}, "batch": {"enabled": True, "maxRequests": 9}},
    ),
    case(
        "POST",
        "/api/batch",
        as_="user1",
        json={
            "requests": [
                {"method": "POST", "url": TAGS, "body": {"id": ident("inbatch"), "title": "in batch"}},
                {"method": "PATCH", "url": f"{TAGS}/{ident('inbatch')}?fields=title", "body": {"title": "again"}},
                {"method": "DELETE", "url": f"{POSTS}/{ident('post6')}"},
            ]
        },
    ),
    case(
        "POST",
        "/api/batch",
        json={
            "requests": [
                {"method": "POST", "url": TAGS, "body": {"title": "never"}},
                {"method": "POST", "url": TAGS, "body": {"title": "forbidden"}},
            ]
        },
    ),
    trail("tags", "inbatch"),
    case(
        "GET",
        "/api/collections/trail/records",
        as_="super",
        query={"sort": "@rowid", "perPage": "200", "fields": "event,model,actor"},
    ),
]
TABLES = ["tags", "trail"]
LOGS = True
