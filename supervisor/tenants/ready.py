"""Drafts made ahead: the files of the next new tenants, which have no names yet.

To write a new tenant's files takes a worker some milliseconds, in which it waits for the disk. So once a tenant was
made, a worker makes some drafts for those that may follow; such a one gets its tenant's name at once. Each has secrets
of its own from the beginning. They last as long as this process: what a start finds of them, it removes.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from supervisor.contract.layout import DRAFTS, READY_PREFIX
from supervisor.contract.settings import Settings, tenants_dir

# So many at first, and twice as many where these were not enough; each takes some 100 KB of the disk.
READY_MIN, READY_MAX = 32, 128
# They are made in the pauses: so long after the last one was taken, or since the first was.
PAUSE_S = 0.05
PATIENCE_S = 0.5
MB = 1 << 20
# Without so much of free disk none is made or given away, whatever the reserve: its tenant could not write.
ROOM_MB_MIN = 1

# Has a worker make so many; their ids, when they are whole and on the disk. Raises what it likes.
Make = Callable[[int], Awaitable[list[str]]]


class Ready:
    """The drafts that are ready. Used on one loop only."""

    def __init__(self, settings: Settings, make: Make, log: logging.Logger) -> None:
        self._root = tenants_dir(settings)
        self._reserve_bytes = max(settings.disk.reserve_mb, ROOM_MB_MIN) * MB
        self._make = make
        self._log = log
        self._ids: deque[str] = deque()
        self._making: asyncio.Task[None] | None = None
        self._taken_at = 0.0
        self._size = 0
        self._are_missed = False

    def __len__(self) -> int:
        return len(self._ids)

    def take(self) -> Path | None:
        """One of them, the caller's from now on. None where there is none, or the disk has no room for more: who makes
        one says what is the matter. More are made soon."""
        self._taken_at = asyncio.get_running_loop().time()
        if self._making is None:
            self._making = asyncio.get_running_loop().create_task(self._fill())
        if not self._ids:
            self._are_missed = True
            return None
        if not self._has_room():
            return None
        return self._root / DRAFTS / f"{READY_PREFIX}{self._ids.popleft()}"

    def _has_room(self) -> bool:
        try:
            found = os.statvfs(self._root)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize >= self._reserve_bytes

    async def _fill(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        try:
            while (pause := min(self._taken_at + PAUSE_S, until) - loop.time()) > 0:
                await asyncio.sleep(pause)
            if self._are_missed:
                self._size = min(max(self._size * 2, READY_MIN), READY_MAX)
                self._are_missed = False
            missing = self._size - len(self._ids)
            if missing > 0 and self._has_room():
                self._ids.extend(await self._make(missing))
        except Exception as error:  # whatever it is: tenants can be made without
            self._log.info("no drafts were made ahead: %s", error)
        finally:
            self._making = None
