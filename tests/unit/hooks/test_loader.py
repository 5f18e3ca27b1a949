"""Loading in the engine alone: what is registered and where it stands, what is refused, and how modules are found."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.hooks.realm import Realm, go
from worker.hooks.manifest import parse


def module(files: dict[str, str]) -> Callable[[str, str], list[str]]:
    """An operation that knows these modules by their paths, relative names seen from the folder that asks."""

    def require(folder: str, name: str) -> list[str]:
        path = name if name.startswith("/") else f"{folder or '/pb_hooks'}/{name.removeprefix('./')}"
        if path not in files:
            raise go("Invalid module")
        return [path, files[path]]

    return require


PLACES = [
    ("onRecordCreate((e) => e.next())", 1, 16),
    ("// one\n\n  onRecordCreate(function (e) {\n  return e.next()\n}, 'posts')", 3, 18),
    ("onRecordCreate(\n    // why\n    async (e) => {\n        await e.next()\n    },\n)", 3, 5),
    ("const f = (e) => 1\n\nonRecordCreate(f)", 1, 11),
    ("const o = { get m() { return (e) => 5 } }\nonRecordCreate(o.m)", 1, 30),
    ("onRecordUpdate((e) => 1)\nfor (let i = 0; i < 2; i++)\nonRecordCreate((e) => 1)", 3, 16),
    ("#!/usr/bin/env node\nonRecordCreate((e) => 2)", 2, 16),
    ("\ufeffonRecordCreate((e) => 2)", 1, 16),
    ("'use strict'\nonRecordCreate('(e) => 3')", 2, 17),
    ("onRecordCreate('(e) => ' + 4)", 1, 28),  # it stands nowhere: where it was registered
    ("Promise.resolve().then(() => onRecordCreate((e) => 2))", 1, 45),
]


@pytest.mark.parametrize(("source", "line", "column"), PLACES)
def test_place_of_a_handler(source: str, line: int, column: int) -> None:
    found = Realm().load({"a.pb.js": "\nonRecordDelete((e) => e.next())\n", "b.pb.js": source})
    handler = found["handlers"][-1]
    assert (handler["file"], handler["line"], handler["column"]) == ("/pb_hooks/b.pb.js", line, column)


def test_what_is_registered() -> None:
    found = Realm().load(
        {
            "a.pb.js": """
