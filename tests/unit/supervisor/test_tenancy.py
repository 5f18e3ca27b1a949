"""One tenant, one operation at a time: the lock that keeps conflicting commands apart."""

import asyncio
import logging
from pathlib import Path

import pytest

from supervisor.accounting.ledger import Ledger
from supervisor.contract.messages import TenantFailed
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.crew import Crew, CrewError
from supervisor.ops import tenancy as module
from supervisor.ops.tenancy import Tenancy
from supervisor.tenants.holds import Holds, TenantBusy
from supervisor.tenants.registry import Registry, RegistryError


def make(tmp_path: Path) -> Tenancy:
    log = logging.getLogger("test")
    directory = Directory(first_routes(1), "localhost", False)
    crew = Crew(asyncio.get_running_loop(), directory, 4, log)
    registry = Registry(tmp_path / "registry.db")
    return Tenancy(Settings(data=str(tmp_path)), registry, directory, crew, Ledger(), log, Holds())


def test_operations_on_one_tenant_queue_and_on_others_do_not(run, tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        tenancy = make(tmp_path)
        order: list[str] = []

        async def work(name: str, op: str) -> None:
            async with tenancy.held(name, op):
                order.append(f"{op} begins")
                for _ in range(5):
                    await asyncio.sleep(0)
                order.append(f"{op} ends")

        async with asyncio.timeout(5):
            await asyncio.gather(work("a", "1"), work("a", "2"), work("a", "3"), work("b", "other"))
        assert not tenancy._holds, "nothing is kept of a tenant nobody works on"
        return order

    order = run(scenario())
    assert [entry for entry in order if "other" not in entry] == [
        f"{n} {w}" for n in (1, 2, 3) for w in ("begins", "ends")
    ]
    assert order.index("other begins") < order.index("1 ends")


def test_who_waits_too_long_is_told_what_goes_on(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.02)

    async def scenario() -> None:
        tenancy = make(tmp_path)
        async with tenancy.held("a", "import"):
            with pytest.raises(TenantBusy, match="tenant a is busy: import"):
                async with tenancy.held("a", "delete"):
                    raise AssertionError("two at once")
        async with tenancy.held("a", "delete"):
            pass
        assert not tenancy._holds

    run(scenario())


def test_a_failure_is_noted_however_long_the_tenant_is_busy(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.02)

    async def scenario() -> None:
        tenancy = make(tmp_path)
        tenancy._registry.prepare()
        tenancy._directory.put(Tenant(name="a", state=TenantState.ACTIVE))
        async with tenancy.held("a", "export"):
            noting = asyncio.create_task(tenancy.mark_failed(TenantFailed(name="a", reason="damaged")))
            await asyncio.sleep(0.1)
            assert tenancy.known("a").state is TenantState.ACTIVE
        await noting
        assert (tenancy.known("a").state, tenancy.known("a").reason) == (TenantState.FAILED, "damaged")

    run(scenario())


def test_a_suspension_is_an_event_though_a_worker_does_not_confirm(run, tmp_path: Path, monkeypatch) -> None:
    async def scenario() -> None:
        tenancy = make(tmp_path)
        tenancy._registry.prepare()
        tenancy._directory.put(Tenant(name="a", state=TenantState.ACTIVE))

        async def silent(message: object) -> None:
            raise CrewError("shard 0 did not confirm within 30 s")

        monkeypatch.setattr(tenancy._crew, "tell_all", silent)
        with pytest.raises(CrewError):
            await tenancy.step("suspend", "a", "a flood")
        assert tenancy.known("a").state is TenantState.SUSPENDED
        (event,) = tenancy._ledger.events.events()
        assert (event.kind, event.tenant, event.reason) == ("suspended", "a", "a flood")
        monkeypatch.setattr(Registry, "put", refusing)
        with pytest.raises(RegistryError):
            await tenancy.step("resume", "a")
        assert len(tenancy._ledger.events.events()) == 1, "nothing has happened"

    def refusing(registry: Registry, tenant: Tenant, **_: object) -> None:
        raise RegistryError("the disk is full")

    run(scenario())


def test_a_failed_operation_lets_the_next_one_in(run, tmp_path: Path) -> None:
    async def scenario() -> None:
        tenancy = make(tmp_path)
        with pytest.raises(ZeroDivisionError):
            async with tenancy.held("a", "import"):
                raise ZeroDivisionError
        async with asyncio.timeout(1), tenancy.held("a", "delete"):
            pass

    run(scenario())
