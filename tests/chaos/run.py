"""One run: a server, its load, mischief in rounds, and in the end whether everything is as it should be."""

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.book import invented
from tests.chaos.clients import Client, stored
from tests.chaos.mischief import HANG_AFTER_S, HEARTBEAT_S, RESERVE_MB, Clock, CopeError, Mischief, Scene, Server, kinds
from tests.chaos.owners import Watch
from tests.process.whole import expect, on_shard, until
from tests.smalldisk import SmallDisk, mounted

DISK_MB = 192
CALM_S = 0.5
"""Between two kinds of mischief: the load goes on undisturbed."""
BUSY = 5
"""Requests that each client has done before anything happens."""
FIELDS = [{"name": "count", "type": "number"}]
HOOKS = """
onRecordCreateRequest((e) => e.next(), "notes")
onRecordUpdate((e) => {
    $app.runInTransaction(() => {
        e.record.set("count", e.record.get("count"));
        e.next();
    });
}, "notes")
onRecordDelete((e) => { e.app.countRecords("notes"); e.next() }, "notes")
routerUse((e) => e.next())
"""
SETTINGS = {
    # fewer than there are tenants on a shard, so they are opened and closed all the time
    "live_tenants_max": 2,
    "supervision": {
        "tick_s": 0.2,
        "hang_after_s": HANG_AFTER_S,
        "heartbeat_timeout_s": HEARTBEAT_S,
        "graceful_timeout_s": 10,
    },
    "sql": {"write_timeout_s": 1.0},
    "logs": {"flush_s": 0.5},
    "disk": {"reserve_mb": RESERVE_MB},
    "policy": {"hang_block_s": 0.5, "suspend_after_blocks": 0},
}


@dataclass
class Report:
    """What came of a run."""

    seed: int
    did: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Kinds of mischief that are not possible here, and why."""
    done: int = 0
    seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    looks: int = 0
    records: int = 0
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it in words."""
        errors = ", ".join(f"{kind} {count}" for kind, count in self.errors.most_common()) or "none"
        return [
            *(f"without {kind}" for kind in self.missing),
            f"{self.done} requests in {self.seconds:.0f} s ({self.done / max(self.seconds, 0.1):.0f} a second), "
            f"{self.records} records, slowest answer {self.slowest_s:.1f} s",
            f"errors that clients saw: {errors}",
            f"{self.looks} looks at who has which database open",
            *(f"FAULT: {fault}" for fault in self.faults),
            f"seed {self.seed}: {len(self.faults)} faults",
        ]


