"""What runs of a tenant's scripts while the tenant is opened, closed, handed over or cut off: nothing waits long."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from supervisor.contract.messages import Call, Expect, Release, Scheduled, TenantPut
from supervisor.contract.settings import Settings
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.hooks.test_scripts import World
from worker.crons import Crons, begin
from worker.errors import ApiError
from worker.hooks import automigrate, migrations
from worker.hooks.jobs import jobs_of
from worker.records.actions import remove
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.services.logrows import ERROR, Note

LONG = 'cronAdd("long", "0 0 1 1 *", () => { $os.writeFile("/pb_data/life", "began"); sleep(250000) })\n'
NOTES = """
migrate((app) => {
    app.save(new Collection({type: "base", name: "notes", fields: [{name: "title", type: "text"}]}))
}, (app) => app.delete(app.findCollectionByNameOrId("notes")))
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def job(ctx: Any, name: str) -> Any:
    return next(job for job in jobs_of(ctx) if job.id == name)


async def began(world: World, name: str) -> Any:
    """The tenant, with its long job under way."""
    context: Any = await world.started(name)
    begin(context, job(context, "long"))
    while world.life(name) != "began":
        await asyncio.sleep(0.01)
    return context


def migration(world: World, name: str, file: str, source: str) -> None:
    folder = world.tenants.directory(name) / "pb_migrations"
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(source)


def test_what_a_run_has_begun_is_no_part_of_it(world: World) -> None:
    """A task inherits the run in which it was made; what happens in it later is not for that run's process."""
    migration(world, "a", "1_notes.js", NOTES)
    world.hooks("a", "onRecordDelete((e) => { $app.store().set(e.record.id, 1); e.next() })")

    async def delete(ctx: Any, row: str) -> None:
        collection = ctx.catalog.get("notes")
        ctx.data.execute("INSERT INTO notes (id, title) VALUES (?, 'x')", (row,))
        plan = plan_of(collection)
        stored = ctx.data.all(f"SELECT {plan.columns} FROM {plan.table} WHERE id = ?", (row,))
        await remove(ctx, Record.stored(collection, plan.values(stored[0])))

    async def work() -> None:
        context: Any = await world.started("a")
        loop = asyncio.get_running_loop()
        async with context.hooks.session() as session:
            inherited = session._context
            await loop.create_task(delete(context, "a" * 15), context=inherited)  # while the run lasts
            assert context.hooks.children.count == 2
        assert not session.hosting
        await loop.create_task(delete(context, "b" * 15), context=inherited)
        assert [name[0] for name, _ in context.hooks.extras["store"].items()] == ["a", "b"]
        with pytest.raises(ApiError):
            await session.run("job", {})
        session.end(ApiError(500))  # somebody else may have its process by now
        assert context.hooks.children.count == 2

    world.run(work)


def test_a_closed_tenant_ends_its_runs_at_once(world: World) -> None:
    world.hooks("a", LONG)

    async def work() -> None:
        context = await began(world, "a")
        assert context.busy == 1
        world.tenants.close("a")  # as when it is suspended, and requests have had their time
        while context.busy:
            await asyncio.sleep(0.01)
        while world.tenants.scripts.processes.count:
            await asyncio.sleep(0.01)
        assert not world.open_files("a")

    world.run(work)


def test_a_hand_over_cuts_off_what_scripts_still_run(world: World) -> None:
    """The supervisor kills a worker that does not let go."""
    world.hooks("a", LONG + 'onTerminate((e) => { $os.writeFile("/pb_data/life", "word"); e.next() })')

    async def work() -> None:
        context = await began(world, "a")
        assert (await world.handover.answer(Release(1, "a", 1, 0.05))).ok
        assert context.busy == 0
        assert world.life("a") == "word"
        assert not world.open_files("a")

    world.run(work)


