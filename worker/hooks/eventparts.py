"""What scripts see of each kind of event, and what of it they may change.

A part is one member of `e`, in the form in which it crosses the line:

    record                 as `worker.hooks.shared` has records: both sides hold the one that the event is about
    records                [record, …]
    collection             {"def": definition, "new": bool}; from the script {"id", "def"}
    collectionId           an id: the script knows its collections
    settings               a tree of values
    model                  {"r": record} | {"c": collection} | {"s": settings}
    result                 {"page", "perPage", "totalItems", "totalPages"} | null; from the script also "items", where
                           they are not the event's: [{"r": record} | {"j": JSON}, …]
    error                  as `worker.hooks.errors` encodes exceptions
    requestInfo            {"i": number} and, the first time in a run, what it holds

Everything from a script is checked: GoError for what does not fit.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.auth.logins import LoginEvent
from worker.errors import ValidationErrors
from worker.fields import MalformedError
from worker.hooks.calls import GoError
from worker.hooks.errors import worded
from worker.hooks.lifecycle import TerminateEvent
from worker.hooks.ops.collections import definition, drafted
from worker.hooks.ops.settings import settings_in
from worker.hooks.requests import auth_wire
from worker.records.batch import BatchEvent
from worker.records.batchform import METHODS, BatchRequest
from worker.records.events import RecordEnrichEvent, RecordEvent, RecordRequestEvent, RecordsListEvent
from worker.records.record import Record
from worker.schema.collection import Collection
from worker.schema.events import (
    CollectionEvent,
    CollectionRequestEvent,
    CollectionsImportEvent,
    CollectionsListEvent,
)
from worker.services.settingschange import SettingsEvent, SettingsListEvent, SettingsUpdateEvent

if TYPE_CHECKING:
    from worker.events import Event
    from worker.hooks.events import Frame
    from worker.records.request import RequestInfo

# What a script may put into a list of an event's.
ITEMS_MAX = 10_000
INFOS = "infos"
# Events whose collection is not stored because of them.
SHOWING = ("onCollectionViewRequest",)
PAGE = ("page", "perPage", "totalItems", "totalPages")


class Codec(NamedTuple):
    """How a value crosses; without `take` a script's changes of it are its own."""

    out: "Callable[[Frame, Any], Any]"
    take: "Callable[[Frame, Any], Any] | None" = None


class Part(NamedTuple):
    """One member: its name in scripts, that of the event's attribute, and how it crosses."""

    name: str
    attribute: str
    codec: Codec


# -- values of one kind -----------------------------------------------------------------------------------------------


def _same(frame: "Frame", value: Any) -> Any:  # noqa: ARG001
    return value


def _text_in(frame: "Frame", value: Any) -> str:  # noqa: ARG001
    if not isinstance(value, str):
        raise GoError("a text is missing")
    return value


def _object_list_in(frame: "Frame", value: Any) -> list[Any]:  # noqa: ARG001
    if not isinstance(value, list) or not all(each is None or isinstance(each, dict) for each in value):
        raise GoError("a list of objects is missing")
    return value


TEXT = Codec(_same, _text_in)
OWN = Codec(_same)
JSON = Codec(_same, _same)
OBJECTS = Codec(_same, _object_list_in)


# -- records ----------------------------------------------------------------------------------------------------------


def _record_out(frame: "Frame", record: Record | None) -> Any:
    return None if record is None else frame.lend(record)


def _record_in(frame: "Frame", wire: Any) -> Record:
    if wire is None:
        raise GoError("the record of the event is missing")
    return frame.take(wire)


def _maybe_record_in(frame: "Frame", wire: Any) -> Record | None:
    return None if wire is None else frame.take(wire)


def _records_out(frame: "Frame", records: list[Record]) -> Any:
    return [frame.lend(record) for record in records]


def _records_in(frame: "Frame", wires: Any) -> list[Record]:
    return [frame.take(wire) for wire in _items(wires)]


def _items(wires: Any) -> list[Any]:
    if not isinstance(wires, list) or len(wires) > ITEMS_MAX:
        raise GoError("a list is missing, or too long")
    return wires


