"""The supervisor process: gunicorn's Arbiter with stable shards, and an event loop in the place where it waits.

gunicorn forks, reaps, handles signals and checks heartbeats. What differs here:

- A worker has a shard and a berth for life. One that dies is replaced at its berth once it was reaped; a successor that
  is to take over from a living one (`supervisor.moves` asks for it) is forked at a berth of its own.
- While gunicorn would sleep, an asyncio loop runs: the operator's commands and the workers' channels live on it. There
  are no threads, and the loop stands still whenever a worker is forked.
- A forked child must not touch what it inherited: it lets go of the parent's loop (see `pump`) and sockets, and leaves
  through `os._exit`, so that nothing of the parent is ever unwound in it.
"""

import contextlib
import gc
import logging
import os
import queue
import signal
import socket
import sys
import time
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.sock import close_sockets

from supervisor import takeover
from supervisor.contract.board import Board
from supervisor.contract.channel import pair
from supervisor.contract.settings import Settings
from supervisor.crew import CrewError
from supervisor.parts import Parts
from supervisor.respawn import Respawn, signal_name
from supervisor.seat import Seat
from supervisor.takeover import Adopted, Sitting, State

POLL_S = 0.05
QUICK_STOP_S = 2.0
KILLED_S = 5.0
HELD_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGABRT, signal.SIGHUP)


