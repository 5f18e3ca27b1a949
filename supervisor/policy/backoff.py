"""How often something had to be done, which good conduct makes forgotten one by one; and how long it then takes."""

from dataclasses import dataclass

EXPONENT_MAX = 64  # beyond it every length is at its limit


@dataclass(frozen=True, slots=True)
class Backoff:
    """So many strikes are remembered; `since` is when the last one fell or was forgotten, in seconds."""

    strikes: int = 0
    since: float = 0.0

    def struck(self, now: float) -> "Backoff":
        """One strike more."""
        return Backoff(self.strikes + 1, now)

    def eased(self, now: float, every_s: float) -> "Backoff":
        """What is left when one strike is forgotten for each whole `every_s` without a new one."""
        periods = int(max(0.0, now - self.since) // every_s)
        if not self.strikes or not periods:
            return self
        return Backoff(max(0, self.strikes - periods), self.since + periods * every_s)

    def length(self, first_s: float, factor: float, max_s: float) -> float:
        """How long the next measure lasts: `first_s`, and `factor` times as long for each strike, up to `max_s`."""
        return min(first_s * factor ** min(self.strikes, EXPONENT_MAX), max(first_s, max_s))


CLEAN = Backoff()
