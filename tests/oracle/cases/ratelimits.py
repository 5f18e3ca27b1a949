"""Rate limits: which rule a request has, who is counted, and what counts apart. Each window outlasts the scenario."""

from collections.abc import Iterable
from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

PATH = "/api/settings"
HEALTH = "/api/health"
TAGS = "/api/collections/tags/records"
POSTS = "/api/collections/posts/records"
LOGIN = "/api/collections/users/auth-with-password"
REFRESH = "/api/collections/users/auth-refresh"
WRONG = {"identity": "x@example.com", "password": "wrong"}
WINDOW_S = 3600


def limits(*rules: tuple[str, int] | tuple[str, int, str], excluded: Iterable[str] = ()) -> Case:
    """Set these rules: label, requests allowed, audience. Everything is counted afresh."""
    made = [{"label": r[0], "maxRequests": r[1], "duration": WINDOW_S, "audience": "".join(r[2:])} for r in rules]
    body: dict[str, Any] = {"enabled": True, "rules": made, "excludedIPs": list(excluded)}
    return case(
        "PATCH", PATH, as_="super", json={"rateLimits": body}, query={"fields": "rateLimits.enabled"}, status=200
    )


def asked(times: int, method: str = "GET", path: str = HEALTH, **options: Any) -> list[Case]:
    if method != "GET" and "json" not in options:
        options["json"] = {}
    return [case(method, path, **options)] * times


def batch(*items: tuple[str, str] | tuple[str, str, dict[str, Any]], **options: Any) -> Case:
    made = [{"method": item[0], "url": item[1], "body": item[2] if len(item) > 2 else {}} for item in items]
    return case("POST", "/api/batch", json={"requests": made}, **{"as_": "user1", **options})


NEW_TAG = ("POST", TAGS, {"title": "t"})
OLD_TAG = f"{TAGS}/{ident('tag1')}"

PATHS = [
    limits(("/api/health", 2)),
    *asked(3),
    *asked(1, as_="super", unordered=True),
    *asked(1, as_="user1"),
    *asked(1, path="/api/health?a=1"),
    limits(("/api/health", 1)),
    *asked(2, path="/api/he%61lth"),
    *asked(2, path="/api/health/"),
    limits(("/api/", 2)),
    *(case("GET", path) for path in ("/api/health", "/api/nothing", "/api/health", "/x", "/api")),
    *asked(2, "POST", "/api/zzz"),
    limits(("/api", 1)),
    *asked(2, path="/api"),
    *asked(2),
    limits(("/", 1)),
    *(case("GET", path) for path in ("/x", "/api/health", "/")),
    limits(("/api/health/", 1)),
    *asked(2),
    *(asked(1, "OPTIONS", headers={"Origin": "https://a.example"}) * 3),
    limits(("GET /api/health", 1)),
    *asked(2, "HEAD"),
    *asked(2),
    *asked(1, "POST"),
    limits(("get /api/health", 1), ("G /api/health", 1), ("health", 1)),
    *asked(2),
]

ORDER = [
    limits(("/api/health", 1), ("GET /api/health", 2)),
    *asked(4),
    limits(("GET /api/", 1), ("/api/health", 3)),
    *asked(2),
    limits(("/api/", 1), ("/api/health", 2)),
    *asked(3),
    limits(("/", 1), ("/api/", 3)),
    *asked(2),
    limits(("/api/", 2), ("/", 1)),
    *asked(3),
    limits(("/api/", 1), ("*:list", 2), ("posts:list", 3)),
    *asked(4, path=POSTS + "?fields=page"),
    *asked(3, path=TAGS + "?fields=page"),
    *asked(2, path="/api/collections/nothing/records"),
    *asked(2),
    limits(("users:auth", 1), ("users:authWithPassword", 2), ("*:auth", 4)),
    *asked(3, "POST", LOGIN, json=WRONG),
    limits(("*:authWithPassword", 3), ("users:auth", 1)),
    *asked(2, "POST", LOGIN, json=WRONG),
]

