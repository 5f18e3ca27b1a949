"""What `pocker top` remembers of the reports it got: each tenant's CPU of the last minute, and rates that only the
difference of two reports tells."""

from collections import deque
from collections.abc import Mapping
from typing import Any

MINUTE_S = 60.0
RECENT_S = 10.0
STEP_S = 1.0

Tenant = Mapping[str, Any]


class _Tenant:
    __slots__ = ("at", "cpu", "rows", "rows_per_s")

    def __init__(self) -> None:
        self.at = 0.0
        self.cpu: deque[tuple[float, float]] = deque()  # (when, percent)
        self.rows = 0
        self.rows_per_s: float | None = None


class Past:
    """Of the tenants that were in a report within the last minute. `now` is of one clock that never goes back."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}

    def note(self, tenants: list[Tenant], now: float) -> None:
        """Takes in one report."""
        for tenant in tenants:
            self._note(tenant, now)
        for name in [name for name, known in self._tenants.items() if known.at <= now - MINUTE_S]:
            del self._tenants[name]

    def _note(self, tenant: Tenant, now: float) -> None:
        known = self._tenants.get(tenant["name"])
        rows = tenant["totals"]["rows"]
        if known is None:
            known = self._tenants[tenant["name"]] = _Tenant()
            known.cpu.extend(_averages(tenant["windows"], now))
        elif now > known.at:
            known.rows_per_s = max(0, rows - known.rows) / (now - known.at)
        known.at, known.rows = now, rows
        known.cpu.append((now, tenant["windows"]["1s"]["cpu_percent"]))
        while known.cpu[0][0] <= now - MINUTE_S:
            known.cpu.popleft()

    def rows_per_s(self, name: str) -> float | None:
        """Rows that the tenant's SQL returned, a second; None until a second report has come."""
        known = self._tenants.get(name)
        return known.rows_per_s if known else None

    def cpu(self, name: str, now: float, width: int) -> list[float | None]:
        """The last minute in `width` parts, oldest first: CPU in percent, on average; None where nothing is known."""
        sums, counts = [0.0] * width, [0] * width
        known = self._tenants.get(name)
        for at, percent in known.cpu if known else ():
            part = width - 1 - int((now - at) * width / MINUTE_S)
            if 0 <= part < width:
                sums[part] += percent
                counts[part] += 1
        return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def _averages(windows: Mapping[str, Mapping[str, float]], now: float) -> list[tuple[float, float]]:
    """The minute before the first report, as far as that tells: the last ten seconds, and the fifty before."""
    recent, minute = windows["10s"]["cpu_ms"], windows["60s"]["cpu_ms"]
    earlier_percent = max(0.0, minute - recent) / ((MINUTE_S - RECENT_S) * 1000) * 100
    recent_percent = recent / (RECENT_S * 1000) * 100
    ages = [MINUTE_S - STEP_S * step for step in range(1, int(MINUTE_S / STEP_S))]
    return [(now - age, earlier_percent if age > RECENT_S else recent_percent) for age in ages]
