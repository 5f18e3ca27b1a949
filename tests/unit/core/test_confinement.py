"""What a tenant's database must withstand from its tenant: SQL in odd places, and bytes that are no text."""

from pathlib import Path

import apsw
import pytest

from worker.db.connection import Database


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
    assert db.all("SELECT name FROM pragma_database_list") == [("main",)]


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
