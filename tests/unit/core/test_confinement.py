"""What a tenant's database must withstand from its tenant: SQL in odd places, and bytes that are no text."""

import asyncio
from pathlib import Path

import apsw
import pytest

from worker.db.connection import Database
from worker.db.console import Console, ConsoleError, Mode
from worker.db.memory import CROWDED, bound_heap
from worker.lanes import Lanes


@pytest.fixture
def db(tmp_path: Path):
    path = tmp_path / "data.db"
    path.touch()
    database = Database(path)
    database.execute("CREATE TABLE t (id TEXT PRIMARY KEY, text TEXT, n NUMERIC)")
    yield database
    database.close()


@pytest.fixture
def neighbour(tmp_path: Path):
    path = tmp_path / "neighbour.db"
    path.touch()
    database = Database(path)
    database.execute("CREATE TABLE secrets AS SELECT 'word' AS secret")
    database.close()
    return path


def test_no_other_file_can_be_reached(db, neighbour, tmp_path):
    stolen = tmp_path / "stolen.db"
    for sql in (f"ATTACH '{neighbour}' AS other", f"ATTACH '{stolen}' AS other", f"VACUUM INTO '{stolen}'"):
        for run in (db.execute, db.once):
            with pytest.raises(apsw.SQLError, match="attached databases"):
                run(sql)
    assert not stolen.exists()
    assert db.value("SELECT count(*) FROM pragma_table_list WHERE schema NOT IN ('main', 'temp')") == 0


def test_a_trigger_does_not_learn_where_files_are(db):
    """Those of the SQL console fire on the worker's own connection, where no authorizer asks."""
    for definition in (
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET text = (SELECT file FROM pragma_database_list); END",
        "CREATE VIEW v AS SELECT file FROM pragma_database_list",
    ):
        script(db, definition)
    for sql in ("INSERT INTO t (id) VALUES ('a')", "SELECT * FROM v"):
        with pytest.raises(apsw.SQLError, match="no such table"):
            db.all(sql)
    assert db.all("SELECT * FROM t") == []


@pytest.mark.parametrize(
    "rest",
    [
        "; CREATE TABLE other (a)",
        "; PRAGMA hard_heap_limit=1000",
        "; COMMIT; DROP TABLE t",
        ";;SELECT 1",
        "; -- nothing",
        " OR text = ';'",
        "\0; DROP TABLE t",
    ],
)
def test_only_one_statement_of_ddl_is_run(db, rest):
    with pytest.raises(apsw.SQLError, match="only one statement"), db.transaction():
        db.once(f"CREATE INDEX i ON t (text) WHERE 1{rest}")
    assert db.all("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'") == [("t",)]
    assert db.value("PRAGMA hard_heap_limit") == 0


@pytest.mark.parametrize("end", ["", ";", " ; ", ";;", " -- why", " /* why */"])
def test_one_statement_of_ddl_is(db, end):
    db.once(f"CREATE INDEX i ON t (text) WHERE text <> ''{end}")
    assert db.value("SELECT count(*) FROM sqlite_schema WHERE name = 'i'") == 1


def test_texts_that_are_no_utf8_are_read(db):
    db.execute("INSERT INTO t VALUES ('a', CAST(x'61fffe62' AS TEXT), 1), ('b', 'fine', 2.5), ('c', NULL, NULL)")
    assert db.all("SELECT text, n, id FROM t ORDER BY id DESC LIMIT ?", (5,)) == [
        (None, None, "c"),
        ("fine", 2.5, "b"),
        ("a\ufffd\ufffdb", 1, "a"),
    ]
    assert db.one("SELECT text FROM t WHERE id = ?", ("a",)) == ("a\ufffd\ufffdb",)
    assert db.value("SELECT text FROM t WHERE id = 'a'") == "a\ufffd\ufffdb"
    assert db.all("SELECT text FROM t WHERE id = 'b'") == [("fine",)]


# -- what takes long within one step of SQLite -------------------------------------------------------------------------

LONG_PATTERN = "%" + "a" * 200 + "b%"


@pytest.fixture
def lanes():
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=10, pool_threads=2)
    yield lanes
    lanes.close()


