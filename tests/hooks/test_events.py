"""What handlers can do in each phase: change what is at hand, prevent it, fail, answer. The same here as in the real one.

Handlers look at the record's title, the collection's name, or `?q=` for what they are to do.
"""

from typing import Any

import pytest

from tests.hooks.harness import Pair, evaluated
from tests.oracle.harness import Case, case, named

# What a handler of a record's creation throws or returns, by the title.
OUTCOMES = {
    "type": 'throw new TypeError("x")',
    "api": 'throw new ForbiddenError("x", {a: new ValidationError("c", "m")})',
    "plain data": 'throw new BadRequestError("x", {a: 1, b: {c: "d"}, e: new ValidationError("code", "no {{.n}}").setParams({n: 5})})',
    "teapot": 'throw new ApiError(418, "short and stout")',
    "ok status": 'throw new ApiError(200, "zz")',
    "own status": 'throw new ApiError(600, "zz")',
    "text": 'throw "x"',
    "object": "throw {a: 1}",
    "null": "throw null",
    "undefined": "throw undefined",
    "number": "throw 5",
    "field": 'throw new ValidationError("c", "m")',
    "own class": 'class Own extends Error {}; throw new Own("own")',
    "not found": '$app.findRecordById("users", "x")',
    "sql": '$app.db().newQuery("select").execute()',
    "invalid": 'throw e.forbiddenError ? e.forbiddenError("x", null) : new Error("no such method")',
    "other invalid": '$app.save(new Record($app.findCollectionByNameOrId("users"), {email: "x"}))',
    "its value": 'try { $app.save(new Record($app.findCollectionByNameOrId("users"), {email: "x"})) } catch (x) { throw x.value }',
    "wrapped": 'try { $app.save(new Record($app.findCollectionByNameOrId("users"), {email: "x"})) } '
    'catch (x) { throw new BadRequestError("wrapped", x.value) }',
    "wrapped whole": 'try { $app.save(new Record($app.findCollectionByNameOrId("users"), {email: "x"})) } '
    'catch (x) { throw new BadRequestError("wrapped", x) }',
    "stop": "return",
    "returned": 'return new BadRequestError("returned")',
    "returned later": 'e.next(); return new Error("returned")',
    "after": 'e.next(); throw new BadRequestError("after")',
    "twice": "e.next(); e.next(); return",
    "next returned": "return e.next()",
    "caught": "try { e.next() } catch (x) { $app.store().set('caught', String(x)) } return",
    "undefined function": "nothing()",
    "set": "e.record.set('title', 'was set'); return e.next()",
    "set after": "e.next(); e.record.set('title', 'set after'); return",
    "replaced": "e.record = new Record(e.record.collection(), {title: 'another'}); return e.next()",
    "typed": "e.type = 'zzz'; return e.next()",
    "nested": "const x = new Record(e.record.collection(), {title: 'inner'}); e.app.save(x); return e.next()",
    "nested fails": "const x = new Record(e.record.collection(), {title: 'api'}); e.app.save(x); return e.next()",
    "nested caught": "try { const x = new Record(e.record.collection(), {title: 'api'}); e.app.save(x) } "
    "catch (x) { e.record.set('title', String(x) + (x.value instanceof Object)) } return e.next()",
    "recursive": "e.record.set('title', 'done'); e.app.save(e.record); return",
}
CREATE = "".join(
    [
        "onRecordCreate((e) => {\n  const title = e.record.get('title')\n",
        *(f"  if (title === {name!r}) {{ {code} }}\n" for name, code in OUTCOMES.items()),
        "  e.next()\n}, 'demo')\n",
    ]
)

