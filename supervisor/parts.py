"""What the arbiter works with: built in `supervisor.assembly`, used by `supervisor.arbiter`."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from supervisor.accounting.keeping import Keeping
from supervisor.berths import Berths
from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory
from supervisor.crew import Crew
from supervisor.moves import Moves, Shelf
from supervisor.pump import Pump
from supervisor.takeover import State
from supervisor.tenants.registry import Registry
from supervisor.tick import Tick
from supervisor.upgrade import Counter, Upgrade

OnDeath = Callable[[int, int, int, int, tuple[str, int] | None], None]
"""(shard, berth, pid, status of `os.waitpid`, what its slot said at last): a worker was reaped."""


class Desk(Protocol):
    """Where operators ask."""

    def open(self) -> None:
        """Starts to take commands."""

    def shut(self) -> None:
        """Takes no new ones."""

    def leave_parent(self) -> None:
        """In a forked child: closes the inherited sockets."""


class Keepsake(Protocol):
    """A part whose memory outlives the code: it goes from one image of the supervisor to the next."""

    def keep(self) -> Any:
        """As plain values."""

    def recall(self, kept: Any) -> None:
        """What `keep` gave, perhaps of an older release: whatever is of no use is left aside."""


@dataclass(slots=True)
class Parts:
    """All of them.

    `reread` gives the settings anew, `settled` tells those that are in force. `operators` is the listener for /metrics,
    bound for `operators_listen`; `lock` the descriptor of the lock file; `state` what a former image has left, if any.
    """

    settings: Settings
    registry: Registry
    directory: Directory
    berths: Berths
    crew: Crew
    moves: Moves
    tick: Tick
    desk: Desk
    control: Counter
    operators: socket.socket | None
    operators_listen: str
    pump: Pump
    shelf: Shelf
    verdicts: dict[str, Verdict]
    reread: Callable[[], Settings]
    settled: Callable[[Settings], None]
    on_death: OnDeath
    upgrade: Upgrade
    keeping: Keeping
    keepsakes: dict[str, Keepsake]
    lock: int
    state: State | None
