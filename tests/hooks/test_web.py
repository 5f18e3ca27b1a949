"""`Buffer`, `console`, `process` and `$http.send` in both servers; the requests go to a server of the test's."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet
from tests.oracle.harness import case

# Scripts of the servers that tests start reach this address of the machine alone.
HOST = "127.0.0.77"

ALLOC = "const b = Buffer.alloc(8); "
HEX = "const x = (...list) => list.map((each) => Buffer.from(...each).toString('hex')); "

BUFFERS = evaluated(
    "return [Buffer.from('héllo'), String(Buffer.from('héllo')), Buffer.from('héllo').length]",
    HEX + "return x(['héllo'], ['aGk=', 'base64'], ['6869', 'hex'], [[1, 2, 256, -1, 1.5, '7']], ['abc', 'foo'], "
    "['zz', 'hex'])",
    HEX + "return x([new Uint8Array([1, 2])], [Buffer.from('x')], [new ArrayBuffer(3)], [{length: 2, 0: 5, 1: 6}])",
    "return [Buffer.from([255, 254]).toString('base64'), Buffer.from('-_-_', 'base64').toString('hex')]",
    *(f"return Buffer.from({value})" for value in ("5", "{}", "null", "", "true")),
    "return [Buffer.alloc(3), Buffer.alloc(3, 'ab'), Buffer.alloc(2, 1), Buffer.alloc(3, '6869', 'hex'), "
    "Buffer.alloc(0).length]",
    *(f"return Buffer.alloc({value})" for value in ("'x'", "-1", "")),
    "return [Buffer.concat([Buffer.from('ab'), Buffer.from('cd')]), Buffer.concat([Buffer.from('ab')], 4), "
    "Buffer.concat([])]",
    *(f"return Buffer.concat({value})" for value in ("'x'", "[1]", "[Buffer.from('a'), {}]")),
    "return [Buffer.from('a').equals(Buffer.from('a')), Buffer.from('a').equals(new Uint8Array([98]))]",
    "return Buffer.from('a').equals('a')",
    "const b = Buffer.from('hello world'); "
    "return [b.toString('utf8', 0, 5), b.toString('utf8', 6), b.toString('hex', 0, 2), b.toString('utf8', "
    "-3, 3), b.toString('utf8', 8, 99)]",
    "return Buffer.from('abc').toString('nope')",
    "return Buffer('abc').toString()",
    "return [JSON.stringify(Buffer.from('ab')), Buffer.from('a') instanceof Uint8Array, new Uint8Array(1) "
    "instanceof Buffer]",
    "return require('buffer').Buffer === Buffer",
    ALLOC + "return [b.writeInt32BE(-5, 0), b.writeUInt16LE(65535, 4), b.readInt32BE(0), b.readUInt16LE(4), "
    "b.readIntBE(0, 3), b.readUIntLE(0, 6), b]",
    ALLOC + "return [b.writeDoubleBE(1.5, 0), b.readDoubleBE(), b.writeFloatLE(2.5), b.readFloatLE(0), "
    "b.writeInt8(-1), b.readUInt8()]",
    ALLOC + "return [b.writeBigInt64BE(-5n), String(b.readBigInt64BE()), b.writeBigUInt64LE(7n), "
    "String(b.readBigUInt64LE()), b]",
    ALLOC + "return [b.writeIntBE(-200, 1, 3), b.writeUIntLE(70000, 4, 4), b.readIntBE(1, 3), b]",
    *(
        ALLOC + f"return b.{call}"
        for call in (
            *(
                "readInt32BE(6)",
                "readInt32BE('x')",
                "readInt32BE(-1)",
                "readInt8(8)",
                "writeUInt8(256)",
                "writeInt8(-129, 0)",
            ),
            *(
                "writeInt32BE('5', 0)",
                "readIntBE(0, 7)",
                "readIntBE(0)",
                "writeIntBE(-200, 0, 1)",
                "writeBigInt64BE(5)",
            ),
            *("write(5)", "write('a', 9)", "write('hé', 6)", "write('6869', 1, 1, 'hex')"),
        )
    ),
    "return ['log', 'error', 'warn', 'info', 'debug'].map((x) => typeof console[x])",
    "return [Object.keys(console), Object.keys(process), console.log('%s', 1), typeof process.env]",
    "process.env.FOO = '1'; return [process.env.FOO, process.env.NOPE, $os.getenv('NOPE')]",
)

EXTENSIONS = {
    "Buffer.from('é', 'latin1').toString('hex')": "e9",
    "Buffer.from('hello').slice(1, 3).toString() + Buffer.from('hello').indexOf('lo')": "el3",
    "new URL('../c?d=e#f', 'https://u:p@Example.com:443/a/b').href": "https://u:p@example.com/c?d=e#f",
    "String(new URLSearchParams({a: '1 2', b: 'é'}))": "a=1+2&b=%C3%A9",
    "new TextDecoder().decode(new TextEncoder().encode('é€😀'))": "é€😀",
    "atob(btoa('hi'))": "hi",
    "structuredClone({a: [1, {b: new Date(0)}]}).a[1].b.getTime()": 0,
    "crypto.randomUUID().length": 36,
}


class Target(BaseHTTPRequestHandler):
    """What requests go to: answers by path, or tells what it was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Be quiet."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, said = self._said(body)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    def _said(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        _, first, *rest = self.path.split("/", 3)
        match first:
            case "redirect":
                return int(rest[0]), [("Location", "/" + rest[1])] if rest[1:] else [], b""
            case "loop":
                return 302, [("Location", "/loop")], b""
            case "gzip":
                return 200, [("Content-Encoding", "gzip")], gzip.compress(b'{"z":1}', mtime=0)
            case "cookies":
                cookies = (
                    "a=1; Path=/; HttpOnly; Max-Age=60; SameSite=Lax; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure",
                    'b="q v"; Partitioned; Foo=bar; Domain=x.com',
                    "c=1; Max-Age=0; SameSite=Strict",
                    "=x; a",
                )
                return 200, [("Set-Cookie", cookie) for cookie in cookies] + [("X-multi", "1"), ("x-MULTI", "2")], b"hi"
            case "text":
                return 200, [], b"hello"
            case "binary":
                return 200, [], bytes(range(256))
            case "list":
                return 201, [], b"[1, 2]"
            case "status":
                return int(rest[0]), [], b'{"status":1}'
        told = [[name.title(), value] for name, value in self.headers.items()]
        kept = sorted(pair for pair in told if pair[0] not in ("User-Agent", "Host"))
        return 200, [], json.dumps([self.command, self.path, kept, body.decode("latin-1")]).encode()


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
    setattr(Target, f"do_{_method}", Target._answer)


