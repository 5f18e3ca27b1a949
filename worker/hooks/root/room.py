"""What scripts may still write: the tenant's quota, what the disk has left, and how many files a tenant may have.

Bytes are counted at once by what a file is about to grow, and by the tenant's regular measurement later; files, which
take an entry of the file system each, from the first one that a script makes.
"""

import errno
from time import monotonic
from typing import TYPE_CHECKING

from worker.hooks.root.tree import PathError, Tree, reason

if TYPE_CHECKING:
    from worker.context import Context

ENTRIES_MAX = 250_000
# Between two counts of a tenant that has too many.
COUNT_EVERY_S = 30.0
EXTRA = "files"


class Entries:
    """How many files and directories a tenant has, as far as is known."""

    __slots__ = ("counted_at", "known")

    def __init__(self) -> None:
        self.known = 0
        self.counted_at = -COUNT_EVERY_S


def take(ctx: "Context", op: str, size: int) -> None:
    """Take room for so many more bytes. PathError where there is none. On the loop."""
    room = ctx.data.room
    if room is None:
        return
    if room.watch.short or room.watch.free_bytes - size < room.watch.reserve_bytes:
        raise PathError(op, reason(errno.ENOSPC))
    use = room.use
    if room.quota_bytes and size > 0 and sum(use) + size > room.quota_bytes:
        room.hit = True
        raise PathError(op, reason(errno.EDQUOT))
    room.dirty = True
    if room.quota_bytes and size:
        room.measured(use._replace(rest=max(0, use.rest + size)))


async def take_entry(ctx: "Context", extras: dict[str, object], tree: Tree, op: str) -> None:
    """Take room for one more file or directory. PathError where there are too many. On the loop."""
    entries = extras.setdefault(EXTRA, Entries())
    assert isinstance(entries, Entries)
    now = monotonic()
    if (not entries.known or entries.known >= ENTRIES_MAX) and now - entries.counted_at >= COUNT_EVERY_S:
        entries.counted_at = now
        entries.known = await ctx.lanes.blocking(ctx.account, tree.count, ENTRIES_MAX)
    if entries.known >= ENTRIES_MAX:
        raise PathError(op, reason(errno.EDQUOT))
    take(ctx, op, 0)
    entries.known += 1
