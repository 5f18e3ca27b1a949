"""Room for the pages of databases that are read a lot, shared by all tenants of a worker.

A connection keeps 256 KiB of pages: enough for the upper levels of its trees, and little enough for a thousand tenants.
A query that looks at every row of a larger table then reads each page from the file system again: 1 µs each, which is
half of the time that counting 10,000 rows takes. So a database whose reads prove long gets room for all of its pages,
as long as it is small enough and there is some; the one whose last long read is longest ago has to give its room back.
Mapping the files into memory would do as much for reads, but a file cut short under such a mapping kills the process,
and all its tenants with it.
"""

from collections import OrderedDict
from contextlib import suppress

import apsw

from worker.db.connection import Database
from worker.db.limits import CACHE_KIB

# Of one worker, and of one tenant.
ROOM_KIB = 24 * 1024
TENANT_KIB_MAX = 12 * 1024
# What SQLite keeps about each page, in bytes: room that is a page too small for a table holds nothing of use when the
# table is read from its beginning again.
PAGE_OVERHEAD = 384
# Pages that were not there when they were wanted, since the last look: fewer are not worth the room.
MISSES_MIN = 128


class PageRoom:
    """Who has room, and how much is left. Used on the event loop's thread only."""

    __slots__ = ("_given", "_left_kib", "_tenant_kib_max")

    def __init__(self, room_kib: int = ROOM_KIB, tenant_kib_max: int = TENANT_KIB_MAX) -> None:
        self._given: OrderedDict[Database, int] = OrderedDict()
        self._tenant_kib_max = tenant_kib_max
        self._left_kib = room_kib

    def read_long(self, db: Database) -> None:
        """Note that a read of `db` took long, after it: it gets room if that would have helped. Never fails."""
        with suppress(apsw.Error):  # whatever is wrong with a file, its next reader finds out
            misses, _ = db.connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)
            if db in self._given:
                self._given.move_to_end(db)
            if misses >= MISSES_MIN:
                self._fit(db)

    def _fit(self, db: Database) -> None:
        """Room for all of a database, or none."""
        pages, size = (db.once(f"PRAGMA {name}")[0][0] for name in ("page_count", "page_size"))
        wanted_kib = -(-pages * (size + PAGE_OVERHEAD) // 1024) + CACHE_KIB
        if wanted_kib <= self._given.get(db, 0):
            return
        self._take(db)
        if wanted_kib > self._tenant_kib_max:
            return
        while self._left_kib < wanted_kib and self._given:
            self._take(next(iter(self._given)))
        if self._left_kib >= wanted_kib:
            self._given[db] = wanted_kib
            self._left_kib -= wanted_kib
            db.cache_kib = wanted_kib
            db.once(f"PRAGMA cache_size=-{wanted_kib}")

    def _take(self, db: Database) -> None:
        """Have `db` give back what it got. It may be closed by now."""
        given_kib = self._given.pop(db, 0)
        if given_kib:
            self._left_kib += given_kib
            db.cache_kib = CACHE_KIB
            if db.resting:
                return
            with suppress(apsw.Error):
                db.once(f"PRAGMA cache_size=-{CACHE_KIB}")
                db.once("PRAGMA shrink_memory")
