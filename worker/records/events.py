"""The events of records, and the one way in which they are triggered.

Names are PocketBase's. A model event is mirrored: `onModelCreate` is around `onRecordCreate`, which is around the
action. Where nothing is bound to any of the names, `around` costs a lookup a name.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from worker.events import Bus, Event
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.unit import Unit

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection

ENRICH = ("onRecordEnrich",)
LIST_REQUEST = ("onRecordsListRequest",)
VIEW_REQUEST = ("onRecordViewRequest",)
CREATE_REQUEST = ("onRecordCreateRequest",)
UPDATE_REQUEST = ("onRecordUpdateRequest",)
DELETE_REQUEST = ("onRecordDeleteRequest",)
VALIDATE = ("onModelValidate", "onRecordValidate")


class Stages:
    """The names of the model events of one kind of change."""

    __slots__ = ("around", "every", "execute", "failure", "success")

    def __init__(self, kind: str) -> None:
        self.around = (f"onModel{kind}", f"onRecord{kind}")
        self.execute = (f"onModel{kind}Execute", f"onRecord{kind}Execute")
        self.success = (f"onModelAfter{kind}Success", f"onRecordAfter{kind}Success")
        self.failure = (f"onModelAfter{kind}Error", f"onRecordAfter{kind}Error")
        self.every = (*self.around, *self.execute, *self.success, *self.failure)


CREATE, UPDATE, DELETE = Stages("Create"), Stages("Update"), Stages("Delete")


class RecordEvent(Event):
    """A record is validated, stored or deleted. `unit` is the transaction it happens in, `error` why it failed."""

    __slots__ = ("error", "record", "unit")

    def __init__(self, context: "Context", record: Record, unit: Unit | None = None) -> None:
        super().__init__(context, record.collection)
        self.record = record
        self.unit = unit
        self.error: BaseException | None = None


class RecordRequestEvent(RecordEvent):
    """A request to view, create, update or delete one record."""

    __slots__ = ("info", "result")

    def __init__(self, context: "Context", record: Record, info: RequestInfo, unit: Unit | None = None) -> None:
        super().__init__(context, record, unit)
        self.info = info
        self.result: dict[str, Any] | None = None


class RecordsListEvent(Event):
    """A request to list records: those of the page, and the envelope, whose items follow from `records`."""

    __slots__ = ("info", "records", "result")

    def __init__(self, context: "Context", collection: "Collection", records: list[Record], info: RequestInfo) -> None:
        super().__init__(context, collection)
        self.records = records
        self.info = info
        self.result: dict[str, Any] = {}


class RecordEnrichEvent(Event):
    """A record is about to be shown to the requester of `info`."""

    __slots__ = ("info", "record")

    def __init__(self, context: "Context", record: Record, info: RequestInfo) -> None:
        super().__init__(context, record.collection)
        self.record = record
        self.info = info


def quiet(bus: Bus, names: Sequence[str]) -> bool:
    """Whether nothing is bound to any of `names`."""
    return not any(map(bus.has, names))


async def around(bus: Bus, names: Sequence[str], event: Any, action: Callable[[Any], Awaitable[None]]) -> None:
    """Trigger `names`, the first one outermost, with `action` in the middle."""
    if not names:
        await action(event)
        return

    async def inner(event: Any) -> None:
        await around(bus, names[1:], event, action)

    await bus.trigger(names[0], event, inner)
