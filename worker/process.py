"""A worker process: serves one shard until it is told to stop or its supervisor is gone.

The supervisor forks it with `shard` and `board` set. It runs one asyncio loop with

    listeners ──accept──┐
    shard-N.sock ───────┼──► Endpoint ──steps──► Shard.asgi
    inbox ──hand-offs───┘
    channel ◄── answers to orders, usage reports

A worker may gain tenants from others and lose them to others while it serves (`worker.handover`). Told to depart, it
accepts no more, passes every connection on at its boundary, and exits 0 when the last one has gone.

SIGTERM: take nothing new, finish what has arrived, close the databases, exit 0. SIGQUIT: the same without waiting for
clients; so does the death of the supervisor. SIGINT is ignored: a terminal sends Ctrl-C to the whole process group, and
the supervisor decides. SIGABRT kills with a stack trace, whatever the loop is doing.
"""

import asyncio
import faulthandler
import os
import signal
import socket
import sys

import uvloop
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from msgspec.structs import replace

from supervisor.contract.board import Board
from supervisor.contract.channel import Channel, attach
from supervisor.contract.messages import STOPPING, Answer, Depart, Message, Order, Reply, UsageReport
from worker.app import Shard, build
from worker.fair.gate import Gate
from worker.wire.connection import LOCAL
from worker.wire.endpoint import Endpoint
from worker.wire.handoff import Links

ACCEPT_BATCH = 16  # connections accepted in one wake of the loop
BEAT_S = 1.0  # heartbeat, sweep of the deadlines, look at the parent
DRAIN_STEP_S = 0.05
STDERR = 2  # the descriptor: `sys.stderr` may have been replaced or closed
CLOSE_SHARE = 0.1  # of the time for a graceful stop: kept for closing the databases
QUICK_CLOSE_S = 1.5  # for closing them when there is no time: what is not, is whole all the same

HANDLED = (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1)
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGWINCH)


