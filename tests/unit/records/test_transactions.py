"""Transactions that may wait: apart from everybody else, whole or not at all, and followed by what has to follow."""

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.context import Context
from worker.db.connection import Database
from worker.errors import ApiError, bad_request
from worker.lanes import Lanes
from worker.records import actions
from worker.records.record import Record
from worker.records.rules import check_rule
from worker.schema import sync
from worker.schema.collection import Collection
from worker.unit import WRITER_PATIENCE, Unit, follow, lock_writer, transaction

from .conftest import add_collection, find, info_of, open_context

# Counts for ten seconds or so, unless it is interrupted.
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 30000000"

# Takes a good part of a second, and counts what only the transaction sees.
COUNTED = SLOW.replace(
    "count(*) FROM n WHERE i < 30000000", "count(*) FROM (SELECT i FROM n LIMIT 1000000) WHERE i = 1000000"
)
COUNTED = f"SELECT ({COUNTED}) + (SELECT count(*) FROM notes) - 1"


@pytest.fixture
def notes(ctx: Context) -> Collection:
    return add_collection(
        ctx, "notes", {"name": "title", "type": "text"}, indexes=["CREATE UNIQUE INDEX idx_title ON notes (title)"]
    )


def titles(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.data.all("SELECT title FROM notes ORDER BY rowid")]


def new_note(notes: Collection, title: str) -> Record:
    record = Record.new(notes)
    record.set("title", title)
    return record


def new_collection(name: str) -> dict[str, Any]:
    return {"name": name, "fields": [{"name": "a", "type": "text"}]}


def test_all_or_nothing(ctx: Context, notes: Collection) -> None:
    async def together(*names: str) -> None:
        async with transaction(ctx) as inner:
            for name in names:
                await actions.create_record(inner, notes, info_of(), {"title": name})

    asyncio.run(together("a", "b"))
    with pytest.raises(ApiError):
        asyncio.run(together("c", "a"))
    assert titles(ctx) == ["a", "b"]
    asyncio.run(together("d"))
    assert titles(ctx) == ["a", "b", "d"]


def test_nobody_else_sees_what_is_not_committed(ctx: Context, notes: Collection) -> None:
    async def scenario() -> None:
        async with transaction(ctx) as inner:
            await actions.save(inner, new_note(notes, "a"))
            await sync.create_collection(inner, new_collection("later"), check_rule)
            await asyncio.sleep(0)
            assert titles(ctx) == []
            assert titles(inner) == ["a"]
            assert await ctx.lanes.read(ctx.data, lambda db: db.value("SELECT count(*) FROM notes")) == 0
            assert await inner.lanes.read(inner.data, lambda db: db.value("SELECT count(*) FROM notes")) == 1
            assert (ctx.catalog.get("later"), inner.catalog.get("later") is None) == (None, False)
        assert titles(ctx) == ["a"]
        assert ctx.catalog.get("later") is not None

    asyncio.run(scenario())


def test_a_rollback_leaves_the_context_alone(ctx: Context, notes: Collection) -> None:
    before = ctx.catalog, ctx.catalog.version, ctx.auth_epoch, ctx.settings, ctx.caches
    followed: list[object] = []

    async def after(_ctx: Context) -> None:
        followed.append("after")

    async def undone(ctx: Context, error: Exception) -> None:
        followed.append((ctx, str(error)))

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            await sync.create_collection(inner, new_collection("never"), check_rule)
            await actions.save(inner, new_note(notes, "never"))
            inner.settings = msgspec.structs.replace(inner.settings, superuser_ips=("1.2.3.4",))
            inner.caches["x"] = 1
            await follow(inner, after, undone)
            raise bad_request("no")

    with pytest.raises(ApiError):
        asyncio.run(scenario())
    now = ctx.catalog, ctx.catalog.version, ctx.auth_epoch, ctx.settings, ctx.caches
    assert all(one is other or one == other for one, other in zip(before, now, strict=True))
    assert ctx.catalog is before[0]
    assert followed == [(ctx, "No.")]
    assert titles(ctx) == []
    assert ctx.data.value("SELECT 1 FROM sqlite_master WHERE name = 'never'") is None


def test_a_commit_changes_the_context(ctx: Context, notes: Collection) -> None:
    users = ctx.catalog.get("users")
    assert users is not None
    epoch = ctx.auth_epoch

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            user = {"email": "a@example.com", "password": "12345678", "passwordConfirm": "12345678"}
            await actions.create_record(inner, users, info_of(), user)
            await sync.create_collection(inner, new_collection("made"), check_rule)
            inner.settings = msgspec.structs.replace(inner.settings, superuser_ips=("1.2.3.4",))
            assert ctx.auth_epoch == epoch

    asyncio.run(scenario())
    assert ctx.auth_epoch > epoch
    assert ctx.settings.superuser_ips == ("1.2.3.4",)
    assert ctx.catalog.get("made") is not None
    assert ctx.catalog.get("notes") is notes, "what did not change stays the same object"
    assert find(ctx, "users", "email", "a@example.com")


