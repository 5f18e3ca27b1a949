"""A tenant's request log, written into `_logs` of `auxiliary.db` as the real one writes it.

A request leaves a cheap tuple; a batch of them becomes rows in one transaction. The database is open for a flush only
(a busy tenant's until a flush finds little to do), so the log of a quiet tenant costs no memory. A few rows are not
worth a transaction: they are appended to a file (`worker.services.spool`) until there are more, or somebody wants to
see them; whoever reads the log flushes it first.

The log never fails a request. Rows that cannot be written now, for want of room, descriptors or a lock, wait for the
next flush, a bounded number of them; what is beyond, or can't ever be written, is dropped and counted, and the worker's
own log says why. The log has a part of its tenant's quota only, the rest of it is for records.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import apsw

from worker.db.checkpoint import close_checkpointed
from worker.db.faults import may_pass
from worker.db.limits import SPARED_PATTERN_BYTES_MAX
from worker.db.room import PAGES_MAX, Room
from worker.services.logrows import ERROR, INFO, Entry, Note, rows_of
from worker.services.settings import LogsSettings
from worker.services.spool import COLUMNS, SPOOL_BYTES_MAX, Values, append, collected, discard, extent, spool_of
from worker.sql import stamp

log = logging.getLogger("pocker.logs")


PRUNE_EVERY_S = 6 * 3600
BUSY_TIMEOUT_MS = 5_000

# between two complaints about rows of one tenant that could not be written
COMPLAIN_EVERY_S = 60.0

# entries that may wait, in multiples of `queue_max`, before new ones are dropped because flushes don't keep up
BACKLOG_MAX = 20
# what notes may wait in memory, in bytes, before new ones are dropped
NOTES_BYTES_MAX = 1 << 20
# rows that may be in the spool, in multiples of `queue_max`: opening costs as much as writing some hundred
SPOOLED_MAX = 5
# a batch of this size keeps its connection for the next one: opening costs more than writing a row
BUSY_ROWS = 32

# no row is too old for who doesn't know the tenant's settings
KEPT_DAYS = 36_500

# two ids may be equal, once in a billion: one row is lost then, not all that are written with it
INSERT = "INSERT OR IGNORE INTO `_logs` (`id`, `level`, `message`, `data`, `created`) VALUES "
MARKS = "(?, ?, ?, ?, ?)"
# one statement writes many rows, so that a flush in a thread rarely asks for the interpreter's lock
ROWS_A_STATEMENT = 50
# written so that the index on hours finds the rows
PRUNE = "DELETE FROM `_logs` WHERE strftime('%Y-%m-%d %H:00:00', `created`) < strftime('%Y-%m-%d %H:00:00', ?)"

# the same, to the moment, and what is below a level
PRUNE_EXACTLY = (
    "DELETE FROM `_logs` WHERE (strftime('%Y-%m-%d %H:00:00', `created`) <= strftime('%Y-%m-%d %H:00:00', ?1) "
    "AND `created` < ?1) OR `level` < ?2"
)


class RequestLog:
    """The log of one tenant. `add` and `spool` belong to the event loop; all else blocks and may run in any thread."""

    __slots__ = (
        "_complained",
        "_connection",
        "_entries",
        "_lock",
        "_next_prune",
        "_notes_bytes",
        "_pages_max",
        "_spooled_bytes",
        "_spooled_rows",
        "dropped",
        "flushing",
        "on_first",
        "path",
        "queue_max",
        "room",
        "settings",
    )

    def __init__(self, path: Path, settings: LogsSettings, queue_max: int = 200) -> None:
        """The log in the database `path`; `queue_max` entries ask for a flush before its time."""
        self.path = path
        self.settings = settings
        self.queue_max = queue_max
        self.dropped = 0
        # what the tenant may still write; None: as much as it likes
        self.room: Room | None = None
        # whatever the caller of `flush` wants to hold on to while it runs elsewhere
        self.flushing: object = None
        # called when there is something to write where nothing was
        self.on_first: Callable[[], None] | None = None
        self._entries: list[Entry | Note] = []
        self._notes_bytes = 0
        self._connection: apsw.Connection | None = None
        self._lock = Lock()
        self._next_prune = 0.0
        self._pages_max = 0  # as the open connection has been told
        self._complained = -COMPLAIN_EVERY_S
        # what the spool has; below zero: unknown, somebody who ended too early may have left one behind
        self._spooled_rows = self._spooled_bytes = -1

    @property
    def pending(self) -> int:
        """How much a flush has to do: entries to write, or a connection to close."""
        return len(self._entries) + (self._connection is not None)

    def add(self, entry: Entry) -> bool:
        """Keep an entry, if the tenant's settings want it. Whether a flush should come now."""
        settings = self.settings
        if settings.max_days <= 0 or (ERROR if entry.failure is not None else INFO) < settings.min_level:
            return False
        return self._keep(entry)

    def note(self, note: Note) -> bool:
        """As `add`, for what a script logs."""
        if self.settings.max_days <= 0 or note.level < self.settings.min_level:
            return False
        weight = _weight(note)
        if self._notes_bytes + weight > NOTES_BYTES_MAX:
            self.dropped += 1
            return True
        self._notes_bytes += weight
        return self._keep(note)

    def _keep(self, entry: Entry | Note) -> bool:
        entries = self._entries
        if len(entries) >= self.queue_max * BACKLOG_MAX:
            self.dropped += 1
            return False
        entries.append(entry)
        if len(entries) == 1 and self.on_first is not None:
            self.on_first()
        return len(entries) % self.queue_max == 0

    def spool(self) -> bool:
        """Append what waits to the spool, if there is little of it. False: a flush should come now. Never raises.

        Costs some 20 µs and 10 µs a row.
        """
        if not self._lock.acquire(blocking=False):  # a flush is under way
            return True
        try:
            entries = self._entries
            count = len(entries)
            spooled_max = self.queue_max * SPOOLED_MAX
            if self._connection is not None or count >= BUSY_ROWS or self._spooled_rows + count > spooled_max:
                return False
            if not count:
                return True
            if self._spooled_rows < 0:
                left = extent(spool_of(self.path))
                if left is None or left[0] + count > spooled_max:
                    return False
                self._spooled_rows, self._spooled_bytes = left
            return self._spool(entries)
        finally:
            self._lock.release()

    def _spool(self, entries: list[Entry | Note]) -> bool:
        if self.room is not None and self.room.watch.short:
            return False
        try:
            values = rows_of(entries, self.settings)
            appended = append(spool_of(self.path), values, SPOOL_BYTES_MAX - self._spooled_bytes)
        except OSError:  # a flush may do better
            return False
        except Exception as exc:  # one of them can't be written at all
            self._entries = []
            self._notes_bytes = 0
            self._lose(len(entries), exc)
            return True
        if not appended:
            return False
        self._entries = []
        self._notes_bytes = 0
        self._spooled_rows += len(entries)
        self._spooled_bytes += appended
        return True

    @property
    def spooled(self) -> bool:
        """Whether rows are in the spool."""
        return self._spooled_rows > 0

    def flush(self) -> int:
        """Write what waits, prune what is too old; answers the number of rows written. Never raises."""
        with self._lock:
            return self._flush()

    def close(self) -> int:
        """As `flush`; then the file is closed and checkpointed. What can't be written waits in the spool, if it can."""
        with self._lock:
            written = self._flush()
            self._close()
            if self._entries and (left := extent(spool_of(self.path))) is not None:
                self._spooled_rows, self._spooled_bytes = left
                self._spool(self._entries)
            if self._entries:
                self._lose(len(self._entries), OSError("nor can they wait"))
                self._entries = []
        return written

    def clear(self) -> None:
        """Delete every row and give the space back to the file system. Raises apsw.Error."""
        with self._lock:
            self._entries = []
            self._notes_bytes = 0
            self._forget_spool()
            connection = self._open()
            try:
                connection.execute("DELETE FROM `_logs`")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._close()

    def vacuum(self) -> None:
        """Write what waits, then give what is free in the file back to the file system. Raises apsw.Error."""
        with self._lock:
            self._flush()
            try:
                self._open().execute("VACUUM")
            finally:
                self._close()

    def delete_before(self, moment: str) -> None:
        """Write what waits, then delete what was logged before a moment. Raises apsw.Error."""
        with self._lock:
            self._flush()
            try:
                self._open().execute("DELETE FROM `_logs` WHERE `created` <= ?", (moment,))
            finally:
                self._close()

    def delete(self, identifier: str) -> None:
        """Write what waits, then delete one entry. Raises apsw.Error."""
        with self._lock:
            self._flush()
            try:
                self._open().execute("DELETE FROM `_logs` WHERE `id` = ?", (identifier,))
            finally:
                self._close()

    def prune(self) -> None:
        """Write what waits, then delete what the settings don't want (any more). Never raises."""
        with self._lock:
            self._flush()
            try:
                connection = self._open()
                connection.execute(PRUNE_EXACTLY, (self._oldest(), self.settings.min_level))
            except Exception as exc:
                log.warning("%s: not pruned: %s", self.path, exc)
            finally:
                self._close()

    def _flush(self) -> int:
        entries, self._entries = self._entries, []
        self._notes_bytes = 0
        room = self.room
        spooled = collected(spool_of(self.path)) if self._spooled_rows else []
        count = len(spooled) // COLUMNS + len(entries)
        try:
            if count:
                if room is not None and room.watch.short:
                    raise apsw.FullError("the disk is almost full")
                connection = self._open()
                if room is not None:
                    room.dirty = True
                    self._bound(connection, room)
                self._write(connection, spooled + rows_of(entries, self.settings))
            if len(entries) < BUSY_ROWS:
                self._close()
        except Exception as exc:  # whatever it is: the next flush must still come
            self._close()
            if may_pass(exc, self.path):
                self._keep_for_next(entries, exc)
                return 0
            self._lose(count, exc)
            count = 0
        self._forget_spool()
        return count

    def _keep_for_next(self, entries: list[Entry | Note], error: Exception) -> None:
        """A flush may succeed next time: the oldest rows wait, as many as ask for one; so do those in the spool."""
        kept = entries[: self.queue_max]
        self._entries[:0] = kept  # in one step: the loop may be about to add another one
        self._notes_bytes += sum(_weight(entry) for entry in kept)
        self._lose(len(entries) - len(kept), error)
        if kept and self.on_first is not None:
            self.on_first()

    def _forget_spool(self) -> None:
        """What it had is in the database, or lost."""
        if self._spooled_rows:
            discard(spool_of(self.path))
        self._spooled_rows = self._spooled_bytes = 0

    def _lose(self, count: int, error: Exception) -> None:
        """Rows could not be written: count those that never will be, and say so now and then."""
        self.dropped += count
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_EVERY_S:
            self._complained = now
            log.warning("%s: not written, %d log rows dropped (%d in all): %s", self.path, count, self.dropped, error)

    def _bound(self, connection: apsw.Connection, room: Room) -> None:
        """Have SQLite keep the log's part of the quota."""
        wanted = room.log_bytes_max
        if wanted == 0 == self._pages_max:
            return
        pages_max = max(1, wanted // connection.pragma("page_size")) if wanted else PAGES_MAX
        if pages_max != self._pages_max:
            connection.pragma("max_page_count", pages_max)
            self._pages_max = pages_max

    def _write(self, connection: apsw.Connection, rows: Values) -> None:
        try:
            self._insert(connection, rows)
        except apsw.FullError:
            if not self._is_prune_due(time.time()):
                raise
            connection.execute(PRUNE, (self._oldest(),))  # by itself, so that it makes room
            self._insert(connection, rows)

    def _is_prune_due(self, now: float) -> bool:
        return not 0 < self._next_prune - now <= PRUNE_EVERY_S  # also where the clock was set back

    def _insert(self, connection: apsw.Connection, rows: Values) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(rows), ROWS_A_STATEMENT * COLUMNS):
                part = rows[start : start + ROWS_A_STATEMENT * COLUMNS]
                connection.execute(INSERT + ",".join([MARKS] * (len(part) // COLUMNS)), part)
            now = time.time()
            if self._is_prune_due(now):
                connection.execute(PRUNE, (self._oldest(),))
                self._next_prune = now + PRUNE_EVERY_S
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise

    def _oldest(self) -> str:
        """The time of the oldest entry that is kept."""
        return stamp(max(int((time.time() - self.settings.max_days * 86_400) * 1000), 0))

    def _open(self) -> apsw.Connection:
        connection = self._connection
        if connection is None:
            connection = self._connection = open_auxiliary(self.path)
            self._pages_max = 0
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close_checkpointed(connection)


def _weight(entry: Entry | Note) -> int:
    return len(entry.message) + len(entry.data) if isinstance(entry, Note) else 0


def recover(path: Path) -> None:
    """Write what a process that ended too early has left in the spool; for a tenant that nobody has open."""
    RequestLog(path, LogsSettings(max_days=KEPT_DAYS)).close()


def open_auxiliary(path: Path) -> apsw.Connection:
    """A connection to `auxiliary.db` with the real one's durability."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=4)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)  # PocketBase's own DDL has double-quoted defaults
        # what an imported file may have in it must not keep a thread busy
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SPARED_PATTERN_BYTES_MAX)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