# What handlers of other events do, by `?q=`, the collection's name or the record's title.
HANDLERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "onRecordsListRequest": (
        "'demo'",
        "e.requestInfo().query.q",
        {
            "total": "e.result.totalItems = 99",
            "items": "e.result.items = [{a: 1}]",
            "replaced": "e.records = [e.records[0]]",
            "new items": "e.result.items = [new Record(e.collection, {title: 'fake'})]",
            "changed": "e.records[0].set('title', 'changed')",
            "result": "e.result = {page: 7, items: e.result.items}",
            "stop": "return",
            "json": "return e.json(201, {x: 1})",
            "json and next": "e.json(201, {x: 1})",
            "next and json": "e.next(); e.json(201, {x: 1}); return",
            "hidden": "e.records.forEach((record) => record.hide('title'))",
            "late": "e.next(); e.records[0].set('title', 'late'); return",
            "late error": "e.next(); throw new BadRequestError('late')",
            "error": "throw new Error('x')",
            "api": "throw new ForbiddenError('x')",
            "not found": "$app.findRecordById('users', 'x')",
            "invalid": "$app.save(new Record($app.findCollectionByNameOrId('users'), {email: 'x'}))",
            "told": "return e.json(200, {tags: e.tags(), keys: Object.keys(e.result), result: e.result, "
            "records: e.records, auth: e.auth, collection: e.collection.name})",
        },
    ),
    "onRecordViewRequest": (
        "'demo'",
        "e.requestInfo().query.q",
        {
            "other": "e.record = new Record(e.collection, {title: 'other'})",
            "changed": "e.record.set('title', 'changed')",
            "custom": "e.record.withCustomData(true); e.record.set('zz', 5)",
            "unknown": "e.record.set('zz', 5)",
            "after": "e.next(); e.record.set('title', 'after'); return",
            "stop": "return",
            "written": "e.next(); $app.store().set('written', e.written() + ' ' + e.status()); return",
        },
    ),
    "onRecordEnrich": (
        "'demo'",
        "e.requestInfo.query.enrich",
        {
            "hide": "e.record.hide('title')",
            "custom": "e.record.withCustomData(true); e.record.set('extra', {a: [1]})",
            "after": "e.next(); e.record.set('title', 'after'); return",
            "stop": "return",
            "api": "throw new ForbiddenError('x')",
            "error": "throw new Error('x')",
            "told": "e.record.set('title', [e.requestInfo.context, e.requestInfo.method, e.requestInfo.auth?.id, "
            "JSON.stringify(e.requestInfo.body), e.tags()].join())",
        },
    ),
    "onRecordCreateRequest": (
        "'demo'",
        "e.requestInfo().query.q",
        {
            "type": "throw new TypeError('x')",
            "stop": "return",
            "api": "throw new ForbiddenError('x', {a: 1})",
            "wrapped": "try { return e.next() } catch (x) { throw new BadRequestError('caught: ' + x, x.value) }",
            "rethrown": "try { return e.next() } catch (x) { $app.store().set('caught', [x.name, x.message, x.value.status, Object.keys(x.value)].join()); throw x }",
            "set": "e.record.set('title', 'by the request')",
            "after": "e.next(); throw new Error('after')",
        },
    ),
    "onRecordUpdateRequest": (
        "'demo'",
        "e.requestInfo().query.q",
        {
            "other": "e.record = $app.findFirstRecordByData('demo', 'title', 'two'); e.record.set('title', 'two changed')",
            "set": "e.record.set('title', 'SET')",
        },
    ),
    "onRecordUpdate": (
        "'demo'",
        "e.record.get('title')",
        {
            "swap": "const o = $app.findFirstRecordByData('demo', 'title', 'three'); o.set('title', 'changed'); e.record = o",
            "upper": "e.record.set('title', 'UPPER')",
            "after": "e.next(); e.record.set('title', 'after it'); return",
            "throw after": "e.next(); throw new Error('x')",
        },
    ),
    "onRecordValidate": (
        "'demo'",
        "e.record.get('title')",
        {
            "no check": "return",
            "own field error": "throw new BadRequestError('bad', {title: new ValidationError('my_code', 'my msg')})",
            "fix": "e.record.set('n', 3)",
            "check after": "e.next(); throw new ApiError(418, 'after')",
        },
    ),
    "onRecordUpdateExecute": (
        "'demo'",
        "e.record.get('title')",
        {"no execute": "return", "at last": "e.record.set('title', 'at the last moment')"},
    ),
    "onRecordAfterUpdateSuccess": (
        "'demo'",
        "e.record.get('title')",
        {"too late": "e.record.set('title', 'too late it is')"},
    ),
    "onRecordAfterUpdateError": (
        "'demo'",
        "e.record.get('title')",
        {
            "error replaced": "throw new ApiError(419, 'replaced')",
            "error set": "e.error = new ForbiddenError('set')",
            "error told": "$app.store().set('error', [String(e.error), typeof e.error, Object.keys(e.error), "
            "JSON.stringify(e.error), e.type].join('|'))",
        },
    ),
    "onModelUpdate": (
        "'demo'",
        "e.model.get('title')",
        {"model": "e.model.set('title', 'by the model')", "veto": "throw new ForbiddenError('m')"},
    ),
    "onRecordDeleteRequest": (
        "'demo'",
        "e.requestInfo().query.q",
        {"stop": "return", "error": "throw new Error('x')", "api": "throw new ForbiddenError('x')"},
    ),
    "onRecordDelete": (
        "'demo'",
        "e.record.get('title')",
        {"stays": "return", "error": "throw new Error('x')", "api": "throw new ForbiddenError('x')"},
    ),
    "onCollectionCreateRequest": (
        "",
        "e.requestInfo().query.q",
        {
            "api": "throw new ForbiddenError('c', {a: 1})",
            "error": "throw new Error('c')",
            "stop": "return",
            "set": "e.collection.fields.add(new TextField({name: 'added'})); e.collection.listRule = ''",
            "replaced": "e.collection = new Collection({name: 'replaced', type: 'base'})",
            "after": "e.next(); throw new BadRequestError('late')",
        },
    ),
    "onCollectionCreate": (
        "",
        "e.collection.name",
        {
            "c_api": "throw new ForbiddenError('c', {a: 1})",
            "c_stop": "return",
            "c_set": "e.collection.fields.add(new TextField({name: 'added'}))",
            "c_field": "throw new BadRequestError('c', {name: new ValidationError('x', 'y')})",
            "c_none": "$app.findRecordById('users', 'x')",
        },
    ),
    "onCollectionValidate": ("", "e.collection.name", {"v_stop": "return", "v_api": "throw new ForbiddenError('v')"}),
    "onCollectionCreateExecute": ("", "e.collection.name", {"x_stop": "return", "x_set": "e.collection.listRule = ''"}),
    "onCollectionAfterCreateSuccess": ("", "e.collection.name", {"s_api": "throw new ForbiddenError('s')"}),
    "onCollectionViewRequest": (
        "",
        "e.requestInfo().query.q",
        {
            "stop": "return",
            "set": "e.collection = new Collection({name: 'shown', type: 'base'})",
            "error": "throw new Error('v')",
        },
    ),
    "onCollectionsListRequest": (
        "",
        "e.requestInfo().query.q",
        {"stop": "return", "one": "e.collections = [e.collections[0]]", "items": "e.result.items = [1]"},
    ),
    "onCollectionDeleteRequest": ("", "e.requestInfo().query.q", {"stop": "return", "error": "throw new Error('x')"}),
    "onCollectionDelete": (
        "",
        "e.collection.name",
        {"d_stop": "return", "d_error": "throw new Error('x')", "d_api": "throw new ForbiddenError('x')"},
    ),
    "onCollectionsImportRequest": (
        "",
        "e.collectionsData[0].name",
        {
            "i_stop": "return",
            "i_error": "throw new Error('x')",
            "i_api": "throw new ForbiddenError('x')",
            "i_set": "e.collectionsData[0].name = 'i_renamed'; e.deleteMissing = false",
            "i_push": "e.collectionsData = [{name: 'i_pushed', type: 'base'}]",
        },
    ),
    "onSettingsListRequest": (
        "",
        "e.requestInfo().query.q",
        {"stop": "return", "set": "e.settings.meta.appName = 'shown'"},
    ),
    "onSettingsUpdateRequest": (
        "",
        "e.requestInfo().query.q",
        {
            "stop": "return",
            "set": "e.newSettings.meta.appName = 'by a hook'",
            "old": "e.oldSettings.meta.appName = 'old'",
            "error": "throw new Error('x')",
            "api": "throw new ForbiddenError('x')",
            "not found": "$app.findRecordById('users', 'x')",
        },
    ),
    "onModelValidate": ("'_params'", "e.model.meta.appName", {"m_veto": "throw new ForbiddenError('m')"}),
    "onSettingsReload": (
        "",
        "$app.settings().meta.appName",
        {
            "r_before": "$app.store().set('reload', $app.settings().meta.appName); e.next(); "
            "$app.store().set('reload', $app.store().get('reload') + ' ' + $app.settings().meta.appName); return"
        },
    ),
    "onBatchRequest": (
        "",
        "e.requestInfo().query.q",
        {
            "stop": "return",
            "one": "e.batch = [e.batch[0]]",
            "body": "e.batch[0].body = {title: 'changed'}",
            "member": "e.batch[0].body.title = 'changed too'",
            "url": "e.batch[0].url = '/api/collections/demo/records?fields=title'",
            "api": "throw new ForbiddenError('b')",
            "error": "throw new Error('b')",
            "after": "e.next(); throw new Error('after')",
        },
    ),
    "onRecordAuthWithPasswordRequest": (
        "'users'",
        "e.requestInfo().query.q",
        {
            "stop": "return",
            "password": "e.password = 'password-1'",
            "record": "e.record = $app.findAuthRecordByEmail('users', 'hook@example.com')",
            "null": "e.record = null",
            "api": "throw new ForbiddenError('p')",
            "error": "throw new Error('p')",
            "told": "return e.json(200, [e.identity, e.identityField, e.password, e.record === null, e.auth])",
            "after": "e.next(); throw new BadRequestError('after')",
        },
    ),
    "onRecordAuthRequest": (
        "'users'",
        "e.requestInfo().query.a",
        {
            "stop": "return",
            "meta": "e.meta = {x: 1}",
            "token": "e.token = 'tok'",
            "record": "e.record.set('name', 'by a hook')",
            "error": "throw new Error('q')",
            "api": "throw new ForbiddenError('q')",
            "told": "return e.json(200, [e.authMethod, e.meta, typeof e.token, e.collection.name])",
            "after": "e.next(); throw new BadRequestError('after')",
        },
    ),
    "onRecordAuthRefreshRequest": (
        "'users'",
        "e.requestInfo().query.q",
        {"stop": "return", "error": "throw new Error('q')"},
    ),
}