@pytest.mark.parametrize(
    ("text", "pattern", "pooled", "found"),
    [
        ("a" * 1_000, "%aab%", 0, 0),
        ("a" * 1_000, LONG_PATTERN, 1, 0),
        ("b" * 200_000, "%b%", 1, 1),
        ("b" * 50_000, "b" * 50_000, 1, 1),
    ],
)
def test_long_texts_and_patterns_are_searched_in_a_thread(db, lanes, *, text, pattern, pooled, found):
    with db.transaction():
        db.execute("INSERT INTO t (id, text) VALUES ('a', ?)", (text,))
    sql = "SELECT count(*) FROM t WHERE text LIKE ?"
    assert asyncio.run(lanes.read(db, lambda db: db.value(sql, (pattern,)))) == found
    assert lanes.pooled == pooled


def test_patterns_longer_than_the_real_ones_sqlite_takes_are_refused(db, lanes):
    with pytest.raises(apsw.SQLError, match="too complex"):
        asyncio.run(lanes.read(db, lambda db: db.value("SELECT 'a' LIKE ?", ("%" * 50_001,))))


def test_large_rows_are_read_where_nobody_else_would(db):
    with db.transaction():
        db.execute("INSERT INTO t (id, text) VALUES ('a', ?)", ("x" * 5_000_000,))
    assert len(db.value("SELECT text FROM t")) == 5_000_000
    assert len(db.all("SELECT text FROM t")[0][0]) == 5_000_000
    assert len(db.once("SELECT text FROM t")[0][0]) == 5_000_000
    assert db.spared


def test_rows_that_no_body_could_bring_are_refused(db):
    with pytest.raises(apsw.TooBigError):
        db.value("SELECT hex(zeroblob(80000000))")


@pytest.fixture
def little_heap():
    """SQLite's memory bounded as a worker's, to 40 MB more than there is now."""
    bound = apsw.memory_used() + (40 << 20)
    apsw.hard_heap_limit(bound)
    apsw.soft_heap_limit(int(bound * CROWDED))
    yield bound
    apsw.soft_heap_limit(0)
    apsw.hard_heap_limit(0)


GROWING = (
    "WITH RECURSIVE c(x) AS (SELECT randomblob(50000) UNION SELECT randomblob(50000) FROM c) SELECT count(*) FROM c"
)


@pytest.mark.parametrize(
    ("sql", "error"),
    [(GROWING, apsw.InterruptError), ("SELECT hex(zeroblob(10000000)), hex(zeroblob(12000000))", apsw.NoMemError)],
)
def test_memory_is_bounded(db, lanes, little_heap, sql, error):
    apsw.memory_high_water(True)
    with pytest.raises(error):
        asyncio.run(lanes.read(db, lambda db: db.all(sql)))
    assert apsw.memory_high_water() <= little_heap
    assert db.value("SELECT count(*) FROM t") == 0


def test_a_worker_bounds_its_memory():
    try:
        bound_heap(1000)
        assert 300 << 20 < apsw.soft_heap_limit(-1) < apsw.hard_heap_limit(-1) < 1 << 30
    finally:
        apsw.soft_heap_limit(0)
        apsw.hard_heap_limit(0)


def test_the_rows_of_an_answer_are_bounded(db, lanes):
    rows = "SELECT hex(zeroblob({})) FROM (VALUES (1), (2), (3))"
    read = "SELECT hex(zeroblob({})), hex(zeroblob({}))"
    for sql in (rows.format(15_000_000), read.format(40_000_000, 40_000_000)):
        with pytest.raises(apsw.TooBigError, match="rows are too large"):
            asyncio.run(lanes.read(db, lambda db, sql=sql: db.all(sql)))
    assert len(asyncio.run(lanes.read(db, lambda db: db.all(rows.format(9_000_000))))) == 3
    assert len(asyncio.run(lanes.read(db, lambda db: db.all(read.format(35_000_000, 1))))[0]) == 2


# -- the SQL console ---------------------------------------------------------------------------------------------------


