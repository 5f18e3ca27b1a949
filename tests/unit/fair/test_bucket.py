"""The token bucket: never more than rate and burst allow, never less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fair.bucket import Bucket

STEPS = st.lists(st.floats(0, 5), min_size=1, max_size=200)


@given(st.floats(0.5, 1000), st.floats(1, 100), STEPS)
def test_takes_what_rate_and_burst_allow(rate: float, burst: float, steps: list[float]) -> None:
    bucket = Bucket(rate, burst, 0.0)
    now, taken = 0.0, 0
    for step in steps:
        now += step
        while bucket.take(now):
            taken += 1
        assert taken <= burst + rate * now + 1e-6
        assert bucket.reset_s(1) >= 1
        now += bucket.wait_s(1) + 1e-6
        assert bucket.refill(now) >= 1


@given(st.floats(0.5, 1000), st.floats(1, 100), st.floats(0, 10_000))
def test_debts_are_repaid(rate: float, burst: float, amount: float) -> None:
    bucket = Bucket(rate, burst, 0.0)
    level = bucket.spend(amount, 0.0)
    assert level == burst - amount
    wait_s = bucket.wait_s(0)
    assert (wait_s == 0) is (level >= 0)
    assert bucket.refill(wait_s) == pytest.approx(max(level, 0), abs=1e-6 * max(1, amount))


def test_clocks_that_go_back_add_nothing() -> None:
    bucket = Bucket(10, 1, 100.0)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
    assert not bucket.take(100.05)
    assert bucket.take(100.15)


def test_other_limits() -> None:
    bucket = Bucket(10, 10, 0.0)
    bucket.spend(8, 0.0)
    bucket.change(1, 5, 0.0)
    assert (bucket.level, bucket.rate) == (-3, 1)
    assert bucket.reset_s(1) == 4
