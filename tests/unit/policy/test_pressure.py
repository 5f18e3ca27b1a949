"""Memory: of all processes together (pressure), and of one that has grown (bloat)."""

import itertools
from collections.abc import Callable

import pytest

from supervisor.policy.actions import Recycle, Trim
from supervisor.policy.facts import Facts
from tests.unit.policy.stage import Stage, settings, tenant, worker

MB = 1024


def kinds(stage: Stage) -> list[tuple[str, int]]:
    return [(type(action).__name__, action.shard) for _, action in stage.told]


# All processes together


def full(used_mb: int, limit_mb: int = 1000, settled: bool = True) -> Facts:
    """Worker 0 has the most idle tenants, worker 1 is the largest, worker 2 has the most over its tenants' needs."""
    return Facts(
        (
            worker(0, rss_kb=100 * MB, sqlite_kb=80 * MB, live_tenants=500),
            worker(1, rss_kb=500 * MB, sqlite_kb=450 * MB, live_tenants=100, settled=settled),
            worker(2, rss_kb=300 * MB, sqlite_kb=20 * MB, live_tenants=10),
        ),
        (*(tenant(f"t{number}", 1.0, shard=1) for number in range(90)),),
        memory_kb=used_mb * MB,
        memory_limit_kb=limit_mb * MB,
    )


def test_idle_tenants_go_first_then_the_largest_then_a_worker() -> None:
    stage = Stage().play(100, full(950))
    assert kinds(stage)[:5] == [("Trim", 0), ("Trim", 0), ("Trim", 1), ("Recycle", 2), ("Trim", 0)]
    first, second, largest, recycle = [action for _, action in stage.told][:4]
    assert isinstance(first, Trim)
    assert isinstance(second, Trim)
    assert isinstance(largest, Trim)
    assert isinstance(recycle, Recycle)
    assert first.idle_s > second.idle_s > 0
    assert (first.largest, second.largest) == (0, 0)
    assert largest.largest > 0
    assert first.reason == "all processes take 950 of 1000 MB; it has 500 idle tenants"
    times = [at for at, _ in stage.told]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:6] == [10, 10, 10, 10, 20, 20], "not at every look, and not for ever as often"


def test_between_the_thresholds_nothing_happens_and_below_it_begins_anew() -> None:
    stage = Stage().play(1, full(950)).play(60, full(850))
    assert kinds(stage) == [("Trim", 0)]
    stage.play(1, full(950))
    assert stage.told[-1][1].idle_s == 10.0  # what was tried before is not tried again …
    stage.play(60, full(700)).play(1, full(950))
    assert stage.told[-1][1].idle_s == 60.0  # … unless it was over meanwhile


@pytest.mark.parametrize(
    "scene",
    [full(899), full(10), full(950, 0), Facts(memory_kb=950, memory_limit_kb=1000)],
    ids=["enough", "plenty", "no limit", "no workers"],
)
def test_without_pressure_nothing_happens(scene: Facts) -> None:
    assert Stage().play(300, scene).told == []


def test_no_worker_is_replaced_while_another_one_is() -> None:
    stage = Stage().play(120, full(950, settled=False))
    assert "Recycle" not in {kind for kind, _ in kinds(stage)}


# One worker


def size(of: Callable[[float], int], sqlite_mb: float = 0, live: int = 0) -> Callable[[float], Facts]:
    """A worker whose resident memory in MB is a function of the second."""
    return lambda second: Facts(
        (worker(rss_kb=int(of(second) * MB), sqlite_kb=int(sqlite_mb * MB), live_tenants=live),)
    )


def test_a_worker_beyond_its_limit_is_trimmed_then_replaced() -> None:
    stage = Stage().play(100, size(lambda second: 1200))
    assert kinds(stage) == [("Trim", 0), ("Recycle", 0)]
    (first, _), (second, recycle) = stage.told
    assert second - first >= 20
    assert recycle.reason == "takes 1200 MB, more than 1024"


def test_one_that_gives_it_back_stays() -> None:
    stage = Stage().play(600, size(lambda second: 1200 if second < 10 else 900))
    assert kinds(stage) == [("Trim", 0)]


@pytest.mark.parametrize("limit", [0, 2000])
def test_the_limit_is_the_operators(limit: int) -> None:
    assert Stage(settings(worker_rss_mb=limit)).play(300, size(lambda second: 1200)).told == []


def test_a_successor_as_large_is_left_alone_for_longer_each_time() -> None:
    stage = Stage(settings(recycle_every_s=600.0))
    pid = 0
    for _ in range(12_000):
        told = len(stage.told)
        stage.look(Facts((worker(pid=100 + pid, rss_kb=1200 * MB),)))
        pid += any(isinstance(action, Recycle) for _, action in stage.told[told:])
    times = [at for at, action in stage.told if isinstance(action, Recycle)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] >= 600
    assert all(later >= 1.9 * earlier for earlier, later in itertools.pairwise(gaps))


def test_growth_that_never_returns_is_found_below_the_limit() -> None:
    stage = Stage().play(1200, size(lambda second: 100 + second / 4))
    assert kinds(stage)[:2] == [("Trim", 0), ("Recycle", 0)]
    assert "does not come back" in stage.told[0][1].reason
    assert stage.told[0][0] > 600


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (size(lambda second: 100 + second / 4 if second < 400 else 200), "it levels off"),
        (size(lambda second: 100 + second / 4 - (80 if second % 180 < 60 else 0)), "it comes back in between"),
        (size(lambda second: 100 + second / 1000), "too slow to matter"),
        (lambda second: size(lambda at: 100 + at / 4, sqlite_mb=second / 4)(second), "SQLite has it"),
        (lambda second: size(lambda at: 100 + at / 8, live=int(second * 1.2))(second), "for more live tenants"),
    ],
)
def test_what_is_no_growth(scene, why: str) -> None:
    assert Stage().play(1500, scene).told == [], why
