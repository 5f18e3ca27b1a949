"""What the supervisor knows, in the shapes an operator sees. Percent is of one core, `_kb` are KiB, times UTC.

`live` (command `usage.live`: `pocker top`, /metrics) answers

    {"at": "2026-01-01 00:00:00.000Z", "uptime_s": 1.0, "tick_s": 1.0,
     "supervisor": {"pid", "cpu_percent", "rss_kb", "tenants": {state: count}},
     "workers": [{"shard", "berth", "state", "pid", "uptime_s", "restarts", "cpu_percent", "rss_kb", "children",
                  "children_kb", "live_tenants", "connections", "handoffs_out", "handoffs_in", "own_cpu_percent",
                  "lag_ms", "queued", "sqlite_kb", "cpu_ms", "own_cpu_ms", "shared_cpu_ms"}],
     "tenants": [TENANT, …],       the first `limit` of those with `match` in their names, in the order `by`
     "rest": {"tenants": count, "totals": TOTALS, "windows": WINDOWS, "connections", "queued", "memory_kb", "disk_kb"}}

    TENANT  {"name", "state", "reason", "shard", "plan", "weight", "live", "connections", "queued", "memory_kb",
             "disk_kb", "hangs", "verdict": VERDICT or null, "windows": WINDOWS, "totals": TOTALS}
    TOTALS  since the server's start: {"ok", "failed", "errors", "refused", "gone", "requests", "cpu_loop_ms",
             "cpu_pool_ms", "cpu_child_ms", "cpu_ms", "sql_ms", "rows", "cut", "waited_ms", "bytes_in", "bytes_out"}
    WINDOWS {"1s": WINDOW, "10s": WINDOW, "60s": WINDOW}
    WINDOW  sums and what they are a second: {"seconds", "requests", "errors", "refused", "cpu_ms", "sql_ms",
             "bytes_in", "bytes_out", "requests_per_s", "errors_per_s", "refused_per_s", "cpu_percent", "in_per_s",
             "out_per_s"}
    VERDICT {"weight_percent", "cpu_percent", "requests_per_s", "blocked_s": seconds left, 0 if not blocked, "reason"}

Orders are cpu (of ten seconds), cpu_60s, requests (of ten seconds), memory, disk, refused (of ten seconds): most first;
and name.

`usage` (one tenant since a moment) answers {"name", "created", "since", "windows": WINDOWS, "totals": TOTALS,
"gauges": {…}, "days": [DAY, …]}, oldest first; DAY {"day", "created", …TOTALS, "hangs", "memory_peak_kb", "disk_kb"}.

A shard without a worker has a row with "shard", "state", "pid" (0) and "restarts".

Of a worker, `own_cpu…` is what is booked to no tenant, `shared_cpu_ms` the part of the tenants' that was not measured
but shared out; milliseconds are since it began.

Outcomes are those of `contract.usage.TenantUsage`; in a window `errors` are answers from 500 on and clients that left.
`rest` sums up all tenants that `tenants` leaves out, deleted ones too, so the totals of both never fall.
"""

import heapq
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from supervisor.accounting.account import Account
from supervisor.accounting.facts import TenantFacts
from supervisor.accounting.keeping import DAYS_KEPT
from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import Sampler
from supervisor.contract.settings import Settings, plan_of, tenant_dir
from supervisor.contract.shardmap import Directory
from supervisor.contract.stamp import stamp_now
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.crew import Crew
from supervisor.ops import figures
from supervisor.seat import Seat
from supervisor.tick import Tick

DATABASE_FILES = ("data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal")
ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 (compared, not bound)
GAUGES = ("connections", "queued", "memory_kb", "disk_kb", "hangs")
gauges_of: Callable[[Account], tuple[int, ...]] = attrgetter(*GAUGES)
ORDERS: Mapping[str, Callable[[TenantFacts], float]] = {
    "cpu": lambda known: known.cpu_percent_10s,
    "cpu_60s": lambda known: known.cpu_percent_60s,
    "requests": lambda known: known.requests_per_s_10s,
    "refused": lambda known: known.refused_per_s_10s,
    "memory": lambda known: known.memory_kb,
    "disk": lambda known: known.disk_kb,
    "name": lambda known: 0,  # noqa: ARG005
}
TOLD = (
    *("live_tenants", "connections", "handoffs_out", "handoffs_in", "own_cpu_percent", "lag_ms", "queued", "sqlite_kb"),
    *("cpu_ms", "own_cpu_ms", "shared_cpu_ms"),
)


