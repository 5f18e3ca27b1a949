"""Which tenant moves where, and that none moves to and fro."""

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from supervisor.policy.actions import Move
from supervisor.policy.facts import Facts, TenantFacts
from tests.unit.policy.stage import Stage, settings, tenant, worker


def scene(*shards: list[TenantFacts], settled: bool = True) -> Facts:
    """Workers as busy as their tenants make them (up to a core)."""
    workers = [
        worker(shard, cpu_percent=min(100.0, sum(one.cpu_percent for one in tenants) + 3.0), settled=settled)
        for shard, tenants in enumerate(shards)
    ]
    return Facts(tuple(workers), tuple(one for tenants in shards for one in tenants))


def moves(stage: Stage) -> list[tuple[str, int, int]]:
    return [(action.name, action.source, action.shard) for _, action in stage.told if isinstance(action, Move)]


def test_the_busiest_tenant_that_fits_moves_to_the_worker_with_room() -> None:
    busy = [tenant("large", 60.0), tenant("middle", 25.0), tenant("small", 5.0)]
    stage = Stage().play(60, scene(busy, [tenant("other", 10.0, shard=1)], [tenant("third", 30.0, shard=2)]))
    # `large` would make shard 1 as busy as shard 0 is now is; it fits, and leaves both with less
    assert moves(stage)[0] == ("large", 0, 1)
    at, move = stage.told[0]
    assert at >= 30
    assert "shard 0 was crowded for" in move.reason
    assert "the tenant uses 60 %" in move.reason


def test_what_would_make_the_other_one_crowded_stays() -> None:
    busy = [tenant("large", 80.0), tenant("small", 12.0)]
    stage = Stage().play(600, scene(busy, [tenant("other", 15.0, shard=1)]))
    assert moves(stage)[0] == ("small", 0, 1)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (scene([tenant("alone", 97.0)], []), "it would only be hot elsewhere"),
        (scene([tenant("a", 45.0), tenant("b", 45.0)], [tenant("c", 85.0, shard=1)]), "nobody has room"),
        (scene([tenant("a", 40.0), tenant("b", 40.0)], []), "not crowded"),
        (scene([tenant("a", 45.0, pinned=True), tenant("b", 45.0, pinned=True)], []), "an operator said so"),
        (scene([tenant("a", 45.0), tenant("b", 45.0)]), "there is no other worker"),
        (scene([tenant("a", 45.0), tenant("b", 45.0)], [], settled=False), "a handover is under way"),
        (scene([*(tenant(f"t{n}", 1.0) for n in range(95))], []), "none of them would make a difference"),
    ],
)
def test_when_nothing_moves(facts: Facts, why: str) -> None:
    assert moves(Stage().play(600, facts)) == [], why


def test_a_short_rush_moves_nobody() -> None:
    hot, cool = scene([tenant("a", 45.0), tenant("b", 50.0)], []), scene([tenant("a", 20.0), tenant("b", 20.0)], [])
    stage = Stage()
    for _ in range(20):
        stage.play(25, hot).play(30, cool)
    assert moves(stage) == []


RUNS = runs(max_examples=15, deadline=None)
LOADS = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2), st.booleans()), min_size=1, max_size=12)


def place(stage: Stage, loads: list[tuple[float, int, bool]], homes: dict[str, int]) -> Facts:
    shards: list[list[TenantFacts]] = [[], [], []]
    for number, (cpu, _, pinned) in enumerate(loads):
        shard = homes[f"t{number}"]
        shards[shard].append(tenant(f"t{number}", cpu, shard=shard, pinned=pinned))
    return scene(*shards)


@RUNS
@given(LOADS)
def test_with_the_same_load_each_tenant_moves_once_at_most_and_it_gets_better(loads) -> None:
    homes = {f"t{number}": shard for number, (_, shard, _) in enumerate(loads)}
    pinned = {f"t{number}" for number, (_, _, pinned) in enumerate(loads) if pinned}
    stage = Stage(settings(move_every_s=1.0, move_after_s=5.0, sustain_s=1e6))
    busiest = max(cpu(place(stage, loads, homes)))
    for _ in range(400):
        for action in stage.look(place(stage, loads, homes)):
            assert isinstance(action, Move)
            assert homes[action.name] == action.source
            homes[action.name] = action.shard
    names = [name for name, _, _ in moves(stage)]
    assert len(names) == len(set(names))
    assert not pinned & set(names)
    assert max(cpu(place(stage, loads, homes))) <= busiest


def cpu(facts: Facts) -> list[float]:
    return [sum(one.cpu_percent for one in facts.tenants if one.shard == shard) for shard in range(3)]


@RUNS
@given(st.lists(LOADS, min_size=2, max_size=6), st.integers(20, 200))
def test_whatever_the_load_no_tenant_moves_again_before_its_time(phases, length: int) -> None:
    homes: dict[str, int] = {f"t{number}": number % 3 for number in range(12)}
    stage = Stage(settings(move_after_s=5.0, move_every_s=300.0, sustain_s=1e6))
    last: dict[str, list[float]] = {}
    for phase in range(12):
        loads = phases[phase % len(phases)]
        for _ in range(length):
            at = stage.now
            for action in stage.look(place(stage, loads, homes)):
                assert isinstance(action, Move)
                homes[action.name] = action.shard
                last.setdefault(action.name, []).append(at)
    for times in last.values():
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap >= 300.0 * 2**number for number, gap in enumerate(gaps))
