"""Shared memory in which every worker says which tenant holds its loop, and since when.

The supervisor reads it to find out whom a hung worker was serving. One slot a berth:

    0         8                                72          128
    ├─────────┼────────────────────────────────┼───────────┤
    │ started │ tenant, UTF-8, padded with \\0  │  unused   │      started: int64, CLOCK_MONOTONIC ns; 0 = free
    └─────────┴────────────────────────────────┴───────────┘

A file in memory made before any fork, so it needs neither a name nor cleaning up, and a supervisor that becomes a new
one by exec can hand it over. Each slot has one writer and a stride of two cache lines, so that workers do not slow each
other down.
"""

import mmap
import os
import struct

SLOT_BYTES = 128
_SLOT = struct.Struct("=q64s")
_STARTED = struct.Struct("=q")
_READS_MAX = 8


class Slots:
    """One slot a berth: who holds the loop. `fd` is the file of slots that exist already; it is kept open."""

    __slots__ = ("_map", "fd")

    def __init__(self, berths: int, fd: int | None = None) -> None:
        size = max(1, berths) * SLOT_BYTES
        if fd is None:
            fd = os.memfd_create("pocker-slots")
            os.ftruncate(fd, size)
        self.fd = fd
        self._map = mmap.mmap(fd, size)

    def claim(self, berth: int, tenant: str, now_ns: int) -> None:
        """Says that the worker at `berth` runs for `tenant` from `now_ns` (`time.monotonic_ns()`, above zero)."""
        _SLOT.pack_into(self._map, berth * SLOT_BYTES, now_ns, tenant.encode())

    def release(self, berth: int) -> None:
        """Says that the worker at `berth` is back in its loop."""
        _STARTED.pack_into(self._map, berth * SLOT_BYTES, 0)

    def read(self, berth: int) -> tuple[str, int] | None:
        """(tenant, started ns) if the slot is claimed.

        The writer may be in the middle of a change: read until two looks agree. A slot that never holds still, or has
        a time but no tenant yet, belongs to a worker which is making progress, so it counts as free. The time is
        written before the name, so a torn look at worst pairs a fresh time with the previous name: no rule acts on it.
        """
        offset = berth * SLOT_BYTES
        before: tuple[int, bytes] = _SLOT.unpack_from(self._map, offset)
        for _ in range(_READS_MAX):
            after: tuple[int, bytes] = _SLOT.unpack_from(self._map, offset)
            if before == after:
                started, padded = after
                tenant = padded.rstrip(b"\0").decode(errors="replace")
                return (tenant, started) if started and tenant else None
            before = after
        return None

    def clear(self, berth: int) -> None:
        """Wipes the slot; a dead worker's claim must not outlive it."""
        _SLOT.pack_into(self._map, berth * SLOT_BYTES, 0, b"")