class ShardArbiter(Arbiter):
    """The supervisor."""

    def __init__(self, app: Any) -> None:
        self.parts: Parts = app.parts
        self.WORKERS: dict[int, Any] = {}
        self.LISTENERS: list[Any] = []
        self._signals: list[int] = []
        self._next_tick = 0.0
        self._respawn = Respawn()
        self._outfit: tuple[int, int, socket.socket] | None = None
        self._begun = False  # every shard has had a worker that served
        self._stopping = False
        self.parts.crew.kill = self.kill_worker
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
        """The signals that have arrived, after running the loop until there are some, a tick or a respawn is due, or
        a worker is wanted."""
        self._collect()
        if not self._signals:
            now = time.monotonic()
            due = [self._next_tick, *(self._respawn.due(shard) for shard, _ in self.parts.crew.vacant())]
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
            self.parts.moves.forward()
            self.parts.tick.run(
                [(worker.shard, worker.berth, pid) for pid, worker in self.WORKERS.items()],
                time.monotonic_ns(),
                self.parts.settings,
            )

    # Workers

    def manage_workers(self) -> None:
        """Forks what is wanted, then a worker for every shard without one; one that keeps dying at once has to wait."""
        if self.parts.upgrade.due:
            self._become_new()
        crew = self.parts.crew
        for wanted in crew.take_wanted():
            seat = self._spawn(wanted.shard, wanted.berth)
            if seat is not None:
                wanted.seat.set_result(seat)
            else:
                wanted.seat.set_exception(CrewError(f"shard {wanted.shard}: no worker could be forked"))
        now = time.monotonic()
        for shard, berth in crew.vacant():
            if now >= self._respawn.due(shard):
                self._respawn.spawned(shard)
                if self._spawn(shard, berth) is None:
                    self._respawn.failed(shard)

    def _spawn(self, shard: int, berth: int) -> Seat | None:
        """Forks a worker; None when that is not possible now."""
        self.parts.berths.occupied(berth)
        self.parts.registry.close()
        ours, theirs = pair()
        self._outfit = shard, berth, theirs
        # Whatever lives now is never looked at by the collector again, so the pages shared with the child stay shared.
        # At the first fork nothing is looked for: imports leave next to no garbage, and to find that out takes a tenth
        # of the whole start. The collector was off until here (`supervisor.cli`).
        if gc.isenabled():
            gc.collect()
        gc.freeze()
        gc.enable()
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
            return None
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return self.parts.crew.take_seat(shard, berth, pid, ours)

    def equip(self, worker: Any) -> None:
        """Hook before the fork: what the worker starts with."""
        assert self._outfit is not None
        parts = self.parts
        worker.shard, worker.berth, channel = self._outfit
        worker.board = Board(
            settings=parts.settings,
            directory=parts.directory,
            slots=parts.berths.slots,
            links=parts.berths.links,
            channel=channel,
            shard_listeners=parts.shelf.listeners,
            verdicts=parts.verdicts,
        )

    def leave_parent(self) -> None:
        """Hook after the fork, in the child: lets go of the parent's loop and sockets."""
        for number in HELD_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor answers it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
        parts = self.parts
        parts.pump.leave_parent()
        parts.desk.leave_parent()
        parts.crew.leave_parent()
        parts.berths.leave_parent()

    def reap_workers(self) -> None:
        """Reaps every child that has ended. A worker that fails to boot ends the server at its start; later, it's
        tried again."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            worker = self.WORKERS.pop(pid, None)
            if worker is None:
                self.parts.upgrade.child_ended(pid, status)
                continue
            worker.tmp.close()
            self._bury(worker, pid, status)

    def _bury(self, worker: Any, pid: int, status: int) -> None:
        shard, berth = worker.shard, worker.berth
        holder = self.parts.berths.slots.read(berth)
        code = os.waitstatus_to_exitcode(status)
        known = {"shard": shard}
        if code < 0:
            level = logging.INFO if -code == signal.SIGTERM else logging.ERROR
            self.log.error_log.log(level, "shard %d (pid %d): ended by %s", shard, pid, signal_name(-code), extra=known)
        elif code:
            self.log.error("shard %d (pid %d): exited with code %d", shard, pid, code, extra=known)
        self.parts.crew.reaped(berth)
        self.parts.on_death(shard, berth, pid, status, holder)
        if code in (self.WORKER_BOOT_ERROR, self.APP_LOAD_ERROR):
            self._begun = self._begun or self.parts.crew.served >= set(range(self.parts.directory.routes.shards))
            if not self._begun and not self._stopping:
                raise HaltServer("a worker failed to boot", code)
            self.log.error("shard %d: the worker failed to boot", shard, extra=known)

    def kill_worker(self, pid: int, sig: int) -> None:
        """Sends the signal; a process that is gone already is nothing to do."""
        if sig in (signal.SIGTERM, signal.SIGQUIT):
            self.parts.crew.told_to_leave(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)

    # Signals

    def handle_int(self) -> None:
        """Ctrl-C is as graceful as SIGTERM; `stop` answers a second one quickly."""
        raise StopIteration

    def handle_ttin(self) -> None:
        """The number of shards is the file's."""
        self.log.warning("to change the number of shards, change `shards` in the file and send SIGHUP")

    handle_ttou = handle_ttin

    def handle_usr2(self) -> None:
        """The code as it is installed now takes over, without a pause."""
        self.parts.upgrade.begin()

    def reload(self) -> None:
        """The settings as they are in the file now: every worker is replaced by a fresh one that has them."""
        self._stats["reloads"] += 1
        self.parts.settings, told = self._reread()
        self.parts.moves.note("reload", "", -1, told)
        self.parts.settled(self.parts.settings)
        self.app.reload()
        self.setup(self.app)
        self.log.reopen_files()
        self.parts.moves.renew(self.parts.settings, told)

    def _reread(self) -> tuple[Settings, str]:
        """The settings that count from now on, and why."""
        try:
            return self.parts.reread(), "the settings were read again"
        except Exception as error:  # a bad file must not stop a running server
            told = f"{error}; the settings stay as they were"
            self.log.error("%s", told)
            return self.parts.settings, told

    # New code

    def start(self) -> None:
        """gunicorn's preparations, then the workers that an earlier image of this supervisor has left."""
        super().start()
        state = self.parts.state
        if state is None:
            return
        for sitting in state.crew:
            self.WORKERS[sitting.pid] = Adopted(sitting)
            channel = socket.socket(fileno=sitting.channel)
            channel.setblocking(False)
            seat = self.parts.crew.take_seat(sitting.shard, sitting.berth, sitting.pid, channel, sitting.unread)
            seat.started = sitting.started
        self.worker_age: int = max((sitting.age for sitting in state.crew), default=0)
        self.parts.crew.spawned.clear()
        self.parts.crew.spawned.update(state.spawned)
        self._begun = True
        takeover.taken_over()
        self.reap_workers()  # no signal comes for those that ended meanwhile
        self.log.info("the new code has taken over %d workers", len(self.WORKERS))

    def _become_new(self) -> None:
        """Replaces this code by the one that is installed now. Comes back when that is not possible (yet)."""
        parts = self.parts
        with takeover.undisturbed():
            self._collect()  # from here on a signal waits for the new image; one in this image's queue would be lost
            if not (self._signals or parts.control.answering) and parts.crew.quiet and parts.berths.forward():
                self._exec()

    def _exec(self) -> None:
        parts = self.parts
        parts.keeping.close()  # first: what it can't write is kept
        parts.registry.close()
        seats = parts.crew.seats
        crew = [
            Sitting(
                *(worker.shard, worker.berth, pid, worker.age, seats[worker.berth].started),
                channel=seats[worker.berth].sock.fileno(),
                heartbeat=worker.tmp.fileno(),
                unread=seats[worker.berth].detach(),
            )
            for pid, worker in self.WORKERS.items()
        ]
        settings = parts.settings
        state = State(
            version=takeover.VERSION,
            listen=settings.listen,
            data=settings.data,
            base_domain=settings.base_domain,
            path_prefix=settings.path_prefix,
            berths=list(parts.directory.routes.berths),
            links=[(sender.fileno(), inbox.fileno()) for sender, inbox in parts.berths.links],
            slots=parts.berths.slots.fd,
            listener=self.LISTENERS[0].fileno(),
            lock=parts.lock,
            control=parts.control.fileno(),
            shelf=[listener.fileno() for listener in parts.shelf.listeners],
            crew=crew,
            spawned=dict(parts.crew.spawned),
            verdicts=list(parts.verdicts.values()),
            kept={name: part.keep() for name, part in parts.keepsakes.items()},
            heirs=dict(parts.berths.heirs),
            operators=parts.operators.fileno() if parts.operators is not None else -1,
            operators_listen=parts.operators_listen,
            takeovers=parts.upgrade.takeovers + 1,
        )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        try:
            takeover.succeed(state, parts.upgrade.command, parts.upgrade.directory)
        except OSError as error:
            for seat in seats.values():
                seat.reattach()
            parts.upgrade.failed(f"{parts.upgrade.command[0]} cannot be started: {error.strerror}")

    def stop(self, graceful: bool = True) -> None:
        """Listens no more, lets the workers finish (SIGQUIT and a short time if not `graceful`), then kills the rest.

        The loop keeps running, so the workers' last messages arrive and commands under way get their answer. What was
        being handed over stays where it is.
        """
        self._stopping = True
        self.parts.desk.shut()
        self.parts.moves.cancel()
        close_sockets(self.LISTENERS, unlink=False)
        self.LISTENERS = []
        self.parts.shelf.fit(0)
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
            self.reap_workers()
            self.murder_workers()
        if self.WORKERS:
            self.log.warning("killing %d worker(s) that did not finish in time", len(self.WORKERS))
            self.kill_workers(signal.SIGKILL)
        deadline = time.monotonic() + KILLED_S
        while self.WORKERS and time.monotonic() < deadline:
            self.parts.pump.turn(POLL_S)
            self.reap_workers()
        self.parts.pump.drain(POLL_S)

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


def post_fork(arbiter: ShardArbiter, worker: Any) -> None:
    """gunicorn's hook of that name; runs in the child."""
    arbiter.leave_parent()
    arbiter.log.belongs_to(worker.shard)