def handler(hook: str) -> str:
    """JavaScript of the handler of one hook."""
    tags, asked, actions = HANDLERS[hook]
    lines = "".join(f"  if (what === {name!r}) {{ {code} }}\n" for name, code in actions.items())
    return f"{hook}((e) => {{\n  const what = {asked}\n{lines}  e.next()\n}}{tags and ', ' + tags})\n"


TAGGED = "".join(
    f"on{noun}Create((e) => {{ $app.store().set('tags', ($app.store().get('tags') || '') + {label!r} + e.tags() + ' '); "
    f"e.next() }}, {tags})\n"
    for noun, label, tags in (
        ("Record", "name:", "'tagged'"),
        ("Record", "case:", "'TAGGED'"),
        ("Record", "id:", "'pbc_185394555'"),
        ("Record", "second:", "'nope', 'tagged'"),
        ("Record", "empty:", "''"),
        ("Record", "another:", "'demo'"),
        ("Model", "model:", "'tagged'"),
        ("Model", "table:", "'_collections'"),
        ("Collection", "collection:", "'tagged'"),
    )
)
# one file: the real one loads several in no order
HOOKS = {"events.pb.js": CREATE + "".join(map(handler, HANDLERS)) + TAGGED}

RULES: dict[str, Any] = {f"{kind}Rule": "" for kind in ("list", "view", "create", "update", "delete")}
FIELDS = [{"name": "title", "type": "text"}, {"name": "n", "type": "number", "max": 5}]
DEMO = "/api/collections/demo/records"
IDS = {name: f"demo{number:011}" for number, name in enumerate(("one", "two", "three", "gone"))}
USER = {"id": "hook00000000001", "email": "hook@example.com", "verified": True}
LOGIN = "/api/collections/users/auth-with-password"


