"""What scripts say to clients is not trusted: statuses, names and values of headers, sizes."""

from typing import Any

import pytest

from worker.hooks.calls import GoError
from worker.hooks.requests import ANSWER_BYTES_MAX, HEADERS_MAX, answered, binary_of, pairs_of


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("X-A", "b", [("x-a", "b")]),
        ("X-A", "a\r\nSet-Cookie: x=y", [("x-a", "a  Set-Cookie: x=y")]),
        ("X-A", "a\nb\0c\x7f\x0bd", [("x-a", "a b c  d")]),
        ("X-A", "\ta\t", [("x-a", "a")]),
        ("X-A", "é€", [("x-a", "é€".encode().decode("latin-1"))]),
        ("X-A", "\ud800", [("x-a", "?")]),
        ("X-A\r\nB", "c", []),
        ("X A", "c", []),
        ("X:A", "c", []),
        ("é", "c", []),
        ("", "c", []),
        ("a" * 257, "c", []),
        ("Content-Length", "5", []),
        ("transfer-ENCODING", "chunked", []),
        ("Connection", "upgrade", []),
        ("Date", "x", []),
        ("Server", "me", [("server", "me")]),
    ],
)
def test_headers(name: str, value: str, sent: list[tuple[str, str]]) -> None:
    assert pairs_of([[name, value]]) == sent


@pytest.mark.parametrize(
    "headers",
    [
        None, 5, {}, "x", [5], [["a"]], [["a", 5]], [["a", "b", "c"]], [[None, "b"]], [["a", "b"]] * (HEADERS_MAX + 1),
        [["a", "b" * 40_000]], [[f"a{number}", "b" * 20_000] for number in range(4)],
    ],
)  # fmt: skip
def test_headers_refused(headers: object) -> None:
    with pytest.raises(GoError):
        pairs_of(headers)


@pytest.mark.parametrize(
    "told",
    [
        None, 5, [], {"status": "200"}, {"status": 1000}, {"status": 199}, {"status": 1}, {"status": -1},
        {"status": True}, {"status": 200.5}, {"status": 200, "binary": "\u0100"}, {"status": 200, "headers": 5},
        {"status": 200, "text": "x" * (ANSWER_BYTES_MAX + 1)},
        [200, ""], [200, "", "", ""], ["200", "", ""], [True, "", ""], [199, "", ""], [200, 5, ""], [200, ["a"], ""],
        [200, "", "x" * (ANSWER_BYTES_MAX + 1)],
    ],
)  # fmt: skip
def test_answers_refused(told: object) -> None:
    with pytest.raises(GoError):
        answered(told)


@pytest.mark.parametrize(
    ("told", "body"),
    [
        ({"status": 200}, b""),
        ({"status": 200, "text": "é"}, "é".encode()),
        ({"status": 200, "text": "\ud800"}, b"?"),
        ({"status": 200, "binary": "\xe9\xff"}, b"\xe9\xff"),
        ({"status": 200, "text": 5, "binary": 5, "file": 5, "gzip": 5}, b""),
    ],
)
def test_bodies(told: dict[str, Any], body: bytes) -> None:
    said = answered(told)
    assert (said.status, said.body, said.file, said.gzip) == (200, body, "", False)


@pytest.mark.parametrize(
    ("told", "kind", "body", "plain"),
    [
        ([200, "application/json", "é"], "application/json", "é".encode(), True),
        ([418, "text/x\r\na: b", "a"], "text/x  a: b", b"a", True),
        ([200, "application/json", ""], "application/json", b"", False),
        ([200, "", 5], "", b"", False),
        ([204, "", "a"], "", b"a", False),
        ([0, "", "a"], "", b"a", False),
    ],
)
def test_short_answers(told: list[object], kind: str, body: bytes, plain: bool) -> None:
    said = answered(told)
    assert (said.status, said.headers, said.type, said.body, said.is_plain) == (told[0], None, kind, body, plain)


@pytest.mark.parametrize(("start", "size"), [(-1, 5), (0, 0), ("0", 5), (0, None), (0.5, 1)])
def test_pieces_refused(start: object, size: object) -> None:
    with pytest.raises(GoError):
        binary_of(b"abc", start, size)


def test_pieces() -> None:
    assert [binary_of(b"ab\xff", start, 2) for start in (0, 2, 3)] == ["ab", "\xff", ""]
