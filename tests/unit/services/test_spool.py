"""Rows on their way into the request log: what is spooled, what a process that died leaves, what is no sense."""

from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from worker.db.migrations import write_template
from worker.services import logs, spool
from worker.services.logrows import Entry, Note
from worker.services.logs import BUSY_ROWS, SPOOLED_MAX, RequestLog, recover
from worker.services.settings import LogsSettings

NOW_MS = 1_795_333_440_000
ENTRY = Entry(NOW_MS, 1, "GET", b"/api/x", 200, "", "", "1.1.1.1", "2.2.2.2", b"", b"agent", None)
ROW = ["a" * 15, 0, "GET /", "{}", "2026-11-22 00:00:00.000Z"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.services.logs.time.time", lambda: NOW_MS / 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_template(tmp_path)
    return tmp_path / "auxiliary.db"


def file(path: Path) -> Path:
    return Path(spool.spool_of(path))


def urls(path: Path) -> list[str]:
    connection = apsw.Connection(str(path))
    try:
        return [message for (message,) in connection.execute("SELECT message FROM _logs ORDER BY rowid")]
    finally:
        connection.close()


def add(log: RequestLog, *names: str) -> None:
    for name in names:
        log.add(ENTRY._replace(url=name.encode()))


def test_little_is_spooled_and_written_with_what_comes_later(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    assert (log.spool(), log.spooled, file(path).exists()) == (True, False, False)
    add(log, "/1", "/2")
    assert (log.spool(), log.spooled, log.pending, urls(path)) == (True, True, 0, [])
    log.note(Note(NOW_MS, 4, 'say "so"', b"{}"))
    assert log.spool()
    add(log, "/3")
    assert log.flush() == 4
    assert urls(path) == ["GET /1", "GET /2", 'say "so"', "GET /3"]
    assert (log.spooled, log.pending, file(path).exists()) == (False, 0, False)


@pytest.mark.parametrize("ends", [RequestLog.close, RequestLog.prune, RequestLog.vacuum, recover])
def test_whatever_closes_the_log_writes_what_is_spooled(path: Path, ends: Any) -> None:
    log = RequestLog(path, LogsSettings())
    add(log, "/1")
    log.spool()
    ends(path if ends is recover else log)
    assert (urls(path), file(path).exists()) == (["GET /1"], False)


def test_clear_forgets_what_is_spooled(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    add(log, "/1")
    log.spool()
    log.clear()
    log.flush()
    assert (urls(path), file(path).exists()) == ([], False)


def test_much_asks_for_a_flush(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RequestLog(path, LogsSettings(), queue_max=1)
    add(log, *["/"] * SPOOLED_MAX)
    assert log.spool()
    add(log, "/1")
    assert (log.spool(), log.pending) == (False, 1)
    assert log.flush() == SPOOLED_MAX + 1
    busy = RequestLog(path, LogsSettings())
    add(busy, *["/"] * BUSY_ROWS)
    assert not busy.spool()
    busy.flush()
    add(busy, "/6")
    assert not busy.spool()  # the connection is there: nothing is cheaper
    busy.close()
    monkeypatch.setattr(logs, "SPOOL_BYTES_MAX", 300)
    small = RequestLog(path, LogsSettings())
    add(small, "/7")
    assert small.spool()
    add(small, "/8")
    assert (small.spool(), small.close()) == (False, 2)
    assert urls(path)[-2:] == ["GET /7", "GET /8"]


def test_a_flush_under_way_is_not_waited_for(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    add(log, "/1")
    with log._lock:
        assert (log.spool(), log.pending) == (True, 1)
    assert (log.spool(), log.pending) == (True, 0)


@pytest.mark.parametrize(("torn", "appended"), [(b"", True), (b'["half', False), (b"\xff\xff\n", True)])
def test_what_a_process_left_is_written_once(path: Path, torn: bytes, appended: bool) -> None:
    dead = RequestLog(path, LogsSettings())
    add(dead, "/1", "/2")
    dead.spool()
    with file(path).open("ab") as content:
        content.write(torn)
    copy = file(path).read_bytes()
    log = RequestLog(path, LogsSettings())
    add(log, "/3")
    assert log.spool() is appended  # nothing is appended to what was cut short
    assert log.flush() == 3
    file(path).write_bytes(copy)  # it died before the file was removed
    assert RequestLog(path, LogsSettings()).flush() == 2
    assert urls(path) == ["GET /1", "GET /2", "GET /3"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (ROW, 1),
        (ROW * 2, 2),
        ([], 0),
        (ROW[:4], 0),
        ([*ROW[:1], "0", *ROW[2:]], 0),
        ([*ROW[:1], True, *ROW[2:]], 0),
        ([*ROW[:3], {}, ROW[4]], 0),
        ({"a": 1}, 0),
        ("text", 0),
    ],
)
def test_only_rows_are_taken(path: Path, line: object, kept: int) -> None:
    file(path).write_bytes(orjson.dumps(line) + b"\n")
    assert len(spool.collected(spool.spool_of(path))) == kept * spool.COLUMNS


@pytest.mark.parametrize("link", [True, False])
def test_what_can_not_be_spooled_is_flushed(path: Path, tmp_path: Path, link: bool) -> None:
    log = RequestLog(path, LogsSettings())
    log.spool()
    add(log, "/0")
    log.spool()
    log.flush()
    if link:
        file(path).symlink_to(tmp_path / "elsewhere")
    else:
        file(path).mkdir()
    add(log, "/1")
    assert (log.spool(), log.dropped, log.pending) == (False, 0, 1)
    assert not (tmp_path / "elsewhere").exists()
    add(log, "/2")
    assert log.flush() == 2
    assert urls(path) == ["GET /0", "GET /1", "GET /2"]


def test_what_can_not_be_written_now_waits_within_bounds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BUSY_TIMEOUT_MS", 1)
    told: list[int] = []
    log = RequestLog(path, LogsSettings(), queue_max=3)
    log.on_first = lambda: told.append(log.pending)
    add(log, "/0")
    assert log.spool()
    holder = apsw.Connection(str(path))
    holder.execute("BEGIN IMMEDIATE")
    add(log, *(f"/{number}" for number in range(1, 6)))
    for _ in range(2):
        assert log.flush() == 0
        assert (log.pending, log.dropped, log.spooled) == (3, 2, True)
    assert told == [1, 1, 3, 3], "it is to be tried again"
    add(log, "/6")
    assert log.close() == 0
    assert (log.pending, log.dropped) == (0, 3), "the oldest wait for who opens it next"
    holder.close()
    assert RequestLog(path, LogsSettings()).close() == 4
    assert urls(path) == ["GET /0", "GET /1", "GET /2", "GET /3"]
    assert not file(path).exists()