def test_writers_wait_for_each_other(ctx: Context, notes: Collection) -> None:
    async def scenario() -> list[str]:
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def slow(name: str) -> None:
            async with transaction(ctx) as inner:
                await actions.save(inner, new_note(notes, name))
                inside.set()
                await go_on.wait()

        first = asyncio.create_task(slow("first"))
        await inside.wait()
        second = asyncio.create_task(slow("second"))
        third = asyncio.create_task(actions.save(ctx, new_note(notes, "third")))
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in (first, second, third))
        assert titles(ctx) == []
        go_on.set()
        await asyncio.gather(first, second, third)
        return titles(ctx)

    assert asyncio.run(scenario()) == ["first", "second", "third"]


def test_nobody_in_the_queue_waits_for_ever(ctx: Context) -> None:
    """Not even who comes just after the lock was released, when it belongs to the next already."""
    ctx.data.write_limit_ns = 10_000_000

    async def scenario() -> None:
        go_on = asyncio.Event()

        async def hold() -> None:
            await lock_writer(ctx)
            await go_on.wait()
            ctx.writer.release()

        await ctx.writer.acquire()
        holding = asyncio.create_task(hold())
        while not ctx.writer.queued:
            await asyncio.sleep(0)
        ctx.writer.release()
        assert not ctx.writer.locked()
        async with asyncio.timeout(5):
            with pytest.raises(apsw.BusyError):
                await lock_writer(ctx)
        go_on.set()
        await holding
        assert ctx.writer.free

    asyncio.run(scenario())


def test_a_writer_does_not_wait_for_ever(ctx: Context, notes: Collection) -> None:
    ctx.data.write_limit_ns = 10_000_000

    async def scenario() -> None:
        async with transaction(ctx):
            async with asyncio.timeout(0.01 * WRITER_PATIENCE * 50):
                with pytest.raises(apsw.BusyError):
                    await actions.save(ctx, new_note(notes, "a"))
        await actions.save(ctx, new_note(notes, "b"))

    asyncio.run(scenario())
    assert titles(ctx) == ["b"]


@pytest.mark.parametrize("when", ["waiting for the writer", "inside", "reading in a thread"])
def test_a_cancelled_transaction_is_rolled_back(ctx: Context, notes: Collection, when: str) -> None:
    connections: list[apsw.Connection] = []

    async def scenario() -> None:
        inside = asyncio.Event()

        async def doomed() -> None:
            if when == "waiting for the writer":
                inside.set()
            async with transaction(ctx) as inner:
                connections.append(inner.data.connection)
                await actions.save(inner, new_note(notes, "never"))
                inside.set()
                if when == "inside":
                    await asyncio.Event().wait()
                await inner.lanes.read(inner.data, lambda db: db.value(SLOW))

        if when == "waiting for the writer":
            await ctx.writer.acquire()
        pooled = ctx.lanes.pooled
        task = asyncio.create_task(doomed())
        await inside.wait()
        if when == "reading in a thread":
            while ctx.lanes.pooled == pooled:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if when == "waiting for the writer":
            ctx.writer.release()
        assert not ctx.writer.locked()
        await actions.save(ctx, new_note(notes, "next"))

    asyncio.run(scenario())
    assert titles(ctx) == ["next"]
    for connection in connections:
        with pytest.raises(apsw.ConnectionClosedError):
            connection.get_autocommit()


def test_a_slow_read_inside_lets_others_run(ctx: Context, notes: Collection) -> None:
    async def scenario() -> None:
        async with transaction(ctx) as inner:
            await actions.save(inner, new_note(notes, "a"))
            reading = asyncio.create_task(inner.lanes.read(inner.data, lambda db: db.value(COUNTED)))
            turns = 0
            while not reading.done():
                await asyncio.sleep(0)
                turns += 1
            assert await reading == 1
            assert turns > 10

    asyncio.run(scenario())
    assert titles(ctx) == ["a"]


