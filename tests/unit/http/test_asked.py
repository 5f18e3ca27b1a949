"""What a script is told of a request's head: its parts, and what is told again of a block that was told before."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from worker.http.asked import HttpSource
from worker.http.exchange import Request, Response
from worker.wire.heads import Fields

Pairs = tuple[tuple[bytes, bytes], ...]
HOST = (b"host", b"demo.localhost:8090")


def source_of(fields: Fields, path: bytes = b"/a", query: bytes = b"", client: str = "127.0.0.1") -> HttpSource:
    """A guest's request with that header block."""
    scope = {
        "http_version": fields.version,
        "method": "GET",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": fields.headers,
        "client": (client, 4711),
        "pocker.headers": fields.by_name,
        "pocker.exchange": SimpleNamespace(head=SimpleNamespace(fields=fields)),
    }
    req = Request(scope, None)
    req.context._auth = None
    req.context._ip = "1.2.3.4"
    return HttpSource(req, Response(), None, 100)  # type: ignore[arg-type]


def told(source: HttpSource) -> list[Any]:
    """All of a head in one list: whether nobody asks, the query, what its first text says, the headers."""
    anonymous, query, first, second = json.loads(source.head())
    return [anonymous, query, *json.loads(first), json.loads(second)]


@pytest.mark.parametrize(
    ("headers", "path", "query", "client", "expected"),
    [
        ((), b"/a", b"", "127.0.0.1",
         ["", 0, False, "GET", "/a", "127.0.0.1:4711", "127.0.0.1", "1.2.3.4", []]),
        (((b"x-a", b'"\\\xc3\xa9\xff'), (b"x-a", b"2")), b"/%22\\", b'q="\xc3\xa9\xff', "::1",
         ["", 0, False, "GET", '/%22\\?q="é?', "[::1]:4711", "0000:0000:0000:0000:0000:0000:0000:0001", "1.2.3.4",
          [["x-a", '"\\é\ufffd'], ["x-a", "2"]]]),
        (((b"content-type", b"text/plain"), (b"content-length", b"7"), (b"connection", b"Close")), b"/", b"", "1.1.1.1",
         ["text/plain", 7, True, "GET", "/", "1.1.1.1:4711", "1.1.1.1", "1.2.3.4",
          [["content-type", "text/plain"], ["content-length", "7"], ["connection", "Close"]]]),
        (((b"transfer-encoding", b"chunked"),), b"/", b"", "1.1.1.1",
         ["", -1, False, "GET", "/", "1.1.1.1:4711", "1.1.1.1", "1.2.3.4", []]),
    ],
)  # fmt: skip
def test_parts(headers: Pairs, path: bytes, query: bytes, client: str, expected: list[Any]) -> None:
    fields = Fields((HOST, *headers), "1.1", 0, True)
    asks = 'q="é?' if query else ""
    for _ in range(2):  # the second time from what is kept of the block
        assert told(source_of(fields, path, query, client)) == [True, asks, "demo.localhost:8090", "1.1", *expected]


def test_kept_and_changed() -> None:
    fields = Fields((HOST, (b"x-a", b"1")), "1.1", 0, True)
    source = source_of(fields)
    before = source.head()
    kept = fields.said
    assert kept is not None
    assert source_of(fields).head() == before
    assert fields.said is kept
    source.change([("x-a", "2")], None, None)
    assert told(source)[-1] == [["x-a", "2"]]
    source.change(None, None, b"{}")
    assert told(source)[4:6] == ["application/json", 2]
    assert fields.said is kept
    assert source_of(fields).head() == before
