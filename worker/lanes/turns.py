"""Whose turn it is: fair queueing of jobs whose cost is known only afterwards.

Deficit round robin with the deficit kept as a place in time: each line (one a tenant) has the moment up to which it has
used its share, in CPU time over weight. Whoever is furthest behind is next, so a line that a dear job has put ahead
waits until the others have had as much. Who comes anew starts where the turns are now and neither owes nor is owed
anything; what a job has taken is charged while it runs or when it ends.

Pure: knows no threads, no clock and no tenants, just keys and weights.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

J = TypeVar("J")

# What a line pays for 1 ns of CPU at weight 1; weights are 1 to some 10,000.
SCALE = 1_000_000
# Lines that are remembered for what they owe; beyond it, what those owe that have nothing to do is forgotten.
LINES_MAX = 256


class Line(Generic[J]):
    """The jobs of one key."""

    __slots__ = ("paid", "running", "waiting", "weight")

    def __init__(self, weight: int, paid: int) -> None:
        self.weight = weight
        # the place in time up to which its share is used
        self.paid = paid
        self.running = 0
        self.waiting: deque[tuple[int, J]] = deque()


class Turns(Generic[J]):
    """Jobs in lines. At most `running_max` of one line run at a time, and `waiting_max` wait."""

    __slots__ = ("_lines", "_now", "_number", "running", "running_max", "waiting", "waiting_max")

    def __init__(self, running_max: int, waiting_max: int) -> None:
        self.running_max = running_max
        self.waiting_max = waiting_max
        self.running = self.waiting = 0
        self._lines: dict[Hashable, Line[J]] = {}
        self._now = 0
        self._number = 0

    def join(self, key: Hashable, weight: int, job: J) -> bool:
        """Put a job at the end of its line. False, and nothing is done, where the line is full."""
        if not self.waiting:
            self._catch_up()
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= LINES_MAX:
                self._forget()
            line = self._lines[key] = Line(weight, self._now)
        elif len(line.waiting) >= self.waiting_max:
            return False
        elif not line.waiting and not line.running:
            line.paid = max(line.paid, self._now)
        line.weight = max(1, weight)
        self._number += 1
        line.waiting.append((self._number, job))
        self.waiting += 1
        return True

    def next(self) -> J | None:
        """The job that runs next, which counts as running from now on; None where none may."""
        best = None
        for line in self._lines.values():
            if not line.waiting or line.running >= self.running_max:
                continue
            if best is None or (line.paid, line.waiting[0][0]) < (best.paid, best.waiting[0][0]):
                best = line
        if best is None:
            return None
        # who could not run for having too much running already is owed nothing for it
        best.paid = self._now = max(best.paid, self._now)
        best.running += 1
        self.running += 1
        self.waiting -= 1
        return best.waiting.popleft()[1]

    def charge(self, key: Hashable, cpu_ns: int) -> None:
        """A running job of `key` has taken so much (more)."""
        line = self._lines[key]
        line.paid += cpu_ns * SCALE // line.weight

    def ended(self, key: Hashable) -> None:
        """A running job of `key` is over; what it took was charged."""
        self._lines[key].running -= 1
        self.running -= 1
        if not self.running and not self.waiting:
            self._lines.clear()  # there was nobody whom it could have cost anything

    def leave(self, key: Hashable, job: J) -> bool:
        """Take a job out of its line; False where it does not wait (any more)."""
        line = self._lines.get(key)
        for entry in line.waiting if line is not None else ():
            if entry[1] == job:
                assert line is not None
                line.waiting.remove(entry)
                self.waiting -= 1
                return True
        return False

    def clear(self) -> Iterator[J]:
        """Take out every job that waits."""
        for line in self._lines.values():
            while line.waiting:
                self.waiting -= 1
                yield line.waiting.popleft()[1]

    def _catch_up(self) -> None:
        """Nobody waits: what those who run have taken so far, they have taken from nobody."""
        paid = [line.paid for line in self._lines.values() if line.running]
        if paid:
            self._now = max(self._now, min(paid))

    def _forget(self) -> None:
        for key, line in list(self._lines.items()):
            if not line.waiting and not line.running:
                del self._lines[key]
