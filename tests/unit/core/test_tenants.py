"""The live tenants of a worker: what takes one out of service, who is closed when, what orders leave behind."""

import asyncio
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from supervisor.contract.messages import Call, Message, Progress, TenantDrop, TenantPut
from supervisor.contract.plan import Plan
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.core.shard import Shard
from worker import orders as orders_module
from worker import provision
from worker.errors import ApiError
from worker.hibernation import AT_A_TIME, STAY_S
from worker.services.logrows import Entry

SUSPENDED, ACTIVE = TenantState.SUSPENDED, TenantState.ACTIVE


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path / "data")
    yield made
    asyncio.run(made.tenants.close_all(10))
    made.lanes.close()


def spoil(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def entry() -> Entry:
    now_ms = time.time_ns() // 1_000_000
    return Entry(now_ms, 1, "GET", b"/api/health", 200, "", "", "127.0.0.1", "127.0.0.1", b"", b"", None)


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_bytes(os.urandom(8192)),
        lambda path: spoil(path, "DROP TABLE _collections"),
        lambda path: spoil(path, "UPDATE _collections SET fields = 'no JSON' WHERE name = 'users'"),
        lambda path: spoil(path, """UPDATE _collections SET options = '{"authToken": 5}' WHERE name = 'users'"""),
    ],
)
def test_damage_takes_a_tenant_out_of_service(shard: Shard, damage: Callable[[Path], Any]) -> None:
    damage(shard.database("a"))
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            shard.open("a")
        assert refused.value.status == 503
    assert shard.failed() == ["a"]
    assert shard.open("b").name == "b"


