"""The collections of one tenant, by name and by id."""

from itertools import count
from sys import getrefcount

from worker.db.burdens import burden_of
from worker.db.connection import Database
from worker.fields import Field
from worker.schema.collection import COLUMNS, Collection, Shelf
from worker.sql import quote

SELECT = f"SELECT {', '.join(map(quote, COLUMNS))} FROM `_collections` ORDER BY rowid"

# References to a collection that only one catalog has: two there, its own, and two of who asks.
REFERENCES_ALONE = 5


class Catalog:
    """What `_collections` says, loaded whole. Every reload has a `version` that no other catalog has had."""

    __slots__ = ("_by_id", "_by_name", "version")

    def __init__(self) -> None:
        self._by_id: dict[str, Collection] = {}
        self._by_name: dict[str, Collection] = {}
        self.version = 0

    @classmethod
    def load(cls, db: Database, shelf: Shelf | None = None) -> "Catalog":
        """The catalog of a tenant's data.db. Raises apsw.Error, or ValueError for damaged rows."""
        catalog = cls()
        catalog.reload(db, shelf)
        return catalog

    def reload(self, db: Database, shelf: Shelf | None = None) -> None:
        """Read everything again. Collections that did not change stay the same objects."""
        shelf = shelf or SHELF
        known = self._by_id
        collections = []
        for row in db.once(SELECT):
            former = known.get(row[0])
            # most of many did not change, and to compare a row's hash is a tenth of the way to the shelf
            stamp = hash(row)
            found = former if former is not None and former.stamp == stamp else shelf.collection(row)
            found.stamp = stamp
            collections.append(found)
        self._by_id = {collection.id: collection for collection in collections}
        self._by_name = {collection.name.lower(): collection for collection in collections}
        self.version = next(VERSIONS)
        db.burden = burden_of(db)

    def copy(self) -> "Catalog":
        """The same collections; what one of the two reads anew, the other does not see."""
        catalog = Catalog()
        catalog._by_id, catalog._by_name, catalog.version = self._by_id, self._by_name, self.version
        return catalog

    def forget_compiled(self) -> None:
        """Drop what was made of the collections that no other tenant has. It is made again when it is wanted."""
        for collection in self._by_id.values():
            if collection.prototype is collection and getrefcount(collection) <= REFERENCES_ALONE:
                collection.plan = collection.rules = None

    def get(self, name_or_id: str) -> Collection | None:
        """The collection with this id, or with this name in any case; the older one where both are found."""
        identified = self._by_id.get(name_or_id)
        named = self._by_name.get(name_or_id.lower())
        if identified is None or named is None or identified is named:
            return identified or named
        return next(collection for collection in self._by_id.values() if collection in (identified, named))

    def by_id(self, identifier: str) -> Collection | None:
        """The collection with exactly this id."""
        return self._by_id.get(identifier)

    def all(self) -> list[Collection]:
        """Every collection, in the order of `_collections`."""
        return list(self._by_id.values())

    def referencing(self, collection: Collection) -> list[tuple[Collection, Field]]:
        """The relation fields that point to `collection`, its own ones included."""
        return [
            (other, field)
            for other in self._by_id.values()
            for field in other.relations
            if field.collection_id == collection.id
        ]

    def __len__(self) -> int:
        return len(self._by_id)


# The process's one shelf: sharing schema objects between tenants is what keeps a live tenant small.
SHELF = Shelf()
# Two catalogs of one version say the same: what is kept elsewhere of one is compared with it.
VERSIONS = count(1)
