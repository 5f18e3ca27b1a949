"""What scripts have of the web, in an engine of this process: URLs, encodings, clones, signals, the console."""

import json
from typing import Any

import pytest

from tests.unit.hooks.realm import Realm

TAKE = 'P.on("test", (code) => JSON.stringify((0, eval)(code)));'


@pytest.fixture(scope="module")
def realm() -> Realm:
    """An engine with the whole prelude, whose host has bytes by chance, and variables."""
    lines: list[Any] = []
    made = Realm(
        {
            "console": lambda level, line: lines.append([level, line]),
            "variables": lambda: {"FOO": "bar"},
            "random": lambda size, alphabet: "".join(chr(at % 256) for at in range(size)),
        }
    )
    made.operations["lines"] = lines
    return made


def evaluated(realm: Realm, code: str) -> Any:
    """The value of an expression, which is evaluated in the realm."""
    return json.loads(realm._engine.evaluate(f"(() => ({code}))()".encode()))


def failed(realm: Realm, code: str) -> str:
    """The name of what it throws."""
    found = evaluated(
        realm, f"(() => {{ try {{ {code}; return 'nothing' }} catch (error) {{ return error.name }} }})()"
    )
    return str(found)


URLS = {
    "http://EXAMPLE.com:80/../a/./b/../c?q#h": "http://example.com/a/c?q#h",
    "https://user:pä@example.com:8443": "https://user:p%C3%A4@example.com:8443/",
    "http://0x7f.1/": "http://127.0.0.1/",
    "http://2130706433": "http://127.0.0.1/",
    "http://[1:0:0::ffff:1.2.3.4]": "http://[1::ffff:102:304]/",
    "http://bücher.example/ä?ä#ä": "http://xn--bcher-kva.example/%C3%A4?%C3%A4#%C3%A4",
    "http:\\\\a\\b": "http://a/b",
    "  http://a\n/b\t ": "http://a/b",
    "http://a?b'c": "http://a/?b%27c",
    "foo://a?b'c": "foo://a?b'c",
    "mailto:a b@c": "mailto:a b@c",
    "file:///C|/x/../..": "file:///C:/",
    "data:,x#y z": "data:,x#y%20z",
}


@pytest.mark.parametrize("url", URLS)
def test_urls(realm: Realm, url: str) -> None:
    assert evaluated(realm, f"new URL({json.dumps(url)}).href") == URLS[url]


NO_URLS = (
    "",
    "x",
    "//a",
    "http://",
    "http://a b",
    "http://[::1",
    "http://a:99999",
    "http://256.1.1.1",
    "http://a%00",
    "://x",
)


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url(realm: Realm, url: str) -> None:
    assert failed(realm, f"new URL({json.dumps(url)})") == "TypeError"
    assert evaluated(realm, f"URL.canParse({json.dumps(url)})") is False


RELATIVE = {
    "d": "http://h/a/d",
    "/d": "http://h/d",
    "//x": "http://x/",
    "?y": "http://h/a/b?y",
    "#z": "http://h/a/b?q#z",
    "": "http://h/a/b?q",
    "..": "http://h/",
    "https:x": "https://x/",
    "http:x": "http://h/a/x",
}


@pytest.mark.parametrize("url", RELATIVE)
def test_relative_urls(realm: Realm, url: str) -> None:
    assert evaluated(realm, f"new URL({json.dumps(url)}, 'http://h/a/b?q#f').href") == RELATIVE[url]


