"""Record actions as events: their order, what a handler may do, and one writer at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import pytest

from worker.context import Context
from worker.errors import ApiError, ValidationErrors, forbidden
from worker.events import Event
from worker.fields import PasswordValue
from worker.records import actions, events, store
from worker.records.events import RecordEvent
from worker.records.record import Record
from worker.schema.collection import Collection
from worker.unit import transaction

from .conftest import add_collection, info_of


@pytest.fixture
def notes(ctx: Context) -> Collection:
    return add_collection(
        ctx,
        "notes",
        {"name": "title", "type": "text", "max": 9},
        indexes=["CREATE UNIQUE INDEX idx_title ON notes (title)"],
    )


def titles(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.data.all("SELECT title FROM notes ORDER BY rowid")]


def listen(ctx: Context, names: tuple[str, ...], heard: list[str]) -> None:
    """Note each event's name and whether it came inside a transaction, then go on."""

    def handler(name: str) -> Callable[[Event], Awaitable[None]]:
        async def note(event: Event) -> None:
            heard.append(f"{name}{'*' if event.context.data.in_transaction else ''}")
            await event.next()

        return note

    for name in names:
        ctx.bus.on(name, handler(name))


def test_the_order_of_a_create(ctx: Context, notes: Collection) -> None:
    heard: list[str] = []
    listen(ctx, events.CREATE_REQUEST + events.CREATE.every + events.VALIDATE + events.ENRICH, heard)
    asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert heard == [
        "onRecordCreateRequest",
        "onRecordCreate",
        "onModelCreate",
        "onRecordValidate",
        "onModelValidate",
        "onRecordCreateExecute",
        "onModelCreateExecute",
        "onRecordAfterCreateSuccess",
        "onModelAfterCreateSuccess",
        "onRecordEnrich",
    ]
    assert titles(ctx) == ["a"]


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_new_password_ends_goes_with_it_or_both_stay(ctx: Context, refused: bool) -> None:
    """Somebody hears of deletions, and may refuse one."""
    users, otps = ctx.catalog.get("users"), ctx.catalog.get("_otps")
    assert users is not None
    assert otps is not None
    user, otp = Record.new(users), Record.new(otps)
    user.set("email", "a@example.com")
    user.set_password("12345678")
    asyncio.run(actions.save(ctx, user))
    for name, value in (("collectionRef", users.id), ("recordRef", user.id)):
        otp.set(name, value)
    otp.set("password", PasswordValue("123456"))
    asyncio.run(actions.save(ctx, otp))

    async def handler(event: RecordEvent) -> None:
        if refused:
            raise forbidden("no")
        await event.next()

    ctx.bus.on("onRecordDelete", handler, frozenset({"_otps"}))
    before = user.data["tokenKey"]
    user.set_password("other-password")
    if refused:
        with pytest.raises(ApiError):
            asyncio.run(actions.save(ctx, user))
    else:
        asyncio.run(actions.save(ctx, user))
    stored = store.find(ctx.data, users, user.id)
    assert stored is not None
    assert (stored.data["tokenKey"] == before, store.exists(ctx.data, otps, otp.id)) == (refused, refused)


@pytest.mark.parametrize(
    ("body", "kept"),
    [({"title": "much too long"}, "validation_max_text_constraint"), ({"title": "a"}, "validation_not_unique")],
)
def test_the_order_of_a_failure(ctx: Context, notes: Collection, body: dict[str, Any], kept: str) -> None:
    asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    heard: list[str] = []
    listen(ctx, events.CREATE.success + events.CREATE.failure, heard)
    with pytest.raises(ApiError) as caught:
        asyncio.run(actions.create_record(ctx, notes, info_of(), body))
    assert caught.value.status == 400
    assert caught.value.data["title"]["code"] == kept
    assert heard == ["onRecordAfterCreateError", "onModelAfterCreateError"]
    assert titles(ctx) == ["a"]


def test_the_order_of_update_and_delete(ctx: Context, notes: Collection) -> None:
    made = asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    heard: list[str] = []
    listen(ctx, events.UPDATE_REQUEST + events.UPDATE.every + events.DELETE_REQUEST + events.DELETE.every, heard)
    asyncio.run(actions.update_record(ctx, notes, made["id"], info_of(), {"title": "b"}))
    asyncio.run(actions.delete_record(ctx, notes, made["id"], info_of()))
    assert heard == [
        "onRecordUpdateRequest",
        "onRecordUpdate",
        "onModelUpdate",
        "onRecordUpdateExecute",
        "onModelUpdateExecute",
        "onRecordAfterUpdateSuccess",
        "onModelAfterUpdateSuccess",
        "onRecordDeleteRequest",
        "onRecordDelete",
        "onModelDelete",
        "onRecordDeleteExecute",
        "onModelDeleteExecute*",
        "onRecordAfterDeleteSuccess",
        "onModelAfterDeleteSuccess",
    ]
    assert titles(ctx) == []


@pytest.mark.parametrize("name", [*events.CREATE_REQUEST, *events.CREATE.around, *events.CREATE.execute])
def test_a_handler_refuses(ctx: Context, notes: Collection, name: str) -> None:
    async def refuse(_event: RecordEvent) -> None:
        raise forbidden("Not today")

    ctx.bus.on(name, refuse)
    with pytest.raises(ApiError) as caught:
        asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert (caught.value.status, caught.value.message) == (403, "Not today.")
    assert titles(ctx) == []


@pytest.mark.parametrize("name", [*events.CREATE.around, *events.CREATE.execute])
def test_a_handler_that_does_not_go_on_prevents(ctx: Context, notes: Collection, name: str) -> None:
    async def stop(_event: RecordEvent) -> None:
        return

    ctx.bus.on(name, stop)
    asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert titles(ctx) == []


