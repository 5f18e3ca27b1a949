"""Heads of responses and the other pieces of the wire's own making."""

import json
from typing import Any

import pytest

from worker.wire.replies import BLOCKS_MAX, LINES_MAX, Composer, chunk, date_line, error_reply, status_line

DATE = b"date: D\r\n"
LAST = "content-length: 0|date: D|connection: close"
TEXT = (b"content-type", b"text/plain")

# (status, fields, size, version, to_head, close) → (lines behind the status line, length, chunked, close)
HEADS: list[tuple[Any, ...]] = [
    (200, [TEXT], 5, "1.1", False, False, "content-type: text/plain|content-length: 5|date: D", 5, False, False),
    (200, [], 0, "1.1", False, False, "content-length: 0|date: D", 0, False, False),
    (200, [(b"content-length", b"9")], None, "1.1", False, False, "content-length: 9|date: D", 9, False, False),
    (200, [], None, "1.1", False, False, "transfer-encoding: chunked|date: D", None, True, False),
    (200, [], None, "1.0", False, False, "date: D|connection: close", None, False, True),
    (200, [], 5, "1.0", False, False, "content-length: 5|date: D|connection: keep-alive", 5, False, False),
    (200, [], 5, "1.1", False, True, "content-length: 5|date: D|connection: close", 5, False, True),
    (200, [], 0, "1.1", True, False, "date: D", None, False, False),
    (200, [], 5, "1.1", True, False, "content-length: 5|date: D", 5, False, False),
    (200, [], None, "1.1", True, False, "date: D", None, False, False),
    (204, [(b"content-length", b"0")], 0, "1.1", False, False, "date: D", None, False, False),
    (304, [(b"content-length", b"7")], 0, "1.1", False, False, "content-length: 7|date: D", 7, False, False),
    (200, [(b"date", b"E")], 0, "1.1", False, False, "date: E|content-length: 0", 0, False, False),
    (200, [(b"connection", b"Close")], 0, "1.1", False, False, LAST, 0, False, True),
    (200, [(b"connection", b"keep-alive")], 0, "1.1", False, False, "content-length: 0|date: D", 0, False, False),
    (200, [(b"transfer-encoding", b"close")], 0, "1.1", False, False, "content-length: 0|date: D", 0, False, False),
    (200, [(b"set-cookie", b"a"), (b"set-cookie", b"b")], 0, "1.1", False, False,
     "set-cookie: a|set-cookie: b|content-length: 0|date: D", 0, False, False),
]  # fmt: skip


@pytest.mark.parametrize("case", HEADS)
def test_heads_of_responses(case: tuple[Any, ...]) -> None:
    status, fields, size, version, to_head, close, lines, *rest = case
    composer = Composer()
    # the second time from what was kept, as tuples are as a whole
    for given in (fields, fields, tuple(fields), tuple(fields)):
        composed = composer.compose(status, given, size, version=version, to_head=to_head, close=close, date=DATE)
        head = status_line(status) + lines.replace("|", "\r\n").encode() + b"\r\n\r\n"
        assert composed == (head, *rest)


@pytest.mark.parametrize(
    "field",
    [
        (b"x", b"a\r\nb: c"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"x\r\ny", b"a"),
        (b"content-length", b"1\r\nx: y"),
        (b"content-length", b"many"),
        (b"date", b"a\r\nx: y"),
    ],
)
def test_fields_that_break_a_head(field: tuple[bytes, bytes]) -> None:
    composer = Composer()
    for fields in ([field], [field], (field,), (field,)):
        with pytest.raises(ValueError, match=r"break the head|invalid literal"):
            composer.compose(200, fields, 0, version="1.1", to_head=False, close=False, date=DATE)


def test_kept_lines_are_bounded() -> None:
    composer = Composer()
    for number in range(3 * LINES_MAX):
        fields = [(b"x", b"%d" % number), (b"y", b"z" * 300), (b"content-length", b"%d" % number)]
        composer.compose(200, fields, None, version="1.1", to_head=False, close=False, date=DATE)
        assert 0 < len(composer._lines) <= LINES_MAX
        composer.compose(200, tuple(fields[:2]), 0, version="1.1", to_head=False, close=False, date=DATE)
        assert 0 < len(composer._blocks) <= BLOCKS_MAX


def test_pieces() -> None:
    assert chunk(b"") == b""
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert date_line(784111777) == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"
    assert status_line(599) == b"HTTP/1.1 599 Unknown\r\n"


def test_error_replies() -> None:
    head, _, body = error_reply(413, "Too large.", DATE, retry_after_s=3).partition(b"\r\n\r\n")
    assert body == b'{"data":{},"message":"Too large.","status":413}'
    assert json.loads(body)["status"] == 413
    for line in (b"content-length: %d" % len(body), b"retry-after: 3", b"connection: close", b"date: D"):
        assert line in head.split(b"\r\n")
    assert error_reply(413, "Too large.", DATE, to_head=True).endswith(b"\r\n\r\n")
    assert b"retry-after" not in error_reply(413, "Too large.", DATE)
