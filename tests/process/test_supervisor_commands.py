"""The operator's commands against a supervisor with stand-in workers: order, acknowledgement, repair."""

import os
import signal
import socket
import stat

import pytest

from supervisor.contract.shardmap import owner_of
from tests.process.conftest import StandIn, until


def names(standin: StandIn, shard: int) -> list[str]:
    """The tenants a worker knows."""
    return standin.get("/who", shard)["tenants"]


def test_the_control_socket_is_private(standin: StandIn) -> None:
    assert stat.S_IMODE((standin.directory / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((standin.directory / "registry.db").stat().st_mode) & 0o077 == 0


def test_a_tenant_is_known_to_every_worker_when_the_command_returns(standin: StandIn) -> None:
    for number in range(5):
        name = f"t{number}"
        told = standin.value("tenant", "create", name, "--domain", f"{name}.example.com")
        assert told["state"] == "active"
        assert told["shard"] == owner_of(name, standin.shards)
        assert told["domains"] == [f"{name}.example.com"]
        assert all(name in names(standin, shard) for shard in (0, 1))
    assert [row["name"] for row in standin.value("tenant", "list")] == [f"t{number}" for number in range(5)]
    assert standin.value("tenant", "suspend", "t1", "--reason", "unpaid")["state"] == "suspended"
    assert standin.value("tenant", "show", "t1")["reason"] == "unpaid"
    assert standin.value("status")["tenants"] == {"active": 4, "suspended": 1}
    assert standin.value("tenant", "resume", "t1")["state"] == "active"
    standin.value("tenant", "delete", "t1", "--yes")
    assert all("t1" not in names(standin, shard) for shard in (0, 1))
    assert not (standin.directory / "tenants" / "t1").exists()
    assert (standin.directory / "tenants" / "t2").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["tenant", "create", "Upper"], 1, "cannot name a tenant"),
        (["tenant", "create", "-a"], 2, ""),
        (["tenant", "create", "a.b"], 1, "cannot name a tenant"),
        (["tenant", "create", "taken"], 1, "tenant taken exists already (active)"),
        (["tenant", "create", "bad"], 1, "bad cannot be provisioned"),
        (["tenant", "create", "squatted"], 1, "belongs to no tenant"),
        (["tenant", "create", "x", "--domain", "foo.localhost"], 1, "lies in the base domain"),
        (["tenant", "create", "x", "--domain", "taken.example.com"], 1, "taken.example.com belongs to tenant taken"),
        (["tenant", "create", "x", "--domain", "not a domain"], 1, "not a domain name"),
        (["tenant", "show", "nobody"], 1, "there is no tenant nobody"),
        (["tenant", "resume", "taken"], 1, "tenant taken is active; resume needs it failed or suspended"),
        (["tenant", "delete", "taken"], 1, "Abort"),
        (["superuser", "upsert", "nobody", "a@b.c", "secret-password"], 1, "there is no tenant nobody"),
        (["usage", "nobody"], 1, "there is no tenant nobody"),
        (["tenant", "dance"], 2, ""),
    ],
)
def test_refusals_are_one_line_and_change_nothing(one: StandIn, arguments: list[str], code: int, part: str) -> None:
    before = one.value("tenant", "list")
    done = one.ask(*arguments)
    assert done.returncode == code, done.stderr
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1 and part != "Abort":
        assert done.stderr.startswith("pocker: ")
        assert done.stderr.count("\n") == 1
    for row in (after := one.value("tenant", "list")) + before:
        row.pop("live")
    assert after == before


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory):
    with StandIn(tmp_path_factory.mktemp("commands") / "data") as server:
        server.value("tenant", "create", "taken", "--domain", "taken.example.com")
        (server.directory / "tenants" / "squatted").mkdir()
        yield server


def test_no_server(tmp_path) -> None:
    done = StandIn(tmp_path / "data").ask("status")
    assert done.returncode == 1
    assert "no server runs on the data directory" in done.stderr


