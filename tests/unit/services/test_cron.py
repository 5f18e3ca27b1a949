"""Cron expressions. What the real one says to bad ones is compared with it in `tests/oracle/cases/settings.py`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.services.cron import BOUNDS, MACROS, CronError, parse_cron

EVERY = tuple(frozenset(range(least, greatest + 1)) for least, greatest in BOUNDS)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("* * * * *", range(60)),
        ("*/15 * * * *", {0, 15, 30, 45}),
        ("5 * * * *", {5}),
        ("+5 * * * *", {5}),
        ("1-5 * * * *", {1, 2, 3, 4, 5}),
        ("1-6/2 * * * *", {1, 3, 5}),
        ("0,7,7,50-52,*/30 * * * *", {0, 7, 30, 50, 51, 52}),
        ("59-59 * * * *", {59}),
        ("1/1 * * * *", {1}),
    ],
)
def test_minutes(text: str, minutes: set[int]) -> None:
    assert parse_cron(text) == (frozenset(minutes), *EVERY[1:])


def test_each_field_has_its_bounds() -> None:
    assert parse_cron("* * * * *") == EVERY
    assert parse_cron("*/2 */12 */10 */6 */3") == (
        frozenset(range(0, 60, 2)),
        frozenset({0, 12}),
        frozenset({1, 11, 21, 31}),
        frozenset({1, 7}),
        frozenset({0, 3, 6}),
    )


@pytest.mark.parametrize("macro", MACROS)
def test_macros(macro: str) -> None:
    assert parse_cron(macro) == parse_cron(MACROS[macro])


@pytest.mark.parametrize("text", ["", "@never", "60 * * * *", "* * 0 * *", "* * * * 7", "5-1 * * * *", "a * * * *"])
def test_bad_ones(text: str) -> None:
    with pytest.raises(CronError):
        parse_cron(text)


@settings(deadline=None)
@given(st.text("0123456789*/-, +ax\u00ad\n", max_size=30))
def test_anything_is_parsed_or_an_error(text: str) -> None:
    try:
        schedule = parse_cron(text)
    except CronError:
        return
    for values, (least, greatest) in zip(schedule, BOUNDS, strict=True):
        assert values
        assert least <= min(values)
        assert max(values) <= greatest
