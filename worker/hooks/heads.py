"""The head of a request as a script is told of it: texts that most scripts never have to read.

What a header block says is made once for all requests that have sent the same one (`worker.http.asked`).
"""

from typing import Any, NamedTuple

import orjson


class Block(NamedTuple):
    """What the header block of a request says, in the order in which a script is told of it."""

    host: str
    version: str
    # of the body: its type, and its length in bytes, -1 where that is not known
    type: str
    length: int
    close: bool
    headers: list[list[str]]


# What else there is of a request beside its query: method, URI, and the peer's address with its port, its address, that
# of the client.
Line = tuple[str, str, str, str, str]


class Said(NamedTuple):
    """A `Block` as it is told: what stands in the first text of a head, and all of the second one."""

    first: bytes
    second: bytes


def said_of(block: Block) -> Said:
    """A block on its way to a script."""
    return Said(_inside(block[:5]), _text(block.headers))


def head_of(line: Line, said: Said, query: str, *, anonymous: bool) -> bytes:
    """What a script is told of a head, as JSON: [anonymous, query, text of the first, text of the second].

    The texts are JSON themselves, which most scripts never have to read (`sandbox/js/request.js`):
    [host, version, type, length, close, method, uri, remote, remote_ip, real_ip] and the headers.
    """
    asks = orjson.dumps(query) if query else b'""'
    who = b"true" if anonymous else b"false"
    return b'[%b,%b,"[%b,%b]",%b]' % (who, asks, said.first, _inside(line), said.second)


def _text(values: tuple[Any, ...] | list[Any]) -> bytes:
    """Values as the JSON of a text which is their JSON."""
    return orjson.dumps(orjson.dumps(values).decode())


def _inside(values: tuple[Any, ...]) -> bytes:
    """As `_text`, without the quotes and the brackets."""
    return _text(values)[2:-2]
