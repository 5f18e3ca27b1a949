"""Pauses between the steps of long work on the event loop: a page of a thousand records, a batch, an import.

Who waits in a socket has a turn at each pause. Where a tenant has used up its share while others are there, its work
goes on when it has some again: one piece of it at a time, however many requests of it are under way.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from worker.fair.account import Account

# Between two looks at who may go on.
LOOK_EVERY_S = 0.001  # the least that a timer of the loop waits
# Then something goes on, whatever else the tenant does: it may hold its writer's lock.
PAUSE_S_MAX = 1.0

# Whether this account should not use more of the loop just now, for the sake of others.
Owes = Callable[[Account], bool]


def _never(_: Account) -> bool:
    return False


class Breaths:
    """The work of one worker that pauses. `owes` is the gate's, once there is one."""

    __slots__ = ("_looking", "_waiting", "owes")

    def __init__(self) -> None:
        self.owes: Owes = _never
        self._waiting: dict[Account, deque[tuple[asyncio.Future[None], float]]] = {}
        self._looking = False

    async def take(self, account: Account | None) -> None:
        """Pause; work that nobody pays for only lets the others by."""
        await asyncio.sleep(0)
        if account is None or not (account in self._waiting or self.owes(account)):
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.setdefault(account, deque()).append((turn, monotonic() + PAUSE_S_MAX))
        if not self._looking:
            self._looking = True
            loop.call_later(LOOK_EVERY_S, self._look, loop)
        await turn

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the first of each tenant go on whose turn it is."""
        now = monotonic()
        for account, waiting in list(self._waiting.items()):
            while waiting and waiting[0][0].done():  # cancelled
                waiting.popleft()
            if waiting and (now >= waiting[0][1] or not self.owes(account)):
                waiting.popleft()[0].set_result(None)
            if not waiting:
                del self._waiting[account]
        self._looking = bool(self._waiting)
        if self._looking:
            loop.call_later(LOOK_EVERY_S, self._look, loop)
