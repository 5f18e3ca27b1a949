"""Collections: list, view, create, update, delete, their rules, indexes and auth options."""

from tests.oracle.harness import Case, case

ALL = "/api/collections"


def make(**body: object) -> Case:
    return case("POST", ALL, as_="super", json=body)


def change(name: str, /, note: str = "", **body: object) -> Case:
    return case("PATCH", f"{ALL}/{name}", as_="super", json=body, note=note)


TEXT = {"name": "title", "type": "text"}
BASE = {"type": "base", "fields": [TEXT]}
LAYERS = {"name": "layers", "type": "base"}
SYSTEM = (
    "_superusers",
    "_externalAuths",
    "_mfas",
    "_otps",
    "_authOrigins",
    "users",
    "posts",
    "staff",
    "comments",
    "checks",
)

CASES = [
    case("GET", ALL, status=401),
    case("GET", ALL, as_="user1", status=403),
    case("GET", ALL, as_="super", status=200),
    case("GET", ALL, as_="super", query={"sort": "-name", "perPage": "3"}),
    *(
        case("GET", ALL, as_="super", query={"filter": text, "sort": "name", "fields": "name"})
        for text in (
            "system = true",
            "name ~ 'post'",
            "type = 'auth'",
            "created > '2000'",
            "fields ~ 'x'",
            "id = 'posts'",
            "listRule = ''",
            "nothing = 1",
        )
    ),
    *(
        case("GET", ALL, as_="super", query={"sort": text, "perPage": "2", "fields": "name"})
        for text in ("name", "-type,name", "nothing", "@rowid", "-system,name")
    ),
    *(
        case("GET", ALL, as_="super", query={"fields": "name,type", **query})
        for query in (
            {"perPage": "1"},
            {"perPage": "0"},
            {"perPage": "-1"},
            {"perPage": "1001"},
            {"perPage": "x"},
            {"page": "2", "perPage": "4"},
            {"page": "0"},
            {"page": "99"},
            {"page": "x"},
            {"skipTotal": "1", "perPage": "2"},
            {"skipTotal": "true"},
            {"skipTotal": "x"},
            {"sort": "id"},
            {"sort": "-created,name"},
            {"sort": "-updated,-name", "perPage": "3"},
            {"sort": "system,type,-name"},
            {"sort": "+name"},
            {"sort": "name:lower"},
            {"sort": "@random", "perPage": "0", "filter": "name = 'posts'"},
            {"sort": "fields"},
            {"sort": "listRule"},
            {"sort": "name,,type"},
            {"sort": ""},
            {"filter": ""},
            {"filter": "name = 'POSTS'"},
            {"filter": "name:lower = 'posts'"},
            {"filter": "name ~ 'p%s'"},
            {"filter": "name !~ 's' || type != 'base'", "sort": "name"},
            {"filter": "system != true && (type = 'auth' || name ?= 'posts')", "sort": "name"},
            {"filter": "updated >= created", "sort": "name"},
            {"filter": "created > @now"},
            {"filter": "id = '_pb_users_auth_'"},
            {"filter": "name = null"},
            {"filter": "name = type"},
            {"filter": "@request.auth.id != ''", "sort": "name", "perPage": "2"},
            {"filter": "@collection.posts.id != ''", "sort": "name", "perPage": "2"},
            {"filter": "viewQuery = ''"},
            {"filter": "fields:length > 1"},
            {"filter": "name ="},
            {"filter": "name = 'x' &&"},
            {"filter": "options ~ 'x'"},
            {"filter": "indexes ~ 'x'"},
            {"filter": "name.x = 1"},
            {"filter": "x_via_y.z = 1"},
            {"expand": "x", "perPage": "1"},
        )
    ),
    *(
        case("GET", f"{ALL}/posts", as_="super", query={"fields": fields})
        for fields in ("name", "*", "name,fields.name", "fields.*", "nothing", "fields.id,indexes", "name:excerpt(2)")
    ),
    *(case("HEAD", path, as_="super") for path in (ALL, f"{ALL}/posts", f"{ALL}/nothing", f"{ALL}/posts/truncate")),
    case("OPTIONS", f"{ALL}/posts", headers={"Origin": "https://a.b", "Access-Control-Request-Method": "DELETE"}),
    case("GET", f"{ALL}/posts", as_="super", headers={"Origin": "https://a.b"}),
    *(
        case("GET", f"{ALL}/{name}", as_="super")
        for name in ("Posts", "_PB_USERS_AUTH_", "_SUPERUSERS", "po%73ts", "%20")
    ),
    case("GET", f"{ALL}/", as_="super", status=404),
    case("GET", f"{ALL}/posts/", as_="super", status=404),
    case("PUT", f"{ALL}/posts", as_="super", json={}, status=404),
    case("PUT", ALL, as_="super", json={}, status=404),
    case("DELETE", ALL, as_="super", status=404),
    *(case("GET", f"{ALL}/{name}", as_="super") for name in SYSTEM),
    case("GET", f"{ALL}/POSTS", as_="super"),
    case("GET", f"{ALL}/pbc_1125843985", as_="super"),
    case("GET", f"{ALL}/nothing", as_="super", status=404),
    case("GET", f"{ALL}/posts", status=401),
    case("GET", f"{ALL}/meta/scaffolds", as_="super", unordered=True),
    case("GET", f"{ALL}/meta/scaffolds", status=401),
    # create
    case("POST", ALL, json={"name": "x"}, status=401),
    case("POST", ALL, as_="user1", json={"name": "x"}, status=403),
    make(),
    make(name=""),
    make(name="plain"),
    make(name="plain"),
    make(name="PLAIN"),
    *(
        make(name=name)
        for name in (
            "with space",
            "with-dash",
            "1digit",
            "_lead",
            "ünï",
            "a" * 256,
            "sqlite_thing",
            "_collections",
            "_params",
            "x_via_y",
            "pbc_1125843985",
            "null",
            "a.b",
            5,
            None,
            "select",
            "new",
            "api",
        )
    ),
    make(name="typed", type="nothing"),
    make(name="typed", type=""),
    make(name="typed", type=None),
    make(name="titled", **BASE),
    make(name="given", id="given_id_0001", **BASE),
    make(name="given2", id="given_id_0001", **BASE),
    make(name="given2", id="bad id!", **BASE),
    make(name="given3", id="posts", **BASE),
    make(name="sys", system=True, **BASE),
    make(name="dated", created="2001-01-01 00:00:00.000Z", **BASE),
    make(name="nofields", fields=[]),
    make(name="badfields", fields="x"),
    make(name="badfields", fields=[5]),
    make(name="badfields", fields=[{}]),
    make(name="badfields", fields=[{"type": "nothing", "name": "x"}]),
    make(name="badfields", fields=[TEXT, TEXT]),
    make(name="badfields", fields=[TEXT, {"name": "TITLE", "type": "number"}]),
    make(
        name="badfields",
        fields=[
            {"name": "other", "type": "text", "id": "samefield01"},
            {"name": "more", "type": "text", "id": "samefield01"},
        ],
    ),
    make(
        name="ownid",
        fields=[
            {
                "name": "id",
                "type": "text",
                "primaryKey": True,
                "required": True,
                "min": 3,
                "max": 9,
                "pattern": "^[a-z]+$",
                "autogeneratePattern": "[a-z]{9}",
            },
            TEXT,
        ],
    ),
    make(name="ownid2", fields=[{"name": "id", "type": "number"}]),
    # rules
    make(
        name="ruled",
        listRule="",
        viewRule="title = 'x'",
        createRule=None,
        updateRule="@request.auth.id != ''",
        deleteRule="title:length > 1",
        **BASE,
    ),
    make(
        name="ruled",
        listRule="",
        viewRule="title = 'x'",
        createRule=None,
        updateRule="@request.auth.id != ''",
        deleteRule="title:lower = 'x'",
        **BASE,
    ),
    *(
        make(name="badrule", listRule=rule, **BASE)
        for rule in (
            "nothing = 1",
            "title =",
            "@collection.nothing.id = 1",
            "title = 'x' &&",
            "   ",
            "@request.auth.anything = 1",
            "@request.body.title:isset = true",
            "id.x = 1",
            5,
            True,
        )
    ),
    make(name="badrule2", viewRule="x", createRule="y", updateRule="z", deleteRule="w", **BASE),
    # indexes
    make(
        name="indexed",
        indexes=[
            "CREATE INDEX idx_one ON indexed (title)",
            "create unique index `idx_two` on `wrong` (`title` COLLATE NOCASE, created) where title != ''",
        ],
        fields=[TEXT, {"name": "created", "type": "autodate", "onCreate": True}],
    ),
    *(
        make(name="badindex", indexes=indexes, **BASE)
        for indexes in (
            ["nonsense"],
            ["CREATE INDEX idx_one ON badindex (title)"],
            ["CREATE INDEX idx_x ON badindex (nothing)"],
            [""],
            ["CREATE INDEX ON badindex (title)"],
            "x",
            ["CREATE INDEX idx_y ON badindex (title)"] * 2,
            ["DROP TABLE posts"],
        )
    ),
    change("indexed", indexes=[]),
    change("indexed", indexes=["CREATE UNIQUE INDEX `idx_three` ON `indexed` (`title`)"]),
    # update
    case("PATCH", f"{ALL}/titled", json={"listRule": ""}, status=401),
    case("PATCH", f"{ALL}/nothing", as_="super", json={}, status=404),
    change("titled"),
    change("titled", listRule="", viewRule=""),
    change("titled", listRule=None),
    change("titled", listRule="nothing > 1"),
    change("titled", type="auth"),
    change("titled", id="other"),
    change("titled", system=True),
    change("titled", name="renamed"),
    case("GET", "/api/collections/renamed/records", as_="super"),
    case("GET", "/api/collections/titled/records", as_="super", status=404),
    change("renamed", name="posts"),
    change("renamed", name=""),
    change("renamed", fields=[]),
    change("renamed", fields=[{"name": "fresh", "type": "number"}], note="replaces all fields"),
    case("GET", f"{ALL}/renamed", as_="super", save={"idfield": "fields.0.id", "fresh": "fields.1.id"}),
    change(
        "renamed",
        fields=[
            {
                "name": "id",
                "type": "text",
                "id": "{idfield}",
                "primaryKey": True,
                "system": True,
                "required": True,
                "pattern": "^[a-z0-9]+$",
                "min": 15,
                "max": 15,
                "autogeneratePattern": "[a-z0-9]{15}",
            },
            {"name": "fresher", "type": "number", "id": "{fresh}"},
            {"name": "added", "type": "bool"},
        ],
        note="renames a field",
    ),
    change("renamed", fields=[{"name": "fresher", "type": "text", "id": "{fresh}"}], note="changes a field's type"),
    case("POST", "/api/collections/renamed/records", as_="super", json={"fresher": 5, "added": True}),
    change(
        "posts", fields=[{"name": "title", "type": "text", "id": "text724990059"}], note="drops most fields of posts"
    ),
    case("GET", "/api/collections/posts/records", query={"sort": "id"}, note="posts with fewer fields"),
    change("tags", indexes=["CREATE UNIQUE INDEX `idx_tags_weight` ON `tags` (`title`, `weight`)"]),
    change("tags", name="labels"),
    case(
        "GET",
        "/api/collections/comments/records",
        query={"sort": "id", "expand": "post"},
        note="after the schema changed",
    ),
    # system collections
    change("_superusers", name="x"),
    change("_superusers", listRule=""),
    change("_superusers", fields=[]),
    change("_mfas", createRule=""),
    change("users", name="people"),
    case("GET", "/api/collections/people/records", as_="user1", note="renamed users"),
    # auth collections
    make(name="members", type="auth"),
    case("GET", f"{ALL}/members", as_="super"),
    make(
        name="members2",
        type="auth",
        fields=[{"name": "nick", "type": "text"}],
        passwordAuth={"enabled": True, "identityFields": ["nick"]},
    ),
    make(
        name="members2",
        type="auth",
        fields=[{"name": "nick", "type": "text"}],
        passwordAuth={"enabled": True, "identityFields": ["nick", "email"]},
        indexes=["CREATE UNIQUE INDEX idx_nick ON members2 (nick)"],
    ),
    make(
        name="members3",
        type="auth",
        fields=[{"name": "passwordConfirm", "type": "text"}, {"name": "oldPassword", "type": "text"}],
    ),
    make(name="members3", type="auth", authToken={"duration": 5}),
    make(name="members3", type="auth", authToken={"duration": 3600, "secret": "short"}),
    make(name="members3", type="auth", authToken={"duration": 3600, "secret": "s" * 40}, fileToken={"duration": 99}),
    make(
        name="members4",
        type="auth",
        mfa={"enabled": True, "duration": 5},
        otp={"enabled": True, "duration": 1, "length": 2},
    ),
    make(name="members4", type="auth", mfa={"enabled": True, "duration": 60}, otp={"enabled": False}),
    make(
        name="members4",
        type="auth",
        mfa={"enabled": True, "duration": 60, "rule": "email != ''"},
        otp={"enabled": True, "duration": 60, "length": 6},
    ),
    make(name="members5", type="auth", authRule="nothing = 1", manageRule="also nothing"),
    make(name="members5", type="auth", authRule="verified = true", manageRule=""),
    make(
        name="members5",
        type="auth",
        manageRule="id = @request.auth.id",
        verificationTemplate={"subject": "", "body": ""},
    ),
    make(name="members6", type="auth", oauth2={"enabled": True, "providers": [{"name": "nothing"}]}),
    make(name="members6", type="auth", oauth2={"enabled": True, "providers": [{"name": "google"}]}),
    make(
        name="members6",
        type="auth",
        oauth2={
            "enabled": True,
            "providers": [{"name": "google", "clientId": "c", "clientSecret": "s"}],
            "mappedFields": {"name": "nothing"},
        },
    ),
    make(name="members6", type="auth", authAlert={"enabled": False, "emailTemplate": {"subject": "s", "body": "b"}}),
    change("members", passwordAuth={"enabled": False}),
    change("members", authToken={"duration": 1000}),
    change("members", otp={"enabled": True}),
    change("members", indexes=[]),
    change("members", fields=[]),
    case(
        "POST",
        "/api/collections/members/records",
        as_="super",
        json={"email": "m@example.com", "password": "password-123", "passwordConfirm": "password-123"},
    ),
    # delete
    case("DELETE", f"{ALL}/plain", status=401),
    case("DELETE", f"{ALL}/plain", as_="super", status=204),
    case("DELETE", f"{ALL}/plain", as_="super", status=404),
    case("DELETE", f"{ALL}/_superusers", as_="super", status=400),
    case("DELETE", f"{ALL}/posts", as_="super", status=400, note="referenced"),
    case("DELETE", f"{ALL}/nodes", as_="super", status=204, note="references itself"),
    case("DELETE", f"{ALL}/members", as_="super", status=204),
    case("DELETE", f"{ALL}/RENAMED", as_="super"),
    make(name="plain"),
    case("GET", ALL, as_="super", query={"perPage": "200", "fields": "name,system,type"}),
    # the names of type and name match as in a fixed form, those of the rest only without regard to case
    case("POST", ALL, as_="super", json={"na_me": "divided", "typ-e": "base", "list_rule": ""}, status=200),
    case("POST", ALL, as_="super", json={"name": "one", "na-me": "two", "type": "base"}),
    case("POST", ALL, as_="super", json={"NAME": "three", "TYPE": "base", "LISTRULE": ""}),
]
