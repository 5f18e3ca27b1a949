"""Random parts of collections to be: indexes, rules, queries of views, options of accounts. Good ones, and bad ones.

Nothing here knows what a server should answer: the real one says. `collections` are always the dumps of what is stored.
"""

from random import Random
from typing import Any

from tests.differential.writes_values import TYPES, definition, relation

Body = dict[str, Any]

RULES = ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")
DRAWN = ("password", "tokenKey")
AUTH_NAMES = ("id", "password", "tokenKey", "email", "emailVisibility", "verified")
BAD_NAMES = [
    "",
    "a b",
    "é",
    "x" * 256,
    "a_via_b",
    "1a",
    "_x",
    "collectionId",
    "expand",
    "null",
    "a-b",
    "a.b",
    "_rowid_",
]
BAD_NAMES += ["passwordConfirm", "oldPassword", "id", "ID", "email", "select", "'q'", "created"]
BAD_COLLECTION_NAMES = [
    "",
    "a b",
    "é",
    "x" * 256,
    "a_via_b",
    "_superusers",
    "_params",
    "sqlite_x",
    "sqlite_stat1",
    "users",
]
BAD_COLLECTION_NAMES += ["1a", "_x", "select", "a'b", "import", "meta", "_PARAMS", "_collections", "temp"]
ODD_VALUES: list[Any] = [None, 0, 1, -1, "", "x", True, [], {}, 1.5, ["x"], 10**12, "1"]