def eval_(code: str) -> Case:
    """A look into the server by its own script."""
    return case("POST", "/eval", as_="super", json={"code": code}, unordered=True, note=code)


def stored(name: str) -> Case:
    """What is in the store by a name."""
    return eval_(f"return $app.store().get({name!r})")


def titles() -> Case:
    """What is stored by now."""
    return eval_("return $app.findAllRecords('demo').map((x) => x.get('title') + x.get('n')).sort()")


def by(hook: str) -> list[str]:
    """What the handler of a hook can be asked for."""
    return list(HANDLERS[hook][2])


def listing() -> list[Case]:
    cases = [case("GET", f"{DEMO}?perPage=2&sort=id", query=None, note="list")]
    for q in by("onRecordsListRequest"):
        cases += [case("GET", DEMO, query={"perPage": "2", "sort": "id", "q": q}, unordered=q == "told")]
    cases += [case("GET", f"{DEMO}/{IDS['one']}", query={"q": q}) for q in by("onRecordViewRequest")]
    cases += [stored("written")]
    for q in by("onRecordEnrich"):
        cases += [
            case("GET", f"{DEMO}/{IDS['one']}", query={"enrich": q}),
            case("GET", DEMO, query={"enrich": q, "sort": "id"}),
        ]
    return cases