# that of a model's event is what is stored, whatever handlers put in its place
OWN_RECORD = Codec(_record_out)
RECORD = Codec(_record_out, _record_in)
MAYBE_RECORD = Codec(_record_out, _maybe_record_in)
RECORDS = Codec(_records_out, _records_in)


def _result_out(frame: "Frame", result: dict[str, Any] | None) -> Any:  # noqa: ARG001
    return None if result is None else {name: result[name] for name in PAGE}


def _result_in(frame: "Frame", wire: Any) -> dict[str, Any] | None:
    if wire is None:
        return None
    if not isinstance(wire, dict):
        raise GoError("the result of the event is missing")
    known: dict[str, Any] = frame.event.result or {}  # type: ignore[attr-defined]
    items = wire.get("items")
    result = {"items": known.get("items", []) if items is None else [_item_in(frame, each) for each in _items(items)]}
    for name in PAGE:  # what the script does not say stays
        number = wire.get(name, known.get(name))
        result[name] = number if type(number) is int else 0
    return result


def _item_in(frame: "Frame", wire: Any) -> Any:
    if isinstance(wire, dict) and "r" in wire:
        return frame.take(wire["r"])
    return wire.get("j") if isinstance(wire, dict) else None


RESULT = Codec(_result_out, _result_in)


# -- collections and settings -----------------------------------------------------------------------------------------


def _collection_out(frame: "Frame", collection: Collection | None) -> Any:
    if collection is None:
        return None
    return {"def": definition(collection), "new": frame.event.context.catalog.by_id(collection.id) is None}


def _collection_in(frame: "Frame", wire: Any) -> Collection:
    try:
        return drafted(frame.event.context, wire, completed=frame.name not in SHOWING)[0]
    except MalformedError as error:
        raise GoError(str(error)) from error


def _id_out(frame: "Frame", collection: Collection | None) -> Any:  # noqa: ARG001
    return None if collection is None else collection.id


def _collections_out(frame: "Frame", collections: list[Collection]) -> Any:
    return [_collection_out(frame, collection) for collection in collections]


def _settings_in(frame: "Frame", wire: Any) -> Any:
    try:
        return settings_in(frame.event.context, wire)
    except MalformedError as error:
        raise GoError(str(error)) from error


COLLECTION = Codec(_collection_out, _collection_in)
COLLECTION_ID = Codec(_id_out)
COLLECTIONS = Codec(_collections_out)
SETTINGS = Codec(lambda _, settings: settings.tree(), _settings_in)
OLD_SETTINGS = Codec(SETTINGS.out)
RECORD_MODEL = Codec(lambda frame, record: {"r": _record_out(frame, record)})
COLLECTION_MODEL = Codec(
    lambda frame, collection: {"c": _collection_out(frame, collection)},
    lambda frame, wire: _collection_in(frame, wire.get("c") if isinstance(wire, dict) else None),
)
SETTINGS_MODEL = Codec(
    lambda _, settings: {"s": settings.tree()},
    lambda frame, wire: _settings_in(frame, wire.get("s") if isinstance(wire, dict) else None),
)


# -- the rest ---------------------------------------------------------------------------------------------------------


def _error_out(frame: "Frame", error: BaseException | None) -> Any:
    if not isinstance(error, Exception):
        return None
    return frame.session.errors.encode(error, frame.session.hooks)


def _info_out(frame: "Frame", info: "RequestInfo") -> Any:
    """The same for all records of one answer, so it is told once in a run."""
    known: dict[int, RequestInfo] = frame.session.extras.setdefault(INFOS, {})
    number = id(info)
    if known.get(number) is info:
        return {"i": number}
    known[number] = info
    return {
        "i": number,
        "first": len(known) == 1,
        "method": info.method,
        "query": dict(info.query),
        "headers": dict(info.headers),
        "body": dict(info.body),
        "auth": auth_wire(info.auth),
        "context": info.context,
    }


def _batch_out(frame: "Frame", requests: list[BatchRequest]) -> Any:  # noqa: ARG001
    return [{"body": each.body, "headers": each.headers, "method": each.method, "url": each.url} for each in requests]


def _batch_in(frame: "Frame", wire: Any) -> list[BatchRequest]:  # noqa: ARG001
    return [_batch_request(each) for each in _items(wire)]


