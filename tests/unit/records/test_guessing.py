"""The brake on guessing: what counts and for how long was measured at the real PocketBase 0.40.6."""

from worker.records.guessing import CACHE, REMEMBERED_MAX, delay_s


def delays(caches, moments, key=("c", "1.2.3.4")):
    return [delay_s(caches, *key, now=now) > 0 for now in moments]


def waits(caches, key, now):
    """Whether an answer may wait then; a delay that is drawn may be 0 by chance."""
    return any(delay_s(dict(caches, **{CACHE: dict(caches[CACHE])}), *key, now=now) > 0 for _ in range(20))


def test_three_are_free_in_three_seconds():
    caches: dict = {}
    assert delays(caches, [100.9, 101.5, 102.9]) == [False] * 3
    assert waits(caches, ("c", "1.2.3.4"), 102.99)
    assert not waits(caches, ("c", "1.2.3.4"), 103.0)  # whole seconds count, from the first one on


def test_addresses_and_collections_count_apart():
    caches: dict = {}
    assert delays(caches, [100, 100, 100]) == [False] * 3
    assert waits(caches, ("c", "1.2.3.4"), 100)
    assert not waits(caches, ("d", "1.2.3.4"), 100)
    assert not waits(caches, ("c", "1.2.3.5"), 100)


def test_a_delay_ends():
    caches: dict = {}
    assert all(0 <= delay_s(caches, "c", "a", now=100) < 0.5 for _ in range(200))


def test_memory_is_bounded():
    caches: dict = {}
    for number in range(REMEMBERED_MAX * 2):
        delay_s(caches, "c", str(number), now=100)
    assert len(caches[CACHE]) == REMEMBERED_MAX
    assert ("c", str(REMEMBERED_MAX * 2 - 1)) in caches[CACHE]
