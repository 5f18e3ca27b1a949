"""One HTTP/1.1 request as it stands on the wire."""

import json
from typing import Any


def request(method: str, host: str, target: str, body: Any = None, token: str = "") -> bytes:
    """The bytes of one request; `body` is sent as JSON, bytes as they are."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if token:
        fields.append(f"Authorization: {token}")
    if body is not None:
        fields += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*fields, "", ""]).encode() + content
