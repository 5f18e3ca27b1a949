"""The collections of the seed: every field type, relations of every shape, rules of every kind, two auth ones more."""

from typing import Any

LOGGED_IN = "@request.auth.id != ''"
OWN_AUTHOR = "author = @request.auth.id"


def field(kind: str, name: str, **options: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, **options}


def autodates() -> list[dict[str, Any]]:
    return [
        field("autodate", "created", onCreate=True),
        field("autodate", "updated", onCreate=True, onUpdate=True),
    ]


def relation(name: str, target: str, many: int = 1, **options: Any) -> dict[str, Any]:
    return field("relation", name, collectionId=target, maxSelect=many, **options)


def rules(
    list_: str | None, view: str | None, create: str | None, update: str | None, delete: str | None
) -> dict[str, str | None]:
    return {"listRule": list_, "viewRule": view, "createRule": create, "updateRule": update, "deleteRule": delete}


PUBLIC = rules("", "", "", "", "")
CLOSED = rules(None, None, None, None, None)


def collections(ids: dict[str, str]) -> list[dict[str, Any]]:
    """In order of creation. `ids` fills meanwhile, so `_create_collections` asks for the list again at each step."""
    return [
        {
            "name": "tags",
            "fields": [field("text", "title", required=True), field("number", "weight"), *autodates()],
            "indexes": ["CREATE UNIQUE INDEX `idx_tags_title` ON `tags` (`title`)"],
            **PUBLIC,
        },
        {
            "name": "posts",
            "fields": [
                field("text", "title", required=True, min=2, max=60, presentable=True),
                field("number", "rating", min=-100, max=100),
                field("bool", "published"),
                field("email", "contact"),
                field("url", "link"),
                field("editor", "body"),
                field("date", "due"),
                field("select", "kind", values=["news", "essay", "note"], maxSelect=1),
                field("select", "labels", values=["red", "green", "blue", "black"], maxSelect=3),
                field("json", "meta"),
                field("file", "attachments", maxSelect=3, maxSize=100000),
                field("file", "cover", maxSelect=1, maxSize=100000, mimeTypes=["text/plain", "image/png"]),
                relation("author", "_pb_users_auth_"),
                relation("tags", ids.get("tags", ""), 5),
                field("geoPoint", "place"),
                field("password", "pin", min=4),
                field("text", "internal", hidden=True),
                *autodates(),
            ],
            **PUBLIC,
        },
        {
            "name": "comments",
            "fields": [
                field("text", "text", required=True),
                relation("post", ids.get("posts", ""), required=True, cascadeDelete=True),
                relation("author", "_pb_users_auth_"),
                field("number", "stars", onlyInt=True),
                *autodates(),
            ],
            **rules("", "", f"{LOGGED_IN} && @request.body.author = @request.auth.id", OWN_AUTHOR, OWN_AUTHOR),
        },
        {"name": "private", "fields": [field("text", "title"), field("number", "n")], **CLOSED},
        {
            "name": "profiles",
            "fields": [
                relation("user", "_pb_users_auth_", required=True),
                field("text", "bio"),
                field("json", "prefs"),
            ],
            "indexes": ["CREATE UNIQUE INDEX `idx_profiles_user` ON `profiles` (`user`)"],
            **rules(LOGGED_IN, "user = @request.auth.id", None, "user = @request.auth.id", None),
        },
        {
            "name": "teams",
            "fields": [field("text", "name", required=True), field("bool", "open")],
            **rules("open = true || memberships_via_team.user ?= @request.auth.id", "", None, None, None),
        },
        {
            "name": "memberships",
            "fields": [
                relation("team", ids.get("teams", ""), required=True, cascadeDelete=True),
                relation("user", "_pb_users_auth_", required=True),
                field("select", "role", values=["owner", "member"], maxSelect=1),
            ],
            **rules("user = @request.auth.id", "user = @request.auth.id", None, None, None),
        },
        {
            "name": "tickets",
            "fields": [
                field("text", "title"),
                relation("team", ids.get("teams", "")),
                relation("watchers", "_pb_users_auth_", 5),
                field("select", "state", values=["open", "done"], maxSelect=1),
                field("number", "points"),
            ],
            **rules(
                "@collection.memberships.user ?= @request.auth.id && @collection.memberships.team ?= team",
                "team.memberships_via_team.user ?= @request.auth.id || watchers ?= @request.auth.id",
                "@request.auth.collectionName = 'staff' || (state = 'open' && @request.body.points:isset = false)",
                "watchers.id ?= @request.auth.id && @request.body.title:changed = false",
                "@request.auth.role = 'boss' && @request.query.really = 'yes'",
            ),
        },
        {
            "name": "notes",
            "fields": [
                field("text", "text"),
                relation("owner", "_pb_users_auth_"),
                field("text", "secret", hidden=True),
                field("select", "share", values=["all", "team", "none"], maxSelect=2),
            ],
            **rules(
                "owner = @request.auth.id || share:each ?= 'all'",
                "@request.headers.x_open = 'yes' || owner = @request.auth.id",
                "owner = @request.auth.id && text:length > 0 || text ~ 'public'",
                "owner = @request.auth.id && (@request.body.owner:isset = false || @request.body.owner = owner)",
                "owner.name = 'Ann' && owner = @request.auth.id",
            ),
        },
        {
            "name": "checks",
            "fields": [
                field("text", "code", required=True, min=3, max=8, pattern="^[a-z]+[0-9]*$"),
                field("text", "slug", autogeneratePattern="[a-z]{8}"),
                field("number", "whole", onlyInt=True, min=1, max=10),
                field("number", "ratio", min=-1.5, max=1.5),
                field("bool", "agreed", required=True),
                field("email", "mail", exceptDomains=["bad.example", "worse.example"]),
                field("email", "work", onlyDomains=["example.com"]),
                field("url", "site", onlyDomains=["example.com"]),
                field("url", "blog", exceptDomains=["bad.example"]),
                field("editor", "text", maxSize=50),
                field("date", "day", min="2020-01-01 00:00:00.000Z", max="2030-01-01 00:00:00.000Z"),
                field("select", "one", values=["a", "b", "c"], maxSelect=1, required=True),
                field("select", "two", values=["a", "b", "c"], maxSelect=2),
                field("json", "data", maxSize=40),
                relation("tag", ids.get("tags", "")),
                relation("tags", ids.get("tags", ""), 3, minSelect=2),
                field("password", "pass", min=5, max=12),
                field("geoPoint", "spot"),
                field("file", "doc", maxSelect=1),
            ],
            "indexes": ["CREATE UNIQUE INDEX `idx_checks_mail` ON `checks` (`mail`) WHERE `mail` != ''"],
            **PUBLIC,
        },
        {
            "name": "needs",
            "fields": [
                field("number", "number", required=True),
                field("email", "email", required=True),
                field("url", "url", required=True),
                field("editor", "editor", required=True),
                field("date", "date", required=True),
                field("select", "select", values=["x", "y"], maxSelect=2, required=True),
                field("json", "json", required=True),
                relation("relation", ids.get("tags", ""), required=True),
                field("password", "password", required=True),
                field("geoPoint", "geo", required=True),
                field("file", "file", required=True),
            ],
            **PUBLIC,
        },
        {"name": "numbers", "fields": [field("number", "n"), field("number", "m"), field("text", "word")], **PUBLIC},
        {
            "name": "staff",
            "type": "auth",
            "fields": [
                field("text", "username", required=True, pattern="^[a-z]+$"),
                field("select", "role", values=["boss", "clerk"], maxSelect=1),
                relation("friend", "_pb_users_auth_"),
                *autodates(),
            ],
            "indexes": ["CREATE UNIQUE INDEX `idx_staff_username` ON `staff` (`username` COLLATE NOCASE)"],
            "passwordAuth": {"enabled": True, "identityFields": ["email", "username"]},
            "manageRule": "@request.auth.role = 'boss'",
            "authRule": "role != ''",
            **rules(
                LOGGED_IN,
                LOGGED_IN,
                "",
                "id = @request.auth.id || @request.auth.role = 'boss'",
                "id = @request.auth.id",
            ),
        },
        {
            "name": "locked",
            "type": "auth",
            "fields": [],
            "passwordAuth": {"enabled": False, "identityFields": ["email"]},
            "otp": {"enabled": True, "duration": 120, "length": 6},
            **PUBLIC,
        },
    ]
