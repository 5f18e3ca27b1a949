"""Room for pages: who gets it, who gives it back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic_ns, thread_time_ns

import apsw
import pytest

from worker.db.connection import Database
from worker.db.limits import CACHE_KIB, PATIENCE_NS
from worker.db.pages import PageRoom

Made = Callable[[str, int], Database]
SCAN = "SELECT COUNT(*) FROM t WHERE x LIKE '%y%'"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Makes databases with a table of so many KiB."""
    opened: list[Database] = []

    def make(name: str, kib: int) -> Database:
        (tmp_path / name).touch()
        db = Database(tmp_path / name)
        opened.append(db)
        db.execute("CREATE TABLE t (x TEXT)")
        with db.transaction():
            for _ in range(kib):
                db.execute("INSERT INTO t VALUES (?)", ("x" * 1000,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)
        return db

    yield make
    for db in opened:
        db.close()


def kib_of(db: Database) -> int:
    return -int(db.once("PRAGMA cache_size")[0][0])


def misses(db: Database) -> int:
    db.value(SCAN)
    return db.connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)[0]


@pytest.mark.parametrize(
    ("kib", "room", "each", "gets"),
    [
        (1500, 4000, 4000, True),
        (12_000, 32_000, 32_000, True),  # what SQLite keeps about each page counts as well
        (100, 4000, 4000, False),  # its pages are all there already
        (1500, 4000, 1000, False),  # larger than one may have
        (1500, 1000, 4000, False),  # there is not so much
    ],
)
def test_a_database_of_long_reads_gets_room_for_all_of_it(
    made: Made, kib: int, room: int, each: int, gets: bool
) -> None:
    db = made("a.db", kib)
    pages = PageRoom(room, each)
    for _ in range(3):
        db.value(SCAN)
        pages.read_long(db)
    assert (kib_of(db) > CACHE_KIB) is gets
    misses(db)
    assert (misses(db) == 0) is (gets or kib < CACHE_KIB)


def test_room_goes_from_the_one_whose_last_long_read_is_longest_ago(made: Made) -> None:
    first, second, third = (made(name, 1500) for name in "abc")
    pages = PageRoom(5000, 5000)
    for db in (first, second):
        db.value(SCAN)
        pages.read_long(db)
    db = first
    pages.read_long(db)
    third.value(SCAN)
    pages.read_long(third)
    assert [kib_of(db) > CACHE_KIB for db in (first, second, third)] == [True, False, True]
    second.value(SCAN)
    used, _ = second.connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    assert used < 2 * CACHE_KIB * 1024, "what was given back is free again"


def test_a_database_that_grew_gets_more_and_one_that_was_closed_gives_all_back(made: Made) -> None:
    db, other = made("a.db", 1500), made("b.db", 1500)
    pages = PageRoom(6000, 6000)
    db.value(SCAN)
    pages.read_long(db)
    before = kib_of(db)
    with db.transaction():
        for _ in range(2000):
            db.execute("INSERT INTO t VALUES (?)", ("x" * 1000,))
    misses(db)
    db.value(SCAN)
    pages.read_long(db)
    assert kib_of(db) >= before, "no less than before"
    db.close()
    pages.read_long(db)  # too late, which is no error
    for _ in range(2):
        other.value(SCAN)
        pages.read_long(other)
    assert kib_of(other) > CACHE_KIB


@pytest.mark.parametrize(
    ("late_ns", "cpu_left_ns", "interrupted"),
    [
        (1_000, -1, True),
        (1_000, 10**9, False),  # it only waited for a core
        (PATIENCE_NS * 2, 10**9, True),  # or for the disk, too long
        (-(10**9), -1, False),
    ],
)
def test_a_deadline_counts_once_the_cpu_time_is_used_too(
    made: Made, late_ns: int, cpu_left_ns: int, interrupted: bool
) -> None:
    db = made("a.db", 200)
    db.deadline_ns = monotonic_ns() - late_ns
    db.cpu_until_ns = thread_time_ns() + cpu_left_ns
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT MAX(i) FROM n"
    if interrupted:
        with pytest.raises(apsw.InterruptError):
            db.value(long)
    else:
        assert db.value(long) == 5000