def starve() -> tuple[list[int], tuple[int, int]]:
    """Use up this process's descriptors; what to give back, and the limits as they were."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, limits[1]))
    spare = []
    try:
        while True:
            spare.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return spare, limits


def test_what_may_pass_by_itself_does_not(shard: Shard) -> None:
    locker = apsw.Connection(str(shard.database("a")))
    locker.execute("PRAGMA journal_mode=DELETE")
    locker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ApiError) as refused:
        shard.open("a")
    assert refused.value.status == 503
    locker.close()
    spare, limits = starve()
    try:
        with pytest.raises(ApiError) as refused:
            shard.open("a")
        assert refused.value.status == 503
    finally:
        for descriptor in spare:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert shard.failed() == []
    assert shard.open("a").name == "a"


def test_idle_tenants_make_room_where_there_are_no_descriptors(shard: Shard) -> None:
    shard.open("a")
    shard.open("b").busy += 1
    spare, limits = starve()
    try:
        assert shard.open("c").name == "c"
        assert shard.live() == ["b", "c"]
    finally:
        for descriptor in spare:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert shard.failed() == []


def test_the_least_recently_used_idle_one_is_closed(shard: Shard) -> None:
    async def work() -> None:
        first = shard.open("a")
        first.busy += 1
        for name in ("b", "a", "c"):
            shard.open(name)
        assert shard.live() == ["a", "c"], "a request of a is under way"
        assert shard.gate.held == {"b"}, "until its files are closed"
        await shard.tenants.closer.ended("b")
        assert (shard.gate.held, shard.gate.freed) == (set(), ["b"])
        assert shard.open_files("b") == []
        first.busy -= 1
        shard.open("b")
        assert shard.live() == ["b", "c"]

    shard.run(work)


def test_a_close_off_the_loop_loses_nothing_and_lets_nobody_at_the_connection(shard: Shard) -> None:
    async def work() -> None:
        context = shard.open("a")
        context.data.execute("CREATE TABLE kept (x)")
        context.data.execute("INSERT INTO kept VALUES (7)")
        context.logs.add(entry())
        account = context.account
        shard.tenants.close("a")
        with pytest.raises(apsw.ConnectionClosedError):
            context.data.one("SELECT * FROM kept")
        await shard.tenants.closer.ended("a")
        assert account.pool_ns > 0
        assert shard.open_files("a") == []
        assert shard.database("a").with_name("data.db-wal").stat().st_size == 0
        again = shard.open("a")
        assert again is not context
        assert again.data.one("SELECT * FROM kept") == (7,)

    shard.run(work)
    logged = apsw.Connection(str(shard.database("a").with_name("auxiliary.db"))).execute("SELECT count(*) FROM _logs")
    assert logged.fetchone() == (1,)


@pytest.mark.parametrize("hurried", [False, True])
def test_when_many_are_closed_the_little_that_a_log_has_is_left_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hurried: bool
) -> None:
    monkeypatch.setattr("worker.closing.UNHURRIED_MAX", 2 if hurried else 3)
    shard = Shard(tmp_path / "data", live_tenants_max=3)

    def rows(name: str) -> int:
        connection = apsw.Connection(str(shard.database(name).with_name("auxiliary.db")))
        found = int(connection.execute("SELECT count(*) FROM _logs").get)
        connection.close()
        return found

    async def work() -> None:
        contexts = {name: shard.open(name) for name in "abc"}
        contexts["a"].logs.add(entry())
        assert contexts["a"].logs.spool()
        contexts["b"].data.execute("CREATE TABLE kept AS SELECT 7 AS x")
        for _ in range(contexts["c"].logs.queue_max):
            contexts["c"].logs.add(entry())
        await shard.tenants.close_all(10)
        assert [shard.open_files(name) for name in "abc"] == [[], [], []]
        assert not list(shard.tenants.root.glob("*/pb_data/*-wal"))
        assert [rows(name) for name in "abc"] == [0 if hurried else 1, 0, contexts["c"].logs.queue_max]
        again = shard.open("a")
        again.logs.add(entry())
        assert again.logs.spool()
        again.logs.flush()
        assert rows("a") == 2
        assert shard.open("b").data.one("SELECT x FROM kept") == (7,)
        for context in shard.tenants:
            context.close()

    shard.run(work)
    shard.lanes.close()


def test_a_context_in_use_is_closed_on_the_loop(shard: Shard) -> None:
    async def work() -> None:
        shard.open("a").busy += 1
        shard.tenants.close("a")
        assert shard.open_files("a") == []
        assert shard.gate.freed == []

    shard.run(work)


def test_what_can_not_be_closed_harms_nobody(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        context = shard.open("a")
        context.logs._lock = None
        shard.tenants.close("a")
        await shard.tenants.closer.ended("a")
        assert shard.gate.held == set()
        assert shard.open("a") is not context

    shard.run(work)
    assert "tenant a: closing failed" in caplog.text


# -- ownership ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["kept", "expected", "leaving", "unknown"])
def test_no_tenant_of_another_worker_is_opened(shard: Shard, why: str, caplog: pytest.LogCaptureFixture) -> None:
    tenant = shard.directory.get("a")
    assert tenant is not None
    if why == "kept":
        shard.directory.kept["a"] = 3
    elif why == "unknown":
        shard.directory.drop("a")
    else:
        getattr(shard.ownership, why).add("a")
    with pytest.raises(ApiError) as refused:
        shard.tenants.open(tenant)
    assert refused.value.status == 503
    assert shard.open_files("a") == []
    assert "tenant a is not opened: this worker does not own it" in caplog.text

    async def use() -> None:
        async with shard.tenants.using("a"):
            raise AssertionError("must not come here")

    with pytest.raises(ApiError):
        shard.run(use)
    if why != "unknown":
        assert not shard.call("superuser.list", "a").ok
        assert not shard.call("export", "a", target="/nowhere").ok


def test_using_keeps_a_tenant_open_and_waits_for_its_close(shard: Shard) -> None:
    async def work() -> None:
        first = shard.open("a")
        shard.tenants.close("a")
        async with shard.tenants.using("a") as context:
            assert context is not first
            assert "a" not in shard.tenants.closer
            assert shard.tenants.in_use("a")
            shard.open("b")
            shard.open("c")
            assert shard.live() == ["a", "c"]
        assert not shard.tenants.in_use("a")
        shard.directory.put(Tenant(name="a", state=SUSPENDED))
        with pytest.raises(ApiError):
            async with shard.tenants.using("a"):
                raise AssertionError("a suspended tenant does not serve")
        async with shard.tenants.using("a", serving=False) as context:
            assert context.name == "a"
        assert shard.tenants.live("a") is None
        assert shard.open_files("a") == []

    shard.run(work)


# -- hibernation -------------------------------------------------------------------------------------------------------


def test_idle_tenants_are_closed_and_busy_ones_are_not(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "data", live_tenants_max=10, idle_close_s=60.0)

    async def work() -> None:
        beat = shard.hibernation.beat
        beat(1_000.0)
        shard.open("a").busy += 1
        shard.open("b")
        beat(1_030.0)
        shard.open("c")
        beat(1_059.0)
        assert shard.live() == ["a", "b", "c"]
        beat(1_061.0)
        assert shard.live() == ["a", "c"]
        await shard.tenants.closer.ended("b")
        beat(1_091.0)
        assert shard.live() == ["a"]
        context = shard.tenants.live("a")
        assert context is not None
        context.busy -= 1
        beat(1_100.0)
        assert shard.live() == ["a"], "used until just now"
        beat(1_200.0)
        assert shard.live() == []
        await shard.tenants.closer.all_ended(10)
        assert [shard.open_files(name) for name in "abc"] == [[], [], []]

    shard.run(work)


def test_many_that_fall_silent_at_once_are_closed_bit_by_bit(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "data", live_tenants_max=100, idle_close_s=1.0)
    names = [f"t{number}" for number in range(AT_A_TIME + 5)]
    for name in names:
        provision.provision(tmp_path / "data" / "template", shard.tenants.directory(name))
        shard.directory.put(Tenant(name=name, state=ACTIVE))

    async def work() -> None:
        shard.hibernation.beat(10.0)
        for name in names:
            shard.open(name)
        shard.hibernation.beat(20.0)
        assert len(shard.tenants) == 5
        await shard.tenants.closer.all_ended(10)
        shard.hibernation.beat(21.0)
        assert len(shard.tenants) == 0

    shard.run(work)


def test_a_context_beyond_its_plans_memory_is_closed_when_idle(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "data", live_tenants_max=10, plans={"default": Plan(memory_mb=1)})

    async def work() -> None:
        shard.hibernation.beat(100.0)
        context = shard.open("a")
        shard.open("b")
        for name, weight_kb, busy, at, kept in [
            ("not weighed", 0, 0, 100.0 + STAY_S + 1, True),
            ("just opened", 5_000, 0, 100.0 + STAY_S - 1, True),
            ("in use", 5_000, 1, 100.0 + STAY_S + 2, True),
            ("within its limit", 900, 0, 100.0 + STAY_S + 3, True),
            ("too heavy", 5_000, 0, 100.0 + STAY_S + 4, False),
        ]:
            context.weight_kb, context.busy = weight_kb, busy
            shard.tenants.now = at
            shard.tenants.touch(context)
            shard.hibernation.beat(at)
            assert (shard.tenants.live("a") is context) == kept, name
        assert shard.live() == ["b"]
        assert 0 < shard.open("b").memory_kb() == shard.open("b").weight_kb < 1024

    shard.run(work)


def test_trim_closes_the_idle_then_the_largest_and_gives_memory_back(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "data", live_tenants_max=10)

    async def trim(**args: Any) -> Any:
        reply = await shard.orders.answer(Call(1, "trim", "", args))
        assert reply.ok, reply.error
        assert reply.value["rss_kb_before"] > 0 < reply.value["rss_kb_after"]
        return reply.value["closed"]

    async def work() -> None:
        shard.hibernation.beat(100.0)
        for name in "abc":
            shard.open(name)
        for number in range(200):  # the largest
            shard.open("c").data.one(f"SELECT {number} FROM _collections")
        shard.hibernation.beat(110.0)
        shard.open("b").busy += 1
        shard.open("c")
        assert await trim(idle_s=5.0, largest=0) == 1
        assert shard.live() == ["b", "c"]
        shard.open("a")
        assert await trim(idle_s=5.0, largest=1) == 1
        assert shard.live() == ["a", "b"]
        assert await trim(idle_s=0.0, largest=0) == 1, "a request of b is under way"
        assert shard.live() == ["b"]
        assert shard.hibernation.heap.trims == 3

    shard.run(work)


def test_only_logs_with_something_to_write_are_visited(shard: Shard) -> None:
    async def work() -> None:
        context = shard.open("a")
        assert shard.tenants.unwritten == set()
        for _ in range(3):
            context.logs.add(entry())
        assert shard.tenants.unwritten == {"a"}
        shard.tenants.unwritten.clear()
        context.logs.flush()
        assert shard.tenants.unwritten == set()
        context.logs.add(entry())
        assert shard.tenants.unwritten == {"a"}
        shard.tenants.close("a")
        assert shard.tenants.unwritten == set()

    shard.run(work)


# -- orders ------------------------------------------------------------------------------------------------------------


def test_an_order_keeps_its_tenant_open_and_leaves_it_as_the_registry_says(shard: Shard) -> None:
    async def upsert_while_others_open() -> Any:
        call = Call(1, "superuser.upsert", "a", {"email": "one@example.com", "password": "1234567890"})
        order = asyncio.create_task(shard.orders.answer(call))
        while shard.tenants.live("a") is None:
            await asyncio.sleep(0)
        for name in ("b", "c"):  # more than are kept, while a's password is hashed in a thread
            shard.open(name)
        return await order

    assert shard.run(upsert_while_others_open).ok
    suspended = Tenant(name="a", state=SUSPENDED)
    assert shard.run(lambda: shard.orders.answer(TenantPut(2, suspended))).ok
    assert shard.tenants.live("a") is None
    assert [row["email"] for row in shard.call("superuser.list", "a").value] == ["one@example.com"]
    assert shard.tenants.live("a") is None, "files of a tenant that does not serve are nobody's but the operator's"


@pytest.mark.parametrize("order", [TenantPut(2, Tenant(name="a", state=SUSPENDED)), TenantDrop(2, "a")])
def test_a_change_of_the_registry_is_answered_when_the_files_are_closed(shard: Shard, order: Message) -> None:
    async def work() -> None:
        shard.open("a")
        assert (await shard.orders.answer(order)).ok
        assert shard.open_files("a") == []
        assert shard.gate.freed == ["a"]

    shard.run(work)


def test_a_change_that_was_overtaken_does_not_close(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        context = shard.open("a")
        context.busy += 1
        slow = asyncio.create_task(shard.orders.answer(TenantPut(1, Tenant(name="a", state=SUSPENDED))))
        await asyncio.sleep(0)
        assert (await shard.orders.answer(TenantPut(2, Tenant(name="a", state=ACTIVE)))).ok
        context.busy -= 1
        assert (await slow).ok
        assert shard.tenants.live("a") is context

    shard.run(work)


def test_another_plan_is_in_force_at_once(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "data", plans={"default": Plan(), "small": Plan(weight=7)})

    async def work() -> None:
        account = shard.open("a").account
        for plan, weight, settled in (("default", 100, []), ("small", 7, ["a"]), ("gone", 100, ["a", "a"])):
            await shard.orders.answer(TenantPut(1, Tenant(name="a", state=ACTIVE, plan=plan)))
            assert (account.plan.weight, shard.gate.settled) == (weight, settled)

    shard.run(work)


@pytest.mark.parametrize(("op", "key"), [("import", "source"), ("export", "target")])
def test_tenants_of_this_server_are_not_copied_file_by_file(shard: Shard, op: str, key: str, tmp_path: Path) -> None:
    shard.open("a")
    inside = tmp_path / "link"
    inside.symlink_to(shard.tenants.directory("a"))
    reply = shard.call(op, "a" if op == "export" else "new", **{key: str(inside / "pb_data")})
    assert not reply.ok
    assert "own tenants" in reply.error
    assert not shard.tenants.directory("new").exists()


def test_a_call_without_progress_is_heard_of(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "ALIVE_EVERY_S", 0.01)

    async def slow(call: Call) -> str:
        while not shard.told:
            await asyncio.sleep(0)
        return "done"

    shard.orders._operations["slow"] = slow
    assert shard.call("slow", "a").value == "done"
    assert shard.told[0] == Progress(id=1, text="slow of a")