def script(db: Database, query: str, mode: Mode = Mode.LOCKED) -> list[list[str | None]]:
    console = Console(db.path, mode, 1_000_000)
    try:
        outcome = console.run(query)
        console.commit()
        return outcome.rows
    finally:
        console.connection.close()


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "query",
    [
        "ATTACH '{neighbour}' AS other",
        "ATTACH '{stolen}' AS other",
        "ATTACH (SELECT '{neighbour}') AS other",
        "ATTACH ':memory:' AS other",
        "SELECT 1; ATTACH '{neighbour}' AS other; SELECT * FROM other.secrets",
        "EXPLAIN ATTACH '{neighbour}' AS other",
        "VACUUM INTO '{stolen}'",
        "SELECT load_extension('{stolen}')",
        "SELECT readfile('{neighbour}')",
        "SELECT writefile('{stolen}', 'x')",
        "SELECT edit('x', 'sh')",
        "CREATE VIRTUAL TABLE c USING csv(filename='{neighbour}')",
        "CREATE VIRTUAL TABLE c USING fts4(a)",
        "SELECT * FROM fsdir('/')",
        "SELECT fts3_tokenizer('simple', x'00')",
        "PRAGMA temp_store_directory='{stolen}'",
        "PRAGMA data_store_directory='{stolen}'",
        "PRAGMA temp_store=2",
        "PRAGMA writable_schema=ON",
        "PRAGMA writable_schema(1)",
        "PRAGMA main.writable_schema=RESET",
        "SELECT * FROM pragma_database_list",
        "PRAGMA database_list",
        "PRAGMA Database_List",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA journal_mode=OFF",
        "PRAGMA locking_mode=EXCLUSIVE",
        "PRAGMA synchronous=OFF",
        "PRAGMA mmap_size=1000000000",
        "PRAGMA cache_size=1000000",
        "PRAGMA cache_spill=OFF",
        "PRAGMA page_size=65536",
        "PRAGMA auto_vacuum=1",
        "PRAGMA max_page_count=1",
        "PRAGMA wal_autocheckpoint=0",
        "PRAGMA journal_size_limit=-1",
        "PRAGMA hard_heap_limit=1",
        "PRAGMA threads=8",
        "PRAGMA busy_timeout=1",
        "PRAGMA schema_version=1",
        "PRAGMA trusted_schema=ON",
        "PRAGMA encoding='UTF-16'",
        "UPDATE sqlite_master SET sql = ''",
        "DELETE FROM search_data",
        "INSERT INTO search_config VALUES ('x', 1)",
    ],
)
def test_a_script_stays_inside(db, neighbour, tmp_path, mode, query):
    db.execute("CREATE VIRTUAL TABLE search USING fts5(words)")
    stolen = tmp_path / "stolen.db"
    before = sorted(path.name for path in tmp_path.iterdir())
    try:
        rows = script(db, query.format(neighbour=neighbour, stolen=stolen), mode)
    except ConsoleError:
        rows = []
    assert rows == []
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert db.value("PRAGMA journal_mode") == "wal"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("PRAGMA journal_mode", [["wal"]]),
        ("PRAGMA journal_mode=wal", [["wal"]]),
        ("PRAGMA user_version=3; PRAGMA user_version", [["3"]]),
        ("PRAGMA foreign_keys=OFF; PRAGMA foreign_keys", [["0"]]),
        ("PRAGMA nothing_of_this_name=1", []),
        ("SELECT name FROM pragma_table_info('t')", [["id"], ["text"], ["n"]]),
        ("VACUUM", []),
        ("CREATE VIRTUAL TABLE search USING fts5(a); SELECT count(*) FROM search", [["0"]]),
        ("SELECT count(*) FROM dbstat WHERE name = 't'", [["1"]]),
    ],
)
def test_what_a_script_may_do(db, query, rows):
    assert script(db, query) == rows


def test_a_read_writes_nothing(db):
    for query in ("DELETE FROM t", "PRAGMA user_version=4", "CREATE TABLE x (a)", "WITH a AS (SELECT 1) DELETE FROM t"):
        with pytest.raises(ConsoleError) as caught:
            script(db, query, Mode.READ)
        assert caught.value.readonly


@pytest.mark.parametrize("table", ["_collections", "_params"])
def test_definitions_are_looked_at_or_left_alone(db, table):
    db.execute(f"CREATE TABLE {table} (a)")
    for query in (
        f"WITH x AS (SELECT 1) INSERT INTO {table} SELECT 1",
        f"DROP TABLE {table}",
        f"ALTER TABLE {table.upper()} RENAME TO x",
        f"CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM {table}; END; INSERT INTO t (id) VALUES (1)",
    ):
        with pytest.raises(ConsoleError, match="not authorized"):
            script(db, query)
        console = Console(db.path, Mode.TRANSACTION, 1_000)
        if "TRIGGER" not in query:
            console.run(query)
            assert console.touched
        console.connection.close()


def test_the_rows_of_a_script_are_bounded(db):
    with pytest.raises(ConsoleError, match="too large"):
        script(db, "SELECT hex(zeroblob(600000))", Mode.READ)
