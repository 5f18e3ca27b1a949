"""Shared memory in which every worker says which tenant holds its loop, and since when.

The supervisor reads it to find out whom a hung worker was serving. One slot a shard:

    0         8                                72          128
    ├─────────┼────────────────────────────────┼───────────┤
    │ started │ tenant, UTF-8, padded with \\0  │  unused   │      started: int64, CLOCK_MONOTONIC ns; 0 = free
    └─────────┴────────────────────────────────┴───────────┘

An anonymous mapping made before any fork, so it needs neither a name nor cleaning up. Each slot has one writer and a
stride of two cache lines, so that shards do not slow each other down.
"""

import mmap
import struct

SLOT_BYTES = 128
_SLOT = struct.Struct("=q64s")
_STARTED = struct.Struct("=q")
_READS_MAX = 8


class Slots:
    """One slot a shard: who holds the loop."""

    __slots__ = ("_map", "_shards")

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._map = mmap.mmap(-1, max(1, shards) * SLOT_BYTES)

    def claim(self, shard: int, tenant: str, now_ns: int) -> None:
        """Says that the worker of `shard` runs for `tenant` from `now_ns` (`time.monotonic_ns()`, above zero)."""
        _SLOT.pack_into(self._map, shard * SLOT_BYTES, now_ns, tenant.encode())

    def release(self, shard: int) -> None:
        """Says that the worker of `shard` is back in its loop."""
        _STARTED.pack_into(self._map, shard * SLOT_BYTES, 0)

    def read(self, shard: int) -> tuple[str, int] | None:
        """(tenant, started ns) if the slot is claimed.

        The writer may be in the middle of a change: read until two looks agree. A slot that never holds still, or has
        a time but no tenant yet, belongs to a worker which is making progress, so it counts as free. The time is
        written before the name, so a torn look at worst pairs a fresh time with the previous name: no rule acts on it.
        """
        offset = shard * SLOT_BYTES
        before: tuple[int, bytes] = _SLOT.unpack_from(self._map, offset)
        for _ in range(_READS_MAX):
            after: tuple[int, bytes] = _SLOT.unpack_from(self._map, offset)
            if before == after:
                started, padded = after
                tenant = padded.rstrip(b"\0").decode(errors="replace")
                return (tenant, started) if started and tenant else None
            before = after
        return None

    def clear(self, shard: int) -> None:
        """Wipes the slot; a dead worker's claim must not outlive it."""
        _SLOT.pack_into(self._map, shard * SLOT_BYTES, 0, b"")
