"""Scripts that do their worst, on one worker with a neighbour: each meets a clear end, and nobody else is hurt.

`HOSTILE` is a table of what a route may run. While one does, the neighbour asks again and again, and is answered.
Afterwards the script's own tenant is served as before. What becomes of runs when something else happens to their tenant
or their process stands in `test_hostile_lives.py`.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.process.whole import NOTES, Answer, Whole, Wire, until

pytestmark = pytest.mark.slow

HOSTILE, CALM = "hostile", "calm"
PLAN = {
    "js_cpu_s": 0.5,
    "js_timeout_s": 3.0,
    "js_memory_mb": 24,
    "js_calls_max": 3000,
    "js_log_lines_max": 20,
}
EVAL = """
routerAdd("POST", "/eval", (e) => {
    const value = (0, eval)("(function (e) {" + e.requestInfo().body.code + "})")(e);
    if (!e.written()) return e.json(200, {v: value === undefined ? null : value});
});
routerAdd("GET", "/ping", (e) => e.json(200, {count: $app.countRecords("notes")}));
"""

FAILED = "Something went wrong while processing your request."
ENDED = "The script has ended unexpectedly."
CPU = "it used more than 0.5 s of CPU"


@dataclass(frozen=True)
class Case:
    """The body of a function, and what comes of it."""

    code: str
    status: int | tuple[int, ...]
    # what the client is told
    said: str
    # what is in the server's log, and in the tenant's own
    log: str = ""
    own: str = ""


def failed(code: str, own: str = "") -> Case:
    """A script that gets an exception, and does not catch it."""
    return Case(code, 400, FAILED, own=own)


def ended(code: str, log: str) -> Case:
    """A script whose process is ended."""
    return Case(code, 500, ENDED, log, own=log)


def told(code: str, value: str) -> Case:
    """A script that answers."""
    return Case(code, 200, value)


RECORD = "const r = new Record($app.findCollectionByNameOrId('notes')); $app.save(r); "
NOTHING = "NO SUCH TEXT"

CASES = {
    # -- without end ------------------------------------------------------------------------------------------------
    "loop": ended("for (;;);", CPU),
    "loop that catches everything": ended("for (;;) try { for (;;); } catch {}", CPU),
    "regular expression": ended("return /^(a+)+$/.test('a'.repeat(40) + 'b')", CPU),
    "loop of the engine's": ended("return Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)", CPU),
    "sorting": ended("for (;;) [...Array(1e4).keys()].sort(() => Math.random() - .5)", CPU),
    "microtasks": Case("return (async () => { for (;;) await null })(); ", 200, "{}"),
    "pause": Case("sleep(1e9)", 503, "The script took too long.", "it took longer than 3 s", "took too long"),
    "pauses": Case("for (;;) { sleep(100) }", 503, "The script took too long.", "it took longer than 3 s"),
    "waiting for itself": failed("return Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 1e9)"),
    # -- too much ---------------------------------------------------------------------------------------------------
    "lists": failed("const a = []; for (;;) a.push(new Array(1000).fill(1))", "out of memory"),
    "texts": failed("let s = 'x'; for (;;) s += s"),
    "buffers": failed("const a = []; for (;;) a.push(new ArrayBuffer(1 << 20))"),
    "one buffer": failed("return new ArrayBuffer(2 ** 31 - 1).byteLength"),
    "proxies": failed("let p = {}; for (;;) p = new Proxy(p, {})"),
    "deep proxies": failed("let p = {}; for (let i = 0; i < 2e5; i++) p = new Proxy(p, {}); return p.x"),
    "deep text of JSON": failed("return JSON.parse('['.repeat(1e6))"),
    "deep source": failed("return eval('('.repeat(1e6))"),
    "recursion": failed("const f = () => f() + 1; return f()", "call stack"),
    "promises": failed("const a = []; for (;;) a.push(Promise.resolve().then(() => {}))"),
    "timers": failed("for (;;) setTimeout(() => {}, 1000)"),
    "big numbers": Case("let n = 3n; for (;;) n *= n", (400, 500), '"data":{}'),
    "large answer": failed("return e.string(200, 'x'.repeat(1e8))"),
    # -- too much of the server -------------------------------------------------------------------------------------
    "calls": failed("for (let i = 0; i < 1e6; i++) $app.store().get('a')", "used up its calls"),
    "calls, caught": ended("for (;;) { try { $app.store().get('a') } catch {} }", "too many calls"),
    "large call": failed("$app.store().set('a', 'x'.repeat(3e6))", "the store is full"),
    "many values": told(
        "try { $app.findRecordsByIds('notes', new Array(3e5).fill('')) } catch (x) { return String(x) }",
        "GoError: there are too many values in one call of the server",
    ),
    "deep values": told(
        "let a = []; for (let i = 0; i < 300; i++) a = [a]; "
        "try { $app.importCollections([{a}], false) } catch (x) { return String(x) }",
        "nested too deep",
    ),
    "half a character": told("$app.store().set('h', 'a\\ud83d'); return $app.store().get('h')", '"a\\ufffd"'),
    "log lines": told("for (let i = 0; i < 500; i++) console.log('flood ' + i)", "null"),
    "long line": told("console.log('x'.repeat(5e6))", "null"),
    "open transaction": Case(
        "$app.runInTransaction(() => sleep(1e9))",
        503,
        "The script kept a transaction open for too long.",
        "it kept a transaction open for too long",
    ),
    "loop in a transaction": Case(
        f"$app.runInTransaction((app) => {{ {RECORD} for (;;); }})", (500, 503), "The script", "a run was ended"
    ),
    "transaction that is over": told(
        "let kept; $app.runInTransaction((app) => { kept = app }); "
        "try { kept.countRecords('notes') } catch (x) { return String(x) }",
        "GoError: sql: transaction has already been committed or rolled back",
    ),
    "work of a hash": told("return $security.equal('a', 'b')", "false"),
    # -- what is not theirs -----------------------------------------------------------------------------------------
    **{
        f"file by {name}": Case(code, status, said)
        for name, code, status, said in (
            ("$os", "return toString($os.readFile('/etc/passwd'))", 400, FAILED),
            ("$os, from below", "return toString($os.readFile('../../../../../../../etc/passwd'))", 400, FAILED),
            ("$os, of the server", "return $os.readFile('/../../../registry.db').length", 400, FAILED),
            ("$os.dirFS", "return e.fileFS($os.dirFS('/etc'), 'passwd')", 404, "File not found."),
            ("$os.dirFS, from below", "return e.fileFS($os.dirFS('/'), '../../../../etc/passwd')", 404, "File not"),
            ("require", "return require('/etc/passwd')", 400, FAILED),
            ("require, from below", "return require('../../../../../../../../etc/passwd')", 400, FAILED),
            ("$template", "return $template.loadFiles('/etc/passwd').render({})", 400, FAILED),
            ("$http", "return $http.send({url: 'file:///etc/passwd'}).raw", 400, FAILED),
            ("$filesystem", "return $filesystem.fileFromPath('/etc/passwd').size", 400, FAILED),
            ("ATTACH", "return $app.db().newQuery(\"ATTACH '/etc/passwd' AS x\").execute()", 400, FAILED),
            ("readfile()", "return $app.db().newQuery(\"SELECT readfile('/etc/passwd')\").execute()", 400, FAILED),
            ("import", "return import('/etc/passwd').then((x) => Object.keys(x), (x) => 'no')", 200, "{}"),
        )
    },
    "link in its own folder": failed("return toString($os.readFile('/pb_hooks/link'))"),
    "link in its public folder": Case("return e.fileFS($os.dirFS('/pb_public'), 'link')", 404, "File not found."),
    "module by a link": failed("return require(__hooks + '/link')"),
    "environment": told("return [process.env.PATH, $os.getenv('HOME'), Object.keys(process.env)]", '[null,"",[]]'),
    "commands": failed("return $os.exec('id').output()"),
    "other commands": failed("return $os.cmd('id').run()"),
    "end of the process": failed("$os.exit(1)"),
    **{
        f"request of {url}": failed(f"return $http.send({{url: '{url}', timeout: 2}}).statusCode")
        for url in (
            "http://127.0.0.1:1/",
            "http://localhost:1/",
            "http://2130706433:1/",
            "http://0x7f000001:1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0.0.0.0:1/",
            "gopher://127.0.0.1:1/",
        )
    },
    # -- within the process -----------------------------------------------------------------------------------------
    "the engine's own names": told(
        "return [typeof call_python, typeof dukpy, typeof __pocker_loop, typeof P, typeof std, typeof WebAssembly]",
        json.dumps(["undefined"] * 6, separators=(",", ":")),
    ),
    "the loop once more": failed("return __pocker_loop()"),
    "functions by their callers": failed(
        "globalThis.tries = (globalThis.tries ?? 0) + 1; if (tries > 1) return; let found = [];"
        " Error.prepareStackTrace = (_, sites) => {"
        " found = sites.map((s) => s.getFunction && s.getFunction()).filter(Boolean); return '' };"
        " new Error('x').stack; for (const f of found) { try { f('sql', 0, 'SELECT 1') } catch {} }"
        " Error.prepareStackTrace = undefined; throw new Error('tried ' + found.length)",
    ),
    "a number that is no app": told(
        "try { return $app.unsafeWithoutHooks().findRecordById('notes', 'x') } catch (x) { return x.name }", "GoError"
    ),
    # -- answers ----------------------------------------------------------------------------------------------------
    "line break in a header": Case(
        "e.response.header().set('X-A', 'b\\r\\nX-B: c'); return e.string(200, 'ok')", 200, "ok"
    ),
    "status 99": Case("return e.json(99, {})", 200, "", "invalid WriteHeader code 99"),
    "status 1000": Case("return e.json(1000, {})", 200, "", "invalid WriteHeader code 1000"),
    "toJSON that throws": Case("return {toJSON() { throw new Error('x') }}", 200, "", "behind its answer"),
    "getter that throws": Case("return {get a() { throw new Error('gotcha') }}", 200, "", "behind its answer: gotcha"),
    "names of prototypes": told(
        "return JSON.parse('{\"__proto__\":{\"a\":1},\"constructor\":{\"b\":2}}')",
        '{"__proto__":{"a":1},"constructor":{"b":2}}',
    ),
    "thrown nothing": failed("throw null"),
    "thrown proxy": failed(
        "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }, ownKeys() { throw 3 }})"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    data = tmp_path_factory.mktemp("hostile") / "data"
    with Whole(data, 1, logs={"flush_s": 0.2}, plans={"default": PLAN}, sql={"write_timeout_s": 1.0}) as whole:
        whole.token = whole.make_all([HOSTILE, CALM])  # type: ignore[attr-defined] # of this module
        for name in (HOSTILE, CALM):
            write(whole, name, "pb_hooks", "eval.pb.js", EVAL)
        home = whole.pb_data(HOSTILE).parent
        (home / "pb_public").mkdir(exist_ok=True)
        for folder in ("pb_hooks", "pb_public"):
            (home / folder / "link").symlink_to("/etc/passwd")
        for name in (HOSTILE, CALM):
            until(lambda name=name: ping(whole, name) == 200, "the scripts serve")
        yield whole


def write(server: Whole, name: str, folder: str, file: str, source: str) -> Path:
    """A script of the tenant's, as an editor would write it."""
    path = server.pb_data(name).parent / folder / file
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(source)
    draft.rename(path)
    return path


