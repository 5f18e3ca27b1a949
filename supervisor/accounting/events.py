"""What happened: to tenants, to workers, to the server. Noted in memory, kept by the archive a moment later."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from supervisor.accounting.archive import Archive, Event
from supervisor.contract.stamp import stamp_now

KINDS: Mapping[str, str] = {
    "start": "The server started.",
    "stop": "The server was told to stop.",
    "reload": "The settings were read again.",
    "upgrade": "New workers run new code.",
    "shards": "The number of shards changed.",
    "worker_died": "A worker ended unasked, and its shard got another one.",
    "recycled": "A worker is replaced by a fresh one, which no client notices.",
    "created": "A tenant was made.",
    "deleted": "A tenant and its files were removed.",
    "moved": "A tenant serves from another shard.",
    "suspended": "A tenant serves no more until it is resumed.",
    "resumed": "A tenant that was suspended or had failed serves again.",
    "failed": "A tenant's data can't be opened.",
    "plan": "A tenant has another plan.",
    "throttled": "A tenant took too much and is slowed down.",
    "blocked": "A tenant went on taking too much, or hung its worker, and is refused for a time.",
    "eased": "A step of what was taken against a tenant was taken back.",
    "free": "A tenant is free of all that was taken against it.",
    "hang": "A tenant's request held its worker for too long, and the worker was aborted.",
    "cut": "A tenant's work was stopped because it took longer than it may.",
    "trimmed": "Contexts of tenants were closed to get memory back.",
    "memory": "Memory ran short, of a worker or of all of them.",
    "sandbox": "A process for scripts has done what no script can do by itself, or is not to be had.",
    "hooks": "A tenant's scripts could not be loaded, or can be again.",
    "disk": "Space on the disk, or a tenant's quota, ran out, or is there again.",
    "descriptors": "Descriptors ran short, or are there again.",
    "notice": "Something else that an operator may want to know.",
}
"""Every kind of event, in one word, and what it says."""

EVENTS_MAX = 10_000  # that are kept
PRUNE_AFTER = 500  # that come on top before the oldest go
RECENT_MAX = 500  # that are answered without a look at the disk


class Events:
    """The table of events. Without an archive they last as long as this object.

    Ids grow by one and never come again, so `since_id` asks for what is new.
    """

    __slots__ = ("_archive", "_last_id", "_pending", "_pruned_id", "_recent")

    def __init__(self, archive: Archive | None = None) -> None:
        """Raises ArchiveError."""
        self._archive = archive
        self._last_id = self._pruned_id = archive.last_id() if archive else 0
        self._recent: deque[Event] = deque(maxlen=RECENT_MAX if archive else EVENTS_MAX)
        self._pending: deque[Event] = deque(maxlen=EVENTS_MAX)

    def note(
        self, kind: str, tenant: str = "", shard: int = -1, reason: str = "", detail: Mapping[str, Any] | None = None
    ) -> Event:
        """Something of a kind of `KINDS` has happened; any other is a notice. `detail` is JSON-ready."""
        known = kind if kind in KINDS else "notice"
        self._last_id += 1
        now = stamp_now()
        event = Event(self._last_id, now, known, tenant, shard, reason, dict(detail or {}))
        self._recent.append(event)
        if self._archive is not None:
            self._pending.append(event)
        return event

    def events(
        self, since_id: int = 0, tenant: str = "", limit: int = 100, *, kind: str = "", since: str = ""
    ) -> list[Event]:
        """The latest events after `since_id`, at most `limit`, oldest first; of one tenant, of one kind, not `at`
        before `since`, unless these are empty.

        Raises ArchiveError.
        """
        recent = [event for event in self._recent if event.id > since_id and event.fits(tenant, kind, since)][-limit:]
        oldest = self._recent[0].id if self._recent else self._last_id + 1
        all_in_memory = since_id >= oldest - 1 or (self._recent and self._recent[0].at < since)
        if self._archive is None or len(recent) == limit or all_in_memory:
            return recent
        stored = self._archive.events(since_id, tenant, limit, kind=kind, since=since)
        return [*(event for event in stored if event.id < oldest), *recent][-limit:]

    @property
    def has_pending(self) -> bool:
        """Whether the archive lacks some."""
        return bool(self._pending)

    @property
    def overdue(self) -> bool:
        """Whether the archive is to be cut down to the latest ones."""
        return self._last_id - self._pruned_id >= PRUNE_AFTER

    def pruned(self) -> None:
        """The archive was cut down."""
        self._pruned_id = self._last_id

    def take_over(self, events: list[Event]) -> None:
        """These waited for the archive in an earlier image of this supervisor."""
        for event in events:
            self._last_id = max(self._last_id, event.id)
            self._recent.append(event)
            if self._archive is not None:
                self._pending.append(event)

    def pending(self) -> list[Event]:
        """What the archive does not have yet."""
        return list(self._pending)

    def kept(self, events: list[Event]) -> None:
        """The archive has these, which `pending` gave."""
        for _ in events:
            self._pending.popleft()
