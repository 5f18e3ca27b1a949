"""Databases that give memory back: what is left of them serves as before."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.unit.core.shard import Shard
from worker.db.connection import Database
from worker.db.limits import STATEMENTS_MAX, STATEMENTS_MIN, statements_for
from worker.db.pages import PageRoom
from worker.db.warmth import USES_A_LOOK, WARM_MIN, Warmth
from worker.errors import ApiError
from worker.records.plan import plan_of

NOTHING, MUCH = 0, 1 << 40


@pytest.fixture
def make(tmp_path: Path) -> Callable[[int], list[Database]]:
    def databases(count: int) -> list[Database]:
        made = []
        for number in range(count):
            path = tmp_path / f"{number}.db"
            path.touch()
            made.append(db := Database(path))
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (?)", (number,))
        return made

    return databases


def pages_of(db: Database) -> int:
    """Bytes of pages that a connection keeps."""
    return db.connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0]


def test_a_database_at_rest_opens_itself_and_has_lost_nothing(make: Callable[[int], list[Database]]) -> None:
    (db,) = make(1)
    db.pages_max = 1_000
    assert db.rest()
    assert db.resting
    assert not db.closed
    assert not db.rest(), "once is enough"
    assert Path(f"{db.path}-wal").stat().st_size > 0, "to take the log back would wait for the disk"
    assert db.all("SELECT a FROM t") == [(0,)]
    assert not db.resting
    assert db.pages_max != 1_000, "the new connection knows nothing of a quota yet"
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
    assert db.all("SELECT a FROM t") == [(0,), (1,)]
    assert db.spared, "it is as careful as before"


def test_what_is_at_work_does_not_rest(make: Callable[[int], list[Database]]) -> None:
    (db,) = make(1)
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
        assert not db.rest()
    db.in_thread = True
    assert not db.rest()
    db.in_thread = False
    db.close()
    assert not db.rest()
    assert db.closed


def test_a_file_that_is_gone_is_an_error_each_time(make: Callable[[int], list[Database]]) -> None:
    (db,) = make(1)
    assert db.rest()
    Path(db.path).rename(f"{db.path}.away")
    for _ in range(2):
        with pytest.raises(apsw.CantOpenError):
            db.all("SELECT a FROM t")
    Path(f"{db.path}.away").rename(db.path)
    assert db.all("SELECT a FROM t") == [(0,)]


def test_room_for_pages_outlasts_a_rest_and_is_taken_back_from_one(make: Callable[[int], list[Database]]) -> None:
    (db,) = make(1)
    room = PageRoom(room_kib=10_000, tenant_kib_max=10_000)
    room._fit(db)
    given = db.value("PRAGMA cache_size")
    assert db.rest()
    assert db.value("PRAGMA cache_size") == given
    assert db.rest()
    room._take(db)
    assert db.resting
    assert db.value("PRAGMA cache_size") != given


@pytest.mark.parametrize(("bytes_max", "resting"), [(NOTHING, 4), (MUCH, 0)])
def test_who_was_not_used_for_longest_rests(
    make: Callable[[int], list[Database]], bytes_max: int, resting: int
) -> None:
    rested: list[Database] = []
    warmth = Warmth(bytes_max, rested.append)
    databases = make(WARM_MIN + 4)
    before = [pages_of(db) for db in databases]
    for _ in range(2):
        for db in databases:
            warmth.used(db)
    for _ in range(USES_A_LOOK):
        warmth.used(databases[-1])
    assert rested[-resting:] == databases[:resting] if resting else not rested
    given = [was > pages_of(db) for was, db in zip(before, databases, strict=True)]
    assert given[:4] == [resting > 0] * 4
    assert not given[-1], "what is in use keeps its pages"


def test_a_database_that_was_forgotten_is_left_alone(make: Callable[[int], list[Database]]) -> None:
    rested: list[Database] = []
    warmth = Warmth(NOTHING, rested.append)
    databases = make(WARM_MIN + 2)
    for db in databases:
        warmth.used(db)
    warmth.forget(databases[0])
    databases[0].close()
    for _ in range(USES_A_LOOK):
        warmth.used(databases[-1])
    assert databases[0] not in rested


@pytest.mark.parametrize(("live", "kept"), [(0, STATEMENTS_MAX), (10, STATEMENTS_MAX), (10_000, STATEMENTS_MIN)])
def test_the_more_tenants_are_live_the_fewer_statements_each_keeps(live: int, kept: int) -> None:
    assert statements_for(live) == kept


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path / "data")
    yield made
    asyncio.run(made.tenants.close_all(10))
    made.lanes.close()


def rest(shard: Shard, context: Any) -> bool:
    """What becomes of a context for want of memory."""
    shard.tenants._rest(context.data)
    return bool(context.data.resting)


def test_a_tenant_at_rest_is_live_and_opens_with_its_next_request(shard: Shard) -> None:
    context = shard.open("a")
    context.data.once("UPDATE _params SET updated = 'now'")
    assert rest(shard, context)
    assert shard.open_files("a") == []
    assert shard.live() == ["a"]
    assert context.memory_kb() > 0
    context.shrink()
    assert context.data.resting, "to be asked what it takes, or to take less, opens no file"
    assert shard.open("a") is context
    assert not context.data.resting
    assert context.data.value("SELECT updated FROM _params LIMIT 1") == "now"


def test_what_was_compiled_goes_with_the_last_who_is_awake_to_use_it(shard: Shard) -> None:
    own = {"id": "pbc_own", "name": "own", "fields": "[]", "indexes": "[]", "options": "{}"}
    first, second = shard.open("a"), shard.open("b")
    first.data.once(f"INSERT INTO _collections ({', '.join(own)}) VALUES (?, ?, ?, ?, ?)", tuple(own.values()))
    first.catalog.reload(first.data)
    alone, shared = first.catalog.get("own"), first.catalog.get("_mfas")
    assert shared is second.catalog.get("_mfas")
    plans = plan_of(alone), plan_of(shared)
    del alone, shared  # as nobody holds a collection between two requests
    assert rest(shard, first)
    assert first.catalog.get("own").plan is None
    assert first.catalog.get("_mfas").plan is plans[1]
    assert plan_of(first.catalog.get("own")).columns == plans[0].columns


def test_what_rests_is_closed_for_good_with_its_log_taken_back(shard: Shard) -> None:
    context = shard.open("a")
    context.data.once("UPDATE _params SET updated = 'now'")
    log = Path(f"{context.data.path}-wal")
    assert rest(shard, context)
    assert log.exists()
    context.close()
    assert log.stat().st_size == 0
    with pytest.raises(apsw.ConnectionClosedError):
        context.data.value("SELECT 1")


@pytest.mark.parametrize(
    "occupy",
    [
        lambda context: setattr(context, "busy", 1),
        lambda context: setattr(context, "unit", object()),
        lambda context: setattr(context, "hooks", object()),
        lambda context: setattr(context.writer, "queued", 1),
        lambda context: context.caches.setdefault("console", object()),
        lambda context: setattr(context.account, "running", 1),
    ],
    ids=["requests", "a unit", "scripts", "a writer", "a console's state", "something of its own"],
)
def test_who_is_at_work_keeps_the_file(shard: Shard, occupy: Callable[[Any], object]) -> None:
    context = shard.open("a")
    before = context.busy, context.unit, context.hooks
    occupy(context)
    assert not rest(shard, context)
    context.busy, context.unit, context.hooks = before
    context.writer.queued = context.account.running = 0
    context.caches.clear()
    assert rest(shard, context)


def test_damage_found_on_waking_takes_the_tenant_out_of_service(shard: Shard) -> None:
    context = shard.open("a")
    assert rest(shard, context)
    for suffix in ("", "-wal"):
        Path(f"{context.data.path}{suffix}").unlink(missing_ok=True)
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            shard.open("a")
        assert refused.value.status == 503
    assert shard.failed() == ["a"]
