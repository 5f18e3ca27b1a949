"""The inline budget of tenants whose reads are slow."""

import pytest

from worker.lanes.pace import FLOOR_NS, SKIPS_MAX, Pace

FULL = 5_000_000


def test_who_keeps_exceeding_it_costs_the_loop_little() -> None:
    pace = Pace(FULL)
    spent = []
    for _ in range(500):
        budget = pace.next()
        spent.append(budget)
        if budget:
            pace.exceeded()
    assert sum(spent[:5]) < 2 * FULL + 2 * FLOOR_NS
    assert max(spent[5:]) == FLOOR_NS
    # in the long run one in so many tries at all
    assert sum(spent[200:]) <= FLOOR_NS * (300 // SKIPS_MAX + 1)


def test_quick_ones_bring_it_back() -> None:
    pace = Pace(FULL)
    for _ in range(100):
        if pace.next():
            pace.exceeded()
    while not pace.next():
        pass
    quick = 1
    while not pace.kept():
        assert pace.next(), "after a quick one nobody is sent away"
        quick += 1
    assert 10 < quick < 100
    assert pace.next() == FULL


@pytest.mark.parametrize(("slow_in", "least"), [(20, FULL // 2), (2, FLOOR_NS)])
def test_one_among_many_quick_ones_costs_those_little(slow_in: int, least: int) -> None:
    pace = Pace(FULL)
    skipped, budgets = 0, []
    for number in range(1000):
        budget = pace.next()
        budgets.append(budget)
        skipped += not budget
        if budget:
            if number % slow_in:
                pace.kept()
            else:
                pace.exceeded()
    assert min(budget for budget in budgets if budget) >= least
    assert skipped < 100


def test_a_budget_below_the_floor_stays_what_it_is() -> None:
    pace = Pace(100_000)
    pace.exceeded()
    assert pace.budget_ns == 100_000
