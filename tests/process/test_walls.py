"""The walls about tenants' scripts, with real processes: native escapes, failing closed, ends that reach everybody."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.serving import _import_path
from tests.servers import ROOT

DEADLINE_S = 60
KILLED = -signal.SIGSYS
# The kernel may have no table of that architecture at all; and memory is bounded, not forbidden.
OTHERWISE = {"getpid as i386": (-signal.SIGSYS, -signal.SIGSEGV), "all memory": (0,)}
MODES = ("walled", "rootless", "unfiltered")


def escape(mode: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.process.escapes", mode],
        cwd=ROOT,
        capture_output=True,
        timeout=DEADLINE_S,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.fixture(scope="module")
def escapes() -> dict[str, dict[str, Any]]:
    """What became of every attempt, by mode."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MODES, pool.map(escape, MODES), strict=True))


@pytest.mark.parametrize("mode", ["walled", "rootless"])
def test_every_native_escape_dies(escapes: dict[str, dict[str, Any]], mode: str) -> None:
    attempts = escapes[mode]["attempts"]
    assert len(attempts) > 100
    alive = {
        name: (status, said)
        for name, (status, said) in attempts.items()
        if status not in OTHERWISE.get(name, (KILLED,)) or (said and name not in OTHERWISE)
    }
    assert alive == {}
    assert attempts["all memory"] == [0, "ENOMEM"]


def test_without_the_filter_the_other_walls_hold(escapes: dict[str, dict[str, Any]]) -> None:
    """Nothing of these is done, although the filter lets everything pass."""
    attempts = escapes["unfiltered"]["attempts"]
    assert len(attempts) > 40
    done = {name: said for name, (status, said) in attempts.items() if said == "done" or status != 0}
    assert done == {}


def serve(replaced: str, **order: Any) -> dict[str, Any]:
    """What a zygote says first, in which something of the kernel is `replaced`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = (
        "import sys; sys.path += sys.argv[2:]\n"
        "from sandbox import kernel, syscalls, zygote, prelude\n"
        "prelude.FILES = ('pump',)\n"
        f"{replaced}\n"
        "zygote.main(sys.argv[1])"
    )
    order = {"user": "nobody", "parent": os.getpid(), **order}
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, json.dumps(order), *_import_path()], stdin=theirs.fileno(), env={}
        )
        theirs.close()
        ours.settimeout(DEADLINE_S)
        said = ours.recv(1 << 14)
    process.wait(DEADLINE_S)  # the socket is closed: it ends
    return json.loads(said) if said else {}


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ("kernel.seccomp = lambda program: None", "does not keep the filter"),
        ("def refuse(program): raise OSError(22, 'Invalid argument')\nkernel.seccomp = refuse", "Invalid argument"),
        (
            "syscalls.machine = lambda: 'riscv64'\nkernel.machine = syscalls.machine",
            "no filter of system calls for riscv64",
        ),
        ("import resource\ndef refuse(*_): raise OSError(1, 'not permitted')\nkernel.prctl = refuse", "not permitted"),
        ("syscalls.program = lambda: syscalls._line(syscalls.RETURN, syscalls.ALLOW)", "does not keep the filter"),
        ("prelude.TAIL = 'nonsense('", "ScriptError"),
    ],
)
def test_no_process_where_a_wall_cannot_be_had(replaced: str, reason: str) -> None:
    assert reason in serve(replaced)["failed"]


@pytest.mark.parametrize(
    ("replaced", "missing"),
    [
        ("kernel.landlock_abi = lambda: 0", {"landlock": "the kernel has no Landlock"}),
        (
            "def refuse(flags): raise OSError(1, 'Operation not permitted')\nkernel.unshare = refuse",
            dict.fromkeys(("network", "ipc", "uts", "empty root"), "Operation not permitted"),
        ),
    ],
)
def test_other_walls_may_be_missing_and_are_told(replaced: str, missing: dict[str, str]) -> None:
    walls = serve(replaced)["walls"]
    assert {name: why for name, why in walls.items() if why and name != "user namespace"} == missing


def test_a_zygote_of_somebody_else_ends_at_once() -> None:
    """It was started by a process that has died since: nobody would ever end it."""
    assert serve("", parent=1 if os.getppid() != 1 else 2) == {}


WORKER = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from sandbox import serving
from sandbox.frames import answer_frame
from sandbox.pool import Limits, Zygote
from tests.unit.sandbox.conftest import BOOT

serving.BOOT = BOOT

async def main():
    zygote = Zygote("nobody")
    children = [await zygote.fork(Limits()) for _ in range(3)]
    for child in children[:2]:
        child.sock.send(answer_frame(json.dumps({"n": "eval", "d": "for (;;);"}).encode()))
    print(json.dumps([zygote.pid, *(child.pid for child in children)]), flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture
def worker() -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process with a zygote and three children, two of them in endless loops."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(ROOT)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate()


def test_a_worker_takes_everything_with_it(worker: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, pids = worker
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    process.kill()
    process.wait()
    until(lambda: not any(lives(pid) for pid in pids))


def test_children_of_a_stopped_zygote_die_with_it(worker: tuple[subprocess.Popen[str], list[int]]) -> None:
    """A zygote that cannot see its worker's end is ended by the kernel, and so are its children."""
    process, pids = worker
    os.kill(pids[0], signal.SIGSTOP)
    process.kill()
    process.wait()
    until(lambda: not any(lives(pid) for pid in pids))


def lives(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "supervisor", "doctor", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=os.environ | environment,
    )


def test_the_doctor_says_which_walls_stand(tmp_path: Path) -> None:
    said = doctor()
    assert (said.returncode, said.stderr) == (0, "")
    assert "stands   filter" in said.stdout
    told = json.loads(doctor("--json").stdout)
    assert told["javascript"] is True
    assert {wall["name"] for wall in told["walls"] if wall["needed"]} == {"filter", "user", "limits"}
    assert all(wall["state"] == "stands" for wall in told["walls"] if wall["needed"])
    assert told["fork_ms"] > 0
    config = tmp_path / "pocker.yaml"
    config.write_text("sandbox: {user: no-such-user}")
    if os.geteuid() == 0:
        refused = doctor("--config", str(config))
        assert refused.returncode == 1
        assert "REFUSED: there is no user 'no-such-user'" in refused.stdout
        told = json.loads(doctor("--json", POCKER_CONFIG=str(config)).stdout)
        assert (told["javascript"], told["walls"]) == (False, [])
    assert doctor("--config", str(tmp_path / "none.yaml")).returncode == 1
    assert doctor("--nonsense").returncode == 2
