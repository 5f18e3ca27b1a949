"""What a deletion takes along, at sizes where recursion or quadratic work would show."""

import asyncio
from typing import Any

import pytest

from worker.context import Context
from worker.errors import ApiError
from worker.records import actions, events, store
from worker.records.events import RecordEvent
from worker.records.record import Record
from worker.schema.collection import Collection
from worker.unit import transaction

from .conftest import add_collection


@pytest.fixture
def tree(ctx: Context) -> Collection:
    return add_collection(
        ctx,
        "tree",
        {"name": "parent", "type": "relation", "collectionId": "pbc_tree", "cascadeDelete": True},
        {"name": "friend", "type": "relation", "collectionId": "pbc_tree"},
        {"name": "friends", "type": "relation", "collectionId": "pbc_tree", "maxSelect": 9},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
        indexes=["CREATE INDEX idx_parent ON tree (parent)"],
    )


def ident(number: int) -> str:
    return f"{number:015}"


def fill(ctx: Context, count: int, parent_of: "dict[int, int]") -> None:
    with ctx.data.transaction():
        for number in range(count):
            parent = ident(parent_of[number]) if number in parent_of else ""
            ctx.data.execute("INSERT INTO tree (id, parent) VALUES (?, ?)", (ident(number), parent))


def remove(ctx: Context, tree: Collection, number: int) -> None:
    record = store.find(ctx.data, tree, ident(number))
    assert record is not None
    asyncio.run(actions.remove(ctx, record))


def count(ctx: Context) -> int:
    return int(ctx.data.value("SELECT COUNT(*) FROM tree"))


def test_a_long_chain(ctx: Context, tree: Collection) -> None:
    fill(ctx, 1501, {number: number - 1 for number in range(1, 1500)})
    remove(ctx, tree, 0)
    assert count(ctx) == 1


def test_a_wide_family(ctx: Context, tree: Collection) -> None:
    fill(ctx, 1000, dict.fromkeys(range(1, 999), 0))
    remove(ctx, tree, 0)
    assert count(ctx) == 1


def test_a_cycle(ctx: Context, tree: Collection) -> None:
    fill(ctx, 4, {0: 2, 1: 0, 2: 1})
    remove(ctx, tree, 0)
    assert count(ctx) == 1


def test_a_record_that_is_its_own_parent(ctx: Context, tree: Collection) -> None:
    fill(ctx, 2, {0: 0})
    remove(ctx, tree, 0)
    assert count(ctx) == 1


@pytest.mark.parametrize("loud", [False, True])
def test_ids_are_taken_out(ctx: Context, tree: Collection, loud: bool) -> None:
    fill(ctx, 4, {})
    ctx.data.execute("UPDATE tree SET friend = ? WHERE id != ?", (ident(0), ident(0)))
    ctx.data.execute("UPDATE tree SET friends = json_array(?, ?)", (ident(0), ident(1)))
    heard: list[str] = []
    if loud:

        async def note(event: RecordEvent) -> None:
            heard.append(event.record.id)
            await event.next()

        ctx.bus.on("onRecordUpdate", note)
    remove(ctx, tree, 0)
    rows = ctx.data.all("SELECT friend, friends, updated <> '' FROM tree")
    assert rows == [("", f'["{ident(1)}"]', 1)] * 3
    assert set(heard) == ({ident(1), ident(2), ident(3)} if loud else set())


def test_cascaded_records_have_their_events(ctx: Context, tree: Collection) -> None:
    fill(ctx, 3, {1: 0, 2: 1})
    heard: list[str] = []

    async def note(event: RecordEvent) -> None:
        heard.append(event.record.id)
        await event.next()

    ctx.bus.on(events.DELETE.success[1], note)
    remove(ctx, tree, 0)
    assert heard == [ident(1), ident(2), ident(0)], "what it took along is certain first"


def test_removing_twice_is_harmless(ctx: Context, tree: Collection) -> None:
    fill(ctx, 1, {})
    record = Record.stored(tree, {"id": ident(0)})
    asyncio.run(actions.remove(ctx, record))
    asyncio.run(actions.remove(ctx, record))
    assert count(ctx) == 0


@pytest.mark.parametrize("heard", [False, True])
def test_two_superusers_deleted_at_the_same_time_leave_one(ctx: Context, heard: bool) -> None:
    """Both deletions begin while there are two, and wait for the same writer."""
    superusers = ctx.catalog.get("_superusers")
    assert superusers is not None

    async def passed_on(event: RecordEvent) -> None:
        await event.next()

    if heard:
        ctx.bus.on("onRecordDelete", passed_on)

    async def scenario() -> list[Any]:
        records = []
        for name in ("a", "b"):
            record = Record.new(superusers)
            record.set("email", f"{name}@example.com")
            record.set_password("1234567890")
            await actions.save(ctx, record)
            records.append(record)
        async with transaction(ctx):
            both = [asyncio.create_task(actions.remove(ctx, record)) for record in records]
            while ctx.writer.queued < len(both):
                await asyncio.sleep(0)
        return await asyncio.gather(*both, return_exceptions=True)

    done, refused = asyncio.run(scenario())
    assert done is None
    assert isinstance(refused, ApiError)
    assert refused.message == "You can't delete the only existing superuser."
    assert ctx.data.value("SELECT COUNT(*) FROM _superusers") == 1
