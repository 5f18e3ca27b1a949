"""The operators' HTTP listener, on real sockets: what it answers, and what it does not put up with."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervisor.ops import listener
from supervisor.ops.listener import HEAD_BYTES_MAX, Listener, Page

GET = b"GET /page HTTP/1.1\r\nHost: x\r\n"


class Running:
    """A listener on a loop in a thread."""

    def __init__(self, pages: dict[str, Callable[[], Page]]) -> None:
        self.token = ""
        self.pages = pages
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.address = self.sock.getsockname()
        self.loop = asyncio.new_event_loop()
        self.door = Listener(self.loop, self.sock, pages, lambda: self.token, logging.getLogger("test"))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.door.open()
        self.loop.run_forever()
        self.door.shut()
        tasks = asyncio.all_tasks(self.loop)
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, 10)

    def ask(self, *pieces: bytes) -> bytes:
        """All that is answered to these bytes, until the listener closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            return everything(client)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        assert not self.thread.is_alive()


def everything(client: socket.socket) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            got += data
    return got


def one(client: socket.socket) -> bytes:
    """One answer with a page of four bytes."""
    got = b""
    while not got.endswith(b"\r\n\r\npage"):
        data = client.recv(65536)
        assert data, got
        got += data
    return got


def broken() -> Page:
    raise RuntimeError("on purpose")


@pytest.fixture
def running() -> Iterator[Running]:
    server = Running(
        {"/page": lambda: Page(200, "text/plain", b"page"), "/bad": lambda: Page(503, "x/y", b""), "/broken": broken}
    )
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (GET + b"\r\n", 200, b"page"),
        (b"GET /page?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 200, b"page"),
        (b"HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n", 200, b""),
        (b"GET /page HTTP/1.0\r\n\r\n", 200, b"page"),
        (b"GET /bad HTTP/1.1\r\nHost: x\r\n\r\n", 503, b""),
        (b"GET /else HTTP/1.1\r\nHost: x\r\n\r\n", 404, b"not found\n"),
        (b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, b"method not allowed\n"),
        (b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400, b"bad request\n"),
        (b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", 500, b"failed\n"),
        (b"GET /page HTTP/1.1\r\n\r\n", 400, b"bad request\n"),
        (b"nonsense\r\n\r\n", 400, b"bad request\n"),
        (b"GET /page HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (HEAD_BYTES_MAX + 1024) + b"\r\n\r\n", 431, b"bad request\n"),
    ],
)
def test_one_request(running: Running, request_: bytes, status: int, body: bytes) -> None:
    head, _, got = running.ask(request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert got == body
    if body and status == 200:
        assert b"content-length: %d" % len(body) in head.lower()


def test_half_a_request_is_none(running: Running) -> None:
    assert running.ask(GET).startswith(b"HTTP/1.1 400 ")
    assert running.ask(b"") == b""


def test_a_large_body_is_refused_and_the_refusal_arrives(running: Running) -> None:
    head = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n"
    assert running.ask(head + b"x" * 30_000).startswith(b"HTTP/1.1 400 ")


def test_whoever_asks_without_a_pause_leaves_the_loop_to_others(running: Running) -> None:
    """Its socket is always ready, so nothing in reading or writing ever waits."""
    turns: list[None] = []
    made: list[int] = []

    def page() -> Page:
        made.append(len(turns))
        running.loop.call_soon(turns.append, None)
        return Page(200, "text/plain", b"page")

    running.pages["/page"] = page
    asked = 1000 // len(GET + b"\r\n")  # what is read in one go
    assert running.ask((GET + b"\r\n") * asked).count(b"page") == asked
    assert made == list(range(asked))


def test_a_connection_is_kept_and_requests_may_come_in_pieces_or_together(running: Running) -> None:
    with running.connect() as client:
        client.sendall(GET[:10])
        client.sendall(GET[10:] + b"\r\n")
        assert one(client).startswith(b"HTTP/1.1 200")
        client.sendall((GET + b"\r\n") * 2)
        client.shutdown(socket.SHUT_WR)
        assert everything(client).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 401),
        (b"Authorization: Bearer wrong\r\n", 401),
        (b"Authorization: Bearer s3cret2\r\n", 401),
        (b"Authorization: s3cret\r\n", 401),
        (b"Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", 401),
        (b"Authorization: Bearer s3cret\r\n", 200),
        (b"authorization: bearer s3cret\r\n", 200),
    ],
)
def test_a_token(running: Running, line: bytes, status: int) -> None:
    running.token = "s3cret"
    got = running.ask(GET + line + b"\r\n")
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert (b"page" in got) == (status == 200)
    assert (b"www-authenticate: bearer" in got.lower()) == (status == 401)


def test_without_the_token_nobody_learns_what_pages_there_are(running: Running) -> None:
    running.token = "s3cret"
    assert running.ask(b"GET /else HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 401 ")


def test_a_slow_head_is_given_up(running: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr(listener, "HEAD_TIMEOUT_S", 0.05)
    with running.connect() as client:
        client.sendall(GET)
        assert everything(client) == b""


def test_who_rests_for_too_long_is_closed(running: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr(listener, "IDLE_TIMEOUT_S", 0.05)
    with running.connect() as client:
        client.sendall(GET + b"\r\n")
        assert everything(client).endswith(b"page")


def test_the_longest_waiting_connection_makes_room(running: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 3)
    clients = []
    for _ in range(4):
        clients.append(running.connect())
        if len(clients) < 4:
            clients[-1].sendall(GET + b"\r\n")
            one(clients[-1])
    with contextlib.ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        assert everything(clients[0]) == b""
        for client in clients[1:]:
            client.sendall(GET + b"\r\n")
            assert one(client).startswith(b"HTTP/1.1 200")


def test_a_child_closes_what_it_inherited() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        door = Listener(asyncio.new_event_loop(), sock, {}, str, logging.getLogger("test"))
        door.leave_parent()
        assert sock.fileno() == -1
