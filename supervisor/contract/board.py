"""What the supervisor puts on every worker object before it forks: `worker.board`, `worker.shard`, `worker.berth`.

Promises to the worker:
- `channel` is its own end of a fresh pair; everything else is shared with its siblings and must not be closed for them
  (closing a descriptor in one process never closes it in another; `shutdown` would).
- Signals: SIGTERM = finish the requests, close the databases, exit 0. SIGQUIT = the same without waiting for clients.
  SIGABRT = die now, stack printed. SIGINT must be ignored: a terminal sends Ctrl-C to the whole process group, and
  the supervisor alone decides what it means.
- The end of `channel`, or another parent process than before, means that the supervisor is gone: exit.
"""

import socket
from dataclasses import dataclass, field

from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots


@dataclass(slots=True)
class Board:
    """The parts a worker starts with.

    `links[i]` is the SEQPACKET pair of berth i: connections for it are sent to `links[i][0]`, it reads `links[i][1]`.
    Both ends stay open in the supervisor, so connections passed while a worker is being replaced wait in the queue.
    `shard_listeners[i]` is the bound, listening `shard-i.sock`.
    """

    settings: Settings
    directory: Directory
    slots: Slots
    links: list[tuple[socket.socket, socket.socket]]
    channel: socket.socket
    shard_listeners: list[socket.socket]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
