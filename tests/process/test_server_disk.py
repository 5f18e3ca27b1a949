"""Disk quotas and full disks on the real server: refused in PocketBase's shape, nothing harmed, and over by itself."""

import contextlib
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.ops.client import ClientError
from tests.http1 import request
from tests.process.whole import CREDENTIALS, HEALTH, LOGIN, NOTES, Answer, Whole, Wire, expect, on_shard, stored, until
from tests.smalldisk import MB, SmallDisk, mounted

QUOTA_MB = 1
RESERVE_MB = 4
BIG = "x" * 4000
(QUOTA, OTHER), (NEIGHBOUR,) = on_shard(0, 2), on_shard(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One tenant with a quota that is used up, others with a plan of their own."""
    plans = {"default": {"disk_mb": QUOTA_MB}}
    data = tmp_path_factory.mktemp("quota") / "data"
    with Whole(data, plans=plans, supervision={"tick_s": 0.2}, logs={"flush_s": 0.2}) as whole:
        whole.make(QUOTA)
        whole.make(NEIGHBOUR)
        yield whole


@pytest.fixture(scope="module")
def token(server: Whole) -> str:
    """A superuser's, made before the quota was used up; then the quota is."""
    made: str = expect(server.ask("POST", QUOTA, LOGIN, CREDENTIALS), 200)["token"]
    expect(server.ask("PATCH", QUOTA, "/api/settings", {"batch": {"enabled": True, "maxRequests": 1000}}, made), 200)
    fill(server, QUOTA)
    return made


def write(server: Whole, name: str, size: int = 4000) -> Answer:
    return server.ask("POST", name, NOTES, {"title": "x" * size})


def told_of(server: Whole, name: str = "") -> str:
    """Every reason of an event about the disk."""
    return "; ".join(row["reason"] for row in server.do("events", tenant=name, kind="disk"))


def fill(server: Whole, name: str) -> None:
    until(lambda: write(server, name).status == 507, "there is no room any more")
    until(lambda: write(server, name, 1500).status == 507, "nor for a smaller one")


def refused(answer: Answer, words: str) -> None:
    """507 in PocketBase's error shape."""
    told = expect(answer, 507)
    assert set(told) == {"data", "message", "status"}
    assert (told["data"], told["status"]) == ({}, 507)
    assert words in told["message"]
    assert told["message"].endswith(".")


def sound(server: Whole, name: str) -> bool:
    with contextlib.closing(sqlite3.connect(server.pb_data(name) / "data.db")) as db:
        return list(db.execute("PRAGMA integrity_check")) == [("ok",)]


def form(server: Whole, title: str) -> bytes:
    """A record as a form of several parts."""
    body = f'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n--b--\r\n'
    head = request("POST", server.host(QUOTA), NOTES).decode().removesuffix("\r\n")
    return f"{head}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def batch(server: Whole, token: str) -> Answer:
    requests = [{"method": "POST", "url": NOTES, "body": {"title": BIG}} for _ in range(50)]
    return server.ask("POST", QUOTA, "/api/batch", {"requests": requests}, token)


def console(server: Whole, token: str) -> Answer:
    query = "CREATE TABLE large AS SELECT hex(randomblob(4000)) FROM notes"
    return server.ask("POST", QUOTA, "/api/sql", {"query": query}, token)


def schema(server: Whole, token: str) -> Answer:
    body = {"indexes": ["CREATE INDEX idx_title ON notes (title)"]}
    return server.ask("PATCH", QUOTA, "/api/collections/notes", body, token)


def multipart(server: Whole, token: str) -> Answer:
    with Wire(server.port) as wire:
        wire.send(form(server, BIG))
        return wire.answer()


@pytest.mark.parametrize("work", [batch, console, schema, multipart])
def test_whatever_needs_more_is_refused(server: Whole, token: str, work: Callable[[Whole, str], Answer]) -> None:
    before = stored(server, QUOTA)
    refused(work(server, token), f"disk quota of {QUOTA_MB} MB")
    assert stored(server, QUOTA) == before
    assert (server.pb_data(QUOTA) / "data.db").stat().st_size <= QUOTA_MB * MB
    assert sound(server, QUOTA)


def test_a_full_tenant_reads_deletes_and_writes_again(server: Whole, token: str) -> None:
    refused(write(server, QUOTA), "disk quota")
    expect(server.ask("GET", QUOTA, HEALTH), 200)
    items = expect(server.ask("GET", QUOTA, f"{NOTES}?perPage=500&sort=-title"), 200)["items"]
    expect(server.ask("PATCH", QUOTA, f"{NOTES}/{items[0]['id']}", {"title": "short"}), 200)
    for item in items[1:60]:
        expect(server.ask("DELETE", QUOTA, f"{NOTES}/{item['id']}"), 204)
    for _ in range(5):
        expect(write(server, QUOTA), 200)
    expect(write(server, NEIGHBOUR), 200)
    told = until(lambda: server.do("events", tenant=QUOTA, kind="disk")[1:] and told_of(server, QUOTA), "both are told")
    assert "disk quota of 1 MB is used up" in told
    assert "below its disk quota again" in told
    fill(server, QUOTA)
    assert server.do("tenant.show", name=QUOTA)["state"] == "active"


def test_the_request_log_never_fails_a_request(server: Whole, token: str) -> None:
    for _ in range(300):
        expect(server.ask("GET", QUOTA, HEALTH + "?" + "x" * 3000), 200)
    auxiliary = server.pb_data(QUOTA) / "auxiliary.db"
    until(lambda: "log rows dropped" in server.log.read_text(), "the log is full, too")
    assert auxiliary.stat().st_size <= QUOTA_MB * MB // 4
    expect(server.ask("GET", QUOTA, "/api/logs", token=token), 200)


def test_what_is_imported_must_fit(server: Whole, tmp_path: Path) -> None:
    source = tmp_path / "exported"
    server.do("tenant.export", name=NEIGHBOUR, target=str(source))
    (source / "storage").mkdir()
    (source / "storage" / "large").write_bytes(bytes(QUOTA_MB * MB))
    with pytest.raises(ClientError, match=f"its plan allows {QUOTA_MB} MB"):
        server.do("tenant.import", name="imported", source=str(source))
    assert not server.pb_data("imported").parent.exists()
    (source / "storage" / "large").unlink()
    server.do("tenant.import", name="imported", source=str(source))


def test_another_plan_is_in_force_at_once(server: Whole, token: str) -> None:
    """A SIGHUP brings other plans, without closing a connection or losing what is there."""
    refused(write(server, QUOTA), "disk quota of 1 MB")
    before = server.pids()
    server.configure(plans={"default": {"disk_mb": 3}}, supervision={"tick_s": 0.2})
    server.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
    server.pids(*before)
    for _ in range(100):
        expect(write(server, QUOTA), 200)
    fill(server, QUOTA)
    refused(write(server, QUOTA), "disk quota of 3 MB")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 48) as small:
        yield small