class Reports:
    """JSON-ready answers about the server and its tenants. `settings` are those in force."""

    def __init__(self, settings: Settings, directory: Directory, crew: Crew, ledger: Ledger, tick: Tick) -> None:
        self.settings = settings
        self._directory = directory
        self._crew = crew
        self._ledger = ledger
        self._tick = tick
        self._started = time.monotonic()

    def use(self, settings: Settings) -> None:
        """These settings are in force now."""
        self.settings = settings

    # The processes

    def status(self) -> dict[str, Any]:
        """The processes, and how many tenants are in which state."""
        settings = self.settings
        return {
            "listen": settings.listen,
            "data": settings.data,
            "base_domain": settings.base_domain,
            "path_prefix": settings.path_prefix,
            "uptime_s": round(time.monotonic() - self._started, 1),
            **self._supervisor(),
            "shards": [self._worker(shard, self._crew.seat(shard)) for shard in range(self._directory.routes.shards)],
        }

    def _supervisor(self) -> dict[str, Any]:
        states = dict.fromkeys(TenantState, 0)
        for tenant in self._directory:
            states[tenant.state] += 1
        own = self._tick.sample_of(None)
        return {
            "pid": os.getpid(),
            "cpu_percent": own.cpu_percent if own else 0.0,
            "rss_kb": own.rss_kb if own else 0,
            "tenants": {state.value: count for state, count in states.items() if count},
        }

    def _worker(self, shard: int, seat: Seat | None) -> dict[str, Any]:
        restarts = max(0, self._crew.spawned[shard] - 1)
        if seat is None or seat.lost:
            return {"shard": shard, "state": "starting", "pid": 0, "restarts": restarts}
        sample, told = self._tick.sample_of(seat.pid), self._ledger.workers.get(seat.berth)
        return {
            "shard": shard,
            "berth": seat.berth,
            "state": "leaving" if seat.leaving else "serving" if seat.ready else "starting",
            "pid": seat.pid,
            "uptime_s": round(time.monotonic() - seat.started, 1),
            "restarts": restarts,
            "cpu_percent": sample.cpu_percent if sample else 0.0,
            "rss_kb": sample.rss_kb if sample else 0,
            **{name: round(getattr(told, name), 3) if told else 0 for name in TOLD},
        }

    # Usage

    def live(
        self, limit: int = 0, by: str = "cpu_60s", *, reverse: bool = False, match: str = "", brief: bool = False
    ) -> dict[str, Any]:
        """What happens now; `limit` 0: all. `brief`: the rest without windows. Raises KeyError for an unknown order.

        Some 30 ms at 10,000 tenants, 50 ms when all of them are in use; `brief` 25 ms.
        """
        facts = {known.name: known for known in self._ledger.recent_facts().tenants}
        value = ORDERS[by]

        def order(tenant: Tenant) -> tuple[float, str]:
            known = facts.get(tenant.name)
            return (-value(known) if known else 0.0, tenant.name)

        chosen = [tenant for tenant in self._directory if match in tenant.name]
        if limit and not reverse:
            chosen = heapq.nsmallest(limit, chosen, order)
        else:
            chosen = sorted(chosen, key=order, reverse=reverse)[: limit or None]
        now = time.monotonic()
        seats = sorted(self._crew.seats.values(), key=lambda seat: (seat.shard, seat.berth))
        return {
            "at": stamp_now(),
            "uptime_s": round(now - self._started, 1),
            "tick_s": self.settings.supervision.tick_s,
            "supervisor": self._supervisor(),
            "workers": [*map(self._worker_with_children, seats), *self._vacant()],
            "tenants": [self._present(tenant, now) for tenant in chosen],
            "rest": self._rest({tenant.name for tenant in chosen}, brief=brief),
        }

    def _worker_with_children(self, seat: Seat) -> dict[str, Any]:
        children = Sampler.children(seat.pid)
        return {
            **self._worker(seat.shard, seat),
            "children": len(children),
            "children_kb": sum(child.rss_kb for child in children),
        }

    def _vacant(self) -> list[dict[str, Any]]:
        """The shards that have no worker just now: nobody who watches may take them for shards that are not there."""
        shards = range(self._directory.routes.shards)
        return [self._worker(shard, None) for shard in shards if self._crew.seat(shard) is None]

    def _present(self, tenant: Tenant, now: float) -> dict[str, Any]:
        account = self._ledger.get(tenant.name)
        return {
            "name": tenant.name,
            "state": tenant.state.value,
            "reason": tenant.reason,
            "shard": self._directory.shard(tenant),
            "plan": tenant.plan,
            "weight": plan_of(self.settings, tenant.plan).weight,
            "live": account.live if account else False,
            **{name: getattr(account, name) if account else 0 for name in GAUGES},
            "verdict": figures.verdict(self._tick.verdict(tenant.name), now),
            "windows": figures.windows(self._ledger.windows(tenant.name)),
            "totals": figures.totals(account),
        }

    def _rest(self, shown: set[str], *, brief: bool) -> dict[str, Any]:
        others = [account for account in self._ledger if account.name not in shown]
        counted = map(figures.counters, (*others, self._ledger.former))
        sums = [sum(column) for column in zip(*counted, strict=True)]
        gauges = [sum(column) for column in zip(*map(gauges_of, others), strict=True)] or [0] * len(GAUGES)
        return {
            "tenants": len(self._directory) - len(shown),
            **dict(zip(GAUGES, gauges, strict=True)),
            "windows": {} if brief else figures.windows(self._ledger.windows_of_others(shown)),
            "totals": figures.totals_of(sums),
        }

    def usage(self) -> list[dict[str, Any]]:
        """What every tenant has used since the server started, by name."""
        return [self.used(tenant) for tenant in sorted(self._directory, key=lambda tenant: tenant.name)]

    def used(self, tenant: Tenant) -> dict[str, Any]:
        """What one tenant has used since the server started: TOTALS, gauges as last reported, its databases' disk."""
        account = self._ledger.get(tenant.name) or Account(tenant.name)
        return {
            "name": tenant.name,
            "plan": tenant.plan,
            **figures.totals(account),
            **{name: getattr(account, name) for name in GAUGES},
            "live": account.live,
            "disk_kb": account.disk_kb or databases_kb(tenant_dir(self.settings, tenant.name) / "pb_data"),
            "shard": self._directory.shard(tenant),
        }

    def used_since(self, tenant: Tenant, since: datetime) -> dict[str, Any]:
        """What one tenant has used since a moment: whole days (UTC), so from the midnight before it; and its windows.

        Days of a former tenant of that name are among them. Raises ArchiveError.
        """
        days = min(DAYS_KEPT, max(1, (datetime.now(UTC).date() - since.date()).days + 1))
        account = self._ledger.get(tenant.name) or Account(tenant.name)
        return {
            "name": tenant.name,
            "created": tenant.created,
            "since": since.strftime("%Y-%m-%d"),
            "windows": figures.windows(self._ledger.windows(tenant.name)),
            "totals": figures.totals(account),
            "gauges": {"live": account.live, **{name: getattr(account, name) for name in GAUGES}},
            "days": [figures.day(day) for day in self._ledger.days_of(tenant.name, days)],
        }

    def events(
        self, since_id: int = 0, *, tenant: str = "", kind: str = "", since: str = "", limit: int = 100
    ) -> list[dict[str, Any]]:
        """The latest events after `since_id`, at most `limit`, oldest first; of one tenant, of one kind, from a moment
        on (as in `at`), where these are not empty. Raises ArchiveError.
        """
        told = self._ledger.events.events(since_id, tenant, limit, kind=kind, since=since)
        return [msgspec.to_builtins(event) for event in told]

    # Tenants

    def tenants(self) -> list[dict[str, Any]]:
        """Every tenant, by name."""
        return [self.tenant(tenant) for tenant in sorted(self._directory, key=lambda tenant: tenant.name)]

    def tenant(self, tenant: Tenant) -> dict[str, Any]:
        """One tenant as it is registered."""
        account = self._ledger.get(tenant.name)
        return {
            "name": tenant.name,
            "state": tenant.state.value,
            "shard": self._directory.shard(tenant),
            "pinned": tenant.shard is not None,
            "plan": tenant.plan,
            "domains": list(tenant.domains),
            "reason": tenant.reason,
            "created": tenant.created,
            "live": account.live if account else False,
            "verdict": figures.verdict(self._tick.verdict(tenant.name), time.monotonic()),
            "url": self._url(tenant.name),
        }

    def _url(self, name: str) -> str:
        """Where a client on this machine reaches the tenant."""
        settings = self.settings
        host, _, port = settings.listen.rpartition(":")
        if settings.path_prefix:
            return f"http://{'127.0.0.1' if host in ANY_ADDRESS else host}:{port}/t/{name}"
        return f"http://{name}.{settings.base_domain}:{port}"


def databases_kb(pb_data: Path) -> int:
    """KiB that the databases of a tenant and their write-ahead logs take on the disk."""
    total = 0
    for name in DATABASE_FILES:
        try:
            total += (pb_data / name).stat().st_size
        except OSError:
            continue
    return total // 1024