def run(
    directory: Path,
    *,
    seed: int,
    seconds: float = 0.0,
    tenants: int = 6,
    clients: int = 2,
    shards: int = 2,
    port: int = 0,
    only: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Rounds of mischief, each kind once a round in an order of the seed's, one round at least.

    `only` names one kind; `tell` gets a line for each that happened.
    """
    report = Report(seed)
    rng = random.Random(seed)
    each = -(-tenants // shards)
    names = [on_shard(number % shards, each, shards, "chaos")[number // shards] for number in range(tenants)]
    with _disk(directory / "disk", report) as disk:
        server = Server((disk.path if disk else directory) / "data", shards, **SETTINGS)
        server.log = directory / "server.log"
        server.port = port
        clock = Clock(directory)
        why = clock.make()
        server.clock = None if why else clock
        if why:
            report.missing.append(f"jumps of the clock: {why}")
        try:
            server.start()
            _furnish(server, names)
            load = [
                Client(server, name, seed * 1000 + 10 * n + c) for n, name in enumerate(names) for c in range(clients)
            ]
            scene = Scene(server, names, rng, disk, threading.Event())
            _rounds(scene, load, report, seconds=seconds, only=only, tell=tell)
            _judge(server, load, names, report, "while it still runs")
            server.kill()
            server.start()
            server.pids()
            _judge(server, load, names, report, "after a crash")
            if (status := server.stop()) != 0:
                report.faults.append(f"the supervisor ended with {status}")
            report.faults += _damaged(server.directory, names)
        finally:
            if server.process is not None:
                server.stop()
    return report


@contextmanager
def _disk(path: Path, report: Report) -> Iterator[SmallDisk | None]:
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(mounted(path, DISK_MB))
        except BaseException as error:
            if type(error).__name__ != "Skipped":  # pytest's own, for a test that needs the disk more than this one
                raise
            report.missing.append(f"full disks: {error}")
            disk = None
        yield disk


def _furnish(server: Server, names: list[str]) -> None:
    for name in names:
        token = server.make(name, FIELDS)
        body = {"batch": {"enabled": True, "maxRequests": 10, "timeout": 3}}
        expect(server.ask("PATCH", name, "/api/settings", body, token), 200)
    # one of them has scripts, which take part in everything it writes
    folder = server.pb_data(names[0]).parent / "pb_hooks"
    folder.mkdir()
    (folder / "main.pb.js").write_text(HOOKS)


def _rounds(
    scene: Scene, load: list[Client], report: Report, *, seconds: float, only: str, tell: Callable[[str], None]
) -> None:
    stopped = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stopped,), daemon=True) for client in load]
    began = time.monotonic()
    with Watch(scene.server.directory) as watch:
        for thread in threads:
            thread.start()
        try:
            until(lambda: all(client.done >= BUSY for client in load), "every client is at work")
            while not report.did or time.monotonic() - began < seconds:
                todo = [kind for kind in kinds(scene) if only in kind.__name__]
                scene.rng.shuffle(todo)
                for kind in todo:
                    _happen(kind, scene, report, time.monotonic() - began, tell)
                    scene.wait(CALM_S)
                    if report.faults or (seconds and time.monotonic() - began > seconds):
                        break
                if report.faults or not todo:
                    break
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
    report.seconds = time.monotonic() - began
    report.looks = watch.looks
    report.faults += watch.faults
    for client in load:
        report.done += client.done
        report.errors += client.errors
        report.slowest_s = max(report.slowest_s, client.slowest_s)
        report.records += len(client.book.records)
        report.faults += client.faults


def _happen(kind: Mischief, scene: Scene, report: Report, at_s: float, tell: Callable[[str], None]) -> None:
    try:
        line = kind(scene)
    except (AssertionError, RuntimeError, OSError) as error:
        report.faults.append(
            f"{kind.__name__}: {error}" if isinstance(error, CopeError) else f"{kind.__name__}: {error!r}"
        )
        line = f"{kind.__name__} was not coped with"
    report.did.append(line)
    tell(f"{at_s:6.1f} s  {line}")


def _judge(server: Server, load: list[Client], names: list[str], report: Report, when: str) -> None:
    books = [client.book for client in load]
    for name in names:
        try:
            found = stored(server, name)
        except (RuntimeError, OSError) as error:
            report.faults.append(f"{when}: {error}")
            continue
        faults = [line for book in books if book.tenant == name for line in book.faults(found)]
        report.faults += [f"{when}: {line}" for line in faults + invented(name, books, found)]
        for book in books:  # what has become of a request without an answer is settled by now
            if book.tenant == name:
                for record in book.records.values():
                    if record.open and record.allows(found.get(record.id)):
                        record.certain, record.open = found.get(record.id), False


def _damaged(data: Path, names: list[str]) -> list[str]:
    """What SQLite itself finds wrong with the files of a server that was stopped."""
    lines = []
    for name in names:
        for file in ("data.db", "auxiliary.db"):
            path = data / "tenants" / name / "pb_data" / file
            with contextlib.closing(sqlite3.connect(path)) as db:
                found = [row[0] for row in db.execute("PRAGMA integrity_check")]
            if found != ["ok"]:
                lines.append(f"{path}: {'; '.join(found)[:300]}")
    return lines
