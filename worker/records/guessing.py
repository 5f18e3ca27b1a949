"""A brake on guessing what lists hide.

Who may filter a list by a value that the list rule does not show learns from empty pages which values there are, and
from the time they take even more. As the real one does it: from the fourth empty page of a filtered list on, within
three seconds, for one address and one collection with a list rule, the answer waits for a random time.
"""

import secrets
import time
from typing import Any

FREE = 3
WINDOW_S = 3
DELAY_MAX_S = 0.5
# Addresses and collections that one tenant remembers; the oldest is forgotten first.
REMEMBERED_MAX = 500
# Where a context keeps them.
CACHE = "guesses"

# (collection's id, address) → the second in which its window began, and the empty pages in it
Windows = dict[tuple[str, str], tuple[int, int]]


def delay_s(caches: dict[str, Any], collection_id: str, address: str, now: float | None = None) -> float:
    """Note an empty page of a filtered list, and tell how long its answer waits, in seconds; 0 for not at all."""
    windows: Windows = caches.setdefault(CACHE, {})
    # in whole seconds, as the real one counts them
    second = int(time.time() if now is None else now)
    key = collection_id, address
    began, count = windows.pop(key, (second, 0))
    if second - began >= WINDOW_S or second < began:
        began, count = second, 0
    while len(windows) >= REMEMBERED_MAX:
        del windows[next(iter(windows))]
    windows[key] = began, count + 1
    return secrets.randbelow(int(DELAY_MAX_S * 1000)) / 1000 if count >= FREE else 0.0
