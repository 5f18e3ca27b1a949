"""What is known of collections before there are any, OAuth2 providers and their logins, and emptying a collection."""

from typing import Any

from tests.oracle.harness import Case, case

ALL = "/api/collections"
META = f"{ALL}/meta"
NAMES = (  # noqa: SIM905 - thirty quoted names read worse
    "apple google microsoft yandex facebook instagram2 github gitlab bitbucket gitee gitea discord twitter kakao vk"
    " linear notion monday lark box spotify trakt twitch patreon strava wakatime livechat mailcow planningcenter oidc"
    " oidc2 oidc3"
).split()
# everything but the logo, which is ours
START = ("name", "displayName", "state", "authURL", "authUrl", "codeVerifier", "codeChallenge", "codeChallengeMethod")
STARTS = ",".join(f"{path}.{key}" for path in ("oauth2.providers", "authProviders") for key in START)


def provider(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "clientId": "a b&c=ü/é", "clientSecret": "s", **options}


def configure(*providers: dict[str, Any], enabled: bool = True, **options: Any) -> Case:
    body = {"oauth2": {"enabled": enabled, "providers": list(providers), **options}}
    return case("PATCH", f"{ALL}/users", as_="super", json=body)


def starts(note: str = "") -> Case:
    return case("GET", f"{ALL}/users/auth-methods", query={"fields": STARTS}, status=200, note=note)


LOGINS = [
    case("GET", f"{META}/oauth2-providers", status=401),
    case("GET", f"{META}/oauth2-providers", as_="user1", status=403),
    case("GET", f"{META}/oauth2-providers", as_="super", query={"fields": "name,displayName"}, status=200),
    case("HEAD", f"{META}/scaffolds", as_="super"),
    case("GET", f"{META}/nothing", as_="super", status=404),
    case("GET", META, as_="super", status=404),
    case("GET", f"{META}/records", as_="super", status=404),
    case("DELETE", f"{META}/truncate", as_="super", status=404),
    case("POST", f"{META}/scaffolds", as_="super", status=404),
    configure(*map(provider, NAMES)),
    starts("all of them"),
    case("GET", f"{ALL}/users/auth-methods", query={"fields": "authProviders.logo,oauth2.enabled"}),
    configure(*(provider(name, pkce=True) for name in ("bitbucket", "vk", "linear", "apple"))),
    starts("with PKCE"),
    configure(*(provider(name, pkce=False) for name in ("google", "bitbucket", "apple", "oidc"))),
    starts("without PKCE"),
    configure(*(provider(name, pkce=None) for name in ("google", "bitbucket"))),
    starts("each one's default"),
    *(
        step
        for options in (
            {"displayName": "My <G>"},
            {"authURL": "https://x.com/a"},
            {"authURL": "https://x.com/a?q=1"},
            {"authURL": "https://x.com/a?"},
            {"authURL": "https://x.com/a?client_id=zz&b=2#frag"},
            {"extra": {"b": 1, "a": [None]}},
            {"tokenURL": "https://a.b/c", "userInfoURL": "https://u.example.com"},
        )
        for step in (configure(provider("google", **options)), starts(next(iter(options))))
    ),
    case("GET", f"{ALL}/users", as_="super", query={"fields": "oauth2"}),
    configure({"name": "google"}),
    configure({"name": "google", "clientId": "other", "displayName": ""}, {"name": "github"}),
    configure(provider("google"), provider("google")),
    configure(provider("nothing")),
    configure(provider("google"), enabled=False),
    starts("switched off"),
    configure(provider("nothing"), {"name": ""}, enabled=False),
    configure(),
    starts("none"),
    *(
        configure(provider("google"), mappedFields=mapped)
        for mapped in (
            {"id": "id", "name": "name", "username": "nothing", "avatarURL": "avatar"},
            {"name": "email", "username": "password", "avatarURL": "verified"},
            {"ID": "name", "avatarUrl": "avatar"},
            {},
            None,
        )
    ),
]

