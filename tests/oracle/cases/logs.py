"""The request log: what is written, and the routes that show it."""

from tests.oracle.harness import case

LOGS = "/api/logs"
SHOWN = {"sort": "created", "perPage": "50"}

CASES = [
    case("GET", LOGS, status=401),
    case("GET", LOGS, as_="user1", status=403),
    case("GET", f"{LOGS}/stats"),
    case("GET", f"{LOGS}/abc", as_="user1"),
    case("GET", "/api/health", headers={"User-Agent": "oracle/1", "Referer": "https://ref.example/"}, note="logged"),
    case("GET", "/api/collections/posts/records?filter=rating%3D5&perPage=1", as_="user1", note="logged"),
    case("GET", "/api/collections/posts/records/missing", as_="super", note="logged"),
    case("POST", "/api/collections/posts/records", json={"title": ""}, note="logged"),
    case("GET", "/api/nothing", note="logged"),
    case(
        "POST",
        "/api/collections/users/auth-with-password",
        json={"identity": "x@example.com", "password": "wrong-wrong"},
        note="logged",
    ),
    case("GET", LOGS, as_="super", query={**SHOWN, "filter": "data.url = '/api/health'"}, until="oracle/1", status=200),
    case(
        "GET",
        LOGS,
        as_="super",
        query={**SHOWN, "filter": "data.url = '/api/nothing'"},
        until="/api/nothing",
        save={"log": "items.0.id"},
    ),
    case("GET", f"{LOGS}/{{log}}", as_="super", status=200),
    case("GET", LOGS, as_="super", query={**SHOWN, "filter": "data.url ~ 'rating'"}, until="rating"),
    case("GET", LOGS, as_="super", query={**SHOWN, "filter": "data.url ~ 'missing'"}, until="missing"),
    case(
        "GET",
        LOGS,
        as_="super",
        query={**SHOWN, "filter": "data.method = 'POST' && level > 0"},
        until="auth-with-password",
    ),
    case("GET", LOGS, as_="super", query={**SHOWN, "filter": "data.auth = 'users'"}, until="users"),
    case(
        "GET",
        LOGS,
        as_="super",
        query={"filter": "level = 8 && data.status = 404", "fields": "message,level,data.status", "sort": "created"},
    ),
    case("GET", LOGS, as_="super", query={"filter": "message ~ 'GET'", "perPage": "1", "fields": "page,perPage"}),
    *(
        case("GET", LOGS, as_="super", query={"filter": text, "fields": "id"})
        for text in (
            "nothing = 1",
            "data.nothing = 1",
            "level >",
            "id = 'x'",
            "created < '2000-01-01'",
            "@request.auth.id = ''",
        )
    ),
    *(
        case("GET", LOGS, as_="super", query={"sort": text, "perPage": "1", "filter": "id = ''"})
        for text in ("-created", "level", "data.status", "nothing", "@rowid", "@random")
    ),
    case("GET", f"{LOGS}/stats", as_="super", query={"filter": "data.url = '/api/nothing'"}, unordered=True),
    case("GET", f"{LOGS}/stats", as_="super", query={"filter": "level = 77"}),
    case("GET", f"{LOGS}/stats", as_="super", query={"filter": "nothing = 1"}),
    case("GET", f"{LOGS}/missing", as_="super", status=404),
    case("POST", LOGS, as_="super", json={}),
    case("DELETE", LOGS, status=401),
    case("DELETE", LOGS, as_="user1", status=403),
    case("DELETE", LOGS, as_="super", status=204),
    case("GET", LOGS, as_="super", query={"filter": "data.url = '/api/nothing'"}),
]