class ShardWorker(Worker):
    """gunicorn's worker class of this server. One instance serves one shard in one process."""

    shard: int
    berth: int
    board: Board

    def init_process(self) -> None:
        """First code in the child: a loop of its own, then gunicorn's preparations, then `run`."""
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._quick = False
        self._departing = False
        self._ended = False  # takes no more orders
        self._stopping = asyncio.Event()
        self._orders: set[asyncio.Task[None]] = set()
        self._channel = Channel(self._on_message, self._on_channel_closed)
        super().init_process()

    def load_wsgi(self) -> None:
        """Nothing to load: the application is built on the running loop."""

    def init_signals(self) -> None:
        """Handlers run in the loop; SIGABRT keeps its default, with a stack trace before it."""
        faulthandler.disable()  # enabling what is enabled would not take the signal back
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        faulthandler.enable(STDERR)
        # The loop hears of signals only while it runs: what comes before that waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.loop.add_signal_handler(signal.SIGTERM, self.stop)
        self.loop.add_signal_handler(signal.SIGQUIT, self.stop, True)
        self.loop.add_signal_handler(signal.SIGUSR1, self.log.reopen_files)

    def build_shard(self) -> Shard:
        """The application of this shard."""
        return build(self.board, self.shard, self.berth, self.log.error_log, self._channel.send)

    def run(self) -> None:
        """Serves until stopped."""
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    def stop(self, quick: bool = False) -> None:
        """Begins to stop; `quick` also cuts short a stop under way."""
        self.alive = False
        self._quick = self._quick or quick
        self._stopping.set()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        board = self.board
        try:
            self._app = self.build_shard()
        except Exception:
            self.log.exception("shard %d can't be built", self.shard)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        links = Links(board.links, self.berth)
        self.endpoint = Endpoint(
            loop=self.loop,
            http=board.settings.http,
            directory=board.directory,
            slots=board.slots,
            berth=self.berth,
            app=self._app.asgi,
            accounts=self._app.accounts,
            gate=Gate(self.loop, self._app.accounts),
            links=links,
            log=self.log.error_log,
        )
        self._app.start(self.endpoint)
        self._close_strangers()
        await attach(self.loop, board.channel, self._channel)
        self._listeners = [listener.sock for listener in self.sockets] + [board.shard_listeners[self.shard]]
        self._accepting = False
        self._accept_all()
        self.loop.add_reader(links.inbox.fileno(), self.endpoint.take_passed)
        self._beat()
        self._report()
        await self._stopping.wait()
        self._app.stop()
        # What is still in the inbox waits for the successor: nothing is taken that might not be served.
        self.loop.remove_reader(links.inbox.fileno())
        self._accept_none()
        await self._finish()

    async def _finish(self) -> None:
        """Ends the requests and the orders under way, then the application."""
        graceful_s = self.board.settings.supervision.graceful_timeout_s
        end = self.loop.time() + graceful_s
        until = end - graceful_s * CLOSE_SHARE
        self.endpoint.drain()
        while not (self._quick or self._at_rest) and self.loop.time() < until:
            self.endpoint.sweep()
            await asyncio.sleep(DRAIN_STEP_S)
        await self.endpoint.abort()
        self._ended = True
        for order in self._orders:
            order.cancel()
        await asyncio.gather(*self._orders, return_exceptions=True)
        self._report(last=True)
        try:
            await self._app.close(QUICK_CLOSE_S if self._quick else end - self.loop.time())
        finally:
            self._report(last=True)  # of the closing itself
            self._channel.close()
            await asyncio.sleep(0)  # lets the transports close their sockets

    @property
    def _at_rest(self) -> bool:
        """Whether nothing is under way."""
        return self.endpoint.quiet and not self._orders and not self._app.busy

    def _depart(self, berth: int) -> None:
        """Begins to pass on every connection; what is left in the inbox is taken and passed on as well."""
        if self._departing:
            return
        self._departing = True
        self._accept_none()
        self.endpoint.depart(berth)
        self._look_whether_gone(self.loop.time() + self.board.settings.supervision.graceful_timeout_s)

    def _look_whether_gone(self, until: float) -> None:
        """Stops once no connection is left, or this has taken too long."""
        if self.endpoint.quiet:
            self.endpoint.take_passed()
        if self.endpoint.quiet or self.loop.time() >= until:
            self.stop()
        elif self.alive:
            self.loop.call_later(DRAIN_STEP_S, self._look_whether_gone, until)

    def _close_strangers(self) -> None:
        """Closes what only siblings read from."""
        for berth, (_, inbox) in enumerate(self.board.links):
            if berth != self.berth:
                inbox.close()
        for shard, listener in enumerate(self.board.shard_listeners):
            if shard != self.shard:
                listener.close()

    def _beat(self) -> None:
        """Once a second: alive, on time, and still somebody's child."""
        self.loop.call_later(BEAT_S, self._beat)  # first, so that nothing that fails below can stop it
        with self._app.accounts.own_work():
            self.notify()
            self.endpoint.sweep()
            self._app.beat()
        if os.getppid() != self.ppid:
            self._orphaned()
        elif self.alive and not self._accepting and not self._departing and not self.endpoint.full:
            self._accept_all()

    def _orphaned(self) -> None:
        if not self._quick:
            self.log.error("shard %d: the supervisor is gone, stopping", self.shard)
            self.stop(quick=True)

    # -- listeners -----------------------------------------------------------------------------------------------------

    def _accept_all(self) -> None:
        self._accepting = True
        for listener in self._listeners:
            listener.setblocking(False)
            self.loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept_none(self) -> None:
        self._accepting = False
        for listener in self._listeners:
            self.loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_BATCH):
            if self.endpoint.full and not self.endpoint.make_room():
                self._accept_none()  # the next beat looks again; until then the siblings may take them
                return
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self.log.error("shard %d can't accept connections: %s", self.shard, error)
                self._accept_none()  # as above
                self._app.tenants.make_room()
                return
            sock.setblocking(False)
            if sock.family == socket.AF_UNIX:
                self.endpoint.adopt(sock, LOCAL)
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.endpoint.adopt(sock, address[:2])

    # -- supervisor ----------------------------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Answer):
            self._app.asking.answered(message)
        elif not isinstance(message, Order):
            self.log.error("shard %d: unexpected message %s", self.shard, type(message).__name__)
        elif self._ended:
            self._channel.send(Reply(message.id, ok=False, error=STOPPING))
        else:
            order = self.loop.create_task(self._carry_out(message))
            self._orders.add(order)
            order.add_done_callback(self._orders.discard)

    async def _carry_out(self, message: Order) -> None:
        try:
            if isinstance(message, Depart):
                self._depart(message.berth)
                reply = Reply(message.id, ok=True)
            else:
                reply = await self._app.answer(message)
        except asyncio.CancelledError:
            self._channel.send(Reply(message.id, ok=False, error=STOPPING))
            raise
        except Exception as error:
            self.log.exception("an order of the supervisor failed")
            reply = Reply(message.id, ok=False, error=f"{type(error).__name__}: {error}")
        self._channel.send(reply)

    def _on_channel_closed(self) -> None:
        if self.alive:
            self._orphaned()

    def _report(self, last: bool = False) -> None:
        """What was used since the last report; repeats itself every tick."""
        if not last:
            self.loop.call_later(self.board.settings.supervision.tick_s, self._report)
        endpoint = self.endpoint
        usage = replace(
            self._app.usage(),
            pid=os.getpid(),
            berth=self.berth,
            connections=len(endpoint.connections),
            handoffs_out=endpoint.passed,
            handoffs_in=endpoint.taken,
        )
        endpoint.passed = endpoint.taken = 0
        with self._app.accounts.own_work():
            self._channel.send(UsageReport(usage))
