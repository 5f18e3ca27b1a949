"""Tenants that change their owner: this worker's part in it, whichever side it is on.

The steps stand in `supervisor.contract.messages`. What this end adds:

- A request finds its tenant owned here, or is passed on, or waits at the gate; there is no moment in which it is none
  of these. Nothing but the gate is ever held up.
- `Ownership.mine` turns false before the first file is closed, and true only on the supervisor's word.
- Everything may come twice, late, or for a tenant that was deleted meanwhile: the answer is the same as the first time.
"""

import asyncio
import logging
from typing import Protocol

from supervisor.contract.messages import STOPPING, Depart, Expect, Gain, Judge, Lose, Own, Release, Reply, Settle
from supervisor.contract.plan import Verdict
from supervisor.contract.shardmap import Routes
from supervisor.contract.tenant import TenantState
from worker.errors import ApiError
from worker.fair.gate import Gate
from worker.holds import Holds, Why
from worker.tenants import Tenants

# How often a release looks whether what was under way has ended.
STEP_S = 0.005
# How long those that were cut off have to roll back and let go: one database is copied in one step.
CUT_S = 25.0

CUT = "The server is busy, please try again."

HandoverOrder = Gain | Lose | Settle | Expect | Release | Own | Depart | Judge


class Wire(Protocol):
    """The wire (`worker.wire.endpoint`)."""

    @property
    def gate(self) -> Gate:
        """Where requests wait."""

    def cut(self, name: str, message: str) -> None:
        """Ends what runs for the tenant with 503 and `message`."""


class Handover:
    """Takes the supervisor's orders about who owns what. `stopping` is set once the worker takes on nothing more."""

    def __init__(self, tenants: Tenants, holds: Holds, log: logging.Logger) -> None:
        self._tenants = tenants
        self._ownership = tenants.ownership
        self._directory = tenants.ownership.directory
        self._holds = holds
        self._log = log
        self.wire: Wire | None = None
        self.stopping = False

    async def answer(self, order: HandoverOrder) -> Reply:
        """Carry out one order (but for `Depart`, which is the process's)."""
        if self.stopping and isinstance(order, Gain | Expect | Own):
            return Reply(order.id, ok=False, error=STOPPING)
        value: object = None
        match order:
            case Gain():
                self._directory.coming = order.routes
            case Lose():
                value = self._lose(order.routes)
            case Settle():
                self._settle(order.routes, order.kept)
            case Expect():
                self._expect(order.name)
            case Release():
                return await self._release(order)
            case Own():
                self._own(order.name, order.warm)
            case Judge():
                self._judge(order.verdict)
            case Depart():
                raise TypeError("a worker departs by its process")
        return Reply(order.id, ok=True, value=value)

    def _lose(self, routes: Routes) -> list[str]:
        """New routes; what is in use here stays here for the time being. Its names.

        What these routes bring to this worker is not its own before they are settled: its owner may not have heard.
        """
        directory, ownership = self._directory, self._ownership
        # also work on a tenant that is not registered (yet)
        touched = {name for name in self._tenants.touched() if ownership.mine(name) or directory.get(name) is None}
        gains = directory.coming is not None
        before = {tenant.name: directory.owner(tenant) for tenant in directory} if gains else {}
        directory.settle(routes, kept={})
        kept = {name: ownership.berth for name in touched if not ownership.routed_here(name)}
        if gains:
            directory.coming = routes
            kept |= {
                tenant.name: before[tenant.name]
                for tenant in directory
                if before[tenant.name] != ownership.berth == directory.owner(tenant)
            }
        directory.kept = kept
        return sorted(name for name, berth in kept.items() if berth == ownership.berth)

    def _settle(self, routes: Routes, kept: dict[str, int]) -> None:
        """So it is now, and nothing is expected any more."""
        self._directory.settle(routes, kept)
        expected, self._ownership.expected = self._ownership.expected, set()
        self._tenants.disown_strays([context.name for context in self._tenants])
        for name in expected:
            self._holds.free(name, Why.EXPECTED)
        if self.wire is not None:
            self.wire.gate.free_all_routed()

    def _expect(self, name: str) -> None:
        """The tenant will be this worker's: its requests end here, and wait."""
        ownership = self._ownership
        if self._directory.get(name) is None or ownership.mine(name):
            return  # nothing to wait for, and nobody would ever say that the wait is over
        ownership.expected.add(name)
        self._holds.hold(name, Why.EXPECTED)
        self._directory.kept[name] = ownership.berth

    async def _release(self, order: Release) -> Reply:
        """Let go of the tenant. Where what works on it does not end, it stays this worker's, and the reply says so."""
        name, tenants, ownership = order.name, self._tenants, self._ownership
        self._holds.hold(name, Why.RELEASED)
        live = False
        try:
            if ownership.mine(name):
                live = tenants.live(name) is not None
                if not await self._ended(name, order.timeout_s):
                    self._log.warning(
                        "tenant %s: what did not end in %.1f s is cut off",
                        name,
                        order.timeout_s,
                        extra={"tenant": name},
                    )
                    tenants.cut_off.add(name)
                    tenants.scripts.cut(name)
                    if self.wire is not None:
                        self.wire.cut(name, CUT)
                    if not await self._ended(name, CUT_S):
                        return Reply(order.id, ok=False, error=f"tenant {name} is still being worked on")
                # no wait between the last look and this: from here on nobody may open it
                ownership.leaving.add(name)
                tenants.close(name)
            await tenants.closer.ended(name)
            if self._directory.get(name) is not None:
                self._directory.kept[name] = order.berth
            if name in ownership.expected:
                ownership.expected.discard(name)
                self._holds.free(name, Why.EXPECTED)
        finally:
            tenants.cut_off.discard(name)
            ownership.leaving.discard(name)
            self._holds.free(name, Why.RELEASED)
        return Reply(order.id, ok=True, value=live)

    async def _ended(self, name: str, timeout_s: float) -> bool:
        """Wait until nothing of the tenant is under way; False where that took too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self._tenants.in_use(name):
            if loop.time() >= until:
                return False
            await asyncio.sleep(STEP_S)
        return True

    def _own(self, name: str, warm: bool) -> None:
        """The tenant is this worker's: what waits for it goes on."""
        directory, ownership = self._directory, self._ownership
        tenant = directory.get(name)
        if tenant is not None:
            directory.kept.pop(name, None)
            if directory.owner(tenant) != ownership.berth:
                directory.kept[name] = ownership.berth
        ownership.expected.discard(name)
        if tenant is not None and warm and tenant.state is TenantState.ACTIVE and name not in self._tenants.closer:
            try:
                self._tenants.open(tenant)
            except ApiError as error:  # it has been logged; whoever asks for it is told
                self._log.debug("tenant %s could not be opened beforehand: %s", name, error.cause)
        self._holds.free(name, Why.EXPECTED)

    def _judge(self, verdict: Verdict) -> None:
        if self.wire is None:
            verdict.enter(self._tenants.accounts.verdicts)  # for when there is a gate
        else:
            self.wire.gate.judge(verdict)
