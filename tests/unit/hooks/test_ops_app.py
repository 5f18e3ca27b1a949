"""`$app` of a script where the real one can't be asked: bounds, what is forged, and transactions that are left open."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import NewTenant
from tests.unit.hooks.inprocess import Scripted, Thrown
from worker.context import Context
from worker.db.connection import Database
from worker.errors import ApiError
from worker.hooks.ops import app, collections, logger, settings, store, transactions
from worker.hooks.store import BYTES_MAX, ENTRY_BYTES
from worker.lanes import Lanes
from worker.services.logs import NOTES_BYTES_MAX

Run = Callable[[Any], Any]


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Threads for slow work."""
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=2.0, pool_threads=2)
    yield lanes
    lanes.close()


@pytest.fixture
def ctx(tmp_path: Path, lanes: Lanes, new_tenant: NewTenant) -> Iterator[Context]:
    """A new tenant."""
    new_tenant(tmp_path)
    context = Context("test", tmp_path, lanes, write_limit_s=30.0, log_queue_max=200)
    yield context
    context.close()


@pytest.fixture
def script(ctx: Context) -> Iterator[Scripted]:
    """Its scripts."""
    scripted = Scripted(ctx)
    yield scripted
    scripted.close()


def notes(ctx: Context) -> list[tuple[int, str, Any]]:
    """What is in the log."""
    ctx.logs.flush()
    data = Database(ctx.logs.path)
    try:
        rows = data.all("SELECT level, message, data FROM _logs ORDER BY rowid")
    finally:
        data.close()
    return [(level, message, json.loads(text)) for level, message, text in rows]


# -- what a script could send that is no script of ours --------------------------------------------------------------

NONSENSE = (
    None,
    True,
    -1,
    1.5,
    "x" * 100,
    [],
    {},
    [1],
    {"def": 5},
    {"id": 5, "def": {}},
    {"id": "", "def": {"type": 5}},
    [[1]],
)


def test_nonsense_is_refused(ctx: Context, script: Scripted, run: Run) -> None:
    """Whatever the arguments of an operation are: an error of Go's, one of the fields', or an answer."""
    table: dict[str, Any] = {}
    for module in (app, collections, logger, settings, store, transactions):
        table |= module.OPS
    del table["vacuum"], table["vacuum.aux"]  # they are slow, and what they take is a number

    async def all_of_them() -> None:
        for name in table:
            for number in (0, 999, "0", None):
                for value in NONSENSE:
                    args = json.dumps([value, value, value])
                    code = (
                        f"try {{ __host({json.dumps(name)}, {json.dumps(number)}, ...{args}.slice(0, N)) }} "
                        "catch (x) { return String(x) }"
                    )
                    for count in (0, 1, 2, 3):
                        said = await script(code.replace("N", str(count)))
                        assert said is None or "internal error" not in said, (name, number, value, count, said)

    run(all_of_them())
    assert ctx.catalog.get("users") is not None
    assert not ctx.writer.locked()


@pytest.mark.parametrize("number", [1, 999, -2, -999, 2**60])
def test_the_number_of_no_transaction(script: Scripted, run: Run, number: int) -> None:
    with pytest.raises(Thrown, match="the transaction of this \\$app is over"):
        run(script(f"return __host('collection.all', {number}, [])"))


# -- transactions ----------------------------------------------------------------------------------------------------


def test_an_open_transaction_ends_with_its_run(ctx: Context, script: Scripted, run: Run) -> None:
    """A process that ends in the middle leaves nothing, and nobody waits for it."""

    async def cut() -> None:
        going = asyncio.ensure_future(
            script("$app.runInTransaction((t) => { t.save(new Collection({name: 'left'})); __host('sleep', 3600000) })")
        )
        while not ctx.writer.locked():
            await asyncio.sleep(0.01)
        assert script.realm is not None
        script.realm.ended("killed")
        with pytest.raises(ApiError):
            await going

    run(cut())
    assert ctx.catalog.get("left") is None
    assert not ctx.writer.locked()
    assert run(script("$app.save(new Collection({name: 'next'})); return $app.hasTable('left')")) is False


def test_a_script_that_sleeps_in_a_transaction(ctx: Context, script: Scripted, run: Run) -> None:
    """It is ended after a while: the tenant's other writers wait for it."""
    ctx.data.write_limit_ns = 50_000_000

    async def sleeping() -> None:
        with pytest.raises(ApiError) as raised:
            await script("$app.runInTransaction((t) => { __host('sleep', 3600000) })")
        assert (raised.value.status, raised.value.message) == (503, transactions.TOO_LONG)

    run(sleeping())
    assert not ctx.writer.locked()
    assert run(script("return $app.hasTable('users')")) is True


