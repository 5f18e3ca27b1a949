"""What a request leaves in its sandbox process: nothing.

A cycle of objects waits for a collection, which reads and so copies all memory that the process shares with its zygote.
"""

import json
from typing import Any

import pytest

from sandbox.engine import Engine, ScriptError
from sandbox.prelude import prelude
from worker.hooks.heads import Block, head_of, said_of

BLOCK = Block("a.localhost", "1.1", "", 0, close=False, headers=[["user-agent", "x"]])
LINE = ("GET", "/hello/you?a=b", "127.0.0.1:1", "127.0.0.1", "127.0.0.1")
HEAD = json.loads(head_of(LINE, said_of(BLOCK), "a=b", anonymous=True))
ANSWERS = {"request.headers": [["vary", "Origin"]], "request.info": {"body": {"a": 1}}}
KEEP = "globalThis.kept = new WeakRef({}); globalThis.kept = new WeakRef"
HANDLERS = {
    "the event": f"(e) => {{ {KEEP}(e); }}",
    "one that has answered": f"(e) => {{ {KEEP}(e); e.json(200, {{ a: [1] }}); }}",
    "one that has gone on": f"(e) => {{ {KEEP}(e); e.next(); }}",
    "one that keeps something": f"(e) => {{ {KEEP}(e); e.set('e', 1); e.get('e'); }}",
    "one that waits": f"async (e) => {{ {KEEP}(e); await 1; await new Promise((done) => setTimeout(done, 0)); }}",
    "its request": f"(e) => {{ {KEEP}(e.request); e.request.pathValue('name'); }}",
    "the target": f"(e) => {{ {KEEP}(e.request.url); e.request.url.query().get('a'); }}",
    "headers": f"(e) => {{ {KEEP}(e.request.header); e.request.header.set('x', 'y'); }}",
    "the body": f"(e) => {{ {KEEP}(e.request.body); }}",
    "its response": f"(e) => {{ {KEEP}(e.response); e.response.header().set('x', 'y'); e.string(200, ''); }}",
    "what rules know": f"(e) => {{ {KEEP}(e.requestInfo()); }}",
    "an error": f"(e) => {{ const x = new BadRequestError('no'); {KEEP}(x); try {{ throw x; }} catch {{ }} }}",
    "an error of fields": f"() => {{ {KEEP}(new ApiError(400, 'a', {{ a: new ValidationError('b', 'c') }})); }}",
    "a URL": f"() => {{ const url = new URL('http://a.b/?c=d'); {KEEP}(url); url.searchParams.append('e', 'f'); }}",
}
STAYS = {
    "what a script holds": "(e) => { globalThis.held = e; globalThis.kept = new WeakRef(e); }",
}


class Enough(BaseException):
    pass


def left(handler: str) -> bool:
    """Whether what the handler has kept weakly is still there after two requests, and in a third one."""
    look = "() => { globalThis.there = globalThis.kept.deref() !== undefined; }"
    orders = [handler, handler, look]
    told: list[Any] = []
    engine: Engine

    def call(name: bytes, args: bytes) -> bytes:
        if name == b"$drain":
            engine.run_jobs()
            return b"0"
        if name == b"$random":
            return b"[1,2,3,4]"
        given = json.loads(args)
        if name == b"handler":
            return json.dumps({"v": {"source": orders[given[1]], "file": "a", "line": 1, "column": 1}}).encode()
        if name not in {b"$ready", b"$r"}:
            return json.dumps({"v": ANSWERS.get(name.decode())}).encode()
        number = len(told)
        told.append(given)
        if number >= len(orders):
            raise Enough
        order = [number + 1, HEAD, "GET /hello/{name}", {"name": "you"}, [number], 0, False]
        return json.dumps({"n": "route", "d": order, "s": {"z": 1}}).encode()

    engine = Engine(call)
    engine.evaluate(prelude().replace(b"P.seal();", b"P.seal(); G.__looked = () => G.there;"))
    with pytest.raises((Enough, ScriptError)):
        engine.evaluate(b"__pocker_loop()")
    assert len(told) > len(orders), told
    there: Any = json.loads(engine.evaluate(b"globalThis.__looked()"))
    assert isinstance(there, bool), told
    return there


@pytest.mark.parametrize("name", HANDLERS)
def test_nothing_is_left(name: str) -> None:
    assert not left(HANDLERS[name])


@pytest.mark.parametrize("name", STAYS)
def test_what_is_held_stays(name: str) -> None:
    assert left(STAYS[name])