PARENTS = [
    case("POST", ALL, as_="super", json={"name": "p", "id": "idp", "fields": [{"name": "t", "type": "text"}]}),
    *(
        case(
            "POST",
            ALL,
            as_="super",
            json={
                "name": name,
                "fields": [
                    {"name": "r", "type": "relation", "collectionId": "idp", "maxSelect": 1, **options},
                    {"name": "t", "type": "text"},
                ],
            },
        )
        for name, options in (
            ("plain", {}),
            ("many", {"maxSelect": 9}),
            ("cascading", {"cascadeDelete": True}),
            ("needing", {"required": True}),
        )
    ),
]
IDS = ("aaaaaaaaaaa0000", "bbbbbbbbbbb0000", "ccccccccccc0000")


def fill(*names: str) -> list[Case]:
    """Three parents, and a child of the first two in each of the named collections."""
    parents = [case("POST", f"{ALL}/p/records", as_="super", json={"id": name, "t": "x"}) for name in IDS]
    values = {"plain": IDS[0], "many": [IDS[0], IDS[2]], "cascading": IDS[1], "needing": IDS[0]}
    children = [
        case("POST", f"{ALL}/{name}/records", as_="super", json={"id": IDS[0], "r": values[name], "t": "y"})
        for name in names
    ]
    return parents + children


def rows(*names: str) -> list[Case]:
    return [case("GET", f"{ALL}/{name}/records", as_="super", query={"sort": "id"}) for name in names]


def truncate(name: str, status: int | None = None, as_: str | None = "super") -> Case:
    return case("DELETE", f"{ALL}/{name}/truncate", as_=as_, status=status)


TRUNCATION = [
    truncate("tags", 401, None),
    truncate("tags", 403, "user1"),
    truncate("nothing", 404),
    truncate("_collections", 404),
    *(case(method, f"{ALL}/tags/truncate", as_="super", status=404) for method in ("GET", "POST", "PATCH")),
    *PARENTS,
    *fill("plain"),
    truncate("p", 204),
    *rows("p", "plain"),
    truncate("p", 204),
    truncate("plain", 204),
    *fill("plain", "many", "cascading"),
    truncate("P", 204),
    *rows("p", "plain", "many", "cascading"),
    truncate("plain", 204),
    truncate("many", 204),
    *fill("plain", "many", "cascading", "needing"),
    truncate("p", 400),
    *rows("p", "plain", "many", "cascading", "needing"),
    truncate("needing", 204),
    truncate("p", 204),
    truncate("nodes", 204),
    *rows("nodes"),
    truncate("_superusers", 400),
    case("GET", ALL, as_="super", query={"fields": "totalItems"}),
    truncate("users"),
    *rows("users", "_authOrigins", "_externalAuths"),
    truncate("_authOrigins", 204),
    truncate("_mfas", 204),
    case(
        "GET", f"{ALL}/posts/records", as_="super", query={"perPage": "3", "sort": "id"}, note="after the truncations"
    ),
]

DRY_RUN = f"{META}/dry-run-view"
DRY_RUNS = [
    case("POST", DRY_RUN, json={"query": "select id from users"}, status=401),
    case("POST", DRY_RUN, as_="user1", json={"query": "select id from users"}, status=403),
    *(
        case("POST", DRY_RUN, as_="super", json=body, note=str(body)[:60])
        for body in (
            {},
            {"query": ""},
            {"query": None},
            {"query": 5},
            {"query": " "},
            {"query": "x" * 5001},
            {"query": "é" * 2501},
            {"query": "select 1"},
            {"query": "select * from tags"},
            [],
        )
    ),
    case("POST", DRY_RUN, as_="super"),
    case("POST", DRY_RUN, as_="super", form={"query": "select 1"}),
    *(
        # all but the name of the trial, which is random
        case("POST", DRY_RUN, as_="super", query={"fields": "fields,sample.id,sample.title"}, json=body)
        for body in ({"query": "select id, title from tags"}, {"QUERY": "select id from tags"})
    ),
    case("GET", DRY_RUN, as_="super", status=404),
]

CASES = [*LOGINS, *DRY_RUNS, *TRUNCATION]