onRecordCreate((e) => e.next(), "posts", 5, null)
routerAdd("get", "/x/{id}", (e) => 1, (e) => e.next(), (e) => 2)
routerUse((e) => e.next())
cronAdd("a", "@hourly", () => 1)
cronAdd("b", "* * * * *", () => 2)
cronAdd("a", "@daily", () => 3)
cronRemove("b")
onBootstrap((e) => e.next())
"""
        }
    )
    manifest = parse(found)
    sources = [handler.source for handler in manifest.handlers]
    assert [(each.event, each.tags) for each in manifest.handlers if each.event] == [
        ("onRecordCreate", ("posts", "5", "null")),
        ("onBootstrap", ()),
    ]
    (route,) = manifest.routes
    assert (route.method, route.path, route.line) == ("GET", "/x/{id}", 3)
    assert [sources[step.handler] for step in (route.action, *route.middlewares)] == [
        "(e) => 1",
        "(e) => e.next()",
        "(e) => 2",
    ]
    assert [sources[step.handler] for step in manifest.uses] == ["(e) => e.next()"]
    assert [(job.id, job.expression, sources[job.handler]) for job in manifest.crons] == [("a", "@daily", "() => 3")]
    assert manifest.handlers[route.action.handler].line == 3


FAILURES = [
    ("let a = 1;\nlet b = ;", "SyntaxError: ", 2),
    ("\n\nthrow new Error('oops')", "Error: oops", 3),
    ("\nmissing()", "ReferenceError: missing is not defined", 2),
    ("throw 'text'", "text", 0),
    ("throw undefined", "undefined", 0),
    ("throw { toString() { throw 1 } }", "an error that can't be told", 0),
    ("throw new BadRequestError('no')", "No.", 1),
    ("return 1", "SyntaxError: ", 1),
    ("await 1", "SyntaxError: ", 1),
    ("import x from './x.js'", "SyntaxError: ", 1),
    ("function f() { f() }\nf()", "RangeError: ", 1),
    ("\nonBootstrap((e) => e.next(), 'tag')", "TypeError: reflect: Call with too many input arguments", 2),
    ("onRecordCreate()", "SyntaxError: onRecordCreate: ", 1),
    ("onRecordCreate({})", "SyntaxError: onRecordCreate: ", 1),
    ("onRecordCreate('not js (')", "SyntaxError: onRecordCreate: ", 1),
    ("onRecordCreate(Math.max)", "SyntaxError: onRecordCreate: ", 1),
    ("onRecordCreate((function () {}).bind(null))", "SyntaxError: onRecordCreate: ", 1),
    ("const o = { m(e) {} }\n\nonRecordCreate(o.m)", "SyntaxError: onRecordCreate: ", 3),
    ("onRecordCreate(function () { return 010 })", "SyntaxError: onRecordCreate: ", 1),
    ("routerAdd('GET', '/x')", "GoError: [routerAdd] failed to wrap handler: handler must be non-nil", 1),
    ("routerAdd('GET', '/x', 1)", "GoError: [routerAdd] failed to wrap handler: unsupported goja handler type", 1),
    (
        "routerAdd('GET', '/x', (e) => 1, [(e) => 2])",
        "GoError: [routerAdd] failed to wrap middlewares: unsupported goja middleware type",
        1,
    ),
    ("routerUse(null)", "GoError: [routerUse] failed to wrap middlewares: unsupported goja middleware type", 1),
    ("cronAdd('x')", "SyntaxError: cronAdd: ", 1),
    ("migrate(() => {})", "ReferenceError: migrate is not defined", 1),
    ("onServe(() => {})", "ReferenceError: onServe is not defined", 1),
]


@pytest.mark.parametrize(("source", "message", "line"), FAILURES)
def test_failure_and_its_place(source: str, message: str, line: int) -> None:
    error = Realm().load({"a.pb.js": "onRecordCreate((e) => 1)\n\n", "b.pb.js": source, "c.pb.js": "never()"})["error"]
    assert error["message"].startswith(message)
    assert (error["file"], error["line"]) == ("/pb_hooks/b.pb.js", line)


@pytest.mark.parametrize("source", ["onRecordCreate(null)", "onBootstrap((e) => 1, 2)", "routerAdd('GET', '/x', 1)"])
def test_no_catch_hides_a_refusal(source: str) -> None:
    realm = Realm()
    assert "error" in realm.load({"a.pb.js": f"try {{ {source} }} catch {{}}"})
    # and nothing of it is left for the next loading
    assert "error" not in realm.load({"a.pb.js": "onRecordCreate((e) => 1)"})


def test_files_are_sloppy_and_share_their_globals() -> None:
    files = {
        "a.pb.js": "shared = 010; var other = this === globalThis",
        "b.pb.js": "if (shared !== 8 || !other) throw 1",
    }
    assert "error" not in Realm().load(files)


def test_what_exists_only_while_loading() -> None:
    realm = Realm()
    assert "error" in realm.load({"a.pb.js": "if (typeof onRecordCreate !== 'function') throw 1\nmissing()"})
    (again,) = realm.run(
        ("load", {"kind": "migrations", "files": [{"path": "/m", "source": "throw typeof routerAdd"}]})
    )
    assert again["v"]["error"]["message"] == "undefined"


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("() => { undeclared = 1 }", "undeclared is not defined"),
        ("function () { return [this === undefined, arguments.length] }", [True, 0]),
        ("function named() { return typeof named }", "function"),
        ("() => outer", "outer is not defined"),
        (
            "() => [typeof onRecordCreate, typeof routerAdd, typeof migrate, typeof require]",
            ["undefined"] * 3 + ["function"],
        ),
        ("async () => { await null; return 5 }", 5),
        ("'() => 6'", 6),
    ],
)
def test_handler_is_strict_and_alone(source: str, result: Any) -> None:
    found = Realm().load({"a.pb.js": f"const outer = 1\n\ncronAdd('j', '@hourly', {source})"})
    # run in another process, which gets it from the host
    realm = Realm({"handler": lambda number: found["handlers"][number]})
    (came,) = realm.run(("job", {"handler": 0}))
    if "v" in came:
        assert came["v"] == result
    else:
        assert came["e"]["message"] == result
        assert "/pb_hooks/a.pb.js:3:" in came["e"]["stack"]


def test_stack_of_a_handler_names_the_tenants_files() -> None:
    source = "() => {\n  const { fail } = require('./u.js')\n  fail()\n}"
    realm = Realm(
        {
            "handler": lambda number: {"source": source, "file": "/pb_hooks/x.pb.js", "line": 41, "column": 9},
            "require": module({"/pb_hooks/u.js": "\nexports.fail = function fail() {\n  null.member\n}"}),
        }
    )
    for _ in range(2):
        (came,) = realm.run(("job", {"handler": 0}))
        frames = came["e"]["stack"].splitlines()
        assert frames[0].startswith("    at fail (/pb_hooks/u.js:3:")
        assert "/pb_hooks/x.pb.js:43:" in frames[1]
        assert not any("dukpy" in frame or "<input>" in frame for frame in frames)
    assert [call[0] for call in realm.calls] == ["handler", "require"]


MODULES = {
    "/pb_hooks/u.js": "module.exports = { n: 1, where: __filename + ' ' + __dirname, same: this === exports }",
    "/pb_hooks/count.js": "globalThis.times = (globalThis.times || 0) + 1; exports.times = globalThis.times",
    "/pb_hooks/c1.js": "exports.done = false; const b = require('./c2.js'); exports.done = 'c1 ' + b.saw",
    "/pb_hooks/c2.js": "exports.saw = require('./c1.js').done",
    "/pb_hooks/throws.js": "globalThis.thrown = (globalThis.thrown || 0) + 1; throw new Error('t' + globalThis.thrown)",
    "/pb_hooks/syntax.js": "let x = 1;\nlet = ;;",
    "/pb_hooks/d.json": '{"a": [1]}',
    "/pb_hooks/bad.json": "{",
    "/pb_hooks/returns.js": "exports.a = 1; return; exports.b = 2",
    "/pb_hooks/sloppy.js": "undeclared = 3; module.exports = [undeclared, 010]",
    "/pb_hooks/early.js": "module.exports = 1; module = null",
}
REQUIRES = [
    ("require('./u.js')", {"n": 1, "where": "/pb_hooks/u.js /pb_hooks", "same": True}),
    ("require(__hooks + '/u.js') === require('./u.js')", True),
    ("[require('./count.js').times, require(`${__hooks}/count.js`).times]", [1, 1]),
    ("require('./c1.js').done", "c1 false"),
    ("require('./d.json').a", [1]),
    ("require('./returns.js')", {"a": 1}),
    ("require('./sloppy.js')", [3, 8]),
    ("require('./early.js')", 1),
    ("tried(() => require('./throws.js')) + tried(() => require('./throws.js'))", "Error: t1Error: t2"),
    ("tried(() => require('./missing.js'))", "GoError: Invalid module"),
    ("tried(() => require())", "GoError: Invalid module"),
    ("tried(() => require('node:fs'))", "GoError: No such built-in module"),
    ("tried(() => require('./syntax.js')).slice(0, 49)", "GoError: SyntaxError: /pb_hooks/syntax.js: Line 2"),
    ("tried(() => require('./bad.json')).slice(0, 13)", "SyntaxError: "),
    (
        "require('util').format('%s %d %j %% %x', 1, '2', {a: 1}, 4, {}, null)",
        '1 2 {"a":1} % %x 4 [object Object] null',
    ),
    ("require('util').format('%d %s', 'x')", "NaN %s"),
    ("require('util') === require('node:util')", True),
    ("require('console') === console", True),
    ("require('process') === process", True),
    ("typeof require('buffer').Buffer", "function"),
]


@pytest.mark.parametrize(("code", "expected"), REQUIRES)
def test_require(code: str, expected: Any) -> None:
    realm = Realm({"require": module(MODULES)})
    source = "function tried(f) { try { return f() } catch (x) { return String(x) } }\n"
    error = realm.load({"a.pb.js": f"{source}throw JSON.stringify({code})"})["error"]
    assert json.loads(error["message"]) == expected


def test_migrations_keep_what_they_see() -> None:
    realm = Realm()
    found = realm.load(
        {
            "1_a.js": "const seen = 1; migrate((app) => seen); migrate((app) => 2)",
            "2_b.js": "migrate(null, (app) => 3)",
        },
        kind="migrations",
    )
    assert found["migrations"] == [
        {"file": "/pb_migrations/1_a.js", "up": True, "down": False},
        {"file": "/pb_migrations/2_b.js", "up": False, "down": True},
    ]
    assert (
        "could not convert 1 to func(core.App) error"
        in realm.load({"3.js": "migrate(1)"}, "migrations")["error"]["message"]
    )
