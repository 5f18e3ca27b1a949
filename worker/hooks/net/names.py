"""The addresses of hosts: asked for in threads of their own, since who answers slowly is not ours to choose.

A tenant has a part of the threads at most, so that names which nobody answers for keep nobody else waiting.
"""

import socket
from collections import OrderedDict
from time import monotonic
from typing import NamedTuple

from worker.fair.account import Account
from worker.lanes.pool import Book, Pool

THREADS = 6
ALONE_MAX = 2
WAIT_S = 20.0
KEPT_MAX = 512
KEPT_S = 10.0
FOUND_MAX = 8


class Found(NamedTuple):
    """One address of a host: its family and what `connect` takes."""

    family: int
    address: tuple[str, int] | tuple[str, int, int, int]


class Names:
    """Finds addresses for one worker. Used on the event loop."""

    def __init__(self, book: Book) -> None:
        """`book` gets the CPU of the threads (ns)."""
        self._pool = Pool("names", THREADS, book, wait_s=WAIT_S, alone_max=ALONE_MAX)
        self._kept: OrderedDict[tuple[str, int], tuple[float, list[Found]]] = OrderedDict()

    async def find(self, account: Account | None, host: str, port: int) -> list[Found]:
        """The addresses of a host, in the order to try them. socket.gaierror where there are none."""
        key = host, port
        until, found = self._kept.get(key, (0.0, []))
        if monotonic() < until:
            return found
        found = await self._pool.run(account, lookup, host, port)
        self._kept[key] = monotonic() + KEPT_S, found
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def close(self) -> None:
        """End the threads."""
        self._pool.stop()
        self._pool.join(monotonic())


def lookup(host: str, port: int) -> list[Found]:
    """The addresses of a host. Blocks. socket.gaierror."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    found = [Found(family, address) for family, _, _, _, address in rows if len(address) in (2, 4)]  # type: ignore[arg-type]
    return found[:FOUND_MAX]
