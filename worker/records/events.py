"""The events of records, and the one way in which they are triggered.

Names are PocketBase's. A record's event is mirrored: `onRecordCreate` is around `onModelCreate`, which is around the
action. Where nothing is bound to any of the names, `around` costs a lookup a name.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError
from worker.events import Bus, Event, Stages, around, quiet
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.unit import follow

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection

__all__ = [
    "CREATE",
    "CREATE_REQUEST",
    "DELETE",
    "DELETE_REQUEST",
    "ENRICH",
    "LIST_REQUEST",
    "UPDATE",
    "UPDATE_REQUEST",
    "VALIDATE",
    "VIEW_REQUEST",
    "RecordEnrichEvent",
    "RecordEvent",
    "RecordRequestEvent",
    "RecordsListEvent",
    "Stages",
    "around",
    "heard",
    "quiet",
]

ENRICH = ("onRecordEnrich",)
LIST_REQUEST = ("onRecordsListRequest",)
VIEW_REQUEST = ("onRecordViewRequest",)
CREATE_REQUEST = ("onRecordCreateRequest",)
UPDATE_REQUEST = ("onRecordUpdateRequest",)
DELETE_REQUEST = ("onRecordDeleteRequest",)
VALIDATE = ("onRecordValidate", "onModelValidate")
CREATE, UPDATE, DELETE = Stages("Create", "Record"), Stages("Update", "Record"), Stages("Delete", "Record")


class RecordEvent(Event):
    """A record is validated, stored or deleted; `error` says why that failed.

    Handlers work on `context`: in a transaction it is the inner one.
    """

    __slots__ = ("error", "record")

    def __init__(self, context: "Context", record: Record) -> None:
        super().__init__(context, record.collection)
        self.record = record
        self.error: BaseException | None = None


class RecordRequestEvent(RecordEvent):
    """A request to view, create, update or delete one record."""

    __slots__ = ("info", "result")

    def __init__(self, context: "Context", record: Record, info: RequestInfo) -> None:
        super().__init__(context, record)
        self.info = info
        self.result: dict[str, Any] | None = None


class RecordsListEvent(Event):
    """A request to list records: those of the page, and the envelope, whose items are them at first."""

    __slots__ = ("info", "records", "result")

    def __init__(self, context: "Context", collection: "Collection", records: list[Record], info: RequestInfo) -> None:
        super().__init__(context, collection)
        self.records = records
        self.info = info
        self.result: dict[str, Any] | None = None


class RecordEnrichEvent(Event):
    """A record is about to be shown to the requester of `info`."""

    __slots__ = ("info", "record")

    def __init__(self, context: "Context", record: Record, info: RequestInfo) -> None:
        super().__init__(context, record.collection)
        self.record = record
        self.info = info


async def heard(
    stages: Stages,
    event: RecordEvent,
    action: Callable[[RecordEvent], Awaitable[None]],
    *,
    check: Callable[[], None] | None = None,
    then: Callable[[RecordEvent], Awaitable[None]] | None = None,
) -> None:
    """Carry out a change as `stages` name it, around `action`, then tell how it ended.

    A failure is told at once; a success when it is certain, which in a transaction is after its end. What was done in
    a transaction that is rolled back has failed as well. `check` may refuse the change before anybody hears of it;
    `then` is done after it, when only the record's own handlers are still around it.
    """
    ctx, bus, record = event.context, event.context.bus, event.record

    of_record, *of_model = stages.around

    async def inner(event: RecordEvent) -> None:
        await around(bus, of_model, event, action)
        if then is not None:
            await then(event)

    try:
        if check is not None:
            check()
        await around(bus, (of_record,), event, inner)
    except Exception as error:
        try:
            await _failed(bus, stages, record, ctx, error)
        except Exception:
            if not isinstance(error, ApiError):  # of two answers the first counts
                raise
        raise
    collection = record.collection
    if not (quiet(bus, stages.success, collection) and quiet(bus, stages.failure, collection)):
        await follow(ctx, partial(_succeeded, bus, stages, record), partial(_failed, bus, stages, record))


async def _succeeded(bus: Bus, stages: Stages, record: Record, ctx: "Context") -> None:
    await around(bus, stages.success, RecordEvent(ctx, record), _nothing)


async def _failed(bus: Bus, stages: Stages, record: Record, ctx: "Context", error: Exception) -> None:
    told = RecordEvent(ctx, record)
    told.error = error
    await around(bus, stages.failure, told, _nothing)


async def _nothing(event: RecordEvent) -> None:
    del event
