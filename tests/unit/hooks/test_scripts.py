"""A worker's scripts without a wire: opening, reloading and closing tenants, with real sandbox processes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from supervisor.contract.settings import Settings
from tests.unit.core.shard import Shard
from worker.context import Context
from worker.errors import ApiError
from worker.hooks import loader
from worker.hooks.reload import Watch
from worker.hooks.report import check, listed

LIFE = """
onBootstrap((e) => { e.next(); $os.writeFile("/pb_data/life", "up " + $app.store().get("at load")) })
onTerminate((e) => { $os.writeFile("/pb_data/life", "down " + e.isRestart); e.next() })
"""


class World(Shard):
    """The tenants a, b and c, whose scripts a test writes."""

    def __init__(self, data: Path, **changed: Any) -> None:
        super().__init__(data, **changed)
        self.tenants.rooms.watch.look()

    def hooks(self, name: str, source: str, file: str = "a.pb.js") -> None:
        """Write a script as if it had stood there for long."""
        folder = self.tenants.directory(name) / "pb_hooks"
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(source)

    async def started(self, name: str) -> Context:
        """The tenant, open, and its scripts at work."""
        context: Context = self.open(name)
        if context.starting is not None:
            await context.starting
        return context

    async def look(self, name: str) -> str:
        """Look for changes as the worker does, and act on them; why they don't serve, if they don't."""
        scripts, closer = self.tenants.scripts, self.tenants.closer
        live = scripts.live(name)
        assert live is not None
        watch = Watch(scripts, lambda work: closer.apart(self.tenants.accounts.own, work))
        while live.task is None:  # it is not looked at while somebody may still be writing
            await asyncio.sleep(0.01)
            await watch.look(self.tenants.latest, -1)
        await scripts.rested(live.ctx)
        return "" if live.error is None else str(live.error)

    async def closed(self, name: str) -> None:
        """Close it, and wait until that is done."""
        self.tenants.close(name)
        await self.tenants.closer.ended(name)

    def life(self, name: str) -> str:
        path = self.tenants.directory(name) / "pb_data" / "life"
        return path.read_text() if path.exists() else ""

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def ended() -> Any:
            try:
                return await work()
            finally:
                for name in "abc":
                    await self.closed(name)
                self.tenants.scripts.close()

        return super().run(ended)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_no_scripts_no_cost(world: World) -> None:
    async def work() -> None:
        context = world.open("a")
        assert context.hooks is None
        assert context.starting is None
        assert world.tenants.scripts.processes.zygote.pid is None

    world.run(work)


def test_kept_manifest_needs_no_process(world: World) -> None:
    world.hooks("a", 'onRecordCreate((e) => e.next(), "x")\ncronAdd("j", "@daily", () => {})')

    async def work() -> None:
        first = await world.started("a")
        assert first.hooks is not None
        await world.closed("a")
        kept = world.tenants.directory("a") / loader.KEPT
        assert kept.stat().st_mode & 0o777 == 0o600
        again = await world.started("a")
        assert again.hooks is not None
        assert again.hooks.manifest == first_manifest
        assert world.tenants.scripts.processes.count == 0
        assert listed(again)["jobs"][0]["line"] == 2
        # what somebody has made of it is no manifest, and is replaced
        await world.closed("a")
        kept.write_text("{")
        assert (await world.started("a")).hooks is not None
        assert kept.read_text() != "{"

    async def loaded() -> None:
        nonlocal first_manifest
        hooks = (await world.started("a")).hooks
        assert hooks is not None
        first_manifest = hooks.manifest
        await world.closed("a")
        while world.tenants.scripts.processes.count:  # what has loaded it is reaped
            await asyncio.sleep(0.01)
        await work()

    first_manifest: Any = None
    world.run(loaded)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("onRecordCreate((e) => e.next())", True),
        ("console.log('read'); onRecordCreate((e) => e.next())", True),
        ("require('./u'); onRecordCreate((e) => e.next())", True),
        ("if (process.env.X !== 'y') onRecordCreate((e) => e.next())", False),
        ("$os.readFile(__hooks + '/u.js'); onRecordCreate((e) => e.next())", False),
        ("$app.store().set('a', 1); onRecordCreate((e) => e.next())", False),
    ],
)
def test_only_what_depends_on_the_files_alone_is_kept(world: World, source: str, kept: bool) -> None:
    world.hooks("a", source)
    world.hooks("a", "", "u.js")

    async def work() -> None:
        assert (await world.started("a")).hooks is not None
        assert (world.tenants.directory("a") / loader.KEPT).exists() is kept

    world.run(work)


def test_life(world: World) -> None:
    world.hooks("a", f"$app.store().set('at load', 5){LIFE}")

    async def work() -> None:
        await world.started("a")
        assert world.life("a") == "up 5"
        world.hooks("a", "onBootstrap((e) => { e.next(); $os.writeFile('/pb_data/life', 'new') })")
        assert await world.look("a") == ""
        assert world.life("a") == "new"
        world.hooks("a", LIFE)
        assert await world.look("a") == ""
        # the store is the new scripts' own
        assert world.life("a") == "up null"
        await world.closed("a")
        assert world.life("a") == "down false"

    world.run(work)


def test_restart_is_told_to_the_old_ones(world: World) -> None:
    world.hooks("a", LIFE)

    async def work() -> None:
        context = await world.started("a")
        world.hooks("a", "onRecordCreate((e) => e.next())")
        assert await world.look("a") == ""
        assert world.life("a") == "down true"
        (world.tenants.directory("a") / "pb_hooks" / "a.pb.js").unlink()
        assert await world.look("a") == ""
        assert context.hooks is None
        assert not context.bus.has("onRecordCreate")

    world.run(work)


BROKEN = [
    ("let a = ;", "pb_hooks/a.pb.js:1: SyntaxError"),
    ("\n\nmissing()", "pb_hooks/a.pb.js:3: ReferenceError"),
    ("onBootstrap((e) => { throw new Error('not today') })", "onBootstrap: "),
    ("onBootstrap((e) => { })", "onBootstrap: an onBootstrap handler has not called e.next()"),
    ("\nrouterAdd('GET', 'x', (e) => 1)", "pb_hooks/a.pb.js:2: routerAdd('GET', 'x')"),
    (
        "routerAdd('GET', '/x', (e) => 1)\nrouterAdd('GET', '/x', (e) => 2)",
        "pb_hooks/a.pb.js:2: routerAdd('GET', '/x')",
    ),
    ("\ncronAdd('j', 'x', () => 1)", "pb_hooks/a.pb.js:2: [cronAdd] failed to register cron job j"),
    ("$app.findAllCollections()", "bootstrapped yet"),
    ("try { $app.db().newQuery('select 1').execute() } catch (x) { throw x }", "bootstrapped yet"),
    ("for (let i = 0; i < 3000; i++) onRecordCreate('(e) => ' + i)", "can't be taken"),
]


@pytest.mark.parametrize(("source", "message"), BROKEN)
def test_broken_ones_refuse_until_they_are_mended(world: World, source: str, message: str) -> None:
    world.hooks("a", source)

    async def work() -> None:
        context = world.open("a")
        for _ in range(2):
            with pytest.raises(ApiError) as raised:
                await context.starting
            assert raised.value.status == 503
            assert message in str(raised.value.cause)
        told = await check(world.tenants.scripts, context)
        assert (told["ok"], told["serving"]) == (False, "nothing")
        assert message.rpartition(": ")[2] in told["error"]["message"] or message in told["error"]["message"]
        # operators work on it all the same
        async with world.tenants.using("a", serving=False) as used:
            assert used is context
        with pytest.raises(ApiError):
            async with world.tenants.using("a"):
                raise AssertionError
        world.hooks("a", "onRecordCreate((e) => e.next())")
        assert await world.look("a") == ""
        assert context.starting is None
        assert context.hooks is not None
        assert (await check(world.tenants.scripts, context))["serving"] == "current"

    world.run(work)


@pytest.mark.parametrize(("source", "message"), BROKEN[:5])
def test_broken_ones_leave_the_old_ones_at_work(world: World, source: str, message: str) -> None:
    world.hooks("a", LIFE)

    async def work() -> None:
        context = await world.started("a")
        old = context.hooks
        world.hooks("a", source)
        assert message in await world.look("a")
        assert context.hooks is old
        assert context.starting is None
        assert world.life("a") == "up null"
        # nothing is tried again for the same files, nor said twice
        told = len(world.told)
        watch = Watch(world.tenants.scripts, lambda work: world.tenants.closer.apart(None, work))
        await watch.look(world.tenants.latest, -1)
        live = world.tenants.scripts.live("a")
        assert live is not None
        assert live.task is None
        assert len(world.told) == told
        context.logs.flush()

    world.run(work)
    assert "pb_hooks: " in read_log(world, "a")


def read_log(world: World, name: str) -> str:
    path = world.tenants.directory(name) / "pb_data" / "auxiliary.db"
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return "\n".join(row[0] for row in connection.execute("SELECT message FROM _logs"))
    finally:
        connection.close()


def test_what_may_pass_is_tried_again(world: World) -> None:
    world.hooks("a", "onBootstrap((e) => { $os.readFile('/pb_data/key'); e.next() })")

    async def work() -> None:
        context = world.open("a")
        with pytest.raises(ApiError):
            await context.starting
        live = world.tenants.scripts.live("a")
        assert live is not None
        assert not world.tenants.scripts.due(live)
        (world.tenants.directory("a") / "pb_data" / "key").write_text("k")
        live.retry_at = 0.0
        assert await world.look("a") == ""
        assert context.starting is None

    world.run(work)


def test_closing_in_the_middle(world: World) -> None:
    """A tenant that is closed while it is being loaded lets go at once, and can be opened again."""
    world.hooks("a", "sleep(60000)")

    async def work() -> None:
        context = world.open("a")
        starting = context.starting
        await world.closed("a")
        with pytest.raises(ApiError):
            await starting
        world.hooks("a", "onRecordCreate((e) => e.next())")
        assert (await world.started("a")).hooks is not None
        processes = world.tenants.scripts.processes
        while processes.count:  # what was loading has been killed, and is reaped
            await asyncio.sleep(0.01)

    world.run(work)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"sandbox": {"enabled": False}}, "disabled"), ({"plans": {"default": {"js_processes": 0}}}, "plan")],
)
def test_where_scripts_are_not_allowed(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    parts = msgspec.convert({"data": str(tmp_path), **settings}, Settings)
    world = World(tmp_path, **{name: getattr(parts, name) for name in settings})
    world.hooks("a", "onRecordCreate((e) => e.next())")

    async def work() -> None:
        with pytest.raises(ApiError) as raised:
            await world.started("a")
        assert message in str(raised.value.cause)
        assert (await world.started("b")).hooks is None

    world.run(work)


def test_links_lead_nowhere(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("module.exports = 'secret'")
    world.hooks("a", "onRecordCreate((e) => e.next())")
    folder = world.tenants.directory("a") / "pb_hooks"
    (folder / "link.js").symlink_to(tmp_path / "secret.js")
    (folder / "up").symlink_to(tmp_path)
    (folder / "fine.js").symlink_to(folder / "real.js")
    (folder / "real.js").write_text("module.exports = 'fine'")
    names = [
        *(
            "./link.js",
            "./up/secret.js",
            "/pb_hooks/link.js",
            "../../../secret.js",
            "/../../secret.js",
            "/etc/hostname",
        ),
        *("/proc/self/environ", "/dev/zero", "../../b/pb_data/data.db", "./a\\0b", "x".ljust(5000, "y"), "/pb_hooks/"),
    ]
    tried = [
        f"try {{ require({name!r}); throw 'found ' + {name!r} }} catch (x) {{ if (!(x.name)) throw x }}"
        for name in names
    ]
    world.hooks("a", "\n".join([*tried, "if (require('./fine') !== 'fine') throw 'not fine'"]))

    async def work() -> None:
        await world.started("a")

    world.run(work)
