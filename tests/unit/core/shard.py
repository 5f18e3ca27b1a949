"""The tenants of one worker without a wire: what stands behind its orders, hand-overs and hibernation."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from supervisor.contract.messages import Call, Message, TenantFailed
from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Settings, plan_of
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.tenant import Tenant, TenantState
from worker import provision
from worker.fair.account import Account, Accounts
from worker.handover import Handover
from worker.hibernation import Hibernation
from worker.holds import Holds
from worker.lanes import Lanes
from worker.orders import Orders
from worker.ownership import Ownership
from worker.tenants import Tenants


class Gate:
    """Notes what a real one would do."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.freed: list[str] = []
        self.settled: list[str] = []
        self.verdicts: dict[str, Verdict] = {}

    def hold(self, name: str) -> None:
        assert name not in self.held
        self.held.add(name)

    def free(self, name: str) -> None:
        self.held.remove(name)
        self.freed.append(name)

    def settle(self, account: Account) -> None:
        self.settled.append(account.name)

    def free_all_routed(self) -> None:
        self.freed.append("*")

    def judge(self, verdict: Verdict) -> None:
        verdict.enter(self.verdicts)
        self.settled.append(verdict.name)

    def charge(self, account: Account, ns: int) -> None:
        raise NotImplementedError


class Wire:
    """Notes who was cut off, and lets go of what the test says."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.cuts: list[str] = []
        self.on_cut: Callable[[str], None] = lambda name: None

    def cut(self, name: str, message: str) -> None:
        assert message
        self.cuts.append(name)
        self.on_cut(name)


class Shard:
    """The tenants a, b and c of one worker that keeps two open, and its orders."""

    def __init__(self, data: Path, **changed: Any) -> None:
        settings = Settings(data=str(data), **({"live_tenants_max": 2} | changed))
        log = logging.getLogger("test")
        self.told: list[Message] = []
        self.gate = Gate()
        self.directory = Directory(first_routes(1), "localhost", path_prefix=False)
        self.ownership = Ownership(self.directory, 0)
        self.lanes = Lanes(inline_budget_ms=5, read_timeout_s=5, pool_threads=2)
        holds = Holds(self.gate)
        self.tenants = Tenants(
            settings,
            self.lanes,
            ownership=self.ownership,
            accounts=Accounts(partial(plan_of, settings), self.gate.verdicts),
            holds=holds,
            log=log,
            tell=self.told.append,
        )
        self.hibernation = Hibernation(settings, self.tenants)
        self.orders = Orders(self.tenants, self.hibernation, self.lanes, log, self.told.append)
        self.wire = Wire(self.gate)
        self.handover = Handover(self.tenants, holds, log)
        self.handover.wire = self.wire
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

    def live(self) -> list[str]:
        return sorted(context.name for context in self.tenants)

    def open_files(self, name: str) -> list[str]:
        """What of the tenant this process really has open."""
        found = []
        for path in Path("/proc/self/fd").iterdir():
            try:
                file = path.readlink()
            except OSError:
                continue
            if file.is_relative_to(self.tenants.directory(name)):
                found.append(file.name)
        return found

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(20):
                try:
                    return await work()
                finally:
                    await self.tenants.closer.all_ended(10)

        return asyncio.run(limited())

    def call(self, op: str, tenant: str, **args: Any) -> Any:
        return self.run(lambda: self.orders.answer(Call(1, op, tenant, args)))
