"""What outlives the supervisor: day totals that add up exactly once, events, and a disk that refuses."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.accounting import events as events_module
from supervisor.accounting.archive import Archive, ArchiveError, Day
from supervisor.accounting.days import Days, day_before, day_name
from supervisor.accounting.events import KINDS, Events
from supervisor.accounting.keeping import DAYS_A_LOOK_MAX, DAYS_EVERY_S, RETRY_S, Keeping, open_ledger
from supervisor.accounting.ledger import Ledger
from supervisor.contract.usage import TenantUsage, WorkerUsage
from tests.servers import ROOT

LOG = logging.getLogger("test")
NOON = 1_800_000_000.0 - 1_800_000_000 % 86_400 + 43_200
DAY_S = 86_400


class Calendar:
    """Seconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def archive(path: Path) -> Archive:
    made = Archive(path)
    assert made.prepare() == ""
    return made


def report(*tenants: TenantUsage, berth: int = 0) -> WorkerUsage:
    return WorkerUsage(shard=0, pid=1, berth=berth, tenants=list(tenants))


def keep(ledger: Ledger) -> None:
    Keeping(ledger, LOG).close()


def sums(ledger: Ledger, name: str, days: int = 5) -> list[tuple[str, int]]:
    return [(day.day, day.ok) for day in ledger.days_of(name, days)]


def test_days_add_up(archive: Archive) -> None:
    archive.add([Day("2026-01-01", "a", "then", ok=1, cpu_loop_ms=0.5, memory_peak_kb=9, disk_kb=5)], [])
    archive.add([Day("2026-01-01", "a", "then", ok=2, cpu_loop_ms=0.25, memory_peak_kb=7, disk_kb=3)], [])
    archive.add([Day("2026-01-02", "a", "then", ok=4), Day("2026-01-01", "a", "later", ok=8)], [])
    archive.add([Day("2026-01-01", "b", "then", ok=16)], [])
    found = archive.days("a", "2025-12-01", "2026-01-02")
    assert [(day.day, day.created, day.ok) for day in found] == [
        ("2026-01-01", "later", 8),
        ("2026-01-01", "then", 3),
        ("2026-01-02", "then", 4),
    ]
    assert (found[1].cpu_loop_ms, found[1].memory_peak_kb, found[1].disk_kb) == (0.75, 9, 3)
    assert archive.days("a", "2026-01-02", "2026-01-02") == found[2:]
    assert archive.days("c", "2025-12-01", "2026-01-02") == []


def test_plus_is_what_the_table_does(archive: Archive) -> None:
    one = Day("2026-01-01", "a", "", *range(1, 16), memory_peak_kb=3, disk_kb=9)  # type: ignore[arg-type]
    two = Day("2026-01-01", "a", "", *range(11, 26), memory_peak_kb=2, disk_kb=4)  # type: ignore[arg-type]
    archive.add([one], [])
    archive.add([two], [])
    assert archive.days("a", "2026-01-01", "2026-01-01") == [one.plus(two)]


def test_pruning(archive: Archive) -> None:
    archive.add([Day(f"2026-01-{number:02}", "a", "") for number in range(1, 10)], [])
    events = Events(archive)
    for number in range(20):
        events.note("hang", f"t{number % 2}")
    archive.add([], events.pending())
    archive.prune("2026-01-05", 5)
    assert [day.day[-2:] for day in archive.days("a", "2026-01-01", "2026-01-31")] == ["05", "06", "07", "08", "09"]
    assert [event.id for event in archive.events(0, "", 100)] == [16, 17, 18, 19, 20]
    assert [event.id for event in archive.events(17, "t0", 100)] == [19]
    assert archive.last_id() == 20


