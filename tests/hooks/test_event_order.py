"""Which events there are, in which order and in which state of things: every hook writes down when it begins and ends.

The logger is one handler for each hook that the real one knows. What it writes down is drained around each request, and
must be the same on both sides, line by line.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.hooks.harness import Pair
from tests.oracle.harness import Case, case

MODELS = [
    f"on{noun}{name}"
    for noun in ("Record", "Collection", "Model")
    for name in (
        "Validate",
        *(
            f"{before}{kind}{after}"
            for kind in ("Create", "Update", "Delete")
            for before, after in (("", ""), ("", "Execute"), ("After", "Success"), ("After", "Error"))
        ),
    )
]
REQUESTS = [
    *(f"onRecord{kind}Request" for kind in ("View", "Create", "Update", "Delete")),
    *(f"onRecord{kind}Request" for kind in ("Auth", "AuthRefresh", "AuthWithPassword")),
    *(f"onCollection{kind}Request" for kind in ("View", "Create", "Update", "Delete")),
    "onRecordsListRequest",
    "onRecordEnrich",
    "onBatchRequest",
    "onCollectionsListRequest",
    "onCollectionsImportRequest",
    "onSettingsListRequest",
    "onSettingsUpdateRequest",
    "onSettingsReload",
]
# `T`: in a transaction. Of collections it is not told: here all of a change of theirs is one.
LOGGER = """
NAME((e) => {
    const about = e.record ?? e.model
    let what = ""
    if (e.record) what = e.record.collection().name + (e.record.id ? "" : " without id") + (e.app.isTransactional() ? " T" : "")
    else if (e.model && e.model.collection) what = "record of " + e.model.collection().name + (e.app.isTransactional() ? " T" : "")
    else if (e.model) what = e.model.tableName() + " " + (e.model.name ?? "")
    else if (e.collection) what = "collection " + e.collection.name
    if (what === "_logs ") return e.next()
    const note = (line) => $app.store().set("log", ($app.store().get("log") || "") + line + "\\n")
    note("> NAME " + (e.type ?? "") + " " + what)
    try {
        e.next()
    } catch (x) {
        note("! NAME " + x)
        throw x
    }
    note("< NAME")
})
"""
FAILING = """
onRecordCreateExecute((e) => {
    if (e.record.get("title") === "boom") throw new BadRequestError("boom")
    e.next()
}, "demo")
onRecordAfterCreateSuccess((e) => {
    if (e.record.get("title") === "late") throw new BadRequestError("late")
    e.next()
}, "demo")
onRecordValidate((e) => {
    if (e.record.get("title") === "invalid") throw new BadRequestError("invalid")
    e.next()
}, "demo")
"""
# one file: the real one loads several in no order
HOOKS = {"order.pb.js": "".join(LOGGER.replace("NAME", name) for name in (*MODELS, *REQUESTS)) + FAILING}

RULES: dict[str, Any] = {f"{kind}Rule": "" for kind in ("list", "view", "create", "update", "delete")}
FIELDS = [{"name": "title", "type": "text"}, {"name": "n", "type": "number", "max": 5}]
RELATION = {"type": "relation", "collectionId": "pbc_4048533520", "maxSelect": 1}
ONE, TWO, USER = "demo00000000001", "demo00000000002", "user00000000009"
PASSWORDS = {"password": "12345678", "passwordConfirm": "12345678"}


@dataclass(frozen=True)
class Step:
    """A request, and what is compared of what its handlers wrote down: `flat`: not where they end."""

    item: Case
    flat: bool = False
    # whether the log must have something
    heard: bool = True


def api(method: str, path: str, body: Any = None, *, as_: str | None = "super", **options: Any) -> Step:
    """A step of /api; options of `Step` and `case`."""
    own = {key: options.pop(key) for key in ("flat", "heard") if key in options}
    if body is not None:
        options["json"] = body
    return Step(case(method, f"/api/{path}", as_=as_, **options), **own)


def js(code: str, **options: Any) -> Step:
    """A step of JavaScript."""
    return Step(case("POST", "/eval", as_="super", json={"code": code}, unordered=True), **options)


def ref(name: str, title: str) -> str:
    """JavaScript for a new record."""
    return f"const c = $app.findCollectionByNameOrId('{name}'); const x = new Record(c, {{title: '{title}'}}); "


DEMO = "collections/demo/records"
STEPS = {
    "create a collection": api("POST", "collections", {"name": "demo", "type": "base", "fields": FIELDS, **RULES}),
    "create a second one": api(
        "POST",
        "collections",
        {"name": "kids", "fields": [{"name": "parent", "cascadeDelete": True, **RELATION}], **RULES},
    ),
    "create a third one": api(
        "POST", "collections", {"name": "soft", "fields": [{"name": "link", **RELATION}], **RULES}
    ),
    "create a fourth one": api(
        "POST",
        "collections",
        {"name": "leaf", "fields": [{**RELATION, "name": "soft", "collectionId": "pbc_1485259463"}]},
    ),
    "create one with a bad name": api("POST", "collections", {"name": "a b"}),
    "create one with a bad index": api(
        "POST", "collections", {"name": "bad", "indexes": ["create index x on bad (no)"]}
    ),
    "view a collection": api("GET", "collections/demo"),
    "list collections": api("GET", "collections"),
    "update a collection": api("PATCH", "collections/demo", {"listRule": "id != ''"}),
    "create a view": api(
        "POST", "collections", {"name": "vw", "type": "view", "viewQuery": "select id from demo", "listRule": ""}
    ),
    "update a collection that a view needs": api("PATCH", "collections/demo", {"fields": FIELDS[1:]}),
    "create": api("POST", DEMO, {"id": ONE, "title": "x"}, as_=None),
    "create without an id": api("POST", DEMO, {"title": "x"}, as_=None),
    "create an invalid one": api("POST", DEMO, {"title": "x", "n": 7}, as_=None),
    "create, refused by a validation": api("POST", DEMO, {"title": "invalid"}, as_=None),
    "create, refused when it is stored": api("POST", DEMO, {"title": "boom"}, as_=None),
    "create, failing afterwards": api("POST", DEMO, {"title": "late"}, as_=None),
    "create one that is there": api("POST", DEMO, {"id": ONE, "title": "x"}, as_=None),
    "view": api("GET", f"{DEMO}/{ONE}", as_=None),
    "view one that is not there": api("GET", f"{DEMO}/{TWO}", as_=None, heard=False),
    "list": api("GET", DEMO, as_=None, flat=True),
    "list a view's": api("GET", "collections/vw/records", as_=None, flat=True),
    "update": api("PATCH", f"{DEMO}/{ONE}", {"title": "y"}, as_=None),
    "update with nothing": api("PATCH", f"{DEMO}/{ONE}", {}, as_=None),
    "update, invalid": api("PATCH", f"{DEMO}/{ONE}", {"n": 9}, as_=None),
    "create a dependent": api("POST", "collections/kids/records", {"parent": ONE}, as_=None),
    "create what only refers": api("POST", "collections/soft/records", {"link": ONE}, as_=None),
    "list with expand": api("GET", "collections/kids/records?expand=parent", as_=None),
    "view with expand of back relations": api("GET", f"{DEMO}/{ONE}?expand=kids_via_parent.parent", as_=None),
    "delete with a cascade": api("DELETE", f"{DEMO}/{ONE}", as_=None),
    "allow batches": api("PATCH", "settings", {"batch": {"enabled": True}}),
    "batch": api(
        "POST",
        "batch",
        {"requests": [{"method": "POST", "url": f"/api/{DEMO}", "body": {"title": name}} for name in ("b1", "b2")]},
        as_=None,
        flat=True,
    ),
    "batch that fails": api(
        "POST",
        "batch",
        {"requests": [{"method": "POST", "url": f"/api/{DEMO}", "body": {"n": number}} for number in (1, 9)]},
        as_=None,
        flat=True,
    ),
    "list settings": api("GET", "settings"),
    "update settings": api("PATCH", "settings", {"meta": {"appName": "x"}}),
    "update settings badly": api("PATCH", "settings", {"meta": {"appName": ""}}),
    "create a user": api("POST", "collections/users/records", {"id": USER, "email": "a@b.co", **PASSWORDS}),
    "log in": api(
        "POST", "collections/users/auth-with-password", {"identity": "a@b.co", "password": "12345678"}, as_=None
    ),
    "log in again": api(
        "POST", "collections/users/auth-with-password", {"identity": "a@b.co", "password": "12345678"}, as_=None
    ),
    "log in with a wrong password": api(
        "POST", "collections/users/auth-with-password", {"identity": "a@b.co", "password": "x"}, as_=None
    ),
    "log in as nobody": api(
        "POST", "collections/users/auth-with-password", {"identity": "no@b.co", "password": "x"}, as_=None
    ),
    "refresh": api("POST", "collections/users/auth-refresh", as_="user1"),
    "impersonate": api("POST", f"collections/users/impersonate/{USER}", {}),
    "change a password": api(
        "PATCH", f"collections/users/records/{USER}", {"password": "123456789", "passwordConfirm": "123456789"}
    ),
    "want two factors": api("PATCH", "collections/users", {"mfa": {"enabled": True}, "otp": {"enabled": True}}),
    "log in with the first factor": api(
        "POST", "collections/users/auth-with-password", {"identity": "a@b.co", "password": "123456789"}, as_=None
    ),
    "link an account": api(
        "POST",
        "collections/_externalAuths/records",
        {"collectionRef": "_pb_users_auth_", "recordRef": USER, "provider": "google", "providerId": "9"},
    ),
    "send a code": api(
        "POST",
        "collections/_otps/records",
        {"collectionRef": "_pb_users_auth_", "recordRef": USER, **PASSWORDS},
    ),
    "become verified": api("PATCH", f"collections/users/records/{USER}", {"verified": True}),
    "delete a user": api("DELETE", f"collections/users/records/{USER}"),
    "truncate": api("DELETE", "collections/demo/truncate"),
    "import": api(
        "PUT",
        "collections/import",
        {"collections": [{"name": "imported"}, {"name": "demo", "fields": FIELDS}]},
    ),
    "import badly": api(
        "PUT",
        "collections/import",
        {"collections": [{"name": "no", "fields": [{"name": "a", "type": "text", "min": -1}]}]},
    ),
    "delete a collection in use": api("DELETE", "collections/soft"),
    "delete a collection": api("DELETE", "collections/imported"),
    "dry run": api("POST", "collections/meta/dry-run-view", {"query": "select id from demo"}, heard=False),
    "js: save, change, delete": js(
        ref("demo", "js") + "$app.save(x); x.set('title', 'js2'); $app.save(x); $app.delete(x)"
    ),
    "js: save without validation": js(ref("demo", "js") + "$app.saveNoValidate(x)"),
    "js: invalid": js(ref("demo", "js") + "x.set('n', 9); $app.save(x)"),
    "js: a transaction": js(ref("demo", "js") + "$app.runInTransaction((tx) => { tx.save(x); tx.delete(x) })"),
    "js: a transaction rolled back": js(
        ref("demo", "js") + "$app.runInTransaction((tx) => { tx.save(x); throw new Error('no') })"
    ),
    "js: without hooks": js(
        ref("demo", "js") + "x.id = 'quiet0000000001'; $app.unsafeWithoutHooks().save(x)", heard=False
    ),
    "js: delete what is not stored": js(ref("demo", "js") + "$app.delete(x)"),
    "js: delete what is gone": js(
        ref("demo", "js") + "$app.save(x); $app.db().newQuery('delete from demo').execute(); $app.delete(x)"
    ),
    "js: settings": js("const s = $app.settings(); s.meta.appName = 'js'; $app.save(s)"),
    "js: a collection": js(
        "const c = new Collection({name: 'jsc', type: 'base'}); $app.save(c); c.name = 'jsd'; $app.save(c); $app.delete(c)"
    ),
    "js: enrich": js("$apis.enrichRecord(e, $app.findAllRecords('soft')[0])"),
}


def drained(pair: Pair) -> list[list[str]]:
    """What both sides have written down since the last time."""
    code = "const log = $app.store().get('log') || ''; $app.store().set('log', ''); return log"
    outcome = pair.ask(case("POST", "/eval", as_="super", json={"code": code}))
    sides = []
    for answer in (outcome.real, outcome.other):
        assert not isinstance(answer, str), answer
        said: str = answer.json()["s"]
        sides.append(said.splitlines())
    return sides


@pytest.mark.parametrize("step", [pytest.param(step, id=name) for name, step in STEPS.items()])
def test_same_order(pair: Pair, step: Step) -> None:
    if pair.sides:
        drained(pair)
    outcome = pair.ask(step.item)
    real, other = ([line for line in side if not step.flat or line.startswith(">")] for side in drained(pair))
    assert "\n".join(other) == "\n".join(real)
    assert bool(real) is step.heard
    assert not isinstance(outcome.real, str)
    assert not isinstance(outcome.other, str)
    assert outcome.other.status == outcome.real.status
