"""Keeps the day totals and the events: a little at every look, all that is left at the end.

Written by the supervisor's one thread, so a look writes so much that it takes some milliseconds, and a disk that is
full or fails is asked again only after a while. Nothing is dropped from memory before the archive has it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from supervisor.accounting.archive import Archive, ArchiveError
from supervisor.accounting.days import day_before
from supervisor.accounting.events import EVENTS_MAX
from supervisor.accounting.ledger import Ledger

LOOK_EVERY_S = 1.0
DAYS_EVERY_S = 60.0
DAYS_A_LOOK_MAX = 1000  # some 10 ms
RETRY_S = 30.0
DAYS_KEPT = 400


def open_ledger(path: Path, created_of: Callable[[str], str | None], log: logging.Logger) -> Ledger:
    """The ledger with the archive at `path`, or with none where the disk refuses: no tenant has to wait for history."""
    archive = Archive(path)
    try:
        told = archive.prepare()
        if told:
            log.error("%s", told)
        return Ledger(archive, created_of)
    except ArchiveError as error:
        log.error("%s; day totals and events are not kept in this run", error)
        return Ledger(None, created_of)


class Keeping:
    """Who writes what the ledger counts. Times are monotonic seconds."""

    __slots__ = ("_days_from", "_ledger", "_log", "_not_before", "_pruned", "_writing")

    def __init__(self, ledger: Ledger, log: logging.Logger) -> None:
        self._ledger = ledger
        self._log = log
        self._days_from = time.monotonic() + DAYS_EVERY_S
        self._writing = False
        self._not_before = 0.0
        self._pruned = ""

    def start(self, loop: asyncio.AbstractEventLoop, kind: str = "start", reason: str = "") -> None:
        """The server starts, or its new code has taken over: an event of that kind. Looks once a second from now on."""
        self._ledger.events.note(kind, reason=reason)
        self._look(loop)

    def stop(self) -> None:
        """The server ends."""
        self._ledger.events.note("stop")
        self.close()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(LOOK_EVERY_S, self._look, loop)
        self.tick(time.monotonic())

    def tick(self, now: float) -> None:
        """Writes new events, and once a minute the day totals, over as many looks as that takes. Never fails."""
        ledger = self._ledger
        if ledger.archive is None or now < self._not_before:
            return
        if now >= self._days_from:
            self._writing = True
            self._days_from = now + DAYS_EVERY_S
        if not self._writing and not ledger.events.has_pending:
            return
        limit = DAYS_A_LOOK_MAX if self._writing else 0
        try:
            self._writing = self._write(limit) == limit > 0
            self._prune()
        except ArchiveError as error:
            self._failed(error, now)

    def close(self) -> None:
        """Writes everything. Never fails."""
        if self._ledger.archive is not None:
            try:
                self._write(len(self._ledger.days))
            except ArchiveError as error:
                self._failed(error, time.monotonic())

    def _write(self, limit: int) -> int:
        """Writes the events and at most so many day totals; how many of these."""
        ledger = self._ledger
        archive = ledger.archive
        assert archive is not None
        ledger.days.turn()
        days, events = ledger.days.pending(limit), ledger.events.pending()
        if days or events:
            archive.add(days, events)
            ledger.days.kept(days)
            ledger.events.kept(events)
        return len(days)

    def _prune(self) -> None:
        """Once a day, or when there are many more events than are to be kept."""
        ledger = self._ledger
        today = ledger.days.today
        if ledger.archive is not None and (self._pruned != today or ledger.events.overdue):
            ledger.archive.prune(day_before(today, DAYS_KEPT), EVENTS_MAX)
            self._pruned = today
            ledger.events.pruned()

    def _failed(self, error: ArchiveError, now: float) -> None:
        self._not_before = now + RETRY_S
        self._log.error("%s; %d day totals wait in memory", error, len(self._ledger.days))
