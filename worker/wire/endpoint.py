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
from typing import Any

from supervisor.contract.settings import Http
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots
from worker.fair.account import Accounts
from worker.fair.gate import Gate
from worker.wire import relief, replies
from worker.wire.asgi import App
from worker.wire.connection import FRESH_S, Connection
from worker.wire.denials import Denials
from worker.wire.handoff import KEPT_BYTES_MAX, Address, BadFrameError, Links, NoDescriptorError
from worker.wire.heads import Heads
from worker.wire.movable import Movable

SPARE_DESCRIPTORS = 512  # kept from connections, for databases and pipes
TAKE_BATCH = 32  # hand-offs taken in one wake of the loop
RETRY_S = 0.01  # between two looks at a full queue
REST_S = 0.5  # without descriptors nothing is taken for so long

MOVED = "The tenant is being moved, please try again."


class Endpoint:
    """The wire of one worker."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        http: Http,
        directory: Directory,
        slots: Slots,
        berth: int,
        app: App,
        accounts: Accounts,
        gate: Gate,
        links: Links,
        log: logging.Logger,
    ) -> None:
        self.loop = loop
        self.http = http
        self.directory = directory
        self.slots = slots
        self.berth = berth
        self.app = app
        self.accounts = accounts
        self.gate = gate
        self.links = links
        self.log = log
        # A head must fit, with room to read on, into what a hand-off carries.
        self.heads = Heads(min(http.head_bytes_max, KEPT_BYTES_MAX - 1024), http.headers_max)
        self.composer = replies.Composer()
        self.denials = Denials()
        # One buffer for all: the loop fills it and hands it over within one callback.
        self.buffer = memoryview(bytearray(KEPT_BYTES_MAX))
        self.connections: set[Connection] = set()
        self.connections_max = min(http.connections_max, _descriptors_max())
        self.draining = False
        self.departing: int | None = None  # berth that every connection is passed to
        self.began_ns = 0  # the thread's CPU time from which on the callback that runs is not booked
        self.buffered = 0  # bytes of bodies and answers that are kept in memory
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

    def adopt(
        self, sock: socket.socket, client: Address, hops: int = 0, unread: bytes = b"", *, served: int = 0
    ) -> None:
        """Serves a connected, non-blocking socket, as if `unread` had just been read from it.

        `served` requests were answered on it before.
        """
        connection = Connection(self, client, hops, unread)
        connection.served = served
        task = self.loop.create_task(self._open(sock, connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket, connection: Connection) -> None:
        protocol: Any = connection  # by what it has, not by what it is
        try:
            await self.loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError as error:
            self.log.debug("a connection was lost before it could be served: %s", error)
            sock.close()

    def take_passed(self) -> None:
        """Takes connections which other shards passed to this one."""
        for _ in range(TAKE_BATCH):
            try:
                passed = self.links.take()
            except NoDescriptorError as error:
                self.log.error("berth %d: %s", self.berth, error.strerror)
                self._rest()
                return
            except (BadFrameError, OSError) as error:
                self.log.error("a connection passed to berth %d was lost: %s", self.berth, error)
                continue
            if passed is None:
                return
            self.taken += 1
            self.adopt(*passed, served=not passed.unread)

    def _rest(self) -> None:
        """Takes nothing for a moment: what was passed waits in the queue, where it is safe."""
        inbox = self.links.inbox.fileno()
        if self.loop.remove_reader(inbox):
            self.loop.call_later(REST_S, self._take_again, inbox)

    def _take_again(self, inbox: int) -> None:
        if not self.draining:  # else it is left to the successor
            self.loop.add_reader(inbox, self.take_passed)

    def queue(self, connection: Movable) -> None:
        """Lets a connection wait for room in the queue of its owner."""
        self._queueing.append(connection)
        if not self._retrying:
            self._retrying = True
            self.loop.call_later(RETRY_S, self._retry)

    def _retry(self) -> None:
        """Tries again, in their order; an owner whose queue is full has to be asked once only."""
        self._retrying = False
        waiting, self._queueing = self._queueing, deque()
        full: set[int] = set()
        for connection in waiting:
            if connection.owner in full:
                self.queue(connection)
            elif not connection.pass_again():
                full.add(connection.owner)

    # -- all connections ---------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Moves the clock on and enforces the deadlines."""
        self.now = now = time.monotonic()
        self.date = replies.date_line(time.time())
        for connection in tuple(self.connections):
            connection.check(now)
            if connection.kept:
                connection.weigh()
        if self.buffered:
            relief.choose_bodies(self.connections, full=self.pressed)
        self.gate.sweep()

    @property
    def pressed(self) -> bool:
        """Whether more is kept in memory than should be."""
        return self.buffered > self.http.buffer_bytes_max

    def relieve(self) -> None:
        """Too much is kept in memory: who takes nothing of large answers is cut off."""
        excess = self.buffered - int(self.http.buffer_bytes_max * relief.RELIEF)
        for connection in relief.stuck(self.connections, excess):
            name = connection.account.name
            self.log.warning("%s: a client took too little of its answers, cut off", name, extra={"tenant": name})
            connection.abort()
            connection.weigh()

    def make_room(self) -> bool:
        """Whether there is room for another connection, if need be that of one which nobody needs at the moment."""
        if len(self.connections) < self.connections_max:
            return True
        count = max(1, self.connections_max // relief.CLOSED_PART)
        for connection in relief.dispensable(self.connections, count):
            connection.transport.close()
            self.connections.discard(connection)
        return len(self.connections) < self.connections_max

    def depart(self, berth: int) -> None:
        """Passes every connection to the worker at `berth`, idle ones at once, the others when their request is over.

        Nothing must be accepted any more. `quiet` once all are gone.
        """
        self.departing = berth
        for connection in tuple(self.connections):
            connection.depart(berth)

    def cut(self, name: str, message: str = MOVED) -> None:
        """Ends what still runs for a tenant with 503 and `message`; what is detached hangs up.

        Its account's `running` is 0 once all of it has ended. What does not end may be cut once more.
        """
        account = self.accounts.get(name)
        if account is not None:
            for connection in tuple(self.connections):
                connection.stop(account, message)

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
        # Those that begin just now take a moment; cancelled, they would not be told that they are lost.
        await asyncio.gather(*self._opening, return_exceptions=True)
        tasks = [task for connection in self.connections if (task := connection.abandon()) is not None]
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