def test_who_waits_for_a_process_is_cut_off_too(world: World) -> None:
    world.hooks("a", LONG)

    async def work() -> None:
        context = await began(world, "a")
        for _ in range(3):
            begin(context, job(context, "long"))
        await asyncio.sleep(0.05)
        assert (await world.handover.answer(Release(1, "a", 1, 0.0))).ok
        assert context.busy == 0

    world.run(work)


def test_an_abandoned_run_leaves_nothing_behind(world: World) -> None:
    world.hooks("a", LONG)

    async def work() -> None:
        context: Any = await world.started("a")
        task = asyncio.ensure_future(job(context, "long").run(context))
        while world.life("a") != "began":
            await asyncio.sleep(0.01)
        for _ in range(3):  # by its client, by a limit, by a hand-over: all at once
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        processes = world.tenants.scripts.processes
        while processes.count:
            await asyncio.sleep(0.01)
        assert not processes._busy
        assert not processes._idle

    world.run(work)


def test_a_script_runs_its_own_job_on_its_own_process(tmp_path: Path) -> None:
    plans = msgspec.convert({"data": str(tmp_path), "plans": {"default": {"js_processes": 1}}}, Settings).plans
    world = World(tmp_path, plans=plans)
    world.hooks(
        "a",
        'cronAdd("inner", "@yearly", () => { $os.writeFile("/pb_data/life", "inner") })\n'
        'cronAdd("outer", "@yearly", () => { $app.cron().jobs().find((each) => each.id() == "inner").run() })',
    )

    async def work() -> None:
        context: Any = await world.started("a")
        await job(context, "outer").run(context)
        assert world.life("a") == "inner"

    world.run(work)


def test_schedules_made_at_bootstrap_wake_as_well(world: World) -> None:
    world.hooks(
        "a",
        'cronAdd("a", "1 1 * * *", () => {})\ncronAdd("gone", "2 2 * * *", () => {})\n'
        'onBootstrap((e) => { e.next(); cronAdd("b", "3 3 * * *", () => {}); cronRemove("gone") })',
    )
    crons = Crons(world.tenants, world.told.append)
    world.tenants.scripts.on_change.append(crons.note)

    async def work() -> None:
        await world.started("a")
        assert [told for told in world.told if isinstance(told, Scheduled)] == [
            Scheduled("a", ("1 1 * * *", "3 3 * * *"))
        ]

    world.run(work)


@pytest.mark.parametrize("before", [TenantState.CREATING, TenantState.SUSPENDED, TenantState.FAILED])
def test_who_begins_to_serve_is_opened_once_for_its_schedules(world: World, before: TenantState) -> None:
    for name in "ab":
        world.directory.put(Tenant(name, before))
    world.hooks("a", 'cronAdd("a", "1 1 * * *", () => {})')
    crons = Crons(world.tenants, world.told.append)
    world.tenants.scripts.on_change.append(crons.note)

    async def work() -> None:
        for name in "ab":
            assert (await world.orders.answer(TenantPut(1, Tenant(name, TenantState.ACTIVE)))).ok
        while Scheduled("a", ("1 1 * * *",)) not in world.told:
            await asyncio.sleep(0.01)
        while world.orders._starts:
            await asyncio.sleep(0.01)
        assert world.live() == ["a"]
        # what changes later is no reason to open anybody
        await world.closed("a")
        assert (await world.orders.answer(TenantPut(1, Tenant("a", TenantState.ACTIVE, crons=("1 1 * * *",))))).ok
        assert not world.orders._starts

    world.run(work)


def test_nobody_elses_tenant_is_opened_for_its_schedules(world: World) -> None:
    world.directory.put(Tenant("a", TenantState.SUSPENDED))
    world.hooks("a", 'cronAdd("a", "1 1 * * *", () => {})')

    async def work() -> None:
        await world.handover.answer(Expect(1, "a"))
        world.ownership.expected.add("a")
        await world.orders.answer(TenantPut(1, Tenant("a", TenantState.ACTIVE)))
        assert not world.orders._starts
        assert world.live() == []

    world.run(work)


