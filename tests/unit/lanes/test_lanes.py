"""Reads and work in threads: what is cut short leaves nothing, what was used is booked."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import apsw
import pytest

from worker.db.burdens import burden_of
from worker.db.connection import Database
from worker.lanes import Lanes
from worker.lanes.pool import Pool

from .conftest import ENDLESS, LONG

DEADLINE_S = 60.0


async def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def locks_nobody(db: Database) -> bool:
    """Whether no other connection reads or writes: only then all of the log can be taken over and cut off."""
    db.once("CREATE TABLE IF NOT EXISTS probe (a)")
    db.once("INSERT INTO probe VALUES (1)")
    busy, left, _ = db.once("PRAGMA wal_checkpoint(TRUNCATE)")[0]
    return (busy, left) == (0, 0)


def idle(lanes: Lanes) -> bool:
    return not lanes._reads.running and not lanes._reads.waiting


def test_the_plan_says_how_long_a_read_may_take(hasty: Database, other: Database, lanes: Lanes, run: Any) -> None:
    with pytest.raises(apsw.InterruptError, match=r"interrupted: a read took longer than 0\.3 s"):
        run(lanes.read(hasty, lambda db: db.value(ENDLESS)))
    assert hasty.account is not None
    assert hasty.account.cut == 1
    assert hasty.account.pool_ns > 0
    assert locks_nobody(hasty)
    assert run(lanes.read(other, lambda db: db.value(LONG.format(0)))) == 300_000
    assert other.account is not None
    assert (hasty.account.cut, other.account.cut) == (1, 0)


def test_a_cancelled_read_ends_at_once_and_leaves_nothing(other: Database, lanes: Lanes, run: Any) -> None:
    """Though its plan would give it half a minute."""

    async def scenario() -> None:
        reading = asyncio.create_task(lanes.read(other, lambda db: db.all(ENDLESS)))
        await until(lambda: lanes._reads.running)
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await until(lambda: idle(lanes))
        assert locks_nobody(other)
        assert other.account is not None
        assert other.account.cut == 0

    run(scenario())


def test_one_interrupted_on_the_loop_leaves_nothing_either(db: Database, lanes: Lanes, run: Any) -> None:
    with db.transaction():
        for number in range(20_000):
            db.execute("INSERT INTO t VALUES (?, ?)", (f"r{number}", number))
    sql = "SELECT a.id FROM t a, t b WHERE a.n + b.n = ?"

    async def scenario() -> None:
        reading = asyncio.create_task(lanes.read(db, lambda db: db.one(sql, (-1,))))
        await until(lambda: not idle(lanes))
        # interrupted inline by now, and under way elsewhere
        with db.transaction():
            db.execute("INSERT INTO t VALUES ('more', 1)")
        reading.cancel()
        await until(lambda: idle(lanes))
        assert locks_nobody(db)

    run(scenario())


def test_time_and_rows_are_counted_wherever_it_runs(db: Database, lanes: Lanes, run: Any) -> None:
    account = db.account
    assert account is not None
    with db.transaction():
        for number in range(50):
            db.execute("INSERT INTO t VALUES (?, ?)", (f"r{number}", number))
    rows, sql_ns = account.rows, account.sql_ns
    assert sql_ns > 0
    assert len(run(lanes.read(db, lambda db: db.all("SELECT * FROM t")))) == 50
    assert run(lanes.read(db, lambda db: db.one("SELECT * FROM t WHERE n = 7"))) == ("r7", 7)
    assert run(lanes.read(db, lambda db: db.one("SELECT * FROM t WHERE n = 700"))) is None
    assert db.once("SELECT n FROM t LIMIT 3") == [(0,), (1,), (2,)]
    assert (account.rows - rows, lanes.pooled) == (54, 0)
    before = account.sql_ns
    run(lanes.read(db, lambda db: (db.value(LONG.format(1)), db.all("SELECT * FROM t"))))
    assert lanes.pooled == 1
    assert account.rows - rows == 54 + 51
    assert account.sql_ns - before > 1_000_000
    db.account = None
    assert db.all("SELECT count(*) FROM t") == [(50,)]
    assert account.rows - rows == 54 + 51


def test_statements_of_ever_new_texts_soon_go_to_a_thread_at_once(db: Database, lanes: Lanes, run: Any) -> None:
    lanes.in_company = lambda account: True
    inline: list[int] = []

    def read(number: int) -> Callable[[Database], Any]:
        def of(used: Database) -> Any:
            began = time.thread_time_ns()
            try:
                return used.value(LONG.format(number))
            finally:
                if used is db:
                    inline.append(time.thread_time_ns() - began)

        return of

    async def scenario() -> None:
        for number in range(40):
            assert await lanes.read(db, read(number)) == 300_000 + number
        assert len(inline) < 20, "most have not tried at all"
        assert sum(inline) < 40 * 5_000_000
        # and one that is quick may try again before long
        for _ in range(2000):
            if db.pace is None:
                break
            assert await lanes.read(db, lambda db: db.value("SELECT 1")) == 1
        assert db.pace is None

    run(scenario())


@pytest.mark.parametrize("hidden", [False, True], ids=["asked for", "in a view"])
def test_a_search_made_to_be_slow_is_not_for_the_loop(db: Database, lanes: Lanes, run: Any, hidden: bool) -> None:
    """One row of it would hold the loop for a second, without a single look at the clock in between."""
    searched = " OR ".join(f"id LIKE '%{'a' * 50}{number:04}b%'" for number in range(100))
    source = f"SELECT count(*) AS c FROM t WHERE {searched}"
    with db.transaction():
        db.execute("INSERT INTO t VALUES (?, 1)", ("a" * 90_000,))
    sql = source
    if hidden:
        db.execute(f"CREATE VIEW v AS {source}")
        sql = "SELECT c FROM v"
        db.burden = burden_of(db)

    async def scenario() -> None:
        task = asyncio.create_task(lanes.read(db, lambda db: db.value(sql)))
        began = time.thread_time()
        await until(lambda: lanes._reads.running or task.done())
        assert time.thread_time() - began < 0.5
        assert not task.done()
        task.cancel()
        await until(lambda: idle(lanes))

    run(scenario())


def test_work_in_a_transaction_keeps_to_its_limit_and_rolls_back(db: Database, lanes: Lanes, run: Any) -> None:
    told: list[tuple[str, str, str]] = []
    lanes.tell = lambda *event: told.append(event)
    account = db.account
    assert account is not None
    db.exclusive = True
    db.write_limit_ns = 100_000_000

    async def work(sql: str) -> None:
        with db.transaction():
            db.execute("INSERT INTO t VALUES ('a', 1)")
            await lanes.write(db, lambda db: db.once(sql))

    for _ in range(2):
        with pytest.raises(apsw.InterruptError, match="a write took longer than"):
            run(work(f"INSERT INTO t {ENDLESS.replace('max(i)', 'i, i')}"))
    assert db.all("SELECT * FROM t") == []
    assert locks_nobody(db)
    assert account.cut == 2
    assert told == [("cut", "mine", "interrupted: a write took longer than 0.1 s")], "once a minute"
    rows = account.rows
    run(work("INSERT INTO t VALUES ('b', 2) RETURNING id"))
    assert account.rows == rows + 1, "counted by the thread, booked by the loop"
    assert db.all("SELECT id FROM t") == [("a",), ("b",)]


def test_threads_end_though_they_are_busy(db: Database, run: Any) -> None:
    lanes = Lanes(inline_budget_ms=5, read_timeout_s=1000, pool_threads=2)
    db.account = None

    async def scenario() -> None:
        reading = asyncio.create_task(lanes.read(db, lambda db: db.all(ENDLESS)))
        await until(lambda: lanes._reads.running)
        await asyncio.sleep(0.01)
        reading.cancel()

    run(scenario())
    began = time.monotonic()
    lanes.close()
    assert time.monotonic() - began < DEADLINE_S
    assert locks_nobody(db)


def test_threads_that_do_not_end_are_waited_for_together(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One limit for all pools: the worker has so much time left in all."""
    waited: list[float] = []
    monkeypatch.setattr(Pool, "join", lambda _, until_s: waited.append(until_s))
    lanes.close()
    assert len(waited) == 4
    assert len(set(waited)) == 1