def test_a_script_that_sleeps_outside_of_one_is_left_alone(ctx: Context, script: Scripted, run: Run) -> None:
    ctx.data.write_limit_ns = 1_000_000
    assert run(script("__host('sleep', 50); return 1")) == 1


def test_the_outer_app_inside_of_a_transaction_is_the_transaction(script: Scripted, run: Run) -> None:
    """The real one would wait for itself, forever."""
    code = """
        const outer = $app;
        let seen;
        try {
            outer.runInTransaction(() => {
                outer.save(new Collection({name: "inside"}));
                seen = outer.hasTable("inside");
                throw 1;
            });
        } catch {}
        return [seen, outer.hasTable("inside")];
    """
    assert run(script(code)) == [True, False]


def test_what_was_kept_of_a_transaction_is_over(script: Scripted, run: Run) -> None:
    async def twice() -> list[str]:
        await script("$app.runInTransaction((t) => { globalThis.kept = t })")
        code = "try { kept.hasTable('users') } catch (x) { return String(x) }"
        outside = await script(code)
        inside = await script(f"let r; $app.runInTransaction(() => {{ r = (() => {{ {code} }})() }}); return r")
        return [outside, inside]

    said = run(twice())
    assert said == ["GoError: sql: transaction has already been committed or rolled back"] * 2


def test_async_bodies_and_their_failures(script: Scripted, run: Run) -> None:
    code = """
        const r = [];
        $app.runInTransaction(async (t) => { await null; t.save(new Collection({name: "one"})) });
        try {
            $app.runInTransaction(async (t) => {
                await null;
                t.save(new Collection({name: "two"}));
                await Promise.reject(new Error("no"));
            });
        } catch (x) { r.push(x.message) }
        return [r, $app.hasTable("one"), $app.hasTable("two")];
    """
    assert run(script(code)) == [["no"], True, False]


def test_a_failed_change_inside_of_one_leaves_the_rest(ctx: Context, script: Scripted, run: Run) -> None:
    code = """
        $app.runInTransaction((t) => {
            t.save(new Collection({name: "first"}));
            try { t.save(new Collection({name: "first"})) } catch {}
            try { t.saveView("view1", "selec") } catch {}
            t.save(new Collection({name: "second"}));
        });
        return $app.findAllCollections("base").filter((c) => !c.system).map((c) => c.name);
    """
    assert run(script(code)) == ["first", "second"]
    assert ctx.catalog.get("second") is not None


# -- collections -----------------------------------------------------------------------------------------------------


def test_changes_of_others_are_seen(ctx: Context, script: Scripted, run: Run) -> None:
    """What a process knows of collections is told apart from what has become of them since."""
    other = Scripted(ctx)

    async def both() -> list[Any]:
        count = "return [$app.findCachedCollectionByNameOrId('shared').fields.length, $app.findAllCollections().length]"
        await script("$app.save(new Collection({name: 'shared'}))")
        seen = [await script(count), await other(count)]
        await script(
            "const c = $app.findCollectionByNameOrId('shared'); c.fields.add(new TextField({name: 't'})); $app.save(c)"
        )
        return [*seen, await script(count), await other(count)]

    before, same, after, told = run(both())
    other.close()
    assert before == same
    assert after == told == [2, before[1]]


def test_a_changed_collection_that_was_rolled_back(script: Scripted, run: Run) -> None:
    code = """
        $app.save(new Collection({name: "back"}));
        const count = () => $app.findCachedCollectionByNameOrId("back").fields.length;
        const r = [count()];
        try {
            $app.runInTransaction((t) => {
                const c = t.findCollectionByNameOrId("back");
                c.fields.add(new TextField({name: "t"}));
                t.save(c);
                r.push(count());
                throw 1;
            });
        } catch {}
        r.push(count());
        return r;
    """
    assert run(script(code)) == [1, 2, 1]


def test_without_hooks_nobody_hears(ctx: Context, script: Scripted, run: Run) -> None:
    heard: list[str] = []

    async def listen(event: Any) -> None:
        heard.append(event.collection.name)
        await event.next()

    ctx.bus.on("onCollectionCreate", listen)
    code = """
        $app.unsafeWithoutHooks().save(new Collection({name: "quiet"}));
        $app.save(new Collection({name: "loud"}));
        $app.unsafeWithoutHooks().runInTransaction((t) => { t.save(new Collection({name: "quiet2"})) });
        $app.runInTransaction((t) => {
            t.unsafeWithoutHooks().save(new Collection({name: "quiet3"}));
            t.save(new Collection({name: "loud2"}));
        });
        return $app.findAllCollections("base").filter((c) => !c.system).map((c) => c.name);
    """
    assert run(script(code)) == ["quiet", "loud", "quiet2", "quiet3", "loud2"]
    assert heard == ["loud", "loud2"]


