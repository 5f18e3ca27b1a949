"""Fields, lists of fields and collections in scripts, and what `$app` does with collections."""

from pathlib import Path

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated

LINES = (Path(__file__).with_name("snippets") / "collections.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("item", evaluated(*(line for line in LINES if line and not line.startswith("//"))))
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)