def on_disk(small: SmallDisk, **settings: Any) -> Whole:
    """A server whose data is on the small disk, and its log is not."""
    server = Whole(small.path / "data", supervision={"tick_s": 0.2}, logs={"flush_s": 0.2}, **settings)
    server.log = small.path.parent / "server.log"
    return server


def test_writes_stop_before_the_disk_is_full(disk: SmallDisk) -> None:
    with on_disk(disk, disk={"reserve_mb": RESERVE_MB}) as server:
        server.make(QUOTA)
        expect(write(server, QUOTA), 200)
        disk.fill(leave_bytes=(RESERVE_MB - 1) * MB)
        until(lambda: write(server, QUOTA).status == 507, "the reserve is seen")
        refused(write(server, QUOTA), "almost full")
        expect(server.ask("GET", QUOTA, NOTES), 200)
        with pytest.raises(ClientError, match=f"{RESERVE_MB} MB are kept"):
            server.do("tenant.create", name=OTHER, domains=[])
        assert not server.pb_data(OTHER).parent.exists()
        assert disk.free > (RESERVE_MB - 2) * MB, "what others leave is not used up"
        disk.empty()
        until(lambda: write(server, QUOTA).status == 200, "writes are taken again")
        server.do("tenant.create", name=OTHER, domains=[])
        until(lambda: "less than the reserve" in told_of(server) and "are taken" in told_of(server), "both are told")


def test_a_full_disk_harms_nothing_and_is_over_by_itself(disk: SmallDisk) -> None:
    """No reserve, and somebody else takes all of it: also tenants are opened, made and marked meanwhile."""
    names = [QUOTA, NEIGHBOUR]
    with on_disk(disk, disk={"reserve_mb": 0}, live_tenants_max=1) as server:
        for name in [*names, OTHER]:
            server.make(name)
            expect(write(server, name), 200)
        before = {name: stored(server, name) for name in names}
        pids = server.pids()
        for leave_bytes in (0, 50_000):
            disk.fill(leave_bytes)
            for name in names:
                until(lambda name=name: write(server, name).status in {503, 507}, "there is no space")  # type: ignore[misc]
                answer = write(server, name)
                assert answer.status in {503, 507}
                assert set(answer.json()) == {"data", "message", "status"}
            with pytest.raises(ClientError) as caught:
                server.do("tenant.create", name="late", domains=[])
            assert "\n" not in str(caught.value)
            assert "Traceback" not in str(caught.value)
            disk.fill(leave_bytes)  # what was made of it has gone
            suspended = False
            try:  # the registry's log may have room for it
                server.do("tenant.suspend", name=NEIGHBOUR)
                suspended = True
            except ClientError as error:
                assert re.search("full|registry", str(error))  # noqa: PT017 (it need not be refused)
            for name in (*names, OTHER):
                assert server.ask("GET", name, NOTES).status in {200, 503}
            assert not server.pb_data("late").parent.exists()
            disk.empty()
            if suspended:
                server.do("tenant.resume", name=NEIGHBOUR)
            for name in (*names, OTHER):
                until(lambda name=name: write(server, name).status == 200, "writes are taken again")  # type: ignore[misc]
                assert server.do("tenant.show", name=name)["state"] == "active"
        assert server.pids() == pids
        for name in names:
            assert before[name] <= stored(server, name)
        with contextlib.suppress(ClientError):  # as far as its row could not be taken back
            server.do("tenant.delete", name="late")
        server.do("tenant.create", name="late", domains=[])
        server.stop()
        assert all(sound(server, name) for name in (*names, OTHER))
    assert "Traceback" not in server.log.read_text().replace("SQLite failed\nTraceback", "")