# -- the store -------------------------------------------------------------------------------------------------------


def test_the_store_is_bounded(script: Scripted, run: Run) -> None:
    code = f"""
        const s = $app.store(), r = [];
        s.set("a", "x".repeat({BYTES_MAX // 2}));
        const most = {BYTES_MAX};
        for (const [key, size] of [["b", most / 2], ["b", 10], ["a", most], ["a", 5], ["b", most / 2]])
            try {{ s.set(key, "y".repeat(size)); r.push(true) }} catch (x) {{ r.push(String(x)) }}
        return [r, s.length()];
    """
    full = "GoError: the store is full: it holds 1024 KB in all"
    assert run(script(code)) == [[full, True, full, True, True], 2]


def test_many_small_entries_are_bounded_too(script: Scripted, run: Run) -> None:
    code = """
        let n = 0;
        try { for (;;) { $app.store().set("key" + n, n); n++ } } catch { return [n, $app.store().length()] }
    """
    count, length = run(script(code))
    assert count == length < BYTES_MAX // ENTRY_BYTES


def test_a_reset_that_does_not_fit_changes_nothing(script: Scripted, run: Run) -> None:
    code = f"""
        $app.store().set("a", 1);
        try {{ $app.store().reset({{b: 1, c: "x".repeat({BYTES_MAX})}}) }} catch {{}}
        return $app.store().getAll();
    """
    assert run(script(code)) == {"a": 1}


@pytest.mark.parametrize("value", ["() => 1", "Symbol()"])
def test_the_store_holds_json_alone(script: Scripted, run: Run, value: str) -> None:
    with pytest.raises(Thrown, match="JSON values only"):
        run(script(f"$app.store().set('f', {value})"))


def test_awkward_keys(script: Scripted, run: Run) -> None:
    code = """
        const s = $app.store();
        for (const key of ["__proto__", "constructor", "", "\\u0000", "\\ud800", "é"]) s.set(key, {k: key.length});
        return [s.length(), s.get("__proto__"), Object.keys(s.getAll()).length, ({}).k === undefined];
    """
    assert run(script(code)) == [6, {"k": 9}, 6, True]


def test_the_store_is_the_tenants_whoever_asks(ctx: Context, script: Scripted, run: Run) -> None:
    other = Scripted(ctx)
    other.hooks = script.hooks

    async def both() -> Any:
        await script("$app.store().set('n', 1)")
        for each in (script, other, script):
            await each("$app.store().setFunc('n', (n) => n + 1)")
        return await other("return $app.store().get('n')")

    assert run(both()) == 4
    other.close()


# -- the log ---------------------------------------------------------------------------------------------------------


def test_the_budget_of_lines(ctx: Context, run: Run) -> None:
    script = Scripted(ctx, js_log_lines_max=3)
    run(script("for (let i = 0; i < 10; i++) $app.logger().info('line', 'i', i)"))
    assert notes(ctx) == [*((0, "line", {"i": i}) for i in range(3)), (4, logger.NO_MORE, {})]
    run(script("$app.logger().info('another run')"))
    assert notes(ctx)[-1] == (0, "another run", {})
    script.close()


def test_what_waits_to_be_written_is_bounded(ctx: Context, run: Run) -> None:
    script = Scripted(ctx, js_log_lines_max=10_000)
    size = 15_000
    run(script(f"for (let i = 0; i < 500; i++) $app.logger().info('x'.repeat({size}), 's', 'y'.repeat({size}))"))
    assert ctx.logs._notes_bytes <= NOTES_BYTES_MAX
    assert 30 < len(notes(ctx)) <= 500
    script.close()


def test_a_log_that_is_off(ctx: Context, script: Scripted, run: Run) -> None:
    run(script("const s = $app.settings(); s.logs.maxDays = 0; $app.save(s); $app.logger().error('x')"))
    assert notes(ctx) == []


# -- settings --------------------------------------------------------------------------------------------------------


def test_what_is_not_saved_lasts_as_long_as_its_run(script: Scripted, run: Run) -> None:
    async def runs() -> list[str]:
        name = "$app.settings().meta.appName"
        first = await script(f"$app.settings().meta.appName = 'Mine'; return {name}")
        return [first, await script(f"return {name}")]

    assert run(runs()) == ["Mine", "Acme"]


@pytest.mark.parametrize("member", ["restart", "bootstrap", "start", "runAllMigrations", "onRecordCreate", "onServe"])
def test_what_is_not_for_scripts(script: Scripted, run: Run, member: str) -> None:
    with pytest.raises(Thrown, match=rf"GoError: \$app\.{member} is not for scripts"):
        run(script(f"$app.{member}()"))
