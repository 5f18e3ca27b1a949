"""The metrics' text is what Prometheus reads, and no counter ever falls, whoever comes and goes."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import parser

from supervisor.ops.families import COUNTED, OTHER, PLACES
from supervisor.ops.metrics import Metrics

WORKER = {
    "shard": 0,
    "berth": 0,
    "state": "serving",
    "pid": 7,
    "uptime_s": 1.0,
    "restarts": 2,
    "cpu_percent": 50.0,
    "own_cpu_percent": 5.0,
    "rss_kb": 1024,
    "sqlite_kb": 10,
    "live_tenants": 3,
    "connections": 4,
    "queued": 0,
    "lag_ms": 2.0,
}
GAUGES = {"connections": 1, "queued": 0, "memory_kb": 100, "disk_kb": 200}


class World:
    """Tenants with totals since the start, and the report about them."""

    def __init__(self) -> None:
        self.totals: dict[str, dict[str, int]] = {}
        self.recent: dict[str, float] = {}
        self.gone = dict.fromkeys(COUNTED, 0)
        self.workers = [WORKER]

    def use(self, name: str, amount: int) -> None:
        """Adds to everything that counts; the amount of this step is the recent CPU."""
        totals = self.totals.setdefault(name, dict.fromkeys(COUNTED, 0))
        for step, key in enumerate(COUNTED, 1):
            totals[key] += amount * step
        self.recent[name] = amount

    def delete(self, name: str) -> None:
        """The tenant goes; what it used stays in the rest's totals."""
        for key, value in self.totals.pop(name, {}).items():
            self.gone[key] += value
        self.recent.pop(name, None)

    def live(self, limit: int) -> Mapping[str, Any]:
        names = sorted(self.totals, key=lambda name: -self.recent[name])
        rest = dict(self.gone)
        for name in names[limit:]:
            for key in COUNTED:
                rest[key] += self.totals[name][key]
        return {
            "uptime_s": 5.0,
            "supervisor": {"cpu_percent": 1.0, "rss_kb": 10, "tenants": {"active": len(names)}},
            "workers": self.workers,
            "tenants": [
                {
                    "name": name,
                    "verdict": None,
                    "totals": dict(self.totals[name]),
                    "windows": {"60s": {"cpu_ms": self.recent[name]}},
                    **GAUGES,
                }
                for name in names[:limit]
            ],
            "rest": {"tenants": len(names[limit:]), "totals": rest, **dict.fromkeys(GAUGES, 0)},
        }


def scraped(page: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    found = {}
    for family in page.families():
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def tenants_of(samples: Mapping[Any, float], name: str) -> dict[str, float]:
    return {dict(labels)["tenant"]: value for (found, labels), value in samples.items() if found == name}


def test_units_types_and_help() -> None:
    world = World()
    world.use("blog", 500)
    page = Metrics(world.live, lambda: 5, "1.2").page()
    families = {family.name: family for family in parser.text_string_to_metric_families(page.body.decode())}
    read = [sample for family in families.values() for sample in family.samples]
    samples = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in read}
    assert len(samples) == len(read)
    assert samples.keys() == scraped(Metrics(world.live, lambda: 5, "1.2")).keys()
    assert page.status == 200
    assert page.content_type.startswith("text/plain; version=0.0.4")
    for name, family in families.items():
        assert name.startswith("pocker_")
        assert family.documentation
        assert family.type in {"counter", "gauge"}
        assert all(sample.name.endswith("_total") for sample in family.samples if family.type == "counter")
    assert samples["pocker_worker_resident_memory_bytes", (("shard", "0"),)] == 1024 * 1024
    assert samples["pocker_worker_loop_lag_seconds", (("shard", "0"),)] == 0.002
    assert samples["pocker_worker_cpu_ratio", (("shard", "0"),)] == 0.5
    assert samples["pocker_tenant_memory_bytes", (("tenant", "blog"),)] == 100 * 1024
    assert samples["pocker_build_info", (("version", "1.2"),)] == 1


def test_only_the_first_have_a_series_and_the_others_are_summed_up() -> None:
    world = World()
    for number in range(10):
        world.use(f"t{number}", 100 * number)
    page = Metrics(world.live, lambda: 3, "1")
    each = {f"t{number}": 100 * number * (1 + COUNTED.index("rows")) for number in range(10)}
    for times in (1, 2):
        rows = tenants_of(scraped(page), "pocker_tenant_sql_rows_total")
        assert set(rows) == {"t7", "t8", "t9", OTHER}
        assert all(rows[name] == each[name] * times for name in ("t7", "t8", "t9"))
        assert rows[OTHER] == sum(each[f"t{number}"] for number in range(7)) * times
        for number in range(10):
            world.use(f"t{number}", 100 * number)


