"""A plain HTTP client that shows everything: it sends exactly what it is told and returns status, headers and bytes.

Kept-alive over one connection (so the servers' keep-alive is part of every case); a connection the server closed is
opened once more. No redirects, no decoding, no header added but Host and Content-Length.
"""

import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    """One response. `headers` keep their order and spelling."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None


def multipart(
    parts: list[tuple[str, str | tuple[str, bytes, str]]], boundary: str = "oracle-boundary"
) -> tuple[bytes, str]:
    """A multipart body and its content type; a part is (name, text) or (name, (filename, content, type))."""
    out = bytearray()
    for name, value in parts:
        filename, content, kind = ("", value.encode(), "") if isinstance(value, str) else value
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        out += f'; filename="{filename}"\r\nContent-Type: {kind}'.encode() if filename else b""
        out += b"\r\n\r\n" + content + b"\r\n"
    out += f"--{boundary}--\r\n".encode()
    return bytes(out), f"multipart/form-data; boundary={boundary}"


class Client:
    """One kept-alive connection to `port` that names `host`; `token` goes with the `ok` calls only."""

    def __init__(self, port: int, host: str, timeout_s: float = TIMEOUT_S) -> None:
        self.host = host
        self.token = ""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        try:
            return self._once(method, path, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
            self._connection.close()
            return self._once(method, path, headers, body)

    def _once(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        connection = self._connection
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        named = {name.lower() for name in headers}
        if "host" not in named:
            connection.putheader("Host", self.host)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None and "content-length" not in named:
            connection.putheader("Content-Length", str(len(body)))
        # A server may answer and hang up before it has read a body that is too long: then its answer is what counts.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """A JSON request that must succeed; its parsed answer."""
        headers = {"Content-Type": "application/json", "Authorization": self.token}
        return self._succeed(method, path, headers, None if body is None else json.dumps(body).encode())

    def ok_files(self, method: str, path: str, files: dict[str, tuple[str, bytes, str]]) -> Any:
        """A multipart request that must succeed; files are name → (filename, content, type)."""
        content, kind = multipart(list(files.items()))
        return self._succeed(method, path, {"Content-Type": kind, "Authorization": self.token}, content)

    def _succeed(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        answer = self.send(method, path, {name: value for name, value in headers.items() if value}, body)
        assert answer.status in (200, 204), f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}"
        return answer.json() if answer.body else None

    def close(self) -> None:
        self._connection.close()