def ping(server: Whole, name: str) -> int:
    """The status of a request that a script answers."""
    return server.ask("GET", name, "/ping").status


def evaluated(server: Whole, code: str, name: str = HOSTILE) -> Answer:
    with Wire(server.port) as wire:
        return wire.ask("POST", server.host(name), "/eval", {"code": code})


class Neighbour:
    """Asks all the time, its own scripts and the server's routes; `wrong` is what was no success."""

    def __init__(self, server: Whole) -> None:
        self.server = server
        self.answered = 0
        self.wrong: list[object] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        host = self.server.host(CALM)
        with Wire(self.server.port) as wire:
            while not self._over.is_set():
                for method, path, body in (
                    ("GET", "/ping", None),
                    ("POST", NOTES, {"title": "x"}),
                    ("GET", NOTES, None),
                ):
                    answer = wire.ask(method, host, path, body)
                    if answer.status != 200:
                        self.wrong.append((path, answer.status, answer.body[:200]))
                self.answered += 1
                self._over.wait(0.02)

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        until(lambda: self.answered, "the neighbour is served")
        return self

    def __exit__(self, *_: object) -> None:
        asked = self.answered
        until(lambda: self.answered > asked or self.wrong, "the neighbour is served still")
        self._over.set()
        self._thread.join(60)
        assert not self.wrong


