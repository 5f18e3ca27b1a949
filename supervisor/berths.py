"""The berths: what each worker process has of its own, made before the first fork so that every process has all of it.

A berth is a link (a SEQPACKET pair over which workers pass it connections, see `worker.wire.handoff`) and a slot. Both
ends of every link stay open here, so a connection passed to a worker that has just ended waits in the queue: for the
worker that takes over the berth, or to be moved to the queue of an heir.
"""

import logging
import os
import socket

from supervisor.contract.links import BUSY, FRAME_BYTES_MAX, QUEUE_BYTES
from supervisor.contract.slots import Slots

BERTHS_MIN = 64

Link = tuple[socket.socket, socket.socket]


def berths_for(shards: int) -> int:
    """How many berths a server of so many shards makes: while all workers are replaced each shard has two."""
    return max(BERTHS_MIN, 2 * shards + 2)


def shards_max(berths: int) -> int:
    """To how many shards a server with so many berths may grow."""
    return berths // 2 - 1


class Berths:
    """All of them. `links` and `slots` are those of a former supervisor image, if there was one."""

    def __init__(
        self, count: int, log: logging.Logger, links: list[Link] | None = None, slots: Slots | None = None
    ) -> None:
        self.count = count
        self.links = links or [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
        self.slots = slots or Slots(count)
        self.heirs: dict[int, int] = {}
        """Berths that were left → the berth that gets what still arrives there."""
        self._log = log
        self._held: dict[int, tuple[bytes, int]] = {}
        for sender, inbox in self.links:
            sender.setblocking(False)
            inbox.setblocking(False)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_BYTES)

    def occupied(self, berth: int) -> None:
        """A worker is about to be forked there: it takes what arrives itself."""
        self.heirs.pop(berth, None)
        self.slots.clear(berth)  # a dead worker's claim must not outlive it

    def forward(self) -> bool:
        """Moves what lies in the queues of berths that were left to their heirs; whether nothing is left there.

        A connection that does not fit into the heir's queue just now is kept and goes first the next time.
        """
        moved = [self._move(berth, heir) for berth, heir in self.heirs.items()]
        return all(moved)

    def leave_parent(self) -> None:
        """In a forked child: closes the connections that are on their way to an heir."""
        for _, descriptor in self._held.values():
            os.close(descriptor)

    def _move(self, berth: int, heir: int) -> bool:
        while (held := self._held.pop(berth, None) or self._take(berth)) is not None:
            frame, descriptor = held
            try:
                socket.send_fds(self.links[heir][0], [frame], [descriptor])
            except OSError as error:
                if error.errno in BUSY:
                    self._held[berth] = held
                    return False
                self._log.error("a connection passed to berth %d was lost: %s", berth, error)
            os.close(descriptor)
        return True

    def _take(self, berth: int) -> tuple[bytes, int] | None:
        while True:
            try:
                frame, fds, _, _ = socket.recv_fds(self.links[berth][1], FRAME_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return None
            except OSError as error:
                self._log.error("the queue of berth %d cannot be read: %s", berth, error)
                return None
            if fds:
                return frame, fds[0]
            self._log.error("a connection passed to berth %d was lost: no descriptor came with it", berth)
