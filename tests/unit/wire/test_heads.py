"""What is a request head, what is refused and how, and that the memo never changes an answer."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.wire.chunks import Chunks
from worker.wire.heads import BLOCK_BYTES, MEMO_BYTES_MAX, Head, Heads
from worker.wire.refusal import Refusal

LIMITS = {"head_bytes_max": 8192, "headers_max": 20}


def heads() -> Heads:
    return Heads(**LIMITS)


def lines(*parts: str) -> bytes:
    return "\r\n".join((*parts, "", "")).encode("latin-1")


GET = "GET / HTTP/1.1"
HOST = "Host: a.localhost"

# (request, method, target, host, content length, chunked, keep alive, expect)
GOOD = [
    (lines(GET, HOST), "GET", b"/", b"a.localhost", 0, False, True, False),
    (lines("GET /a/b?c=d&e HTTP/1.1", HOST), "GET", b"/a/b?c=d&e", b"a.localhost", 0, False, True, False),
    (lines("POST /x HTTP/1.1", HOST, "Content-Length: 12"), "POST", b"/x", b"a.localhost", 12, False, True, False),
    (lines("POST /x HTTP/1.1", HOST, "Content-Length: 0"), "POST", b"/x", b"a.localhost", 0, False, True, False),
    (
        lines("POST /x HTTP/1.1", HOST, "Transfer-Encoding: Chunked"),
        "POST",
        b"/x",
        b"a.localhost",
        0,
        True,
        True,
        False,
    ),
    (lines("PROPFIND /x HTTP/1.1", HOST), "PROPFIND", b"/x", b"a.localhost", 0, False, True, False),
    (lines(GET, "hOsT:  A.localhost:8090\t"), "GET", b"/", b"A.localhost:8090", 0, False, True, False),
    (lines(GET, "Host: [::1]:8090"), "GET", b"/", b"[::1]:8090", 0, False, True, False),
    (lines(GET, "Host:"), "GET", b"/", b"", 0, False, True, False),
    (lines("GET / HTTP/1.0"), "GET", b"/", b"", 0, False, False, False),
    (lines("GET / HTTP/1.0", "Connection: Keep-Alive"), "GET", b"/", b"", 0, False, True, False),
    (lines(GET, HOST, "Connection: close"), "GET", b"/", b"a.localhost", 0, False, False, False),
    (lines(GET, HOST, "Connection: foo, Close"), "GET", b"/", b"a.localhost", 0, False, False, False),
    (
        lines("PUT / HTTP/1.1", HOST, "Expect: 100-Continue", "Content-Length: 3"),
        "PUT",
        b"/",
        b"a.localhost",
        3,
        False,
        True,
        True,
    ),
    (
        lines("PUT / HTTP/1.0", HOST, "Expect: 100-continue", "Content-Length: 3"),
        "PUT",
        b"/",
        b"a.localhost",
        3,
        False,
        False,
        False,
    ),
    (lines("GET http://b.localhost:1/p?q HTTP/1.1", HOST), "GET", b"/p?q", b"b.localhost:1", 0, False, True, False),
    (lines("GET HTTP://b.localhost HTTP/1.1", HOST), "GET", b"/", b"b.localhost", 0, False, True, False),
    (lines("GET https://b.localhost?q HTTP/1.1", HOST), "GET", b"/?q", b"b.localhost", 0, False, True, False),
    (lines("OPTIONS * HTTP/1.1", HOST), "OPTIONS", b"*", b"a.localhost", 0, False, True, False),
    (b"\r\n" + lines(GET, HOST), "GET", b"/", b"a.localhost", 0, False, True, False),
    (lines(GET, HOST, "X: \xff\xfe obs"), "GET", b"/", b"a.localhost", 0, False, True, False),
]


@pytest.mark.parametrize("case", GOOD)
def test_good_heads(case: tuple[bytes, str, bytes, bytes, int, bool, bool, bool]) -> None:
    raw, method, target, host, length, chunked, keep, expect = case
    parser = heads()
    for _ in range(3):  # through the parser, then through the memo
        head = parser.parse(b"xx" + raw + b"rest", 2)
        assert head is not None
        assert (head.method, head.target, head.host) == (method, target, host)
        assert head.content_length == length
        assert head.chunked is chunked
        assert head.keep_alive is keep
        assert head.expect_continue is expect
        assert head.size == len(raw)
        assert head.version == ("1.1" if b"HTTP/1.1" in raw else "1.0")
        assert head.path + (b"?" + head.query if b"?" in target else b"") == target
        assert all(name == name.lower() for name, _ in head.headers)
        assert [value for name, value in head.headers if name == b"host"] == ([host] if b"ost:" in raw else [])


BAD = [
    # framing: nothing a proxy in front could read differently
    ("length and coding", lines("POST / HTTP/1.1", HOST, "Content-Length: 3", "Transfer-Encoding: chunked"), 400),
    ("coding and length", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Content-Length: 3"), 400),
    ("two lengths", lines("POST / HTTP/1.1", HOST, "Content-Length: 3", "Content-Length: 3"), 400),
    ("two lengths, differing", lines("POST / HTTP/1.1", HOST, "Content-Length: 3", "content-length: 4"), 400),
    ("list of lengths", lines("POST / HTTP/1.1", HOST, "Content-Length: 3, 3"), 400),
    ("negative length", lines("POST / HTTP/1.1", HOST, "Content-Length: -1"), 400),
    ("signed length", lines("POST / HTTP/1.1", HOST, "Content-Length: +1"), 400),
    ("hex length", lines("POST / HTTP/1.1", HOST, "Content-Length: 0x10"), 400),
    ("grouped length", lines("POST / HTTP/1.1", HOST, "Content-Length: 1_0"), 400),
    ("superscript length", lines("POST / HTTP/1.1", HOST, "Content-Length: \xb2"), 400),
    ("empty length", lines("POST / HTTP/1.1", HOST, "Content-Length:"), 400),
    ("coding, not chunked", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: gzip"), 400),
    ("coding twice", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked, chunked"), 400),
    (
        "coding in two lines",
        lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
        501,
    ),
    ("coding before chunked", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: gzip, chunked"), 501),
    ("coding identity", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: identity, chunked"), 501),
    ("coding unknown", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: xchunked"), 501),
    ("coding with tab", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: \x0bchunked"), 400),
    ("coding in 1.0", lines("POST / HTTP/1.0", HOST, "Transfer-Encoding: chunked"), 400),
    ("space before colon", lines("POST / HTTP/1.1", HOST, "Transfer-Encoding : chunked"), 400),
    ("folded line", lines(GET, HOST, "X: a", " b"), 400),
    ("folded first line", lines(GET, " Host: a"), 400),
    ("bare LF between lines", b"GET / HTTP/1.1\nHost: a.localhost\r\n\r\n", 400),
    ("bare LF in a field", b"GET / HTTP/1.1\r\nHost: a.localhost\nX: y\r\n\r\n", 400),
    ("bare LF at the end", b"GET / HTTP/1.1\r\nHost: a.localhost\r\n\n", 400),
    ("bare CR in a value", lines(GET, HOST, "X: a\rb"), 400),
    ("NUL in a value", lines(GET, HOST, "X: a\0b"), 400),
    ("control in a value", lines(GET, HOST, "X: a\x1bb"), 400),
    ("empty name", lines(GET, HOST, ": x"), 400),
    ("no colon", lines(GET, HOST, "xyz"), 400),
    ("bad name", lines(GET, HOST, "X(y): z"), 400),
    ("name beyond ASCII", lines(GET, HOST, "\xe4: z"), 400),
    # host
    ("no host", lines(GET, "X: y"), 400),
    ("no fields", lines(GET), 400),
    ("two hosts", lines(GET, HOST, HOST), 400),
    ("two hosts, differing", lines(GET, HOST, "host: b"), 400),
    ("host with a path", lines(GET, "Host: a.localhost/x"), 400),
    ("host with user", lines(GET, "Host: u@a.localhost"), 400),
    ("host list", lines(GET, "Host: a, b"), 400),
    ("host with bad port", lines(GET, "Host: a:b"), 400),
    # request line
    ("no target", lines("GET HTTP/1.1", HOST), 400),
    ("two spaces", lines("GET  / HTTP/1.1", HOST), 400),
    ("space in target", lines("GET /a b HTTP/1.1", HOST), 505),
    ("tab", lines("GET\t/\tHTTP/1.1", HOST), 400),
    ("space at the end", lines("GET / HTTP/1.1 ", HOST), 505),
    ("fragment", lines("GET /a#b HTTP/1.1", HOST), 400),
    ("target beyond ASCII", lines("GET /\xe4 HTTP/1.1", HOST), 400),
    ("control in target", lines("GET /\x7f HTTP/1.1", HOST), 400),
    ("relative target", lines("GET a HTTP/1.1", HOST), 400),
    ("authority for GET", lines("GET a:80 HTTP/1.1", HOST), 400),
    ("CONNECT", lines("CONNECT a:80 HTTP/1.1", HOST), 501),
    ("CONNECT with a path", lines("CONNECT / HTTP/1.1", HOST), 501),
    ("asterisk for GET", lines("GET * HTTP/1.1", HOST), 400),
    ("other scheme", lines("GET ftp://a.localhost/ HTTP/1.1", HOST), 400),
    ("absolute with user", lines("GET http://u@a.localhost/ HTTP/1.1", HOST), 400),
    ("absolute without host field", lines("GET http://a.localhost/ HTTP/1.1", "X: y"), 400),
    ("lower-case method", lines("get / HTTP/1.1", HOST), 400),
    ("bad method", lines("G(T / HTTP/1.1", HOST), 400),
    ("lower-case version", lines("GET / http/1.1", HOST), 505),
    ("HTTP/2", lines("GET / HTTP/2.0", HOST), 505),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /\r\n\r\n", 400),
    ("two empty lines first", b"\r\n\r\n" + lines(GET, HOST), 400),
    ("space before the line", b" " + lines(GET, HOST), 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01", 400),
    # limits and others
    ("long target", lines("GET /" + "a" * 5000 + " HTTP/1.1", HOST), 414),
    ("long target, unfinished", b"GET /" + b"a" * 5000, 414),
    ("very long target", b"GET /" + b"a" * 9000, 414),
    ("long field", lines(GET, HOST, "X: " + "a" * 5000), 431),
    ("long head", lines(GET, HOST, *(f"X{i}: " + "a" * 1000 for i in range(10))), 431),
    ("long head, unfinished", lines(GET, HOST, *(f"X{i}: " + "a" * 1000 for i in range(10)))[:-2], 431),
    ("many fields", lines(GET, HOST, *(f"X{i}: a" for i in range(30))), 431),
    ("expectation", lines(GET, HOST, "Expect: tea"), 417),
]


@pytest.mark.parametrize(("raw", "status"), [pytest.param(raw, status, id=name) for name, raw, status in BAD])
def test_bad_heads(raw: bytes, status: int) -> None:
    parser = heads()
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            parser.parse(raw)
        assert caught.value.status == status
        assert caught.value.message.endswith(".")
    assert len(parser) == 0, "nothing refused may be remembered"


def test_endless_lengths() -> None:
    """A length may be absurd, which is for the body's limit to refuse, or beyond what int() takes."""
    large = Heads(32_768, 20)
    assert (
        _parsed(large, lines("POST / HTTP/1.1", HOST, "Content-Length: " + "9" * 4000)).content_length == 10**4000 - 1
    )
    with pytest.raises(Refusal) as caught:
        large.parse(lines("POST / HTTP/1.1", HOST, "Content-Length: " + "9" * 5000))
    assert caught.value.status == 400


