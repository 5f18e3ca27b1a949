"""From free to suspended and back: scenes of one worker and what the policy makes of them."""

import itertools

import pytest

from supervisor.policy.actions import Sentence, Suspend
from supervisor.policy.backoff import Backoff
from supervisor.policy.decide import pardon
from supervisor.policy.facts import Facts
from tests.unit.policy.stage import START, Stage, crowded, settings, tenant, worker

VICTIM = tenant("victim", 5.0)
FLOOD = tenant("greedy", 92.0, requests_per_s=900.0)
QUIET = Facts((worker(cpu_percent=6.0),), (VICTIM, tenant("greedy", 1.0)))


def verdict(stage: Stage, name: str = "greedy"):
    return stage.memory.verdicts.get(name)


def test_the_first_step_is_mild_and_says_why() -> None:
    stage = Stage().play(20, crowded(FLOOD, VICTIM))
    assert stage.sentences() == [(10.0, "throttled")]
    told = verdict(stage)
    assert (told.weight_percent, told.blocked_until) == (50, 0.0)
    assert 50 <= told.cpu_percent <= 60, "what its neighbour leaves"
    what, why = "used 92 % of a core for 10 s", "its neighbours' requests waited 30 ms for their turn"
    assert told.reason == f"{what} where its share is 50 %, while {why}"
    assert verdict(stage, "victim") is None


def test_who_goes_on_is_slowed_down_further_then_blocked_longer_each_time_then_suspended() -> None:
    stage = Stage(settings(suspend_after_blocks=3)).play(700, crowded(FLOOD, VICTIM))
    kinds = [kind for _, kind in stage.sentences()]
    assert kinds == ["throttled", "throttled", *["blocked", "eased"] * 3]
    lengths = [action.for_s for _, action in stage.told if isinstance(action, Sentence) and action.for_s]
    assert lengths == [30.0, 60.0, 120.0]
    suspended = [action for _, action in stage.told if isinstance(action, Suspend)]
    assert len({action.reason for action in suspended}) == 1
    assert suspended[0].name == "greedy"
    assert suspended[0].reason.endswith("after 3 blocks within a day")
    assert verdict(stage, "victim") is None


def test_a_suspension_that_failed_is_tried_again_but_not_all_the_time() -> None:
    stage = Stage(settings(suspend_after_blocks=1)).play(500, crowded(FLOOD, VICTIM))
    times = [at for at, action in stage.told if isinstance(action, Suspend)]
    assert len(times) > 1
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(times))
    # one that succeeded: the tenant is not in use any more
    stage = Stage(settings(suspend_after_blocks=1)).play(120, crowded(FLOOD, VICTIM)).play(500, crowded(VICTIM))
    assert sum(isinstance(action, Suspend) for _, action in stage.told) == 1


def test_zero_blocks_means_never_suspended_and_a_block_has_a_longest_length() -> None:
    stage = Stage(settings(suspend_after_blocks=0, block_max_s=200.0)).play(3000, crowded(FLOOD, VICTIM))
    assert not any(isinstance(action, Suspend) for _, action in stage.told)
    lengths = [action.for_s for _, action in stage.told if isinstance(action, Sentence) and action.for_s]
    assert lengths[:4] == [30.0, 60.0, 120.0, 200.0]
    assert max(lengths) == 200.0


def test_steps_are_taken_back_after_good_conduct() -> None:
    stage = Stage().play(35, crowded(FLOOD, VICTIM)).play(200, QUIET)
    assert [kind for _, kind in stage.sentences()] == ["throttled", "throttled", "eased", "free"]
    freed = [at for at, kind in stage.sentences() if kind in {"eased", "free"}]
    assert freed[0] >= 35 + 30
    assert freed[1] - freed[0] >= 30
    assert verdict(stage) is None


def test_who_comes_back_at_once_has_to_be_calm_for_longer() -> None:
    stage = Stage()
    lengths = []
    for _ in range(6):
        while verdict(stage) is None:
            stage.look(crowded(FLOOD, VICTIM))
        began = stage.now
        while verdict(stage) is not None:
            stage.look(QUIET)
        lengths.append(stage.now - began)
    assert lengths == sorted(lengths)
    assert lengths[0] < 60
    assert lengths[-1] > 200
    # good conduct for long, and it is all forgotten
    stage.now += 86_400
    stage.play(2, QUIET)
    assert stage.memory.standings == {}


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (crowded(FLOOD), "nobody else is in use"),
        (crowded(tenant("greedy", 190.0)), "nor with a pool on other cores"),
        (crowded(tenant("greedy", 190.0, refused_per_s=5000.0)), "nor when refused"),
        (crowded(FLOOD, VICTIM, waited=2.0), "nobody waits"),
        (crowded(tenant("one", 48.0), tenant("two", 49.0)), "both have their share"),
        (crowded(tenant("heavy", 72.0, weight=300), tenant("light", 25.0)), "its weight says so"),
        (crowded(tenant("one", 55.0), tenant("two", 42.0)), "not far more"),
        (Facts((worker(cpu_percent=60.0),), (FLOOD, VICTIM)), "the worker is not crowded"),
        (crowded(tenant("t", 30.0, limit_percent=30.0), tenant("u", 68.0, weight=200)), "it keeps to its plan"),
        (crowded(tenant("t", 10.0, refused_per_s=50.0), VICTIM), "a client that tries again"),
        (crowded(tenant("t", 10.0, refused_per_s=600.0), VICTIM), "many visitors at once, more than its plan allows"),
        (crowded(tenant("t", 10.0, memory_kb=70_000, memory_max_kb=65_536), VICTIM), "the worker closes it"),
    ],
)
def test_what_is_not_too_much(scene: Facts, why: str) -> None:
    stage = Stage().play(600, scene)
    assert stage.told == [], why
    assert stage.memory.standings == {}


