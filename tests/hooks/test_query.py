"""Queries of scripts, in both servers: the builder's SQL, rows into variables, changes, errors in Go's words."""

import pytest

from tests.hooks.harness import Pair, Snippet, listed


@pytest.mark.parametrize("item", listed("query"))
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)
