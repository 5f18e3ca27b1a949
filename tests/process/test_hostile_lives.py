"""What becomes of runs of scripts when they are ended from outside, or something else happens to their tenant.

Nothing that was committed is told as failed where the server's own route has answered, nothing that was rolled back is
told as done, and the tenant's writer is free afterwards.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.http1 import request
from tests.process.test_hostile import CALM, HOSTILE, Neighbour, ping, write
from tests.process.whole import NOTES, Answer, Closed, Whole, Wire, until

pytestmark = pytest.mark.slow

PLAN = {"js_cpu_s": 0.5, "js_timeout_s": 20.0, "js_memory_mb": 24}
# A run that has written something it has not committed, and goes on until it is ended.
OPEN = """
routerAdd("POST", "/open", (e) => {
    $app.runInTransaction((app) => {
        const record = new Record(app.findCollectionByNameOrId("notes"));
        record.set("title", "open");
        app.save(record);
        $app.store().set("open", "yes");
        sleep(100000);
    });
    return e.json(200, {});
});
routerAdd("POST", "/commit", (e) => {
    const record = new Record($app.findCollectionByNameOrId("notes"));
    record.set("title", "committed");
    $app.save(record);
    $app.store().set("open", "yes");
    sleep(100000);
});
routerAdd("GET", "/opened", (e) => e.json(200, {v: $app.store().get("open") === "yes"}));
routerAdd("GET", "/ping", (e) => { $app.store().remove("open"); return e.json(200, {}) });
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    data = tmp_path_factory.mktemp("lives") / "data"
    plans = {"default": PLAN, "none": {"js_processes": 0}}
    with Whole(data, 1, logs={"flush_s": 0.2}, plans=plans, sql={"write_timeout_s": 9.0}) as whole:
        whole.make_all([HOSTILE, CALM])
        for name in (HOSTILE, CALM):
            write(whole, name, "pb_hooks", "open.pb.js", OPEN)
        for name in (HOSTILE, CALM):
            until(lambda name=name: ping(whole, name) == 200, "the scripts serve")
        yield whole


# -- handlers that end in every phase ---------------------------------------------------------------------------------

LOOP, THROW = "for (;;);", "throw new Error('x');"
UNDONE = ((500, False), (400, False))
# The handlers; what a request that creates a record is answered where they loop, and where they throw, each with
# whether the record is there then.
HANDLERS = {
    "request, before": ("onRecordCreateRequest((e) => { END e.next() }, 'notes')", UNDONE),
    "request, after": ("onRecordCreateRequest((e) => { e.next(); END }, 'notes')", ((200, True), (200, True))),
    "middleware, before": ("routerUse((e) => { if (e.request.method === 'POST') { END } return e.next() })", UNDONE),
    "middleware, after": (
        "routerUse((e) => { e.next(); if (e.request.method === 'POST') { END } })",
        ((200, True), (200, True)),
    ),
    "create, before": ("onRecordCreate((e) => { END e.next() }, 'notes')", UNDONE),
    "execute, before": ("onRecordCreateExecute((e) => { END e.next() }, 'notes')", UNDONE),
    "validate": ("onRecordValidate((e) => { END e.next() }, 'notes')", UNDONE),
    "after success": ("onRecordAfterCreateSuccess(() => { END }, 'notes')", ((500, True), (400, True))),
    "enrich": ("onRecordEnrich(() => { END }, 'notes')", ((500, True), (500, True))),
    "save within a save": (
        "onRecordCreate((e) => { e.app.save(new Record(e.record.collection())); END e.next() }, 'notes')",
        ((400, False), (400, False)),
    ),
}
PHASES = {
    f"{name}, {how}": (source.replace("END", end), *outcome)
    for name, (source, outcomes) in HANDLERS.items()
    for how, end, outcome in zip(("loop", "throw"), (LOOP, THROW), outcomes, strict=True)
}


@pytest.mark.parametrize("number", range(len(PHASES)), ids=list(PHASES))
def test_a_handler_that_ends_in_a_phase(server: Whole, number: int) -> None:
    source, status, stored = list(PHASES.values())[number]
    record = f"phase{number:010}"
    before = server.log.stat().st_size
    marked(server, source, f"p{number}")
    with Neighbour(server):
        answer = server.ask("POST", HOSTILE, NOTES, {"id": record, "title": "x"})
    marked(server, "", f"q{number}")
    assert answer.status == status, answer
    assert (server.ask("GET", HOSTILE, f"{NOTES}/{record}").status == 200) == stored
    written = server.log.read_text()[before:]
    assert "Traceback" not in written
    assert "internal error" not in written


def marked(server: Whole, source: str, mark: str) -> None:
    """Have the tenant serve these handlers."""
    write(
        server, HOSTILE, "pb_hooks", "phase.pb.js", f"{source}\nrouterAdd('GET', '/{mark}', (e) => e.string(200, 'x'))"
    )
    until(lambda: server.ask("GET", HOSTILE, f"/{mark}").status == 200, "the handlers serve")


