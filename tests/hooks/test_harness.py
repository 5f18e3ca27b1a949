"""The harness itself: what JavaScript answers by itself, and how a thrown error is shown."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

TABLE = evaluated(
    "return 1 + 1",
    "return [1.5, 'ä', null, undefined, {b: 1, a: [true]}]",
    "return undefined",
    "throw new Error('no')",
    "throw 5",
    snippet("return e.auth === null", as_=""),
    snippet("return e.auth.id", as_="user1"),
)


@pytest.mark.parametrize("item", TABLE)
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)
