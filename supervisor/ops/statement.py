"""What a tenant's superuser is told of its usage, with what its plan allows: the body of `GET /api/usage`.

Names are PocketBase's way (camelCase), times UTC, bytes bytes. Nothing of other tenants, or of the server's own
affairs, is in it: neither shard nor process.

    {"plan": "default", "since": "…Z",                 the server's start: since when totals count
     "limits": {…}, "left": {…},                        null: no limit
     "now": {"live", "connections", "queued", "memoryBytes", "diskBytes"},
     "verdict": null or {"weightPercent", "cpuPercent", "requestsPerSecond", "blockedUntil", "retryAfter", "reason"},
     "windows": {"1s": {…}, "10s": {…}, "60s": {…}},    a second: what was reported last
     "totals": {…}, "today": {…}, "days": [{"day", …}]} days before today, the latest first
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from supervisor.accounting.account import Account
from supervisor.accounting.archive import ArchiveError, Day
from supervisor.accounting.facts import Window
from supervisor.accounting.ledger import Ledger
from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.settings import Settings, plan_of
from supervisor.contract.shardmap import Directory
from supervisor.contract.stamp import stamp
from supervisor.ops.figures import COUNTERS
from supervisor.tick import Tick

WHAT = "usage"
DAYS = 31
MB = 1 << 20
KB = 1 << 10
COUNTED = {
    "ok": "ok",
    "failed": "failed",
    "errors": "errors",
    "refused": "refused",
    "gone": "gone",
    "cpu_loop_ms": "cpuLoopMs",
    "cpu_pool_ms": "cpuPoolMs",
    "cpu_child_ms": "cpuProcessMs",
    "sql_ms": "sqlMs",
    "rows": "sqlRows",
    "cut": "sqlInterrupted",
    "waited_ms": "waitedMs",
    "bytes_in": "bytesIn",
    "bytes_out": "bytesOut",
}
"""Counters and what they are called here."""
OUTCOMES = ("ok", "failed", "errors", "refused", "gone")


class Statements:
    """Made on demand. `settings` gives those in force."""

    def __init__(self, settings: Callable[[], Settings], directory: Directory, ledger: Ledger, tick: Tick) -> None:
        self._settings = settings
        self._directory = directory
        self._ledger = ledger
        self._tick = tick

    def answer(self, what: str, tenant: str) -> dict[str, Any] | None:
        """The answer to a worker's question; None where it can't be answered."""
        try:
            return self.of(tenant) if what == WHAT else None
        except ArchiveError:
            return None

    def of(self, name: str) -> dict[str, Any] | None:
        """The statement of a tenant; None where there is none of that name. Raises ArchiveError."""
        tenant = self._directory.get(name)
        if tenant is None:
            return None
        ledger = self._ledger
        account = ledger.get(name) or Account(name)
        plan = plan_of(self._settings(), tenant.plan)
        windows = ledger.windows(name)
        days = [day for day in ledger.days_of(name, DAYS) if day.created == tenant.created]
        today = ledger.days.today
        return {
            "plan": tenant.plan,
            "since": ledger.began,
            "limits": _limits(plan),
            "left": _left(plan, account, windows[0]),
            "now": {
                "live": account.live,
                "connections": account.connections,
                "queued": account.queued,
                "memoryBytes": account.memory_kb * KB,
                "diskBytes": account.disk_kb * KB,
            },
            "verdict": _verdict(self._tick.verdict(name)),
            "windows": dict(zip(("1s", "10s", "60s"), map(_window, windows), strict=True)),
            "totals": _sums(account),
            "today": next((_day(day) for day in days if day.day == today), _day(Day(today, name, tenant.created))),
            "days": [_day(day) for day in reversed(days) if day.day != today],
        }


def _limits(plan: Plan) -> dict[str, Any]:
    return {
        "weight": plan.weight,
        "cpuPercent": plan.cpu_percent or None,
        "requestsPerSecond": plan.requests_per_s or None,
        "requestsBurst": plan.requests_burst if plan.requests_per_s else None,
        "concurrency": plan.concurrency_max,
        "queue": plan.queue_max,
        "connections": plan.connections_max,
        "bufferBytes": plan.buffer_bytes_max,
        "readTimeoutMs": round(plan.read_timeout_s * 1000),
        "requestTimeoutMs": round(plan.request_timeout_s * 1000),
        "memoryBytes": plan.memory_mb * MB or None,
        "diskBytes": plan.disk_mb * MB or None,
    }


def _left(plan: Plan, account: Account, second: Window) -> dict[str, Any]:
    """What the plan allows beyond what is used now."""
    cpu, rate = plan.cpu_percent, plan.requests_per_s
    return {
        "cpuPercent": round(max(0.0, cpu - second.cpu_percent), 3) if cpu else None,
        "requestsPerSecond": round(max(0.0, rate - second.requests / second.seconds), 3) if rate else None,
        "connections": max(0, plan.connections_max - account.connections),
        "memoryBytes": max(0, plan.memory_mb * MB - account.memory_kb * KB) if plan.memory_mb else None,
        "diskBytes": max(0, plan.disk_mb * MB - account.disk_kb * KB) if plan.disk_mb else None,
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None or verdict.is_free:
        return None
    left_s = max(0.0, verdict.blocked_until - time.monotonic())
    return {
        "weightPercent": verdict.weight_percent,
        "cpuPercent": verdict.cpu_percent or None,
        "requestsPerSecond": verdict.requests_per_s or None,
        "blockedUntil": stamp(datetime.now(UTC) + timedelta(seconds=left_s)) if left_s else None,
        "retryAfter": round(left_s, 3),
        "reason": verdict.reason,
    }


def _window(seen: Window) -> dict[str, Any]:
    return {
        "seconds": round(seen.seconds, 3),
        "requests": seen.requests,
        "errors": seen.errors,
        "refused": seen.refused,
        "cpuMs": seen.cpu_us / 1000,
        "cpuPercent": round(seen.cpu_percent, 3),
        "sqlMs": seen.sql_us / 1000,
        "waitedMs": seen.waited_us / 1000,
        "bytesIn": seen.bytes_in,
        "bytesOut": seen.bytes_out,
    }


def _sums(counted: Account | Day) -> dict[str, Any]:
    told: dict[str, Any] = {"requests": sum(getattr(counted, name) for name in OUTCOMES)}
    for name in COUNTERS:
        value = getattr(counted, name)
        told[COUNTED[name]] = round(value, 3) if isinstance(value, float) else value
    told["cpuMs"] = round(counted.cpu_loop_ms + counted.cpu_pool_ms + counted.cpu_child_ms, 3)
    return told


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day,
        **_sums(day),
        "memoryPeakBytes": day.memory_peak_kb * KB,
        "diskBytes": day.disk_kb * KB,
    }
