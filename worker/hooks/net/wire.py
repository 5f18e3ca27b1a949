"""One HTTP exchange over one connection to one address. The syntax is h11's, TLS is Python's, both on the event loop.

Nothing here chooses an address. What is read is bounded as it comes: the head by h11, the body by the caller's limit;
what comes compressed is taken as it is.
"""

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

import h11

from worker.hooks.net.names import Found

if TYPE_CHECKING:
    from worker.fair.account import Account

READ_BYTES = 65_536
HEAD_BYTES_MAX = 65_536
HINTS_MAX = 5


class TooLargeError(Exception):
    """The body is larger than it may be."""


class BrokenError(Exception):
    """What came is no HTTP, or came only in part; the text is Go's as far as that can be told."""


class Sent(NamedTuple):
    """A request as it is sent."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class Received(NamedTuple):
    """An answer as it came. Header names are as the server spells them."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def connect(found: Found, host: str, tls: ssl.SSLContext | None) -> "Connection":
    """A connection to this very address; with TLS, to the host of this name. OSError, ssl.SSLError."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(found.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, found.address)
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname=host if tls is not None else None, limit=READ_BYTES
        )
    except BaseException:
        sock.close()
        raise
    return Connection(reader, writer)


class Connection:
    """A connection for one exchange."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)

    async def exchange(self, request: Sent, body_bytes_max: int, account: "Account | None") -> Received:
        """Send a request and read the answer. TooLargeError, BrokenError, OSError."""
        http, writer = self._http, self._writer
        try:
            head = http.send(h11.Request(method=request.method, target=request.target, headers=request.headers))
            tail = (http.send(h11.Data(data=request.body)) or b"") if request.body else b""
            end = http.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            raise BrokenError(str(error)) from None
        writer.writelines((head or b"", tail, end))
        if account is not None:
            account.bytes_out += len(request.body)
        await writer.drain()
        try:
            response = await self._head(account)
            body = await self._body(response, body_bytes_max, account)
        except h11.RemoteProtocolError as error:
            raise BrokenError(f"malformed HTTP response: {error}") from None
        if account is not None:
            account.bytes_in += len(body)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw_items()]
        return Received(response.status_code, headers, body)

    async def _head(self, account: "Account | None") -> h11.Response:
        hints = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read(account)
            elif isinstance(event, h11.Response):
                return event
            elif isinstance(event, h11.InformationalResponse):
                hints += 1
                if hints > HINTS_MAX or event.status_code == 101:
                    raise BrokenError("net/http: too many 1xx informational responses")
            else:
                raise BrokenError("EOF")

    async def _body(self, response: h11.Response, body_bytes_max: int, account: "Account | None") -> bytes:
        for name, value in response.headers:
            if name == b"content-length" and int(value) > body_bytes_max:
                raise TooLargeError
        parts: list[bytes] = []
        size = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read(account)
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > body_bytes_max:
                    raise TooLargeError
                parts.append(bytes(event.data))
            else:
                return b"".join(parts)

    async def _read(self, account: "Account | None") -> None:
        data = await self._reader.read(READ_BYTES)
        if account is not None:
            account.wakes += 1  # by which the loop's reading is shared out
        if not data and self._http.their_state is h11.SEND_RESPONSE:
            raise BrokenError("EOF")
        try:
            self._http.receive_data(data)
        except h11.RemoteProtocolError:
            raise BrokenError("unexpected EOF") from None

    def close(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()
