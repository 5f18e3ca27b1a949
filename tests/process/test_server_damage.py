"""Damaged files: each tenant stands and falls alone, and serves again when its files are mended."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.whole import HEALTH, NOTES, Whole, Wire, expect, on_shard, polled, until
from worker.provision import lock_holder


def overwrite_head(database: Path) -> None:
    """What is left is no SQLite file."""
    with database.open("r+b") as file:
        file.write(os.urandom(4096))


def overwrite_notes(database: Path) -> None:
    """The file opens, its schema can be read, and the table `notes` can't."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'notes'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    assert page > 1
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def truncate(database: Path) -> None:
    """As a full disk or a broken copy leaves it."""
    os.truncate(database, database.stat().st_size // 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One tenant stays open at a time, so the next request of any other reads its files anew."""
    with Whole(tmp_path_factory.mktemp("damage") / "data", live_tenants_max=1, supervision={"tick_s": 0.2}) as whole:
        whole.make_all([*on_shard(0, 5), *on_shard(1)])
        yield whole


def assert_refused(server: Whole, name: str, target: str) -> None:
    """503 in PocketBase's JSON shape, which tells a client nothing of files."""
    answer = server.ask("GET", name, target)
    told = expect(answer, 503)
    assert set(told) == {"data", "message", "status"}
    assert (told["data"], told["status"]) == ({}, 503)
    assert told["message"].startswith("The tenant's data")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("number", "damage", "reason", "opens"),
    [
        (0, overwrite_head, "NotADBError", False),
        (1, overwrite_notes, "CorruptError", True),
        (2, truncate, "CorruptError", False),
        (3, Path.unlink, "CantOpenError", False),
    ],
)
def test_a_damaged_tenant_fails_alone_and_serves_again_when_mended(
    server: Whole, number: int, damage: Callable[[Path], None], reason: str, opens: bool
) -> None:
    names = on_shard(0, 5)
    name, neighbours = names[number], [names[4], *on_shard(1)]
    kept = [Wire(server.port) for _ in neighbours]
    try:
        expect(server.ask("POST", name, NOTES, {"title": "kept"}), 200)
        for wire, neighbour in zip(kept, neighbours, strict=True):
            # also closes the one that is to be damaged: its files are complete and nobody has them open
            expect(wire.ask("POST", server.host(neighbour), NOTES, {"title": neighbour}), 200)
        database = server.pb_data(name) / "data.db"
        until(lambda: lock_holder(database) is None, "closed")
        copy = database.with_name("data.db-copy")
        shutil.copyfile(database, copy)
        damage(database)
        pids = server.pids()
        if opens:
            expect(server.ask("GET", name, HEALTH), 200)
        assert_refused(server, name, NOTES)
        shown = until(
            lambda: (row := server.do("tenant.show", name=name))["state"] == "failed" and row, "the registry knows"
        )
        assert reason in shown["reason"]
        assert_refused(server, name, HEALTH)
        for wire, neighbour in zip(kept, neighbours, strict=True):
            assert expect(wire.ask("GET", server.host(neighbour), NOTES), 200)["totalItems"] > 0
            expect(wire.ask("POST", server.host(neighbour), NOTES, {"title": neighbour}), 200)
        assert server.pids() == pids
        # resumed without being mended it fails again
        server.do("tenant.resume", name=name)
        assert_refused(server, name, NOTES)
        until(lambda: server.do("tenant.show", name=name)["state"] == "failed", "failed again")
        copy.replace(database)
        assert_refused(server, name, NOTES)
        assert server.run("tenant", "resume", name)["state"] == "active"
        assert "kept" in {item["title"] for item in expect(server.ask("GET", name, NOTES), 200)["items"]}
        expect(server.ask("POST", name, NOTES, {"title": "and on"}), 200)
        shown = server.run("tenant", "show", name)
        assert (shown["state"], shown["reason"]) == ("active", "")
    finally:
        for wire in kept:
            wire.close()


def test_a_tenant_damaged_while_it_is_open(tmp_path: Path) -> None:
    """Bytes change under an open connection: what it still has in memory is right, what it has to read is refused."""
    name, neighbour = on_shard(0, 2)
    with Whole(tmp_path / "data", supervision={"tick_s": 0.2}) as server:
        server.make_all([name, neighbour])
        with Wire(server.port) as wire:
            for _ in range(300):  # more pages than a connection keeps
                expect(wire.ask("POST", server.host(name), NOTES, {"title": "x" * 4000}), 200)
            database = server.pb_data(name) / "data.db"
            with contextlib.closing(sqlite3.connect(database)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = database.stat().st_size
            assert size > 1_000_000
            with database.open("r+b") as file:
                file.seek(size // 2)
                file.write(b"\xff" * (size // 4))
            target = f"{NOTES}?perPage=1000&filter=title~'y'"
            polled(lambda: wire.ask("GET", server.host(name), target), 503, "the damage is seen")
            expect(wire.ask("GET", server.host(neighbour), NOTES), 200)
            until(lambda: server.do("tenant.show", name=name)["state"] == "failed", "the registry knows")
            assert "CorruptError" in server.do("tenant.show", name=name)["reason"]
            expect(wire.ask("GET", server.host(name), NOTES), 503)
            expect(wire.ask("POST", server.host(neighbour), NOTES, {"title": "unharmed"}), 200)


def test_a_damaged_log_costs_the_log_only(server: Whole) -> None:
    name, other = on_shard(0, 5)[4], on_shard(0)[0]
    expect(server.ask("GET", other, HEALTH), 200)
    overwrite_head(server.pb_data(name) / "auxiliary.db")
    with Wire(server.port) as wire:
        for _ in range(3):
            expect(wire.ask("POST", server.host(name), NOTES, {"title": "still here"}), 200)
            expect(wire.ask("GET", server.host(other), NOTES), 200)  # closes the first, which writes its log
    assert server.do("tenant.show", name=name)["state"] == "active"
    assert "log rows dropped" in server.log.read_text()


def test_a_failed_tenant_is_failed_after_a_restart(tmp_path: Path) -> None:
    bad, good = on_shard(0, 2)
    with Whole(tmp_path / "data") as server:
        server.make_all([bad, good])
        server.stop()
        overwrite_head(server.pb_data(bad) / "data.db")
        server.start()
        assert_refused(server, bad, NOTES)
        until(lambda: server.do("tenant.show", name=bad)["state"] == "failed", "the registry knows")
        server.stop()
        server.start()
        assert server.do("tenant.show", name=bad)["state"] == "failed"
        assert_refused(server, bad, NOTES)
        expect(server.ask("GET", good, NOTES), 200)
