"""Where scripts' requests may go, and that they go nowhere else: by address, by redirect, by a name that lies."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from worker.hooks.calls import GoError
from worker.hooks.net import client
from worker.hooks.net.addresses import Reach
from worker.hooks.net.client import OUT_OF_REACH, Request, Response, Ways, canonical, send
from worker.hooks.net.names import Found, lookup
from worker.hooks.net.outside import TENANT_MAX, TOO_MANY, Outside
from worker.hooks.net.urls import joined, parsed


def looped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that runs on a loop of its own."""

    @wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


CLOSED = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1"),
    *("169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "::ffff:0:127.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
    *("2002:a9fe:a9fe::1", "2001::1", "2001:0:7f00:1::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "3fff::1", "5f00::1"),
)
OPEN = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "2a00:1450:4001::1")
OPEN += ("::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1")


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address: str) -> None:
    assert not Reach([]).has(address)


@pytest.mark.parametrize("address", OPEN)
def test_open(address: str) -> None:
    assert Reach([]).has(address)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "2130706433", "1.1.1.1/32", "fe80::1%", "::g"])
def test_what_is_no_address(text: str) -> None:
    assert not Reach(["0.0.0.0/0", "::/0"]).has(text)


def test_what_is_allowed() -> None:
    reach = Reach(["10.1.0.0/16", "127.0.0.77", "fd00::/8"])
    assert [reach.has(each) for each in ("10.1.2.3", "10.2.0.1", "127.0.0.77", "127.0.0.1", "fd12::1", "fc00::1")] == [
        *(True, False, True, False, True, False)
    ]
    assert reach.has("::ffff:10.1.2.3")
    assert not reach.has("::ffff:10.2.2.3")
    with pytest.raises(ValueError, match="not appear"):
        Reach(["nonsense"])