def test_a_dear_comparison_inside_is_left_to_a_thread(ctx: Context, notes: Collection) -> None:
    """Nothing looks at the clock inside of LIKE; what the limits stop on the loop is run all the same."""
    text, pattern = "a" * 5_000, f"%{'a' * 500}b"

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            pooled = inner.lanes.pooled
            for matched, expected in ((text, 0), (text + "b", 1)):
                found = await inner.lanes.read(
                    inner.data, lambda db, of=matched: db.value("SELECT ? LIKE ?", (of, pattern))
                )
                assert found == expected
            assert inner.lanes.pooled == pooled + 2
            # writes are not spared
            await actions.save(inner, new_note(notes, "long"))
            inner.data.value("SELECT ? LIKE ?", ("a", pattern))

    asyncio.run(scenario())
    assert titles(ctx) == ["long"]


def test_a_tenant_closed_meanwhile_commits_nothing(ctx: Context, notes: Collection, lanes: Any) -> None:
    other = open_context(ctx.directory, lanes)

    async def scenario() -> None:
        async with transaction(other) as inner:
            await actions.save(inner, new_note(notes, "never"))
            other.close()

    with pytest.raises(apsw.ConnectionClosedError):
        asyncio.run(scenario())
    assert titles(ctx) == []


def test_a_tenant_that_is_closed_ends_its_transaction(ctx: Context, notes: Collection, lanes: Any) -> None:
    """Also one that waits, for whatever it be: whoever opens the tenant next must be able to write."""
    other = open_context(ctx.directory, lanes)

    async def scenario() -> None:
        async def waiting() -> None:
            async with transaction(other) as inner:
                await actions.save(inner, new_note(notes, "never"))
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(waiting()) for _ in range(3)]
        while other.writer.queued < len(tasks) - 1:
            await asyncio.sleep(0)
        other.close()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in ended] == [apsw.ConnectionClosedError] * len(tasks)
        assert other.writer.free
        await actions.save(ctx, new_note(notes, "a"))

    asyncio.run(scenario())
    assert titles(ctx) == ["a"]


def test_no_transaction_inside_of_what_may_not_wait(ctx: Context) -> None:
    async def scenario() -> None:
        async with Unit(ctx), transaction(ctx):
            raise AssertionError("it would wait for itself")

    with pytest.raises(RuntimeError):
        asyncio.run(scenario())
    assert not ctx.writer.locked()


def test_a_limit_is_for_each_write_not_for_the_whole(ctx: Context, notes: Collection) -> None:
    ctx.data.write_limit_ns = 20_000_000

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            await actions.save(inner, new_note(notes, "a"))
            await asyncio.sleep(0.03)
            await actions.save(inner, new_note(notes, "b"))
            inner.data.value("SELECT count(*) FROM notes")
            with pytest.raises(apsw.InterruptError):
                async with Unit(inner):
                    inner.data.value(SLOW)

    asyncio.run(scenario())
    assert titles(ctx) == ["a", "b"]


@pytest.mark.parametrize("apart", [True, False])
def test_what_sqlite_rolled_back_by_itself_is_not_continued(ctx: Context, notes: Collection, apart: bool) -> None:
    """An interrupted write ends the whole transaction; what follows it must not be committed on its own."""
    endless = f"INSERT INTO notes (id, title) SELECT 'x' || i, i FROM ({SLOW.replace('count(*)', 'i')})"

    async def interrupted(inner: Context) -> None:
        if apart:
            inner.lanes._read_limit_ns = 10_000_000
            await inner.lanes.work(inner.data, lambda db: db.once(endless))
        else:
            inner.data.deadline_ns = 1
            inner.data.once(endless)

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            await actions.save(inner, new_note(notes, "a"))
            with pytest.raises(apsw.InterruptError):
                await interrupted(inner)
            inner.data.deadline_ns = 0
            await actions.save(inner, new_note(notes, "b"))
            assert titles(ctx) == []

    with pytest.raises(apsw.AbortError):
        asyncio.run(scenario())
    assert titles(ctx) == []
    assert ctx.writer.free


@pytest.mark.parametrize("fails", [False, True])
def test_every_step_follows_whatever_becomes_of_the_others(ctx: Context, fails: bool) -> None:
    done: list[int] = []

    async def step(number: int) -> None:
        done.append(number)
        if number < 2:
            raise KeyError(number)

    async def scenario() -> None:
        async with transaction(ctx) as inner:
            assert inner.unit is not None
            for number in range(3):
                inner.unit.after.append(lambda _ctx, number=number: step(number))
                inner.unit.undone.append(lambda _ctx, _error, number=number: step(number))
            if fails:
                raise Undone

    with pytest.raises(KeyError) as raised:
        asyncio.run(scenario())
    assert raised.value.args == (0,)
    assert done == [0, 1, 2]


# Programs of nested units and transactions, compared with what they mean.


class Undone(Exception):  # noqa: N818 - it only ends a part
    """A part of a program is to be rolled back."""


