"""A worker's application: every part built and wired, in the order in which they depend on each other.

`preload` runs once in the supervisor before it forks, so that the workers share the code's memory; `build` runs in
each worker. `ROUTE_GROUPS` is the one list of what a tenant answers.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import falcon.asgi

from supervisor.contract.messages import Message, Reply
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory
from supervisor.contract.usage import TenantUsage, WorkerUsage
from worker.api import auth, batch, collections, health, logs, records, settings, sql
from worker.db.connection import bound_heap, shrink_sqlite
from worker.http.exchange import Request, Response
from worker.http.front import make_app
from worker.lanes import Lanes
from worker.meter import Counts, Meter
from worker.orders import Orders
from worker.tenants import Tenants

ROUTE_GROUPS = (health, logs, sql, settings, collections, auth, batch, records)


def preload() -> None:
    """Have everything imported and SQLite configured before the fork. No connection may be open."""
    shrink_sqlite()


class Shard:
    """What a worker process holds: the ASGI app, the live tenants, the orders it takes and the usage it reports."""

    def __init__(
        self, settings: Settings, directory: Directory, index: int, log: logging.Logger, tell: Callable[[Message], None]
    ) -> None:
        sql = settings.sql
        bound_heap(settings.live_tenants_max)
        self.index = index
        self.meter = Meter()
        self._settings = settings
        self._log = log
        self._lanes = Lanes(
            inline_budget_ms=sql.inline_budget_ms,
            read_timeout_s=sql.read_timeout_s,
            pool_threads=sql.pool_threads,
            console_timeout_s=sql.console_timeout_s,
            consoles=sql.consoles,
            batch=settings.batch,
        )
        self.tenants = Tenants(settings, self._lanes, log, tell)
        self._orders = Orders(directory, self.tenants, self._lanes, log, tell)
        self.asgi: falcon.asgi.App[Request, Response] = make_app(self.tenants)
        for group in ROUTE_GROUPS:
            group.bind(self.asgi)
        self._flusher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the periodic work. Called on the running loop."""
        self._flusher = asyncio.get_running_loop().create_task(self._flush_periodically())

    async def answer(self, message: Message) -> Reply:
        """Carry out one of the supervisor's orders."""
        return await self._orders.answer(message)

    def usage(self) -> WorkerUsage:
        """What was used since the last call; the caller adds its connections and hand-offs."""
        return WorkerUsage(
            shard=self.index,
            pid=0,
            live_tenants=len(self.tenants),
            connections=0,
            handoffs_out=0,
            handoffs_in=0,
            tenants=[self._tenant_usage(name, counts) for name, counts in self.meter.take()],
        )

    def _tenant_usage(self, name: str, counts: Counts) -> TenantUsage:
        context = self.tenants.live(name)
        return TenantUsage(
            name=name,
            requests=counts.requests,
            errors=counts.errors,
            cpu_ms=counts.cpu_ns / 1e6,
            bytes_in=counts.bytes_in,
            bytes_out=counts.bytes_out,
            memory_kb=context.memory_kb() if context else 0,
            live=context is not None,
        )

    async def _flush_periodically(self) -> None:
        """Write the request logs of tenants that have some. A log never fails; what it can't write it counts."""
        while True:
            await asyncio.sleep(self._settings.logs.flush_s)
            for context in self.tenants:
                if not context.logs.pending:
                    continue
                # in a thread, one after another: a thousand in a row on the loop would be felt
                await self._lanes.blocking(context.logs.flush)

    async def close(self) -> None:
        """Stop the periodic work, write every log, checkpoint and close every database."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        self.tenants.close_all()
        self._lanes.close()


def build(
    settings: Settings, directory: Directory, shard: int, log: logging.Logger, tell: Callable[[Message], None]
) -> Shard:
    """Everything a worker process needs, after the fork. `tell` sends a message to the supervisor."""
    return Shard(settings, directory, shard, log, tell)