def test_a_handler_changes_what_is_stored_and_shown(ctx: Context, notes: Collection) -> None:
    async def shout(event: RecordEvent) -> None:
        event.record.set("title", str(event.record.get("title")).upper())
        await event.next()

    async def blot(event: events.RecordEnrichEvent) -> None:
        event.record.set("title", "?")
        await event.next()

    ctx.bus.on("onRecordCreate", shout)
    ctx.bus.on("onRecordEnrich", blot)
    shown = asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert shown["title"] == "?"
    assert titles(ctx) == ["A"]


def test_handlers_of_other_collections_are_not_called(ctx: Context, notes: Collection) -> None:
    heard: list[str] = []

    async def note(event: RecordEvent) -> None:
        heard.append(event.record.collection.name)
        await event.next()

    ctx.bus.on("onRecordCreate", note, frozenset({"users"}))
    asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert heard == []
    ctx.bus.on("onRecordCreate", note, frozenset({notes.id}))
    asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "b"}))
    assert heard == ["notes"]


def test_list_and_view_requests(ctx: Context, notes: Collection) -> None:
    made = asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    heard: list[str] = []
    listen(ctx, events.LIST_REQUEST + events.VIEW_REQUEST + events.ENRICH, heard)
    listed = asyncio.run(actions.list_records(ctx, notes, info_of(), actions.ListQuery()))
    viewed = asyncio.run(actions.view_record(ctx, notes, made["id"], info_of()))
    assert listed["items"] == [made]
    assert viewed == made
    assert heard == ["onRecordsListRequest", "onRecordEnrich", "onRecordViewRequest", "onRecordEnrich"]


def new_note(notes: Collection, title: str) -> Record:
    record = Record.new(notes)
    record.set("title", title)
    return record


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_saving_inside_a_handler(ctx: Context, notes: Collection, together: bool, fails: bool) -> None:
    """A record alone is stored when its handler goes on; a transaction is what keeps several together."""
    ended: list[str] = []

    async def along(event: RecordEvent) -> None:
        await event.next()
        if event.record.get("title") == "outer":
            await actions.save(event.context, new_note(notes, "inner"))
            if fails:
                raise forbidden()

    def note(mark: str) -> Callable[[RecordEvent], Awaitable[None]]:
        async def done(event: RecordEvent) -> None:
            assert event.context is ctx or mark == "-", "success is told when it is certain"
            ended.append(f"{mark}{event.record.get('title')}{'*' if event.context.data.in_transaction else ''}")
            await event.next()

        return done

    async def save() -> None:
        if not together:
            await actions.save(ctx, new_note(notes, "outer"))
            return
        async with transaction(ctx) as inner:
            await actions.save(inner, new_note(notes, "first"))
            await actions.save(inner, new_note(notes, "outer"))

    ctx.bus.on("onRecordCreate", along)
    ctx.bus.on("onRecordAfterCreateSuccess", note("+"))
    ctx.bus.on("onRecordAfterCreateError", note("-"))
    if fails:
        with pytest.raises(ApiError):
            asyncio.run(save())
    else:
        asyncio.run(save())
    assert (titles(ctx), ended) == {
        (False, False): (["outer", "inner"], ["+inner", "+outer"]),
        (False, True): (["outer", "inner"], ["+inner", "-outer"]),
        (True, False): (["first", "outer", "inner"], ["+first", "+inner", "+outer"]),
        (True, True): ([], ["-outer*", "-first", "-inner"]),
    }[together, fails]


def test_a_record_that_waits_for_a_handler_keeps_no_writer_waiting(ctx: Context, notes: Collection) -> None:
    async def scenario() -> list[str]:
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def linger(event: RecordEvent) -> None:
            if event.record.get("title") == "slow":
                inside.set()
                await go_on.wait()
            await event.next()

        ctx.bus.on("onRecordCreate", linger)
        slow = asyncio.create_task(actions.save(ctx, new_note(notes, "slow")))
        await inside.wait()
        await actions.save(ctx, new_note(notes, "quick"))
        go_on.set()
        await slow
        return titles(ctx)

    assert asyncio.run(scenario()) == ["quick", "slow"]


def test_a_unit_that_cannot_begin_lets_others_write(ctx: Context, notes: Collection) -> None:
    other = apsw.Connection(ctx.data.path)
    other.execute("BEGIN IMMEDIATE")
    ctx.data.connection.set_busy_timeout(1)
    with pytest.raises(apsw.BusyError):
        asyncio.run(actions.save(ctx, new_note(notes, "a")))
    other.execute("ROLLBACK")
    other.close()
    asyncio.run(actions.save(ctx, new_note(notes, "a")))
    assert titles(ctx) == ["a"]


def test_saving_without_the_api(ctx: Context, notes: Collection) -> None:
    record = new_note(notes, "much too long")
    with pytest.raises(ValidationErrors) as caught:
        asyncio.run(actions.save(ctx, record))
    assert set(caught.value.errors) == {"title"}
    asyncio.run(actions.save(ctx, record, validate=False))
    stored = store.find(ctx.data, notes, record.id)
    assert stored is not None
    assert stored.data == record.data
    assert not record.is_new


def test_a_failing_success_handler_is_no_failure_of_the_record(ctx: Context, notes: Collection) -> None:
    async def fail(event: Event) -> None:
        raise ApiError(400, "after the fact")

    heard: list[str] = []
    listen(ctx, events.CREATE.failure, heard)
    ctx.bus.on("onRecordAfterCreateSuccess", fail)
    with pytest.raises(ApiError):
        asyncio.run(actions.create_record(ctx, notes, info_of(), {"title": "a"}))
    assert titles(ctx) == ["a"], "it was committed before the handler ran"
    assert heard == []