# -- what happens to a run --------------------------------------------------------------------------------------------


class Asking:
    """A request under way; `answer` when it is over, None where the connection was closed instead."""

    def __init__(self, server: Whole, path: str) -> None:
        self.answer: Answer | None = None
        self._server = server
        self._path = path
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        try:
            with Wire(self._server.port) as wire:
                self.answer = wire.ask("POST", self._server.host(HOSTILE), self._path)
        except (Closed, TimeoutError):
            pass

    def __enter__(self) -> "Asking":
        until(lambda: ping(self._server, HOSTILE) == 200, "it serves")
        self._thread.start()
        until(lambda: self._server.ask("GET", HOSTILE, "/opened").body == b'{"v":true}', "the run is under way")
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def sandboxes(server: Whole, *, zygotes: bool) -> list[psutil.Process]:
    """The zygotes of the server's workers, or their children."""
    found = []
    for pid in server.pids():
        for zygote in psutil.Process(pid).children():
            found += [zygote] if zygotes else zygote.children()
    return found


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGKILL)


def kill_children(server: Whole) -> None:
    kill(sandboxes(server, zygotes=False))


def kill_zygotes(server: Whole) -> None:
    kill(sandboxes(server, zygotes=True))


def kill_worker(server: Whole) -> None:
    (pid,) = server.pids()
    os.kill(pid, signal.SIGKILL)
    server.pids(pid)


def change_scripts(server: Whole) -> None:
    """New scripts, and runs of the old ones are over when the tenant is closed."""
    marked(server, "", "changed")
    server.do("tenant.suspend", name=HOSTILE)
    server.do("tenant.resume", name=HOSTILE)


def suspend(server: Whole) -> None:
    server.do("tenant.suspend", name=HOSTILE)
    server.do("tenant.resume", name=HOSTILE)


def kill_after_plan(server: Whole) -> None:
    """A plan without scripts: the run may end, no other begins."""
    server.do("tenant.plan", name=HOSTILE, plan="none")
    until(lambda: server.ask("GET", HOSTILE, "/ping").status == 503, "the plan is in force")
    kill_children(server)
    server.do("tenant.plan", name=HOSTILE, plan="default")


EVENTS: dict[str, Callable[[Whole], None]] = {
    "children killed": kill_children,
    "zygote killed": kill_zygotes,
    "worker killed": kill_worker,
    "tenant suspended": suspend,
    "scripts changed": change_scripts,
    "plan without scripts": kill_after_plan,
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=list(EVENTS))
def test_a_transaction_of_a_run_that_is_ended_is_undone(server: Whole, event: Callable[[Whole], None]) -> None:
    before = server.log.stat().st_size
    with Asking(server, "/open") as asking:
        event(server)
    assert asking.answer is None or asking.answer.status >= 500, asking.answer
    until(lambda: ping(server, HOSTILE) == 200, "it serves again")
    assert titled(server, "open") == 0
    assert server.ask("POST", HOSTILE, NOTES, {"title": "after"}).status == 200
    assert "Traceback" not in server.log.read_text()[before:].replace("KeyboardInterrupt", "")


def titled(server: Whole, title: str) -> int:
    answer = server.ask("GET", HOSTILE, f"{NOTES}?perPage=1&filter=title=%27{title}%27")
    total: int = answer.json()["totalItems"]
    return total


def test_what_a_run_has_committed_stays(server: Whole) -> None:
    count = titled(server, "committed")
    with Asking(server, "/commit"):
        kill_children(server)
    until(lambda: ping(server, HOSTILE) == 200, "it serves again")
    assert titled(server, "committed") == count + 1


def test_a_client_that_leaves_takes_its_run_along(server: Whole) -> None:
    until(lambda: ping(server, HOSTILE) == 200, "it serves")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(request("POST", server.host(HOSTILE), "/open"))
        until(lambda: server.ask("GET", HOSTILE, "/opened").body == b'{"v":true}', "the run is under way")
    # its transaction is no more: others can write
    until(lambda: server.ask("POST", HOSTILE, NOTES, {"title": "left"}).status == 200, "the writer is free")
    assert titled(server, "open") == 0


def test_a_tenant_is_deleted_under_its_run(server: Whole) -> None:
    server.do("tenant.export", name=HOSTILE, target=str(server.directory.parent / "kept"))
    with Neighbour(server), Asking(server, "/open") as asking:
        server.do("tenant.delete", name=HOSTILE)
    assert asking.answer is None or asking.answer.status >= 500, asking.answer
    assert server.ask("GET", HOSTILE, "/ping").status == 404
    assert not server.pb_data(HOSTILE).parent.exists()
