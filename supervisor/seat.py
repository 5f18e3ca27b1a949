"""One worker process as the supervisor talks to it, and what it was asked and has not answered yet."""

import asyncio
import socket
import time
from collections.abc import Callable

from supervisor.contract.channel import Channel
from supervisor.contract.messages import Progress, Reply
from supervisor.contract.usage import WorkerUsage

OnProgress = Callable[[Progress], None]


class Asked:
    """A message that waits for its reply."""

    __slots__ = ("answer", "heard", "on_progress")

    def __init__(self, answer: asyncio.Future[Reply], on_progress: OnProgress | None) -> None:
        self.answer = answer
        self.on_progress = on_progress
        self.heard = time.monotonic()


class Seat:
    """One worker process. `gone` is done once it was reaped; `heir` is the berth it departs to, if it was told to."""

    __slots__ = (
        "asked",
        "berth",
        "channel",
        "gone",
        "heir",
        "leaving",
        "lost",
        "pid",
        "ready",
        "shard",
        "sock",
        "started",
        "usage",
    )

    def __init__(self, shard: int, berth: int, pid: int, sock: socket.socket, gone: asyncio.Future[None]) -> None:
        self.shard = shard
        self.berth = berth
        self.pid = pid
        self.sock = sock
        self.channel: Channel | None = None
        self.asked: dict[int, Asked] = {}
        self.gone = gone
        self.heir: int | None = None
        self.started = time.monotonic()
        self.usage: WorkerUsage | None = None
        self.ready = False  # it has said something, so it serves
        self.leaving = False  # it was told to finish
        self.lost = False

    def __str__(self) -> str:
        return f"shard {self.shard} (pid {self.pid})"

    @property
    def said(self) -> bool:
        """Whether everything told to the worker has left this process."""
        return self.channel is not None and not self.channel.unsent

    def detach(self) -> bytes:
        """Hears no more: what was heard and is no whole message yet."""
        return self.channel.detach() if self.channel is not None else b""

    def reattach(self) -> None:
        """Hears again."""
        if self.channel is not None:
            self.channel.reattach()

    @property
    def open(self) -> bool:
        """Whether a message can be sent."""
        return self.channel is not None and self.channel.open and not self.lost


class Wanted:
    """A worker that is to be forked as soon as the loop stands still."""

    __slots__ = ("berth", "seat", "shard")

    def __init__(self, shard: int, berth: int, seat: asyncio.Future[Seat]) -> None:
        self.shard = shard
        self.berth = berth
        self.seat = seat
