"""The headers of a request by name."""

from collections.abc import Iterable

from falcon.constants import SINGLETON_HEADERS

# What counts once, whatever a client sends: the last one does.
SINGLE = frozenset(name.encode() for name in SINGLETON_HEADERS)


def combined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Values by lower-case name, repeated ones joined by commas."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b"," + value if name in headers and name not in SINGLE else value
    return headers