VALUES: dict[str, Any] = {
    # parts of URLs
    "(() => { const u = new URL('http://u:p@h:8/a?b=1#c'); u.port = '80'; u.hash = ''; u.search = 'x y'; "
    "u.pathname = '/ä'; "
    "u.username = 'm@'; u.password = ''; u.host = 'k:9'; return [u.href, u.origin] })()": [
        *("http://m%40@k:9/%C3%A4?x%20y", "http://k:9")
    ],
    "(() => { const u = new URL('http://h/?a=1&b=2&a=3'); u.searchParams.append('c', 'ü&'); "
    "u.searchParams.delete('a'); "
    "return [u.href, u.searchParams.size] })()": ["http://h/?b=2&c=%C3%BC%26", 2],
    "[...new URLSearchParams('?a=1+2&b=%zz&=x&c')]": [["a", "1 2"], ["b", "%zz"], ["", "x"], ["c", ""]],
    "(() => { const p = new URLSearchParams([['b', 1], ['a', 2], ['b', 3]]); p.sort(); p.set('b', 9); "
    "return [String(p), p.getAll('b'), p.has('a', '2'), p.get('x')] })()": ["a=2&b=9", ["9"], True, None],
    # encodings
    "[...new TextEncoder().encode('é€😀\\ud800')]": [195, 169, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189],
    "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xe2, 0x82, 0x62, 0xf0, 0x9f]))": "a��b�",
    "(() => { const d = new TextDecoder(), o = { stream: true }; const b = new TextEncoder().encode('é€😀'); "
    "return [...b].map((x) => d.decode(new Uint8Array([x]), o)).join('') + d.decode() })()": "é€😀",
    "new TextDecoder('utf-16le').decode(new Uint8Array([0xff, 0xfe, 0x41, 0, 0x3d, 0xd8, 0, 0xde]))": "A😀",
    "new TextDecoder('latin1').decode(new Uint8Array([0x80, 0xe9]))": "€é",
    "[btoa('hi'), btoa(''), btoa('\\xff'), atob(' aGk= '), atob('aGk'), atob('')]": [
        "aGk=",
        "",
        "/w==",
        "hi",
        "hi",
        "",
    ],
    "(() => { const a = new Uint8Array(3); return [new TextEncoder().encodeInto('aé€', a), [...a]] })()": [
        {"read": 2, "written": 3},
        [97, 195, 169],
    ],
    # clones
    "(() => { const a = { d: new Date(5), m: new Map([[1, { x: 1 }]]), s: new Set([1]), r: /x/gi, "
    "b: new Uint8Array([1, 2]), u: undefined }; "
    "a.self = a; const c = structuredClone(a); return [c !== a, c.self === c, c.d.getTime(), c.m.get(1).x, "
    "c.s.has(1), String(c.r), "
    "c.b[1], 'u' in c] })()": [True, True, 5, 1, True, "/x/gi", 2, True],
    "structuredClone(new RangeError('no')) instanceof RangeError": True,
    # signals
    "(() => { const c = new AbortController(); const heard = []; c.signal.addEventListener('abort', (e) => "
    "heard.push(e.type)); "
    "c.signal.onabort = () => heard.push('on'); c.abort('why'); c.abort('again'); return [heard, "
    "c.signal.aborted, c.signal.reason] })()": [*(["on", "abort"], True, "why")],
    # the rest
    "crypto.randomUUID()": "00010203-0405-4607-8809-0a0b0c0d0e0f",
    "[...crypto.getRandomValues(new Uint8Array(3))]": [0, 1, 2],
    "[process.env.FOO, $os.getenv('FOO'), process.env.PATH ?? null]": ["bar", "bar", None],
    "(() => { const h = new Headers({ 'X-A': ' 1 ' }); h.append('x-a', '2'); h.append('Set-Cookie', 'a'); "
    "h.append('Set-Cookie', 'b'); "
    "return [h.get('X-a'), [...h], h.getSetCookie()] })()": [
        *("1, 2", [["set-cookie", "a"], ["set-cookie", "b"], ["x-a", "1, 2"]], ["a", "b"])
    ],
    "(() => { const r = new Response('x', { status: 404 }); return [r.ok, r.status, "
    "r.headers.get('content-type')] })()": [*(False, 404, "text/plain;charset=UTF-8")],
    "[typeof queueMicrotask, typeof performance.now(), typeof setTimeout, typeof call_python, typeof dukpy]": [
        *("function", "number", "function", "undefined", "undefined")
    ],
    "Object.keys($os).length": 20,
}


@pytest.mark.parametrize("code", VALUES, ids=lambda code: code[:60])
def test_values(realm: Realm, code: str) -> None:
    assert evaluated(realm, code) == VALUES[code]


FAILURES = {
    "btoa('€')": "InvalidCharacterError",
    "atob('a')": "InvalidCharacterError",
    "atob('a$b=')": "InvalidCharacterError",
    "structuredClone(() => 1)": "DataCloneError",
    "structuredClone({ a: Symbol() })": "DataCloneError",
    "new TextDecoder('nope')": "RangeError",
    "new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255]))": "TypeError",
    "crypto.getRandomValues(new Uint8Array(65537))": "QuotaExceededError",
    "crypto.getRandomValues(new Float64Array(1))": "TypeMismatchError",
    "new Headers({ 'a b': '1' })": "TypeError",
    "new Headers({ a: '1\\n2' })": "TypeError",
    "new Request('http://x', { body: 'x' })": "TypeError",
    "new Response('', { status: 99 })": "RangeError",
    "AbortSignal.abort().throwIfAborted()": "AbortError",
    "new AbortSignal()": "TypeError",
    "$os.cmd('ls')": "GoError",
    "new Command({})": "GoError",
    "$mails.sendRecordOTP()": "GoError",
}


@pytest.mark.parametrize("code", FAILURES)
def test_failures(realm: Realm, code: str) -> None:
    assert failed(realm, code) == FAILURES[code]


def test_the_console(realm: Realm) -> None:
    lines: Any = realm.operations["lines"]
    lines.clear()
    evaluated(
        realm,
        "[console.log('%s is %d and %j %%', 'a', 5, {x: 1}, 'more', [1, 2], null), "
        "console.error(new Error('no')), console.warn(), "
        "console.debug(Symbol('s'), 10n), console.info('%s'), console.log({}, () => 1), "
        "console.log('x'.repeat(99999))]",
    )
    *others, long = lines
    assert others == [
        *(["log", 'a is 5 and {"x":1} % more 1,2 null'], ["error", "Error: no"], ["warn", ""], ["debug", "s 10"]),
        *(["info", "%s"], ["log", "[object Object] () => 1"]),
    ]
    assert len(long[1]) == 16_384


def test_what_can_not_be_printed(realm: Realm) -> None:
    lines: Any = realm.operations["lines"]
    lines.clear()
    evaluated(
        realm,
        "[console.log({ toString() { throw new Error('x') } }), console.log('%j', (() => { const a = {}; "
        "a.a = a; return a })()), "
        "console.log(Object.create(null))]",
    )
    assert [line for _, line in lines] == ["[object Object]", "[object Object]", "[object Object]"]
