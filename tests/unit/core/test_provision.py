"""The files of a tenant: made, imported, exported, removed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from worker import provision
from worker.db.connection import Database

# Opens a database the way a PocketBase does and keeps it open until standard input ends.
HOLDER = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("SELECT * FROM sqlite_schema").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def quiet(text: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def tenant(tmp_path: Path) -> Path:
    directory = tmp_path / "tenants" / "one"
    provision.provision(tmp_path / "template", directory)
    return directory


@pytest.fixture
def source(tenant: Path, tmp_path: Path) -> Path:
    """A data directory with a write-ahead log that nobody has checkpointed, as a killed process leaves it."""
    copy = tmp_path / "source" / "pb_data"
    copy.mkdir(parents=True)
    (copy / "storage" / "c" / "r").mkdir(parents=True)
    (copy / "storage" / "c" / "r" / "file.txt").write_bytes(b"x" * 5000)
    (copy / "storage" / "link").symlink_to("/etc/passwd")
    (copy / ".pb_temp_to_delete").mkdir()
    (copy / ".pb_temp_to_delete" / "junk").write_text("junk")
    db = Database(tenant / "pb_data" / "data.db")
    db.execute("UPDATE _params SET updated = 'in the log'")
    for name in ("data.db", "data.db-wal", "data.db-shm", "auxiliary.db"):
        path = tenant / "pb_data" / name
        if path.exists():
            (copy / name).write_bytes(path.read_bytes())
    db.close()
    assert (copy / "data.db-wal").stat().st_size > 0
    return copy


def secrets_of(directory: Path) -> list[str]:
    connection = apsw.Connection(str(directory / "pb_data" / "data.db"))
    rows = connection.execute("SELECT options FROM _collections WHERE type = 'auth'").fetchall()
    connection.close()
    return [text for (text,) in rows]


def test_a_new_tenant_has_secrets_of_its_own(tenant, tmp_path):
    provision.provision(tmp_path / "template", tmp_path / "tenants" / "two")
    one, two = secrets_of(tenant), secrets_of(tmp_path / "tenants" / "two")
    assert len(one) == len(two) == 2
    assert not set(one) & set(two)
    assert '"secret":""' not in "".join(one + two)


def test_a_new_tenant_never_takes_the_place_of_another(tenant, tmp_path):
    before = secrets_of(tenant)
    with pytest.raises(provision.ProvisionError, match="exists already"):
        provision.provision(tmp_path / "template", tenant)
    assert secrets_of(tenant) == before


def test_an_import_takes_the_log_in_and_leaves_the_rest_out(source, tmp_path):
    hooks = tmp_path / "source" / "pb_hooks"
    hooks.mkdir()
    (hooks / "main.pb.js").write_text("// hook")
    told = []
    target = tmp_path / "tenants" / "three"
    provision.import_directory(source, target, {"hooks": hooks}, lambda *step: told.append(step))
    db = Database(target / "pb_data" / "data.db")
    assert db.value("SELECT updated FROM _params") == "in the log"
    db.close()
    assert (target / "pb_data/storage/c/r/file.txt").read_bytes() == b"x" * 5000
    assert (target / "pb_hooks/main.pb.js").read_text() == "// hook"
    assert not (target / "pb_data/storage/link").exists()
    assert not (target / "pb_data/.pb_temp_to_delete").exists()
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert told[-1][1] == told[-1][2] > 5000
    assert (source / "data.db-wal").exists(), "the source stays as it is"


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda source: (source / "data.db").unlink(), "no data.db"),
        (lambda source: (source / "data.db").write_bytes(b"no database" * 1000), "can't be read"),
        (lambda source: strip(source, "DROP TABLE _collections"), "not a PocketBase database"),
        (lambda source: strip(source, "ALTER TABLE _collections DROP COLUMN fields"), "older than 0.23"),
    ],
)
def test_an_import_that_fails_leaves_nothing(break_it, reason, source, tmp_path):
    break_it(source)
    target = tmp_path / "tenants" / "three"
    with pytest.raises(provision.ProvisionError, match=reason):
        provision.import_directory(source, target, {}, quiet)
    assert not target.exists()


def strip(source: Path, statement: str) -> None:
    connection = apsw.Connection(str(source / "data.db"))
    connection.execute(statement)
    connection.close()


def test_an_import_leaves_nothing_out_without_a_word(source, tmp_path, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("storage/c"):  # permissions do not stop a test that runs as root
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(provision.ProvisionError, match=r"storage/c can't be read: Permission denied"):
        provision.import_directory(source, tmp_path / "tenants" / "three", {}, quiet)
    monkeypatch.undo()
    assert not (tmp_path / "tenants" / "three").exists()


def test_a_directory_in_use_is_refused(source, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, source / "data.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(provision.ProvisionError, match=f"in use by process {holder.pid}"):
            provision.import_directory(source, tmp_path / "tenants" / "three", {}, quiet)
        holder.stdin.close()
    provision.import_directory(source, tmp_path / "tenants" / "three", {}, quiet)


def test_an_export_of_a_tenant_in_use_is_whole(tenant, tmp_path):
    db = Database(tenant / "pb_data" / "data.db")
    db.execute("UPDATE _params SET updated = 'in the log'")
    (tenant / "pb_data/storage").mkdir()
    (tenant / "pb_data/storage/file").write_text("file")
    target = tmp_path / "out"
    provision.export_directory(tenant, target, quiet)
    db.close()
    copy = Database(target / "data.db")
    assert copy.value("SELECT updated FROM _params") == "in the log"
    copy.close()
    assert (target / "storage/file").read_text() == "file"
    assert target.stat().st_mode & 0o077 == 0, "it holds secrets"
    assert (target / "auxiliary.db").stat().st_size > 0
    with pytest.raises(provision.ProvisionError, match="not empty"):
        provision.export_directory(tenant, target, quiet)


def test_remove(tenant):
    provision.remove(tenant)
    assert not tenant.exists()
    provision.remove(tenant)
