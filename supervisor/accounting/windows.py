"""What a tenant used in the last second, the last ten and the last minute.

    rows      │ second │ requests │ errors │ … │  second │ requests │ …        oldest first, one a second with reports
              └─ within the minute ────────────┘  └─ within the ten seconds

Rows are uint32 in one array, so that a tenant used all the time takes some 2.5 KB and one used once 600 bytes. The
sums of ten seconds and of a minute are kept: a report costs eight additions, a row that ages eight subtractions. They
are sums over whole seconds of the ledger's clock: at second n, of what was told in the seconds n-9 to n and n-59 to n.
The window of "one second" is the last report, for as long as it is news.
"""

from array import array
from collections.abc import Sequence
from operator import add, sub

from supervisor.accounting.facts import Window

COLUMNS = ("requests", "errors", "refused", "cpu_us", "sql_us", "waited_us", "bytes_in", "bytes_out")
WIDTH = 1 + len(COLUMNS)
TEN_S, MINUTE_S = 10, 60
CELL_MAX = 2**32 - 1  # what a second counts at most: 4 GiB, or an hour of CPU
NEWS_INTERVALS = 2.5  # a report is news for so many intervals like its own
NONE = (0,) * len(COLUMNS)


class Windows:
    """The windows of one tenant. Times are in seconds of one clock that never goes back."""

    __slots__ = ("_last", "_last_at", "_last_s", "_minute", "_rows", "_second", "_ten", "_young")

    def __init__(self) -> None:
        self._rows = array("I")
        self._young = 0  # where in `_rows` the last ten seconds begin
        self._ten = array("Q", NONE)
        self._minute = array("Q", NONE)
        self._second = -1
        self._last = array("Q", NONE)
        self._last_at = 0.0
        self._last_s = 1.0

    def book(self, now: float, interval_s: float, counts: Sequence[int]) -> None:
        """Adds a report that covers `interval_s`; `counts` are in the order of `COLUMNS`.

        Two workers may tell of a tenant at about the same time: then both are the last report.
        """
        second = int(now)
        self.age(second)
        added = self._enter(second, counts)
        self._ten = array("Q", map(add, self._ten, added))
        self._minute = array("Q", map(add, self._minute, added))
        if now - self._last_at < interval_s / 2:
            self._last = array("Q", map(add, self._last, counts))
        else:
            self._last = array("Q", counts)
            self._last_at = now
        self._last_s = interval_s

    def _enter(self, second: int, counts: Sequence[int]) -> Sequence[int]:
        """Adds to the row of the second; returns what was added, which may be less where a cell is full."""
        rows = self._rows
        if max(counts) > CELL_MAX:
            counts = [min(count, CELL_MAX) for count in counts]
        if self._second != second or not rows:
            self._second = second
            rows.append(second)
            rows.extend(counts)
            return counts
        first = len(rows) - len(COLUMNS)
        added = [min(count, CELL_MAX - cell) for cell, count in zip(rows[first:], counts, strict=True)]
        rows[first:] = array("I", map(add, rows[first:], added))
        return added

    def age(self, second: int) -> None:
        """Takes out what is older than the windows at that second."""
        rows = self._rows
        young, end = self._young, len(rows)
        while young < end and rows[young] <= second - TEN_S:
            self._ten = array("Q", map(sub, self._ten, rows[young + 1 : young + WIDTH]))
            young += WIDTH
        old = 0
        while old < young and rows[old] <= second - MINUTE_S:
            self._minute = array("Q", map(sub, self._minute, rows[old + 1 : old + WIDTH]))
            old += WIDTH
        if old:
            del rows[:old]
        self._young = young - old

    @property
    def empty(self) -> bool:
        """Whether nothing is left of the last minute, as of when it was last aged or booked."""
        return not self._rows

    def is_news(self, now: float) -> bool:
        """Whether the last report tells what happens now."""
        return now - self._last_at <= self._last_s * NEWS_INTERVALS

    def one(self, now: float) -> Window:
        """The last report; nothing once it is none of the news."""
        return Window(max(self._last_s, 0.001), *(self._last if self.is_news(now) else NONE))

    def sums(self, now: float) -> tuple[Sequence[float], Sequence[int], Sequence[int]]:
        """The columns of all three, those of the last report as so much a second; as of when they were last aged."""
        if not self.is_news(now):
            return NONE, self._ten, self._minute
        interval_s = max(self._last_s, 0.001)
        return [count / interval_s for count in self._last], self._ten, self._minute

    def ten(self) -> Window:
        """The last ten seconds, as of when they were last aged or booked."""
        return Window(float(TEN_S), *self._ten)

    def minute(self) -> Window:
        """The last minute, as of when it was last aged or booked."""
        return Window(float(MINUTE_S), *self._minute)
