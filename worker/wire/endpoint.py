"""What all connections of a worker share: its parts, its clock, the set of connections and what is done to all of them.

Time is coarse: `sweep` runs about once a second, moves the clock on and visits every connection, so that a deadline
costs a request one assignment and no timer. Limits given in seconds are therefore met within a second.
"""

import asyncio
import logging
import resource
import select
import socket
import time
from collections import deque
from typing import Protocol

from supervisor.contract.settings import Http
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots
from worker.wire import replies
from worker.wire.asgi import App
from worker.wire.connection import FRESH_S, Connection
from worker.wire.handoff import UNREAD_BYTES_MAX, Address, BadFrameError, Links
from worker.wire.heads import Heads
from worker.wire.movable import Movable

SPARE_DESCRIPTORS = 512  # kept from connections, for databases and pipes
TAKE_BATCH = 32  # hand-offs taken in one wake of the loop
RETRY_S = 0.01  # between two looks at a full queue


class Meter(Protocol):
    """Where requests are booked."""

    def request(self, name: str, cpu_ns: int, status: int, bytes_in: int, bytes_out: int) -> None:
        """Books one answered request."""


class Endpoint:
    """The wire of one worker."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        http: Http,
        directory: Directory,
        slots: Slots,
        shard: int,
        app: App,
        meter: Meter,
        links: Links,
        log: logging.Logger,
    ) -> None:
        self.loop = loop
        self.http = http
        self.directory = directory
        self.slots = slots
        self.shard = shard
        self.app = app
        self.meter = meter
        self.links = links
        self.log = log
        # A head must fit, with room to read on, into what a hand-off carries.
        self.heads = Heads(min(http.head_bytes_max, UNREAD_BYTES_MAX - 1024), http.headers_max)
        self.composer = replies.Composer()
        # One buffer for all: asyncio fills it and hands it over within one callback.
        self.buffer = memoryview(bytearray(UNREAD_BYTES_MAX))
        self.connections: set[Connection] = set()
        self.connections_max = min(http.connections_max, _descriptors_max())
        self.draining = False
        self.passed = 0
        self.taken = 0
        self.now = time.monotonic()
        self.date = replies.date_line(time.time())
        self._opening: set[asyncio.Task[None]] = set()
        self._queueing: deque[Movable] = deque()
        self._retrying = False

    # -- new connections ---------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether no more connections should be accepted."""
        return len(self.connections) + len(self._opening) >= self.connections_max

    def adopt(self, sock: socket.socket, client: Address, hops: int = 0, unread: bytes = b"") -> None:
        """Serves a connected, non-blocking socket, as if `unread` had just been read from it."""
        connection = Connection(self, client, hops, unread)
        task = self.loop.create_task(self._open(sock, connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket, connection: Connection) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: connection, sock)
        except OSError as error:
            self.log.debug("a connection was lost before it could be served: %s", error)
            sock.close()

    def take_passed(self) -> None:
        """Takes connections which other shards passed to this one."""
        for _ in range(TAKE_BATCH):
            try:
                passed = self.links.take()
            except (BadFrameError, OSError) as error:
                self.log.error("a connection passed to shard %d was lost: %s", self.shard, error)
                continue
            if passed is None:
                return
            self.taken += 1
            self.adopt(*passed)

    def queue(self, connection: Movable) -> None:
        """Lets a connection wait for room in the queue of its owner."""
        self._queueing.append(connection)
        if not self._retrying:
            self._retrying = True
            self.loop.call_later(RETRY_S, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        waiting, self._queueing = self._queueing, deque()
        for connection in waiting:
            connection.pass_again()

    # -- all connections ---------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Moves the clock on and enforces the deadlines."""
        self.now = now = time.monotonic()
        self.date = replies.date_line(time.time())
        for connection in tuple(self.connections):
            connection.check(now)

    def drain(self) -> None:
        """Stops keeping connections alive: closes the idle ones, the others after the response they work on.

        What has arrived already is still read and answered.
        """
        self.draining = True
        idle = [connection for connection in self.connections if connection.idle]
        readable = _readable(idle)
        for connection in idle:
            if not connection.served or connection.fileno() in readable:
                connection.deadline = min(connection.deadline, self.now + FRESH_S)
            else:
                connection.transport.close()
        for connection in tuple(self.connections):
            connection.drain()

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to serve."""
        return not self.connections and not self._opening

    async def abort(self) -> None:
        """Drops every connection and cancels what still runs for them; returns when all of it has ended."""
        tasks = [task for connection in self.connections if (task := connection.abandon()) is not None]
        tasks += self._opening
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)


def _descriptors_max() -> int:
    """How many descriptors connections may take: all of the process's, less a reserve."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - SPARE_DESCRIPTORS, soft // 2)


def _readable(connections: list[Connection]) -> set[int]:
    """Descriptors among them on which something has arrived."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection.fileno(), select.POLLIN)
    return {fd for fd, _ in poll.poll(0)}
