"""Who serves whom changes while the server runs: real processes, stand-in workers, and deaths at every step.

A tenant that is in use holds a lock on its directory (`standin`), so two owners would be found out by the kernel.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervisor.contract.shardmap import owner_of
from supervisor.ops.client import ClientError
from tests.process.conftest import StandIn, alive, until

NAMES = [f"t{number}" for number in range(6)]


@pytest.fixture
def served(standin: StandIn) -> StandIn:
    """A supervisor with tenants, all of them in use."""
    for name in NAMES:
        standin.do("tenant.create", name=name, domains=[])
    all_in_use(standin)
    return standin


def all_in_use(standin: StandIn) -> None:
    """Every tenant is served by one worker."""
    for name in NAMES:
        until(lambda name=name: sum(users(standin, name)) == 1, f"{name} is served")
    assert not list(standin.directory.glob("two-owners.*"))


def users(standin: StandIn, name: str) -> list[bool]:
    """Which shards' workers say that they serve the tenant."""
    told = [standin.get(f"/use/{name}", shard) for shard in range(standin.shards)]
    return [one["used"] for one in told]


def renewed(standin: StandIn, before: dict[int, int]) -> None:
    """Waits until every worker is another one, and all departed ones are gone."""

    def done() -> bool:
        now = {row["shard"]: row for row in standin.do("status")["shards"]}
        return all(row["pid"] != before.get(shard) and row["state"] == "serving" for shard, row in now.items())

    until(done, "all workers are replaced")
    until(lambda: not any(alive(pid) for pid in before.values()), "the former ones are gone")


def rows(standin: StandIn) -> list[tuple[int, int]]:
    """(berth, pid) of each shard's worker."""
    return [(row["berth"], row["pid"]) for row in standin.do("status")["shards"]]


def reconfigure(standin: StandIn, shards: int) -> None:
    settings = json.loads(standin.config.read_text())
    standin.config.write_text(json.dumps(settings | {"shards": shards}))


def test_sighup_replaces_one_worker_after_another_and_somebody_always_answers(served: StandIn) -> None:
    before = served.pids()
    stopped = threading.Event()
    wrong: list[str] = []
    most = 0

    def ask() -> None:
        while not stopped.is_set():
            for shard in (None, 0, 1):
                try:
                    served.get("/who", shard, timeout=10)
                except OSError as error:
                    wrong.append(f"shard {shard}: {error!r}")

    asking = threading.Thread(target=ask)
    asking.start()
    os.kill(served.pid, signal.SIGHUP)

    def done() -> bool:
        nonlocal most
        most = max(most, len(served.children()))
        return all(pid != before[shard] for shard, (_, pid) in enumerate(rows(served)))

    until(done, "both workers are replaced")
    stopped.set()
    asking.join()
    renewed(served, before)
    assert wrong == []
    assert most <= served.shards + 2, "a successor, and one that departs"
    assert [berth for berth, _ in rows(served)] == [2, 0], "the lowest free berths"
    all_in_use(served)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """What `served` is, for many tests."""
    with StandIn(tmp_path_factory.mktemp("lasting") / "data") as server:
        for name in NAMES:
            server.do("tenant.create", name=name, domains=[])
        yield server


@pytest.fixture
def unmoved(lasting: StandIn) -> StandIn:
    """Shard 0 is at berth 0, shard 1 at berth 1, whatever came before, and all tenants are in use."""
    if [berth for berth, _ in rows(lasting)] != [0, 1]:
        lasting.stop()
        lasting.start()
    all_in_use(lasting)
    return lasting


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "berth"),
    [
        *(("Gain", 2), ("Lose", 0), ("Settle", 2), ("Settle", 0), ("Settle", 1), ("Expect", 2), ("Release", 0)),
        *(("Own", 2), ("Depart", 0)),
    ],
)
def test_a_death_at_any_step_leaves_one_owner(unmoved: StandIn, kind: str, berth: int, how: str) -> None:
    before = rows(unmoved)[0]
    fault = unmoved.directory / "fault"
    fault.write_text(json.dumps({"kind": kind, "berth": berth, "how": how}))
    if berth == 2:  # the successor dies
        with pytest.raises(ClientError, match="shard 0 keeps its worker"):
            unmoved.do("recycle", shard=0)
        assert rows(unmoved)[0] == before
        assert unmoved.do("events", since_id=0, limit=1)[0]["kind"] == "recycled"
    else:
        unmoved.do("recycle", shard=0)
        assert rows(unmoved)[0][0] == 2
    assert not fault.exists()
    all_in_use(unmoved)
    until(lambda: len(unmoved.children()) == 2, "nobody else is left")
    unmoved.do("recycle", shard=0)
    all_in_use(unmoved)