# `s` sends to the test's server, whose address stands for TARGET.
SEND = "const s = (path, more) => $http.send({url: 'http://TARGET' + path, ...more}); "

REQUESTS = [
    "return s('/echo').json",
    "const r = s('/echo'); return [Object.keys(r), Array.isArray(r.body), r.body.length === r.raw.length, "
    "r.statusCode, String(r)]",
    "return s('/echo', {method: 'post', body: 'x=1'}).json",
    "return s('/echo', {method: 'POST', body: JSON.stringify({a: 'é'}), "
    "headers: {'content-type': 'application/json', 'X-Num': 5}}).json",
    "return s('/echo', {method: 'POST', data: {b: 'é'}}).json",
    "return s('/echo', {body: 'abc'}).json",
    *(
        f"return s('/echo', {{method: 'POST', body: {body}}}).json"
        for body in ("{a: 1}", "[104, 105]", "Buffer.from('hi')", "5", "null", "true", "''")
    ),
    *(f"return s('/echo', {{method: '{method}'}}).json" for method in ("PATCH", "DELETE", "OPTIONS", "")),
    # one name at a time: the real one sends them in an order of its own
    *(
        f"const f = new FormData(); {appends}; "
        "return s('/echo', {method: 'POST', body: f}).raw.replace(/[0-9a-f]{60}/g, 'B')"
        for appends in (
            "f.append('a', '1'); f.append('a', 2); f.append('a', 'ü')",
            "f.append('f', $filesystem.fileFromBytes('data', 'x \"y.txt'))",
        )
    ),
    "const r = s('/cookies'); return [r.cookies, r.headers['Set-Cookie'].length, r.headers['X-Multi'], "
    "r.json, r.raw, r.body]",
    "const r = s('/gzip'); return [r.json, r.headers, r.raw]",
    "const r = s('/gzip', {headers: {'Accept-Encoding': 'gzip'}}); return [r.json, "
    "r.headers['Content-Encoding'], r.body.length]",
    "const r = s('/binary'); return [r.body, r.raw, r.json]",
    *(
        f"const r = s('{path}'); return [r.json, r.raw, r.statusCode, r.body]"
        for path in ("/text", "/list", "/status/404", "/status/500")
    ),
    *(
        f"return s('/redirect/{status}/echo', {{method: '{method}', body: 'abc', headers: {{'X-a': '1', "
        f"'content-type': 'text/plain'}}}}).json"
        for status in (301, 302, 303, 307, 308)
        for method in ("POST", "PUT")
    ),
    "const r = s('/redirect/302'); return [r.statusCode, r.raw]",
    "const r = s('/redirect/301/echo', {method: 'HEAD'}); return [r.statusCode, r.raw, r.json]",
    "return s('/loop')",
    *(f"return s('/text', {{timeout: {seconds}}}).raw" for seconds in ("0", "-1", "0.5", "5")),
    *(
        f"return $http.send({{url: {url}}})"
        for url in ("''", "'nope'", "'ftp://x/'", "'http://[::1/'", "'http://a b/'", "'http:///x'", "'http://u@@x y/'")
    ),
    "return $http.send()",
    "return s('/echo', {method: 'BAD METHOD'})",
    "const f = $filesystem.fileFromURL('http://TARGET/text/a%20b.png'); return [f.originalName, f.size, "
    "toString(f.reader.open())]",
    "return $filesystem.fileFromURL('http://TARGET/status/404')",
    "return s('/echo?a=b&c=%20d').json[1]",
]