AUDIENCES = [
    limits(("/api/health", 1, "@guest")),
    *asked(2),
    *asked(2, as_="user1"),
    limits(("/api/health", 1, "@auth"), ("/api/", 2)),
    *asked(3),
    *asked(2, as_="user1"),
    *asked(2, token="not a token"),
    limits(("/api/health", 1, "@auth"), ("/api/health", 2, "@guest")),
    *asked(3),
    *asked(2, as_="boss"),
    limits(("/api/health", 1), excluded=["127.0.0.1"]),
    *asked(2),
    limits(("/api/health", 1), excluded=["10.0.0.0/8", "::/0"]),
    *asked(2),
]

COLLECTIONS = [
    limits(("tags:list", 1)),
    *asked(2, path=TAGS),
    *asked(1, path="/api/collections/TAGS/records"),
    *asked(2, path=OLD_TAG),
    limits(("TAGS:list", 1)),
    *asked(2, path=TAGS),
    limits(("*:view", 1)),
    *asked(2, "HEAD", OLD_TAG),
    *asked(2, path=f"{POSTS}/x"),
    limits(("*:create", 1)),
    *asked(2, "POST", TAGS),
    *asked(1, "POST", TAGS, as_="super"),
    limits(("*:update", 1), ("*:delete", 1)),
    *asked(2, "PATCH", f"{TAGS}/x"),
    *asked(2, "DELETE", f"{TAGS}/x"),
    limits((TAGS, 1)),
    *asked(2, path=TAGS),
    *asked(2, "POST", TAGS),
    limits(("*:listAuthMethods", 1), ("*:authRefresh", 1), ("*:file", 1)),
    *asked(2, path="/api/collections/users/auth-methods"),
    *asked(2, "POST", REFRESH),
    *asked(2, path="/api/files/posts/x/y"),
    limits(("/api/", 1)),
    *asked(1, "POST", "/api/collections/users/impersonate/x"),
    *asked(1),
    *asked(1, "PUT", TAGS),
    *asked(2, path="/api/collections"),
    limits(("/api/settings", 1)),
    *asked(2, path=PATH),
]

BATCHES = [
    case("PATCH", PATH, as_="super", json={"batch": {"enabled": True}}, query={"fields": "batch"}, status=200),
    limits(("*:create", 2)),
    batch(NEW_TAG, NEW_TAG, NEW_TAG),
    *asked(1, "POST", TAGS),
    batch(NEW_TAG),
    batch(NEW_TAG, NEW_TAG, NEW_TAG, as_="super"),
    limits(("/api/batch", 1)),
    batch(NEW_TAG, NEW_TAG),
    batch(NEW_TAG),
    limits(("/api/", 1)),
    batch(NEW_TAG, ("PATCH", OLD_TAG)),
    *asked(1),
    limits((TAGS, 1)),
    batch(NEW_TAG, ("POST", f"{TAGS}?fields=id", {"title": "t"})),
    limits(("*:update", 1)),
    batch(("PUT", TAGS, {"title": "t"}), ("PUT", TAGS, {"title": "t"})),
    limits(("*:update", 1)),
    batch(("PUT", TAGS, {"id": ident("tag1")}), ("PATCH", OLD_TAG)),
    limits((f"PATCH {OLD_TAG}", 1), (f"PUT {TAGS}", 1)),
    batch(("PUT", TAGS, {"id": ident("tag1")}), ("PUT", TAGS, {"id": ident("tag1")})),
]

OFF = [
    case("PATCH", PATH, as_="super", json={"rateLimits": {"enabled": False}}, query={"fields": "rateLimits.enabled"}),
    *asked(3),
]

CASES = [*PATHS, *ORDER, *AUDIENCES, *COLLECTIONS, *BATCHES, *OFF]
