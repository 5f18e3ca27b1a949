"""Accounts, windows and verdicts as JSON-ready tables; their keys are written down in `supervisor.ops.reports`."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from supervisor.accounting.account import Account
from supervisor.accounting.archive import SUMMED, Day
from supervisor.accounting.facts import Window
from supervisor.contract.plan import Verdict

COUNTERS = tuple(name for name in SUMMED if name != "hangs")
counters: Callable[[Any], tuple[float, ...]] = attrgetter(*COUNTERS)
OUTCOMES = ("ok", "failed", "errors", "refused", "gone")
CPU = ("cpu_loop_ms", "cpu_pool_ms", "cpu_child_ms")
SUMS = ("requests", "errors", "refused", "bytes_in", "bytes_out")
RATES = {"requests": "requests_per_s", "errors": "errors_per_s", "refused": "refused_per_s", "bytes_in": "in_per_s"}
RATES["bytes_out"] = "out_per_s"
WINDOWS = ("1s", "10s", "60s")
PLACES = 3  # of a decimal fraction

Figures = dict[str, Any]


def totals(counted: Account | Day | None) -> Figures:
    """TOTALS of an account or of a day."""
    return totals_of(() if counted is None else counters(counted))


def totals_of(sums: Iterable[float]) -> Figures:
    """TOTALS of sums in the order of COUNTERS; of none where they are missing."""
    values = dict(zip(COUNTERS, sums, strict=False))
    told: Figures = {name: _rounded(values.get(name, 0)) for name in COUNTERS}
    told["requests"] = sum(told[name] for name in OUTCOMES)
    told["cpu_ms"] = _rounded(sum(values.get(name, 0.0) for name in CPU))
    return told


def window(seen: Window) -> Figures:
    """WINDOW."""
    told: Figures = {"seconds": _rounded(seen.seconds)}
    told |= {name: getattr(seen, name) for name in SUMS}
    told["cpu_ms"] = seen.cpu_us / 1000
    told["sql_ms"] = seen.sql_us / 1000
    told |= {rate: _rounded(told[name] / seen.seconds) for name, rate in RATES.items()}
    told["cpu_percent"] = _rounded(seen.cpu_percent)
    return told


def windows(seen: Iterable[Window]) -> Figures:
    """WINDOWS of a tenant: that of a second, of ten, and of a minute."""
    return {name: window(one) for name, one in zip(WINDOWS, seen, strict=True)}


def verdict(given: Verdict | None, now: float) -> Figures | None:
    """VERDICT, as of `now` (the verdict's clock); None where it limits nothing."""
    if given is None or given.is_free:
        return None
    return {
        "weight_percent": given.weight_percent,
        "cpu_percent": given.cpu_percent,
        "requests_per_s": given.requests_per_s,
        "blocked_s": _rounded(max(0.0, given.blocked_until - now)),
        "reason": given.reason,
    }


def day(counted: Day) -> Figures:
    """A day's TOTALS, with the day, when its tenant was created, and what was reported of memory and disk."""
    return {
        "day": counted.day,
        "created": counted.created,
        **totals(counted),
        "hangs": counted.hangs,
        "memory_peak_kb": counted.memory_peak_kb,
        "disk_kb": counted.disk_kb,
    }


def _rounded(value: float) -> float:
    return round(value, PLACES) if isinstance(value, float) else value
