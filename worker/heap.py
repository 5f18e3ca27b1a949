"""Giving memory back to the kernel: what Python and SQLite have freed, malloc keeps for later.

A worker that closed hundreds of tenants, or has sent one large answer, would look as large as it ever was. The C
library's `malloc_trim` hands the free pages back; where there is none (musl, macOS) nothing is done.
"""

import asyncio
import ctypes
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path

# Only worth its cost once the process has grown by so much since it was last trimmed, or has closed so many tenants.
GROWTH_KB = 16 * 1024
CLOSED = 50
# At most so often; four times as rarely, up to the longest pause, where it gave back less than a quarter of the growth.
PAUSE_S = 10.0
PAUSE_MAX_S = 640.0

_PAGE_KB = resource.getpagesize() // 1024
_STATM = Path("/proc/self/statm")


def resident_kb() -> int:
    """This process's resident memory in KiB; 0 where the kernel does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_KB
    except OSError:
        return 0


class Heap:
    """When memory is given back, and what that has cost. `apart` does something in a thread."""

    __slots__ = (
        "_apart",
        "_closed",
        "_next_at",
        "_pause_s",
        "_trim",
        "_trimmed_kb",
        "_trimming",
        "freed_kb",
        "trims",
    )

    def __init__(self, apart: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        self._apart = apart
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._trimmed_kb = 0
        self._trimming: asyncio.Task[None] | None = None
        self._next_at = 0.0
        self._pause_s = PAUSE_S
        self._closed = 0
        # how often it was done, and what it has cost and brought in all
        self.trims = 0
        self.freed_kb = 0

    def closed(self, tenants: int) -> None:
        """So many tenants were closed: what they had is free."""
        self._closed += tenants

    def beat(self, now: float) -> None:
        """Look whether it is worth it, about once a second; `now` is a monotonic clock's, in s."""
        if now < self._next_at or self._trimming is not None:
            return
        resident = resident_kb()
        if self._trimmed_kb == 0:  # the first look: what a worker weighs when it starts is no growth
            self._trimmed_kb = resident
        grown = resident - self._trimmed_kb
        if grown < GROWTH_KB and self._closed < CLOSED:
            return
        self._trimming = asyncio.get_running_loop().create_task(self._at_pause(now, grown))

    async def _at_pause(self, now: float, grown_kb: int) -> None:
        try:
            before, after = await self.give_back()
            fruitless = before - after < grown_kb // 4
            self._pause_s = min(self._pause_s * 4, PAUSE_MAX_S) if fruitless else PAUSE_S
            self._next_at = now + self._pause_s
        finally:
            self._trimming = None

    async def give_back(self) -> tuple[int, int]:
        """Hand free memory back to the kernel, in a thread; resident KiB before and after."""
        before = resident_kb()
        self._closed = 0
        if self._trim is not None:
            await self._apart(self._give_back)
        after = self._trimmed_kb = resident_kb()
        self.trims += 1
        self.freed_kb += max(0, before - after)
        return before, after

    def _give_back(self) -> None:
        assert self._trim is not None
        self._trim(0)  # ctypes lets go of the interpreter meanwhile
