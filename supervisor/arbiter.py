"""The supervisor process: gunicorn's Arbiter with stable shards, and an event loop in the place where it waits.

gunicorn forks, reaps, handles signals and checks heartbeats. What differs here:

- A worker has a shard, the lowest free one, for life; its successor takes over the same. The number is fixed.
- A successor starts only when its predecessor was reaped, also on SIGHUP: a tenant never has two owners.
- While gunicorn would sleep, an asyncio loop runs: the operator's commands and the workers' channels live on it. There
  are no threads, and the loop stands still whenever a worker is forked.
- A forked child must not touch what it inherited: it lets go of the parent's loop (see `pump`) and sockets, and leaves
  through `os._exit`, so that nothing of the parent is ever unwound in it.
"""

import contextlib
import gc
import math
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.sock import close_sockets

from supervisor.contract.board import Board
from supervisor.contract.channel import pair
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots
from supervisor.crew import Crew
from supervisor.pump import Pump
from supervisor.tick import Tick

POLL_S = 0.05
QUICK_STOP_S = 2.0
KILLED_S = 5.0
SUCCESSOR_READY_S = 15.0
SHORT_LIFE_S = 5.0
SHORT_LIVES_FREE = 2
RESPAWN_DELAY_FIRST_S = 0.25
RESPAWN_DELAY_MAX_S = 10.0
HELD_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGABRT, signal.SIGHUP)


class Desk(Protocol):
    """Where the operator's commands arrive."""

    def open(self) -> None:
        """Starts to take commands."""

    def shut(self) -> None:
        """Takes no new ones."""

    def leave_parent(self) -> None:
        """In a forked child: closes the inherited sockets."""


@dataclass(slots=True)
class Parts:
    """What the arbiter works with; built in `app.py`."""

    settings: Settings
    directory: Directory
    slots: Slots
    crew: Crew
    tick: Tick
    desk: Desk
    pump: Pump
    shard_listeners: list[socket.socket]
    reread: Callable[[], Settings]


