"""Seeded sequences of random schema changes: all answers, definitions, tables and rows as the real PocketBase has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.changes import Run
from tests.differential.writes import Pair, session
from tests.servers import Pocker

pytestmark = pytest.mark.slow

SEEDS = range(1, 5)
STEPS = 40


@pytest.fixture(scope="module")
def pair(pocketbase_binary: Path, pocker: Pocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with session(tmp_path_factory.mktemp("changes"), pocker, tenant="changes") as pair:
        yield pair


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_and_both_databases_are_the_real_ones(pair: Pair, seed: int) -> None:
    report = Run(seed, pair, STEPS).run()
    assert not report.different, "\n".join(report.different)
    # or little but refusals would have been compared, or nothing but what succeeds
    assert report.changes > STEPS / 10
    assert report.unchanged > STEPS / 10
