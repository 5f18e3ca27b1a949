"""Events of scripts, the host's side: nothing that a script says is trusted, and exceptions stay what they are."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from tests.unit.conftest import NewTenant
from worker.auth.logins import LoginEvent, PasswordForm
from worker.context import Context
from worker.errors import ApiError, FieldError, HookError, ValidationErrors, bad_request
from worker.events import Event
from worker.hooks import events
from worker.hooks.calls import GoError
from worker.hooks.errors import KNOWN_MAX, UNEXPECTED, Errors, Rethrown, Thrown
from worker.hooks.eventparts import parts_of
from worker.hooks.shared import Shared
from worker.lanes import Lanes
from worker.records.batch import BatchEvent
from worker.records.batchform import BatchRequest
from worker.records.events import RecordEvent, RecordRequestEvent, RecordsListEvent
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.schema.events import CollectionEvent, CollectionRequestEvent, CollectionsImportEvent
from worker.services.settingschange import SettingsUpdateEvent

INFO = RequestInfo(context="batch")
FIELDS = ValidationErrors({"a": FieldError("c", "m")})


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory, new_tenant: NewTenant) -> Iterator[Context]:
    """A new tenant, which nothing here changes."""
    directory = tmp_path_factory.mktemp("events")
    new_tenant(directory)
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=2.0, pool_threads=1)
    context = Context("test", directory, lanes, write_limit_s=30.0, log_queue_max=200)
    yield context
    context.close()
    lanes.close()


class Session:
    """A run whose script does what a test says: `act(order)` answers it, or raises."""

    def __init__(self, ctx: Context, act: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
        self.hooks: Any = SimpleNamespace(ctx=ctx, name="test")
        self.extras: dict[str, Any] = {}
        self.events: list[Event] = []
        self.errors = Errors()
        self.shared = Shared(self.hooks)  # type: ignore[arg-type]
        self.act = act

    def app_of(self, ctx: Context) -> int:
        return 0 if ctx is self.hooks.ctx else 1

    def context(self, app: object) -> Context:
        assert app == 0
        ctx: Context = self.hooks.ctx
        return ctx

    async def run(self, name: str, data: Any) -> Any:
        assert name == "event"
        return await self.act(data)


def handled(
    ctx: Context, name: str, event: Event, act: Callable[[Session, dict[str, Any]], Awaitable[Any]], *rest: Any
) -> Session:
    """Run one handler of `name`, with `rest` of a chain behind it."""

    async def run(order: dict[str, Any]) -> Any:
        return await act(session, order)

    session = Session(ctx, run)
    bound: Any = SimpleNamespace(number=0, handler=SimpleNamespace(event=name))

    async def handler(event: Event) -> None:
        if await events.handle(session, bound, event):  # type: ignore[arg-type]
            assert not session.events, "the script is done"
            await event.next()

    try:
        asyncio.run(event.run([handler, *rest]))
    finally:
        assert session.events == []
        assert session.extras[events.FRAMES] == []
        session.shared.changes()
        assert not session.shared._held, "what was lent is given back"
    return session


async def advance(session: Session, number: Any) -> Any:
    """`e.next()` of the script."""
    return await events.advance(session, number, 0, 0)  # type: ignore[arg-type]


def answering(answer: Any) -> Callable[[Session, dict[str, Any]], Awaitable[Any]]:
    async def act(session: Session, order: dict[str, Any]) -> Any:
        del session, order
        return answer

    return act


def failing(error: Exception) -> Callable[[Session, dict[str, Any]], Awaitable[Any]]:
    async def act(session: Session, order: dict[str, Any]) -> Any:
        raise error

    return act


def user(ctx: Context) -> Record:
    collection = ctx.catalog.get("users")
    assert collection is not None
    return Record.new(collection)


def about(ctx: Context, kind: str) -> tuple[str, Event]:
    """An event of each kind that a script may change."""
    users = ctx.catalog.get("users")
    assert users is not None
    match kind:
        case "record":
            return "onRecordViewRequest", RecordRequestEvent(ctx, user(ctx), INFO)
        case "list":
            event = RecordsListEvent(ctx, users, [user(ctx)], INFO)
            event.result = {"items": list(event.records), "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1}
            return "onRecordsListRequest", event
        case "collection":
            return "onCollectionCreate", CollectionEvent(ctx, users, users)
        case "request":
            return "onCollectionUpdateRequest", CollectionRequestEvent(ctx, users, users)
        case "import":
            return "onCollectionsImportRequest", CollectionsImportEvent(ctx, [{"name": "a"}], delete_missing=False)
        case "settings":
            return "onSettingsUpdateRequest", SettingsUpdateEvent(ctx, ctx.settings, ctx.settings)
        case "batch":
            return "onBatchRequest", BatchEvent(ctx, [BatchRequest("POST", "/api/x")], INFO)
        case "login":
            login = LoginEvent(ctx, users, user(ctx), INFO)
            login.form = PasswordForm("a", "b")
            return "onRecordAuthWithPasswordRequest", login
    raise AssertionError(kind)


NONSENSE: list[tuple[str, Any]] = [
    ("record", 5),
    ("record", "text"),
    ("record", [1]),
    ("record", True),
    ("record", {"record": None}),
    ("record", {"record": 77}),
    ("record", {"record": -1}),
    ("record", {"record": "x"}),
    ("record", {"record": {"c": "nope"}}),
    ("record", {"record": {"c": 5, "d": {}}}),
    ("list", {"records": 5}),
    ("list", {"records": [None]}),
    ("list", {"records": [99]}),
    ("list", {"records": [1] * 10_001}),
    ("list", {"result": 5}),
    ("list", {"result": {"items": 5}}),
    ("list", {"result": {"items": [{"r": 99}]}}),
    ("list", {"result": {"items": [{"r": None}]}}),
    ("collection", {"collection": 5}),
    ("collection", {"collection": None}),
    ("collection", {"collection": {"id": "", "def": 5}}),
    ("collection", {"collection": {"id": "nope", "def": {"name": "a", "type": "base"}}}),
    ("collection", {"collection": {"id": "", "def": {"name": 5, "type": "base"}}}),
    ("collection", {"collection": {"id": "", "def": {"name": "a", "type": "base", "fields": "x"}}}),
    ("request", {"collection": {"id": [], "def": {}}}),
    ("import", {"collectionsData": 5}),
    ("import", {"collectionsData": [5]}),
    ("settings", {"newSettings": 5}),
    ("settings", {"newSettings": {"meta": 5}}),
    ("settings", {"newSettings": {"batch": {"timeout": "x"}}}),
    ("batch", {"batch": 5}),
    ("batch", {"batch": [5]}),
    ("batch", {"batch": [{"method": "TRACE", "url": "/"}]}),
    ("batch", {"batch": [{"method": "GET", "url": 5}]}),
    ("login", {"identity": 5}),
    ("login", {"password": None}),
    ("login", {"record": "x"}),
]


@pytest.mark.parametrize(("kind", "answer"), NONSENSE)
def test_nonsense_is_refused(ctx: Context, kind: str, answer: Any) -> None:
    name, event = about(ctx, kind)
    before = {part.attribute: getattr(event, part.attribute) for part in parts_of(name, event)}
    with pytest.raises(GoError):
        handled(ctx, name, event, answering(answer))
    assert {attribute: getattr(event, attribute) for attribute in before} == before


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("record", None),
        ("record", 0),
        ("record", {}),
        ("record", {"nope": 1, "collection": "x", "context": 5}),
        ("settings", {"oldSettings": {"meta": {"appName": "x"}}}),
        ("import", {"deleteMissing": True}),
        ("collection", {"error": {"kind": "api"}}),
    ],
)
def test_what_is_nobodys_business_is_ignored(ctx: Context, kind: str, answer: Any) -> None:
    name, event = about(ctx, kind)
    before = {part.attribute: getattr(event, part.attribute) for part in parts_of(name, event)}
    handled(ctx, name, event, answering(answer))
    assert {attribute: getattr(event, attribute) for attribute in before} == before


def test_headers_and_bodies_of_a_batch_are_what_they_have_to_be(ctx: Context) -> None:
    name, event = about(ctx, "batch")
    told = {"method": "POST", "url": "/api/y", "headers": {"a": "b", "c": 5}, "body": [1]}
    handled(ctx, name, event, answering({"batch": [told]}))
    assert isinstance(event, BatchEvent)
    assert event.requests == [BatchRequest("POST", "/api/y", {"a": "b"}, {})]


def test_numbers_of_a_page_are_numbers(ctx: Context) -> None:
    name, event = about(ctx, "list")
    handled(ctx, name, event, answering({"result": {"page": 1e300, "perPage": "x", "totalItems": True, "items": [{}]}}))
    assert isinstance(event, RecordsListEvent)
    assert event.result == {"items": [None], "page": 0, "perPage": 0, "totalItems": 0, "totalPages": 1}


def test_a_models_record_can_be_changed_but_not_replaced(ctx: Context) -> None:
    record = user(ctx)
    event = RecordEvent(ctx, record)

    async def act(session: Session, order: dict[str, Any]) -> Any:
        handle = order["p"]["record"]["h"]
        session.shared.absorb([[handle, {"d": {"name": "changed", "nope": 1}}]])
        return {"record": {"c": record.collection.id, "t": None, "d": {}}}

    handled(ctx, "onRecordCreate", event, act)
    assert event.record is record
    assert record.get("name") == "changed"


def test_what_is_left_to_the_host_is_done_when_the_script_is(ctx: Context) -> None:
    record, ran = user(ctx), []

    async def rest(event: RecordEvent) -> None:
        ran.append(event.record.get("name"))

    async def act(session: Session, order: dict[str, Any]) -> Any:
        assert order["l"] == 1
        session.shared.absorb([[order["p"]["record"]["h"], {"d": {"name": "changed"}}]])
        return [0]

    handled(ctx, "onRecordCreate", RecordEvent(ctx, record), act, rest)
    assert ran == ["changed"]

    async def fails(event: Event) -> None:
        raise FIELDS

    with pytest.raises(ValidationErrors) as caught:
        handled(ctx, "onRecordCreate", RecordEvent(ctx, record), answering([0]), fails)
    assert caught.value is FIELDS


@pytest.mark.parametrize("kind", ["request", "inner"])
@pytest.mark.parametrize("answer", [[0], [], [0, 0], [{}]])
def test_nothing_is_left_to_a_host_that_has_not_offered_it(ctx: Context, kind: str, answer: Any) -> None:
    async def rest(event: Event) -> None:
        raise AssertionError(event)

    async def act(session: Session, order: dict[str, Any]) -> Any:
        assert "l" not in order
        return answer

    inner = ctx.inner(ctx.data)
    name, event = about(ctx, "record") if kind == "request" else ("onRecordCreate", RecordEvent(inner, user(ctx)))
    if answer:
        with pytest.raises(GoError, match="an object"):
            handled(ctx, name, event, act, rest)
    else:
        handled(ctx, name, event, act, rest)


@pytest.mark.parametrize("number", [0, 2, -1, None, "1", [1], {}])
def test_next_is_for_the_handler_that_is_at_work(ctx: Context, number: Any) -> None:
    went_on = []

    async def rest(event: Event) -> None:
        went_on.append(event)

    async def act(session: Session, order: dict[str, Any]) -> Any:
        assert order["n"] == 1
        with pytest.raises(GoError, match="over"):
            await advance(session, number)
        return 0

    session = handled(ctx, *about(ctx, "record"), act, rest)
    assert went_on == []
    with pytest.raises(GoError, match="over"):
        asyncio.run(advance(session, 1))


def test_next_tells_what_the_host_has_changed(ctx: Context) -> None:
    told = []
    other = user(ctx)

    async def rest(event: RecordRequestEvent) -> None:
        event.record = other
        event.answered = True

    async def act(session: Session, order: dict[str, Any]) -> Any:
        told.append(await advance(session, order["n"]))
        told.append(await advance(session, order["n"]))
        return 0

    handled(ctx, *about(ctx, "record"), act, rest)
    assert told[0]["p"]["record"]["c"] == other.collection.id
    assert told[0]["w"] == 200
    assert told[1] == 0, "a second call does nothing"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), FIELDS, bad_request("x"), apsw.SQLError("x"), HookError("x"), KeyError("x")]
)
def test_what_the_rest_of_the_chain_raises_is_left_as_it_is(ctx: Context, error: Exception) -> None:
    async def rest(event: Event) -> None:
        raise error

    async def act(session: Session, order: dict[str, Any]) -> Any:
        try:
            await advance(session, order["n"])
        except Exception as raised:
            told = session.errors.encode(raised, session.hooks)
            raise session.errors.decode(told | {"kind": "js", "message": "forged"}) from None

    with pytest.raises(type(error)) as caught:
        handled(ctx, *about(ctx, "record"), act, rest)
    assert caught.value is error


@pytest.mark.parametrize(
    ("kind", "error", "kept"),
    [
        ("record", bad_request("x"), ApiError),
        ("record", Thrown("TypeError", "x", ""), Thrown),
        ("record", FIELDS, Rethrown),
        ("collection", FIELDS, ValidationErrors),
        ("record", apsw.SQLError("x"), GoError),
        ("record", apsw.CorruptError("x"), apsw.CorruptError),
        ("record", apsw.BusyError("x"), apsw.BusyError),
        ("record", TimeoutError(), GoError),
        ("record", ZeroDivisionError("secret"), GoError),
    ],
)
def test_what_a_script_lets_go_is_something_that_others_expect(
    ctx: Context, kind: str, error: Exception, kept: type[Exception]
) -> None:
    with pytest.raises(kept) as caught:
        handled(ctx, *about(ctx, kind), failing(error))
    assert type(caught.value) is kept
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, (ApiError, HookError, ValidationErrors, apsw.Error))


HOOKS: Any = SimpleNamespace(name="test")


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (None, Thrown, ""),
        ([], Thrown, ""),
        ({}, Thrown, ""),
        ({"id": [1], "message": 5}, Thrown, ""),
        ({"kind": "js", "name": "TypeError", "message": "x", "stack": "    at f (/pb_hooks/a.pb.js:3:5)"}, Thrown,
         "TypeError: x at /pb_hooks/a.pb.js:3:5"),
        ({"kind": "js", "message": "y" * 50_000}, Thrown, "y" * 16_384),
        ({"kind": "go", "message": "x"}, GoError, "x"),
        ({"kind": "go", "message": "x", "tree": 5}, GoError, "x"),
        ({"kind": "go", "message": "x", "tree": {"a": 5}}, GoError, "x"),
        ({"kind": "api", "message": "x"}, ApiError, "X."),
    ],
)  # fmt: skip
def test_any_exception_of_a_script_is_one_here(data: Any, kind: type[Exception], text: str) -> None:
    error = Errors().decode(data)
    assert type(error) is kind or isinstance(error, kind)
    assert str(error) == text


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        *((status, status) for status in (200, 418, 999)),
        *((status, 500) for status in (0, 99, 1000, "400", None, True, 4.5)),
    ],
)
def test_a_status_is_one_of_http(status: Any, kept: int) -> None:
    error = Errors().decode({"kind": "api", "status": status, "message": "x"})
    assert isinstance(error, ApiError)
    assert error.status == kept


def test_data_of_an_answer_are_cut_where_they_get_too_deep() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = {"a": [deep]}
    error = Errors().decode({"kind": "api", "status": 400, "message": "x", "data": deep})
    assert isinstance(error, ApiError)
    assert str(error.data).count("{") <= 16


def test_field_errors_come_back_as_they_went() -> None:
    errors = ValidationErrors({"a": FieldError("c", "m", {"x": 1}), "b": {"0": {"min": FieldError("d", "n")}}})
    told = Errors().encode(errors, HOOKS)
    assert told["message"] == "a: m; b: (0: (min: n.).)."
    again = Errors().decode({key: value for key, value in told.items() if key != "id"})
    assert isinstance(again, ValidationErrors)
    assert again.data() == errors.data()


def test_what_nobody_has_foreseen_stays_here(caplog: pytest.LogCaptureFixture) -> None:
    told = Errors().encode(ZeroDivisionError("secret"), HOOKS)
    assert (told["kind"], told["message"]) == ("go", UNEXPECTED)
    assert "secret" in caplog.text


def test_a_run_remembers_a_bounded_number_of_exceptions() -> None:
    errors = Errors()
    first = errors.encode(GoError("first"), HOOKS)
    for number in range(KNOWN_MAX * 3):
        errors.encode(GoError(str(number)), HOOKS)
    assert len(errors._known) == KNOWN_MAX
    assert len(errors._numbers) == KNOWN_MAX
    again = errors.decode(first)
    assert (type(again), str(again)) == (GoError, "first"), "what is forgotten is what it said"
    errors.clear()
    assert not errors._known


def test_numbers_of_one_run_mean_nothing_in_another() -> None:
    told = Errors().encode(bad_request("x"), HOOKS)
    later = Errors()
    assert later.decode(told) is not None
    assert all(number != told["id"] for number in later._known)
