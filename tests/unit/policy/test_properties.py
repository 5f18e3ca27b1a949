"""What holds whatever is measured: sequences of facts that nobody thought of."""

import copy
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.contract.settings import Settings
from supervisor.policy.actions import Move, Recycle, Sentence, Suspend, Trim
from supervisor.policy.decide import Memory, decide
from supervisor.policy.facts import Facts, TenantFacts, WorkerFacts
from tests.unit.policy import stage as staging
from tests.unit.policy.stage import START, Stage

NAMES = ("ann", "bob", "cid")
RUNS = settings(max_examples=15, deadline=None)

TENANT = st.builds(
    TenantFacts,
    name=st.just(""),
    shard=st.just(0),
    weight=st.sampled_from([1, 50, 100, 1000]),
    limit_percent=st.sampled_from([0.0, 20.0, 150.0]),
    memory_max_kb=st.sampled_from([0, 65_536]),
    cpu_percent=st.floats(0, 400),
    requests_per_s=st.floats(0, 10_000),
    refused_per_s=st.floats(0, 10_000),
    waited_ms=st.floats(0, 1000),
    memory_kb=st.integers(0, 1_000_000),
    pinned=st.booleans(),
)
WORKER = st.builds(
    WorkerFacts,
    shard=st.just(0),
    pid=st.just(0),
    holder=st.none() | st.tuples(st.sampled_from(NAMES), st.floats(START - 100, START + 1000)),
    settled=st.booleans() | st.just(True),
    stopped=st.booleans(),
    cpu_percent=st.floats(0, 400),
    lag_ms=st.floats(0, 5000),
    rss_kb=st.integers(0, 4_000_000),
    sqlite_kb=st.integers(0, 1_000_000),
    live_tenants=st.integers(0, 1000),
)


@st.composite
def looks(draw: st.DrawFn, *, holders: bool = True) -> Facts:
    """Two workers, some of the tenants; each has one home."""
    workers = [draw(WORKER) for _ in range(2)]
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES)))
    tenants = [rename(draw(TENANT), name) for name in names]
    return Facts(
        tuple(
            rebuild(one, shard=shard, pid=10 + shard, **({} if holders else {"holder": None}))
            for shard, one in enumerate(workers)
        ),
        tuple(tenants),
        memory_kb=draw(st.integers(0, 2_000_000)),
        memory_limit_kb=draw(st.sampled_from([0, 1_000_000])),
    )


def rebuild(value, **changes):
    return type(value)(**{name: getattr(value, name) for name in value.__dataclass_fields__} | changes)


def rename(tenant: TenantFacts, name: str) -> TenantFacts:
    return rebuild(tenant, name=name, shard=NAMES.index(name) % 2)


PHASES = st.lists(st.tuples(st.integers(1, 90), looks(holders=False)), min_size=1, max_size=12)
"""So many seconds of this, then of that."""


@RUNS
@given(st.lists(looks(), min_size=1, max_size=20))
def test_the_same_facts_and_memory_give_the_same_and_are_not_changed(sequence: list[Facts]) -> None:
    memory, now = Memory(), START
    for facts in sequence:
        before = copy.deepcopy((facts, memory))
        first = decide(facts, memory, Settings(), now)
        second = decide(facts, memory, Settings(), now)
        assert first == second
        assert (facts, memory) == before
        memory, now = first[1], now + 1


@RUNS
@given(PHASES)
def test_no_step_without_a_sustained_breach_and_none_too_soon_after_another(phases) -> None:
    stage = Stage()
    last: dict[str, float] = {}
    for seconds, facts in phases:
        stage.play(seconds, facts)
    policy = stage.settings.policy
    for at, action in stage.told:
        if isinstance(action, Sentence) and action.kind in {"throttled", "blocked"}:
            assert at - last.get(action.verdict.name, -1.0) >= policy.sustain_s
            last[action.verdict.name] = at
        if isinstance(action, Sentence) and action.kind in {"eased", "free"}:
            last[action.verdict.name] = at