class ShardArbiter(Arbiter):
    """The supervisor."""

    def __init__(self, app: Any) -> None:
        self.parts: Parts = app.parts
        shards = self.parts.settings.shards
        self.WORKERS: dict[int, Any] = {}
        self.LISTENERS: list[Any] = []
        # Made before any fork: every process has all ends. Both ends stay open here, so that connections passed to a
        # shard whose worker is being replaced wait in the queue.
        self._links = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(shards)]
        self._signals: list[int] = []
        self._next_tick = 0.0
        self._not_before = [0.0] * shards
        self._short_lives = [0] * shards
        self._spawned = [-math.inf] * shards
        self._delay = [0.0] * shards
        self._outfit: tuple[int, socket.socket] | None = None
        super().__init__(app)

    # The loop in the place of the wait

    def init_signals(self) -> None:
        """gunicorn's handlers queue the signal; the wakeup descriptor ends the wait at once."""
        super().init_signals()
        self.parts.pump.install()

    def _collect(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                number = self.SIG_QUEUE.get_nowait()
                if number != self.WAKEUP_REQUEST:
                    self._signals.append(number)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """The signals that have arrived, after running the loop until there are some or a tick or respawn is due."""
        self._collect()
        if not self._signals:
            now = time.monotonic()
            due = [self._next_tick, *(self._not_before[shard] for shard in self._empty_shards())]
            self.parts.pump.turn(min(timeout, *(at - now for at in due)))
            self._collect()
        signals, self._signals = self._signals, []
        return signals

    def murder_workers(self) -> None:
        """gunicorn's look at the heartbeats, then, when it is due, one tick of ours."""
        super().murder_workers()
        now = time.monotonic()
        supervision = self.parts.settings.supervision
        if now >= self._next_tick:
            self._next_tick = now + supervision.tick_s
            self.parts.tick.run(
                [(worker.shard, pid) for pid, worker in self.WORKERS.items()],
                time.monotonic_ns(),
                hang_after_s=supervision.hang_after_s,
                send_signal=self.kill_worker,
            )

    # Shards

    def _empty_shards(self) -> list[int]:
        taken = {worker.shard for worker in self.WORKERS.values()}
        return [shard for shard in range(self.parts.settings.shards) if shard not in taken]

    def manage_workers(self) -> None:
        """Forks a worker for every empty shard, the lowest first; one that keeps dying at once has to wait."""
        now = time.monotonic()
        for shard in self._empty_shards():
            if now >= self._not_before[shard]:
                self._spawn(shard)

    def spawn_worker(self) -> int:
        """Forks a worker for the lowest empty shard and returns its pid."""
        return self._spawn(self._empty_shards()[0])

    def _spawn(self, shard: int) -> int:
        self.parts.slots.clear(shard)  # a dead worker's claim must not outlive it
        ours, theirs = pair()
        self._outfit = shard, theirs
        self._note_spawn(shard)
        # Whatever lives now is never looked at by the collector again, so the pages shared with the child stay shared.
        gc.collect()
        gc.freeze()
        # A signal between the fork and the child's own handlers would end in the inherited queue, unseen.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
        try:
            pid: int = super().spawn_worker()
        except BaseException as end:  # gunicorn ends the child by SystemExit; nothing else comes back from it
            if os.getpid() != self.pid:
                _leave(end)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            ours.close()
            theirs.close()
            if not isinstance(end, OSError):
                raise
            self.log.error("shard %d: cannot fork a worker: %s", shard, end)
            self._not_before[shard] = time.monotonic() + RESPAWN_DELAY_MAX_S
            return -1
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        self.parts.crew.take_seat(shard, pid, ours)
        return pid

    def _note_spawn(self, shard: int) -> None:
        """Sets when the shard's next worker may be forked: at once, unless they keep dying young."""
        now = time.monotonic()
        young = now - self._spawned[shard] < SHORT_LIFE_S + self._delay[shard]
        self._short_lives[shard] = self._short_lives[shard] + 1 if young else 0
        doublings = self._short_lives[shard] - SHORT_LIVES_FREE
        self._delay[shard] = 0.0 if doublings < 0 else min(RESPAWN_DELAY_FIRST_S * 2**doublings, RESPAWN_DELAY_MAX_S)
        self._spawned[shard] = now
        self._not_before[shard] = now + self._delay[shard]

    def equip(self, worker: Any) -> None:
        """Hook before the fork: what the worker starts with."""
        assert self._outfit is not None
        parts = self.parts
        worker.shard, channel = self._outfit
        worker.board = Board(
            settings=parts.settings,
            directory=parts.directory,
            slots=parts.slots,
            links=self._links,
            channel=channel,
            shard_listeners=parts.shard_listeners,
        )

    def leave_parent(self) -> None:
        """Hook after the fork, in the child: lets go of the parent's loop and sockets."""
        for number in HELD_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor answers it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
        self.parts.pump.leave_parent()
        self.parts.desk.leave_parent()
        self.parts.crew.leave_parent()

    def reap_workers(self) -> None:
        """Reaps. A worker that fails to boot ends the server only at its start; later it's tried again."""
        while True:
            try:
                super().reap_workers()
            except HaltServer:
                if not all(self.parts.crew.served):
                    raise
                self.log.error("a worker failed to boot; trying again")
                continue  # others may have died with it, and no signal comes for them again
            return

    def kill_worker(self, pid: int, sig: int) -> None:
        """Sends the signal; a process that is gone already is nothing to do."""
        if sig in (signal.SIGTERM, signal.SIGQUIT):
            self.parts.crew.told_to_leave(pid)
        super().kill_worker(pid, sig)

    # Signals

    def handle_int(self) -> None:
        """Ctrl-C is as graceful as SIGTERM; `stop` answers a second one quickly."""
        raise StopIteration

    def handle_ttin(self) -> None:
        """The number of shards is fixed while the server runs."""
        self.log.warning("the number of shards is fixed; change `shards` and start again")

    handle_ttou = handle_ttin

    def handle_usr2(self) -> None:
        """A second supervisor beside this one would give every tenant two owners."""
        self.log.warning("SIGUSR2 is refused: two supervisors would both own every tenant")

    def reload(self) -> None:
        """Replaces one worker after another, each with the settings as they are in the file now."""
        self._stats["reloads"] += 1
        self.parts.settings = self._reread()
        self.app.reload()
        self.setup(self.app)
        self.log.reopen_files()
        for shard in range(self.parts.settings.shards):
            if self._replace(shard):
                return

    def _reread(self) -> Settings:
        try:
            return self.parts.reread()
        except Exception as error:  # a bad file must not stop a running server
            self.log.error("%s; the settings stay as they were", error)
            return self.parts.settings

    def _replace(self, shard: int) -> bool:
        """Ends the worker of the shard and starts its successor; True when the server is told to stop meanwhile."""
        self._spawned[shard], self._not_before[shard] = -math.inf, 0.0  # it is ended, it doesn't die
        for pid in [pid for pid, worker in self.WORKERS.items() if worker.shard == shard]:
            for number, seconds in ((signal.SIGTERM, self.cfg.graceful_timeout), (signal.SIGKILL, KILLED_S)):
                self.kill_worker(pid, number)
                self._await(partial(self._gone, pid), seconds)
                if self._told_to_stop():
                    return True
                if self._gone(pid):
                    break
        self._await(partial(self._serves, shard), SUCCESSOR_READY_S)
        return self._told_to_stop()

    def _gone(self, pid: int) -> bool:
        return pid not in self.WORKERS

    def _serves(self, shard: int) -> bool:
        seat = self.parts.crew.seats[shard]
        return seat is not None and seat.ready and not seat.lost

    def _told_to_stop(self) -> bool:
        self._collect()
        return any(number in self._signals for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))

    def _await(self, done: Callable[[], bool], seconds: float) -> None:
        """Keeps everything going until `done()` or so many seconds have passed, or the server is told to stop."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline and not self._told_to_stop():
            self.parts.pump.turn(POLL_S)
            self.reap_workers()
            self.murder_workers()
            self.manage_workers()  # also for a shard whose worker has just died

    def stop(self, graceful: bool = True) -> None:
        """Listens no more, lets the workers finish (SIGQUIT and a short time if not `graceful`), then kills the rest.

        The loop keeps running, so the workers' last messages arrive and commands under way get their answer.
        """
        self.parts.desk.shut()
        close_sockets(self.LISTENERS, unlink=False)
        self.LISTENERS = []
        for listener in self.parts.shard_listeners:
            Path(listener.getsockname()).unlink(missing_ok=True)
            listener.close()
        self.parts.shard_listeners.clear()
        self._signals.clear()
        self.kill_workers(signal.SIGTERM if graceful else signal.SIGQUIT)
        deadline = time.monotonic() + (self.cfg.graceful_timeout if graceful else QUICK_STOP_S)
        while self.WORKERS and time.monotonic() < deadline:
            self.parts.pump.turn(POLL_S)
            self._collect()
            if graceful and any(number in (signal.SIGINT, signal.SIGQUIT) for number in self._signals):
                self.log.info("quick stop: not waiting for requests under way")
                graceful = False
                self.kill_workers(signal.SIGQUIT)
                deadline = time.monotonic() + QUICK_STOP_S
            self._reap_at_stop()
            self.murder_workers()
        if self.WORKERS:
            self.log.warning("killing %d worker(s) that did not finish in time", len(self.WORKERS))
            self.kill_workers(signal.SIGKILL)
        deadline = time.monotonic() + KILLED_S
        while self.WORKERS and time.monotonic() < deadline:
            self.parts.pump.turn(POLL_S)
            self._reap_at_stop()
        self.parts.pump.drain(POLL_S)

    def _reap_at_stop(self) -> None:
        """Reaps; that a worker failed to boot is a reason to stop the server, which is what happens already."""
        with contextlib.suppress(HaltServer):
            self.reap_workers()

    # gunicorn's own control socket runs in a thread; ours opens and shuts at the same moments

    def _start_control_server(self) -> None:
        self.parts.desk.open()

    def _stop_control_server(self) -> None:
        self.parts.desk.shut()


def _leave(end: BaseException) -> None:
    """Ends a child process without unwinding what it inherited of its parent."""
    code = end.code if isinstance(end, SystemExit) else 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def pre_fork(arbiter: ShardArbiter, worker: Any) -> None:
    """gunicorn's hook of that name."""
    arbiter.equip(worker)


def post_fork(arbiter: ShardArbiter, worker: Any) -> None:  # noqa: ARG001 (gunicorn counts the arguments)
    """gunicorn's hook of that name; runs in the child."""
    arbiter.leave_parent()
