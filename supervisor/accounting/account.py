"""One tenant's account: what it has used since the supervisor started, and what it holds now."""

from typing import Any

from supervisor.accounting.archive import SUMMED, Day
from supervisor.accounting.facts import TenantFacts
from supervisor.accounting.windows import Windows
from supervisor.contract.usage import Counters, TenantUsage

NOWHERE = -1


class Account(Counters):
    """One tenant: counters since the start, then gauges as last told (from `connections` on).

    `berth` is where the gauges come from, `used_at` (the ledger's clock) when it was last told to have been used.
    """

    created: str = ""
    hangs: int = 0
    connections: int = 0
    queued: int = 0
    memory_kb: int = 0
    disk_kb: int = 0
    live: bool = False
    shard: int = NOWHERE
    berth: int = NOWHERE
    memory_peak_kb: int = 0
    used_at: float = 0.0

    @property
    def present(self) -> bool:
        """Whether it takes something now, used or not."""
        return self.live or self.connections > 0 or self.queued > 0

    def leave(self) -> None:
        """The worker that told the gauges is gone."""
        self.live = False
        self.connections = self.queued = self.memory_kb = 0
        self.berth = NOWHERE


def add(account: Account, told: TenantUsage) -> None:
    """The counters; written out, because it is done for every tenant in use, every second."""
    account.ok += told.ok
    account.failed += told.failed
    account.errors += told.errors
    account.refused += told.refused
    account.gone += told.gone
    account.cpu_loop_ms += told.cpu_loop_ms
    account.cpu_pool_ms += told.cpu_pool_ms
    account.cpu_child_ms += told.cpu_child_ms
    account.sql_ms += told.sql_ms
    account.rows += told.rows
    account.cut += told.cut
    account.waited_ms += told.waited_ms
    account.bytes_in += told.bytes_in
    account.bytes_out += told.bytes_out


def facts_of(account: Account, windows: Windows | None, now: float) -> TenantFacts:
    """What is handed on of an account; without windows, one that was not used within the last minute."""
    common = (account.memory_kb, account.disk_kb, account.connections, account.queued, account.hangs)
    idle_s = now - account.used_at
    if windows is None:
        rates = (0.0,) * 9
        return TenantFacts(account.name, account.shard, account.berth, account.live, *rates, *common, 0.0, idle_s)
    one, ten, minute = windows.one(now), windows.ten(), windows.minute()
    return TenantFacts(
        account.name,
        account.shard,
        account.berth,
        account.live,
        one.cpu_percent,
        ten.cpu_percent,
        minute.cpu_percent,
        one.requests / one.seconds,
        ten.requests / 10,
        minute.requests / 60,
        one.refused / one.seconds,
        ten.refused / 10,
        minute.refused / 60,
        *common,
        ten.waited_us / 1000 / ten.requests if ten.requests else 0.0,
        idle_s,
    )


def stray_day(told: TenantUsage, day: str) -> Day:
    """What is told of a tenant that exists no more."""
    sums: dict[str, Any] = {name: getattr(told, name, 0) for name in SUMMED}
    return Day(day, told.name, "", **sums, memory_peak_kb=told.memory_kb, disk_kb=told.disk_kb)