@RUNS
@given(PHASES)
def test_every_block_ends_and_every_tenant_that_behaves_becomes_free(phases) -> None:
    stage = Stage(staging.settings(suspend_after_blocks=0, block_max_s=300.0), step_s=2.0)
    for seconds, facts in phases:
        stage.play(seconds, facts)
        for verdict in stage.memory.verdicts.values():
            assert verdict.blocked_until <= stage.now + 300.0
    quiet = Facts(tuple(WorkerFacts(shard, 10 + shard) for shard in range(2)))
    stage.play((300 + 3 * 30 * 8 + 60) // 2, quiet)
    assert stage.memory.verdicts == {}


@RUNS
@given(PHASES)
def test_harder_step_by_step_and_never_two_at_once(phases) -> None:
    """The order is free, mild, strong, blocked; back is one step, or to free on another worker."""
    stage = Stage(staging.settings(move_after_s=1e5))
    grades: Counter[str] = Counter()
    for seconds, facts in phases:
        stage.play(seconds, facts)
    for _, action in stage.told:
        if isinstance(action, Sentence):
            verdict = action.verdict
            grade = 3 if verdict.blocked_until else {100: 0, 50: 1, 20: 2}[verdict.weight_percent]
            before = grades[verdict.name]
            assert grade - before in {1, -1} or grade == 0, (before, grade, action)
            grades[verdict.name] = grade
        if isinstance(action, Suspend):
            assert grades[action.name] == 2


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), looks(holders=False)), min_size=1, max_size=6))
def test_there_is_no_flapping(cycle) -> None:
    """An hour of whatever repeats itself: the number of measures has a bound."""
    stage = Stage(step_s=4.0)
    while stage.now < START + 3600:
        for looks, facts in cycle:
            stage.play(looks, facts)
    by_tenant = Counter(action.verdict.name for _, action in stage.told if isinstance(action, Sentence))
    assert all(count <= 60 for count in by_tenant.values()), by_tenant
    by_kind = Counter(type(action) for _, action in stage.told)
    assert by_kind[Recycle] <= 2 * (3600 / 600 + 1)
    assert by_kind[Move] <= len(NAMES) * (3600 / 600 + 1)
    assert by_kind[Trim] <= 3600 / 10 + 2 * 3600 / 120


@RUNS
@given(PHASES)
def test_nothing_at_all_for_a_single_tenant(phases) -> None:
    stage = Stage(staging.settings(worker_rss_mb=0))
    for seconds, facts in phases:
        alone = tuple(one for one in facts.tenants if one.name == NAMES[0])
        one_worker = Facts(facts.workers[:1], tuple(rebuild(one, shard=0) for one in alone))
        stage.play(seconds, one_worker)
    assert stage.told == []
    assert stage.memory.verdicts == {}


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_nothing_at_all_for_an_idle_machine(workers: int) -> None:
    idle = Facts(tuple(WorkerFacts(shard, 10 + shard, rss_kb=60_000, live_tenants=50) for shard in range(workers)))
    stage = Stage().play(1000, idle)
    assert stage.told == []


@RUNS
@given(st.lists(st.tuples(st.floats(0, 4000), st.sampled_from(NAMES)), min_size=1, max_size=8))
def test_each_hang_within_an_hour_is_paid_for_longer(hangs) -> None:
    stage = Stage(step_s=5.0)
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for number, (pause, name) in enumerate(hangs):
        stage.play(int(pause / stage.step_s), Facts())
        stage.look(Facts((WorkerFacts(0, number, (name, stage.now - 11), cpu_percent=99.0),)))
        at = stage.now - stage.step_s
        recent = [time for time in times[name] if at - time < 3600]
        times[name].append(at)
        verdict = stage.memory.verdicts[name]
        assert verdict.blocked_until - at == pytest.approx(10.0 * 6 ** min(len(recent), 3))
        suspended = [action for _, action in stage.told if isinstance(action, Suspend) and action.name == name]
        assert bool(suspended) or len(recent) < 2
        stage.look(Facts())
