"""Chunked bodies: the short way agrees with the parser on everything, whatever the cuts; tiny chunks are cheap."""

from itertools import pairwise
from time import thread_time_ns

import pytest
from gunicorn.asgi.parser import ParseError, PythonProtocol
from hypothesis import example, given
from hypothesis import strategies as st

from worker.wire.chunks import PARSED_MAX, Chunks
from worker.wire.refusal import Refusal

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def parser() -> tuple[PythonProtocol, list[bytes]]:
    found: list[bytes] = []
    made = PythonProtocol(on_body=found.append, limit_request_fields=10, limit_request_field_size=500)
    made.feed(HEAD)
    return made, found


def by_parser(pieces: list[bytes]) -> tuple[bytes, bytes | None] | None:
    """(body, rest or None) by the parser alone; None: it is malformed."""
    one, found = parser()
    rest = b""
    for piece in pieces:
        if one.is_complete:
            rest += piece
            continue
        try:
            one.feed(piece)
        except ParseError:
            return None
    return b"".join(found), one.remaining() + rest if one.is_complete else None


def by_chunks(pieces: list[bytes]) -> tuple[bytes, bytes | None] | None:
    """The same by `Chunks`."""
    chunks = Chunks(*parser())
    body, rest = b"", None
    for piece in pieces:
        if rest is not None:
            rest += piece
            continue
        try:
            more, rest = chunks.feed(piece)
        except Refusal as refusal:
            return None if refusal.status in {400, 431} else (b"", b"another status")
        body += more
    return body, rest


CHUNK = st.binary(min_size=1, max_size=40).map(lambda data: b"%x\r\n%b\r\n" % (len(data), data))
ODD = st.sampled_from(
    [
        b"0\r\n\r\n",
        b"00\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"A\r\n0123456789\r\n",
        b"00000003\r\nabc\r\n",
        b"000000003\r\nabc\r\n",
        b"3;a=b\r\nabc\r\n",
        b"3 ;a\r\nabc\r\n",
        b"3\nabc\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n\n",
        b"3\r\nabc\r\r",
        b"\r\n",
        b" 3\r\nabc\r\n",
        b"-3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"g\r\n",
        b"\r",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
)


@given(st.lists(st.one_of(CHUNK, CHUNK, ODD), max_size=8), st.lists(st.integers(0, 300), max_size=20))
@example([b"1\r\nx\r", b"\n0\r\n\r\n"], [])
@example([b"1\r\nx\r\n", b"0\r\n\r\nGET"], list(range(20)))
def test_agrees_with_the_parser(parts: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(parts)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in pairwise(edges)]
    assert by_chunks(pieces) == by_parser(pieces)


@pytest.mark.parametrize("step", [1, 7, 16_384])
def test_tiny_chunks_are_cheap(step: int) -> None:
    raw = b"1\r\nx\r\n" * 10_000
    chunks = Chunks(*parser())
    began_ns = thread_time_ns()
    bodies = [chunks.feed(raw[start : start + step])[0] for start in range(0, len(raw), step)]
    taken_ns = thread_time_ns() - began_ns
    assert b"".join(bodies) == b"x" * 10_000
    # 1 µs a chunk, and one a piece; the parser alone takes 10
    assert taken_ns < 8_000 * (10_000 + len(bodies))


def test_many_extensions_are_refused() -> None:
    chunks = Chunks(*parser())
    some = b"1;a\r\nx\r\n" * (PARSED_MAX - 10)
    assert chunks.feed(some) == (b"x" * (PARSED_MAX - 10), None)
    with pytest.raises(Refusal):
        chunks.feed(b"1;a\r\nx\r\n" * 11)
