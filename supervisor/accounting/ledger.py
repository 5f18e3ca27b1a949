"""What every tenant has used: totals since the supervisor started, windows of the last minute, gauges as last told.

A tenant is told of by the worker that owns it; while it moves, by two. Counters add up whoever tells them. Gauges are
those of the worker where the tenant is live, or else of the one that told last; the connections and the queue of
another one, which is passing them on, are not waited for. Nothing refers to a worker that is gone (`lost`).
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from supervisor.accounting.account import Account, add, facts_of, stray_day
from supervisor.accounting.archive import SUMMED, Archive, Day, Event
from supervisor.accounting.days import Days, day_before
from supervisor.accounting.events import Events
from supervisor.accounting.facts import Facts, Window, WorkerTold
from supervisor.accounting.windows import NONE, Windows
from supervisor.contract.stamp import stamp_now
from supervisor.contract.usage import TenantUsage, WorkerUsage

RECENT_S = 1.5  # a little more than the time between two looks of the supervisor


class Kept(msgspec.Struct):
    """What goes from one image of the supervisor to the next; of days and events, what the archive does not have."""

    began: str
    accounts: list[Account]
    former: Account
    days: list[Day]
    events: list[Event]


class Ledger:
    """The accounts. Tenants that were never heard of have none.

    `created_of` tells when the tenant of that name was created, None where there is none (any more): what is told of
    such a one counts for the day and opens no account. `clock` is monotonic, in seconds.
    """

    __slots__ = (
        "_accounts",
        "_clock",
        "_created_of",
        "_gone",
        "_latest",
        "_present",
        "_windows",
        "archive",
        "began",
        "days",
        "events",
        "former",
        "workers",
    )

    def __init__(
        self,
        archive: Archive | None = None,
        created_of: Callable[[str], str | None] = lambda name: "",  # noqa: ARG005
        clock: Callable[[], float] | None = None,
        days: Days | None = None,
    ) -> None:
        """Raises ArchiveError."""
        start = time.monotonic()
        self.began = stamp_now()  # since when totals count
        self._clock = clock or (lambda: time.monotonic() - start)
        self._created_of = created_of
        self._latest = -RECENT_S, Facts([], {})
        self._accounts: dict[str, Account] = {}
        self._windows: dict[str, Windows] = {}
        self._present: dict[str, Account] = {}
        self._gone: dict[int, int] = {}  # pid of the last worker at each berth that was lost
        self.archive = archive
        self.days = Days() if days is None else days
        self.events = Events(archive)
        self.former = Account("")  # the counters of all that were closed
        self.workers: dict[int, WorkerTold] = {}

    # What is told

    def book(self, usage: WorkerUsage) -> None:
        """Adds one worker's report."""
        self.days.turn()
        now = self._clock()
        for tenant in usage.tenants:
            account = self._open(tenant.name)
            if account is None:
                add(self.former, tenant)
                self.days.finish(stray_day(tenant, self.days.today))
            else:
                self._book(account, tenant, usage, now)
        if self._gone.get(usage.berth) == usage.pid:
            return
        ms = usage.interval_s * 1000 or 1.0
        before = self.workers.get(usage.berth)
        since = before if before is not None and before.pid == usage.pid else None
        self.workers[usage.berth] = WorkerTold(
            usage.shard,
            usage.berth,
            usage.pid,
            now,
            usage.live_tenants,
            usage.connections,
            usage.handoffs_out,
            usage.handoffs_in,
            100 * usage.cpu_ms / ms,
            100 * usage.own_cpu_ms / ms,
            usage.lag_ms,
            usage.queued,
            usage.sqlite_kb,
            usage.cpu_ms + (since.cpu_ms if since else 0.0),
            usage.own_cpu_ms + (since.own_cpu_ms if since else 0.0),
            usage.shared_cpu_ms + (since.shared_cpu_ms if since else 0.0),
        )

    def _book(self, account: Account, told: TenantUsage, usage: WorkerUsage, now: float) -> None:
        requests, cpu_ms = told.requests, told.cpu_ms
        if requests or cpu_ms or told.sql_ms or told.bytes_in or told.bytes_out:
            self.days.mark(account)
            add(account, told)
            account.used_at = now
            windows = self._windows.get(account.name)
            if windows is None:
                windows = self._windows[account.name] = Windows()
            counts = (
                requests,
                told.errors + told.gone,
                told.refused,
                round(cpu_ms * 1000),
                round(told.sql_ms * 1000),
                round(told.waited_ms * 1000),
                told.bytes_in,
                told.bytes_out,
            )
            windows.book(now, usage.interval_s, counts)
        self._gauge(account, told, usage)

    def _gauge(self, account: Account, told: TenantUsage, usage: WorkerUsage) -> None:
        if account.berth != usage.berth and account.live and not told.live:
            return  # what a former owner has to add
        if self._gone.get(usage.berth) == usage.pid:
            return  # last words, which were read after its end
        account.shard, account.berth = usage.shard, usage.berth
        account.live = told.live
        account.connections, account.queued = told.connections, told.queued
        account.memory_kb = told.memory_kb if told.live else 0
        account.memory_peak_kb = max(account.memory_peak_kb, account.memory_kb)
        if told.disk_kb and told.disk_kb != account.disk_kb:
            self.days.mark(account)
            account.disk_kb = told.disk_kb
        if account.present:
            self._present[account.name] = account
        else:
            self._present.pop(account.name, None)

    def hang(self, name: str) -> int:
        """Notes that the tenant hung its worker; how often it has done so."""
        account = self._open(name)
        if account is None:
            return 0
        self.days.turn()
        self.days.mark(account)
        account.hangs += 1
        return account.hangs

    def lost(self, berth: int) -> None:
        """The worker at the berth is gone, and with it everything that was live there."""
        told = self.workers.pop(berth, None)
        if told is not None:
            self._gone[berth] = told.pid
        for account in [account for account in self._present.values() if account.berth == berth]:
            account.leave()
            del self._present[account.name]

    def close(self, name: str) -> None:
        """Forgets a tenant that was deleted; its days stay. Another one of that name starts afresh."""
        self.days.turn()
        self.days.close(name)
        account = self._accounts.pop(name, None)
        self._windows.pop(name, None)
        self._present.pop(name, None)
        if account is not None:
            for counter in SUMMED:
                setattr(self.former, counter, getattr(self.former, counter) + getattr(account, counter))

    # What is known

    def get(self, name: str) -> Account | None:
        """The tenant's account, if it was ever heard of."""
        return self._accounts.get(name)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    def windows(self, name: str) -> tuple[Window, Window, Window]:
        """The tenant's windows of 1 s (the last report), 10 s and 60 s as of now."""
        windows = self._windows.get(name) or Windows()
        now = self._clock()
        windows.age(int(now))
        return windows.one(now), windows.ten(), windows.minute()

    def windows_of_others(self, names: Collection[str]) -> tuple[Window, Window, Window]:
        """The windows of all tenants but these, together; that of a second as so much a second."""
        now = self._clock()
        second = int(now)
        ones: list[Sequence[float]] = [NONE]
        tens: list[Sequence[float]] = [NONE]
        minutes: list[Sequence[float]] = [NONE]
        for name, windows in self._windows.items():
            if name not in names:
                windows.age(second)
                one, ten, minute = windows.sums(now)
                if one is not NONE:
                    ones.append(one)
                tens.append(ten)
                minutes.append(minute)
        return Window(1.0, *_columns(ones)), Window(10.0, *_columns(tens)), Window(60.0, *_columns(minutes))

    def facts(self) -> Facts:
        """All tenants that were used within the last minute, are live or have connections; and the workers.

        Some 4 µs a tenant. Tenants without use for a minute lose their windows here.
        """
        self._latest = self._clock(), self._gathered()
        return self._latest[1]

    def recent_facts(self) -> Facts:
        """What `facts` answered last, if that is news; costs nothing while somebody asks for them every second."""
        at, facts = self._latest
        return facts if self._clock() - at < RECENT_S else self._gathered()

    def _gathered(self) -> Facts:
        now = self._clock()
        second = int(now)
        tenants = []
        for name, windows in list(self._windows.items()):
            windows.age(second)
            if windows.empty:
                del self._windows[name]
            else:
                tenants.append(facts_of(self._accounts[name], windows, now))
        tenants += [
            facts_of(account, None, now) for name, account in self._present.items() if name not in self._windows
        ]
        return Facts(tenants, dict(self.workers))

    def days_of(self, name: str, days: int) -> list[Day]:
        """The sums of a tenant's last `days` days, today's among them, oldest first; days without use are left out.

        Days of a former tenant of that name are among them, told apart by `created`. Raises ArchiveError.
        """
        self.days.turn()
        first = day_before(self.days.today, max(0, days - 1))
        stored = self.archive.days(name, first, self.days.today) if self.archive else []
        found = {day.key: day for day in stored}
        for day in self.days.of(name):
            if day.day >= first:
                found[day.key] = found[day.key].plus(day) if day.key in found else day
        return [found[key] for key in sorted(found)]

    # From one image of the supervisor to the next

    def keep(self) -> dict[str, Any]:
        """All but the windows as plain values, for the supervisor that goes on with new code."""
        days, events = self.days.pending(len(self.days)), self.events.pending()
        kept = Kept(self.began, list(self._accounts.values()), self.former, days, events)
        plain: dict[str, Any] = msgspec.to_builtins(kept)
        return plain

    def recall(self, kept: Any) -> None:
        """What `keep` gave. If an older release counted otherwise, the count begins anew."""
        try:
            known = msgspec.convert(kept, Kept)
        except msgspec.ValidationError:
            return
        self.began, self.former = known.began, known.former
        for account in known.accounts:
            account.used_at = 0.0
            self._accounts[account.name] = account
            if account.present:
                self._present[account.name] = account
        for day in known.days:
            self.days.finish(day)
        self.events.take_over(known.events)

    def _open(self, name: str) -> Account | None:
        account = self._accounts.get(name)
        if account is None:
            created = self._created_of(name)
            if created is None:
                return None
            account = self._accounts[name] = Account(name, created=created)
        return account


def _columns(rows: Sequence[Sequence[float]]) -> list[int]:
    """The sums of the columns."""
    return [round(sum(column)) for column in zip(*rows, strict=True)]
