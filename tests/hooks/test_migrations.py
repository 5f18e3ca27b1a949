"""Migrations: the files that both servers write for changes of collections, and what becomes of files that are there."""

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.client import Client
from tests.servers import Pocker, PocketBase, StartError

ROOT = ("root@example.com", "1234567890")
LOGIN = "/api/collections/_superusers/auth-with-password"
COLLECTIONS = "/api/collections"
TITLE = {"name": "title", "type": "text", "required": True}
NUMBER = {"name": "n", "type": "number"}
CHOICE = {"name": "choice", "type": "select", "values": ["a", "b"]}


class Writing(PocketBase):
    """The real one as it is released: it writes migrations."""

    def command(self) -> list[str]:
        return [part for part in super().command() if part != "--automigrate=false"]


class Side:
    """One server, a superuser of it, and its folder of migrations."""

    def __init__(self, server: PocketBase | Pocker, host: str, folder: Path) -> None:
        self.api = Client(server.port, host)
        self.folder = folder
        self.seen: set[str] = set()
        login = {"identity": ROOT[0], "password": ROOT[1]}
        self.api.token = self.api.ok("POST", LOGIN, login)["token"]

    def written(self) -> list[tuple[str, str]]:
        """The files written since the last look: names without their time, and what is in them."""
        names = {path.name for path in self.folder.glob("*")} - self.seen
        self.seen |= names
        return [
            (name.partition("_")[2], re.sub(r"_clone_\w{4}", "_clone_", (self.folder / name).read_text()))
            for name in sorted(names)
        ]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, pocker: Pocker) -> Iterator[tuple[Side, Side]]:
    directory = tmp_path_factory.mktemp("automigrate")
    real = Writing(directory / "pb_data")
    real.directory.mkdir()
    real.upsert_superuser(*ROOT)
    pocker.create_tenant("automigrate", *ROOT)
    with real:
        folder = pocker.directory / "tenants" / "automigrate" / "pb_migrations"
        yield (
            Side(real, f"127.0.0.1:{real.port}", directory / "pb_migrations"),
            Side(pocker, "automigrate.localhost", folder),
        )


def _members(**changed: Any) -> Any:
    return {"name": "members", "type": "auth", "fields": [{"name": "nick", "type": "text"}], **changed}


# In this order: what each says is said to both servers, a second after the one before.
STEPS: list[tuple[str, str, str, Any]] = [
    ("create", "POST", "", {"name": "notes", "type": "base", "fields": [TITLE, NUMBER], "listRule": ""}),
    ("rule", "PATCH", "/notes", {"listRule": 'id != ""', "viewRule": ""}),
    ("nothing", "PATCH", "/notes", {"listRule": 'id != ""'}),
    (
        "fields, index, name",
        "PATCH",
        "/notes",
        {
            "name": "texts",
            "fields": [{"name": "first", "type": "bool"}, {**TITLE, "id": "text724990059", "max": 50}, CHOICE],
            "indexes": ["CREATE INDEX `by_title` ON `texts` (`title`)"],
        },
    ),
    ("auth", "POST", "", _members()),
    ("options", "PATCH", "/members", {"mfa": {"duration": 100}, "otp": {"enabled": True, "length": 9}}),
    ("secrets", "PATCH", "/members", {"authToken": {"secret": "x" * 50}}),
    ("view", "POST", "", {"name": "seen", "type": "view", "viewQuery": "select id, title from texts"}),
    ("view's query", "PATCH", "/seen", {"viewQuery": "select id, title as t from texts"}),
    ("unusual texts", "PATCH", "/texts", {"listRule": 'title != "<a>&é \\" ☃"'}),
    ("delete the view", "DELETE", "/seen", None),
    ("delete", "DELETE", "/texts", None),
]


