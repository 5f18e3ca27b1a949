"""A token bucket: so much on average, so much at once. Pure: whoever asks brings the time."""

from math import ceil


class Bucket:
    """Holds up to `burst` and refills with `rate` a second; both above zero, in whatever is counted.

    The level may go below zero: what was not known before it was used is a debt.
    """

    __slots__ = ("_at", "burst", "level", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.level = burst
        self._at = now

    def refill(self, now: float) -> float:
        """The level at `now` (seconds). A clock that stands still or goes back adds nothing."""
        passed = now - self._at
        if passed > 0:
            self._at = now
            self.level = min(self.burst, self.level + passed * self.rate)
        return self.level

    def take(self, now: float) -> bool:
        """Takes one if there is a whole one."""
        if self.refill(now) < 1:
            return False
        self.level -= 1
        return True

    def spend(self, amount: float, now: float) -> float:
        """Takes so much, whatever there is; returns the level left."""
        self.refill(now)
        self.level -= amount
        return self.level

    def wait_s(self, level: float) -> float:
        """Seconds from the last refill until there is so much, 0 if there is."""
        return max(0.0, (level - self.level) / self.rate)

    def reset_s(self, level: float) -> int:
        """The same in whole seconds as clients are told, at least 1."""
        return max(1, ceil(self.wait_s(level)))

    def change(self, rate: float, burst: float, now: float) -> None:
        """Other limits from now on; what has been used stays used."""
        self.refill(now)
        used = self.burst - self.level
        self.rate = rate
        self.burst = burst
        self.level = burst - used
