"""What the supervisor knows, in the shapes an operator sees."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from supervisor.accounting.ledger import Account, Ledger
from supervisor.contract.settings import Settings, tenant_dir
from supervisor.contract.shardmap import Directory
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.crew import Crew
from supervisor.tick import Tick

DATABASE_FILES = ("data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal")
ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 (compared, not bound)


class Reports:
    """JSON-ready answers about the server and its tenants."""

    def __init__(self, settings: Settings, directory: Directory, crew: Crew, ledger: Ledger, tick: Tick) -> None:
        self._settings = settings
        self._directory = directory
        self._crew = crew
        self._ledger = ledger
        self._tick = tick
        self._started = time.monotonic()

    def status(self) -> dict[str, Any]:
        """The processes, and how many tenants are in which state."""
        states = dict.fromkeys(TenantState, 0)
        for tenant in self._directory:
            states[tenant.state] += 1
        own = self._tick.sample_of(None)
        return {
            "listen": self._settings.listen,
            "data": self._settings.data,
            "base_domain": self._settings.base_domain,
            "path_prefix": self._settings.path_prefix,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started, 1),
            "cpu_percent": own.cpu_percent if own else 0.0,
            "rss_kb": own.rss_kb if own else 0,
            "tenants": {state.value: count for state, count in states.items() if count},
            "shards": [self._shard(shard) for shard in range(self._settings.shards)],
        }

    def _shard(self, shard: int) -> dict[str, Any]:
        seat = self._crew.seats[shard]
        restarts = max(0, self._crew.spawned[shard] - 1)
        if seat is None or seat.lost:
            return {"shard": shard, "state": "starting", "pid": 0, "restarts": restarts}
        sample, usage = self._tick.sample_of(seat.pid), seat.usage
        return {
            "shard": shard,
            "state": "leaving" if seat.leaving else "serving" if seat.ready else "starting",
            "pid": seat.pid,
            "uptime_s": round(time.monotonic() - seat.started, 1),
            "restarts": restarts,
            "cpu_percent": sample.cpu_percent if sample else 0.0,
            "rss_kb": sample.rss_kb if sample else 0,
            "live_tenants": usage.live_tenants if usage else 0,
            "connections": usage.connections if usage else 0,
        }

    def usage(self) -> list[dict[str, Any]]:
        """What every tenant has used since the server started, by name."""
        return [self.used(tenant) for tenant in sorted(self._directory, key=lambda tenant: tenant.name)]

    def used(self, tenant: Tenant) -> dict[str, Any]:
        """What one tenant has used since the server started: totals, memory as last reported, its databases' disk."""
        account = self._ledger.get(tenant.name) or Account(tenant.name)
        used: dict[str, Any] = msgspec.to_builtins(account)
        used["cpu_ms"] = round(account.cpu_ms, 3)
        used["disk_kb"] = databases_kb(tenant_dir(self._settings, tenant.name) / "pb_data")
        used["shard"] = self._directory.owner(tenant)
        return used

    def tenants(self) -> list[dict[str, Any]]:
        """Every tenant, by name."""
        return [self.tenant(tenant) for tenant in sorted(self._directory, key=lambda tenant: tenant.name)]

    def tenant(self, tenant: Tenant) -> dict[str, Any]:
        """One tenant as it is registered."""
        account = self._ledger.get(tenant.name)
        return {
            "name": tenant.name,
            "state": tenant.state.value,
            "shard": self._directory.owner(tenant),
            "pinned": tenant.shard is not None,
            "domains": list(tenant.domains),
            "reason": tenant.reason,
            "created": tenant.created,
            "live": account.live if account else False,
            "url": self._url(tenant.name),
        }

    def _url(self, name: str) -> str:
        """Where a client on this machine reaches the tenant."""
        host, _, port = self._settings.listen.rpartition(":")
        if self._settings.path_prefix:
            return f"http://{'127.0.0.1' if host in ANY_ADDRESS else host}:{port}/t/{name}"
        return f"http://{name}.{self._settings.base_domain}:{port}"


def databases_kb(pb_data: Path) -> int:
    """KiB that the databases of a tenant and their write-ahead logs take on the disk."""
    total = 0
    for name in DATABASE_FILES:
        try:
            total += (pb_data / name).stat().st_size
        except OSError:
            continue
    return total // 1024
