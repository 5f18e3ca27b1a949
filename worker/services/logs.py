"""A tenant's request log, written into `_logs` of `auxiliary.db` as the real one writes it.

A request leaves a cheap tuple; a batch of them becomes rows in one transaction. The database is open for a flush only
(a busy tenant's until a flush finds little to do), so the log of a quiet tenant costs no memory. The log never fails a
request: rows that cannot be written are dropped and counted, and the worker's own log says why.
"""

import logging
import os
import time
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import apsw
import orjson

from worker.services.settings import LogsSettings
from worker.sql import ID_ALPHABET, stamp

log = logging.getLogger("pocker.logs")

INFO = 0
ERROR = 8

DATA_BYTES_MAX = 16 * 1024  # of an entry, where the tenant's settings don't say
PRUNE_EVERY_S = 6 * 3600
BUSY_TIMEOUT_MS = 5_000
TRUNCATED = "__pb_truncated__"

# entries that may wait, in multiples of `queue_max`, before new ones are dropped because flushes don't keep up
BACKLOG_MAX = 20
# a batch of this size keeps its connection for the next one: opening costs more than writing a row
BUSY_ROWS = 32

INSERT = "INSERT INTO `_logs` (`id`, `level`, `message`, `data`, `created`) VALUES "
COLUMNS = 5
MARKS = "(?, ?, ?, ?, ?)"
# one statement writes many rows, so that a flush in a thread rarely asks for the interpreter's lock
ROWS_A_STATEMENT = 50
# written so that the index on hours finds the rows
PRUNE = "DELETE FROM `_logs` WHERE strftime('%Y-%m-%d %H:00:00', `created`) < strftime('%Y-%m-%d %H:00:00', ?)"

# Ids begin with the time, so that new ones go to the right edge of the primary key's index: a batch touches few of its
# pages however many rows there are (with random ids, 200 rows cost 200 pages of WAL, ten times the CPU of the rest).
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TIME_CHARS = 9  # milliseconds in base 36, for the next three thousand years
_RANDOM_CHARS = 6
# a random byte as a character of an id; ids of a log need to be unique, not unpredictable, so the small bias is fine
_RANDOM_BYTES = bytes(ord(ID_ALPHABET[byte % len(ID_ALPHABET)]) for byte in range(256))


class Failure(NamedTuple):
    """What went wrong with a request: the public message and the private details (JSON-ready, or None)."""

    message: str
    details: Any


class Entry(NamedTuple):
    """One request as it is kept until the next flush."""

    ended_ms: int  # since the epoch
    taken_ns: int
    method: str
    url: bytes  # as sent: path and query
    status: int
    auth: str  # name of the requester's collection, empty for guests
    auth_id: str
    user_ip: str
    remote_ip: str
    referer: bytes
    user_agent: bytes
    failure: Failure | None


