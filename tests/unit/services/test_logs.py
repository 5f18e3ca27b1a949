"""The buffer and the writer of the request log, on a database with the real one's tables."""

import threading
from pathlib import Path
from typing import Any

import apsw
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.db.migrations import write_template
from worker.services import logs
from worker.services.logrows import TRUNCATED, Entry, Failure, cut, readable, rows_of, time_chars
from worker.services.logs import BACKLOG_MAX, BUSY_ROWS, RequestLog
from worker.services.settings import LogsSettings
from worker.sql import stamp

DAY_MS = 86_400_000
NOW_MS = 1_795_333_440_000
ENTRY = Entry(
    NOW_MS, 1_234_567, "GET", b"/api/x?a=1", 200, "users", "abc", "1.1.1.1", "2.2.2.2", b"ref", b"agent", None
)
FAILED = ENTRY._replace(status=400, failure=Failure("No.", {"name": "Cannot be blank."}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_template(tmp_path)
    return tmp_path / "auxiliary.db"


def rows(path: Path) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute("SELECT id, level, message, data, created FROM _logs ORDER BY rowid"))
    finally:
        connection.close()


def test_entries_become_rows(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    log.add(ENTRY)
    log.add(FAILED)
    assert (log.pending, rows(path)) == (2, [])
    assert log.flush() == 2
    assert log.pending == 0
    first, second = rows(path)
    assert first[1:3] == (0, "GET /api/x?a=1")
    assert first[3] == (
        '{"auth":"users","execTime":1.234567,"method":"GET","referer":"ref","remoteIP":"2.2.2.2","status":200,'
        '"type":"request","url":"/api/x?a=1","userAgent":"agent","userIP":"1.1.1.1"}'
    )
    assert first[4] == stamp(NOW_MS)
    assert second[1] == 8
    assert list(orjson.loads(second[3]).items())[:3] == [
        ("auth", "users"),
        ("details", {"name": "Cannot be blank."}),
        ("error", "No."),
    ]
    for row in (first, second):
        assert len(row[0]) == 15
        assert row[0].isascii()
        assert row[0].isalnum()
        assert row[0] == row[0].lower()
    assert first[0] != second[0]


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (LogsSettings(), [200, 400]),
        (LogsSettings(max_days=0), []),
        (LogsSettings(min_level=-4), [200, 400]),
        (LogsSettings(min_level=4), [400]),
        (LogsSettings(min_level=8), [400]),
        (LogsSettings(min_level=9), []),
    ],
)
def test_what_is_kept(path: Path, settings: LogsSettings, kept: list[int]) -> None:
    log = RequestLog(path, settings)
    for entry in (ENTRY, FAILED):
        log.add(entry)
    log.flush()
    assert [orjson.loads(row[3])["status"] for row in rows(path)] == kept


@pytest.mark.parametrize(("log_ip", "log_auth_id"), [(True, True), (False, False), (True, False)])
def test_what_of_a_request_is_kept(path: Path, log_ip: bool, log_auth_id: bool) -> None:
    log = RequestLog(path, LogsSettings(log_ip=log_ip, log_auth_id=log_auth_id))
    log.add(ENTRY)
    log.add(ENTRY._replace(auth="", auth_id=""))
    log.flush()
    known, guest = (orjson.loads(row[3]) for row in rows(path))
    assert ("userIP" in known, "remoteIP" in known) == (log_ip, log_ip)
    assert ("authId" in known) is log_auth_id
    assert "authId" not in guest
    assert list(known) == sorted(known)


def test_a_full_queue_asks_for_a_flush_and_drops_when_none_comes(path: Path) -> None:
    log = RequestLog(path, LogsSettings(), queue_max=10)
    asked = [log.add(ENTRY) for _ in range(10 * BACKLOG_MAX + 5)]
    assert [index for index, full in enumerate(asked) if full] == list(range(9, 10 * BACKLOG_MAX, 10))
    assert log.dropped == 5
    assert log.flush() == 10 * BACKLOG_MAX
    assert len({row[0] for row in rows(path)}) == 10 * BACKLOG_MAX


