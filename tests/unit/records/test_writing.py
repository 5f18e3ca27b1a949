"""Writes of tenants whose schema makes them long: nobody else waits for them, and they end in time or leave nothing."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import apsw
import pytest

from supervisor.contract.plan import Plan
from worker.context import Context
from worker.db.burdens import Burden, burden_of
from worker.db.connection import Database
from worker.db.limits import WAL_PAGES
from worker.fair.account import Account
from worker.lanes import Lanes
from worker.lanes import lanes as lanes_module
from worker.lanes.apart import take_back
from worker.records import actions, store
from worker.records.record import Record
from worker.schema.collection import Collection
from worker.services.console import run_script
from worker.services.settingschange import save_settings
from worker.unit import Unit, take_back_soon, transaction
from worker.writing import write

from .conftest import add_collection, open_context

# Some 50 ms; nothing looks at the clock inside of LIKE.
TEXT = "(SELECT replace(hex(zeroblob(20000)), '00', 'a') AS x, replace(hex(zeroblob(900)), '00', 'a') || 'b' AS y)"
SEARCH = f"SELECT count(x LIKE '%' || y) FROM {TEXT}"
JOINED = "SELECT count(*) FROM many a, many b, many c, many d WHERE a.n + b.n + c.n + d.n > NEW.rowid"
# Some 100 ms.
LONG_SUM = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 600000) SELECT sum(i) FROM n"
# What the loop's thread may do in one go; a busy machine counts more CPU than there was.
HELD_S = 0.15


@pytest.fixture
def notes(ctx: Context) -> Collection:
    ctx.data.account = ctx.account = Account("test", Plan())
    return add_collection(ctx, "notes", {"name": "title", "type": "text"})


def titles(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.data.all("SELECT title FROM notes ORDER BY rowid")]


def new_note(notes: Collection, title: str) -> Record:
    record = Record.new(notes)
    record.set("title", title)
    return record


def declare(ctx: Context, *statements: str) -> None:
    """Change the schema as nobody does it but by SQL."""
    for statement in statements:
        ctx.data.execute(statement)
    ctx.catalog.reload(ctx.data)


def endless(ctx: Context, event: str) -> None:
    """A trigger that takes as long as it may, whenever `event` happens."""
    body = JOINED.replace("NEW.", "OLD.") if "DELETE" in event else JOINED
    declare(
        ctx,
        "CREATE TABLE many (n INTEGER)",
        "INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n",
        f"CREATE TRIGGER endless {event} BEGIN {body}; END",
    )


async def longest_go(work: Awaitable[Any]) -> tuple[Any, float]:
    """What `work` raised or answered, and the most CPU of the loop's thread in one go meanwhile."""
    task = asyncio.ensure_future(work)
    longest, last = 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return task.exception() or task.result(), longest


def test_ordinary_writes_stay_on_the_loop(ctx: Context, notes: Collection, lanes: Lanes) -> None:
    asyncio.run(actions.save(ctx, new_note(notes, "a")))
    assert lanes.pooled == 0
    assert ctx.data.burden == Burden()
    assert titles(ctx) == ["a"]


@pytest.mark.parametrize(
    ("statement", "burden"),
    [
        ("CREATE INDEX i ON notes (lower(title)) WHERE title != 'like'", Burden()),
        ('CREATE TABLE x (`like` TEXT, "glob" TEXT, [a like] TEXT, likes INTEGER)', Burden()),
        ("CREATE VIEW v AS SELECT * FROM notes WHERE title LIKE '%a%'", Burden(reads=True)),
        ("CREATE INDEX i ON notes (title LIKE '%a%b%')", Burden(writes=True)),
        ("CREATE INDEX i ON notes (title) WHERE title like '%a%'", Burden(writes=True)),
        ("CREATE TABLE x (a TEXT, b AS (a GLOB '*b*'))", Burden(reads=True, writes=True)),
        ("CREATE TABLE x (a TEXT CHECK (\"like\"('%b', a)))", Burden(reads=True, writes=True)),
        ("CREATE TABLE x (a TEXT CHECK (`glob` ('*b', a)))", Burden(reads=True, writes=True)),
        ("CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END", Burden(writes=True)),
    ],
)
def test_what_a_schema_adds(ctx: Context, notes: Collection, statement: str, burden: Burden) -> None:
    assert burden_of(ctx.data) == Burden()
    ctx.data.execute(statement)
    ctx.catalog.reload(ctx.data)
    assert ctx.data.burden == burden


