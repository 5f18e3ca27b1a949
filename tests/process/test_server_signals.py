"""SIGHUP and SIGTERM for the real server under load: a reload is felt by nobody, a stop cuts nothing short."""

import contextlib
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http1 import request
from tests.process.conftest import alive
from tests.process.whole import (
    CREDENTIALS,
    LOGIN,
    NOTES,
    Answer,
    Closed,
    Load,
    Whole,
    Wire,
    Writer,
    expect,
    on_shard,
    stored,
    until,
)

CLIENTS = 3
RELOADS = 2
ROWS = 1200
SLOW = f"{NOTES}?perPage=1&filter=@collection.notes.title%20?~%20'nowhere'%20||%20@collection.notes.id%20?=%20title"
"""A read that compares every record with every record, far beyond what may run on the loop."""


NAMES = [name for shard in (0, 1) for name in on_shard(shard, 2)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Whole]:
    """Two shards with two tenants each."""
    with Whole(tmp_path / "data", supervision={"tick_s": 0.2}) as whole:
        whole.make_all(NAMES)
        yield whole


def writers(server: Whole) -> list[Writer]:
    """Clients on the tenants of both shards: on kept connections, on new ones, through the shards' own sockets."""
    clients = [
        Writer(server, name, number * 10 + shard)
        for shard in (0, 1)
        for number, name in enumerate((on_shard(shard, 2) * 2)[:CLIENTS])
    ]
    clients += [Writer(server, on_shard(shard)[0], 900 + shard, fresh=True) for shard in (0, 1)]
    # a proxy's connections, to the shard that is not the owner
    clients += [Writer(server, on_shard(shard)[0], 950 + shard, server.shard_socket(1 - shard)) for shard in (0, 1)]
    return clients


def assert_all_well(clients: list[Writer], refused: bool = False) -> None:
    """No answer but success, none cut, and nothing was carried out without being answered."""
    for writer in clients:
        assert (writer.wrong, writer.cut, writer.unanswered, writer.refused) == ([], [], [], refused), writer.tenant


@pytest.mark.slow
def test_sighup_under_load_fails_no_request(server: Whole) -> None:
    with Load(writers(server)) as load, Wire(server.port) as idle:
        expect(idle.ask("GET", server.host(NAMES[0]), NOTES), 200)
        load.each(5)
        for limit in range(RELOADS):
            server.configure(supervision={"tick_s": 0.2}, http={"headers_max": 10 + limit})
            pids = server.pids()
            os.kill(server.pid, signal.SIGHUP)
            load.more(100)
            server.pids(*pids)
            load.each(5)
            until(lambda pids=pids: not any(map(alive, pids)), "the former ones, who may accept, are gone")
            # the settings were read again
            for count, status in ((9 + limit, 200), (10 + limit, 431)):
                for name in NAMES:
                    fields = "".join(f"X-{number}: y\r\n" for number in range(count))
                    with Wire(server.port) as wire:
                        wire.send(f"GET {NOTES} HTTP/1.1\r\nHost: {server.host(name)}\r\n{fields}\r\n".encode())
                        expect(wire.answer(), status)
        expect(idle.ask("GET", server.host(NAMES[0]), NOTES), 200)  # at the successor's successor by now
    assert_all_well(load.writers)
    assert [writer.closed for writer in load.writers] == [0] * len(load.writers)
    for name in NAMES:
        acknowledged = {record for writer in load.writers if writer.tenant == name for record in writer.acknowledged}
        left = {record for writer in load.writers if writer.tenant == name for record in writer.left}
        assert acknowledged <= (found := stored(server, name))
        assert found <= acknowledged | left
    assert "Traceback" not in server.log.read_text()


class Asking:
    """A request whose answer a thread awaits."""

    def __init__(self, wire: Wire, data: bytes) -> None:
        self.wire = wire
        self.answer: Answer | None = None
        wire.send(data)
        self._thread = threading.Thread(target=self._await, daemon=True)
        self._thread.start()

    def _await(self) -> None:
        self.answer = self.wire.answer()

    def answered(self, status: int) -> Any:
        self._thread.join(60)
        assert self.answer is not None, "no answer"
        return expect(self.answer, status)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_finishes_what_is_under_way(server: Whole, number: signal.Signals) -> None:
    slow, other = on_shard(0)[0], on_shard(1)[0]
    with Wire(server.port) as wire:
        for row in range(ROWS):
            wire.send(request("POST", server.host(slow), NOTES, {"title": f"row {row}"}))
        for _ in range(ROWS):
            expect(wire.answer(), 200)
    token = expect(server.ask("POST", slow, LOGIN, CREDENTIALS), 200)["token"]
    upload = request("POST", server.host(other), NOTES, {"id": "underway1234567", "title": "x" * 4000})
    process = server.process
    assert process is not None
    with Load(writers(server)) as load, Wire(server.port) as first, Wire(server.port) as second:
        for wire in (first, second):
            expect(wire.ask("GET", server.host(slow), NOTES), 200)
        with Wire(server.port) as half, Wire(server.port) as idle:
            expect(half.ask("GET", server.host(other), NOTES), 200)
            expect(idle.ask("GET", server.host(other), NOTES), 200)
            load.each(5)
            half.send(upload[:2000])  # its head has been read, or waits to be
            reading = Asking(first, request("GET", server.host(slow), SLOW, token=token))
            logging_in = Asking(second, request("POST", server.host(slow), LOGIN, CREDENTIALS))
            load.each(2)
            os.kill(process.pid, number)
            with pytest.raises(Closed):  # the stop has begun: what is idle is closed
                idle.answer()
            half.send(upload[2000:])
            answer = half.answer()
            assert expect(answer, 200)["id"] == "underway1234567"
            assert answer.closes
        assert logging_in.answered(200)["token"]
        assert reading.answered(200)["totalItems"] == 0
        assert process.wait(60) == 0
        load.join()
    assert_all_well(load.writers, refused=True)
    for name in NAMES:
        assert [path.name for path in server.pb_data(name).iterdir() if path.name.endswith(("-wal", "-shm"))] == []
        with contextlib.closing(sqlite3.connect(server.pb_data(name) / "data.db")) as db:
            found = {record for (record,) in db.execute("SELECT id FROM notes WHERE title NOT LIKE 'row %'")}
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        acknowledged = {record for writer in load.writers if writer.tenant == name for record in writer.acknowledged}
        if name == other:
            acknowledged.add("underway1234567")
        assert found == acknowledged, "everything acknowledged, and nothing that was not"
    assert not list(server.directory.glob("*.sock"))
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "killing" not in log
