"""What a worker has for its tenants' requests: the reach, a resolver, one TLS context, and how many run at a time."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from worker.errors import ApiError
from worker.hooks.calls import GoError
from worker.hooks.net.addresses import Reach
from worker.hooks.net.client import Request, Response, Ways, send
from worker.hooks.net.names import Found, Names

if TYPE_CHECKING:
    from worker.context import Context
    from worker.fair.account import Account
    from worker.lanes import Lanes

# Requests under way: of one tenant, and of all tenants of the worker.
TENANT_MAX = 8
WORKER_MAX = 256
TOO_MANY = "too many requests of scripts are under way"
# What is larger is decompressed in a thread.
INLINE_BYTES_MAX = 1 << 14


class Outside:
    """The way out of one worker. Used on the event loop."""

    def __init__(self, allow_networks: Iterable[str]) -> None:
        """ValueError for a network that is none."""
        self.reach = Reach(allow_networks)
        self._names: Names | None = None
        self._tls: asyncio.Future[ssl.SSLContext] | None = None
        self._under_way: dict[str, int] = {}

    async def send(self, ctx: "Context", book: Callable[[int], None], request: Request) -> Response:
        """Carry out a request at the expense of a tenant; `book` gets CPU that was not measured (ns). GoError."""
        running = self._under_way.get(ctx.name, 0)
        if running >= TENANT_MAX or sum(self._under_way.values()) >= WORKER_MAX:
            raise GoError(TOO_MANY)
        self._under_way[ctx.name] = running + 1
        try:
            return await send(request, self._ways(ctx, book))
        finally:
            left = self._under_way[ctx.name] - 1
            if left:
                self._under_way[ctx.name] = left
            else:
                del self._under_way[ctx.name]

    def close(self) -> None:
        """End the resolver's threads."""
        if self._names is not None:
            self._names.close()

    async def find(self, ctx: "Context", host: str, port: int) -> list[Found]:
        """The addresses of a host, whether or not they may be reached."""
        if self._names is None:
            lanes = ctx.lanes
            self._names = Names(lambda account, cpu_ns: _book(lanes, account, cpu_ns))
        return await self._names.find(ctx.account, host, port)

    def _ways(self, ctx: "Context", book: Callable[[int], None]) -> Ways:
        async def thread(fn: Callable[[bytes], bytes], data: bytes) -> bytes:
            if len(data) <= INLINE_BYTES_MAX:
                return fn(data)
            try:
                return await ctx.lanes.blocking(ctx.account, fn, data)
            except ApiError as error:
                raise GoError(error.message) from error

        return Ways(partial(self.find, ctx), self.reach, partial(self._secure, ctx.lanes), thread, book, ctx.account)

    async def _secure(self, lanes: "Lanes") -> ssl.SSLContext:
        """What TLS needs, made once, in a thread: to read the system's certificates takes 30 ms."""
        if self._tls is None:
            self._tls = asyncio.ensure_future(lanes.blocking(None, ssl.create_default_context))
        try:
            return await asyncio.shield(self._tls)
        except ApiError as error:
            self._tls = None
            raise GoError(error.message) from error


def _book(lanes: "Lanes", account: "Account | None", cpu_ns: int) -> None:
    """A thread's CPU."""
    if account is None:
        lanes.unpaid_ns += cpu_ns
        return
    account.pool_ns += cpu_ns
    lanes.charge(account, cpu_ns)
