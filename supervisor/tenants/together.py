"""Changes of the registry that come at the same time become one transaction: they wait for the disk together."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from supervisor.contract.tenant import Tenant
from supervisor.tenants.drafts import DraftError, place
from supervisor.tenants.registry import Registry, RegistryError

TOGETHER_MAX = 1000


class Change(NamedTuple):
    """Who waits for what. `draft`: what was made ahead and takes its place at `final` then."""

    tenant: Tenant
    draft: Path | None
    final: Path | None
    done: asyncio.Future[None]


class Together:
    """Puts tenants into the registry. Used on one loop only."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: list[Change] = []

    async def put(self, tenant: Tenant, draft: Path | None = None, final: Path | None = None) -> None:
        """As `Registry.put`, with all that others put within the same turn of the loop. Raises RegistryError.

        Then the `draft` that was made ahead stands at `final`; raises DraftError where it can't. Who is cancelled
        meanwhile does not know whether it was done.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._commit)
        self._waiting.append(Change(tenant, draft, final, done))
        await done

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._commit)
        taken = {change.tenant.name: change.draft.name for change in waiting if change.draft is not None}
        failure: Exception | None = None
        try:
            self._registry.put(*(change.tenant for change in waiting), taken=taken)
        except RegistryError as error:
            failure = error
        for change in waiting:
            _end(change, failure)


def _end(change: Change, failure: Exception | None) -> None:
    """Have who waits go on."""
    if failure is None and change.draft is not None and change.final is not None:
        try:
            place(change.draft, change.final)
        except DraftError as error:
            failure = error
    if change.done.done():
        return
    if failure is None:
        change.done.set_result(None)
    else:
        change.done.set_exception(failure)