def test_another_number_of_shards(served: StandIn) -> None:
    owners = {name: users(served, name).index(True) for name in NAMES}
    before = dict(enumerate(pid for _, pid in rows(served)))
    served.shards = 3
    reconfigure(served, 3)
    # the flag wins over the file, so the supervisor under test was started without it
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: len(rows(served)) == 3, "three shards")
    renewed(served, before)
    for name in NAMES:
        assert users(served, name).index(True) == owner_of(name, 3)
        assert owner_of(name, 3) in {owners[name], 2}
    third = rows(served)[2][1]
    assert (served.directory / "shard-2.sock").exists()
    served.shards = 2
    reconfigure(served, 2)
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: len(rows(served)) == 2 and not alive(third), "two shards, and the third's worker is gone")
    assert not (served.directory / "shard-2.sock").exists()
    assert served.do("renewed")["renewed"]
    all_in_use(served)
    assert {name: users(served, name).index(True) for name in NAMES} == owners


def test_more_shards_than_berths_are_refused(served: StandIn) -> None:
    reconfigure(served, 100)
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: "can have up to 31 shards" in served.log.read_text(), "it is refused")
    assert len(rows(served)) == 2
    all_in_use(served)


def test_a_tenant_moves_and_stays_there(served: StandIn) -> None:
    name = next(name for name in NAMES if owner_of(name, 2) == 0)
    told = served.do("tenant.move", name=name, shard=1)
    assert (told["shard"], told["pinned"], told["state"]) == (1, True, "active")
    assert users(served, name) == [False, True]
    all_in_use(served)
    served.do("recycle", shard=1)
    assert users(served, name) == [False, True]
    served.kill()
    served.start()
    assert users(served, name) == [False, True], "also after a start"
    assert not served.do("tenant.move", name=name, shard=None)["pinned"]
    assert users(served, name) == [True, False]
    with pytest.raises(ClientError, match="there is no shard 7"):
        served.do("tenant.move", name=name, shard=7)
    with pytest.raises(ClientError, match="there is no tenant nobody"):
        served.do("tenant.move", name="nobody", shard=1)


def test_a_tenant_is_not_changed_by_others_while_it_moves(served: StandIn) -> None:
    name = next(name for name in NAMES if owner_of(name, 2) == 0)
    fault = served.directory / "fault"
    fault.write_text(json.dumps({"kind": "Release", "berth": 0, "how": "mute"}))
    moving = threading.Thread(target=served.do, args=("tenant.move",), kwargs={"name": name, "shard": 1})
    domain = {"name": name, "domain": "a.example"}
    adding = threading.Thread(target=served.do, args=("tenant.domain.add",), kwargs=domain)
    moving.start()
    until(lambda: not fault.exists(), "the move hangs")
    adding.start()
    adding.join(0.5)
    assert adding.is_alive(), "it waits"
    os.kill(rows(served)[0][1], signal.SIGKILL)
    moving.join()
    adding.join()
    told = served.do("tenant.show", name=name)
    assert (told["shard"], told["pinned"], told["domains"]) == (1, True, ["a.example"])
    all_in_use(served)
    served.do("recycle", shard=0)
    served.do("recycle", shard=1)
    assert users(served, name) == [False, True]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_of_a_handover_is_clean(served: StandIn, number: signal.Signals) -> None:
    before = rows(served)[0]
    fault = served.directory / "fault"
    fault.write_text(json.dumps({"kind": "Release", "berth": 0, "how": "mute"}))
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: not fault.exists(), "the handover hangs")
    assert served.process is not None
    children = [child.pid for child in served.children()]
    assert before[1] in children
    assert len(children) == 3
    began = time.monotonic()
    os.kill(served.pid, number)
    assert served.process.wait(15) == 0
    assert time.monotonic() - began < 10
    assert not any(alive(pid) for pid in children)
    assert "Unhandled" not in served.log.read_text()
    assert "Traceback" not in served.log.read_text()


def test_a_supervisor_killed_in_the_middle_leaves_nothing_undone(served: StandIn) -> None:
    name = next(name for name in NAMES if owner_of(name, 2) == 0)
    fault = served.directory / "fault"
    fault.write_text(json.dumps({"kind": "Release", "berth": 0, "how": "mute"}))
    moving = served.begin("tenant", "move", name, "1")
    until(lambda: not fault.exists(), "the move hangs")
    children = [child.pid for child in served.children()]
    served.kill()
    assert moving.finish().returncode == 1
    until(lambda: not any(alive(pid) for pid in children), "the workers end")
    served.start()
    all_in_use(served)
    told = served.do("tenant.show", name=name)
    assert (told["state"], told["shard"], told["pinned"]) == ("active", 1, True), "it has landed where it was to go"