def own_log(server: Whole, text: str) -> bool:
    """Whether the tenant's log has this."""
    wanted = quote(f"data.error ~ '{text}' || data.details ~ '{text}' || message ~ '{text}'")
    answer = server.ask("GET", HOSTILE, f"/api/logs?perPage=1&filter={wanted}", token=server.token)  # type: ignore[attr-defined]
    assert answer.status == 200, answer
    return bool(answer.json()["items"])


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_it_meets_a_clear_end(server: Whole, case: Case) -> None:
    before = server.log.stat().st_size
    with Neighbour(server):
        answer = evaluated(server, case.code)
    assert answer.status in (case.status if isinstance(case.status, tuple) else (case.status,)), answer
    assert case.said.encode() in answer.body or case.said in json.dumps(answer.json()["v"], separators=(",", ":")), (
        answer
    )
    assert b"root:" not in answer.body
    assert "x-b" not in answer.headers
    if case.log:
        until(lambda: case.log in server.log.read_text()[before:], "the server's log says why")
    if case.own:
        until(lambda: own_log(server, case.own), "the tenant's log says why")
    until(lambda: ping(server, HOSTILE) == 200, "its tenant is served as before")
    written = server.log.read_text()[before:]
    assert "Traceback" not in written
    assert "internal error" not in written


