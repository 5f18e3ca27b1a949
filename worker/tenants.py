"""The live tenants of a worker: opened on first use, the least recently used closed beyond a limit.

A damaged database marks its own tenant failed, tells the supervisor why, and touches no other tenant. What may pass by
itself (no descriptors, a lock) only refuses the request.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import apsw

from supervisor.contract.messages import Message, TenantFailed
from supervisor.contract.settings import Settings, tenants_dir
from supervisor.contract.tenant import Tenant, TenantState
from worker.context import Context
from worker.db.faults import may_pass
from worker.errors import ApiError
from worker.lanes import Lanes

# What a client is told where a tenant is registered but does not serve.
REFUSALS: dict[TenantState, tuple[int, str]] = {
    TenantState.CREATING: (503, "The tenant is being created."),
    TenantState.SUSPENDED: (503, "The tenant is suspended."),
    TenantState.MOVING: (503, "The tenant is being moved."),
    TenantState.FAILED: (503, "The tenant's data can't be opened."),
    TenantState.DELETED: (404, ""),
}


class Tenants:
    """The contexts of one worker by tenant name, least recently used first."""

    def __init__(self, settings: Settings, lanes: Lanes, log: logging.Logger, tell: Callable[[Message], None]) -> None:
        self.settings = settings
        self.lanes = lanes
        self._log = log
        self._tell = tell
        self.root = tenants_dir(settings)
        self._live: OrderedDict[str, Context] = OrderedDict()
        self._failed: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Context]:
        return iter(list(self._live.values()))

    def directory(self, name: str) -> Path:
        """Where the files of the tenant `name` are."""
        return self.root / name

    def live(self, name: str) -> Context | None:
        """The context of `name` if it is open."""
        return self._live.get(name)

    def open(self, tenant: Tenant) -> Context:
        """The context of a tenant that serves. Raises ApiError (503, 404) for one that does not."""
        context = self._live.get(tenant.name)
        if context is not None and tenant.state is TenantState.ACTIVE:
            self._live.move_to_end(tenant.name)
            return context
        if tenant.state is not TenantState.ACTIVE:
            status, message = REFUSALS[tenant.state]
            raise ApiError(status, message)
        return self.open_any(tenant.name)

    def open_any(self, name: str) -> Context:
        """The context of `name` whatever its state. Raises ApiError 503 when it can't be opened."""
        context = self._live.get(name)
        if context is not None:
            return context
        if name in self._failed:
            raise ApiError(*REFUSALS[TenantState.FAILED], cause=self._failed[name])
        try:
            context = Context(
                name,
                self.directory(name),
                self.lanes,
                write_limit_s=self.settings.sql.write_timeout_s,
                log_queue_max=self.settings.logs.queue_max,
            )
        except Exception as error:  # whatever stands in the file
            reason = f"{type(error).__name__}: {error}"
            if may_pass(error, self.directory(name) / "pb_data" / "data.db"):
                self._log.error("tenant %s can't be opened now: %s", name, reason)
            else:
                self.fail(name, reason)
            raise ApiError(*REFUSALS[TenantState.FAILED], cause=reason) from error
        self._live[name] = context
        self._evict(keep=name)
        return context

    def fail(self, name: str, reason: str) -> None:
        """Take `name` out of service because its data is damaged, and tell the supervisor."""
        if name in self._failed:
            return
        self._log.error("tenant %s failed: %s", name, reason)
        self._failed[name] = reason
        self.close(name)
        self._tell(TenantFailed(name=name, reason=reason))

    def changed(self, tenant: Tenant) -> None:
        """Follow a change of the registry: close what no longer serves, forget failures that were mended."""
        if tenant.state is not TenantState.FAILED:
            self._failed.pop(tenant.name, None)
        if tenant.state is not TenantState.ACTIVE:
            self.close(tenant.name)

    def close(self, name: str) -> None:
        """Close `name` if it is open. A failure to do so is logged: there is nothing left to do about it."""
        context = self._live.pop(name, None)
        if context is None:
            return
        try:
            context.close()
        except (apsw.Error, OSError) as error:
            self._log.error("tenant %s: closing failed: %s", name, error)

    def close_all(self) -> None:
        """Close every context."""
        for name in list(self._live):
            self.close(name)

    def _evict(self, keep: str) -> None:
        excess = len(self._live) - self.settings.live_tenants_max
        if excess <= 0:
            return
        idle = (name for name, context in self._live.items() if not context.busy and name != keep)
        for name in list(islice(idle, excess)):
            self.close(name)
