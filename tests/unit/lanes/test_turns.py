"""Whose turn it is: shares by weight whatever jobs cost, on a simulated clock."""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.lanes.turns import LINES_MAX, Turns

MS = 1_000_000
# More than threads: nobody's line runs empty.
BACKLOG = 8


@dataclass
class Threads:
    """So many threads that run jobs (key, cost in ns) by turns; time passes as they end."""

    turns: Turns[tuple[str, int]]
    count: int
    now: int = 0
    used: Counter[str] = field(default_factory=Counter)
    _ends: list[tuple[int, int, str, int]] = field(default_factory=list)
    _number: int = 0

    def fill(self) -> None:
        while len(self._ends) < self.count and (job := self.turns.next()) is not None:
            self._number += 1
            heapq.heappush(self._ends, (self.now + job[1], self._number, *job))

    def step(self) -> str | None:
        """Up to the next end of a job: whose it was."""
        self.fill()
        if not self._ends:
            return None
        self.now, _, key, cost = heapq.heappop(self._ends)
        self.used[key] += cost
        self.turns.charge(key, cost)
        self.turns.ended(key)
        return key

    def running(self) -> Counter[str]:
        return Counter(key for _, _, key, _ in self._ends)


def flooded(threads: Threads, weights: dict[str, int], cost: Callable[[str], int], until: int) -> None:
    """Every tenant has always some more to do."""
    for _ in range(BACKLOG):
        for key, weight in weights.items():
            threads.turns.join(key, weight, (key, cost(key)))
    while threads.now < until and (key := threads.step()) is not None:
        threads.turns.join(key, weights[key], (key, cost(key)))


@settings(max_examples=40, deadline=None)
@given(
    tenants=st.lists(st.tuples(st.integers(5, 100), st.integers(1, 50), st.integers(1, 50)), min_size=2, max_size=6),
    count=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_shares_are_those_of_the_weights(tenants: list[tuple[int, int, int]], count: int, seed: int) -> None:
    """Whatever mix of cheap and dear jobs each of them sends."""
    random = Random(seed)
    weights = {f"t{number}": weight for number, (weight, _, _) in enumerate(tenants)}
    costs = {f"t{number}": sorted(of) for number, (_, *of) in enumerate(tenants)}
    threads = Threads(Turns(running_max=count, waiting_max=BACKLOG * 2), count)
    total = sum(weights.values())
    # long enough for the one of the least weight to have run a hundred of the dearest jobs
    until = 100 * 50 * MS * total // min(weights.values()) // count
    flooded(threads, weights, lambda key: random.randint(*costs[key]) * MS, until)
    used = threads.used.total()
    for key, weight in weights.items():
        assert threads.used[key] / used == pytest.approx(weight / total, rel=0.05)


def test_one_tenant_has_half_of_the_threads_at_most() -> None:
    threads = Threads(Turns(running_max=2, waiting_max=BACKLOG * 2), 4)
    for _ in range(BACKLOG):
        threads.turns.join("flood", 10_000, ("flood", 10 * MS))
    threads.fill()
    assert threads.running() == {"flood": 2}
    threads.turns.join("other", 1, ("other", MS))
    threads.fill()
    assert threads.running() == {"flood": 2, "other": 1}


def test_who_comes_anew_is_next_however_many_wait() -> None:
    threads = Threads(Turns(running_max=2, waiting_max=1000), 2)
    for number in range(500):
        threads.turns.join("flood", 100, ("flood", (1 + number % 7) * MS))
    for _ in range(100):
        threads.step()
    threads.turns.join("quiet", 100, ("quiet", MS))
    ended = [threads.step() for _ in range(4)]
    assert "quiet" in ended
    # but is owed nothing for the time before
    for _ in range(100):
        threads.turns.join("quiet", 100, ("quiet", 5 * MS))
    before = threads.used.copy()
    for _ in range(100):
        threads.step()
    spent = {key: threads.used[key] - before[key] for key in threads.used}
    assert spent["flood"] == pytest.approx(spent["quiet"], rel=0.15)


def test_a_dear_job_is_paid_back() -> None:
    """One thread: after a second of one tenant's, the other one has a second before the first one's next turn."""
    threads = Threads(Turns(running_max=1, waiting_max=1000), 1)
    threads.turns.join("dear", 100, ("dear", 1000 * MS))
    threads.fill()
    for _ in range(300):
        threads.turns.join("cheap", 100, ("cheap", 10 * MS))
    threads.turns.join("dear", 100, ("dear", 10 * MS))
    order = [threads.step() for _ in range(150)]
    assert order.index("dear") == 0
    assert 99 <= order.index("dear", 1) <= 102


def test_what_ran_while_nobody_waited_costs_nothing() -> None:
    turns: Turns[tuple[str, int]] = Turns(running_max=1, waiting_max=10)
    turns.join("alone", 100, ("alone", 0))
    assert turns.next() is not None
    turns.charge("alone", 10_000 * MS)
    for key in ("new", "alone", "new", "alone"):
        turns.join(key, 100, (key, 0))
    order = []
    turns.ended("alone")
    for _ in range(4):
        job = turns.next()
        assert job is not None
        order.append(job[0])
        turns.charge(job[0], 10 * MS)
        turns.ended(job[0])
    assert order == ["new", "alone", "new", "alone"]


def test_who_could_not_run_more_at_a_time_is_owed_nothing() -> None:
    """Of three threads one may be the heavy tenant's; the light ones share the rest evenly, who comes late as well."""
    threads = Threads(Turns(running_max=1, waiting_max=BACKLOG * 2), 3)
    weights = {"heavy": 1000, "a": 10, "b": 10}
    flooded(threads, weights, lambda _: 5 * MS, 1000 * MS)
    weights["late"] = 10
    before = threads.used.copy()
    flooded(threads, weights, lambda _: 5 * MS, 3000 * MS)
    spent = {key: threads.used[key] - before[key] for key in weights}
    assert spent["a"] == pytest.approx(spent["late"], rel=0.05)
    assert spent["a"] == pytest.approx(spent["b"], rel=0.05)
    assert spent["heavy"] == pytest.approx(2000 * MS, rel=0.05)


def test_a_line_is_bounded_and_may_be_left() -> None:
    turns: Turns[str] = Turns(running_max=1, waiting_max=2)
    assert [turns.join("t", 100, name) for name in "abc"] == [True, True, False]
    assert turns.join("u", 100, "d")
    assert turns.leave("t", "b")
    assert not turns.leave("t", "b")
    assert not turns.leave("nobody", "b")
    assert turns.join("t", 100, "e")
    assert turns.next() == "a"
    assert not turns.leave("t", "a")
    assert list(turns.clear()) == ["e", "d"]
    assert (turns.waiting, turns.running, turns.next()) == (0, 1, None)


def test_lines_are_forgotten() -> None:
    turns: Turns[int] = Turns(running_max=1, waiting_max=2)
    turns.join("stays", 100, -1)
    for number in range(LINES_MAX * 3):
        turns.join(f"t{number}", 100, number)
        assert turns.next() is not None
        key = "stays" if not number else f"t{number - 1}"
        turns.charge(key, MS)
        turns.ended(key)
    assert len(turns._lines) <= LINES_MAX