@pytest.mark.parametrize(
    ("greedy", "reason"),
    [
        (tenant("greedy", 60.0, limit_percent=40.0), "used 60 % of a core for 10 s where its plan is 40 %"),
        (tenant("greedy", 9.0, refused_per_s=2000.0), "had 2000 requests a second refused for 10 s and went on"),
        (
            tenant("greedy", 9.0, memory_kb=200 * 1024, memory_max_kb=64 * 1024),
            "took 200 MB for 10 s where its plan is 64 MB",
        ),
    ],
)
def test_what_else_is_too_much(greedy, reason: str) -> None:
    """Without anybody waiting, and even if those who are in use are on another worker."""
    elsewhere = tenant("victim", 5.0, shard=1)
    stage = Stage().play(15, Facts((worker(0), worker(1)), (greedy, elsewhere)))
    assert stage.sentences() == [(10.0, "throttled")]
    assert verdict(stage).reason == reason
    assert verdict(stage).cpu_percent <= (greedy.limit_percent or 100)


def test_a_burst_is_no_breach_however_often_it_comes() -> None:
    def scene(second: float) -> Facts:
        return crowded(FLOOD, VICTIM) if second % 15 < 9 else QUIET

    assert Stage().play(3600, scene).told == []


def test_a_loop_that_comes_late_is_crowded_too() -> None:
    late = Facts((worker(cpu_percent=40.0, lag_ms=400.0),), (tenant("greedy", 70.0), VICTIM, tenant("other", 4.0)))
    stage = Stage().play(15, late)
    assert stage.sentences() == [(10.0, "throttled")]
    assert verdict(stage).reason.endswith("while its worker came 400 ms late")


def test_a_worker_that_is_handing_over_says_nothing_about_anybody() -> None:
    scene = Facts((worker(cpu_percent=97.0, settled=False),), crowded(FLOOD, VICTIM).tenants)
    assert Stage().play(100, scene).told == []
    # and who stands on a step stays there meanwhile
    stage = Stage().play(12, crowded(FLOOD, VICTIM))
    before = stage.memory.standings
    stage.play(100, scene)
    assert stage.memory.standings == before


def test_on_another_worker_it_begins_anew() -> None:
    stage = Stage().play(15, crowded(FLOOD, VICTIM))
    assert verdict(stage) is not None
    moved = tenant("greedy", 55.0, shard=1)
    stage.play(1, Facts((worker(0), worker(1)), (moved, VICTIM)))
    assert verdict(stage) is None
    assert stage.sentences()[-1][1] == "free"
    assert stage.memory.standings["greedy"].relapses.strikes == 1


def test_a_pardon_forgets_everything() -> None:
    stage = Stage().play(100, crowded(FLOOD, VICTIM))
    assert verdict(stage) is not None
    actions, stage.memory = pardon("greedy", "mercy", stage.memory, stage.now)
    assert [action.kind for action in actions] == ["free"]
    assert (stage.memory.standings, stage.memory.verdicts) == ({}, {})


@pytest.mark.parametrize(
    ("strikes", "passed", "left"),
    [(0, 1e9, 0), (3, 0, 3), (3, 3599, 3), (3, 3600, 2), (3, 7300, 1), (3, 1e6, 0), (3, -50, 3)],
)
def test_strikes_are_forgotten_one_by_one(strikes: int, passed: float, left: int) -> None:
    backoff = Backoff(strikes, START)
    assert backoff.eased(START + passed, 3600).strikes == left
    assert backoff.eased(START + passed, 3600).eased(START + passed, 3600).strikes == left


def test_the_length_has_a_limit_however_many_strikes() -> None:
    assert [Backoff(strikes).length(30, 2, 3600) for strikes in (0, 1, 2, 6, 7, 10_000)] == [
        30,
        60,
        120,
        1920,
        3600,
        3600,
    ]
    assert Backoff(5).length(30, 2, 10) == 30, "not below the first"
