"""The workers as the supervisor talks to them: a seat for each process, and what is asked of whoever sits there.

A seat is at a berth and lasts from the fork of a worker until it is reaped. When its channel ends before, everything
that was asked and not answered ends too: an acknowledgement counts as given (the worker is gone, and its successor gets
the whole directory by fork), a call fails. Everything here runs on the arbiter's loop.

Which seat serves a shard follows from the directory's routes. While tenants change owners (`supervisor.handover`), a
shard may have two workers; calls to a tenant whose owner is about to change wait until it has changed.
"""

import asyncio
import logging
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from supervisor.contract.channel import Channel, attach
from supervisor.contract.messages import (
    STOPPING,
    Answer,
    Ask,
    Call,
    Due,
    Message,
    Notice,
    Progress,
    Reply,
    Scheduled,
    TenantFailed,
    UsageReport,
)
from supervisor.contract.shardmap import Directory
from supervisor.contract.usage import WorkerUsage
from supervisor.seat import Asked, OnProgress, Seat, Wanted

ACK_TIMEOUT_S = 30.0  # longer than it takes to abort a hung worker
SUCCESSOR_TIMEOUT_S = 30.0
SILENCE_TIMEOUT_S = 120.0  # a call that neither answers nor tells progress
DRAIN_S = 5.0  # how long the channel of a dead worker may still be read
END_S = 2.0  # how long a worker whose channel has ended may take to end itself

__all__ = ["Crew", "CrewError", "OnProgress", "WorkerLost"]


class CrewError(Exception):
    """A worker did not do what it was asked; one line for the operator."""


class WorkerLost(CrewError):  # noqa: N818 (a name that says what happened)
    """The worker died before it answered."""