def test_equals_do_not_take_turns() -> None:
    world = World()
    for name in ("a", "b"):
        world.use(name, 100)
    page = Metrics(world.live, lambda: 1, "1")
    shown = next(name for name in tenants_of(scraped(page), "pocker_tenant_sql_rows_total") if name != OTHER)
    other = "b" if shown == "a" else "a"
    world.use(other, 140)
    assert shown in tenants_of(scraped(page), "pocker_tenant_sql_rows_total")
    world.use(other, 151)
    assert set(tenants_of(scraped(page), "pocker_tenant_sql_rows_total")) == {other, OTHER}


USE = st.tuples(st.just("use"), st.sampled_from("abcdef"), st.integers(0, 10_000))
SCRAPE = st.tuples(st.just("scrape"), st.just(""), st.just(0))
STEPS = st.lists(
    st.one_of(
        USE,
        USE,
        SCRAPE,
        st.tuples(st.just("delete"), st.sampled_from("abcdef"), st.just(0)),
        st.tuples(st.just("limit"), st.just(""), st.integers(1, 4)),
        st.tuples(st.just("upgrade"), st.just(""), st.just(0)),
    ),
    min_size=10,
    max_size=60,
)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_no_counter_falls_and_nothing_is_lost_or_counted_twice(steps: list[tuple[str, str, int]]) -> None:
    world, limit = World(), [2]
    page = Metrics(world.live, lambda: limit[0], "1")
    highest: dict[Any, float] = {}
    for step, name, value in [*steps, ("scrape", "", 0)]:
        if step == "use":
            world.use(name, value)
        elif step == "delete":
            world.delete(name)
        elif step == "limit":
            limit[0] = value
        elif step == "upgrade":
            kept = json.loads(json.dumps(page.keep()))
            page = Metrics(world.live, lambda: limit[0], "2")
            page.recall(kept)
        else:
            samples = scraped(page)
            for key, seen in samples.items():
                if key[0].endswith("_total"):
                    assert seen >= highest.get(key, 0.0), key
                    highest[key] = seen
            assert len(tenants_of(samples, "pocker_tenant_sql_rows_total")) <= limit[0] + 1
            everything = sum(totals["rows"] for totals in world.totals.values()) + world.gone["rows"]
            told = {key: seen for key, seen in highest.items() if key[0] == "pocker_tenant_sql_rows_total"}
            assert sum(told.values()) == pytest.approx(everything)
            cpu = sum(world.gone[key] + sum(t[key] for t in world.totals.values()) for key, _ in PLACES)
            server = sum(seen for key, seen in samples.items() if key[0] == "pocker_cpu_seconds_total")
            assert server == pytest.approx(cpu / 1000)


@pytest.mark.parametrize("kept", [None, 7, {}, {"shown": 1}, {"shown": {"a": [1, 2]}}])
def test_what_is_of_no_use_is_left_aside(kept: Any) -> None:
    world = World()
    world.use("a", 1)
    page = Metrics(world.live, lambda: 1, "1")
    page.recall(kept)
    assert tenants_of(scraped(page), "pocker_tenant_sql_rows_total")["a"] > 0


def test_who_was_away_for_long_starts_again_and_the_sum_of_increases_stays_right() -> None:
    world = World()
    page = Metrics(world.live, lambda: 1, "1", former_max=1)
    last: dict[str, float] = {}
    increase = 0.0
    for name in ("a", "b", "c", "a"):  # a is forgotten when c pushes b out
        world.use(name, 0)
    for name in ("a", "b", "c", "a"):
        for other in "abc":
            world.recent[other] = 0.0
        world.use(name, 1000)
        for _ in range(2):
            rows = tenants_of(scraped(page), "pocker_tenant_sql_rows_total")
            for tenant, value in rows.items():
                if tenant in last:  # as rate() does: a fall is a new start
                    increase += value - last[tenant] if value >= last[tenant] else value
                elif not last or tenant == OTHER:
                    increase += value
            last |= rows
            world.use(name, 1000)
    scale = COUNTED.index("rows") + 1
    assert increase == pytest.approx(sum(totals["rows"] for totals in world.totals.values()) - 1000 * scale)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_shard_with_a_successor_has_one_series(order: tuple[int, ...]) -> None:
    leaving, serving = WORKER | {"state": "leaving", "live_tenants": 1}, WORKER | {"live_tenants": 2}
    starting = WORKER | {"shard": 1, "state": "starting"}
    world = World()
    world.workers = [(leaving, serving, starting)[place] for place in order]
    samples = scraped(Metrics(world.live, lambda: 5, "1"))
    assert samples["pocker_worker_live_tenants", (("shard", "0"),)] == 2
    assert samples["pocker_worker_up", (("shard", "0"),)] == 1
    assert samples["pocker_worker_up", (("shard", "1"),)] == 0


def test_writing_a_scrape_is_quick() -> None:
    """The part of a scrape that is made here does not grow with the number of tenants; the report's is tested there."""
    world = World()
    for number in range(200):
        world.use(f"tenant-{number}", number)
    page = Metrics(world.live, lambda: 50, "1")
    page.page()
    best = []
    for _ in range(5):
        began = time.process_time()
        page.page()
        best.append(time.process_time() - began)
    assert min(best) < 0.05