# -- migrations --------------------------------------------------------------------------------------------------------


def test_a_mended_migration_is_tried_again(world: World) -> None:
    migration(world, "a", "1_notes.js", 'migrate((app) => { throw new Error("not yet") })')

    async def work() -> None:
        context: Any = world.open("a")
        with pytest.raises(ApiError) as raised:
            await context.starting
        assert "failed to apply migration 1_notes.js" in str(raised.value.cause)
        assert "not yet" in str(raised.value.cause)
        live = world.tenants.scripts.live("a")
        assert live is not None
        assert live.retry_at < float("inf")
        migration(world, "a", "1_notes.js", NOTES)
        live.retry_at = 0.0
        assert await world.look("a") == ""
        assert context.starting is None
        assert context.catalog.get("notes") is not None

    world.run(work)


def test_two_operators_apply_a_migration_once(world: World) -> None:
    async def work() -> None:
        context: Any = await world.started("a")
        migration(world, "a", "1_notes.js", NOTES)
        first, second = await asyncio.gather(*(world.orders.answer(Call(n, "migrate.up", "a")) for n in (1, 2)))
        assert (first.ok, second.ok) == (True, True), (first.error, second.error)
        assert sorted([first.value, second.value]) == [[], ["1_notes.js"]]
        assert migrations.pending(context) == []

    world.run(work)


def test_who_starts_is_not_closed_for_want_of_requests(world: World) -> None:
    migration(world, "a", "1_notes.js", NOTES.replace("app.save", "sleep(500); app.save"))

    async def work() -> None:
        context: Any = world.open("a")  # and its request has gone
        starting = context.starting
        world.hibernation.beat(1e9)
        for name in "bc":  # two may be open at a time
            world.open(name)
        world.tenants.make_room()
        assert "a" in world.live()
        await starting
        assert context.catalog.get("notes") is not None
        world.hibernation.beat(2e9)
        assert "a" not in world.live()

    world.run(work)


def test_files_of_changes_are_applied_in_the_order_of_the_changes(world: World) -> None:
    async def work() -> None:
        context: Any = await world.started("a")
        names = [f"c{number:02}" for number in range(12, 0, -1)]
        made = [{"id": f"pbc_{name}", "name": name, "type": "base", "fields": []} for name in names]
        await asyncio.gather(*(automigrate.keep(context, None, each) for each in made))
        folder = world.tenants.directory("a") / "pb_migrations"
        found = [re.sub(r"^[0-9]+_created_|\.js$", "", path.name) for path in sorted(folder.iterdir())]
        assert migrations.pending(context) == []
        assert found == names

    world.run(work)


def test_no_migration_is_written_outside_of_the_tenants_directory(world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (world.tenants.directory("a") / "pb_migrations").symlink_to(tmp_path / "elsewhere")

    async def work() -> None:
        context: Any = await world.started("a")
        await automigrate.keep(context, None, {"id": "x", "name": "x", "type": "base", "fields": []})
        assert list((tmp_path / "elsewhere").iterdir()) == []

    world.run(work)


# -- the end -----------------------------------------------------------------------------------------------------------


def test_the_end_of_the_worker_does_not_wait_for_scripts(world: World) -> None:
    """What a tenant's scripts do with their last word leaves time to write its log."""
    world.hooks("a", 'onTerminate((e) => { $os.writeFile("/pb_data/life", "word"); sleep(60000); e.next() })')

    async def work() -> None:
        context: Any = await world.started("a")
        context.logs.note(Note(time.time_ns() // 1_000_000, ERROR, "kept", b"{}"))
        await world.tenants.close_all(1.0)
        assert len(world.tenants.closer) == 0

    world.run(work)
    assert world.life("a") == "word"
    connection = apsw.Connection(str(world.tenants.directory("a") / "pb_data" / "auxiliary.db"))
    assert ("kept",) in connection.execute("SELECT message FROM _logs").fetchall()
