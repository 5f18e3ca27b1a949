"""Emptying a collection: what goes with its records, what keeps them, and that nobody has to wait for it."""

import asyncio

import pytest

from worker.context import Context
from worker.errors import ApiError
from worker.records import events
from worker.records.events import RecordEvent
from worker.records.truncation import REFUSED, truncate
from worker.schema import binding
from worker.schema.collection import Collection
from worker.sql import quote

from .conftest import add_collection

PARENT = {"type": "relation", "collectionId": "pbc_p"}
UPDATED = {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True}
# Of the event loop while others work: one that has to wait for them gets two or three.
TURNS_MIN = 50


def ident(number: int) -> str:
    return f"{number:015}"


def fill(ctx: Context, name: str, rows: int, relation: str = "", first: int = 0) -> None:
    columns = f"id, {quote(relation)}" if relation else "id"
    marks = "?, ?" if relation else "?"
    with ctx.data.transaction():
        for number in range(first, first + rows):
            values = (ident(number), ident(number)) if relation else (ident(number),)
            ctx.data.execute(f"INSERT INTO {quote(name)} ({columns}) VALUES ({marks})", values)


def count(ctx: Context, name: str) -> int:
    rows: int = ctx.data.value(f"SELECT count(*) FROM {quote(name)}")
    return rows


@pytest.fixture
def parents(ctx: Context) -> Collection:
    return add_collection(ctx, "p", {"name": "t", "type": "text"})


def test_single_relations_lose_their_ids(ctx: Context, parents: Collection) -> None:
    add_collection(ctx, "c", {"name": "r", **PARENT}, UPDATED)
    fill(ctx, "p", 3)
    fill(ctx, "c", 2, "r", first=2)  # the second one refers to nothing that is there
    asyncio.run(truncate(ctx, parents))
    assert count(ctx, "p") == 0
    rows = ctx.data.all("SELECT id, r, updated != '' FROM c ORDER BY id")
    assert rows == [(ident(2), "", 1), (ident(3), ident(3), 0)]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"cascadeDelete": True}, []),
        ({"cascadeDelete": True, "required": True}, []),
        ({"maxSelect": 5}, [("x", "[]")]),
        ({"maxSelect": 5, "cascadeDelete": True}, []),
    ],
)
def test_cascades(ctx: Context, parents: Collection, options: dict[str, object], left: list[tuple[str, str]]) -> None:
    add_collection(ctx, "c", {"name": "r", **PARENT, **options})
    fill(ctx, "p", 3)
    value = f'["{ident(0)}","{ident(2)}"]' if "maxSelect" in options else ident(1)
    ctx.data.execute("INSERT INTO c (id, r) VALUES ('x', ?)", (value,))
    asyncio.run(truncate(ctx, parents))
    assert count(ctx, "p") == 0
    assert ctx.data.all("SELECT id, r FROM c") == left


def test_a_required_reference_keeps_everything(ctx: Context, parents: Collection) -> None:
    add_collection(ctx, "plain", {"name": "r", **PARENT})
    add_collection(ctx, "needing", {"name": "r", **PARENT, "required": True})
    fill(ctx, "p", 300)
    fill(ctx, "plain", 300, "r")
    fill(ctx, "needing", 1, "r", first=299)
    with pytest.raises(ApiError) as caught:
        asyncio.run(truncate(ctx, parents))
    assert (caught.value.status, caught.value.message) == (400, REFUSED)
    assert count(ctx, "p") == 300
    assert ctx.data.value("SELECT count(*) FROM plain WHERE r != ''") == 300


@pytest.mark.parametrize(("required", "kept"), [(False, 0), (True, 2)])
def test_references_to_itself(ctx: Context, required: bool, kept: int) -> None:
    ring = add_collection(
        ctx, "ring", {"name": "r", "type": "relation", "collectionId": "pbc_ring", "required": required}
    )
    ctx.data.execute("INSERT INTO ring (id, r) VALUES ('a', 'b'), ('b', 'a')")
    if kept:
        with pytest.raises(ApiError, match="Failed to truncate"):
            asyncio.run(truncate(ctx, ring))
    else:
        asyncio.run(truncate(ctx, ring))
    assert count(ctx, "ring") == kept


