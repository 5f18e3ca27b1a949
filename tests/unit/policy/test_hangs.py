"""Hung and dying workers: who is ended, who is blamed, and who is not."""

import signal

import pytest

from supervisor.contract.settings import Settings
from supervisor.policy.actions import Abort, Kill, Sentence, Suspend
from supervisor.policy.decide import Memory, bury, decide, pardon
from supervisor.policy.facts import Death, Facts, WorkerFacts
from tests.unit.policy.stage import START, Stage, worker

HANG_S = Settings().supervision.hang_after_s


def held(seconds: float, shard: int = 0, name: str = "greedy", cpu: float = 100.0, pid: int = 0) -> WorkerFacts:
    return worker(shard, pid=pid or 10 + shard, holder=(name, START - seconds), cpu_percent=cpu)


def ends(actions: list) -> list:
    return [action for action in actions if isinstance(action, Abort | Kill)]


@pytest.mark.parametrize(
    ("workers", "ended"),
    [
        ([], []),
        ([worker()], []),
        ([held(0)], []),
        ([held(9.99)], []),
        ([held(-5)], []),
        ([held(10)], [Abort(0, 10, "greedy", 10.0)]),
        (
            [held(20), worker(1), held(30, 2, "slow")],
            [Abort(0, 10, "greedy", 20.0), Abort(2, 12, "slow", 30.0)],
        ),
    ],
)
def test_who_holds_a_worker_too_long_gets_it_aborted(workers, ended) -> None:
    assert ends(Stage().look(Facts(tuple(workers)))) == ended


@pytest.mark.parametrize(
    ("second", "ended"),
    [
        ([held(11)], [Kill(0, 10, "greedy")]),
        ([worker()], [Kill(0, 10, "greedy")]),
        ([worker(pid=99)], []),
        ([held(1, pid=99)], []),
        ([], []),
    ],
)
def test_who_is_still_there_at_the_next_look_is_killed(second, ended) -> None:
    stage = Stage()
    assert ends(stage.look(Facts((held(10),)))) == [Abort(0, 10, "greedy", 10.0)]
    assert ends(stage.look(Facts(tuple(second)))) == ended


def test_a_hang_is_paid_for_at_once_longer_each_time_and_the_third_time_by_suspension() -> None:
    stage, blocks, suspended = Stage(), [], []
    for number in range(3):
        actions = stage.look(Facts((worker(pid=100 + number, holder=("greedy", stage.now - 12), cpu_percent=99.0),)))
        blocks += [action.for_s for action in actions if isinstance(action, Sentence) and action.kind == "blocked"]
        suspended += [action.name for action in actions if isinstance(action, Suspend)]
        verdict = stage.memory.verdicts["greedy"]
        assert verdict.blocked_until > stage.now
        assert "held its worker for 12 s" in verdict.reason
        assert suspended == (["greedy"] if number == 2 else [])
        stage.play(1000, Facts((worker(pid=100 + number + 1),)))
    assert blocks == [10.0, 60.0, 360.0]
    assert stage.memory.verdicts == {}


def test_hangs_that_are_hours_apart_stay_small() -> None:
    stage = Stage()
    for number in range(4):
        stage.look(Facts((worker(pid=100 + number, holder=("unlucky", stage.now - 12), cpu_percent=99.0),)))
        assert stage.memory.verdicts["unlucky"].blocked_until == pytest.approx(stage.now - 1 + 10)
        stage.play(3700, Facts((worker(pid=101 + number),)))
    assert not any(isinstance(action, Suspend) for _, action in stage.told)


def test_a_worker_that_was_stopped_did_not_hang() -> None:
    stage, since = Stage(), START - 1
    for _ in range(30):
        stage.look(Facts((worker(holder=("innocent", since), stopped=True),)))
    stage.play(9, Facts((worker(holder=("innocent", since), cpu_percent=99.0),)))
    assert stage.told == []
    stage.play(2, Facts((worker(holder=("innocent", since), cpu_percent=99.0),)))
    assert isinstance(stage.told[0][1], Abort), "but one that goes on and still holds does"


def test_time_in_which_nobody_looked_does_not_count() -> None:
    stage = Stage()
    stage.look(Facts((worker(),)))
    since = stage.now
    stage.now += 3600  # the machine was suspended
    scene = Facts((worker(holder=("innocent", since), cpu_percent=99.0),))
    stage.play(10, scene)
    assert stage.told == []
    stage.play(1, scene)
    assert isinstance(stage.told[0][1], Abort)


def test_a_machine_that_is_stuck_is_nobodys_fault() -> None:
    stage = Stage()
    stuck = (held(0, 0, "one", cpu=0.0), held(0, 1, "two", cpu=1.0))
    stage.play(60, Facts(stuck))
    assert stage.told == []
    # while one of them computes, it is a hang
    stage = Stage()
    stage.play(12, Facts((held(0, 0, "one", cpu=99.0), held(0, 1, "two", cpu=0.0))))
    assert isinstance(stage.told[0][1], Abort)


@pytest.mark.parametrize(
    ("number", "out_of_memory", "holder", "blamed"),
    [
        (signal.SIGSEGV, False, "greedy", True),
        (signal.SIGBUS, False, "greedy", True),
        (signal.SIGABRT, False, "greedy", True),
        (signal.SIGKILL, True, "greedy", True),
        (signal.SIGKILL, False, "greedy", False),
        (signal.SIGTERM, False, "greedy", False),
        (signal.SIGINT, True, "greedy", False),
        (signal.SIGSEGV, False, "", False),
        (signal.SIGKILL, True, "", False),
    ],
)
def test_who_pays_for_a_worker_that_died(number, out_of_memory, holder, blamed) -> None:
    death = Death(0, 10, number, holder, out_of_memory)
    actions, memory = bury(death, Memory(), Settings(), START)
    assert [type(action) for action in actions] == ([Sentence] if blamed else [])
    assert list(memory.verdicts) == (["greedy"] if blamed else [])


def test_who_was_aborted_for_a_hang_is_not_blamed_for_its_death_too() -> None:
    _, memory = decide(Facts((held(10),)), Memory(), Settings(), START)
    for number in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV):
        assert bury(Death(0, 10, number, "greedy", True), memory, Settings(), START) == ([], memory)


def test_a_heartbeat_that_was_missing_while_the_worker_was_stopped_is_nobodys_fault() -> None:
    stage = Stage()
    stage.play(30, Facts((worker(holder=("innocent", START - 1), stopped=True),)))
    actions, _ = bury(Death(0, 10, signal.SIGABRT, "innocent"), stage.memory, stage.settings, stage.now)
    assert actions == []


def test_a_pardon_lifts_the_block_and_forgets_how_often() -> None:
    _, memory = decide(Facts((held(10),)), Memory(), Settings(), START)
    actions, memory = pardon("greedy", "mercy", memory, START + 1)
    assert [(action.kind, action.reason, action.verdict.is_free) for action in actions] == [("free", "mercy", True)]
    again, _ = decide(Facts((held(9, pid=99),)), memory, Settings(), START + 2)
    assert [action.for_s for action in again if isinstance(action, Sentence)] == [10.0]
    assert pardon("stranger", "mercy", memory, START + 2) == ([], memory)
