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
    moment = Moment()
    for entry in entries:
        head, created = moment.at(entry.ended_ms)
        if isinstance(entry, Note):
            level, message, data = entry.level, entry.message, entry.data
        else:
            level = INFO if entry.failure is None else ERROR
            url = entry.url.decode("utf-8", "replace")
            message = f"{entry.method} {url if '%' not in url else readable(entry.url)}"
            data = orjson.dumps(data_of(entry, url, settings))
            if len(data) > limit:
                data = cut(orjson.loads(data), limit)
        values += (head + tails[at : at + _RANDOM_CHARS], level, message, data.decode(), created)
        at += _RANDOM_CHARS
    return values


class Moment:
    """The times of entries, most of which are close to the one before: how an id begins, and the `created`."""

    __slots__ = ("_created", "_head", "_ms", "_prefix", "_prefix_of", "_second", "_second_of")

    def __init__(self) -> None:
        self._ms = self._prefix_of = self._second_of = -1
        self._head = self._created = self._prefix = self._second = ""

    def at(self, milliseconds: int) -> tuple[str, str]:
        """Both for this time, since the epoch."""
        if milliseconds != self._ms:
            self._ms = milliseconds
            prefix_of, digits = divmod(milliseconds, 36 * 36)
            if prefix_of != self._prefix_of:
                self._prefix_of, self._prefix = prefix_of, time_chars(milliseconds)[:-2]
            self._head = f"{self._prefix}{_DIGITS[digits // 36]}{_DIGITS[digits % 36]}"
            second_of, fraction = divmod(milliseconds, 1000)
            if second_of != self._second_of:
                self._second_of, self._second = second_of, stamp(milliseconds)[:-4]
            self._created = f"{self._second}{fraction:03d}Z"
        return self._head, self._created


def time_chars(milliseconds: int) -> str:
    """Milliseconds as base 36 in nine characters, which sort as the numbers do."""
    text = ""
    for _ in range(_TIME_CHARS):
        milliseconds, digit = divmod(milliseconds, 36)
        text = _DIGITS[digit] + text
    return text


def data_of(entry: Entry, url: str, settings: LogsSettings) -> dict[str, Any]:
    """An entry's `data`, its keys in alphabetical order; `url` is its URL as text."""
    (_, taken_ns, method, _, status, auth, auth_id, user_ip, remote_ip, referer, user_agent, failure) = entry
    if failure is None and settings.log_ip and not (settings.log_auth_id and auth_id):  # most of them
        return {
            "auth": auth,
            "execTime": taken_ns / 1e6,
            "method": method,
            "referer": referer.decode("utf-8", "replace"),
            "remoteIP": remote_ip,
            "status": status,
            "type": "request",
            "url": url,
            "userAgent": user_agent.decode("utf-8", "replace"),
            "userIP": user_ip,
        }
    data: dict[str, Any] = {"auth": auth}
    if settings.log_auth_id and auth_id:
        data["authId"] = auth_id
    if failure is not None:
        data["details"] = failure.details
        data["error"] = failure.message
    data["execTime"] = taken_ns / 1e6
    data["method"] = method
    data["referer"] = referer.decode("utf-8", "replace")
    if settings.log_ip:
        data["remoteIP"] = remote_ip
    data["status"] = status
    data["type"] = "request"
    data["url"] = url
    data["userAgent"] = user_agent.decode("utf-8", "replace")
    if settings.log_ip:
        data["userIP"] = user_ip
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
