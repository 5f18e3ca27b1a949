"""Operators' commands against the real server, each a process as an operator starts it; tenants serve at once."""

import contextlib
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process.whole import (
    CREDENTIALS,
    EMAIL,
    HEALTH,
    LOGIN,
    NOTES,
    PASSWORD,
    Whole,
    Wire,
    expect,
    on_shard,
    until,
)
from tests.servers import ROOT, StartError

IMPORTS = 20
RECORDS = 25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Two shards and one tenant with a few records."""
    with Whole(tmp_path_factory.mktemp("commands") / "data", supervision={"tick_s": 0.2}) as whole:
        whole.make("origin")
        with Wire(whole.port) as wire:
            for number in range(RECORDS):
                expect(wire.ask("POST", whole.host("origin"), NOTES, {"title": f"note {number}"}), 200)
        yield whole


def records(server: Whole, name: str) -> list[dict[str, Any]]:
    listed = expect(server.ask("GET", name, NOTES + "?perPage=200&sort=id"), 200)
    assert listed["totalItems"] == len(listed["items"])
    items: list[dict[str, Any]] = listed["items"]
    return items


def test_created_tenants_answer_at_once_on_every_connection(server: Whole) -> None:
    """The connections were there before the tenants, at both shards."""
    names = [name for shard in (0, 1) for name in on_shard(shard, 2, prefix="new-")]
    wires = [Wire(target) for target in (server.port, server.port, server.shard_socket(0), server.shard_socket(1))]
    try:
        for name in names:
            for wire in wires:
                expect(wire.ask("GET", server.host(name), HEALTH), 404)
            told = server.run("tenant", "create", name)
            assert (told["state"], told["url"]) == ("active", f"http://{name}.localhost:{server.port}")
            for wire in wires:
                expect(wire.ask("GET", server.host(name), HEALTH), 200)
        server.run("superuser", "upsert", names[0], EMAIL, PASSWORD)
        for wire in wires:
            assert expect(wire.ask("POST", server.host(names[0]), LOGIN, CREDENTIALS), 200)["token"]
            expect(wire.ask("POST", server.host(names[1]), LOGIN, CREDENTIALS), 400)
    finally:
        for wire in wires:
            wire.close()
    assert [row["email"] for row in server.run("superuser", "list", names[0])] == [EMAIL]
    assert server.run("superuser", "list", names[1]) == []


@pytest.mark.slow
def test_importing_small_directories_one_after_another(server: Whole, tmp_path: Path) -> None:
    sources = []
    for number in range(IMPORTS):
        source = tmp_path / f"pb_data-{number}"
        server.do("tenant.export", name="origin", target=str(source))
        with contextlib.closing(sqlite3.connect(source / "data.db", isolation_level=None)) as db:
            db.execute("UPDATE notes SET title = ? WHERE title = 'note 0'", (f"mark {number}",))
        sources.append(source)
    taken = []
    with Wire(server.port) as wire:
        for number, source in enumerate(sources):
            began = time.perf_counter()
            server.run("tenant", "import", f"small-{number}", source)
            taken.append(time.perf_counter() - began)
            target = f"{NOTES}?filter=title='mark {number}'".replace(" ", "%20")
            assert expect(wire.ask("GET", server.host(f"small-{number}"), target), 200)["totalItems"] == 1
    median = statistics.median(taken)
    print(f"\n{IMPORTS} imports, CLI start included: median {median:.3f} s, worst {max(taken):.3f} s")
    shards = {row["shard"] for row in server.run("tenant", "list") if row["name"].startswith("small-")}
    assert shards == {0, 1}
    for number in range(IMPORTS):
        assert len(records(server, f"small-{number}")) == RECORDS


def test_export_and_import_give_the_same_tenant(server: Whole, tmp_path: Path) -> None:
    token = expect(server.ask("POST", "origin", LOGIN, CREDENTIALS), 200)["token"]
    before = records(server, "origin")
    target = tmp_path / "exported"
    companions = {name: tmp_path / name for name in ("hooks", "migrations", "public")}
    for name, path in companions.items():
        path.mkdir()
        (path / "kept.txt").write_text(name)
    flags = [part for name, path in companions.items() for part in (f"--{name}", path)]
    assert server.run("tenant", "export", "origin", target)["target"] == str(target)
    assert not list(target.glob("*-wal"))
    server.run("tenant", "import", "twin", target, *flags, "--domain", "twin.example.com")
    assert records(server, "twin") == before
    with Wire(server.port) as wire:
        assert expect(wire.ask("GET", "twin.example.com", NOTES), 200)["totalItems"] == len(before)
        for name in ("origin", "twin"):  # the token's secrets came along
            expect(wire.ask("GET", server.host(name), "/api/collections", token=token), 200)
    for name in companions:
        assert (server.directory / "tenants/twin" / f"pb_{name}" / "kept.txt").read_text() == name
    expect(server.ask("POST", "twin", NOTES, {"title": "in the twin only"}), 200)
    assert records(server, "origin") == before
    again = tmp_path / "again"
    server.run("tenant", "export", "twin", again)
    with contextlib.closing(sqlite3.connect(again / "data.db")) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (len(before) + 1,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_export_under_writes_is_consistent(server: Whole, tmp_path: Path) -> None:
    """Each export has the records up to some moment, all of them."""
    name = "growing"
    server.make(name, [{"name": "number", "type": "number"}])
    command = [sys.executable, "-m", "supervisor", "tenant", "export", name]
    written = 0
    with Wire(server.port) as wire:
        for round_ in range(3):
            target = tmp_path / f"export-{round_}"
            arguments = [*command, str(target), "--data", str(server.directory)]
            low = written
            exporting = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while exporting.poll() is None:
                written += 1
                expect(wire.ask("POST", server.host(name), NOTES, {"number": written}), 200)
            assert exporting.returncode == 0, exporting.stderr and exporting.stderr.read()
            assert not list(target.glob("*-wal")), "the log of what was written meanwhile"
            with contextlib.closing(sqlite3.connect(target / "data.db")) as db:
                numbers = [number for (number,) in db.execute("SELECT number FROM notes ORDER BY number")]
            assert numbers == list(range(1, len(numbers) + 1)), "a prefix of what was written"
            assert low <= len(numbers) <= written


REFUSED: list[tuple[list[str], str]] = [
    (["tenant", "create", "origin"], "tenant origin exists already"),
    (["tenant", "import", "other", "{empty}"], "it has no data.db"),
    (["tenant", "import", "other", "{missing}"], "it has no data.db"),
    (["tenant", "import", "other", "{junk}"], "can't be read"),
    (["tenant", "import", "other", "{live}"], "lies among this server's own tenants"),
    (["tenant", "import", "other", "{held}"], "is in use by process"),
    (["tenant", "import", "origin", "{empty}"], "tenant origin exists already"),
    (["tenant", "export", "origin", "{junk}"], "is not empty"),
    (["tenant", "export", "nobody", "{missing}"], "there is no tenant nobody"),
    (["superuser", "upsert", "origin", "no-email", PASSWORD], "email"),
    (["superuser", "upsert", "origin", EMAIL, "short"], "password"),
    (["superuser", "delete", "origin", "nobody@example.com"], "nobody@example.com"),
]


@pytest.mark.parametrize(("arguments", "part"), REFUSED)
def test_refusals_are_one_line_and_leave_nothing(
    server: Whole, tmp_path: Path, arguments: list[str], part: str
) -> None:
    expect(server.ask("GET", "origin", NOTES), 200)  # so that it is open
    places = {name: tmp_path / name for name in ("empty", "missing", "junk", "held")}
    places["empty"].mkdir()
    places["junk"].mkdir()
    (places["junk"] / "data.db").write_bytes(os.urandom(8192))
    places["live"] = server.pb_data("origin")
    server.do("tenant.export", name="origin", target=str(places["held"]))
    holder = sqlite3.connect(places["held"] / "data.db")
    holder.execute("SELECT count(*) FROM notes").fetchone()
    before = server.do("tenant.list"), sorted(path.name for path in (server.directory / "tenants").iterdir())
    command = [sys.executable, "-m", "supervisor", *(text.format(**places) for text in arguments)]
    with contextlib.closing(holder):
        done = subprocess.run([*command, "--data", str(server.directory)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("pocker: ")
    assert done.stderr.count("\n") == 1
    assert part in done.stderr
    after = server.do("tenant.list"), sorted(path.name for path in (server.directory / "tenants").iterdir())
    assert [row["name"] for row in after[0]] == [row["name"] for row in before[0]]
    assert after[1] == before[1]
    assert not places["missing"].exists()
    expect(server.ask("GET", "origin", NOTES), 200)


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_commands_repairs_itself(tmp_path: Path) -> None:
    """SIGKILL for supervisor and workers while tenants are made: the next start knows only whole ones."""
    with Whole(tmp_path / "data") as server:
        server.make("steady")
        expect(server.ask("POST", "steady", NOTES, {"title": "kept"}), 200)
        process = server.process
        assert process is not None
        pids = server.pids()
        aside = server.directory / "tenants" / ".drafts"
        until(lambda: list(aside.glob(".ready-*")), "the next ones are made ahead")
        names = [f"flood-{number}" for number in range(12)]
        arguments = [sys.executable, "-m", "supervisor", "tenant", "create"]
        commands = [
            subprocess.Popen(
                [*arguments, name, "--data", str(server.directory)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            for name in names
        ]
        until(lambda: any(command.poll() == 0 for command in commands), "some are made")
        for pid in (process.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        done = [name for name, command in zip(names, commands, strict=True) if command.wait(60) == 0]
        server.start()

        def repaired() -> list[dict[str, Any]] | None:
            rows: list[dict[str, Any]] = server.do("tenant.list")
            return rows if all(row["state"] == "active" for row in rows) else None

        rows = until(repaired, "what was cut off is undone")
        known = {row["name"] for row in rows}
        assert known >= {"steady", *done}
        assert {path.name for path in (server.directory / "tenants").iterdir()} - {".drafts"} == known
        assert not list(aside.iterdir())
        for name in known:
            expect(server.ask("GET", name, HEALTH), 200)
        assert len(records(server, "steady")) == 1
        for name in set(names) - known:
            server.do("tenant.create", name=name, domains=[])
            expect(server.ask("GET", name, HEALTH), 200)


def test_commands_without_a_server(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no server runs on the data directory"):
        Whole(tmp_path / "data").run("tenant", "list")
