"""The collections of one tenant, by name and by id."""

from collections.abc import Iterable
from itertools import count
from sys import getrefcount

from worker.db.burdens import burden_of
from worker.db.connection import Database
from worker.fields import Field
from worker.schema.collection import COLUMNS, Collection
from worker.schema.shelf import Entry, Shelf, Stored
from worker.sql import quote

SELECT = f"SELECT {', '.join(map(quote, COLUMNS))} FROM `_collections` ORDER BY rowid"

# References to a collection that only one catalog has: two there, its own, and two of who asks.
REFERENCES_ALONE = 5


class Catalog:
    """What `_collections` says, read whole and checked; a collection is made of it when it is asked for, in any thread.

    Every reload has a `version` that no other catalog has had.
    """

    __slots__ = ("_by_id", "_by_name", "_shelf", "version")

    def __init__(self, shelf: Shelf | None = None) -> None:
        # shared with copies; only their values change, from what is stored to what was made of it
        self._by_id: dict[str, Entry] = {}
        self._by_name: dict[str, Entry] = {}
        self._shelf = shelf or SHELF
        self.version = 0

    @classmethod
    def load(cls, db: Database, shelf: Shelf | None = None) -> "Catalog":
        """The catalog of a tenant's data.db. Raises apsw.Error, or ValueError for damaged rows."""
        catalog = cls(shelf)
        catalog.reload(db)
        return catalog

    def reload(self, db: Database) -> None:
        """Read everything again. Collections that did not change stay the same objects."""
        known, entry_of = self._by_id, self._shelf.entry
        by_id: dict[str, Entry] = {}
        by_name: dict[str, Entry] = {}
        for row in db.once(SELECT):
            entry = known.get(row[0])
            if isinstance(entry, Stored):
                if entry.row != row:
                    entry = entry_of(row)
            # most of many did not change, and to compare a row's hash is a tenth of the way to the shelf
            elif entry is None or entry.stamp != hash(row):
                entry = entry_of(row)
            by_id[row[0]] = by_name[row[3].lower()] = entry
        self._by_id, self._by_name = by_id, by_name
        self.version = next(VERSIONS)
        db.burden = burden_of(db)

    def copy(self) -> "Catalog":
        """The same collections; what one of the two reads anew, the other does not see."""
        catalog = Catalog(self._shelf)
        catalog._by_id, catalog._by_name, catalog.version = self._by_id, self._by_name, self.version
        return catalog

    def forget_compiled(self) -> None:
        """Drop what was made of the collections that no other tenant has. It is made again when it is wanted."""
        for collection in self._by_id.values():
            if isinstance(collection, Stored):
                continue
            if collection.prototype is collection and getrefcount(collection) <= REFERENCES_ALONE:
                collection.plan = collection.rules = None

    def get(self, name_or_id: str) -> Collection | None:
        """The collection with this id, or with this name in any case; the older one where both are found."""
        identified = self._by_id.get(name_or_id)
        entry = self._by_name.get(name_or_id.lower())
        if entry is None:
            entry = identified
        elif identified is not None and identified is not entry:
            named = entry
            entry = next(each for each in self._by_id.values() if each in (identified, named))
        return self._made(entry) if isinstance(entry, Stored) else entry

    def by_id(self, identifier: str) -> Collection | None:
        """The collection with exactly this id."""
        entry = self._by_id.get(identifier)
        return self._made(entry) if isinstance(entry, Stored) else entry

    def ids(self) -> list[str]:
        """The id of every collection, in the order of `_collections`."""
        return list(self._by_id)

    def all(self) -> list[Collection]:
        """Every collection, in that order. Makes all of them: where a few will do, ask for those."""
        return self._all_made(self._entries())

    def of_type(self, kind: str) -> list[Collection]:
        """Those of one type, in that order."""
        return self._all_made(entry for entry in self._entries() if entry.type == kind)

    def referencing(self, collection: Collection) -> list[tuple[Collection, Field]]:
        """The relation fields that point to `collection`, its own ones included."""
        target = collection.id
        sources = self._all_made(
            entry for entry in self._entries() if isinstance(entry, Collection) or entry.may_point_to(target)
        )
        return [(source, field) for source in sources for field in source.relations if field.collection_id == target]

    def _entries(self) -> list[Entry]:
        return list(self._by_id.values())

    def _all_made(self, entries: Iterable[Entry]) -> list[Collection]:
        return [self._made(entry) if isinstance(entry, Stored) else entry for entry in entries]

    def _made(self, stored: Stored) -> Collection:
        """The collection of what is stored here, from now on in its place."""
        row, by_id, by_name = stored.row, self._by_id, self._by_name
        with self._shelf.lock:
            entry = by_id.get(row[0])
            if isinstance(entry, Collection) and entry.stamp == hash(row):  # another thread was quicker
                return entry
            made = self._shelf.collection(row)
            # where it was read anew meanwhile, what is there now is another one
            if entry is stored:
                by_id[row[0]] = made
                if by_name.get(name := row[3].lower()) is stored:
                    by_name[name] = made
            return made

    def __len__(self) -> int:
        return len(self._by_id)


# The process's one shelf: sharing schema objects between tenants is what keeps a live tenant small.
SHELF = Shelf()
# Two catalogs of one version say the same: what is kept elsewhere of one is compared with it.
VERSIONS = count(1)
