"""When a dead worker is replaced: at once, unless the shard's workers keep dying young; then ever more slowly.
And what it died of."""

import math
import signal
import time
from collections import defaultdict

SHORT_LIFE_S = 5.0
SHORT_LIVES_FREE = 2
DELAY_FIRST_S = 0.25
DELAY_MAX_S = 10.0


def signal_name(number: int) -> str:
    """The name of a signal; real-time signals, which have none between the first and the last, by their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Respawn:
    """The patience with each shard. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._not_before: defaultdict[int, float] = defaultdict(float)
        self._short_lives: defaultdict[int, int] = defaultdict(int)
        self._spawned: defaultdict[int, float] = defaultdict(lambda: -math.inf)
        self._delay: defaultdict[int, float] = defaultdict(float)

    def due(self, shard: int) -> float:
        """When the shard's next worker may be forked."""
        return self._not_before[shard]

    def spawned(self, shard: int) -> None:
        """A worker is forked for the shard because it had none."""
        now = time.monotonic()
        young = now - self._spawned[shard] < SHORT_LIFE_S + self._delay[shard]
        self._short_lives[shard] = self._short_lives[shard] + 1 if young else 0
        doublings = self._short_lives[shard] - SHORT_LIVES_FREE
        self._delay[shard] = 0.0 if doublings < 0 else min(DELAY_FIRST_S * 2**doublings, DELAY_MAX_S)
        self._spawned[shard] = now
        self._not_before[shard] = now + self._delay[shard]

    def failed(self, shard: int) -> None:
        """No worker could be forked."""
        self._not_before[shard] = time.monotonic() + DELAY_MAX_S
