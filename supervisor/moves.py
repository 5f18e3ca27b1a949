"""What changes which worker serves whom, while all of them serve: a fresh worker, another number of shards, another
shard for one tenant. One at a time; each is made of the steps in `supervisor.handover`.

    recycle   a successor beside a worker, warm before it owns anything ─► all tenants of the shard ─► who was departs
    renew     the settings as they are now: first their number of shards, then a recycle of every older worker
    move      a tenant is pinned to a shard
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from supervisor.berths import Berths, shards_max
from supervisor.contract.messages import Depart, Settle, TenantPut
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory, Routes
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.crew import ACK_TIMEOUT_S, Crew, CrewError, WorkerLost
from supervisor.handover import Handover, HandoverError
from supervisor.seat import Seat
from supervisor.tenants.holds import BUSY_TIMEOUT_S, Holds
from supervisor.tenants.lifecycle import LifecycleError, take
from supervisor.tenants.registry import Registry, RegistryError

READY_TIMEOUT_S = 60.0
LINGER_S = 5.0  # how long the next step waits for a departed worker's last connections
DEPART_SPARE_S = 10.0  # beyond the time that a client may take for what it was sent
FORWARD_STEP_S = 0.05
BERTH_TIMEOUT_S = 120.0


class Shelf:
    """The listeners of the shards, `shard-N.sock`: one for each, made and closed as their number changes."""

    def __init__(self, make: Callable[[int], Any], close: Callable[[Any], None]) -> None:
        self._make = make
        self._close = close
        self.listeners: list[Any] = []

    def fit(self, shards: int) -> None:
        """So many, the present ones among them. Raises CrewError when one cannot be made."""
        while len(self.listeners) < shards:
            self.listeners.append(self._make(len(self.listeners)))
        while len(self.listeners) > shards:
            self._close(self.listeners.pop())


class Moves:
    """All of it, on the arbiter's loop. `note(kind, tenant, shard, reason)` gets what an operator may want to read."""

    def __init__(  # noqa: PLR0917 (its parts)
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        crew: Crew,
        directory: Directory,
        berths: Berths,
        registry: Registry,
        holds: Holds,
        shelf: Shelf,
        log: logging.Logger,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._crew = crew
        self._directory = directory
        self._berths = berths
        self._registry = registry
        self._holds = holds
        self._shelf = shelf
        self._log = log
        self._handover = Handover(crew, directory, holds, log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._farewells: dict[int, asyncio.Task[None]] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._again, self._complete, self._reason = False, True, ""
        self._brought: set[int] = set()
        self.lock = asyncio.Lock()
        self.note: Callable[[str, str, int, str], Any] = lambda kind, tenant, shard, reason: None  # noqa: ARG005

    # What the policy, a signal or an operator asks for

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self.lock.locked()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Has it done on the loop; what goes wrong is logged."""

        async def run() -> None:
            try:
                await work
            except (CrewError, LifecycleError, RegistryError) as error:
                self._log.error("%s", error)

        task = self._loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def renew(self, settings: Settings, reason: str) -> None:
        """From now on these settings; every worker that is older is replaced, one shard after another."""
        self._settings, self._reason = settings, reason
        self._again = True
        if self._renewing is None or self._renewing.done():
            self._renewing = self._loop.create_task(self._renew())
            self._tasks.add(self._renewing)
            self._renewing.add_done_callback(self._tasks.discard)

    async def renewed(self) -> bool:
        """Waits until nothing is being renewed; whether every worker is as new as the last request."""
        while self._renewing is not None and not self._renewing.done():
            await asyncio.wait([self._renewing])
        return self._complete

    async def recycle(self, shard: int, reason: str) -> None:
        """Replaces the worker of the shard, and no client notices. Raises HandoverError."""
        async with self.lock:
            await self._recycle(shard, reason)

    async def move(self, name: str, shard: int | None, reason: str = "an operator's wish") -> Tenant:
        """The tenant, pinned to the shard (None: where its name belongs) and served there. Raises HandoverError,
        LifecycleError."""
        async with self.lock, self._holds.held(name, "move", BUSY_TIMEOUT_S):
            return await self._move(name, shard, reason)

    def cancel(self) -> None:
        """The server stops: nothing is handed over any more."""
        for task in (*self._tasks, *self._farewells.values()):
            task.cancel()

    async def quiet(self) -> None:
        """Waits until nobody departs any more and nothing is on its way to an heir. The lock is held."""
        while self._farewells:
            await asyncio.wait(self._farewells.values())
        while not self._berths.forward():
            await asyncio.sleep(FORWARD_STEP_S)

    # A fresh worker

    async def _renew(self) -> None:
        while self._again:
            self._again = False
            self._complete = await self._renew_all(time.monotonic())

    async def _renew_all(self, since: float) -> bool:
        """Whether everything is as the settings say, and no worker is older."""
        complete = True
        try:
            async with self.lock:
                if self._settings.shards != self._directory.routes.shards:
                    await self._reshard(self._settings.shards)
        except CrewError as error:
            self._log.error("%s", error)
            complete = False  # the rest of the settings counts all the same
        try:
            for shard in range(self._directory.routes.shards):
                async with self.lock:
                    seat = self._crew.seat(shard)
                    if seat is not None and seat.started < since:
                        await self._recycle(shard, self._reason)
        except CrewError as error:
            self._log.error("not all workers are renewed: %s", error)
            self.note("reload", "", -1, f"not all workers are renewed: {error}")
            complete = False
        return complete

    async def _recycle(self, shard: int, reason: str) -> None:
        routes = self._directory.routes
        if shard >= routes.shards:
            raise HandoverError(f"there is no shard {shard}")
        former = routes.berths[shard]
        await self._no_heir(former)
        began = time.monotonic()
        try:
            successor = await self._bring(shard)
            predecessor = self._crew.seats.get(former)
            berths = tuple(successor.berth if berth == former else berth for berth in routes.berths)
            live = await self._handover.change(
                Routes(berths), [successor.berth], [former], self._release_s, reversible=True
            )
        except CrewError as error:
            said = f"shard {shard} keeps its worker ({reason}): {error}"
            self.note("recycled", "", shard, said)
            await self._forget_strays()
            raise HandoverError(said) from error
        took = time.monotonic() - began
        said = f"pid {predecessor.pid if predecessor else 0} gives way to pid {successor.pid}: {reason}"
        self._log.info("shard %d: %s (%d tenants handed over live, %.2f s)", shard, said, live, took)
        self.note("recycled", "", shard, said)
        if predecessor is not None and self._crew.seats.get(former) is predecessor:
            await self._part(predecessor, successor.berth)
        else:
            self._berths.heirs[former] = successor.berth

    async def _bring(self, shard: int) -> Seat:
        deadline = time.monotonic() + BERTH_TIMEOUT_S
        while (berth := self._crew.free_berth()) is None:
            if time.monotonic() > deadline or not self._farewells:
                raise HandoverError("no berth is free for another worker")
            await asyncio.wait(self._farewells.values(), timeout=1, return_when=asyncio.FIRST_COMPLETED)
        self._brought.add(berth)
        try:
            return await self._crew.bring(shard, berth, READY_TIMEOUT_S)
        except CrewError as error:
            raise HandoverError(str(error)) from error

    async def _forget_strays(self) -> None:
        """Workers that no route leads to, after a handover that was given up: they depart, their queues have heirs."""
        routes = self._directory.routes.berths
        for berth, seat in list(self._crew.seats.items()):
            if berth not in routes and seat.heir is None:
                await self._part(seat, routes[seat.shard] if seat.shard < len(routes) else routes[0])
        for berth in self._brought - self._crew.seats.keys() - self._berths.heirs.keys() - {*routes}:
            self._berths.heirs[berth] = routes[0]

    # Farewell

    async def _part(self, seat: Seat, heir: int) -> None:
        """Has a worker that owns nothing pass on its connections and end; waits a moment for it."""
        task = self._farewells[seat.berth] = self._loop.create_task(self._farewell(seat, heir))
        task.add_done_callback(lambda _: self._farewells.pop(seat.berth, None))
        await asyncio.wait([task], timeout=LINGER_S)

    async def _farewell(self, seat: Seat, heir: int) -> None:
        seat.leaving, seat.heir = True, heir
        self._berths.heirs[seat.berth] = heir
        limit_s = self._settings.http.write_timeout_s + DEPART_SPARE_S
        try:
            await self._crew.order(seat, lambda number: Depart(number, heir), ACK_TIMEOUT_S)
        except WorkerLost as lost:
            self._log.error("a worker died while it departed: %s", lost)
        else:
            await asyncio.wait([seat.gone], timeout=limit_s)
            if not seat.gone.done():
                await self._crew.end(seat, f"it still has connections {limit_s:.0f} s after it was told to depart")
        self.forward()

    def forward(self) -> None:
        """Moves what arrived at berths that were left. Called at every tick too: a sender may have been slow."""
        self._berths.forward()

    async def _no_heir(self, berth: int) -> None:
        """Waits until nobody departs to this berth: its worker is about to depart itself."""
        while waiting := [
            task
            for left, task in self._farewells.items()
            if (seat := self._crew.seats.get(left)) is not None and seat.heir == berth
        ]:
            await asyncio.wait(waiting)

    # Another number of shards

    async def _reshard(self, shards: int) -> None:
        """Raises HandoverError."""
        routes = self._directory.routes
        if shards > shards_max(self._berths.count):
            raise HandoverError(
                f"a running server can have up to {shards_max(self._berths.count)} shards; for {shards} start it again"
            )
        self._log.info("%d shards become %d", routes.shards, shards)
        try:
            live = await (self._grow(routes, shards) if shards > routes.shards else self._shrink(routes, shards))
        except CrewError as error:
            self.note("shards", "", -1, f"{routes.shards} shards stay: {error}")
            await self._forget_strays()
            self._shelf.fit(self._directory.routes.shards)
            raise HandoverError(f"{routes.shards} shards stay: {error}") from error
        self._log.info("%d shards now; %d tenants were handed over live", shards, live)
        self.note("shards", "", -1, f"{routes.shards} shards became {shards}")

    async def _grow(self, routes: Routes, shards: int) -> int:
        self._shelf.fit(shards)
        added = [(await self._bring(shard)).berth for shard in range(routes.shards, shards)]
        return await self._handover.change(
            Routes((*routes.berths, *added)), added, routes.berths, self._release_s, reversible=False
        )

    async def _shrink(self, routes: Routes, shards: int) -> int:
        staying, removed = routes.berths[:shards], routes.berths[shards:]
        for berth in removed:
            await self._no_heir(berth)
        live = await self._handover.change(Routes(staying), staying, removed, self._release_s, reversible=False)
        self._shelf.fit(shards)
        for number, berth in enumerate(removed):
            heir = staying[number % len(staying)]
            seat = self._crew.seats.get(berth)
            if seat is None:
                self._berths.heirs[berth] = heir
            else:
                await self._part(seat, heir)
        return live

    # Another shard for a tenant

    async def _move(self, name: str, shard: int | None, reason: str) -> Tenant:
        directory, routes = self._directory, self._directory.routes
        tenant = directory.get(name)
        if tenant is None:
            raise LifecycleError(f"there is no tenant {name}")
        if shard is not None and not 0 <= shard < routes.shards:
            raise HandoverError(f"there is no shard {shard}; there are {routes.shards}, from 0 on")
        pinned = msgspec.structs.replace(tenant, shard=shard)
        target_shard = directory.place(pinned)
        source, target = directory.owner(tenant), routes.berths[target_shard]
        former_shard = directory.shard(tenant)

        def commit() -> None:
            directory.put(pinned)
            try:
                self._registry.put(pinned)
            except RegistryError as error:  # it says where the tenant is, and the next start ends the move
                self._log.error("tenant %s is moved, though: %s", name, error)

        if source == target:
            self._note_pin(pinned)
            directory.put(pinned)
        else:
            if await self._crew.present(target, READY_TIMEOUT_S) is None:
                raise HandoverError(f"shard {target_shard} has no worker")
            # who finds it so at the next start knows what was cut off
            self._note_pin(take("move", pinned) if tenant.state is TenantState.ACTIVE else pinned)
            try:
                await self._handover.pass_on(tenant, source, target, self._release_s, commit)
            except HandoverError:
                self._note_pin(tenant)
                raise
        await self._crew.tell_all(lambda number: TenantPut(number, pinned))
        await self._crew.tell_all(lambda number: Settle(number, directory.routes, {}))
        said = f"from shard {former_shard} to shard {target_shard}: {reason}"
        self._log.info("tenant %s moved %s", name, said, extra={"tenant": name, "shard": target_shard})
        self.note("moved", name, target_shard, said)
        return pinned

    def _note_pin(self, tenant: Tenant) -> None:
        try:
            self._registry.put(tenant)
        except RegistryError as error:
            raise HandoverError(str(error)) from error

    @property
    def _release_s(self) -> float:
        return float(self._settings.supervision.graceful_timeout_s)
