"""A new tenant's databases are those the real PocketBase makes, and the real one works on them."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from worker.db import migrations
from worker.db.connection import Database
from worker.db.migrations import check_importable, ensure_auxiliary, personal_copy, write_template
from worker.schema.catalog import Catalog

from .conftest import Real, schema_of

SECRET = re.compile(r'"secret":"([^"]*)"')


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A new tenant's, with secrets of its own."""
    template = tmp_path / "template"
    template.mkdir()
    write_template(template)
    shutil.copytree(template, tmp_path / "copy")
    (tmp_path / "copy" / "data.db").write_bytes(personal_copy((template / "data.db").read_bytes()))
    return tmp_path / "copy"


def content(directory: Path) -> dict[str, Any]:
    """What stands in the system tables, without secrets and dates."""
    db = Database(directory / "data.db")
    columns = "id, system, type, name, fields, indexes, listRule, viewRule, createRule, updateRule, deleteRule, options"
    try:
        return {
            "schema": schema_of(db),
            "migrations": db.once("SELECT file FROM _migrations ORDER BY rowid"),
            "params": db.once("SELECT id, typeof(value), value FROM _params"),
            "collections": [
                tuple(SECRET.sub("", value) if isinstance(value, str) else value for value in row)
                for row in db.once(f"SELECT {columns} FROM _collections ORDER BY rowid")
            ],
        }
    finally:
        db.close()


def test_equal_to_a_fresh_real_one(real: Real, copy: Path) -> None:
    real.server.stop()
    ours, theirs = content(copy), content(real.directory)
    assert len(ours["collections"]) == 6
    for part, expected in theirs.items():
        assert ours[part] == expected, part


def test_auxiliary_equals_the_real_one(real: Real, copy: Path) -> None:
    real.server.stop()
    ours, theirs = Database(copy / "auxiliary.db"), Database(real.directory / "auxiliary.db")
    assert schema_of(ours) == schema_of(theirs)
    ours.close()
    theirs.close()


def test_the_real_one_works_on_it(pocketbase_binary: Path, copy: Path) -> None:
    """Its login, a new collection and a new record, on files that it has not made; ours reads them afterwards."""
    with Real(copy) as real:
        status, made = real("POST", "", {"name": "posts", "fields": [{"name": "title", "type": "text"}]})
        assert status == 200
        assert real.call("POST", "/api/collections/posts/records", {"title": "hello"})[0] == 200
        names = [item["name"] for item in real("GET", "")[1]["items"]]
    assert names[-1] == "posts"
    db = Database(copy / "data.db")
    found = Catalog.load(db).get("posts")
    assert found is not None
    assert found.dump() == made
    assert db.value("SELECT title FROM posts") == "hello"
    db.close()


def test_no_migration_runs_again(pocketbase_binary: Path, copy: Path) -> None:
    before = content(copy)
    with Real(copy):
        pass
    assert content(copy) == before


def test_a_copy_has_new_secrets_quickly(tmp_path: Path, copy: Path) -> None:
    def secrets(directory: Path) -> list[str]:
        db = Database(directory / "data.db")
        found = [secret for (text,) in db.once("SELECT options FROM _collections") for secret in SECRET.findall(text)]
        db.close()
        return found

    assert secrets(tmp_path / "template") == ["~" * 50] * 10
    drawn = secrets(copy)
    assert len(set(drawn)) == 10
    assert all(re.fullmatch("[a-zA-Z0-9]{50}", secret) for secret in drawn)
    times = []
    template = (tmp_path / "template" / "data.db").read_bytes()
    for number in range(5):
        other = tmp_path / f"other{number}"
        other.mkdir()
        start = time.perf_counter()
        own = personal_copy(template)
        times.append(time.perf_counter() - start)
        (other / "data.db").write_bytes(own)
        assert len(set(secrets(other)) - set(drawn)) == 10
        db = Database(other / "data.db")
        assert db.value("PRAGMA integrity_check") == "ok"
        assert db.value("PRAGMA journal_mode") == "wal"
        assert not list(other.glob("*-journal"))
        db.close()
    assert min(times) < 0.003


def test_a_template_without_marks_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_MARK_TEXT", "nowhere to be found")
    write_template(tmp_path)
    template = (tmp_path / "data.db").read_bytes()
    copies = [SECRET.findall(personal_copy(template).decode("latin-1")) for _ in range(2)]
    assert template.count(b'"secret":""') == 10
    drawn = [secret for found in copies for secret in found if secret]
    assert len(set(drawn)) == 20


def test_importable(copy: Path, tmp_path: Path) -> None:
    db = Database(copy / "data.db")
    assert check_importable(db) is None
    db.once("ALTER TABLE _superusers RENAME TO gone")
    assert "_superusers" in (check_importable(db) or "")
    db.once("ALTER TABLE _collections RENAME COLUMN fields TO schema")
    assert "0.23" in (check_importable(db) or "")
    db.close()
    (tmp_path / "other.db").touch()
    empty = Database(tmp_path / "other.db")
    assert "not a PocketBase database" in (check_importable(empty) or "")
    empty.close()


def test_auxiliary_is_made_once(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "aux.db").touch()
    made, ours = Database(tmp_path / "aux.db"), Database(copy / "auxiliary.db")
    for _ in range(2):
        ensure_auxiliary(made)
        assert schema_of(made) == schema_of(ours)
    made.close()
    ours.close()


def test_a_template_is_not_written_over(copy: Path) -> None:
    with pytest.raises(apsw.Error):
        write_template(copy)
    db = Database(copy / "data.db")
    assert json.loads(db.value("SELECT value FROM _params"))["meta"]["appName"] == "Acme"
    db.close()
