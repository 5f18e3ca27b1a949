"""How much a tenant may still write: its disk quota, and what the disk itself has left.

The quota is kept by SQLite. Every connection that writes gets the number of pages its database may have (`PRAGMA
max_page_count`), so a write that needs more fails as a whole, and one that needs no more pages than there are (a
deletion, a value that is no longer, a row in the place of a deleted one) is carried out. Reads never ask.

    quota = pages of data.db + its write-ahead log, beyond WAL_FREE_BYTES + request log + stored files

The write-ahead log holds again what the pages count already, so it counts only where one large transaction left it
large; it is cut short again at the next one.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from worker.fair.disk import MB, DiskUse, DiskWatch

if TYPE_CHECKING:
    from worker.db.connection import Database

# SQLite's own: no limit.
PAGES_MAX = 4_294_967_294
# What a write-ahead log may take without counting: it is taken back into the database every 1,000 pages.
WAL_FREE_BYTES = 8 * MB
# The part of a quota that the request log may take: a flood of requests must not keep records from being written.
LOG_SHARE = 4
# Once the quota was used up, it counts as kept again when so much of it is free, in percent.
RELIEF_PERCENT = 2

SHORT = "Nothing can be stored at the moment: the server's disk is almost full"
FULL = "Nothing can be stored at the moment: the server's disk is full"
USED_UP = "The disk quota of {} MB is used up: this can be stored once something was deleted"


class NoRoomError(apsw.FullError):
    """What a client is told whose write was refused: text of ours, no matter of SQLite's."""


class QuotaError(NoRoomError):
    """The tenant has used up its disk quota."""


class Room:
    """The room of one live tenant, shared by all of its connections. Numbers are written on the loop's thread only."""

    __slots__ = (
        "_page_bytes",
        "directory",
        "dirty",
        "hit",
        "log_bytes_max",
        "pages_max",
        "quota_bytes",
        "use",
        "watch",
    )

    def __init__(self, directory: Path, watch: DiskWatch, quota_mb: int, page_bytes: int) -> None:
        """`quota_mb` 0: no quota. `page_bytes` is the page size of data.db."""
        self.directory = directory
        self.watch = watch
        self._page_bytes = page_bytes
        self.use = DiskUse()
        # what data.db may have; PAGES_MAX: no limit
        self.pages_max = PAGES_MAX
        # what auxiliary.db may take; 0: no limit
        self.log_bytes_max = 0
        # whether something was written since `use` was measured
        self.dirty = True
        # whether a write was refused because of the quota since it last was looked at
        self.hit = False
        self.quota_bytes = 0
        self.limit(quota_mb)

    def limit(self, quota_mb: int) -> None:
        """This is the quota from now on; the next write keeps to it."""
        self.quota_bytes = quota_mb * MB
        self._share_out()

    def measured(self, use: DiskUse) -> None:
        """This is what the tenant's files take."""
        self.use = use
        self._share_out()

    def _share_out(self) -> None:
        quota = self.quota_bytes
        if not quota:
            self.pages_max, self.log_bytes_max = PAGES_MAX, 0
            return
        use = self.use
        others = use.rest + max(0, use.wal - WAL_FREE_BYTES)
        # SQLite takes at least the pages there are, and at least one
        self.pages_max = max(1, (quota - others - use.log) // self._page_bytes)
        self.log_bytes_max = max(1, min(quota // LOG_SHARE, quota - others - use.data))

    def admit(self, db: "Database") -> None:
        """A transaction is about to begin on `db`. Raises NoRoomError where nothing may be written at all."""
        if self.watch.short:
            raise NoRoomError(SHORT)
        self.dirty = True
        if db.pages_max != self.pages_max:
            self.bound(db)

    def bound(self, db: "Database") -> None:
        """Have SQLite keep the quota on `db`."""
        db.once(f"PRAGMA max_page_count={self.pages_max}")
        if self.quota_bytes:
            db.once(f"PRAGMA journal_size_limit={WAL_FREE_BYTES}")
        db.pages_max = self.pages_max

    def refusal(self, error: apsw.FullError) -> NoRoomError:
        """What it means that SQLite found no room: the quota, or the disk."""
        if isinstance(error, NoRoomError):
            return error
        if self.quota_bytes and not self.watch.full:
            self.hit = True
            return QuotaError(USED_UP.format(self.quota_bytes // MB))
        return NoRoomError(FULL)

    def relieved(self, db: "Database") -> bool:
        """Whether there is some room again under the quota; `db` is the tenant's main connection."""
        if not self.quota_bytes:
            return True
        pages, free = (db.once(f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count"))
        return bool((pages - free) * 100 <= self.pages_max * (100 - RELIEF_PERCENT))
