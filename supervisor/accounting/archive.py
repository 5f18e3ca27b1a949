"""What outlives the supervisor: day totals and events, in one SQLite file beside the registry.

A file of its own, because it is written far more often than the registry and may lose the last moments when the whole
machine dies: WAL and `synchronous=NORMAL`, so that a commit waits for no disk. As with the registry, a connection
lives for one operation, since SQLite must not be carried over a fork.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
from msgspec.structs import astuple

VERSION = 1
SCHEMA = """
CREATE TABLE days (
    day             TEXT NOT NULL,      -- YYYY-MM-DD, UTC
    tenant          TEXT NOT NULL,
    created         TEXT NOT NULL,      -- when that tenant was created; the name may come again
    ok              INTEGER NOT NULL,   -- requests by outcome, as in `contract.usage`
    failed          INTEGER NOT NULL,
    errors          INTEGER NOT NULL,
    refused         INTEGER NOT NULL,
    gone            INTEGER NOT NULL,
    cpu_loop_ms     REAL NOT NULL,
    cpu_pool_ms     REAL NOT NULL,
    cpu_child_ms    REAL NOT NULL,
    sql_ms          REAL NOT NULL,
    rows            INTEGER NOT NULL,
    cut             INTEGER NOT NULL,
    waited_ms       REAL NOT NULL,
    bytes_in        INTEGER NOT NULL,
    bytes_out       INTEGER NOT NULL,
    hangs           INTEGER NOT NULL,
    memory_peak_kb  INTEGER NOT NULL,   -- the most that was reported
    disk_kb         INTEGER NOT NULL,   -- as reported last
    PRIMARY KEY (day, tenant, created)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id      INTEGER PRIMARY KEY NOT NULL,
    at      TEXT NOT NULL,              -- YYYY-MM-DD HH:MM:SS.mmmZ
    kind    TEXT NOT NULL,
    tenant  TEXT NOT NULL,              -- empty where it is about none
    shard   INTEGER NOT NULL,           -- -1 where it is about none
    reason  TEXT NOT NULL,
    detail  TEXT NOT NULL               -- JSON object
) STRICT;
"""
BUSY_TIMEOUT_MS = 2000
WAL_PAGES_MAX = 256  # read again by every operation, so it is kept short


class Day(msgspec.Struct, frozen=True, gc=False):
    """What a tenant used on one day; the order is that of the table."""

    day: str
    tenant: str
    created: str
    ok: int = 0
    failed: int = 0
    errors: int = 0
    refused: int = 0
    gone: int = 0
    cpu_loop_ms: float = 0.0
    cpu_pool_ms: float = 0.0
    cpu_child_ms: float = 0.0
    sql_ms: float = 0.0
    rows: int = 0
    cut: int = 0
    waited_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    hangs: int = 0
    memory_peak_kb: int = 0
    disk_kb: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Day, tenant, when it was created."""
        return (self.day, self.tenant, self.created)

    def plus(self, later: "Day") -> "Day":
        """Both together; `later` is of the same tenant and day."""
        sums = [getattr(self, name) + getattr(later, name) for name in SUMMED]
        gauges = (max(self.memory_peak_kb, later.memory_peak_kb), later.disk_kb)
        return Day(*[*self.key, *sums, *gauges])


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened; `tenant` is empty, `shard` -1 where it is about none."""

    id: int
    at: str
    kind: str
    tenant: str = ""
    shard: int = -1
    reason: str = ""
    detail: dict[str, Any] = {}

    def fits(self, tenant: str, kind: str, since: str) -> bool:
        """Whether it is of that tenant and kind, and not before that moment; what is empty does not matter."""
        return tenant in {"", self.tenant} and kind in {"", self.kind} and self.at >= since


KEY = Day.__struct_fields__[:3]
SUMMED = Day.__struct_fields__[3:-2]
ADD_DAY = f"""
INSERT INTO days VALUES ({", ".join("?" * len(Day.__struct_fields__))})
ON CONFLICT DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in SUMMED)},
    memory_peak_kb = max(memory_peak_kb, excluded.memory_peak_kb), disk_kb = excluded.disk_kb
