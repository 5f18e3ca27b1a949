"""The supervisor's promises about its workers, kept by real processes: stable shards, one owner, clean stop."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.process.conftest import DEADLINE_S, StandIn, alive, until


@pytest.mark.parametrize("killed", [[0], [1], [0, 1]])
def test_a_killed_worker_is_replaced_on_its_shard(standin: StandIn, killed: list[int]) -> None:
    before = standin.pids()
    for shard in killed:
        os.kill(before[shard], signal.SIGKILL)
    for shard in range(standin.shards):
        if shard in killed:
            until(lambda shard=shard: (w := standin.who(shard)) and w["pid"] != before[shard], "a successor answers")
        told = standin.get("/who", shard)
        assert told["shard"] == shard
        assert (told["pid"] != before[shard]) == (shard in killed)
    assert [row["restarts"] for row in standin.value("status")["shards"]] == [int(s in killed) for s in (0, 1)]


def test_a_worker_killed_by_a_signal_without_a_name_is_replaced(standin: StandIn) -> None:
    before = standin.pids()
    os.kill(before[0], signal.SIGRTMIN + 6)
    until(lambda: (w := standin.who(0)) and w["pid"] != before[0], "a successor answers")


def test_a_successor_inherits_no_more_than_its_predecessor(standin: StandIn) -> None:
    before = standin.pids()
    files, descriptors = len(psutil.Process(before[0]).open_files()), psutil.Process(before[0]).num_fds()
    waiting = [standin.begin("tenant", "create", "stuck") for _ in range(2)]
    until(lambda: standin.value("status")["tenants"] == {"creating": 1}, "a command is under way")
    for _ in range(2):
        pid = standin.pids()[0]
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: (w := standin.who(0)) and w["pid"] != pid, "a successor answers")
    process = psutil.Process(standin.pids()[0])
    assert len(process.open_files()) == files
    until(lambda: process.num_fds() <= descriptors, "nothing else is open once the last answer's connection is closed")
    for command in waiting:
        command.process.kill()
        command.finish()


@pytest.mark.parametrize("way", ["hang", "stubborn"])
def test_a_hung_worker_is_aborted_while_the_other_answers(standin: StandIn, way: str) -> None:
    before = standin.pids()
    hanging = threading.Thread(target=standin.cut_off, args=(f"/{way}/greedy", 0), daemon=True)
    hanging.start()
    until(lambda: standin.who(0) is None, "the worker hangs")
    slowest = 0.0
    while True:
        started = time.monotonic()
        assert standin.get("/who", 1, timeout=1)["pid"] == before[1]
        slowest = max(slowest, time.monotonic() - started)
        told = standin.who(0)
        if told is not None:
            break
    assert told["pid"] != before[0]
    assert slowest < 0.5
    log = standin.log.read_text()
    assert "tenant greedy holds the worker" in log
    assert ("killing it" in log) == (way == "stubborn")
    assert ("most recent call first" in log) == (way == "hang"), "the stack is printed"


def test_a_worker_that_is_merely_busy_is_left_alone(standin: StandIn) -> None:
    before = standin.pids()
    assert standin.get("/slow/1.5", 0)["pid"] == before[0]
    assert standin.pids() == before


def test_a_worker_that_dies_while_another_is_being_replaced_has_a_successor_at_once(standin: StandIn) -> None:
    before = standin.pids()
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(standin.get("/slow/4", 0, timeout=DEADLINE_S)["pid"]))
    slow.start()
    time.sleep(0.2)  # the request is under way
    os.kill(standin.pid, signal.SIGHUP)
    until(lambda: standin.value("status")["shards"][0]["pid"] != before[0], "another one serves shard 0")
    os.kill(before[1], signal.SIGKILL)
    until(lambda: (w := standin.who(1)) and w["pid"] != before[1], "a successor answers")
    assert alive(before[0]), "while the request is still answered by the worker that was replaced"
    slow.join()
    assert answers == [before[0]]
    until(lambda: not alive(before[0]), "then it has gone")


def test_sighup_reads_the_settings_again_unless_they_are_wrong(standin: StandIn) -> None:
    standin.configure(hang_after_s="soon")
    before = standin.pids()
    os.kill(standin.pid, signal.SIGHUP)
    until(lambda: all(w and w["pid"] != before[s] for s in before if (w := standin.who(s)) or True), "replaced")
    assert "supervision.hang_after_s: found 'soon'" in standin.log.read_text()
    (event,) = standin.value("events", "--kind", "reload")
    assert "found 'soon'" in event["reason"]
    assert event["reason"].endswith("the settings stay as they were")
    standin.configure(hang_after_s=60)
    before = standin.pids()
    os.kill(standin.pid, signal.SIGHUP)
    until(lambda: all(w and w["pid"] != before[s] for s in before if (w := standin.who(s)) or True), "replaced")
    hung = standin.pids()[0]
    with pytest.raises(TimeoutError):
        standin.get("/hang/patient", 0, timeout=1.5)
    assert psutil.Process(hung).is_running()
    assert "patient" not in standin.log.read_text()
    os.kill(hung, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTTIN, signal.SIGTTOU])
def test_signals_that_would_change_the_number_of_workers_are_refused(standin: StandIn, number: signal.Signals) -> None:
    before = standin.pids()
    os.kill(standin.pid, number)
    until(lambda: f"Handling signal: {number.name[3:].lower()}" in standin.log.read_text(), "the signal is handled")
    assert standin.pids() == before
    assert len(standin.children()) == standin.shards


@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)])
def test_a_stop_lets_requests_finish(standin: StandIn, number: signal.Signals, group: bool) -> None:
    answers: list[dict[str, int]] = []
    threads = [
        threading.Thread(target=lambda shard=shard: answers.append(standin.get("/slow/1.0", shard))) for shard in (0, 1)
    ]
    pids = standin.pids()
    for thread in threads:
        thread.start()
    until(lambda: all(len(psutil.Process(pid).net_connections("unix")) > 0 for pid in pids.values()), "connected")
    time.sleep(0.2)  # the requests are under way
    process = standin.process
    assert process is not None
    for pid in [process.pid, *(pids.values() if group else ())]:  # a terminal's Ctrl-C reaches them all
        os.kill(pid, number)
    assert process.wait(10) == 0
    for thread in threads:
        thread.join()
    assert {answer["shard"]: answer["pid"] for answer in answers} == pids
    assert {shard: int((standin.directory / f"closed.{shard}").read_text()) for shard in pids} == pids
    assert not list(standin.directory.glob("*.sock"))
    assert "Unhandled" not in standin.log.read_text()


def test_a_second_ctrl_c_does_not_wait(standin: StandIn) -> None:
    pids = standin.pids()
    thread = threading.Thread(target=standin.cut_off, args=("/slow/30", 0), daemon=True)
    thread.start()
    time.sleep(0.2)
    process = standin.process
    assert process is not None
    process.send_signal(signal.SIGINT)
    until(lambda: not alive(pids[1]), "the idle worker is gone")
    assert process.poll() is None, "it waits for the request"
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert time.monotonic() - started < 3


def test_workers_end_with_their_supervisor_and_nobody_takes_over_before(standin: StandIn) -> None:
    pids = standin.pids()
    standin.kill()
    standin.start()  # at once, while the old workers may still be there
    assert not any(alive(pid) for pid in pids.values())
    assert set(standin.pids().values()).isdisjoint(pids.values())


def test_a_worker_that_keeps_dying_young_is_replaced_ever_more_slowly(standin: StandIn) -> None:
    steady = standin.pids()[1]
    pauses = []
    for _ in range(5):
        pid = standin.pids()[0]
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        until(lambda pid=pid: (w := standin.who(0)) and w["pid"] != pid, "a successor answers")
        pauses.append(time.monotonic() - started)
    assert min(pauses[:2]) < 0.25 < pauses[3] < pauses[4]
    assert standin.pids()[1] == steady


@pytest.mark.slow
def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    with StandIn(tmp_path / "data", heartbeat_timeout_s=5) as standin:
        before = standin.pids()
        os.kill(before[0], signal.SIGSTOP)
        until(lambda: (w := standin.who(0)) and w["pid"] != before[0], "a successor answers")
        assert standin.pids()[1] == before[1]
        assert "WORKER TIMEOUT" in standin.log.read_text()
