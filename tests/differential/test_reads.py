"""Random reads of random worlds: lists and views answer as the real PocketBase does."""

import itertools
from pathlib import Path
from random import Random

import pytest

from tests.differential.reads import Reads
from tests.differential.runner import Comparison
from tests.differential.worlds import build, twins
from tests.servers import Pocker

pytestmark = pytest.mark.slow

SEEDS = (1, 2, 3)
READS = 150


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_the_real_ones(seed: int, tmp_path: Path, pocker: Pocker, pocketbase_binary: Path) -> None:
    world = build(seed, tmp_path / "world")
    with twins(world, pocker, tmp_path, name=f"reads{seed}") as pair:
        comparison = Comparison(world, pair)
        found = [comparison.check(read) for read in itertools.islice(Reads(seed, world), READS)]
    different = [str(difference) for difference in found if difference]
    assert not different, "\n\n".join(different)
    # or nothing but refusals and empty lists would have been compared
    assert comparison.telling > READS / 4
    assert comparison.unanswered + comparison.reordered < READS / 10


def test_equal_seeds_make_equal_reads(tmp_path: Path, pocketbase_binary: Path) -> None:
    world = build(1, tmp_path)
    first, second = ([str(read) for read in itertools.islice(Reads(9, world), 20)] for _ in range(2))
    assert first == second
    assert Random("reads 9").random() != Random("reads 8").random()