INDEXES = [
    *("CREATE INDEX `{i}` ON `{t}` (`{a}`)", "CREATE INDEX {i} ON {t} ({a}, {b})", "create index {i} on {t}({a} desc)"),
    *("CREATE UNIQUE INDEX `{i}` ON `{t}` (`{a}`)", "CREATE UNIQUE INDEX `{i}` ON `{t}` (`{a}`, `{b}`)"),
    *(
        "CREATE UNIQUE INDEX `{i}` ON `{t}` (`{a}` COLLATE NOCASE)",
        "CREATE INDEX `{i}` ON `{t}` (`{a}` collate nocase asc)",
    ),
    *("CREATE UNIQUE INDEX `{i}` ON `{t}` (`{a}`) WHERE `{a}` != ''", "create unique index {i} on {t} ({a}) where {b}"),
    *("CREATE UNIQUE INDEX `{i}` ON `{t}` (lower(`{a}`))", "CREATE INDEX [{i}] ON [{t}] ([{a}], lower({b}) desc)"),
    *("create index if not exists {i} on {t} ({a})", 'CREATE INDEX "{i}" ON "{t}" ("{a}" DESC, "{b}")'),
    *(
        "CREATE INDEX\n  `{i}`\nON `{t}` (\n `{a}`,\n  `{b}`\n)",
        "CREATE INDEX `{i}` ON `{t}` (json_extract(`{a}`, '$.x'))",
    ),
    *(
        "CREATE INDEX `{i}` ON `{t}` (`{a}` || '(' , `{b}`)",
        "CREATE INDEX '{i}' ON '{t}' ('{a}')",
        "-- x\ncreate index {i} on {t} ({a})",
    ),
]
BAD_INDEXES = [
    *(
        "CREATE INDEX `{i}` ON `{t}` (`nope`)",
        "CREATE INDEX `{i}` ON `{t}` ()",
        "CREATE INDEX ON `{t}` (`{a}`)",
        "",
        "x",
    ),
    *(
        "CREATE INDEX `{i}` ON `nope` (`{a}`)",
        "CREATE INDEX `{i}` ON `{t}` (nope(`{a}`))",
        "CREATE INDEX `{i}` ON `{t}` (`{a}`",
    ),
    *(
        "CREATE INDEX main.`{i}` ON `{t}` (`{a}`)",
        "CREATE INDEX nope.`{i}` ON `{t}` (`{a}`)",
        "CREATE INDEX `{i}` ON `{t}` (`{a}`) WHERE",
    ),
    *("CREATE INDEX `{i}` ON `{t}` (`{a}` COLLATE nope)", "CREATE INDEX `{i}` ON `{t}` (random())", "DROP INDEX `{i}`"),
    *("CREATE INDEX `{i}` ON `{t}` (`{a}`) WHERE (SELECT 1)", "CREATE INDEX `i x` ON `{t}` (`{a}`)"),
    *(
        "CREATE INDEX `sqlite_{i}` ON `{t}` (`{a}`)",
        "CREATE INDEX `{t}` ON `{t}` (`{a}`)",
        "CREATE INDEX `{i}` ON `{t}` (`{a}`,, `{b}`)",
    ),
    *(
        "CREATE INDEX `idx_tokenKey__pb_users_auth_` ON `{t}` (`{a}`)",
        "CREATE INDEX `{i}` ON `{t}` ((`{a}`)",
        "CREATE UNIQUE INDEX `{i}` ON `{t}` (1)",
    ),
]
RULE_TEXTS = [
    *("", "", "", "@request.auth.id != ''", "id != ''", "{a} != ''", "{a} = {b}", "{a} ~ 'x' && ({b} > 1 || id = '')"),
    *(
        "{a}:length > 0",
        "{a}:each != ''",
        "@request.body.{a}:isset = false",
        "@collection.{t}.{b} ?= {a}",
        "{a} = @request.auth.id",
    ),
    *(
        "@request.auth.collectionName = '{t}'",
        "@collection.{o}.id ?= id",
        "{o}_via_{a}.id ?!= ''",
        "{a}.id = {a}",
        "{a}.{b} = 1",
    ),
]
BAD_RULES = [
    "nope = 1",
    "id =",
    "(",
    "id = 'x",
    "@collection.nope.id = 1",
    "{a}.nope = 1",
    "@request.nope = 1",
    "id = 1 &&",
    "x" * 30,
]
BAD_RULES += ["nope.id = 1", "{a}:nope = 1", "1", "@random = 1", "{t} = 1", "nope_via_{a}.id = 1"]
QUERIES = [
    *(
        "select id, {a}, {b} from {t}",
        "select id from {t}",
        "select id, {a} as x, {b} y from {t} where {a} != ''",
        "select * from {t}",
    ),
    *(
        "select t.id, t.{a} as ta, u.{c} as uc, u.id as uid from {t} t left join {o} u on u.id = t.{a}",
        "select {t}.* from {t}",
    ),
    *(
        "SELECT max(id) as id, count({a}) as n, total({a}) as s, avg({b}) as m FROM {t} GROUP BY {b}",
        "select id, {a}, {a} as again from {t}",
    ),
    *(
        "select (ROW_NUMBER() OVER(order by id)) as id, {a} from {t}",
        "select cast({a} as text) as id, {b} from {t} group by {a}",
    ),
    *(
        "select id, cast({a} as int) n, cast({b} as text) as s, cast({a} as bool) b, cast({b} as real) r from {t}",
        "select id, null as x from {t}",
    ),
    *(
        "select id, {a} from {t} union select id, {c} from {o}",
        "select id, (select count(*) from {o}) as n, {a} from {t}",
    ),
    *(
        "select q.id, q.{a} from (select * from {t}) q",
        "with w as (select id, {a} from {t}) select id, {a} from w",
        "select `id`, `{a}` from `{t}`",
    ),
    *(
        "select [[id]], [[{a}]] from {{{{{t}}}}}",
        "select id, case when {a} = 1 then {b} else 0 end as c from {t}",
        "select id,\n {a} -- c\n from {t}",
    ),
    *(
        "select {t}.id, {o}.{c} from {t}, {o} where {t}.id = {o}.id",
        "select t.id as id, json_group_array(t.{a}) as list from {t} t group by t.id",
    ),
    *(
        "select id, coalesce({a}, '') as x, {b} || 'z' as y from {t} limit 3",
        "values ('a')",
        "select 'k' as id, 1 as n, 1.5 as f, 'x' as s",
    ),
]
BAD_QUERIES = [
    *(
        "select {a} from {t}",
        "select id, nope from {t}",
        "select id from nope",
        "select id, {a}, {b} {a} from {t}",
        "select '' as id",
        "select",
        "",
    ),
    *(
        "select id, {a} as `a b` from {t}",
        "select 1 as id union all select 1",
        "select id from {t}; select 1",
        "drop table {t}",
        "select id, id from {t}",
    ),
    *(
        "update {t} set id = 1",
        "select id, count(*) from {t}",
        "select id, {a} as expand from {t}",
        "select id from {t} where",
        "select ID from {t}",
    ),
    *(
        "select id, {a} from {t} t, {o} t",
        "select {a} as id from {t}",
        "select id, {a} as A, {b} as a from {t}",
        "select id from {t})",
        "x",
    ),
]
# Values at a path of the options of accounts; the first ones of each list are good.
AUTH_OPTIONS: list[tuple[tuple[str, ...], list[Any]]] = [
    (("authRule",), ["", "", None, "id != ''", "verified = true", "nope = 1"]),
    (("manageRule",), [None, "id != ''", "", "nope = 1", 5]),
    (("authAlert", "enabled"), [True, False, None, 1]),
    (("authAlert", "emailTemplate", "subject"), ["x", "", None, 1]),
    (("authAlert", "emailTemplate"), [{"subject": "a", "body": "b"}, {}, None, {"subject": ""}]),
    (("passwordAuth", "enabled"), [True, False, None]),
    (
        ("passwordAuth", "identityFields"),
        [["email"], ["email", "id"], ["nope"], [], None, ["{a}"], ["{a}", "email"], [""], "email"],
    ),
    (("oauth2", "enabled"), [True, False]),
    (
        ("oauth2", "mappedFields"),
        [{"name": "{a}"}, {"id": "nope"}, {"avatarURL": "{b}", "username": "id"}, {}, None, {"name": 1}],
    ),
    (
        ("oauth2", "providers"),
        [
            [{"name": "google", "clientId": "a", "clientSecret": "b"}],
            [],
            [{"name": "nope", "clientId": "", "clientSecret": ""}],
            [{"name": "google", "clientId": "a", "clientSecret": "b"}] * 2,
            [{"name": "oidc", "clientId": "a", "clientSecret": "b", "authURL": "x", "displayName": "d", "pkce": True}],
            [{}],
        ],
    ),
    (("mfa", "enabled"), [True, False]),
    (("mfa", "duration"), [60, 10, 9, 86401, 0]),
    (("mfa", "rule"), ["", "id != ''", "nope = 1"]),
    (("otp", "enabled"), [True, False]),
    (("otp", "duration"), [60, 9, 0]),
    (("otp", "length"), [6, 8, 4, 3, 0]),
    (("otp", "emailTemplate", "body"), ["{OTP}", "", None]),
    (("authToken", "duration"), [1000, 9, 0, 94670857, None, "1"]),
    (("fileToken", "duration"), [100, 10, -1]),
    (("passwordResetToken", "duration"), [100, 0]),
    (("verificationToken", "secret"), ["s" * 30, "short", "", None]),
    (("emailChangeToken",), [{"duration": 600}, {}, None]),
    (("verificationTemplate",), [{"subject": "s", "body": "b"}, {"subject": "", "body": ""}, None]),
    (("resetPasswordTemplate", "body"), ["b", ""]),
    (("confirmEmailChangeTemplate", "subject"), ["{APP_NAME}", ""]),
]
# Options of fields that are worth a change, with values of all kinds.
FIELD_OPTIONS: dict[str, list[Any]] = {
    "required": [True, False],
    "hidden": [True, False],
    "presentable": [True, False],
    "help": ["", "help", "h" * 301, None],
    "system": [True, False],
    "min": [0, 1, 3, None, -1, 1.5, "2022-01-01 00:00:00.000Z", ""],
    "max": [0, 5, 100, None, -1, 2, "2023-01-01", "nope"],
    "pattern": ["", "^[a-z]+$", "(", "x", None],
    "autogeneratePattern": ["", "[a-z]{5}", "(", "[a-z]{15}"],
    "primaryKey": [True, False],
    "onlyInt": [True, False],
    "onlyDomains": [[], ["example.com"], ["", "x y"], None],
    "exceptDomains": [[], ["test.org"], ["nope!"]],
    "maxSize": [0, 10, 2000, -1, 2**53],
    "maxSelect": [0, 1, 2, 3, 9, -1],
    "minSelect": [0, 1, 2, -1],
    "values": [["a", "b", "c"], ["a"], [], ["a", "a"], ["x", ""], ["a", "b", "c", "1", "true", "é", "a b"]],
    "onCreate": [True, False],
    "onUpdate": [True, False],
    "cost": [0, 4, 3, 32, 6],
    "mimeTypes": [[], ["image/png"], ["nope"]],
    "thumbs": [[], ["10x10", "0x20f"], ["nope"], ["10x10", "10x10"]],
    "protected": [True, False],
    "convertURLs": [True, False],
    "cascadeDelete": [True, False],
    "collectionId": ["", "nope", None],
}


