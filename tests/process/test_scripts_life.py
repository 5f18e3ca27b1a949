"""Scripts at work while workers come and go: no request notices, no job is lost or cut off, no process is left over."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervisor.contract.shardmap import owner_of
from tests.process.test_recycle import Crowd
from tests.process.whole import NOTES, Whole, expect, until

pytestmark = pytest.mark.slow

TENANTS = [f"s{number}" for number in range(4)]
CONNECTIONS = 40
HOOKS = """
onRecordCreateRequest((e) => {
    $app.runInTransaction((tx) => { tx.findFirstRecordByFilter("_superusers", "id != ''") })
    e.record.set("mark", "by " + e.record.get("title"))
    e.next()
}, "notes")
onRecordAfterCreateSuccess((e) => { $app.store().set("last", e.record.id); e.next() }, "notes")
routerUse((e) => e.next())
cronAdd("job", "0 0 1 1 *", () => {
    const number = toString($os.readFile("/pb_data/job")).split(" ")[0]
    $os.writeFile("/pb_data/job", number + " began")
    sleep(1500)
    const notes = $app.countRecords("notes")
    $os.writeFile("/pb_data/job", number + " " + (notes >= 0 ? "done" : "?"))
})
"""


class Scripted(Whole):
    """A server whose tenants have scripts, and one superuser's token in common."""

    token = ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    made = Scripted(tmp_path_factory.mktemp("life") / "data", shards=2)
    with made:
        made.token = made.make(TENANTS[0], [{"name": "mark", "type": "text"}])
        source = made.directory.parent / "exported"
        made.do("tenant.export", name=TENANTS[0], target=str(source))
        hooks = made.directory.parent / "hooks"
        hooks.mkdir()
        (hooks / "main.pb.js").write_text(HOOKS)
        made.do("tenant.delete", name=TENANTS[0])
        for name in TENANTS:
            made.do("tenant.import", name=name, source=str(source), hooks=str(hooks))
        yield made


def schedules(server: Scripted) -> dict[str, list[str]]:
    """What the registry has kept of them."""
    with sqlite3.connect(f"file:{next(server.directory.glob('registry.db'))}?mode=ro", uri=True) as connection:
        return {name: json.loads(crons) for name, crons in connection.execute("SELECT name, crons FROM tenants")}


def zygotes(server: Scripted) -> dict[int, int]:
    """Their workers' pids by their own."""
    found = {}
    for worker in psutil.Process(server.pid).children():
        for child in worker.children():
            if any("sandbox.zygote" in part for part in child.cmdline()):
                found[child.pid] = worker.pid
    return found


class Jobs:
    """A job of each tenant, begun by hand."""

    def __init__(self, server: Scripted, number: int) -> None:
        self.server = server
        self.number = number
        for name in TENANTS:
            self.file(name).write_text(f"{number} waits")
            answer = server.ask("POST", name, "/api/crons/job", token=server.token)
            assert answer.status == 204
        for name in TENANTS:
            until(lambda name=name: self.state(name) != "waits", "the job has begun")  # type: ignore[misc]

    def file(self, name: str) -> Path:
        return self.server.pb_data(name) / "job"

    def state(self, name: str) -> str:
        number, _, state = self.file(name).read_text().partition(" ")
        assert number in {str(self.number), ""}
        return state

    def verify(self) -> None:
        for name in TENANTS:
            until(lambda name=name: self.state(name) == "done", "the job has come to its end")  # type: ignore[misc]


def test_schedules_of_an_imported_tenant_are_known(server: Scripted) -> None:
    until(lambda: schedules(server) == {name: ["0 0 1 1 *"] for name in TENANTS}, "nobody has asked for them")


def test_hand_overs_under_load(server: Scripted) -> None:
    with Crowd(server, TENANTS, 0, CONNECTIONS) as crowd:
        former = zygotes(server)
        jobs = Jobs(server, 1)
        server.do("recycle", shard=0)
        crowd.each()
        server.do("recycle", shard=1)
        crowd.each()
        jobs.verify()
        jobs = Jobs(server, 2)
        for name in TENANTS:
            home = owner_of(name, 2)
            server.do("tenant.move", name=name, shard=1 - home)
            server.do("tenant.move", name=name, shard=None)
        jobs.verify()
        crowd.verify()
        until(lambda: not any(psutil.pid_exists(pid) for pid in former), "the former zygotes end with their workers")
        workers = list(zygotes(server).values())
        assert len(workers) == len(set(workers))
    marks = {record["mark"] for name in TENANTS for record in records(server, name)}
    assert marks == {f"by {name}" for name in TENANTS}


def records(server: Scripted, name: str) -> list[dict[str, Any]]:
    answer = server.ask("GET", name, f"{NOTES}?perPage=500&skipTotal=1")
    items: list[dict[str, Any]] = expect(answer, 200)["items"]
    return items


def test_the_end_waits_for_jobs_and_leaves_no_process(server: Scripted) -> None:
    jobs = Jobs(server, 3)
    everybody = psutil.Process(server.pid).children(recursive=True)
    assert len(everybody) > 4
    server.stop()
    assert [jobs.state(name) for name in TENANTS] == ["done"] * len(TENANTS)
    assert psutil.wait_procs(everybody, timeout=30)[1] == []
    server.start()
    Jobs(server, 4).verify()