SPELLINGS = ("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "017700000001", "0", "127.0.0.1.")


@pytest.mark.parametrize("host", SPELLINGS)
@looped
async def test_other_spellings(host: str) -> None:
    """Whatever the resolver makes of them, it is the address that counts."""
    with pytest.raises(GoError, match=r"out of reach|no such host"):
        await send(request(f"http://{host}/"), ways())


# -- URLs -------------------------------------------------------------------------------------------------------------

TARGETS: dict[str, tuple[str, int, str, str]] = {
    "http://Example.com": ("example.com", 80, "/", "Example.com"),
    "https://example.com:8443/a/b?x=1#y": ("example.com", 8443, "/a/b?x=1", "example.com:8443"),
    "HTTPS://example.com/": ("example.com", 443, "/", "example.com"),
    "http://example.com?x=a b&y=é": ("example.com", 80, "/?x=a%20b&y=%C3%A9", "example.com"),
    "http://[::1]:8080/x": ("::1", 8080, "/x", "[::1]:8080"),
    "http://user:word@example.com/a%20b": ("example.com", 80, "/a%20b", "example.com"),
    "http://bücher.example/": ("xn--bcher-kva.example", 80, "/", "bücher.example"),
    "http://%31%32%37.0.0.1/": ("127.0.0.1", 80, "/", "%31%32%37.0.0.1"),
    "http://example.com\\@evil.com/": ("", 0, "", ""),
    "http://example.com:80:81/": ("", 0, "", ""),
    "http://exa\nmple.com/": ("", 0, "", ""),
    "http://:80/": ("", 80, "/", ":80"),
}


@pytest.mark.parametrize("url", TARGETS)
def test_urls(url: str) -> None:
    host, port, path, authority = TARGETS[url]
    if not port:
        with pytest.raises(GoError):
            parsed(url, "Get")
        return
    target = parsed(url, "Get")
    assert (target.host, target.port, target.target, target.authority) == (host, port, path, authority)


def test_redirects_are_relative_to_where_they_come_from() -> None:
    base = parsed("https://example.com/a/b?c", "Get")
    found = {location: joined(base, location) for location in ("d", "/d", "//x.y/d", "?q", "http://z/", "")}
    assert list(found.values()) == [
        *("https://example.com/a/d", "https://example.com/d", "https://x.y/d", "https://example.com/a/b?q"),
        *("http://z/", "https://example.com/a/b?c"),
    ]


def test_canonical_names() -> None:
    names = ["content-type", "X-REQUEST-ID", "a b", "etag"]
    assert [canonical(each) for each in names] == ["Content-Type", "X-Request-Id", "a b", "Etag"]


# -- exchanges --------------------------------------------------------------------------------------------------------

HERE = "127.0.0.1"


def request(url: str, method: str = "GET", body: bytes = b"", timeout_s: float = 30, **headers: str) -> Request:
    return Request(method, url, headers, body, timeout_s)


def ways(allowed: tuple[str, ...] = (), find: Callable[[str, int], list[Found]] = lookup, tls: Any = None) -> Ways:
    """What a request needs, with a resolver of the test's."""

    async def found(host: str, port: int) -> list[Found]:
        return find(host, port)

    async def context() -> ssl.SSLContext:
        return tls or ssl.create_default_context()

    async def thread(fn: Callable[[bytes], bytes], data: bytes) -> bytes:
        return fn(data)

    return Ways(found, Reach(allowed), context, thread, lambda ns: None, None)


Answer = Callable[[str, bytes], bytes]


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[int]:
    """A server on a free port: `answer` gets the head and the body, and writes what goes out."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next((line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0")
            writer.write(answer(head, await reader.readexactly(int(length))))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HERE, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def reply(body: bytes = b"", status: str = "200 OK", *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return reply(b"", f"{status} Found", f"Location: {location}")


async def ask(answer: Answer, path: str = "/", allowed: tuple[str, ...] = ("127.0.0.1/32",), **more: Any) -> Response:
    async with served(answer) as port:
        return await send(request(f"http://{HERE}:{port}{path}", **more), ways(allowed))


@looped
async def test_an_address_that_is_not_allowed_hears_nothing() -> None:
    asked = []
    with pytest.raises(GoError, match="out of reach"):
        await ask(lambda head, body: asked.append(head) or reply(), allowed=())
    assert not asked


@looped
async def test_an_exchange() -> None:
    def answer(head: str, body: bytes) -> bytes:
        assert head.startswith("POST /a?b HTTP/1.1\r\n")
        assert "\r\nX-Test: 1\r\n" in head
        assert body == b"data"
        return reply(b"hi", "201 Created", "x-a: 1", "X-A: 2")

    response = await ask(answer, "/a?b", method="POST", body=b"data", **{"X-Test": "1"})
    assert (response.status, response.body, response.headers["X-A"]) == (201, b"hi", ["1", "2"])


@looped
async def test_a_redirect_to_what_is_closed_is_refused() -> None:
    for location in ("http://169.254.169.254/latest/meta-data", "http://127.0.0.2/", "http://[::1]:1/", "//10.0.0.1/x"):
        with pytest.raises(GoError, match="out of reach"):
            await ask(lambda head, body, to=location: redirect(to))  # type: ignore[misc]
    for location in ("file:///etc/passwd", "gopher://x/", "ftp://1.1.1.1/"):
        with pytest.raises(GoError, match="unsupported protocol scheme"):
            await ask(lambda head, body, to=location: redirect(to))  # type: ignore[misc]


@looped
async def test_a_name_is_looked_at_where_it_leads() -> None:
    closed = [Found(socket.AF_INET, ("10.0.0.1", 80))]
    with pytest.raises(GoError, match=r"dial tcp 10\.0\.0\.1:80: this address is out of reach"):
        await send(request("http://public.example/"), ways(find=lambda host, port: closed))


@looped
async def test_a_name_that_changes_its_mind() -> None:
    """The address that was looked at is the one that is connected to: a name is asked for once."""
    asked = []

    async with served(lambda head, body: reply(b"inside")) as port:

        def find(host: str, wanted: int) -> list[Found]:
            asked.append(host)
            address = "127.0.0.3" if len(asked) == 1 else HERE
            return [Found(socket.AF_INET, (address, port))]

        with pytest.raises(GoError, match="connection refused"):
            await send(request(f"http://rebind.example:{port}/"), ways(("127.0.0.3/32",), find))
    assert asked == ["rebind.example"]


@looped
async def test_of_several_addresses_only_the_open_ones_are_tried() -> None:
    async with served(lambda head, body: reply(b"ok")) as port:
        found = [Found(socket.AF_INET, (address, port)) for address in ("10.0.0.1", "169.254.169.254", HERE)]
        response = await send(request(f"http://x.example:{port}/"), ways((HERE,), lambda host, port: found))
    assert response.body == b"ok"


@looped
async def test_redirects() -> None:
    heads: list[str] = []

    def answer(head: str, body: bytes) -> bytes:
        heads.append(head)
        return redirect("/b?c") if head.split()[1] == "/a" else reply(body)

    response = await ask(answer, "/a", method="POST", body=b"x", **{"Content-Type": "t", "Authorization": "s"})
    assert response.redirected
    assert heads[1].startswith("GET /b?c ")
    assert "Content-Type" not in heads[1]
    assert "Authorization: s" in heads[1]
    assert "Referer: http://127.0.0.1:" in heads[1]


@looped
async def test_secrets_stay_with_their_host() -> None:
    heads: list[str] = []

    def answer(head: str, body: bytes) -> bytes:
        heads.append(head)
        port = head.split("Host: ", 1)[1].split("\r\n", 1)[0].rpartition(":")[2]
        return redirect(f"http://localhost:{port}/b") if head.split()[1] == "/a" else reply()

    async with served(answer) as port:
        here = lambda host, wanted: [Found(socket.AF_INET, (HERE, wanted))]  # noqa: E731
        given = request(f"http://{HERE}:{port}/a", **{"Authorization": "s", "Cookie": "c=1", "X-Kept": "1"})
        await send(given, ways((HERE,), here))
    assert "Authorization" not in heads[1]
    assert "Cookie" not in heads[1]
    assert "X-Kept: 1" in heads[1]


@looped
async def test_redirects_end() -> None:
    with pytest.raises(GoError, match=r'^Get "/": stopped after 10 redirects$'):
        await ask(lambda head, body: redirect("/"))


@looped
async def test_compressed_answers() -> None:
    packed = gzip.compress(b"hello", mtime=0) + gzip.compress(b" world", mtime=0)
    response = await ask(lambda head, body: reply(packed, "200 OK", "Content-Encoding: gzip"))
    assert response.body == b"hello world"
    assert "Content-Encoding" not in response.headers
    plain = await ask(
        lambda head, body: reply(packed, "200 OK", "Content-Encoding: gzip"), **{"Accept-Encoding": "gzip"}
    )
    assert plain.body == packed


@looped
async def test_answers_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BODY_BYTES_MAX", 100_000)
    bomb = gzip.compress(bytes(10_000_000))
    for answer in (
        reply(b"x" * 100_001),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"fff0\r\n"
        + b"x" * 65_520
        + b"\r\nfff0\r\n"
        + b"x" * 65_520,
        reply(bomb, "200 OK", "Content-Encoding: gzip"),
    ):
        with pytest.raises(GoError, match="the response is larger than"):
            await ask(lambda head, body, said=answer: said)  # type: ignore[misc]


BROKEN: dict[bytes, str] = {
    b"": "EOF",
    b"nonsense\r\n\r\n": "malformed HTTP response",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi": "EOF|malformed",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello": "malformed",
    b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000 + b"\r\n": "malformed",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50: "1xx",
    gzip.compress(b"x", mtime=0)[:9]: "malformed|EOF",
}


@pytest.mark.parametrize("said", BROKEN, ids=lambda said: repr(said[:24]))
@looped
async def test_what_is_no_http(said: bytes) -> None:
    with pytest.raises(GoError, match=BROKEN[said]):
        await ask(lambda head, body: said)


@looped
async def test_a_server_that_says_nothing() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(GoError, match=rf'^Get "http://{HERE}:{port}/": context deadline exceeded$'):
            await send(request(f"http://{HERE}:{port}/", timeout_s=0.2), ways((HERE,)))
    finally:
        server.close()


@looped
async def test_a_plain_server_is_no_tls_one() -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply())
        writer.close()

    server = await asyncio.start_server(chat, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(GoError, match="tls: "):
            await send(request(f"https://{HERE}:{port}/"), ways((HERE,)))
    finally:
        server.close()


# A key and a certificate of nobody's, for tls.example.
PAIR = """
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHfQsaWf76gpLx7PC
SFo/VxowxlpOgzVB9Yje6dCi2y+hRANCAASEwMuYctvxl3cei32rzhBCi2KzG/26
wiApBhZ4QbJ9HI5CEEaw8m2RwClfc9rNkd5DjiNp/fon4ErHA6tvSfmB
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUF5/eUncDT976lIuZvQ9U20WgebUwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLdGxzLmV4YW1wbGUwIBcNMjYxMTIyMTcyMDM1WhgPMjEyNjEw
MjkxNzIwMzVaMBYxFDASBgNVBAMMC3Rscy5leGFtcGxlMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEhMDLmHLb8Zd3Hot9q84QQotisxv9usIgKQYWeEGyfRyOQhBG
sPJtkcApX3PazZHeQ44jaf36J+BKxwOrb0n5gaNrMGkwHQYDVR0OBBYEFF+Phetg
GsKRVOqYPld/pJidX2mAMB8GA1UdIwQYMBaAFF+PhetgGsKRVOqYPld/pJidX2mA
MA8GA1UdEwEB/wQFMAMBAf8wFgYDVR0RBA8wDYILdGxzLmV4YW1wbGUwCgYIKoZI
zj0EAwIDSAAwRQIhANW74EPOddJdfsubCw5qbQMLfCA+mvXiS8w4yZ6T6HreAiAW
362ekauEBFpjkOhTh+P2GXKYP8OC66+sTfFA3jwW3w==
-----END CERTIFICATE-----
"""


@looped
async def test_certificates_are_looked_at(tmp_path: Path) -> None:
    pair = tmp_path / "pair.pem"
    pair.write_text(PAIR.lstrip())
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(pair)
    trusting = ssl.create_default_context(cafile=str(pair))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"safe"))
        writer.close()

    server = await asyncio.start_server(answer, HERE, 0, ssl=own)
    port = server.sockets[0].getsockname()[1]

    async def asked(host: str, tls: ssl.SSLContext | None) -> Response:
        way = ways((HERE,), lambda name, wanted: [Found(socket.AF_INET, (HERE, wanted))], tls)
        return await send(request(f"https://{host}:{port}/"), way)

    try:
        assert (await asked("tls.example", trusting)).body == b"safe"
        for host, tls in (("tls.example", None), ("other.example", trusting), (HERE, trusting)):
            with pytest.raises(GoError, match="tls: failed to verify certificate: x509: "):
                await asked(host, tls)
    finally:
        server.close()


INJECTIONS = (
    {"X": "a\r\nHost: evil"},
    {"X\r\nY": "1"},
    {"": "1"},
    {"X y": "1"},
    {"X": "\0"},
)


@pytest.mark.parametrize("headers", INJECTIONS)
@looped
async def test_headers_stay_one_line(headers: dict[str, str]) -> None:
    with pytest.raises(GoError, match="invalid header field"):
        await ask(lambda head, body: reply(), **headers)


@looped
async def test_methods_and_own_headers() -> None:
    heads: list[str] = []
    await ask(
        lambda head, body: heads.append(head) or reply(),
        **{"Host": "x", "Content-Length": "9", "Transfer-Encoding": "chunked"},
    )
    assert "Host: x" not in heads[0]
    assert "chunked" not in heads[0]
    assert "Content-Length" not in heads[0]
    for method in ("GET x", "", "G\r\nT"):
        with pytest.raises(GoError, match="invalid method"):
            await ask(lambda head, body: reply(), method=method)


@looped
async def test_the_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await ask(lambda head, body: reply(b"direct"))).body == b"direct"


@looped
async def test_one_tenant_has_so_many_under_way() -> None:
    outside = Outside([])
    outside._under_way["t"] = TENANT_MAX
    ctx: Any = type("Ctx", (), {"name": "t", "account": None, "lanes": None})()
    with pytest.raises(GoError, match=TOO_MANY):
        await outside.send(ctx, lambda ns: None, request("http://x.example/"))
    outside.close()


def test_what_the_error_says() -> None:
    assert "allow_networks" in OUT_OF_REACH
