"""The day totals that the archive does not have yet.

Nothing is counted twice: an account that is used gets a mark, its totals at that moment, and what is to be written is
the difference. A day that ends, or a tenant that is deleted, turns marks into finished sums; so do reports of tenants
that exist no more. All of it waits in memory until the archive has it, however long its disk is full.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from time import time
from typing import TYPE_CHECKING

from supervisor.accounting.archive import SUMMED, Day

if TYPE_CHECKING:
    from supervisor.accounting.account import Account

DAY_S = 86_400
FINISHED_MAX = 100_000  # sums of former days that wait for a disk with room; some 40 MB
_totals = attrgetter(*SUMMED)


def day_name(seconds: float) -> str:
    """The UTC day of a time in seconds since the epoch, as YYYY-MM-DD."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def day_before(day: str, days: int) -> str:
    """So many days before."""
    return (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) - timedelta(days=days)).strftime("%Y-%m-%d")


class Days:
    """The sums that wait to be written. `clock` gives seconds since the epoch."""

    __slots__ = ("_clock", "_finished", "_marks", "_number", "lost", "today")

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._number = -1
        self.today = ""
        self._marks: dict[str, tuple[Account, tuple[float, ...]]] = {}
        self._finished: dict[tuple[str, str, str], Day] = {}
        self.lost = 0  # sums that found no room even in memory
        self.turn()

    def turn(self) -> None:
        """Looks whether another day has begun; to be called before what is counted from now on."""
        seconds = self._clock()
        number = int(seconds // DAY_S)
        if number != self._number:
            for account, mark in self._marks.values():
                self.finish(_difference(self.today, account, mark))
            self._marks.clear()
            self._number = number
            self.today = day_name(seconds)

    def mark(self, account: "Account") -> None:
        """To be called before something is added to an account; the account must be the one of that name since."""
        if account.name not in self._marks:
            self._marks[account.name] = account, _totals(account)
            account.memory_peak_kb = account.memory_kb

    def close(self, name: str) -> None:
        """The account ends."""
        marked = self._marks.pop(name, None)
        if marked is not None:
            self.finish(_difference(self.today, *marked))

    def finish(self, day: Day) -> None:
        """Adds sums that will not change any more."""
        known = self._finished.get(day.key)
        if known is None and len(self._finished) >= FINISHED_MAX:
            self.lost += 1
            return
        self._finished[day.key] = day if known is None else known.plus(day)

    def pending(self, limit: int) -> list[Day]:
        """Sums that wait, at most so many; those of former days and tenants first."""
        days = [day for day, _ in zip(self._finished.values(), range(limit), strict=False)]
        marks = zip(self._marks.values(), range(limit - len(days)), strict=False)
        return [*days, *(_difference(self.today, account, mark) for (account, mark), _ in marks)]

    def kept(self, days: list[Day]) -> None:
        """The archive has these, which `pending` has just given."""
        for day in days:
            if self._finished.get(day.key) is day:
                del self._finished[day.key]
            else:
                del self._marks[day.tenant]

    def of(self, tenant: str) -> list[Day]:
        """What waits of one tenant."""
        days = [day for day in self._finished.values() if day.tenant == tenant]
        marked = self._marks.get(tenant)
        return days if marked is None else [*days, _difference(self.today, *marked)]

    def __len__(self) -> int:
        return len(self._finished) + len(self._marks)


def _difference(day: str, account: "Account", mark: tuple[float, ...]) -> Day:
    sums = [now - then for now, then in zip(_totals(account), mark, strict=True)]
    gauges = (max(account.memory_peak_kb, account.memory_kb), account.disk_kb)
    return Day(*[day, account.name, account.created, *sums, *gauges])
