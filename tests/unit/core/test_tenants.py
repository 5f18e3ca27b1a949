"""The live tenants of a worker: what takes one out of service, who is closed when, what orders leave behind."""

import asyncio
import logging
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from supervisor.contract.messages import Call, Message, Progress, TenantFailed, TenantPut
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory
from supervisor.contract.tenant import Tenant, TenantState
from worker import orders as orders_module
from worker import provision
from worker.errors import ApiError
from worker.lanes import Lanes
from worker.orders import Orders
from worker.tenants import Tenants


class Shard:
    """The tenants a, b and c of one worker that keeps two open, and its orders."""

    def __init__(self, data: Path) -> None:
        settings = Settings(data=str(data), live_tenants_max=2)
        log = logging.getLogger("test")
        self.told: list[Message] = []
        self.directory = Directory(1, "localhost", path_prefix=False)
        self.lanes = Lanes(inline_budget_ms=5, read_timeout_s=5, pool_threads=2)
        self.tenants = Tenants(settings, self.lanes, log, self.told.append)
        self.orders = Orders(self.directory, self.tenants, self.lanes, log, self.told.append)
        for name in "abc":
            provision.provision(data / "template", self.tenants.directory(name))
            self.directory.put(Tenant(name=name, state=TenantState.ACTIVE))

    def open(self, name: str) -> Any:
        tenant = self.directory.get(name)
        assert tenant is not None
        return self.tenants.open(tenant)

    def database(self, name: str) -> Path:
        return self.tenants.directory(name) / "pb_data" / "data.db"

    def failed(self) -> list[str]:
        return [message.name for message in self.told if isinstance(message, TenantFailed)]

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(20):
                return await work()

        return asyncio.run(limited())

    def call(self, op: str, tenant: str, **args: Any) -> Any:
        return self.run(lambda: self.orders.answer(Call(1, op, tenant, args)))


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path / "data")
    yield made
    made.tenants.close_all()
    made.lanes.close()


def spoil(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


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


def test_what_may_pass_by_itself_does_not(shard: Shard) -> None:
    locker = apsw.Connection(str(shard.database("a")))
    locker.execute("PRAGMA journal_mode=DELETE")
    locker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ApiError) as refused:
        shard.open("a")
    assert refused.value.status == 503
    locker.close()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, limits[1]))
    spare = []
    try:
        try:
            while True:
                spare.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        with pytest.raises(ApiError) as refused:
            shard.open("a")
        assert refused.value.status == 503
    finally:
        for descriptor in spare:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert shard.failed() == []
    assert shard.open("a").name == "a"


def test_the_least_recently_used_idle_one_is_closed(shard: Shard) -> None:
    first = shard.open("a")
    first.busy += 1
    for name in ("b", "a", "c"):
        shard.open(name)
    assert sorted(context.name for context in shard.tenants) == ["a", "c"], "a request of a is under way"
    first.busy -= 1
    shard.open("b")
    assert sorted(context.name for context in shard.tenants) == ["b", "c"]


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
    suspended = Tenant(name="a", state=TenantState.SUSPENDED)
    assert shard.run(lambda: shard.orders.answer(TenantPut(2, suspended))).ok
    assert shard.tenants.live("a") is None
    assert [row["email"] for row in shard.call("superuser.list", "a").value] == ["one@example.com"]
    assert shard.tenants.live("a") is None, "files of a tenant that does not serve are nobody's but the operator's"


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