def fields(rng: Random, targets: list[str], count: int, prefix: str = "") -> list[Body]:
    """New fields of any type, relations to `targets` among them."""
    made = []
    for number in range(count):
        kind = rng.choice([*TYPES, "relation", "relation", "select", "text"])
        name = f"{prefix}{kind[:3].lower()}{number}"
        if kind == "relation":
            made.append(relation(rng, name, rng.choice([*targets, *targets, "nope"]) if targets else "nope"))
        else:
            made.append(definition(rng, kind, name))
    return made


def columns(collection: Body) -> list[str]:
    """The names of a collection's fields, or `id` where it has none."""
    found = collection.get("fields")
    named = (
        [one["name"] for one in found if isinstance(one, dict) and one.get("name")] if isinstance(found, list) else []
    )
    return named or ["id"]


def filled(rng: Random, text: str, collections: list[Body], own: Body, index: str = "") -> str:
    """A pattern with names in the places of `{a}` and `{b}` (own fields), `{o}` and `{c}` (another's), `{t}`, `{i}`."""
    other = rng.choice([*collections, own])
    names = columns(own)
    return text.format(
        a=rng.choice(names), b=rng.choice(names), c=rng.choice(columns(other)), o=other["name"], t=own["name"], i=index
    )


def index(rng: Random, collections: list[Body], own: Body, number: int) -> str:
    """An index of a collection, seldom one that can't be made or whose name is another's."""
    name = f"ix_{number}"
    taken = [one for each in collections for one in each["indexes"]]
    if taken and rng.random() < 0.08:
        name = rng.choice(taken).replace("`", " ").split("INDEX ")[-1].split()[0]
    pattern = rng.choice(BAD_INDEXES if rng.random() < 0.15 else INDEXES)
    return filled(rng, pattern, collections, own, name)


