"""Seeded sequences of random writes: every answer and every row as the real PocketBase has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.writes import Pair, Run, session
from tests.servers import Pocker

pytestmark = pytest.mark.slow

SEEDS = range(1, 6)
STEPS = 50


@pytest.fixture(scope="module")
def pair(pocketbase_binary: Path, pocker: Pocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with session(tmp_path_factory.mktemp("writes"), pocker) as pair:
        yield pair


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_and_every_row_is_the_real_ones(pair: Pair, seed: int) -> None:
    report = Run(seed, pair, STEPS).run()
    assert not report.different, "\n".join(report.different)
    # or nothing but refusals would have been compared
    assert report.good > report.asked / 4
    assert report.rows