@pytest.mark.slow
def test_both_write_the_same_files(sides: tuple[Side, Side]) -> None:
    for name, method, path, body in STEPS:
        second = int(time.time())
        while int(time.time()) == second:  # the real one writes one file of a name within a second
            time.sleep(0.05)
        for side in sides:
            side.api.ok(method, COLLECTIONS + path, body)
        theirs, ours = (side.written() for side in sides)
        assert ours == theirs, name
        assert (name in ("nothing", "secrets")) == (not ours), name


MAKES = """migrate((app) => {
  app.save(new Collection({ name: "%s", type: "base", fields: [{ name: "t", type: "text" }] }))
}, (app) => {
  app.delete(app.findCollectionByNameOrId("%s"))
})
"""
FAILS = 'migrate((app) => { app.save(new Collection({ name: "half", type: "base" })); throw new Error("no way") })'
# Files, and which collections there are when they were met by a start; None: it fails, and none of them is applied.
FOUND: list[tuple[str, dict[str, str], list[str] | None]] = [
    ("two", {"1_a.js": MAKES % ("a", "a"), "2_b.js": MAKES % ("b", "b"), "notes.txt": "x"}, ["a", "b"]),
    ("two in one file", {"1_a.js": MAKES % ("a", "a") + MAKES % ("b", "b")}, ["a"]),
    ("says nothing", {"1_a.js": "const x = 1"}, []),
    ("one fails", {"1_a.js": MAKES % ("a", "a"), "2_b.js": FAILS}, None),
    ("no JavaScript", {"1_a.js": MAKES % ("a", "a"), "2_b.js": "migrate((app) => {"}, None),
    ("typescript", {"1_a.ts": MAKES % ("a", "a")}, ["a"]),
]


def _state(pb_data: Path) -> tuple[list[str], list[str]]:
    """The collections that are no system's, and the migrations that are applied, but for the real one's own."""
    connection = sqlite3.connect(f"file:{pb_data / 'data.db'}?mode=ro", uri=True)
    try:
        names = connection.execute("SELECT name FROM _collections WHERE system = 0 AND name != 'users' ORDER BY name")
        files = connection.execute("SELECT file FROM _migrations WHERE file NOT LIKE '%.go' ORDER BY file")
        return [row[0] for row in names], [row[0] for row in files]
    finally:
        connection.close()


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_files_are_applied_in_one_go(
    tmp_path: Path, pocker: Pocker, files: dict[str, str], expected: list[str] | None
) -> None:
    real = PocketBase(tmp_path / "pb_data")
    real.directory.mkdir()
    real.upsert_superuser(*ROOT)  # its own migrations only: that command has another folder
    (tmp_path / "pb_migrations").mkdir()
    for name, text in files.items():
        (tmp_path / "pb_migrations" / name).write_text(text)
    name = f"mig{abs(hash(tmp_path)) % 10**9}"
    pocker.run("tenant", "import", name, real.directory, "--migrations", tmp_path / "pb_migrations")
    api = Client(pocker.port, f"{name}.localhost")
    status = api.send("GET", "/api/health", {}, None).status
    ours = _state(pocker.directory / "tenants" / name / "pb_data")
    if expected is None:
        assert status == 503
        with pytest.raises(StartError):
            real.start()
    else:
        assert (status, ours[0]) == (200, expected)
        real.start()
        real.stop()
    assert ours == _state(real.directory)
    if expected:
        last = ours[1][-1]
        assert pocker.run("migrate", "down", name)["files"] == [last]
        assert _state(pocker.directory / "tenants" / name / "pb_data")[1] == ours[1][:-1]
        assert pocker.run("migrate", "up", name)["files"] == [last]
        assert _state(pocker.directory / "tenants" / name / "pb_data") == ours
        (pocker.directory / "tenants" / name / "pb_migrations" / last).unlink()
        assert pocker.run("migrate", "history-sync", name)["files"] == [last]
        assert pocker.run("migrate", "list", name)["files"] == [
            {**row, "there": True} for row in pocker.run("migrate", "list", name)["files"]
        ]
    pocker.delete_tenant(name)