def test_a_busy_log_stays_open_until_it_is_quiet(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    wal = path.with_name("auxiliary.db-wal")
    for _ in range(BUSY_ROWS):
        log.add(ENTRY)
    log.flush()
    assert log.pending == 1  # the connection
    assert wal.exists()
    log.flush()
    assert log.pending == 0
    assert not wal.exists()
    log.add(ENTRY)
    log.flush()
    assert not wal.exists()
    assert len(rows(path)) == BUSY_ROWS + 1


def test_close_leaves_nothing_behind(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    for _ in range(BUSY_ROWS):
        log.add(ENTRY)
    assert log.close() == BUSY_ROWS
    assert (log.pending, path.with_name("auxiliary.db-wal").exists()) == (0, False)
    assert log.close() == 0


def test_clear(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    for _ in range(500):
        log.add(ENTRY)
    log.flush()
    log.add(ENTRY)
    before = path.stat().st_size
    log.clear()
    assert (rows(path), log.pending) == ([], 0)
    assert path.stat().st_size <= before


def test_old_rows_are_pruned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs.time, "time", lambda: NOW_MS / 1000)
    log = RequestLog(path, LogsSettings(max_days=2))
    ages = (10 * DAY_MS, 2 * DAY_MS + 3_600_000, 2 * DAY_MS - 3_600_000, 0)
    for age in ages:
        log.add(ENTRY._replace(ended_ms=NOW_MS - age))
    log.flush()
    assert [row[4] for row in rows(path)] == [stamp(NOW_MS - age) for age in ages[2:]]
    # not again before its time
    log.add(ENTRY._replace(ended_ms=NOW_MS - 10 * DAY_MS))
    log.flush()
    assert len(rows(path)) == 3
    monkeypatch.setattr(logs.time, "time", lambda: NOW_MS / 1000 + logs.PRUNE_EVERY_S)
    log.add(ENTRY)
    log.flush()
    assert [row[4] for row in rows(path)] == [stamp(NOW_MS)] * 2


def test_the_prune_uses_the_index_on_hours(path: Path) -> None:
    connection = apsw.Connection(str(path))
    plan = list(connection.execute("EXPLAIN QUERY PLAN " + logs.PRUNE, (stamp(NOW_MS),)))
    connection.close()
    assert "idx_logs_created_hour" in plan[0][3]


@pytest.mark.parametrize("damage", ["missing", "garbage", "no table"])
def test_a_log_that_cannot_be_written_harms_nobody(path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    if damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    else:
        connection = apsw.Connection(str(path))
        connection.execute("DROP TABLE _logs")
        connection.close()
    log = RequestLog(path, LogsSettings())
    log.add(ENTRY)
    assert log.flush() == 0
    assert (log.dropped, log.pending) == (1, 0)
    assert str(path) in caplog.text


def test_flushes_in_other_threads_lose_and_double_nothing(path: Path) -> None:
    log = RequestLog(path, LogsSettings(), queue_max=10**6)
    stop = threading.Event()

    def flush() -> None:
        while not stop.is_set():
            log.flush()

    threads = [threading.Thread(target=flush) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3000):
        log.add(ENTRY._replace(status=number, ended_ms=ENTRY.ended_ms + number))
    stop.set()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(orjson.loads(row[3])["status"] for row in rows(path)) == list(range(3000))


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_ids_sort_as_the_times_do(first: int, second: int) -> None:
    assert (time_chars(first) < time_chars(second)) == (first < second)
    assert len(time_chars(first)) == 9


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (b"/api/x", "/api/x"),
        (b"/api/he%61lth?a=%41+b", "/api/health?a=A+b"),
        (b"/api/x?a=%zz%20+b", "/api/x?a=%zz%20+b"),
        (b"/a%", "/a%"),
        (b"/%C3%A9", "/é"),
        (b"/%ff", "/\ufffd"),
    ],
)
def test_the_message_is_readable(url: bytes, text: str) -> None:
    assert readable(url) == text


# lengths of a user agent that the real one was asked with at maxDataSize 400: what was left of the data
@pytest.mark.parametrize(
    ("agent", "members"),
    [(230, "whole"), (240, "no address"), (250, "without address"), (1000, "no agent")],
)
def test_large_data_is_cut_as_there(agent: int, members: str) -> None:
    entry = ENTRY._replace(
        auth="",
        taken_ns=44_447,
        url=b"/api/health",
        referer=b"",
        user_agent=b"k" * agent,
        user_ip="127.0.0.1",
        remote_ip="127.0.0.1",
    )
    log_settings = LogsSettings(max_data_size=400)
    [*_, data, _] = rows_of([entry], log_settings)
    found = orjson.loads(str(data))
    if members == "whole":
        assert TRUNCATED not in found
        assert found["userIP"] == "127.0.0.1"
        return
    assert next(iter(found)) == TRUNCATED
    assert found[TRUNCATED] is True
    if members == "no address":
        assert (found["userAgent"], found["userIP"]) == ("k" * 240, None)
    elif members == "without address":
        assert found["userAgent"] == "k" * 250
        assert "userIP" not in found
    else:
        assert found["userAgent"] is None
        assert found["url"] == "/api/health"


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.text("xyz", max_size=50) | st.integers(0, 99)),
    st.integers(0, 200),
)
def test_cut_data_fits_but_for_its_mark(data: dict[str, Any], limit: int) -> None:
    kept = orjson.loads(cut(data, limit))
    assert kept.pop(TRUNCATED) is True
    assert list(kept) == list(data)[: len(kept)]
    assert all(value == data[name] or (value is None and name == list(kept)[-1]) for name, value in kept.items())
    assert len(orjson.dumps({name: value for name, value in kept.items() if value is not None})) <= max(limit, 2) + 4


def test_settings_are_values(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    log.settings = msgspec.structs.replace(log.settings, min_level=8)
    assert log.add(ENTRY) is False
    assert log.pending == 0


def test_an_entry_that_cannot_be_written_does_not_stop_the_log(path: Path) -> None:
    log = RequestLog(path, LogsSettings())
    log.add(FAILED._replace(failure=Failure("No.", {"name": "\ud800"})))
    assert log.flush() == 0
    assert log.dropped == 1
    log.add(ENTRY)
    assert log.flush() == 1
    assert len(rows(path)) == 1
