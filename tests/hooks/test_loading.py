"""Loading as the real one does it: modules, the forms of handlers, and what of a file a handler still sees."""

import pytest

from tests.hooks.harness import Pair, Snippet, case, evaluated, snippet

LIBRARY = {
    "lib/u.js": "module.exports = { n: 1, name: __filename.split('/').slice(-3).join('/'), same: this === exports }",
    "lib/v.js": "exports.v = require('./deep/w').w; exports.up = require('../lib/u').n",
    "lib/deep/w.js": "exports.w = 3",
    "lib/folder/index.js": "module.exports = 'index of a folder'",
    "lib/both.js": "module.exports = 'a file'",
    "lib/both/index.js": "module.exports = 'a folder'",
    "lib/d.json": '{"a": [1, {"b": null}]}',
    "lib/bad.json": "{",
    "lib/count.js": "globalThis.loads = (globalThis.loads || 0) + 1; exports.loads = globalThis.loads",
    "lib/c1.js": "exports.done = false; const b = require('./c2'); exports.done = 'c1 ' + b.saw",
    "lib/c2.js": "exports.saw = require('./c1').done",
    "lib/throws.js": "throw new Error('thrown while loading')",
    "lib/api.js": "throw new BadRequestError('as an answer')",
    "lib/returns.js": "exports.a = 1; return; exports.b = 2",
    "lib/sloppy.js": "undeclared = 3; module.exports = [undeclared, 010, (function () { return typeof this })()]",
    "lib/shape.js": "module.exports = [typeof module, typeof exports, Object.keys(module).join(), arguments.length, "
    "typeof require.cache, typeof require.resolve, typeof onRecordCreate, typeof routerAdd, typeof $app]",
    "lib/text.txt": "module.exports = 'no ending of its own'",
    "lib/noext": "module.exports = 'no ending at all'",
    "lib/closure.js": "const seen = { times: 0 }; module.exports = () => ++seen.times",
    "lib/var.js": "var leaked = 1; module.exports = typeof globalThis.leaked",
    "lib/null.js": "module.exports = null",
    "node_modules/pkg/package.json": '{"main": "lib/main.js"}',
    "node_modules/pkg/lib/main.js": "module.exports = 'package ' + require('./x')",
    "node_modules/pkg/lib/x.js": "module.exports = 'and its part'",
    "node_modules/@scope/p/index.js": "module.exports = 'scoped ' + require('pkg')",
    "lib/usespkg.js": "module.exports = [require('pkg'), require('pkg/lib/x'), require('@scope/p')]",
    "lib/main/package.json": '{"main": "./m"}',
    "lib/main/m.js": "module.exports = 'by its main'",
    "lib/lost/package.json": '{"main": "nowhere.js"}',
    "lib/lost/index.js": "module.exports = 'never'",
}
FORMS = r"""
const outer = 7
const methods = { get made() { return (e) => e.json(200, "made by a getter") } }
routerAdd("GET", "/form/arrow", (e) => e.json(200, "arrow"))
routerAdd("GET", "/form/function", function (e) { return e.json(200, [this === undefined, arguments.length]) })
routerAdd("GET", "/form/named", function named(e) { return e.json(200, typeof named) })
routerAdd("GET", "/form/text", "(e) => e.json(200, 'from a text')")
routerAdd("GET", "/form/getter", methods.made)
routerAdd("GET", "/form/outer", (e) => e.json(200, outer))
routerAdd("GET", "/form/outertype", (e) => e.json(200, [typeof outer, typeof methods, typeof globalThis.outer]))
routerAdd("GET", "/form/sloppy", (e) => { undeclaredHere = 1; return e.json(200, undeclaredHere) })
routerAdd("GET", "/form/async", async (e) => e.json(200, "async"))
routerAdd("GET", "/form/awaits", async (e) => { await null; return e.json(200, "after a wait") })
routerAdd("GET", "/form/promise", (e) => Promise.resolve(1).then(() => e.json(200, "promised")))
routerAdd("GET", "/form/rejects", (e) => Promise.reject(new BadRequestError("rejected")))
routerAdd("GET", "/form/asyncthrows", async (e) => { throw new ForbiddenError("thrown") })
routerAdd("GET", "/form/throws", (e) => { throw new Error("not told") })
routerAdd("get", "/form/lower", (e) => e.json(200, "a method in lower case"))
routerAdd("GET", "/form/late", (e) => { routerAdd("GET", "/form/added", (e) => 1); return e.json(200, 1) })
routerAdd("GET", "/form/global", (e) => { globalThis.kept = (globalThis.kept || 0) + 1; return e.json(200, kept > 0) })
routerAdd("GET", "/form/types", (e) => e.json(200, [typeof routerAdd, typeof routerUse, typeof onRecordCreate,
    typeof cronAdd, typeof cronRemove, typeof migrate, typeof require, typeof module, typeof exports, typeof __filename,
    typeof __hooks]))
for (let i = 0; i < 2; i++) routerAdd("GET", "/form/loop" + i, new Function("e", "return e.json(200, " + i + ")"))
let registered = 0
Promise.resolve().then(() => { routerAdd("GET", "/form/later", (e) => e.json(200, "registered by a promise")) })
try { missing() } catch { routerAdd("GET", "/form/caught", (e) => e.json(200, "after an error that was caught")) }
var { reg } = require(`${__hooks}/reg.js`)
reg("/form/module")
shared = 5
if (typeof 010 !== "number" || this !== globalThis) throw new Error("files are sloppy scripts")
"""
HOOKS = {
    **LIBRARY,
    "forms.pb.js": FORMS,
    "reg.js": "exports.reg = (path) => routerAdd('GET', path, (e) => e.json(200, 'registered by a module'))",
    "typed.pb.ts": 'routerAdd("GET", "/form/ts", (e) => e.json(200, "a .pb.ts is as good"))',
    ".hidden.pb.js": 'routerAdd("GET", "/form/hidden", (e) => e.json(200, "so is a hidden one"))',
    "folder/inner.pb.js": 'routerAdd("GET", "/form/inner", (e) => e.json(200, "never"))',
    "not.js": 'routerAdd("GET", "/form/notpb", (e) => e.json(200, "never"))',
    "upper.PB.JS": 'routerAdd("GET", "/form/upper", (e) => e.json(200, "never"))',
    "bang.pb.js": '#!/usr/bin/env node\nrouterAdd("GET", "/form/bang", (e) => e.json(200, "after a #!"))',
    "bom.pb.js": '\ufeffrouterAdd("GET", "/form/bom", (e) => e.json(200, "after a byte order mark"))',
    "empty.pb.js": "",
}

