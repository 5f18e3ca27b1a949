"""Which databases stay warm: those used lately, as long as there is memory for them.

A connection can do without most of what it has, and have it again from the file, in which the kernel's cache stands
behind it. So once SQLite's memory exceeds its bound, those that were not used for longest

1. give back the pages they have read: half of what a busy one takes, and the next request reads 10 or 20 anew, of 1 µs
   each;
2. are closed, where that was not enough: the tenant stays live, and its next request opens its file again, which takes
   half a millisecond. What is left of such a tenant is a third.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import apsw

from worker.db.connection import Database

# So many keep all they have, whatever that is: one request's pages are of use to the next.
WARM_MIN = 16
# Uses between two looks: to ask SQLite for its memory costs more than to note a use.
USES_A_LOOK = 16

# Closes the file of an idle tenant; does nothing where it is not.
Rest = Callable[[Database], None]


class Warmth:
    """The databases that have something to give, least recently used first. Used on the event loop's thread only."""

    __slots__ = ("_bytes_max", "_cool", "_rest", "_uses_left", "_warm")

    def __init__(self, bytes_max: int, rest: Rest) -> None:
        self._bytes_max = bytes_max
        self._rest = rest
        self._uses_left = USES_A_LOOK
        # with pages, and without
        self._warm: OrderedDict[Database, None] = OrderedDict()
        self._cool: OrderedDict[Database, None] = OrderedDict()

    def used(self, db: Database) -> None:
        """`db` is about to be used."""
        if db not in self._warm:
            self._warm[db] = None
            self._cool.pop(db, None)
        else:
            self._warm.move_to_end(db)
        self._uses_left -= 1
        if self._uses_left <= 0:
            self._uses_left = USES_A_LOOK
            self._look()

    def forget(self, db: Database) -> None:
        """`db` is closed, or about to be."""
        self._warm.pop(db, None)
        self._cool.pop(db, None)

    def _look(self) -> None:
        warm, cool = self._warm, self._cool
        while apsw.memory_used() > self._bytes_max:
            if len(warm) > WARM_MIN:
                db, _ = warm.popitem(last=False)
                cool[db] = None
                if not db.in_thread and not db.resting:
                    with suppress(apsw.Error):  # whatever is wrong with a file, its next reader finds out
                        db.connection.release_memory()
            elif cool:
                self._rest(cool.popitem(last=False)[0])
            else:
                break