@pytest.mark.parametrize("content", [b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_an_unusable_file_is_put_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    told = Archive(path).prepare()
    assert "a new one begins" in told
    (aside,) = path.parent.glob("ledger.db.unusable-*")
    assert aside.read_bytes() == content
    assert Archive(path).prepare() == ""
    assert Archive(path).last_id() == 0


def test_a_file_of_a_later_release_is_put_aside(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    assert "has version 99" in Archive(path).prepare()


def test_what_was_written_last_is_put_aside_with_the_file(archive: Archive, path: Path) -> None:
    archive.add([Day("2026-01-01", "a", "", ok=1)], [])  # in the log only, so far
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("user_version", 99)
    connection.close()
    assert "has version 99" in archive.prepare()
    (aside,) = (file for file in path.parent.glob("ledger.db.unusable-*") if not file.name.endswith(("-wal", "-shm")))
    assert apsw.Connection(str(aside)).execute("SELECT ok FROM days").get == 1
    assert archive.days("a", "2026-01-01", "2026-01-01") == []


def test_a_file_that_is_only_locked_stays_where_it_is(
    archive: Archive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.accounting.archive.BUSY_TIMEOUT_MS", 1)
    archive.add([Day("2026-01-01", "a", "", ok=1)], [])
    other = apsw.Connection(str(path))
    other.pragma("locking_mode", "exclusive")
    other.execute("BEGIN EXCLUSIVE")
    assert open_ledger(path, lambda name: name, LOG).archive is None
    other.close()
    assert list(path.parent.glob("*unusable*")) == []
    assert archive.prepare() == ""
    assert [day.ok for day in archive.days("a", "2026-01-01", "2026-01-01")] == [1]


def test_where_nothing_can_be_written_there_is_no_history(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "missing" / "ledger.db", lambda name: name, LOG)
    assert ledger.archive is None
    ledger.book(report(TenantUsage("a", ok=2)))
    ledger.events.note("start")
    keep(ledger)
    assert sums(ledger, "a") == [(ledger.days.today, 2)]
    assert [event.kind for event in ledger.events.events()] == ["start"]


def test_it_is_private_and_closed_between_operations(archive: Archive, path: Path) -> None:
    archive.add([Day("2026-01-01", "a", "")], [])
    assert path.stat().st_mode & 0o077 == 0
    opened = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    assert not [name for name in opened if name.startswith(str(path.parent))]


# Days


def test_what_waits_and_what_is_written_are_told_as_one(archive: Archive) -> None:
    ledger = Ledger(archive)
    today = ledger.days.today
    for number in range(1, 4):
        ledger.book(report(TenantUsage("a", ok=number)))
        assert sums(ledger, "a") == [(today, sum(range(1, number + 1)))]
        if number == 2:
            keep(ledger)
            assert sums(ledger, "a") == [(today, 3)]
    keep(ledger)
    keep(ledger)
    assert len(ledger.days) == 0
    assert sums(Ledger(archive), "a") == [(today, 6)], "another supervisor finds it"


def test_a_day_ends(archive: Archive) -> None:
    calendar = Calendar()
    ledger = Ledger(archive, days=Days(calendar))
    ledger.book(report(TenantUsage("a", ok=1, memory_kb=50, live=True)))
    calendar.now += DAY_S
    ledger.book(report(TenantUsage("a", ok=2, memory_kb=20, live=True)))
    calendar.now += 2 * DAY_S
    ledger.book(report(TenantUsage("b", ok=1)))
    first, second, third = (day_name(NOON + number * DAY_S) for number in (0, 1, 3))
    for _ in range(2):
        assert sums(ledger, "a") == [(first, 1), (second, 2)]
        assert [day.memory_peak_kb for day in ledger.days_of("a", 5)] == [50, 50], "it began the day with 50"
        assert sums(ledger, "b") == [(third, 1)]
        keep(ledger)
    assert sums(ledger, "a", days=3) == [(second, 2)]


def test_a_deleted_tenant_keeps_its_days_and_leaves_nothing_to_its_successor(archive: Archive) -> None:
    born = {"a": "first"}
    ledger = Ledger(archive, created_of=born.get)
    ledger.book(report(TenantUsage("a", ok=5)))
    del born["a"]
    ledger.close("a")
    ledger.book(report(TenantUsage("a", ok=1)))  # the last words of its worker
    born["a"] = "second"
    ledger.book(report(TenantUsage("a", ok=2)))
    account = ledger.get("a")
    assert account is not None
    assert account.ok == 2
    for _ in range(2):
        assert [(day.created, day.ok) for day in ledger.days_of("a", 1)] == [("", 1), ("first", 5), ("second", 2)]
        keep(ledger)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from(["", "keep", "night", "close"]))))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_counted_twice(tmp_path_factory: Any, steps: list[tuple[str, int, str]]) -> None:
    archive = Archive(tmp_path_factory.mktemp("days") / "ledger.db")
    archive.prepare()
    calendar = Calendar()
    ledger = Ledger(archive, days=Days(calendar))
    expected: dict[tuple[str, str], int] = {}
    for name, ok, then in steps:
        ledger.book(report(TenantUsage(name, ok=ok)))
        if ok:
            key = (day_name(calendar.now), name)
            expected[key] = expected.get(key, 0) + ok
        if then == "keep":
            keep(ledger)
        elif then == "night":
            calendar.now += DAY_S
        elif then == "close":
            ledger.close(name)
    for settled in (False, True):
        if settled:
            keep(ledger)
            ledger = Ledger(archive, days=Days(calendar))
        found = {(day.day, name): day.ok for name in "abc" for day in ledger.days_of(name, len(steps) + 1)}
        assert found == expected


def test_days_before() -> None:
    assert day_before("2026-03-01", 1) == "2026-02-28"
    assert day_before("2026-01-01", 400) == "2024-11-27"


# Keeping


class Unwilling(Archive):
    """A disk that is full as long as the test says."""

    full = True
    asked = 0

    def add(self, *args: Any) -> None:
        self.asked += 1
        if self.full:
            raise ArchiveError("disk full")
        super().add(*args)


def test_a_full_disk_loses_nothing(path: Path) -> None:
    archive = Unwilling(path)
    archive.prepare()
    ledger = Ledger(archive)
    keeping = Keeping(ledger, LOG)
    now = 1e9
    ledger.book(report(TenantUsage("a", ok=1)))
    ledger.events.note("hang", "a")
    keeping.tick(now)
    assert archive.asked == 1
    keeping.tick(now + 1)
    assert archive.asked == 1, "it is left alone for a while"
    ledger.book(report(TenantUsage("a", ok=1)))
    keeping.tick(now + RETRY_S)
    assert archive.asked == 2
    assert sums(ledger, "a") == [(ledger.days.today, 2)]
    assert len(ledger.events.events()) == 1
    archive.full = False
    keeping.tick(now + 2 * RETRY_S + DAYS_EVERY_S)
    assert len(ledger.days) == 0
    assert not ledger.events.has_pending
    assert sums(Ledger(archive), "a") == [(ledger.days.today, 2)]
    assert [event.kind for event in Events(archive).events()] == ["hang"]


def test_a_look_writes_so_much_and_the_next_goes_on(path: Path) -> None:
    archive = Archive(path)
    archive.prepare()
    ledger = Ledger(archive)
    count = DAYS_A_LOOK_MAX * 2 + 1
    ledger.book(report(*(TenantUsage(f"t{number}", ok=1) for number in range(count))))
    keeping = Keeping(ledger, LOG)
    keeping.tick(0.0)
    assert len(ledger.days) == count, "it is not time yet"
    left = []
    for second in range(4):
        keeping.tick(1e9 + second)
        left.append(len(ledger.days))
    assert left == [DAYS_A_LOOK_MAX + 1, 1, 0, 0]


# Events


def test_events_are_found_in_memory_and_on_disk(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "RECENT_MAX", 3)
    ledger = Ledger(archive)
    for number in range(8):
        ledger.events.note("throttled", f"t{number % 2}", 1, f"no. {number}", {"cpu": number})
    keep(ledger)
    ledger.events.note("free", "t0")
    events = ledger.events
    assert [event.id for event in events.events()] == list(range(1, 10))
    assert [event.id for event in events.events(since_id=7)] == [8, 9]
    assert [event.id for event in events.events(limit=2)] == [8, 9]
    assert [event.id for event in events.events(limit=4)] == [6, 7, 8, 9]
    assert [event.id for event in events.events(tenant="t1")] == [2, 4, 6, 8]
    assert [event.id for event in events.events(since_id=3, tenant="t0", limit=2)] == [7, 9]
    assert events.events(since_id=9) == []
    first = events.events(limit=100)[0]
    assert (first.kind, first.tenant, first.shard, first.reason, first.detail) == (
        "throttled",
        "t0",
        1,
        "no. 0",
        {"cpu": 0},
    )
    keep(ledger)
    again = Events(archive)
    assert [event.id for event in again.events()] == list(range(1, 10))
    assert again.note("start").id == 10, "ids never come again"


def test_an_unknown_kind_is_a_notice() -> None:
    event = Events().note("whatever", reason="x")
    assert (event.kind, event.reason) == ("notice", "x")
    assert json.dumps(event.detail) == "{}"


def test_every_kind_has_its_sentence() -> None:
    assert all(text.endswith(".") and kind.replace("_", "").isalpha() for kind, text in KINDS.items())


NOTED = re.compile(r"""(?:\bnote|\bNotice|\btell|\.say)\(\s*"([a-z_]+)",""")


def test_every_kind_that_is_noted_is_in_the_table() -> None:
    sources = [path for package in ("supervisor", "worker") for path in (ROOT / package).rglob("*.py")]
    noted = {kind for path in sources for kind in NOTED.findall(path.read_text())}
    assert {"hang", "worker_died", "moved"} <= noted, "the pattern finds them"
    assert noted <= set(KINDS)