def rule(rng: Random, collections: list[Body], own: Body) -> Any:
    """A rule, seldom a bad one."""
    if rng.random() < 0.15:
        return None
    return filled(rng, rng.choice(BAD_RULES if rng.random() < 0.12 else RULE_TEXTS), collections, own)


def query(rng: Random, collections: list[Body]) -> str:
    """A view's query over one of the collections, sometimes a bad one."""
    pattern = rng.choice(BAD_QUERIES if rng.random() < 0.2 else QUERIES)
    if not collections:
        return "select 'k' as id"
    # what is drawn at random would be another number on each of the servers
    shown = [one | {"fields": [each for each in one["fields"] if each["name"] not in DRAWN]} for one in collections]
    return filled(rng, pattern, shown, rng.choice(shown))


def auth_options(rng: Random, collections: list[Body], own: Body, count: int) -> Body:
    """Some options of an auth collection."""
    made: Body = {}
    for path, values in rng.sample(AUTH_OPTIONS, count):
        inner = made
        for key in path[:-1]:
            found = inner.setdefault(key, {})
            inner = found if isinstance(found, dict) else {}
        chosen = values[0] if rng.random() < 0.4 else rng.choice(values)
        inner[path[-1]] = _named(rng, chosen, collections, own)
    return made


def _named(rng: Random, chosen: Any, collections: list[Body], own: Body) -> Any:
    if isinstance(chosen, str) and ("{a}" in chosen or "{b}" in chosen):
        return filled(rng, chosen, collections, own)
    if isinstance(chosen, list):
        return [_named(rng, one, collections, own) for one in chosen]
    if isinstance(chosen, dict):
        return {key: _named(rng, one, collections, own) for key, one in chosen.items()}
    return chosen