def test_the_console_brings_one_in_and_takes_it_away(ctx: Context, notes: Collection, lanes: Lanes) -> None:
    async def scenario() -> None:
        for pooled, script in (
            (1, "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END"),
            (1, "DROP TRIGGER t"),
        ):
            await run_script(ctx, script)
            await actions.save(ctx, new_note(notes, script))
            assert lanes.pooled == pooled

    asyncio.run(scenario())
    assert len(titles(ctx)) == 2
    assert ctx.account is not None
    assert ctx.account.child_ns > 10_000_000


Action = Callable[[Context, Collection, Record], Awaitable[Any]]


async def insert(ctx: Context, notes: Collection, stored: Record) -> None:
    await actions.save(ctx, new_note(notes, "never"))


async def update(ctx: Context, notes: Collection, stored: Record) -> None:
    record = Record.stored(notes, dict(stored.data))
    record.set("title", "never")
    await actions.save(ctx, record)


async def delete(ctx: Context, notes: Collection, stored: Record) -> None:
    await actions.remove(ctx, stored)


async def inside(ctx: Context, notes: Collection, stored: Record) -> None:
    async with transaction(ctx) as inner:
        await actions.save(inner, new_note(notes, "never"))


async def settings(ctx: Context, notes: Collection, stored: Record) -> None:
    await save_settings(ctx, lambda settings: settings)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("AFTER INSERT ON notes", insert),
        ("BEFORE UPDATE ON notes", update),
        ("AFTER DELETE ON notes", delete),
        ("AFTER INSERT ON notes", inside),
        ("AFTER UPDATE ON _params", settings),
    ],
)
def test_an_endless_trigger_holds_nobody(
    ctx: Context, notes: Collection, lanes: Lanes, event: str, action: Action
) -> None:
    told: list[tuple[str, str, str]] = []
    lanes.tell = lambda *event: told.append(event)
    ctx.data.write_limit_ns = 200_000_000

    async def scenario() -> None:
        await actions.save(ctx, new_note(notes, "a"))
        stored = store.find(ctx.data, notes, ctx.data.value("SELECT id FROM notes"))
        assert stored is not None
        endless(ctx, event)
        failure, longest = await longest_go(action(ctx, notes, stored))
        assert isinstance(failure, apsw.InterruptError), failure
        assert "a write took longer than 0.2 s" in str(failure)
        assert longest < HELD_S

    asyncio.run(scenario())
    assert titles(ctx) == ["a"]
    assert ctx.writer.free
    assert ctx.account is not None
    assert ctx.account.cut == 1
    assert [event[:2] for event in told] == [("cut", "test")]
    ctx.data.once("DROP TRIGGER endless")
    ctx.catalog.reload(ctx.data)
    asyncio.run(actions.save(ctx, new_note(notes, "b")))
    assert titles(ctx) == ["a", "b"]


def test_a_search_within_a_trigger_holds_nobody(ctx: Context, notes: Collection) -> None:
    """Nothing interrupts one LIKE, so its length is bounded; what is within that is written all the same."""
    body = f"UPDATE notes SET title = ({SEARCH}) WHERE rowid = NEW.rowid"
    declare(ctx, f"CREATE TRIGGER search AFTER INSERT ON notes BEGIN {body}; END")
    result, longest = asyncio.run(longest_go(actions.save(ctx, new_note(notes, "a"))))
    assert result is None
    assert longest < HELD_S
    assert titles(ctx) == ["1"]


def test_a_long_deletion_goes_to_a_thread(ctx: Context, lanes: Lanes) -> None:
    """Nothing in the schema tells: a record to which many refer by a column without an index."""
    lanes._budget_ns = 1_000_000
    topics = add_collection(ctx, "topics", {"name": "title", "type": "text"})
    relation = {"name": "topic", "type": "relation", "collectionId": topics.id, "maxSelect": 1}
    add_collection(ctx, "posts", relation)
    for identifier in ("first", "other"):
        ctx.data.once("INSERT INTO topics (id, title) VALUES (?, '')", (identifier,))
    ctx.data.once(
        "INSERT INTO posts (id, topic) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
        " SELECT 'post' || i, 'other' FROM n"
    )
    record = store.find(ctx.data, topics, "first")
    assert record is not None
    result, longest = asyncio.run(longest_go(actions.remove(ctx, record)))
    assert result is None
    assert lanes.pooled == 1
    assert longest < HELD_S
    assert ctx.data.all("SELECT id FROM topics") == [("other",)]
    assert ctx.data.write_pace is not None


def test_a_cancelled_write_leaves_nothing(ctx: Context, notes: Collection, lanes: Lanes) -> None:
    endless(ctx, "AFTER INSERT ON notes")

    async def scenario() -> None:
        task = asyncio.create_task(actions.save(ctx, new_note(notes, "never")))
        while not lanes._reads.running:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ctx.writer.free
        assert not lanes._reads.running

    asyncio.run(scenario())
    assert titles(ctx) == []
    other = Database(ctx.data.path)
    with other.transaction():
        other.execute("DROP TRIGGER endless")
    other.close()