def test_a_chain_of_itself_goes_once(ctx: Context) -> None:
    chain = add_collection(
        ctx,
        "chain",
        {"name": "r", "type": "relation", "collectionId": "pbc_chain", "required": True, "cascadeDelete": True},
    )
    with ctx.data.transaction():
        for number in range(500):
            ctx.data.execute("INSERT INTO chain (id, r) VALUES (?, ?)", (ident(number), ident(max(0, number - 1))))
    heard: list[str] = []

    async def note(event: RecordEvent) -> None:
        heard.append(event.record.id)
        await event.next()

    ctx.bus.on("onRecordDelete", note)
    asyncio.run(truncate(ctx, chain))
    assert count(ctx, "chain") == 0
    assert sorted(heard) == [ident(number) for number in range(500)]


def test_the_last_superuser_stays(ctx: Context) -> None:
    superusers = ctx.catalog.get("_superusers")
    assert superusers is not None
    for name in ("a", "b"):
        ctx.data.execute("INSERT INTO _superusers (id, email, tokenKey) VALUES (?, ?, ?)", (name, name, name))
    with pytest.raises(ApiError, match="Failed to truncate"):
        asyncio.run(truncate(ctx, superusers))
    assert count(ctx, "_superusers") == 2


def test_a_view_has_nothing_of_its_own(ctx: Context) -> None:
    view = binding.new_draft("view", "v").build()
    with pytest.raises(ApiError, match="View collections cannot be truncated"):
        asyncio.run(truncate(ctx, view))


def test_logins_end(ctx: Context) -> None:
    users = ctx.catalog.get("users")
    assert users is not None
    fill(ctx, "users", 1)
    for owner in ((users.id, ident(0)), (users.id, "gone"), ("other", ident(0))):
        row = (f"{owner[0]}{owner[1]}", *owner, "x")
        ctx.data.execute(
            "INSERT INTO _authOrigins (id, collectionRef, recordRef, fingerprint) VALUES (?, ?, ?, ?)", row
        )
    epoch = ctx.auth_epoch
    asyncio.run(truncate(ctx, users))
    assert ctx.auth_epoch != epoch, "who was logged in is asked again"
    assert count(ctx, "users") == 0
    assert ctx.data.value("SELECT count(*) FROM _authOrigins") == 2


@pytest.mark.parametrize("kind", ["plain", "many"])
def test_others_are_served_meanwhile(ctx: Context, parents: Collection, kind: str) -> None:
    add_collection(ctx, "c", {"name": "r", **PARENT, **({"maxSelect": 2} if kind == "many" else {})})
    if kind == "many":  # each deletion looks through all of these
        fill(ctx, "p", 200)
        with ctx.data.transaction():
            for number in range(4000):
                ctx.data.execute('INSERT INTO c (id, r) VALUES (?, \'["x","y"]\')', (ident(number),))
    else:
        fill(ctx, "p", 100_000)

    async def both() -> int:
        work = asyncio.create_task(truncate(ctx, parents))
        turns = 0
        while not work.done():
            await asyncio.sleep(0)
            turns += 1
        await work
        return turns

    assert asyncio.run(both()) > TURNS_MIN, "the loop had its turns while the work was done"
    assert count(ctx, "p") == 0


def test_one_that_is_cancelled_is_no_truncation(ctx: Context, parents: Collection) -> None:
    fill(ctx, "p", 1000)

    async def slow(event: RecordEvent) -> None:
        await asyncio.sleep(0)
        await event.next()

    async def cancelled() -> None:
        ctx.bus.on("onRecordDelete", slow)
        work = asyncio.create_task(truncate(ctx, parents))
        for _ in range(20):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    assert count(ctx, "p") == 1000
    assert not ctx.writer.locked()


def test_every_record_has_its_events(ctx: Context, parents: Collection) -> None:
    fill(ctx, "p", 450)
    heard: list[str] = []

    async def note(event: RecordEvent) -> None:
        heard.append(event.record.id)
        await event.next()

    ctx.bus.on(events.DELETE.success[0], note)
    asyncio.run(truncate(ctx, parents))
    assert heard == [ident(number) for number in range(450)]