# New code


def test_an_upgrade_keeps_the_process_and_replaces_the_workers(served: StandIn) -> None:
    before, pid = served.pids(), served.pid
    waiting = served.begin("tenant", "create", "late")
    waiting.finish()
    queued: list[Any] = []
    with socket.socket(socket.AF_UNIX) as early:  # a command that comes while nobody listens waits
        os.kill(pid, signal.SIGUSR2)
        until(lambda: "takes over" in served.log.read_text(), "the exec is near")
        early.settimeout(20)
        early.connect(str(served.directory / "control.sock"))
        early.sendall(b'{"command": "status"}\n')
        until(lambda: "has taken over 2 workers" in served.log.read_text(), "the new image is at work")
        queued.append(json.loads(early.recv(1 << 16)))
    assert queued[0]["ok"]
    assert queued[0]["value"]["pid"] == pid
    renewed(served, before)
    all_in_use(served)
    assert served.do("status")["pid"] == pid
    assert psutil.Process(pid).cmdline()[1:] == served.command()[1:]
    # everything works as before: a death, a change, another upgrade
    os.kill(rows(served)[0][1], signal.SIGKILL)
    until(lambda: (w := served.who(0)) and w["pid"] not in before.values(), "a successor answers")
    served.do("tenant.create", name="new", domains=[])
    assert all("new" in served.get("/who", shard)["tenants"] for shard in (0, 1))
    again = served.pids()
    told = served.value("upgrade")  # returns when all workers are replaced
    assert (told["pid"], told["takeovers"]) == (pid, 2)
    renewed(served, again)
    assert served.ask("recycle", "1").returncode == 0
    refused = served.ask("recycle", "7")
    assert (refused.returncode, "there is no shard 7" in refused.stderr) == (1, True)
    all_in_use(served)
    assert [row["name"] for row in served.do("tenant.list")] == sorted([*NAMES, "late", "new"])


def test_code_that_does_not_start_is_refused(served: StandIn, tmp_path: Path) -> None:
    before = served.pids()
    served.config.write_text('{"shards": "many"}')
    with pytest.raises(ClientError, match=r"no upgrade: the new code does not start: .*shards: found 'many'"):
        served.do("upgrade")
    os.kill(served.pid, signal.SIGUSR2)
    until(lambda: "no upgrade" in served.log.read_text(), "it is refused")
    assert served.pids() == before
    served.configure()
    served.do("recycle", shard=0)
    all_in_use(served)


def test_new_code_whose_workers_do_not_live_changes_nothing(served: StandIn) -> None:
    before = served.pids()
    (served.directory / "fault").write_text(json.dumps({"kind": "Gain", "berth": 2, "how": "before"}))
    served.do("upgrade")
    until(lambda: "not all workers are renewed" in served.log.read_text(), "it is given up")
    assert served.pids() == before, "the former workers go on"
    all_in_use(served)


def test_code_that_could_not_read_the_registry_is_refused(served: StandIn) -> None:
    before = served.pids()
    registry = served.directory / "registry.db"
    kept = {path: path.read_bytes() for path in (registry, registry.with_name("registry.db-wal"))}
    for path in kept:
        path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(ClientError, match=r"no upgrade: .*registry\.db: cannot be used"):
        served.do("upgrade")
    for path, content in kept.items():
        path.write_bytes(content)
    assert served.pids() == before
    all_in_use(served)


def test_an_image_that_fails_to_take_over_ends_its_workers(served: StandIn) -> None:
    pids = served.pids()
    (served.directory / "bad-image").touch()
    assert served.process is not None
    os.kill(served.pid, signal.SIGUSR2)
    assert served.process.wait(30) == 7
    until(lambda: not any(alive(pid) for pid in pids.values()), "no worker is left alone")
    served.process = None
    served.start()
    all_in_use(served)


def test_a_signal_that_comes_while_the_code_is_replaced_is_not_lost(served: StandIn) -> None:
    (served.directory / "late-signal").touch()  # known only to an image that starts with it
    served.stop()
    served.start()
    assert served.process is not None
    os.kill(served.pid, signal.SIGUSR2)
    assert served.process.wait(30) == 0, "the new image ends, as the SIGTERM to the former one asks"
    served.process = None
    assert "has taken over 2 workers" in served.log.read_text()


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    """The number of shards is the file's, so that it can change."""
    server = StandIn(tmp_path / "data", graceful_timeout_s=5)
    command = server.command
    server.command = lambda: [*command()[:-1], json.dumps(without_shards(command()[-1]))]  # type: ignore[method-assign]
    reconfigure(server, 2)
    with server:
        yield server


def without_shards(flags: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(flags).items() if key != "shards"}
