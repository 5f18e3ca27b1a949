"""The load generator, against a server that says no to some."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.load import COUNTER, Generator
from tests.bench.processes import cpu_s


class Paths(ThreadingHTTPServer):
    """Keeps what it was asked for; answers without a body, with one of a known length, and with one in chunks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """One connection to it."""

    protocol_version = "HTTP/1.1"
    server: Paths

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        self.send_response({"empty": 204, "no": 404}.get(kind, 200))
        if kind == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"2\r\nab\r\n")
            self.wfile.write(b"1\r\nc\r\n0\r\n\r\n")
        else:
            body = b"" if kind == "empty" else b"three"
            if body:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    with Generator() as started:
        yield started


@pytest.fixture
def server() -> Iterator[Paths]:
    with Paths() as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


@pytest.mark.parametrize(
    ("paths", "steps", "some_fail"),
    [
        (["/known"], 1, False),
        (["/empty", "/chunks", "/known"], 1, False),
        (["/empty", "/no"], 1, True),
        (["/known/first", "/known/second"], 2, False),
    ],
    ids=["one", "kinds of bodies", "some fail", "groups"],
)
def test_run(generator: Generator, server: Paths, paths: list[str], steps: int, *, some_fail: bool) -> None:
    requests = [f"GET {path}/{COUNTER} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths]
    plan = {"port": server.server_port, "connections": 2, "seconds": 0, "requests": requests, "steps": steps}
    result = generator.run({**plan, "least": 12})
    assert result["done"] >= 12
    assert result["done"] <= len(server.asked)
    assert (result["failed"] > 0) is some_fail
    assert 0 < result["p50_us"] <= result["p99_us"]
    numbers: dict[str, list[str]] = {}
    for path in server.asked:
        kind, number = path.rsplit("/", 1)
        numbers.setdefault(number, []).append(kind)
    assert int(max(numbers)) == result["next"] - 1
    if steps > 1:  # one connection after another, each number in its order
        assert all(kinds == paths for kinds in numbers.values())
    else:
        assert all(len(kinds) == 1 for kinds in numbers.values())


def test_numbers_are_never_used_twice(generator: Generator, server: Paths) -> None:
    requests = [f"GET /empty/{COUNTER} HTTP/1.1\r\nHost: a\r\n\r\n"]
    for _ in range(2):
        generator.ask(server.server_port, requests, 5)
    assert len(set(server.asked)) == len(server.asked)


def test_ask_says_what_failed(generator: Generator, server: Paths) -> None:
    with pytest.raises(RuntimeError, match="no 2xx"):
        generator.ask(server.server_port, ["GET /no HTTP/1.1\r\nHost: a\r\n\r\n"], 5)


def test_cpu_of_a_process_that_is_ours() -> None:
    before, own = cpu_s(os.getpid()), time.process_time()
    while time.process_time() < own + 0.02:
        sum(range(1000))
    assert cpu_s(os.getpid()) - before >= 0.02