# What is asynchronous has a route of its own, which waits for it.
HOOKS = {
    "async.pb.js": """
        routerAdd("POST", "/eval-async", async (e) => {
            const v = await new Function("return (async () => {" + e.requestInfo().body.code + "})()")();
            return e.json(200, { v });
        });
    """
}

CLOSED = {
    "http://127.0.0.1:{port}/": "dial tcp 127.0.0.1:{port}: ",
    "http://localhost:{port}/": ":{port}: ",
    "http://2130706433:{port}/": "dial tcp 127.0.0.1:{port}: ",
    "http://0x7f.1:{port}/": "dial tcp 127.0.0.1:{port}: ",
    "http://[::1]:{port}/": "dial tcp [::1]:{port}: ",
    "http://[::ffff:127.0.0.1]:{port}/": ":{port}: ",
    "http://169.254.169.254/latest/meta-data/": "dial tcp 169.254.169.254:80: ",
    "http://10.0.0.1/": "dial tcp 10.0.0.1:80: ",
}
REASON = "this address is out of reach for scripts (the server's setting sandbox.allow_networks)"


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """The server that requests go to: its address and port."""
    server = ThreadingHTTPServer((HOST, 0), Target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()


def known(item: Snippet, target: str) -> Snippet:
    """The snippet with the address in the place of a variable."""
    return Snippet(
        SEND.replace("TARGET", target) + item.code.replace("TARGET", target),
        item.as_,
        item.fresh,
        item.rules,
        item.ours,
        item.name,
    )


@pytest.mark.parametrize("item", BUFFERS)
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", evaluated(*(snippet(code, unordered=True) for code in REQUESTS)))
def test_same_requests(pair: Pair, target: str, item: Snippet) -> None:
    pair.check(known(item, target))


@pytest.mark.parametrize("code", EXTENSIONS)
def test_beyond_the_real_one(pair: Pair, code: str) -> None:
    if not pair.sides:
        pair.start()
    answer = pair.sides[-1].ask(snippet(f"return {code}").request)
    assert not isinstance(answer, str)
    said = answer.json()
    assert json.loads(said.get("v", "{}")) == EXTENSIONS[code], said


@pytest.mark.parametrize("url", CLOSED)
def test_out_of_reach(pair: Pair, target: str, url: str) -> None:
    """Also for `fetch`, and by a redirect."""
    if not pair.sides:
        pair.start()
    port = target.rpartition(":")[2]
    answer = pair.sides[-1].ask(snippet(f"return $http.send({{url: '{url.format(port=port)}'}})").request)
    assert not isinstance(answer, str)
    message = answer.json()["message"]
    assert CLOSED[url].format(port=port) in message
    assert message.endswith(REASON)


FETCH = """
    const one = await fetch('http://TARGET/list');
    const two = await fetch('http://TARGET/echo', { method: 'PUT', body: new URLSearchParams({ a: '1 2' }) });
    const far = await fetch('http://127.0.0.1:1/').catch((error) => [error.name, String(error.cause)]);
    const gone = await fetch('http://TARGET/redirect/302/echo', { redirect: 'manual' });
    const over = await fetch('http://TARGET/text', { signal: AbortSignal.abort() }).catch((error) => error.name);
    const told = await two.json();
    return [
        one.ok, one.status, await one.json(), one.headers.get('content-length'), told[0], told[2], told[3],
        far[0], far[1].includes('out of reach'), gone.status, gone.headers.get('Location'), over,
    ];
"""
FETCHED = [
    *(True, 201, [1, 2], "6", "PUT"),
    [
        *(["Accept-Encoding", "gzip"], ["Content-Length", "5"]),
        ["Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"],
    ],
    *("a=1+2", "TypeError", True, 302, "/echo", "AbortError"),
]


def test_fetch(pair: Pair, target: str) -> None:
    if not pair.sides:
        pair.start()
    answer = pair.sides[-1].ask(
        case("POST", "/eval-async", as_="super", json={"code": FETCH.replace("TARGET", target)})
    )
    assert not isinstance(answer, str)
    assert answer.json()["v"] == FETCHED
