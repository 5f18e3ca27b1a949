"""Whether a handler's last word is `e.next()`: only where its text leaves no doubt."""

import json
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox.engine import Engine
from tests.unit.hooks.realm import Realm

ENDS = [
    "(e) => { e.next(); }",
    "(e) => e.next()",
    "e => { e.next() }",
    "function (e) { e.next(); }",
    "function named(event) { event.record.set('a', 1); return event.next(); }",
    "(e) => {\n    // e.app\n    // e.record\n\n    e.next()\n}",
    "(e) => {\n    e.record.set('next', \"e.next()\")\n    e.next()\n}",
    "(e) => { if (e.record.getInt('n') > 1) { e.record.set('n', 1) } e.next(); }",
    "(e) => { for (const x of [1, 2]) { e.record.set('n', x); }\n e.next(); /* done */ }",
    "(e) => {\n    console.log(`${e.record.id} changes`)\n    e.next()\n}",
    "(e) => { e.next(); // e.next();\n }",
    "(e) => { if (!e.record.id)\n throw new BadRequestError('a')\n else\n e.next() }",
]
GOES_ON = [
    "(e) => { }",
    "(e) => { e.next(); e.record.set('a', 1); }",
    "(e) => { try { e.next(); } catch (x) { throw x } }",
    "(e) => { try { e.record.set('a', 1); } finally { e.next(); } }",
    "(e) => { if (e.record.id) { e.next(); } }",
    "(e) => { // e.next();\n }",
    "(e) => { helper(e); e.next(); }",
    "(e) => { const f = e; e.next(); }",
    "(e) => { const { record } = e; e.next(); }",
    "(e) => { const all = { e }; e.next(); }",
    "(e) => { e['next'](); e.next(); }",
    "(e) => { const f = e.next; f(); }",
    "(e) => { helper(e.event); e.next(); }",
    "(e) => { helper(\\u0065); e.next(); }",
    "(e) => { console.log(`${e}`); e.next(); }",
    "(e) => { console.log(`${helper(`${e}`)}`); e.next(); }",
    "(e) => { eval('e.next()'); e.next(); }",
    "function (e) { helper(arguments); e.next(); }",
    "(e) => { const f = () => e.next()\n }",
    "(e) => { const f = () =>\n e.next()\n }",
    "(e) => { e.record.id &&\n e.next()\n }",
    "(e) => { for (const x of [])\n e.next() }",
    "(e) => { while (false)\n e.next() }",
    "(e) => { e.record.set('a', !e.next()) }",
    "(e) => { const x = 1 /\n e.next() }",
    "(e) => { /[/]\"/.test('a'); e.next(); }",
    "(e) => { $app.runInTransaction(() => { e.next(); }) }",
    "({ next }) => { next(); }",
    "(e, more) => { e.next(); }",
    "(e = {}) => { e.next(); }",
    "async (e) => { e.next(); }",
    "async (e) => { await helper(); e.next(); }",
    "function* (e) { e.next(); }",
]


LOOK = "((P) => {{ {code}\n return {handlers}.map(P.endsWithNext) }})({{}})"


def test_a_handlers_last_word() -> None:
    code = (Path(sandbox.__file__).with_name("js") / "endings.js").read_text(encoding="utf-8")
    handlers = "[" + ",\n".join(f"({source}\n)" for source in (*ENDS, *GOES_ON)) + "]"
    engine = Engine(lambda *_: b"0")
    told = json.loads(engine.evaluate(LOOK.format(code=code, handlers=handlers).encode()))
    assert dict(zip((*ENDS, *GOES_ON), told, strict=True)) == dict.fromkeys(ENDS, True) | dict.fromkeys(GOES_ON, False)


@pytest.mark.parametrize(
    ("source", "left", "told", "asked"),
    [
        (ENDS[0], True, [0], 0),
        (ENDS[1], True, [0], 0),
        (ENDS[0], False, 0, 1),  # the host wants it done here and now
        ("(e) => { e.next(); const x = 1; }", True, 0, 1),
        ("(e) => { if (e.type === '') e.next(); }", True, 0, 0),
        ("(e) => {\n if (e.type === '')\n return\n e.next() }", True, [0], 0),
    ],
)
def test_it_is_left_to_the_host(source: str, left: bool, told: Any, asked: int) -> None:
    handler = {"source": source, "file": "a.js", "line": 1, "column": 1}
    realm = Realm({"handler": lambda _: handler, "next": lambda *_: 0})
    order = {"h": 1, "n": 1, "t": "onTerminate", "a": 0, "p": {}}
    assert realm.run(("event", order | {"l": 1} if left else order)) == [{"v": told}]
    assert [name for name, *_ in realm.calls].count("next") == asked