REQUIRE = evaluated(
    *(
        f"return require(__hooks + '/lib/{name}')"
        for name in (
            "u.js",
            "u",
            "v",
            "folder",
            "both",
            "d.json",
            "d",
            "returns",
            "sloppy",
            "shape",
            "text.txt",
            "noext",
        )
    ),
    "return require(`${__hooks}/lib/../lib/u.js`).n",
    "return require(__hooks + '/lib/u') === require(__hooks + '/lib/u.js')",
    "return require(__hooks + '/lib/c1').done",
    "return require(__hooks + '/lib/var')",
    "return require(__hooks + '/lib/null')",
    "return require(__hooks + '/lib/main')",
    "return require(__hooks + '/lib/usespkg')",
    "const c = require(__hooks + '/lib/closure'); return c() < c()",
    "return require(__hooks + '/lib/count').loads === require(__hooks + '/lib/count').loads",
    snippet("return require(__hooks + '/lib/api')"),
    *(
        f"try {{ return require({name}) }} catch (x) {{ return [String(x), x.name, x instanceof Error] }}"
        for name in (
            "",
            "''",
            "null",
            "1",
            "'.'",
            "'nowhere'",
            "'fs'",
            "'path'",
            "'url'",
            "'node:fs'",
            "'node:nowhere'",
        )
    ),
    *(
        f"try {{ return require(__hooks + '/lib/{name}') }} catch (x) {{ return [String(x).split(' ')[0], x.name] }}"
        for name in ("nowhere.js", "lost", "bad.json", "throws")
    ),
    "return Object.keys(require('util'))",
    "return require('util').format('%s %d %j %% %x', 1, '2', {a: 1}, 4, {b: 2}, null, undefined, 's')",
    "return [require('util').format('%d %s', 'x'), require('util').format({}, 'x'), require('util').format()]",
    "return require('node:util') === require('util')",
    "return [require('console') === console, require('process') === process, require('buffer').Buffer === Buffer]",
    "return Object.keys(require('process'))",
    "return typeof require('node:buffer').Buffer",
    "return __hooks.split('/').pop()",
    "return Object.keys(require)",
    "return typeof outer + typeof methods + typeof reg + typeof shared",
)

PATHS = (
    *(
        "arrow",
        "function",
        "named",
        "text",
        "getter",
        "outer",
        "outertype",
        "sloppy",
        "async",
        "awaits",
        "promise",
        "rejects",
    ),
    *(
        "asyncthrows",
        "throws",
        "lower",
        "late",
        "added",
        "global",
        "types",
        "loop0",
        "loop1",
        "later",
        "caught",
        "module",
    ),
    *("ts", "hidden", "inner", "notpb", "upper", "bang", "bom"),
)


@pytest.mark.parametrize("item", REQUIRE)
def test_require(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("path", PATHS)
def test_forms_of_handlers(pair: Pair, path: str) -> None:
    pair.check(case("GET", f"/form/{path}"))