def writing() -> list[Case]:
    # what is prevented has drawn an id, which nobody knows
    cases = [case("POST", DEMO, json={"title": name, "id": f"created{n:08}"}) for n, name in enumerate(OUTCOMES)]
    cases += [titles(), stored("caught")]
    for q in by("onRecordCreateRequest"):
        cases += [case("POST", DEMO, query={"q": q}, json={"title": "requested", "n": n}) for n in (1, 9)]
    cases += [titles(), stored("caught")]
    cases += [
        case("PATCH", f"{DEMO}/{IDS['one']}", query={"q": q}, json={"title": "x"}) for q in by("onRecordUpdateRequest")
    ]
    for hook in ("onRecordUpdate", "onRecordUpdateExecute", "onRecordAfterUpdateSuccess", "onModelUpdate"):
        for title in by(hook):
            cases += [case("PATCH", f"{DEMO}/{IDS['one']}", json={"title": title, "n": 1}), titles()]
    for title in by("onRecordValidate"):
        cases += [case("PATCH", f"{DEMO}/{IDS['one']}", json={"title": title, "n": 9}), titles()]
    for title in by("onRecordAfterUpdateError"):
        cases += [case("PATCH", f"{DEMO}/{IDS['one']}", json={"title": title, "n": 9})]
    cases += [stored("error")]
    cases += [case("DELETE", f"{DEMO}/{IDS['one']}", query={"q": q}) for q in by("onRecordDeleteRequest")]
    for title in by("onRecordDelete"):
        path = f"{DEMO}/{IDS['gone']}"
        cases += [case("PATCH", path, json={"title": title}), case("DELETE", path), case("GET", path)]
    return cases


def collections() -> list[Case]:
    def create(name: str, **query: str) -> list[Case]:
        path = "/api/collections"
        made = case("POST", path, query=query, as_="super", json={"name": name, "type": "base"}, unordered=True)
        return [made, case("GET", f"{path}/{name}", as_="super")]

    cases = [each for q in by("onCollectionCreateRequest") for each in create(f"q_{q}", q=q)]
    for hook in ("onCollectionCreate", "onCollectionValidate", "onCollectionCreateExecute"):
        cases += [each for name in by(hook) for each in create(name)]
    cases += create("s_api")
    cases += [case("GET", "/api/collections/demo", query={"q": q}, as_="super") for q in by("onCollectionViewRequest")]
    cases += [
        case("GET", "/api/collections", query={"perPage": "2", "sort": "id", "q": q}, as_="super")
        for q in by("onCollectionsListRequest")
    ]
    for name in by("onCollectionDelete"):
        cases += [*create(name), case("DELETE", f"/api/collections/{name}", as_="super")]
        cases += [case("GET", f"/api/collections/{name}", as_="super")]
    cases += [
        case("DELETE", "/api/collections/demo", query={"q": q}, as_="super") for q in by("onCollectionDeleteRequest")
    ]
    for name in by("onCollectionsImportRequest"):
        body = {"collections": [{"name": name, "type": "base"}]}
        cases += [case("PUT", "/api/collections/import", json=body, as_="super")]
        cases += [eval_("return $app.findAllCollections().map((x) => x.name).filter((x) => x[0] === 'i').sort()")]
    return cases


def settings() -> list[Case]:
    name = {"fields": "meta.appName"}
    cases = [case("GET", "/api/settings", query={**name, "q": q}, as_="super") for q in by("onSettingsListRequest")]
    for q in by("onSettingsUpdateRequest"):
        body = {"meta": {"appName": f"for {q}"}}
        cases += [case("PATCH", "/api/settings", query={**name, "q": q}, json=body, as_="super")]
        cases += [case("GET", "/api/settings", query=name, as_="super")]
    for wanted in ("m_veto", "r_before", "at the end"):
        cases += [case("PATCH", "/api/settings", query=name, json={"meta": {"appName": wanted}}, as_="super")]
        cases += [case("GET", "/api/settings", query=name, as_="super"), stored("reload")]
    return cases