class RequestLog:
    """The log of one tenant. `add` belongs to the event loop; `flush` and `close` block and may run in any thread."""

    __slots__ = (
        "_connection",
        "_entries",
        "_lock",
        "_next_prune",
        "dropped",
        "flushing",
        "path",
        "queue_max",
        "settings",
    )

    def __init__(self, path: Path, settings: LogsSettings, queue_max: int = 200) -> None:
        """The log in the database `path`; `queue_max` entries ask for a flush before its time."""
        self.path = path
        self.settings = settings
        self.queue_max = queue_max
        self.dropped = 0
        # whatever the caller of `flush` wants to hold on to while it runs elsewhere
        self.flushing: object = None
        self._entries: list[Entry] = []
        self._connection: apsw.Connection | None = None
        self._lock = Lock()
        self._next_prune = 0.0

    @property
    def pending(self) -> int:
        """How much a flush has to do: entries to write, or a connection to close."""
        return len(self._entries) + (self._connection is not None)

    def add(self, entry: Entry) -> bool:
        """Keep an entry, if the tenant's settings want it. Whether a flush should come now."""
        settings = self.settings
        if settings.max_days <= 0 or (ERROR if entry.failure is not None else INFO) < settings.min_level:
            return False
        entries = self._entries
        if len(entries) >= self.queue_max * BACKLOG_MAX:
            self.dropped += 1
            return False
        entries.append(entry)
        return len(entries) % self.queue_max == 0

    def flush(self) -> int:
        """Write what waits, prune what is too old; answers the number of rows written. Never raises."""
        with self._lock:
            return self._flush()

    def close(self) -> int:
        """As `flush`; then the file is closed and checkpointed."""
        with self._lock:
            written = self._flush()
            self._close()
        return written

    def clear(self) -> None:
        """Delete every row and give the space back to the file system. Raises apsw.Error."""
        with self._lock:
            self._entries = []
            connection = self._open()
            try:
                connection.execute("DELETE FROM `_logs`")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._close()

    def _flush(self) -> int:
        entries, self._entries = self._entries, []
        try:
            if entries:
                self._write(self._open(), entries)
            if len(entries) < BUSY_ROWS:
                self._close()
        except (apsw.Error, OSError) as exc:
            self.dropped += len(entries)
            log.warning("%s: %d log rows dropped: %s", self.path, len(entries), exc)
            self._close()
            return 0
        return len(entries)

    def _write(self, connection: apsw.Connection, entries: list[Entry]) -> None:
        rows = rows_of(entries, self.settings)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(rows), ROWS_A_STATEMENT * COLUMNS):
                part = rows[start : start + ROWS_A_STATEMENT * COLUMNS]
                connection.execute(INSERT + ",".join([MARKS] * (len(part) // COLUMNS)), part)
            now = time.time()
            if now >= self._next_prune:
                oldest = stamp(int((now - self.settings.max_days * 86_400) * 1000))
                connection.execute(PRUNE, (oldest,))
                self._next_prune = now + PRUNE_EVERY_S
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise

    def _open(self) -> apsw.Connection:
        connection = self._connection
        if connection is None:
            connection = self._connection = open_auxiliary(self.path)
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def open_auxiliary(path: Path) -> apsw.Connection:
    """A connection to `auxiliary.db` with the real one's durability."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=4)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)  # PocketBase's own DDL has double-quoted defaults
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def rows_of(entries: list[Entry], settings: LogsSettings) -> list[str | int]:
    """The values of the rows for `entries`, one row after another: id, level, message, data, created."""
    tails = os.urandom(_RANDOM_CHARS * len(entries)).translate(_RANDOM_BYTES).decode("ascii")
    limit = settings.max_data_size or DATA_BYTES_MAX
    values: list[str | int] = []
    at = 0
    last = head = created = None
    for entry in entries:
        if entry.ended_ms != last:
            last = entry.ended_ms
            head, created = time_chars(last), stamp(last)
        data = orjson.dumps(data_of(entry, settings))
        if len(data) > limit:
            data = cut(orjson.loads(data), limit)
        values += (
            f"{head}{tails[at : at + _RANDOM_CHARS]}",
            INFO if entry.failure is None else ERROR,
            f"{entry.method} {readable(entry.url)}",
            data.decode(),
            str(created),
        )
        at += _RANDOM_CHARS
    return values


def time_chars(milliseconds: int) -> str:
    """Milliseconds as base 36 in nine characters, which sort as the numbers do."""
    text = ""
    for _ in range(_TIME_CHARS):
        milliseconds, digit = divmod(milliseconds, 36)
        text = _DIGITS[digit] + text
    return text


def data_of(entry: Entry, settings: LogsSettings) -> dict[str, Any]:
    """An entry's `data`, its keys in alphabetical order."""
    data: dict[str, Any] = {"auth": entry.auth}
    if settings.log_auth_id and entry.auth_id:
        data["authId"] = entry.auth_id
    if entry.failure is not None:
        data["details"] = entry.failure.details
        data["error"] = entry.failure.message
    data["execTime"] = entry.taken_ns / 1e6
    data["method"] = entry.method
    data["referer"] = entry.referer.decode("utf-8", "replace")
    if settings.log_ip:
        data["remoteIP"] = entry.remote_ip
    data["status"] = entry.status
    data["type"] = "request"
    data["url"] = entry.url.decode("utf-8", "replace")
    data["userAgent"] = entry.user_agent.decode("utf-8", "replace")
    if settings.log_ip:
        data["userIP"] = entry.user_ip
    return data


def readable(url: bytes) -> str:
    """A URL with its escapes resolved, or as it was sent where they make no sense."""
    if b"%" not in url and b"+" not in url:
        return url.decode("utf-8", "replace")
    parts = url.split(b"%")
    if any(len(part) < 2 or not _is_hex(part[:2]) for part in parts[1:]):
        return url.decode("utf-8", "replace")
    return unquote_to_bytes(url.replace(b"+", b" ")).decode("utf-8", "replace")


def _is_hex(pair: bytes) -> bool:
    return all(byte in b"0123456789abcdefABCDEF" for byte in pair)


def cut(data: dict[str, Any], limit: int) -> bytes:
    """`data` as JSON of about `limit` bytes: members in their order until one does not fit, which becomes null."""
    kept: dict[str, Any] = {TRUNCATED: True}
    left = limit - 1
    for name, value in data.items():
        left -= len(name) + 4  # quotes, colon, and the comma or brace before it
        if left < 0:
            break
        left -= len(orjson.dumps(value))
        if left < 0:
            kept[name] = None
            break
        kept[name] = value
    return orjson.dumps(kept)