POLLUTED = {
    "members of all objects": "Object.assign(Object.prototype, {n: 'load', s: [[1, 2]], e: {kind: 'x'}, v: 1, c: 1});",
    "getters of all objects": "for (const k of ['n', 's', 'e', 'v', 'c', 'then', 'toJSON', 'value', 'get', 'set'])"
    " Object.defineProperty(Object.prototype, k, {get() { throw new Error('got ' + k) }, set() {}});",
    "toJSON": "Object.prototype.toJSON = () => 'forged'; Array.prototype.toJSON = () => [1];",
    "JSON": "JSON.stringify = () => 'forged'; JSON.parse = () => ({forged: 1});",
    "methods": "for (const C of [Array, Map, Set, WeakMap, String, Number, RegExp, Date, Promise, Function])"
    " for (const k of Object.getOwnPropertyNames(C.prototype)) { try { if (k !== 'constructor')"
    " C.prototype[k] = () => { throw new Error('polluted') } } catch {} }",
    "iterators": "Array.prototype[Symbol.iterator] = function* () { yield 'forged' };",
    "then": "Promise.prototype.then = () => { for (;;); };",
    "call": "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => 'forged';",
    "constructors": "Proxy = Map = Set = Error = Promise = Date = String = Array = JSON = Object = null;",
    "first items": "Object.defineProperty(Array.prototype, 0, {get: () => 'forged', set() { throw new Error('x') }});",
    "globals": "for (const k of Object.getOwnPropertyNames(globalThis)) { try { Object.defineProperty(globalThis, k,"
    " {get() { throw new Error('x') }}) } catch {} }",
    "frozen": "for (const C of [Object, Array, Map, Function, Promise, String, Error]) { Object.freeze(C.prototype);"
    " Object.freeze(C) } Object.freeze(globalThis);",
    "stacks": "Error.prepareStackTrace = () => { for (;;); };",
    "numbers": "Math.min = Date.now = () => NaN; Number.isInteger = Array.isArray = () => true;"
    " String.prototype.slice = String.prototype.replace = () => '';",
}


@pytest.mark.parametrize("code", POLLUTED.values(), ids=list(POLLUTED))
def test_a_realm_that_is_broken_hurts_its_own_tenant_alone(server: Whole, code: str) -> None:
    before = server.log.stat().st_size
    with Neighbour(server):
        for each in (code + RECORD, RECORD, "return $app.findRecordsByFilter('notes', '', '-id', 2).length"):
            assert evaluated(server, each).status in {200, 400, 500}
        # its next processes know nothing of it
        assert evaluated(server, "return 1", CALM).json() == {"v": 1}
    write(server, HOSTILE, "pb_hooks", "eval.pb.js", f"{EVAL}// {len(code)} {hash(code)}\n")
    until(lambda: evaluated(server, "return 'new'").body == b'{"v":"new"}', "new scripts have new processes")
    written = server.log.read_text()[before:]
    assert "Traceback" not in written
    assert "internal error" not in written