def batches() -> list[Case]:
    allowed = {"batch": {"enabled": True}}
    requests = [{"method": "POST", "url": DEMO, "body": {"title": name}} for name in ("b1", "b2")]
    return [
        case("PATCH", "/api/settings", query={"fields": "batch.enabled"}, json=allowed, as_="super"),
        case("POST", "/api/batch", json={"requests": requests}),
        *(case("POST", "/api/batch", query={"q": q}, json={"requests": requests}) for q in by("onBatchRequest")),
        titles(),
    ]


def logins() -> list[Case]:
    right = {"identity": USER["email"], "password": "password-1"}
    cases = [case("POST", LOGIN, json=right)]
    for body in (right, {**right, "password": "wrong"}, {**right, "identity": "no@example.com"}):
        cases += [case("POST", LOGIN, query={"q": q}, json=body) for q in by("onRecordAuthWithPasswordRequest")]
    cases += [case("POST", LOGIN, query={"a": q}, json=right) for q in by("onRecordAuthRequest")]
    refresh = "/api/collections/users/auth-refresh"
    cases += [case("POST", refresh, query={"q": q}, as_="user1") for q in by("onRecordAuthRefreshRequest")]
    cases += [case("POST", refresh, query={"a": q}, as_="user1") for q in by("onRecordAuthRequest")]
    return cases


CASES = [
    case("POST", "/api/collections", as_="super", json={"name": "demo", "type": "base", "fields": FIELDS, **RULES}),
    *(case("POST", DEMO, json={"id": identifier, "title": name}) for name, identifier in IDS.items()),
    case(
        "POST",
        "/api/collections/users/records",
        as_="super",
        json={**USER, "password": "password-1", "passwordConfirm": "password-1"},
    ),
    *listing(),
    *writing(),
    *collections(),
    *settings(),
    *batches(),
    *logins(),
    case("POST", "/api/collections", as_="super", json={"name": "tagged", "type": "base", "createRule": ""}),
    case("POST", "/api/collections/tagged/records", json={}),
    stored("tags"),
]


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in named(CASES)])
def test_same(pair: Pair, item: Case) -> None:
    pair.check(item)


# What an exception looks like to who catches it: after a handler of another event, and after a function of a transaction.
# The keys of what is data to the real one come in any order.
SORTED = """((v) => { const text = JSON.stringify(v); return text && JSON.stringify(JSON.parse(text), (_, o) =>
    o && typeof o === "object" && !Array.isArray(o) ? Object.fromEntries(Object.keys(o).sort().map((k) => [k, o[k]])) : o) })"""
CAUGHT = (
    "try { %s } catch (x) { return [String(x), typeof x, x?.name, typeof x?.message === 'function' || x?.message, "
    + f"{SORTED}(x), x?.value && Object.keys(x.value), x?.status] }}"
)
SNIPPETS = evaluated(
    *(
        CAUGHT
        % f"const x = new Record($app.findCollectionByNameOrId('demo'), {{title: {name!r}}}); $app.save(x); return x.isNew()"
        for name in (
            "type",
            "api",
            "text",
            "object",
            "null",
            "number",
            "field",
            "not found",
            "sql",
            "other invalid",
            "stop",
            "returned",
            "after",
        )
    ),
    *(
        CAUGHT % f"$app.runInTransaction((tx) => {{ {code} }})"
        for code in (
            'throw new BadRequestError("q", {a: new ValidationError("b", "c")})',
            'throw new Error("q")',
            'throw "q"',
            "throw {a: 1}",
            'tx.findRecordById("users", "zz")',
            'throw new ValidationError("t", "u")',
        )
    ),
    "const o = new TypeError('t'); try { $app.runInTransaction((tx) => { throw o }) } catch (x) { return x === o }",
    "const o = new ForbiddenError('t'); try { $app.runInTransaction((tx) => { throw o }) } catch (x) { return [x === o, x instanceof ForbiddenError] }",
)


@pytest.mark.parametrize("item", SNIPPETS)
def test_same_when_caught(pair: Pair, item: Any) -> None:
    pair.check(item)
