"""A worker's application: every part built and wired, in the order in which they depend on each other.

`preload` runs once in the supervisor before it forks, so that the workers share the code's memory; `build` runs in
each worker. `ROUTE_GROUPS` is the one list of what a tenant answers, but for `usage`,
which needs a part that is built here.
"""

import asyncio
import logging
import mimetypes
from collections.abc import Callable
from functools import partial
from time import monotonic

import falcon.asgi

from supervisor.contract.board import Board
from supervisor.contract.messages import Message, Notice, Reply
from supervisor.contract.plan import DEFAULT_PLAN
from supervisor.contract.settings import plan_of
from supervisor.contract.usage import WorkerUsage
from worker.api import auth, batch, collections, crons, health, logs, records, settings, sql, usage
from worker.asking import Asking
from worker.crons import Crons
from worker.db.memory import bound_heap, shrink_sqlite
from worker.fair.account import Accounts
from worker.fair.descriptors import can_open
from worker.fair.report import LagProbe, Reporter
from worker.handover import Handover, HandoverOrder, Wire
from worker.hibernation import Hibernation
from worker.holds import Holds
from worker.hooks.reload import Watch
from worker.http.exchange import Request, Response
from worker.http.front import make_app
from worker.lanes import Lanes
from worker.logkeeper import LogKeeper
from worker.orders import Orders
from worker.ownership import Ownership
from worker.tenants import Tenants

# With fewer than so many descriptors left, idle tenants are closed.
SPARE_DESCRIPTORS = 8
ROUTE_GROUPS = (health, logs, sql, settings, crons, collections, auth, batch, records)


def preload() -> None:
    """Have everything imported and SQLite configured before the fork. No connection may be open."""
    shrink_sqlite()
    mimetypes.init()  # else each worker has tables of its own


class Shard:
    """What a worker process holds: the ASGI app, the live tenants, the orders it takes and the usage it reports."""

    def __init__(
        self, board: Board, index: int, berth: int, log: logging.Logger, tell: Callable[[Message], None]
    ) -> None:
        settings = board.settings
        sql = settings.sql
        bound_heap(settings.live_tenants_max)
        self.index = index
        self.accounts = Accounts(partial(plan_of, settings), dict(board.verdicts))
        self._settings = settings
        self._log = log
        self._lanes = Lanes(
            inline_budget_ms=sql.inline_budget_ms,
            read_timeout_s=plan_of(settings, DEFAULT_PLAN).read_timeout_s,
            pool_threads=sql.pool_threads,
            console_timeout_s=sql.console_timeout_s,
            consoles=sql.consoles,
            batch=settings.batch,
        )
        self._lanes.tell = lambda kind, tenant, reason: tell(Notice(kind, tenant, reason))
        self._holds = Holds()
        self.tenants = Tenants(
            settings,
            self._lanes,
            ownership=Ownership(board.directory, berth),
            accounts=self.accounts,
            holds=self._holds,
            log=log,
            tell=tell,
        )
        self._hibernation = Hibernation(settings, self.tenants)
        self._orders = Orders(self.tenants, self._hibernation, self._lanes, log, tell)
        self._crons = Crons(self.tenants, tell)
        self._orders.begin_jobs = self._crons.begin
        self.tenants.scripts.on_change.append(self._crons.note)
        self._handover = Handover(self.tenants, self._holds, log)
        self.asgi: falcon.asgi.App[Request, Response] = make_app(self.tenants)
        for group in ROUTE_GROUPS:
            group.bind(self.asgi)
        known = board.directory.get
        self.asking = Asking(tell, lambda name: tenant.created if (tenant := known(name)) else "")
        usage.bind(self.asgi, self.asking)
        self._lag = LagProbe(self.accounts)
        self._reporter = Reporter(self.accounts, self.tenants.live, self._lanes)
        self._periodic: list[asyncio.Task[None]] = []

    def start(self, wire: Wire) -> None:
        """Begin to serve what comes over `wire`, and the periodic work. Called on the running loop."""
        self._holds.gate = wire.gate
        self._handover.wire = wire
        self._lanes.charge = wire.gate.charge
        self._lanes.breaths.owes = wire.gate.owes
        self._lanes.in_company = wire.gate.in_company
        self.beat()
        self._lag.start()
        self._crons.start()
        loop = asyncio.get_running_loop()
        rooms = self.tenants.rooms.keep(self.tenants.oldest, self._lanes)
        tenants = self.tenants
        watch = Watch(tenants.scripts, lambda work: tenants.closer.apart(self.accounts.own, work))
        self._periodic = [
            loop.create_task(LogKeeper(tenants, self._settings.logs.flush_s).keep()),
            loop.create_task(rooms),
            loop.create_task(watch.keep(tenants.latest, lambda: tenants.now)),
        ]

    def beat(self) -> None:
        """About once a second: close who has nothing to do, or whose descriptors others need."""
        self._hibernation.beat(monotonic())
        if not can_open(SPARE_DESCRIPTORS):
            self.tenants.make_room()

    @property
    def busy(self) -> bool:
        """Whether something is under way for a tenant, be it a request or a job."""
        return any(context.busy for context in self.tenants.oldest())

    def stop(self) -> None:
        """Take on no more tenants, and begin no more jobs."""
        self._crons.stop()
        self._handover.stopping = True

    async def answer(self, message: Message) -> Reply:
        """Carry out one of the supervisor's orders."""
        if isinstance(message, HandoverOrder):
            return await self._handover.answer(message)
        return await self._orders.answer(message)

    def usage(self) -> WorkerUsage:
        """What was used since the last call; the caller adds its connections and hand-offs."""
        usage = WorkerUsage(shard=self.index, pid=0, live_tenants=len(self.tenants), lag_ms=self._lag.take_ms())
        return self._reporter.fill(usage)

    async def close(self, timeout_s: float) -> None:
        """Stop the periodic work, write every log, checkpoint and close every database, within so many seconds."""
        self._lag.stop()
        for task in self._periodic:
            task.cancel()
        await asyncio.gather(*self._periodic, return_exceptions=True)
        await self.tenants.close_all(timeout_s)
        self.tenants.scripts.close()
        self._lanes.close()


def build(board: Board, shard: int, berth: int, log: logging.Logger, tell: Callable[[Message], None]) -> Shard:
    """Everything a worker process needs, after the fork. `tell` sends a message to the supervisor."""
    return Shard(board, shard, berth, log, tell)