def test_domains_come_and_go(standin: StandIn) -> None:
    standin.value("tenant", "create", "one")
    standin.value("tenant", "create", "two")
    assert standin.value("tenant", "domain", "add", "one", "WWW.Example.com.")["domains"] == ["www.example.com"]
    assert standin.ask("tenant", "domain", "add", "two", "www.example.com").returncode == 1
    assert standin.value("tenant", "domain", "remove", "one", "www.example.com")["domains"] == []
    assert standin.value("tenant", "domain", "add", "two", "www.example.com")["domains"] == ["www.example.com"]


def test_what_was_created_outlives_workers_and_supervisor(standin: StandIn) -> None:
    standin.value("tenant", "create", "lasting")
    for shard, pid in standin.pids().items():
        os.kill(pid, signal.SIGKILL)
        until(lambda shard=shard, pid=pid: (w := standin.who(shard)) and w["pid"] != pid, "a successor answers")
        assert names(standin, shard) == ["lasting"], "by fork"
    standin.stop()
    standin.start()
    assert all(names(standin, shard) == ["lasting"] for shard in (0, 1))


def test_a_create_cut_off_by_its_workers_death_leaves_nothing(standin: StandIn) -> None:
    command = standin.begin("tenant", "create", "stuck")
    until(lambda: standin.value("status")["tenants"] == {"creating": 1}, "the command is under way")
    shard = owner_of("stuck", standin.shards)
    before = standin.pids()
    os.kill(before[shard], signal.SIGKILL)
    # The successor never answers for this tenant either: the removal hangs until that worker dies, too.
    until(lambda: (w := standin.who(shard)) and w["pid"] != before[shard], "a successor answers")
    os.kill(standin.pids()[shard], signal.SIGKILL)
    done = command.finish()
    assert done.returncode == 1
    assert "died meanwhile" in done.stderr
    told = standin.value("tenant", "show", "stuck")
    assert told["state"] == "failed"
    assert "its files are still there" in told["reason"]


def test_a_create_cut_off_by_the_supervisors_death_is_undone_at_the_next_start(standin: StandIn) -> None:
    standin.value("tenant", "create", "kept")
    command = standin.begin("tenant", "create", "half")
    # `half` is provisioned at once by the stand-in, so cut off the order in the registry itself.
    assert command.finish().returncode == 0
    standin.kill()
    import apsw

    connection = apsw.Connection(str(standin.directory / "registry.db"))
    connection.execute("UPDATE tenants SET state = 'creating' WHERE name = 'half'")
    connection.close()
    assert (standin.directory / "tenants" / "half").is_dir()
    standin.start()
    until(lambda: [row["name"] for row in standin.value("tenant", "list")] == ["kept"], "half is gone")
    assert not (standin.directory / "tenants" / "half").exists()
    said = "tenant half was left creating by the previous run: it is removed"
    until(lambda: said in standin.log.read_text(), "the operator is told")
    assert standin.value("tenant", "create", "half")["state"] == "active"


def test_a_call_waits_for_the_successor_of_a_dead_worker(standin: StandIn) -> None:
    shard = owner_of("late", standin.shards)
    gone = standin.pids()[shard]
    os.kill(gone, signal.SIGKILL)
    until(lambda: standin.do("status")["shards"][shard]["pid"] != gone, "the supervisor knows")
    assert standin.value("tenant", "create", "late")["state"] == "active"
    assert names(standin, shard) == ["late"]


def test_commands_under_way_end_with_the_server(standin: StandIn) -> None:
    command = standin.begin("tenant", "create", "stuck")
    until(lambda: standin.value("status")["tenants"] == {"creating": 1}, "the command is under way")
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(standin.directory / "control.sock"))
        assert standin.stop() == 0
    assert "Task" not in standin.log.read_text(), "nothing was left lying about"
    done = command.finish()
    assert done.returncode == 1
    assert "stopped" in done.stderr or "died meanwhile" in done.stderr


def test_a_hang_is_booked_to_its_tenant(standin: StandIn) -> None:
    standin.value("tenant", "create", "greedy")
    before = standin.pids()[0]
    standin.cut_off("/hang/greedy", 0)
    until(lambda: (w := standin.who(0)) and w["pid"] != before, "a successor answers")
    (row,) = [row for row in standin.value("usage") if row["name"] == "greedy"]
    assert row["hangs"] == 1
    assert row["requests"] > 0