def test_the_write_ahead_log_is_taken_back_by_a_thread(ctx: Context, notes: Collection, lanes: Lanes) -> None:
    """Also where the writer is never idle for long, and inside of one transaction."""
    log = ctx.pb_data / "data.db-wal"
    taken_by: list[str] = []

    def noted(path: str) -> None:
        taken_by.append(threading.current_thread().name)
        take_back(path)

    async def scenario() -> None:
        number = 0
        while len(taken_by) < 3:
            async with Unit(ctx):
                for _ in range(100):
                    number += 1
                    ctx.data.execute("INSERT INTO notes (id, title) VALUES (?, ?)", (f"n{number}", "x" * 1000))
            await asyncio.sleep(0)
        async with transaction(ctx) as inner:
            inner.data.execute("INSERT INTO notes (id, title) VALUES ('big', ?)", ("x" * 4_000_000,))
        assert ctx.data.wal_pages >= WAL_PAGES
        while ctx.data.wal_task is not None:
            await asyncio.sleep(0.001)
        assert ctx.data.wal_pages == 0
        assert ctx.writer.free
        await actions.save(ctx, new_note(notes, "last"))
        assert 0 < ctx.data.wal_pages < 100, "a new one was begun"
        assert ctx.data.value("SELECT count(*) FROM notes") == number + 2

    with patch.object(lanes_module, "take_back", noted):
        asyncio.run(scenario())
    assert all(name.startswith("disk") for name in taken_by)
    assert log.stat().st_size < 30_000_000


def test_a_closed_tenants_log_is_left_alone(ctx: Context, notes: Collection, lanes: Lanes) -> None:
    other = open_context(ctx.directory, lanes)

    async def scenario() -> None:
        take_back_soon(other)
        other.close()
        while other.data.wal_task is not None:
            await asyncio.sleep(0)
        assert other.writer.free

    with patch.object(lanes_module, "take_back") as taken:
        asyncio.run(scenario())
    assert not taken.called


def test_a_long_deletion_inside_of_a_transaction_holds_nobody(ctx: Context, lanes: Lanes) -> None:
    """It can't be tried there: whatever may search for who refers to the record does so in a thread."""
    topics = add_collection(ctx, "topics", {"name": "title", "type": "text"})
    relation = {"name": "topics", "type": "relation", "collectionId": topics.id, "maxSelect": 9}
    add_collection(ctx, "posts", relation)
    for identifier in ("first", "second", "other"):
        ctx.data.once("INSERT INTO topics (id, title) VALUES (?, '')", (identifier,))
    ctx.data.once(
        "INSERT INTO posts (id, topics) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000)"
        " SELECT 'post' || i, '[\"other\",\"other\"]' FROM n"
    )

    async def both() -> None:
        async with transaction(ctx) as inner:
            for identifier in ("first", "second"):
                record = store.find(inner.data, topics, identifier)
                assert record is not None
                await actions.remove(inner, record)

    result, longest = asyncio.run(longest_go(both()))
    assert result is None
    assert lanes.pooled == 2
    assert longest < HELD_S
    assert ctx.data.all("SELECT id FROM topics") == [("other",)]


def test_a_slow_part_sends_the_next_ones_to_a_thread_until_many_were_quick(
    ctx: Context, notes: Collection, lanes: Lanes
) -> None:
    slow = f"UPDATE notes SET title = ({LONG_SUM})"

    async def scenario() -> None:
        async with transaction(ctx) as inner:

            async def part(inner: Context) -> None:
                inner.data.once(slow)

            await actions.save(inner, new_note(notes, "a"))
            await write(inner, part)
            assert lanes.pooled == 0
            for number in range(100):
                await actions.save(inner, new_note(notes, str(number)))
        assert 0 < lanes.pooled < 100
        assert ctx.data.write_pace is None

    asyncio.run(scenario())
    assert len(titles(ctx)) == 101


def test_what_follows_a_write_never_has_it_written_again(ctx: Context, notes: Collection) -> None:
    tries: list[str] = []

    async def body(ctx: Context) -> None:
        tries.append("body")
        ctx.data.execute("INSERT INTO notes (id, title) VALUES (?, 'a')", (f"n{len(tries)}",))

        async def follow(_: Context) -> None:
            raise apsw.InterruptError("of something else")

        unit = ctx.unit
        assert unit is not None
        unit.after.append(follow)

    with pytest.raises(apsw.InterruptError, match="of something else"):
        asyncio.run(write(ctx, body))
    assert tries == ["body"]
    assert titles(ctx) == ["a"]
