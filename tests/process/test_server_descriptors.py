"""Too few descriptors: at the start the server fits itself to what there is, later on nobody is harmed for long."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http1 import request
from tests.process.whole import ANSWER_S, HEALTH, NOTES, Whole, Wire, expect, on_shard, until
from tests.servers import ROOT

TENANTS = on_shard(0, 12)
(ELSEWHERE,) = on_shard(1)


class Limited(Whole):
    """A server that may have `descriptors` a process, and cannot raise that."""

    descriptors = 0

    def command(self) -> list[str]:
        if not self.descriptors:
            return super().command()
        return ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(self.descriptors), *super().command()]


def test_a_server_with_few_descriptors_sizes_itself_down_and_says_so(tmp_path: Path) -> None:
    server = Limited(tmp_path / "data", supervision={"tick_s": 0.2})
    server.descriptors = 400
    with server:
        names = TENANTS[:8]
        for name in names:
            server.do("tenant.create", name=name, domains=[])
        wires = [Wire(server.port) for _ in range(20)]
        try:
            for number, wire in enumerate(wires):
                expect(wire.ask("GET", server.host(names[number % len(names)]), HEALTH), 200)
        finally:
            for wire in wires:
                wire.close()
        (told,) = [line for line in server.log.read_text().splitlines() if "open files" in line]
        assert "only 400 open files" in told
        assert "keeps to" in told
        live = int(told.split(" live tenants")[-2].split()[-1])
        assert 1 <= live < 1000
        until(lambda: server.rows()[0]["live_tenants"] <= live, "no more are open than fit")
        assert "Traceback" not in server.log.read_text()


def test_a_start_with_hardly_any_descriptors_is_refused(tmp_path: Path) -> None:
    server = Limited(tmp_path / "data")
    server.descriptors, server.port = 128, 1
    server.configure()
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=ANSWER_S, cwd=ROOT)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "only 128 open files" in line
    assert "at least" in line


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Two workers; a dozen tenants of the first one, none of which is open yet but one."""
    data = tmp_path_factory.mktemp("descriptors") / "data"
    with Whole(data, supervision={"tick_s": 0.2}, logs={"flush_s": 0.2}) as whole:
        whole.make(TENANTS[0])
        whole.make(ELSEWHERE)
        for name in TENANTS[1:]:
            whole.do("tenant.create", name=name, domains=[])
        yield whole


@contextmanager
def exhausted(pid: int, spare: int = 0) -> Iterator[None]:
    """Meanwhile the process can open nothing more, or next to nothing."""
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    lowest = next(number for number in range(len(taken) + 1) if number not in taken)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest + spare, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 5])
def test_a_tenant_opens_in_the_place_of_idle_ones(server: Whole, spare: int) -> None:
    """On a connection that is there already: the descriptors it takes are those of tenants that nobody uses."""
    pid = server.pids()[0]
    with Wire(server.shard_socket(0)) as wire:
        for name in TENANTS[:8]:
            expect(wire.ask("GET", server.host(name), HEALTH), 200)
        with exhausted(pid, spare):
            for name in TENANTS[8:]:
                until(lambda name=name: wire.ask("GET", server.host(name), HEALTH).status == 200, f"{name} opens")  # type: ignore[misc]
        for name in TENANTS:
            expect(wire.ask("GET", server.host(name), HEALTH), 200)
    assert server.pids()[0] == pid
    assert {server.do("tenant.show", name=name)["state"] for name in TENANTS} == {"active"}


def test_connections_wait_until_there_are_descriptors(server: Whole) -> None:
    """Those that are accepted by another worker and passed on, and those that nobody accepts: none is lost."""
    pid = server.pids()[0]
    with Wire(server.shard_socket(0)) as kept:
        expect(kept.ask("POST", server.host(TENANTS[0]), NOTES, {"title": "before"}), 200)
        wires: list[Wire] = []
        with exhausted(pid):
            wires += [Wire(server.shard_socket(1)) for _ in range(20)]
            wires += [Wire(server.shard_socket(0)) for _ in range(20)]
            for wire in wires:
                wire.send(request("POST", server.host(TENANTS[0]), NOTES, {"title": "waits"}))
            for _ in range(20):  # who is connected is served on, and so are others' tenants
                expect(kept.ask("POST", server.host(TENANTS[0]), NOTES, {"title": "on"}), 200)
                with Wire(server.shard_socket(1)) as other:
                    expect(other.ask("GET", server.host(ELSEWHERE), NOTES), 200)
        try:
            for wire in wires:
                expect(wire.answer(), 200)
        finally:
            for wire in wires:
                wire.close()
        found = expect(kept.ask("GET", server.host(TENANTS[0]), f"{NOTES}?filter=title='waits'"), 200)
        assert found["totalItems"] == 40
    assert server.pids()[0] == pid