def _batch_request(wire: Any) -> BatchRequest:
    match wire:
        case {"method": str(method), "url": str(url)} if method in METHODS:
            headers, body = wire.get("headers"), wire.get("body")
            named = headers if isinstance(headers, dict) else {}
            texts = {key: value for key, value in named.items() if isinstance(value, str)}
            return BatchRequest(method, url, texts, body if isinstance(body, dict) else {})
        case _:
            raise GoError("no request of a batch")


ERROR = Codec(_error_out)
REQUEST_INFO = Codec(_info_out)
BATCH = Codec(_batch_out, _batch_in)


def _form(name: str) -> Codec:
    """A member of the form of a login by password."""

    def take(frame: "Frame", value: Any) -> Any:
        setattr(frame.event.form, name, _text_in(frame, value))  # type: ignore[attr-defined]
        return frame.event.form  # type: ignore[attr-defined]

    return Codec(lambda _, form: getattr(form, name), take)


COLLECTION_OF = Part("collection", "collection", COLLECTION_ID)
# By the event's class, and by the name of the event where one class has several.
PARTS: "dict[type[Event], tuple[Part, ...]]" = {
    RecordEvent: (Part("record", "record", OWN_RECORD), Part("error", "error", ERROR)),
    RecordRequestEvent: (COLLECTION_OF, Part("record", "record", RECORD)),
    RecordsListEvent: (COLLECTION_OF, Part("records", "records", RECORDS), Part("result", "result", RESULT)),
    RecordEnrichEvent: (Part("record", "record", RECORD), Part("requestInfo", "info", REQUEST_INFO)),
    BatchEvent: (Part("batch", "requests", BATCH),),
    CollectionEvent: (Part("collection", "collection", COLLECTION), Part("error", "error", ERROR)),
    CollectionRequestEvent: (Part("collection", "collection", COLLECTION),),
    CollectionsListEvent: (Part("collections", "collections", COLLECTIONS), Part("result", "result", RESULT)),
    CollectionsImportEvent: (Part("collectionsData", "items", OBJECTS), Part("deleteMissing", "delete_missing", OWN)),
    SettingsListEvent: (Part("settings", "settings", SETTINGS),),
    SettingsUpdateEvent: (Part("oldSettings", "old", OLD_SETTINGS), Part("newSettings", "new", SETTINGS)),
    SettingsEvent: (Part("model", "settings", SETTINGS_MODEL), Part("error", "error", ERROR)),
    TerminateEvent: (Part("isRestart", "is_restart", OWN),),
}
LOGIN = (COLLECTION_OF, Part("record", "record", MAYBE_RECORD))
BY_NAME: dict[str, tuple[Part, ...]] = {
    "onRecordAuthWithPasswordRequest": (
        *LOGIN,
        Part("identity", "form", _form("identity")),
        Part("identityField", "form", _form("identity_field")),
        Part("password", "form", _form("password")),
    ),
    "onRecordAuthRequest": (
        *LOGIN,
        Part("token", "token", TEXT),
        Part("meta", "meta", JSON),
        Part("authMethod", "method", TEXT),
    ),
}
MODELS: "dict[type[Event], Codec]" = {RecordEvent: RECORD_MODEL, CollectionEvent: COLLECTION_MODEL}
REQUESTS = (
    RecordRequestEvent,
    RecordsListEvent,
    BatchEvent,
    CollectionRequestEvent,
    CollectionsListEvent,
    CollectionsImportEvent,
    SettingsListEvent,
    SettingsUpdateEvent,
    LoginEvent,
)


def parts_of(name: str, event: "Event") -> tuple[Part, ...]:
    """The members that handlers of the event `name` see."""
    kind = type(event)
    if kind is LoginEvent:
        return BY_NAME.get(name, LOGIN)
    parts = PARTS.get(kind, ())
    if name.startswith("onModel") and kind in MODELS:
        return (Part("model", parts[0].attribute, MODELS[kind]), *parts[1:])
    return parts


def understood(error: Exception) -> Exception:
    """What leaves a handler instead of an exception of an operation's, which no use case outside would expect."""
    text = worded(error)
    return error if text is None or isinstance(error, ValidationErrors) else GoError(text)
