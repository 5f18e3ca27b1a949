"""The events of collections: requests, and what happens to a collection because of them.

Names are PocketBase's. A collection's event is mirrored: `onCollectionCreate` is around `onModelCreate`. Where nothing
is bound to any of the names, an event costs a lookup a name.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from worker.events import Event, Stages
from worker.schema.collection import Collection

if TYPE_CHECKING:
    from worker.context import Context

LIST_REQUEST = ("onCollectionsListRequest",)
VIEW_REQUEST = ("onCollectionViewRequest",)
CREATE_REQUEST = ("onCollectionCreateRequest",)
UPDATE_REQUEST = ("onCollectionUpdateRequest",)
DELETE_REQUEST = ("onCollectionDeleteRequest",)
IMPORT_REQUEST = ("onCollectionsImportRequest",)
VALIDATE = ("onCollectionValidate", "onModelValidate")
TABLE = "_collections"
CREATE, UPDATE, DELETE = (Stages(kind, "Collection") for kind in ("Create", "Update", "Delete"))


class CollectionEvent(Event):
    """A collection is validated, stored or deleted: as it will be, and `old`, what is stored of it.

    Before the change is committed `context` is the inner one of its transaction: handlers work on that. `error` says
    why a change failed.
    """

    __slots__ = ("error", "old")

    def __init__(self, context: "Context", collection: Collection, old: Collection | None) -> None:
        super().__init__(context, collection)
        self.old = old
        self.error: BaseException | None = None

    def tags(self, name: str) -> tuple[str, ...]:
        """Those of models are bound by the table."""
        return (TABLE,) if name.startswith("onModel") else super().tags(name)


class CollectionRequestEvent(CollectionEvent):
    """A request to view, create, update or delete one collection."""

    __slots__ = ()


class CollectionsListEvent(Event):
    """A request to list collections: those of the page, and the envelope, whose items are them at first."""

    __slots__ = ("collections", "result")

    def __init__(self, context: "Context", collections: list[Collection]) -> None:
        super().__init__(context)
        self.collections = collections
        self.result: dict[str, Any] | None = None


class CollectionsImportEvent(Event):
    """A request to import collections: the submitted definitions, and whether what they don't name is dropped."""

    __slots__ = ("delete_missing", "items")

    def __init__(self, context: "Context", items: Sequence[Any], delete_missing: bool) -> None:
        super().__init__(context)
        self.items = items
        self.delete_missing = delete_missing
