"""What gives way when a worker has too many connections, or keeps too much in memory: that of whoever has most.

Connections: first those on which no request ever came whole, of the client address with most of them; then those
between two requests, of the tenant with most connections. The oldest first. What works is never closed.

Memory: bodies that arrive wait, but for the one that has come furthest, so that it comes to its end and makes room. If
answers that clients don't take are too much, connections are cut, those of the tenant that keeps most first.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from worker.fair.account import Account
from worker.fair.gate import LADEN

if TYPE_CHECKING:
    from worker.wire.connection import Connection

CLOSED_PART = 100  # one in so many connections is closed at a time, so that the search for them is rare
RELIEF = 0.9  # of the limit on memory: so far it is relieved


def dispensable(connections: Iterable["Connection"], count: int) -> list["Connection"]:
    """Up to `count` connections that can be closed, all of one client address or of one tenant."""
    between = [connection for connection in connections if connection.between]
    fresh = [connection for connection in between if not connection.served]
    idle = [connection for connection in between if not connection.unread]
    if fresh:
        address = Counter(connection.client[0] for connection in fresh).most_common(1)[0][0]
        found = [connection for connection in fresh if connection.client[0] == address]
    elif idle:
        account = max({connection.account for connection in idle}, key=lambda account: account.connections)
        found = [connection for connection in idle if connection.account is account]
    else:
        return []
    found.sort(key=lambda connection: connection.deadline)
    return found[:count]


def choose_bodies(connections: Iterable["Connection"], *, full: bool) -> None:
    """Settles whose bodies are read on: those of tenants that keep too much (all, if `full`) wait but for one."""
    receiving = [connection for connection in connections if connection.receives]
    if not receiving:
        return
    first: dict[Account | None, Connection] = {}
    for connection in receiving:
        key = None if full else connection.account
        if key not in first or connection.kept > first[key].kept:
            first[key] = connection
    for connection in receiving:
        account = connection.account
        connection.leads = first[None if full else account] is connection
        connection.pause((full or bool(account.bars & LADEN)) and not connection.leads)


def stuck(connections: Iterable["Connection"], excess: int) -> list["Connection"]:
    """Connections whose clients leave `excess` bytes in memory between them, or all that there are."""
    choked = [connection for connection in connections if connection.choked and connection.kept]
    choked.sort(key=lambda connection: (connection.account.buffered, connection.kept), reverse=True)
    found = []
    for connection in choked:
        if excess <= 0:
            break
        found.append(connection)
        excess -= connection.kept
    return found