class Crew:
    """All seats by berth. The callbacks get what workers tell or ask unasked; `kill` sends a signal to a worker, and
    `stand_still` ends the loop's turn, so that what is wanted is forked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, directory: Directory, berths: int, log: logging.Logger) -> None:
        self._loop = loop
        self._directory = directory
        self._berths = berths
        self._log = log
        self._last_id = 0
        self._changed: set[asyncio.Future[None]] = set()
        self._former: set[Seat] = set()
        self._wanted: list[Wanted] = []
        self._pauses = 0
        self._moving: Counter[str] = Counter()
        self.seats: dict[int, Seat] = {}
        self.closed: set[int] = set()  # berths whose worker is not replaced for now, should it die
        self.spawned: Counter[int] = Counter()  # workers forked for each shard
        self.served: set[int] = set()  # shards that have ever had a worker that spoke
        self.kill: Callable[[int, int], None] = lambda pid, number: None  # noqa: ARG005
        self.stand_still: Callable[[], None] = lambda: None
        self.on_usage: Callable[[WorkerUsage], None] = lambda usage: None  # noqa: ARG005
        self.on_failed: Callable[[TenantFailed], None] = lambda failed: None  # noqa: ARG005
        self.on_jobs: Callable[[Scheduled | Due], None] = lambda told: None  # noqa: ARG005
        self.on_lost: Callable[[int], None] = lambda berth: None  # noqa: ARG005
        self.on_ask: Callable[[str, str], Any] = lambda what, tenant: None  # noqa: ARG005
        self.on_notice: Callable[[Notice], None] = lambda notice: None  # noqa: ARG005

    # Who is there

    def seat(self, shard: int) -> Seat | None:
        """The process that serves the shard now; None while there is none."""
        berths = self._directory.routes.berths
        return self.seats.get(berths[shard]) if shard < len(berths) else None

    def vacant(self) -> list[tuple[int, int]]:
        """The (shard, berth) that want a worker now, the lowest shard first."""
        berths = self._directory.routes.berths
        taken = self.seats.keys() | self.closed
        return [(shard, berth) for shard, berth in enumerate(berths) if berth not in taken]

    @property
    def quiet(self) -> bool:
        """Whether every shard is served, nothing is asked of anybody, and everything told has left."""
        seats = [*self.seats.values(), *self._former]
        return not self.vacant() and all(seat.ready and seat.open and not seat.asked and seat.said for seat in seats)

    def free_berth(self) -> int | None:
        """The lowest berth that no process has and no route leads to."""
        taken = {*self.seats, *self._directory.routes.berths, *(wanted.berth for wanted in self._wanted)}
        return next((berth for berth in range(self._berths) if berth not in taken), None)

    # What the arbiter tells

    def take_seat(self, shard: int, berth: int, pid: int, sock: socket.socket, unread: bytes = b"") -> Seat:
        """A worker was forked; `sock` is the supervisor's end of its channel. Called while the loop stands still.

        The loop goes on as soon as the channel is being connected, so the seat is taken before: a change that is told
        meanwhile came after the fork, and the worker has to hear of it. `unread` was received from it already.
        """
        seat = Seat(shard, berth, pid, sock, self._loop.create_future())
        seat.channel = Channel(lambda message: self._heard(seat, message), lambda: self._lost(seat))
        self.seats[berth] = seat
        self.spawned[shard] += 1
        if unread:
            seat.channel.data_received(unread)
        self._loop.run_until_complete(attach(self._loop, sock, seat.channel))
        self._wake()
        return seat

    def reaped(self, berth: int) -> None:
        """The process at the berth is no more; its last words may still lie in the socket, and get a moment."""
        seat = self.seats.pop(berth, None)
        if seat is None:
            return
        if not seat.lost:
            self._former.add(seat)
            self.on_lost(berth)
            self._loop.call_later(DRAIN_S, self._lost, seat)
        if not seat.gone.done():
            seat.gone.set_result(None)
        self._wake()

    def told_to_leave(self, pid: int) -> None:
        """The worker was sent SIGTERM: calls that come now wait for its successor."""
        for seat in self.seats.values():
            if seat.pid == pid:
                seat.leaving = True

    def take_wanted(self) -> list[Wanted]:
        """What is to be forked now."""
        wanted, self._wanted = self._wanted, []
        return [one for one in wanted if not one.seat.done()]

    def leave_parent(self) -> None:
        """In a forked child: closes the supervisor's ends, without a word to anyone."""
        for seat in (*self.seats.values(), *self._former):
            seat.sock.close()

    # What the commands ask

    async def tell_all(self, message: Callable[[int], Message]) -> None:
        """Sends every worker a message and waits until each has applied it or is gone. Raises CrewError.

        Everything is sent before this gives way to the loop, and a fork happens only while the loop stands still: so
        each worker, also one forked meanwhile, knows the change either from its memory or from the message. Who
        departs is not told: it owns nothing and passes everything on.
        """
        seats = [seat for seat in (*self.seats.values(), *self._former) if seat.open and seat.heir is None]
        asked = [self._ask(seat, message, None) for seat in seats]
        if not asked:
            return
        await asyncio.wait([entry.answer for _, _, entry in asked], timeout=ACK_TIMEOUT_S)
        for seat, number, entry in asked:
            if not entry.answer.done():
                seat.asked.pop(number, None)
                raise CrewError(f"{seat} did not confirm within {ACK_TIMEOUT_S:.0f} s")
            if entry.answer.exception() is None and not (reply := entry.answer.result()).ok:
                raise CrewError(f"shard {seat.shard}: {reply.error}")

    async def call(
        self,
        owner: Callable[[], int],
        op: str,
        tenant: str,
        args: dict[str, Any],
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Has the worker at the berth `owner()` do something and returns its value. Raises CrewError (WorkerLost if it
        died).

        Waits while the tenant changes owners, and for a successor while its worker is being replaced.
        """
        seat = await self._owner(owner, tenant)
        _, number, asked = self._ask(seat, lambda number: Call(number, op, tenant, args), on_progress)
        while not asked.answer.done():
            left = asked.heard + SILENCE_TIMEOUT_S - time.monotonic()
            if left <= 0:
                seat.asked.pop(number, None)
                raise CrewError(f"{op} on tenant {tenant}: no sign of progress for {SILENCE_TIMEOUT_S:.0f} s")
            await asyncio.wait([asked.answer], timeout=left)
        reply = asked.answer.result()
        if not reply.ok:
            raise CrewError(reply.error or f"{op} on tenant {tenant} failed")
        return reply.value

    async def all_ready(self, timeout_s: float) -> bool:
        """Waits until every shard's worker has spoken; False when that took too long."""
        deadline = time.monotonic() + timeout_s
        shards = range(self._directory.routes.shards)
        while not all((seat := self.seat(shard)) is not None and seat.ready and not seat.lost for shard in shards):
            if not await self._change(deadline):
                return False
        return True

    async def _owner(self, owner: Callable[[], int], tenant: str) -> Seat:
        deadline = time.monotonic() + SUCCESSOR_TIMEOUT_S
        while True:
            if not self._pauses and not self._moving[tenant]:
                seat = self.seats.get(owner())
                if seat is not None and seat.open and not seat.leaving:
                    return seat
            if not await self._change(deadline):
                raise CrewError(f"tenant {tenant} has had no worker for {SUCCESSOR_TIMEOUT_S:.0f} s")

    # What a handover asks

    async def bring(self, shard: int, berth: int, timeout_s: float) -> Seat:
        """A new worker at a free berth, once it serves. Raises CrewError when it does not come to that."""
        wanted = Wanted(shard, berth, self._loop.create_future())
        self._wanted.append(wanted)
        self.stand_still()
        seat = await wanted.seat
        deadline = time.monotonic() + timeout_s
        while not seat.ready and not seat.lost and await self._change(deadline):
            pass
        if seat.ready and not seat.lost:
            return seat
        await self.end(seat, "" if seat.lost else f"it does not serve after {timeout_s:.0f} s")
        raise CrewError(f"the new worker of {seat} ended before it served")

    async def present(self, berth: int, timeout_s: float) -> Seat | None:
        """The worker at the berth, once it serves; None when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while (seat := self.seats.get(berth)) is None or not seat.ready or not seat.open:
            if not await self._change(deadline):
                return None
        return seat

    async def order(self, seat: Seat, message: Callable[[int], Message], timeout_s: float) -> Any:
        """Has this very worker carry out a step of a handover and returns the reply's value.

        Raises WorkerLost when it does not, and then the process has been reaped: whoever refuses, or does not answer in
        time, is killed, because nobody could say any more what it owns.
        """
        reason = ""
        if not seat.open:
            await self.end(seat)
            raise WorkerLost(f"{seat} has died")
        _, number, asked = self._ask(seat, message, None)
        await asyncio.wait([asked.answer], timeout=timeout_s)
        if not asked.answer.done():
            seat.asked.pop(number, None)
            reason = f"no answer to {type(message(0)).__name__} within {timeout_s:.0f} s"
        elif asked.answer.exception() is None:
            reply = asked.answer.result()
            if reply.ok:
                return reply.value
            reason = f"{type(message(0)).__name__} failed: {reply.error}"
        await self.end(seat, reason)
        raise WorkerLost(f"{seat}: {reason or 'died'}")

    async def end(self, seat: Seat, reason: str = "") -> None:
        """Waits until the worker is reaped; kills it at once for a reason, or when its end takes too long."""
        if not reason and not seat.gone.done():
            await asyncio.wait([seat.gone], timeout=END_S)
        if not seat.gone.done():
            self._log.error("%s: killing it: %s", seat, reason or "its channel has ended, but it has not")
            self.kill(seat.pid, signal.SIGKILL)
            await asyncio.wait([seat.gone])

    @contextmanager
    def paused(self, tenant: str | None = None) -> Iterator[None]:
        """Meanwhile no call is sent: none to this tenant, or none at all."""
        if tenant is None:
            self._pauses += 1
        else:
            self._moving[tenant] += 1
        try:
            yield
        finally:
            if tenant is None:
                self._pauses -= 1
            elif self._moving[tenant] > 1:
                self._moving[tenant] -= 1
            else:
                del self._moving[tenant]
            self._wake()

    def _ask(
        self, seat: Seat, message: Callable[[int], Message], on_progress: OnProgress | None
    ) -> tuple[Seat, int, Asked]:
        self._last_id += 1
        number = self._last_id
        asked = seat.asked[number] = Asked(self._loop.create_future(), on_progress)
        assert seat.channel is not None
        seat.channel.send(message(number))
        return seat, number, asked

    # What the workers say

    def _heard(self, seat: Seat, message: Message) -> None:
        self._speaks(seat)
        match message:
            case Reply(error=error) if error == STOPPING:
                pass  # what was asked stays open until the worker's end: to kill it now would cut off what it finishes
            case Reply():
                asked = seat.asked.pop(message.id, None)
                if asked is not None and not asked.answer.done():
                    asked.answer.set_result(message)
            case Progress():
                asked = seat.asked.get(message.id)
                if asked is not None:
                    asked.heard = time.monotonic()
                    if asked.on_progress is not None:
                        asked.on_progress(message)
            case UsageReport():
                seat.usage = message.usage
                self.on_usage(message.usage)
            case TenantFailed():
                self.on_failed(message)
            case Scheduled() | Due():
                self.on_jobs(message)
            case Ask():
                self._answer(seat, message)
            case Notice():
                self.on_notice(message)
            case _:
                self._log.error("%s sent %s", seat, type(message).__name__)

    def _speaks(self, seat: Seat) -> None:
        """Its first word says that it serves."""
        if not seat.ready:
            seat.ready = True
            self.served.add(seat.shard)
            self._wake()

    def _answer(self, seat: Seat, ask: Ask) -> None:
        try:
            value = self.on_ask(ask.what, ask.tenant)
        except Exception:  # whatever is wrong with it, the worker waits for an answer
            self._log.exception("%s asked for %s of tenant %s", seat, ask.what, ask.tenant)
            value = None
        if seat.channel is not None:
            seat.channel.send(Answer(ask.id, value))

    def _lost(self, seat: Seat) -> None:
        if seat.lost:
            return
        seat.lost = True
        self._former.discard(seat)
        if seat.channel is not None:
            seat.channel.close()
        for asked in seat.asked.values():
            if not asked.answer.done():
                asked.answer.set_exception(WorkerLost(f"the worker of {seat} died meanwhile"))
                asked.answer.exception()  # nobody need look at it
        seat.asked.clear()
        if self.seats.get(seat.berth) is seat:
            self.on_lost(seat.berth)
        self._wake()

    async def _change(self, deadline: float) -> bool:
        """Waits until some seat changes; False when the deadline (monotonic seconds) passes first."""
        changed: asyncio.Future[None] = self._loop.create_future()
        self._changed.add(changed)
        await asyncio.wait([changed], timeout=max(0.0, deadline - time.monotonic()))
        self._changed.discard(changed)
        return changed.done()

    def _wake(self) -> None:
        for changed in self._changed:
            if not changed.done():
                changed.set_result(None)
