"""The workers as the supervisor talks to them: one seat a shard, and what is asked of whoever sits there.

A seat lasts as long as one worker process. When its channel ends, everything that was asked and not answered ends too:
an acknowledgement counts as given (the worker is gone, and its successor gets the whole directory by fork), a call
fails. Everything here runs on the arbiter's loop.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from supervisor.contract.channel import Channel, attach
from supervisor.contract.messages import Call, Message, Progress, Reply, TenantFailed, UsageReport
from supervisor.contract.usage import WorkerUsage

ACK_TIMEOUT_S = 30.0  # longer than it takes to abort a hung worker
SUCCESSOR_TIMEOUT_S = 30.0
SILENCE_TIMEOUT_S = 120.0  # a call that neither answers nor tells progress
DRAIN_S = 5.0  # how long the channel of a dead worker may still be read

OnProgress = Callable[[Progress], None]


class CrewError(Exception):
    """A worker did not do what it was asked; one line for the operator."""


class WorkerLost(CrewError):  # noqa: N818 (a name that says what happened)
    """The worker died before it answered."""


class _Asked:
    """A message that waits for its reply."""

    __slots__ = ("answer", "heard", "on_progress")

    def __init__(self, answer: asyncio.Future[Reply], on_progress: OnProgress | None) -> None:
        self.answer = answer
        self.on_progress = on_progress
        self.heard = time.monotonic()


class Seat:
    """One worker process of a shard."""

    __slots__ = ("asked", "channel", "leaving", "lost", "pid", "ready", "shard", "sock", "started", "usage")

    def __init__(self, shard: int, pid: int, sock: socket.socket) -> None:
        self.shard = shard
        self.pid = pid
        self.sock = sock
        self.channel: Channel | None = None
        self.asked: dict[int, _Asked] = {}
        self.started = time.monotonic()
        self.usage: WorkerUsage | None = None
        self.ready = False  # it has said something, so it serves
        self.leaving = False  # it was told to finish
        self.lost = False

    @property
    def open(self) -> bool:
        """Whether a message can be sent."""
        return self.channel is not None and self.channel.open and not self.lost


class Crew:
    """All seats. `on_usage` and `on_failed` get what workers tell unasked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, shards: int, log: logging.Logger) -> None:
        self._loop = loop
        self._log = log
        self._last_id = 0
        self._changed: set[asyncio.Future[None]] = set()
        self._former: set[Seat] = set()
        self.seats: list[Seat | None] = [None] * shards
        self.spawned = [0] * shards
        self.served = [False] * shards  # whether the shard has ever had a worker that spoke
        self.on_usage: Callable[[WorkerUsage], None] = lambda usage: None  # noqa: ARG005
        self.on_failed: Callable[[TenantFailed], None] = lambda failed: None  # noqa: ARG005
        self.on_lost: Callable[[int], None] = lambda shard: None  # noqa: ARG005

    # What the arbiter tells

    def take_seat(self, shard: int, pid: int, sock: socket.socket) -> None:
        """A worker was forked; `sock` is the supervisor's end of its channel. Called while the loop stands still.

        The loop goes on as soon as the channel is being connected, so the seat is taken before: a change that is told
        meanwhile came after the fork, and the worker has to hear of it.
        """
        former = self.seats[shard]
        if former is not None and not former.lost:
            # Its last words may still lie in the socket; give them a moment, then cut it off.
            self._former.add(former)
            self.on_lost(shard)
            self._loop.call_later(DRAIN_S, self._lost, former)
        seat = Seat(shard, pid, sock)
        seat.channel = Channel(lambda message: self._heard(seat, message), lambda: self._lost(seat))
        self.seats[shard] = seat
        self.spawned[shard] += 1
        self._loop.run_until_complete(attach(self._loop, sock, seat.channel))
        self._wake()

    def told_to_leave(self, pid: int) -> None:
        """The worker was sent SIGTERM: calls that come now wait for its successor."""
        for seat in self.seats:
            if seat is not None and seat.pid == pid:
                seat.leaving = True

    def leave_parent(self) -> None:
        """In a forked child: closes the supervisor's ends, without a word to anyone."""
        for seat in (*self.seats, *self._former):
            if seat is not None:
                seat.sock.close()

    # What the commands ask

    async def tell_all(self, message: Callable[[int], Message]) -> None:
        """Sends every worker a message and waits until each has applied it or is gone. Raises CrewError.

        Everything is sent before this gives way to the loop, and a fork happens only while the loop stands still: so
        each worker, also one forked meanwhile, knows the change either from its memory or from the message.
        """
        asked = [self._ask(seat, message, None) for seat in self.seats if seat is not None and seat.open]
        asked += [self._ask(seat, message, None) for seat in self._former if seat.open]
        if not asked:
            return
        await asyncio.wait([entry.answer for _, _, entry in asked], timeout=ACK_TIMEOUT_S)
        for seat, number, entry in asked:
            if not entry.answer.done():
                seat.asked.pop(number, None)
                raise CrewError(f"shard {seat.shard} (pid {seat.pid}) did not confirm within {ACK_TIMEOUT_S:.0f} s")
            if entry.answer.exception() is None and not (reply := entry.answer.result()).ok:
                raise CrewError(f"shard {seat.shard}: {reply.error}")

    async def call(
        self, shard: int, op: str, tenant: str, args: dict[str, Any], on_progress: OnProgress | None = None
    ) -> Any:
        """Has the worker of the shard do something and returns its value. Raises CrewError (WorkerLost if it died).

        Waits for a successor while the worker is being replaced.
        """
        seat = await self._present(shard)
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
        while not all(seat is not None and seat.ready and not seat.lost for seat in self.seats):
            if not await self._change(deadline):
                return False
        return True

    async def _present(self, shard: int) -> Seat:
        deadline = time.monotonic() + SUCCESSOR_TIMEOUT_S
        while True:
            seat = self.seats[shard]
            if seat is not None and seat.open and not seat.leaving:
                return seat
            if not await self._change(deadline):
                raise CrewError(f"shard {shard} has had no worker for {SUCCESSOR_TIMEOUT_S:.0f} s")

    def _ask(
        self, seat: Seat, message: Callable[[int], Message], on_progress: OnProgress | None
    ) -> tuple[Seat, int, _Asked]:
        self._last_id += 1
        number = self._last_id
        asked = seat.asked[number] = _Asked(self._loop.create_future(), on_progress)
        assert seat.channel is not None
        seat.channel.send(message(number))
        return seat, number, asked

    # What the workers say

    def _heard(self, seat: Seat, message: Message) -> None:
        if not seat.ready:
            seat.ready = True
            self.served[seat.shard] = True
            self._wake()
        match message:
            case Reply():
                asked = seat.asked.pop(message.id, None)
                if asked is not None:
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
            case _:
                self._log.error("shard %d (pid %d) sent %s", seat.shard, seat.pid, type(message).__name__)

    def _lost(self, seat: Seat) -> None:
        if seat.lost:
            return
        seat.lost = True
        self._former.discard(seat)
        if seat.channel is not None:
            seat.channel.close()
        for asked in seat.asked.values():
            asked.answer.set_exception(WorkerLost(f"the worker of shard {seat.shard} (pid {seat.pid}) died meanwhile"))
            asked.answer.exception()  # nobody need look at it
        seat.asked.clear()
        if self.seats[seat.shard] is seat:
            self.on_lost(seat.shard)
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