PROGRAMS = st.recursive(
    st.lists(st.sampled_from(["note", "taken", "collection", "login"]), max_size=3),
    lambda inner: st.lists(
        st.one_of(
            st.sampled_from(["note", "taken"]), st.tuples(st.sampled_from([Unit, transaction]), inner, st.booleans())
        ),
        max_size=3,
    ),
    max_leaves=8,
)


class Run:
    """Runs a program on a context and says what has to be there afterwards."""

    def __init__(self, outer: Context, notes: Collection) -> None:
        self.outer = outer
        self.notes = notes
        self.count = 0
        self.kept: list[str] = titles(outer)
        self.names = [collection.name for collection in outer.catalog.all()]
        self.told: list[str] = []

    def expected(self) -> tuple[list[str], list[str]]:
        return list(self.kept), list(self.names)

    async def steps(self, ctx: Context, program: list[Any]) -> None:
        for step in program:
            seen = self.seen_outside(ctx)
            self.count += 1
            name = f"n{self.count}"
            if step == "note":
                await actions.save(ctx, new_note(self.notes, name))
                self.kept.append(name)
                await follow(ctx, self.after(name), self.undone(name))
            elif step == "taken":
                with suppress(Exception):
                    await actions.save(ctx, new_note(self.notes, self.kept[0]))
            elif step == "collection":
                await sync.create_collection(ctx, new_collection(name), check_rule)
                self.names.append(name)
            elif step == "login":
                ctx.auth_epoch += 1
            else:
                await self.nested(ctx, *step)
            assert self.seen_outside(ctx) == seen
            assert titles(ctx) == self.kept
            assert [collection.name for collection in ctx.catalog.all()] == self.names

    async def nested(self, ctx: Context, kind: Any, program: list[Any], fails: bool) -> None:
        before = self.expected()
        epoch = ctx.auth_epoch
        with suppress(Undone):
            async with kind(ctx):
                await self.steps(ctx, program)
                if fails:
                    raise Undone
        if fails:
            self.kept, self.names = before
            assert ctx.auth_epoch >= epoch

    def seen_outside(self, ctx: Context) -> object:
        assert ctx is not self.outer
        outer = self.outer
        return titles(outer), len(outer.catalog), outer.catalog.version, outer.auth_epoch

    def after(self, name: str) -> Any:
        async def step(ctx: Context) -> None:
            assert ctx is self.outer
            self.told.append(f"+{name}")

        return step

    def undone(self, name: str) -> Any:
        async def step(_ctx: Context, _error: Exception) -> None:
            self.told.append(f"-{name}")

        return step


@pytest.fixture
def fresh(ctx: Context, notes: Collection, lanes: Lanes) -> Callable[[], contextlib.closing[Context]]:
    """Opens a copy of a tenant with one note."""
    ctx.data.execute("INSERT INTO notes (id, title) VALUES ('x', 'n0')")
    ctx.data.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    numbers = itertools.count()

    def opened() -> contextlib.closing[Context]:
        directory = ctx.directory / str(next(numbers))
        (directory / "pb_data").mkdir(parents=True)
        shutil.copy(ctx.pb_data / "data.db", directory / "pb_data" / "data.db")
        return contextlib.closing(open_context(directory, lanes))

    return opened


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=PROGRAMS, fails=st.booleans())
def test_programs(fresh: Callable[[], contextlib.closing[Context]], program: list[Any], fails: bool) -> None:
    with fresh() as ctx:
        notes = ctx.catalog.get("notes")
        assert notes is not None
        run = Run(ctx, notes)
        before = run.expected()

        async def whole() -> None:
            async with transaction(ctx) as inner:
                await run.steps(inner, program)
                if fails:
                    raise Undone

        with suppress(Undone):
            asyncio.run(whole())
        if fails:
            run.kept, run.names = before
        assert titles(ctx) == run.kept
        assert [collection.name for collection in ctx.catalog.all()] == run.names
        assert run.names == [row[0] for row in ctx.data.all("SELECT name FROM _collections ORDER BY rowid")]
        assert (ctx.writer.locked(), ctx.unit) == (False, None)
        assert len(run.told) == len({name[1:] for name in run.told}), "each is told once"
        assert [name[1:] for name in run.told if name[0] == "+"] == run.kept[1:]


def test_a_second_connection_is_not_left_open(ctx: Context, notes: Collection) -> None:
    opened: list[Database] = []

    async def scenario() -> None:
        for _ in range(3):
            async with transaction(ctx) as inner:
                opened.append(inner.data)

    asyncio.run(scenario())
    assert len({id(database) for database in opened}) == 3
    for database in opened:
        with pytest.raises(apsw.ConnectionClosedError):
            database.connection.get_autocommit()
