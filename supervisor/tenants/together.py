"""Changes of the registry that come at the same time become one transaction: they wait for the disk together."""

import asyncio

from supervisor.contract.tenant import Tenant
from supervisor.tenants.registry import Registry, RegistryError

TOGETHER_MAX = 1000


class Together:
    """Puts tenants into the registry. Used on one loop only."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: list[tuple[Tenant, asyncio.Future[None]]] = []

    async def put(self, tenant: Tenant) -> None:
        """As `Registry.put`, with all that others put within the same turn of the loop. Raises RegistryError.

        Who is cancelled meanwhile does not know whether it was done.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._commit)
        self._waiting.append((tenant, done))
        await done

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._commit)
        failure: Exception | None = None
        try:
            self._registry.put(*(tenant for tenant, _ in waiting))
        except RegistryError as error:
            failure = error
        for _, done in waiting:
            if done.done():
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)