@pytest.mark.parametrize("raw", [case[0] for case in GOOD])
def test_unfinished_heads_wait(raw: bytes) -> None:
    parser = heads()
    for end in range(1, len(raw)):
        assert parser.parse(raw[:end]) is None, raw[:end]


def test_memo_is_told_apart_by_version() -> None:
    parser = heads()
    block = "Host: a\r\nConnection: x"
    for _ in range(2):
        assert _parsed(parser, lines("GET / HTTP/1.1", block)).keep_alive is True
        assert _parsed(parser, lines("GET / HTTP/1.0", block)).keep_alive is False
    with pytest.raises(Refusal):
        parser.parse(lines("GET / HTTP/1.1", "X: y"))
    assert _parsed(parser, lines("GET / HTTP/1.0", "X: y")).host == b""
    with pytest.raises(Refusal):
        parser.parse(lines("GET / HTTP/1.1", "X: y"))


def test_memo_shares_and_is_bounded() -> None:
    parser = heads()
    first = _parsed(parser, lines(GET, HOST))
    assert _parsed(parser, lines("POST /other HTTP/1.1", HOST)).headers is first.headers
    large = "a" * 2000  # in bytes, so that it takes few of them to fill it
    most = MEMO_BYTES_MAX // (BLOCK_BYTES + 2 * len(large)) + 2
    for number in range(2 * most):
        parser.parse(lines(GET, HOST, f"X: {number} {large}"))
        parser.parse(lines(GET, HOST))
        assert len(parser) <= most
    assert len(parser) > most // 3
    assert _parsed(parser, lines(GET, HOST)).fields is not None
    # Large blocks, chunked ones and rewritten hosts stay out.
    before = len(parser)
    parser.parse(lines(GET, HOST, "X: " + "a" * 3000))
    parser.parse(lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked"))
    parser.parse(lines("GET http://b/ HTTP/1.1", HOST, "Y: z"))
    assert len(parser) == before


def test_absolute_form_does_not_poison_the_memo() -> None:
    parser = heads()
    for _ in range(2):
        assert _parsed(parser, lines("GET http://b/ HTTP/1.1", HOST)).host == b"b"
        assert _parsed(parser, lines(GET, HOST)).host == b"a.localhost"


def _parsed(parser: Heads, raw: bytes) -> Head:
    head = parser.parse(raw)
    assert head is not None
    return head


TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
FIELD = st.tuples(TOKEN, VALUE).map(lambda pair: f"{pair[0]}: {pair[1]}")
WEIRD = st.sampled_from(
    ["\r", "\n", "\0", " ", ":", "Transfer-Encoding: chunked", "Content-Length: 1", "Host: b", "\t"]
)
LINE = st.one_of(
    st.just(GET), st.tuples(TOKEN, TOKEN, st.sampled_from(["HTTP/1.1", "HTTP/1.0"])).map(" ".join), FIELD, WEIRD
)


@settings(max_examples=150)
@given(st.lists(st.one_of(FIELD, WEIRD), max_size=6), LINE, st.sampled_from(["\r\n", "\n", "\r"]))
@example([HOST, "Content-Length: 1", "Content-Length : 2"], GET, "\r\n")
def test_memo_never_changes_an_answer(fields: list[str], line: str, separator: str) -> None:
    raw = separator.join([line, HOST, *fields, "", ""]).encode("latin-1")
    fresh = _answer(heads(), raw)
    used = heads()
    for other in (lines(GET, HOST), lines(GET, HOST, *fields), raw):
        _answer(used, other)
    assert _answer(used, raw) == fresh
    # The fast way and the full way agree on everything the fast way accepts.
    if isinstance(fresh, tuple):
        full = used._parse_fully(raw[: fresh[-1]])
        assert _facts(full) == fresh


def _answer(parser: Heads, raw: bytes) -> object:
    try:
        head = parser.parse(raw)
    except Refusal as refusal:
        return refusal.status
    return None if head is None else _facts(head)


def _facts(head: Head) -> tuple[object, ...]:
    return (
        head.method,
        head.target,
        head.headers,
        head.host,
        head.content_length,
        head.chunked,
        head.keep_alive,
        head.version,
        head.size,
    )


def _chunked(body: bytes, cuts: list[int]) -> tuple[bytes, bytes | None]:
    chunks = _parsed(heads(), lines("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked")).chunks
    assert isinstance(chunks, Chunks)
    decoded = b""
    rest: bytes | None = None
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        if start == end:
            continue
        if rest is not None:
            rest += body[start:end]
            continue
        piece, rest = chunks.feed(body[start:end])
        decoded += piece
    return decoded, rest


@settings(max_examples=100)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.binary(max_size=20), st.lists(st.integers(0, 500)))
def test_chunked_bodies(pieces: list[bytes], behind: bytes, cuts: list[int]) -> None:
    body = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nT: x\r\n\r\n" + behind
    assert _chunked(body, cuts) == (b"".join(pieces), behind)


@pytest.mark.parametrize(
    "body",
    [
        b"3\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"3;\x00\r\nabc\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 4\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"f" * 5000,
    ],
)
def test_bad_chunks(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        _chunked(body, [])
    assert caught.value.status in (400, 431)
