"""The operators' HTTP listener: GET and HEAD of a few pages, on the arbiter's loop, syntax by h11.

It is for machines that look every few seconds, not for the world. So everything is small and bounded:

- a request head takes HEAD_BYTES_MAX and HEAD_TIMEOUT_S at most, and has no body; an answer is taken within
  WRITE_TIMEOUT_S; a connection may rest for IDLE_TIMEOUT_S between two requests;
- of more than CONNECTIONS_MAX connections, the one that has waited longest for a request is closed;
- a page is made in one go, so it must be quick: nothing else happens in the supervisor meanwhile. Between two
  requests everything else has its turn, however fast they come: a socket that is always ready never waits by itself.

Where a token is set, every request must bring it: `Authorization: Bearer TOKEN`.
"""

import asyncio
import hmac
import logging
import math
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import h11

HEAD_BYTES_MAX = 8 * 1024
HEAD_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 120.0  # more than the time between two scrapes
WRITE_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 32
ACCEPTED_AT_ONCE_MAX = 16
CHUNK_BYTES = 1024  # a head may be longer than its limit by so much
LINGER_S = 1.0
LINGER_BYTES_MAX = 64 * 1024
PLAIN = "text/plain; charset=utf-8"

REASONS = {400: "bad request", 401: "unauthorized", 404: "not found", 405: "method not allowed", 500: "failed"}


class Page(NamedTuple):
    """One answer."""

    status: int
    content_type: str
    body: bytes


class _Client:
    """One connection. `waiting_since` is the loop's time since when it owes us a request; infinite while it is
    answered."""

    __slots__ = ("sock", "task", "waiting_since")

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.sock = sock
        self.waiting_since = now
        self.task: asyncio.Task[None] | None = None


class Listener:
    """The server side. `sock` is bound, listening and non-blocking; `pages` maps a path to what makes its page;
    `token` gives the one that is asked for now, or an empty string."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        pages: Mapping[str, Callable[[], Page]],
        token: Callable[[], str],
        log: logging.Logger,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._pages = pages
        self._token = token
        self._log = log
        self._clients: set[_Client] = set()

    def open(self) -> None:
        """Starts to answer."""
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def shut(self) -> None:
        """Answers no more; a page under way is still sent while the loop runs."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for client in self._clients:
            self._dismiss(client)

    def leave_parent(self) -> None:
        """In a forked child: closes what it inherited, without a word to anyone."""
        self._sock.close()
        for client in self._clients:
            client.sock.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE_MAX):
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            if len(self._clients) >= CONNECTIONS_MAX and not self._dismiss_one():
                sock.close()
                continue
            sock.setblocking(False)
            client = _Client(sock, self._loop.time())
            self._clients.add(client)
            client.task = self._loop.create_task(self._serve(client))

    def _dismiss_one(self) -> bool:
        """Makes room: the connection that has waited longest for a request ends, if any waits."""
        return self._dismiss(min(self._clients, key=lambda client: client.waiting_since))

    def _dismiss(self, client: _Client) -> bool:
        """Ends a connection that waits for a request; one that is being answered ends by itself."""
        if client.task is None or client.waiting_since == math.inf:
            return False
        client.waiting_since = math.inf
        client.task.cancel()
        return True

    async def _serve(self, client: _Client) -> None:
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        try:
            while True:
                client.waiting_since = self._loop.time()
                page, head_only = await self._asked(client.sock, parser)
                if page is None:
                    break
                client.waiting_since = math.inf
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self._loop.sock_sendall(client.sock, _written(parser, page, head_only))
                if parser.our_state is not h11.DONE or parser.their_state is not h11.DONE:
                    await self._linger(client.sock)
                    break
                parser.start_next_cycle()
                await asyncio.sleep(0)
        except (OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
            pass  # it has gone, is too slow, makes no sense, or has to make room; there is nobody to tell
        finally:
            self._clients.discard(client)
            client.sock.close()

    async def _linger(self, sock: socket.socket) -> None:
        """Lets the answer arrive: closing while something is unread would reset the connection and lose it."""
        sock.shutdown(socket.SHUT_WR)
        left = LINGER_BYTES_MAX
        async with asyncio.timeout(LINGER_S):
            while left > 0 and (data := await self._loop.sock_recv(sock, CHUNK_BYTES)):
                left -= len(data)

    async def _asked(self, sock: socket.socket, parser: h11.Connection) -> tuple[Page | None, bool]:
        """The page of the next request, and whether only its head is wanted; no page when there is no request."""
        try:
            request = await self._event(sock, parser, IDLE_TIMEOUT_S)
            if not isinstance(request, h11.Request):
                return None, False
            end = await self._event(sock, parser, HEAD_TIMEOUT_S)
        except h11.RemoteProtocolError as error:
            return _refusal(error.error_status_hint), False
        if not isinstance(end, h11.EndOfMessage):
            return _refusal(400), False  # a body; the connection is not read on
        return self._page(request), request.method == b"HEAD"

    async def _event(self, sock: socket.socket, parser: h11.Connection, first_byte_s: float) -> object:
        """The next event, within HEAD_TIMEOUT_S once its first byte is there."""
        begun = bool(parser.trailing_data[0])
        async with asyncio.timeout(HEAD_TIMEOUT_S if begun else first_byte_s) as limit:
            while (event := parser.next_event()) is h11.NEED_DATA:
                parser.receive_data(await self._loop.sock_recv(sock, CHUNK_BYTES))
                if not begun:
                    begun = True
                    limit.reschedule(self._loop.time() + HEAD_TIMEOUT_S)
        return event

    def _page(self, request: h11.Request) -> Page:
        token = self._token()
        if token and not _brings(request, token):
            return _refusal(401)
        make = self._pages.get(request.target.partition(b"?")[0].decode("latin-1"))
        if make is None:
            return _refusal(404)
        if request.method not in {b"GET", b"HEAD"}:
            return _refusal(405)
        try:
            return make()
        except Exception:
            self._log.exception("an operators' page failed")
            return _refusal(500)


def _brings(request: h11.Request, token: str) -> bool:
    given = [value for name, value in request.headers if name == b"authorization"]
    scheme, _, credentials = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
    return scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), token.encode())


def _refusal(status: int) -> Page:
    return Page(status, PLAIN, f"{REASONS.get(status, 'bad request')}\n".encode())


def _written(parser: h11.Connection, page: Page, head_only: bool) -> bytes:
    """The bytes of an answer."""
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
    ]
    if page.status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    if page.status == 405:
        headers.append(("Allow", "GET, HEAD"))
    response = h11.Response(status_code=page.status, headers=headers, reason=HTTPStatus(page.status).phrase)
    written = parser.send(response) or b""
    if not head_only:
        written += parser.send(h11.Data(data=page.body)) or b""
    return written + (parser.send(h11.EndOfMessage()) or b"")
