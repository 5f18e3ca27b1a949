"""The figures in Prometheus' text format; what there is to tell is written down in `families`.

Counters count from the server's start, also over an upgrade.

Series with the label `tenant` exist for those tenants that used most CPU in the last minute, at most `shown_max`.
All others are summed up under `tenant="_other"` (no tenant can have that name). Who is shown keeps its place until it
is exceeded by CHALLENGE times: otherwise equals would take turns, and each turn makes new series.

What a tenant uses is counted where it stands at that moment. So while it is shown, its own counters grow; else the
counters of `_other` do. From that follows:

- no counter ever falls, `_other` neither, whoever comes and goes;
- a tenant that comes back goes on where its counter stood (one that was away behind FORMER_MAX others starts again at
  zero, which Prometheus takes for what it is: a new start);
- nothing is counted twice: `sum(rate(….))` over all tenants is the server's rate, and a range that begins and ends
  within a tenant's stay shows what it used. Its total since the start is what `pocker usage` tells;
- a sum of the raw counters lacks what tenants counted that are not shown now; the families without `tenant` have all.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric

from supervisor.ops.families import (
    COUNTED,
    COUNTERS,
    OTHER,
    Figures,
    Rows,
    counter,
    limited,
    server,
    tenant_gauges,
    workers,
)
from supervisor.ops.listener import Page

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CHALLENGE = 1.5
FORMER_MAX = 2_000
CANDIDATES = 2  # times shown_max: so many are looked at for the places


class Metrics:
    """What is kept from one scrape to the next. `live(limit)` gives the report `usage.live`, the tenants with most
    CPU in the last minute first."""

    def __init__(
        self,
        live: Callable[[int], Figures],
        shown_max: Callable[[], int],
        version: str,
        former_max: int = FORMER_MAX,
    ) -> None:
        self._live = live
        self._shown_max = shown_max
        self._former_max = former_max
        self._version = version
        self._shown: dict[str, _Count] = {}
        self._former: dict[str, _Count] = {}  # who left last stands last
        self._begun = False
        self._left = dict.fromkeys(COUNTED, 0.0)  # counted by those not shown any more
        self._other = dict.fromkeys(COUNTED, 0.0)
        self._everything = dict.fromkeys(COUNTED, 0.0)

    def keep(self) -> dict[str, Any]:
        """What was counted, for the supervisor that goes on with new code: no counter falls or jumps there."""
        plain: dict[str, Any] = msgspec.to_builtins(
            Kept(_plain(self._shown), _plain(self._former), self._left, self._other, self._everything)
        )
        return plain

    def recall(self, kept: Any) -> None:
        """Goes on counting from what `keep` gave; anything else is left aside."""
        try:
            told = msgspec.convert(kept, Kept)
        except msgspec.ValidationError:
            return
        zero = dict.fromkeys(COUNTED, 0.0)
        self._shown = {name: _Count(zero | seen, zero | own) for name, (seen, own) in told.shown.items()}
        self._former = {name: _Count(zero | seen, zero | own) for name, (seen, own) in told.former.items()}
        self._begun = True
        self._left, self._other, self._everything = zero | told.left, zero | told.other, zero | told.everything

    def page(self) -> Page:
        """The answer to a scrape."""
        return Page(200, CONTENT_TYPE, generate_latest(_Once(self.families())))

    def families(self) -> list[Metric]:
        """All families with their samples, as they stand now."""
        limit = self._shown_max()
        report = self._live(limit * CANDIDATES)
        tenants: list[Figures] = report["tenants"]
        shown = self._choose(tenants, limit)
        sums = _sums([*(tenant["totals"] for tenant in tenants), report["rest"]["totals"]])
        for key in COUNTED:
            own = self._left[key] + sum(count.own[key] for count in self._shown.values())
            # Rounded figures summed up in another order may differ in their last digits, and a counter must not.
            self._everything[key] = max(self._everything[key], sums[key])
            self._other[key] = max(self._other[key], sums[key] - own)
        others = [tenant for tenant in tenants if tenant["name"] not in self._shown]
        return [
            *server(report, self._version),
            *workers(report["workers"]),
            *(counter("pocker_" + family.name, family, [((), self._everything)]) for family in COUNTERS[:2]),
            *self._tenant_counters(),
            *tenant_gauges(shown, [*others, report["rest"]]),
            limited(shown),
        ]

    def _choose(self, tenants: list[Figures], limit: int) -> list[Figures]:
        """Settles who is shown, and counts what they used since the last time."""

        def rank(tenant: Figures) -> float:
            cpu: float = tenant["windows"]["60s"]["cpu_ms"]
            return cpu * CHALLENGE if tenant["name"] in self._shown else cpu

        chosen = sorted(tenants, key=rank, reverse=True)[:limit]
        names = {tenant["name"] for tenant in chosen}
        for name in [name for name in self._shown if name not in names]:
            # What it used since the last scrape is told by `_other`: its own series is not shown any more.
            self._leave(name, self._shown.pop(name))
        for tenant in chosen:
            name, totals = tenant["name"], tenant["totals"]
            if name in self._shown:
                self._shown[name].grow(totals)
            else:
                self._shown[name] = self._come(name, totals)
        self._begun = True
        return chosen

    def _leave(self, name: str, count: "_Count") -> None:
        for key in COUNTED:
            self._left[key] += count.own[key]
        self._former[name] = count
        if len(self._former) > self._former_max:
            del self._former[next(iter(self._former))]

    def _come(self, name: str, totals: Figures) -> "_Count":
        count = self._former.pop(name, None)
        if count is None:
            # At the first scrape nobody has counted for `_other` yet: so who is shown has been since the start.
            return _Count(totals, None if self._begun else {key: float(totals[key]) for key in COUNTED})
        for key in COUNTED:
            self._left[key] -= count.own[key]
        count.stand(totals)
        return count

    def _tenant_counters(self) -> Iterable[Metric]:
        rows: Rows = [*(((name,), count.own) for name, count in self._shown.items()), ((OTHER,), self._other)]
        for family in COUNTERS:
            yield counter("pocker_tenant_" + family.name, family, rows, "tenant")


class _Count:
    """What a tenant used while it was shown (`own`), and its totals when that was last looked at (`seen`)."""

    __slots__ = ("own", "seen")

    def __init__(self, totals: Figures, own: dict[str, float] | None = None) -> None:
        self.own = own or dict.fromkeys(COUNTED, 0.0)
        self.stand(totals)

    def stand(self, totals: Figures) -> None:
        """From here on it counts."""
        self.seen = {key: float(totals[key]) for key in COUNTED}

    def grow(self, totals: Figures) -> None:
        """Counts what was used since the last look. Totals that fell are those of a new tenant of the same name."""
        for key in COUNTED:
            now = float(totals[key])
            seen = self.seen[key]
            self.own[key] += now - seen if now >= seen else now
            self.seen[key] = now


class Kept(msgspec.Struct):
    """What outlives the code. Of each tenant: its totals as last seen, and what it used while it was shown."""

    shown: dict[str, tuple[dict[str, float], dict[str, float]]]
    former: dict[str, tuple[dict[str, float], dict[str, float]]]
    left: dict[str, float]
    other: dict[str, float]
    everything: dict[str, float]


def _plain(counts: Mapping[str, _Count]) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    return {name: (count.seen, count.own) for name, count in counts.items()}


class _Once:
    """Families as the registry that prometheus-client writes out."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _sums(rows: Iterable[Figures]) -> dict[str, float]:
    sums = dict.fromkeys(COUNTED, 0.0)
    for row in rows:
        for key in COUNTED:
            sums[key] += row[key]
    return sums
