"""What is logged, a request or a script's note, and the row of `_logs` it becomes: as the real one writes it."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from worker.services.settings import LogsSettings
from worker.sql import ID_ALPHABET, stamp

INFO = 0
WARN = 4
ERROR = 8

DATA_BYTES_MAX = 16 * 1024  # of an entry, where the tenant's settings don't say
TRUNCATED = "__pb_truncated__"

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


class Note(NamedTuple):
    """What a tenant's scripts log by themselves."""

    ended_ms: int  # since the epoch
    level: int
    message: str
    data: bytes  # JSON, within the limit


def rows_of(entries: Sequence[Entry | Note], settings: LogsSettings) -> list[str | int]:
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
        if isinstance(entry, Note):
            level, message, data = entry.level, entry.message, entry.data
        else:
            level = INFO if entry.failure is None else ERROR
            message = f"{entry.method} {readable(entry.url)}"
            data = orjson.dumps(data_of(entry, settings))
            if len(data) > limit:
                data = cut(orjson.loads(data), limit)
        values += (f"{head}{tails[at : at + _RANDOM_CHARS]}", level, message, data.decode(), str(created))
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
    if b"%" not in url:
        return url.decode("utf-8", "replace")
    parts = url.split(b"%")
    if any(len(part) < 2 or not _is_hex(part[:2]) for part in parts[1:]):
        return url.decode("utf-8", "replace")
    return unquote_to_bytes(url).decode("utf-8", "replace")


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
