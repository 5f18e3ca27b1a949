"""Deficit round robin: the arithmetic of rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.contract.plan import Plan
from worker.fair.account import Account
from worker.fair.queue import QUANTUM_NS, Queue

BAR = 2


def account(queue: Queue, name: str = "a", weight: int = 100, deficit_ns: int = 0) -> Account:
    made = Account(name, Plan(weight=weight))
    made.bars = 0
    queue.begin(made)
    made.deficit_ns = deficit_ns
    made.waiting.append(name)
    queue.enter(made)
    return made


DEBTS = st.lists(st.tuples(st.integers(1, 10_000), st.integers(-(10**12), QUANTUM_NS)), min_size=1, max_size=20)


@given(DEBTS)
def test_the_next_is_who_owes_least_for_its_weight(debts: list[tuple[int, int]]) -> None:
    queue = Queue()
    made = [account(queue, str(number), weight, deficit) for number, (weight, deficit) in enumerate(debts)]
    found = queue.next(BAR)
    assert found is not None
    assert 0 < found.deficit_ns <= QUANTUM_NS
    if all(deficit <= 0 for _, deficit in debts):
        least = min(-deficit / weight for weight, deficit in debts)
        weight, deficit = debts[made.index(found)]
        assert -deficit / weight <= least + QUANTUM_NS / max(weight for weight, _ in debts) + 1
    else:
        assert debts[made.index(found)][1] > 0
    assert queue.next(BAR) is found, "it keeps its place while it may go on"


def test_rounds_are_in_order_and_weighted() -> None:
    queue = Queue()
    light, heavy = account(queue, "light", 100), account(queue, "heavy", 300)
    used = {"light": 0, "heavy": 0}
    for _ in range(10_000):
        found = queue.next(BAR)
        assert found is not None
        found.deficit_ns -= 700_000
        used[found.name] += 1
    assert used["heavy"] == pytest.approx(3 * used["light"], rel=0.01)
    assert len(queue) == 2
    light.waiting.clear()
    heavy.bars = BAR
    assert queue.next(BAR) is None
    assert not queue
    assert (light.lined, heavy.lined) == (False, False)


def test_nobody_saves_up() -> None:
    queue = Queue()
    idle, busy = account(queue, "idle"), account(queue, "busy")
    idle.waiting.clear()
    for _ in range(100):
        found = queue.next(BAR)
        assert found is busy
        busy.deficit_ns -= 5_000_000
    assert queue.refresh(idle) == QUANTUM_NS


def test_renewal_and_forgiveness() -> None:
    queue = Queue()
    one, other = account(queue, "one", 1, -(10**10)), account(queue, "other", 100, -(10**10))
    for each in (one, other):
        each.waiting.clear()
    assert queue.next(BAR) is None
    queue.renew(other)
    assert other.deficit_ns == pytest.approx(QUANTUM_NS, rel=0.01)
    assert queue.refresh(one) < -(9 * 10**9)
    queue.forgive()
    assert queue.refresh(one) == queue.refresh(other) == QUANTUM_NS


def test_a_place_is_kept_once() -> None:
    queue = Queue()
    one = account(queue)
    queue.enter(one)
    assert len(queue) == 1
