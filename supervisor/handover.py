"""How tenants change owners while they are served: the steps of `contract.messages`, and deaths in the middle.

The supervisor's own directory is the truth that every fork inherits, so it is changed in the moment in which ownership
changes, and never lets a worker that is forked just then own what another one still has:

    Gain    → gaining            nothing has changed; a death here: the former routes stay
    Lose    → losing             they open nothing more of what they lose; a death here: the former routes, as above
    ── the directory changes: routes in force, but for what is kept ──
    Settle  → gaining, losing, then the others
    for each kept tenant, a few at a time:
        Expect → target;  Release → source;  ── it is kept no more ──  Own → target
    Settle  → all

- Who loses and dies has lost everything, once it was reaped; a replacement forked meanwhile is asked like its
  predecessor. Nobody is told to own a tenant before.
- Who gains and dies: if the loser can take everything back (`reversible`: the successor of a worker died), the former
  routes are put in force again; else its shard gets a new worker like any other, which knows the directory.
- Who refuses a step or does not answer in time is killed (`Crew.order`): nobody could say what it owns. So each step
  ends, and with it each handover.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from supervisor.contract.messages import Expect, Gain, Lose, Message, Own, Release, Settle
from supervisor.contract.shardmap import Directory, Routes
from supervisor.contract.tenant import Tenant
from supervisor.crew import ACK_TIMEOUT_S, SUCCESSOR_TIMEOUT_S, Crew, CrewError, WorkerLost
from supervisor.seat import Seat
from supervisor.tenants.holds import Holds

PARALLEL = 4  # live tenants that change owners at a time
MINUTE_S = 60
CLEAR_S = 1.0  # before and after the full minute nothing changes owners all at once
EXPECTS_MAX = 3  # workers dying at one berth before a tenant is given to it all the same


async def _clear_of_the_minute() -> None:
    """Workers look for due jobs at the full minute: one that would fall between an owner and the next is waited for.

    Tenants that are handed over one by one are taken care of by the workers (`Due`).
    """
    past_s = time.time() % MINUTE_S
    if past_s > MINUTE_S - CLEAR_S or past_s < CLEAR_S:
        await asyncio.sleep((CLEAR_S - past_s) % MINUTE_S)


class HandoverError(CrewError):
    """It was given up, and the former owners own what they owned; one line for the operator."""


class _Fallen(Exception):  # noqa: N818 (what happened)
    """A gaining worker has died."""


class Handover:
    """The steps; one handover at a time, which the caller sees to (`supervisor.moves`)."""

    def __init__(self, crew: Crew, directory: Directory, holds: Holds, log: logging.Logger) -> None:
        self._crew = crew
        self._directory = directory
        self._holds = holds
        self._log = log

    async def change(
        self,
        routes: Routes,
        gaining: Collection[int],
        losing: Collection[int],
        release_s: float,
        *,
        reversible: bool,
    ) -> int:
        """Puts these routes in force; how many tenants were handed over live. Raises HandoverError.

        `gaining` and `losing` are berths. A live tenant has `release_s` to finish what runs.
        """
        former = self._directory.routes
        await _clear_of_the_minute()
        gainers = await self._present(gaining)
        concerned = {*gaining, *losing}
        self._crew.closed |= concerned
        committed = False
        try:
            await self._order(gaining, lambda number: Gain(number, routes))
            self._all_there(gainers)
            with self._crew.paused():  # a call that is sent now might go to who has just lost the tenant
                kept = await self._lose(losing, routes)
                self._all_there(gainers)
                committed = True
                await self._settle(concerned, routes, kept)
            if not reversible:
                self._crew.closed -= concerned
            await self._settle(self._crew.seats.keys() - concerned, routes, kept)
            await self._pass_all(list(kept), gainers if reversible else {}, release_s)
            await self._settle(list(self._crew.seats), routes, {})
            if reversible:
                self._all_there(gainers)
        except _Fallen as fallen:
            for seat in gainers.values():
                if seat.lost or seat.gone.done():
                    await self._crew.end(seat)  # nobody may own again what a process still has
            if committed and not any(berth in self._crew.seats for berth in losing):
                # Nobody is left to take it back, nor has anybody what was kept.
                self._log.error("%s, and its predecessor too; a new worker takes over", fallen)
                await self._settle(list(self._crew.seats), routes, {})
                return 0
            with self._crew.paused():
                await self._settle(concerned, former, {})
            await self._settle(self._crew.seats.keys() - concerned, former, {})
            raise HandoverError(f"{fallen}; the former owners go on") from None
        finally:
            self._crew.closed -= concerned
        return len(kept)

    async def pass_on(
        self,
        tenant: Tenant,
        source: int,
        target: int,
        release_s: float,
        then: Callable[[], None],
        *,
        insist: bool = False,
    ) -> None:
        """One tenant from berth to berth; `then` makes the directory say so. Raises HandoverError if `target` dies
        before anything has changed, unless `insist`ed: then its replacement will own the tenant."""
        crew, name = self._crew, tenant.name
        with crew.paused(name):
            expecting = crew.seats.get(target)
            if expecting is not None:
                try:
                    await crew.order(expecting, lambda number: Expect(number, name), ACK_TIMEOUT_S)
                except WorkerLost as lost:
                    if not insist:
                        raise HandoverError(f"tenant {name} stays where it is: {lost}") from lost
            warm = await self._release(name, source, target, release_s)
            then()
            owner = crew.seats.get(target)
            if owner is None:
                return  # whoever is forked there knows it from the directory
            try:
                await crew.order(owner, lambda number: Own(number, name, warm), ACK_TIMEOUT_S)
            except WorkerLost as lost:
                self._log.error("tenant %s: its new owner died: %s", name, lost)

    async def _release(self, name: str, source: int, target: int, release_s: float) -> bool:
        """Whether the tenant was live at the berth, where nothing of it is open any more and nobody opens it."""
        seats = self._crew.seats
        warm = False
        while (seat := seats.get(source)) is not None:
            try:
                told = await self._crew.order(
                    seat, lambda number: Release(number, name, target, release_s), release_s + ACK_TIMEOUT_S
                )
            except WorkerLost as lost:
                self._log.error("tenant %s: its owner died before it let go: %s", name, lost)
                continue
            warm = bool(told)
            if seats.get(source) is seat:  # else it died right after, and its replacement owns what the directory says
                break
        return warm

    async def _pass_all(self, names: list[str], gainers: dict[int, Seat], release_s: float) -> None:
        """Hands over what was kept. Stops with the death of a gainer, when all that is under way has ended."""
        limit = asyncio.Semaphore(PARALLEL)

        async def one(name: str) -> None:
            async with limit:
                self._all_there(gainers)
                await self._pass_kept(name, gainers, release_s)

        ends = await asyncio.gather(*(one(name) for name in names), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, _Fallen):
                raise end
        self._all_there(gainers)

    async def _pass_kept(self, name: str, gainers: dict[int, Seat], release_s: float) -> None:
        directory = self._directory
        # What an operator has begun with it goes on to its end: it tells its progress, or is given up.
        async with self._holds.held(name, "handover"):
            for attempt in range(1, EXPECTS_MAX + 1):
                tenant, source = directory.get(name), directory.kept.get(name)
                if tenant is None or source is None:
                    return  # it was deleted meanwhile
                target = directory.routes.berths[directory.shard(tenant)]
                insist = attempt == EXPECTS_MAX
                try:
                    await self.pass_on(tenant, source, target, release_s, self._not_kept(name), insist=insist)
                except HandoverError:
                    self._all_there(gainers)
                else:
                    return

    def _not_kept(self, name: str) -> Callable[[], None]:
        def then() -> None:
            self._directory.kept.pop(name, None)

        return then

    async def _lose(self, losing: Collection[int], routes: Routes) -> dict[str, int]:
        """Tenants that the losing workers keep for now, with their berths."""
        seats = [seat for berth in losing if (seat := self._crew.seats.get(berth)) is not None]

        async def ask(seat: Seat) -> list[str]:
            try:
                return list(await self._crew.order(seat, lambda number: Lose(number, routes), ACK_TIMEOUT_S) or ())
            except WorkerLost as lost:
                self._log.error("who was to hand over has died: %s", lost)
                return []

        answers = await asyncio.gather(*(ask(seat) for seat in seats))
        here = self._crew.seats
        return {
            name: seat.berth
            for seat, names in zip(seats, answers, strict=True)
            if here.get(seat.berth) is seat
            for name in names
            if self._directory.get(name) is not None
        }

    async def _settle(self, berths: Collection[int], routes: Routes, kept: dict[str, int]) -> None:
        self._directory.settle(routes, kept)
        told = dict(kept)
        await self._order(berths, lambda number: Settle(number, routes, told))

    async def _order(self, berths: Collection[int], message: Callable[[int], Message]) -> None:
        """Has the workers at these berths do it; who dies of it, or before, has no part in it any more."""
        seats = [seat for berth in berths if (seat := self._crew.seats.get(berth)) is not None and seat.heir is None]
        ends = await asyncio.gather(
            *(self._crew.order(seat, message, ACK_TIMEOUT_S) for seat in seats), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, WorkerLost):
                self._log.error("a worker died during a handover: %s", end)
            elif isinstance(end, BaseException):
                raise end

    async def _present(self, berths: Collection[int]) -> dict[int, Seat]:
        found = {}
        for berth in berths:
            seat = await self._crew.present(berth, SUCCESSOR_TIMEOUT_S)
            if seat is None:
                raise HandoverError(f"berth {berth} has had no worker for {SUCCESSOR_TIMEOUT_S:.0f} s")
            found[berth] = seat
        return found

    def _all_there(self, gainers: dict[int, Seat]) -> None:
        for berth, seat in gainers.items():
            if self._crew.seats.get(berth) is not seat or seat.lost:
                raise _Fallen(f"{seat} died before it had taken over")