"""
DAY_LIST = """
WITH RECURSIVE asked(day) AS (SELECT ? UNION ALL SELECT date(day, '+1 day') FROM asked WHERE day < ?)
SELECT days.* FROM asked CROSS JOIN days ON days.day = asked.day AND days.tenant = ? ORDER BY days.day, days.created
"""
EVENTS = "SELECT id, at, kind, tenant, shard, reason, detail FROM events WHERE id > ?"


class ArchiveError(Exception):
    """The file can't be read or written; one line for the log."""


class UnusableError(ArchiveError):
    """What the file holds is not ours to read, now or later."""


class Archive:
    """The file. Every method is one transaction; all but `prepare` raise ArchiveError."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> str:
        """Makes the file if there is none; one that can't be used is put aside, and what was done is returned.

        What it tells is history, for which no tenant has to wait. Raises ArchiveError where it can't be used just now
        (it is locked, the disk is full): then it stays where it is.
        """
        try:
            try:
                self._make()
            except UnusableError as error:
                aside = self._put_aside()
                self._make()
                return f"{self._path} can't be used ({error}); it is {aside.name} now, and a new one begins"
        except OSError as error:
            raise ArchiveError(f"{self._path}: {error}") from error
        return ""

    def _put_aside(self) -> Path:
        """The file's new name. Its log goes with it: what was written last is only there."""
        aside = self._path.with_name(f"{self._path.name}.unusable-{time.time_ns() // 1_000_000}")
        for ending in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
        return aside

    def _make(self) -> None:
        self._path.touch(mode=0o600)
        with self._transaction() as connection:
            version = connection.pragma("user_version")
            if version == 0:
                connection.execute(SCHEMA)
                connection.pragma("user_version", VERSION)
            elif version != VERSION:
                raise UnusableError(f"has version {version}, this release of pocker knows {VERSION}")

    def add(self, days: Iterable[Day], events: Iterable[Event]) -> None:
        """Adds to the sums of these days, and the events."""
        with self._transaction() as connection:
            connection.executemany(ADD_DAY, map(astuple, days))
            rows = ((*astuple(event)[:-1], msgspec.json.encode(event.detail).decode()) for event in events)
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def prune(self, before_day: str, events_max: int) -> None:
        """Removes what is older than the day, and all but the latest events."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM days WHERE day < ?", (before_day,))
            connection.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (events_max,))

    def days(self, tenant: str, first_day: str, last_day: str) -> list[Day]:
        """The tenant's days from the first to the last of these, oldest first."""
        with self._transaction() as connection:
            return [Day(*row) for row in connection.execute(DAY_LIST, (first_day, last_day, tenant))]

    def last_id(self) -> int:
        """Id of the latest event; 0 before the first."""
        with self._transaction() as connection:
            found: int = connection.execute("SELECT coalesce(max(id), 0) FROM events").get
            return found

    def events(self, since_id: int, tenant: str, limit: int, *, kind: str = "", since: str = "") -> list[Event]:
        """The latest events after `since_id`, at most `limit`, oldest first; see `Event.fits`."""
        wanted = {"tenant = ?": tenant, "kind = ?": kind, "at >= ?": since}
        conditions = "".join(f" AND {condition}" for condition, value in wanted.items() if value)
        values = (since_id, *filter(None, wanted.values()), limit)
        with self._transaction() as connection:
            rows = connection.execute(f"{EVENTS}{conditions} ORDER BY id DESC LIMIT ?", values).fetchall()
        return [Event(*[*row[:-1], msgspec.json.decode(row[-1])]) for row in reversed(rows)]

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        try:
            connection = apsw.Connection(str(self._path))
            try:
                connection.set_busy_timeout(BUSY_TIMEOUT_MS)
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                connection.pragma("journal_mode", "wal")
                connection.pragma("synchronous", "normal")
                connection.wal_autocheckpoint(WAL_PAGES_MAX)
                with connection:
                    yield connection
            finally:
                connection.close()
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise UnusableError(f"{self._path}: {error}") from error
        except apsw.Error as error:
            raise ArchiveError(f"{self._path}: {error}") from error
