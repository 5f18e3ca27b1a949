"""How long a tenant's reads or writes may try on the event loop before they go to a thread.

Most tenants never have a `Pace`: theirs is the full budget. Who exceeds it has half of it from then on, and so forth
down to a floor; who exceeds even that has a growing number of its next ones sent to a thread at once. Each one that is
quick gives a little back, and with all of it back the pace is forgotten. So statements of ever new texts, which no
memory of slow ones ever matches, cost the loop little; and one slow report among many point reads costs those nothing.
"""

FLOOR_NS = 2_000_000
# Of the full budget, what one quick read gives back.
BACK = 32
# How many are sent to a thread at once, at most, before one may try again.
SKIPS_MAX = 64


class Pace:
    """The budget of a tenant whose reads (or writes) were slow."""

    __slots__ = ("_skips", "_skips_left", "budget_ns", "full_ns")

    def __init__(self, full_ns: int) -> None:
        self.full_ns = self.budget_ns = full_ns
        self._skips = self._skips_left = 0

    def next(self) -> int:
        """What the next one may take on the loop, in ns; 0: none of it."""
        if self._skips_left:
            self._skips_left -= 1
            return 0
        return self.budget_ns

    def exceeded(self) -> None:
        """One has taken all of its budget and is not done."""
        floor_ns = min(FLOOR_NS, self.full_ns)
        if self.budget_ns > floor_ns:
            self.budget_ns = max(floor_ns, self.budget_ns // 2)
        else:
            self._skips = self._skips_left = min(SKIPS_MAX, self._skips * 2 or 2)

    def kept(self) -> bool:
        """One was done within its budget. Whether all is well again."""
        self._skips = 0
        self.budget_ns = min(self.full_ns, self.budget_ns + self.full_ns // BACK)
        return self.budget_ns == self.full_ns
