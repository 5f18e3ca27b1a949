"""What happens to the server: each kind of mischief is one function, which returns when the server has coped with it.

A function gets the `Scene` and says in one line what it did. What it does is drawn from the scene's own generator, so
a seed makes the same plan again (not the same run: the machine has its own mind).
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from supervisor.ops.client import ClientError
from tests.chaos.owners import processes
from tests.process.whole import NOTES, Whole, Wire, until
from tests.smalldisk import SmallDisk

HANG_AFTER_S = 2.0
HEARTBEAT_S = 6
RESERVE_MB = 4
ORPHANS_S = 15.0
"""Within so many seconds after the death of their supervisor its workers must be gone."""
COPE_S = 60.0
KEPT = "not all workers are renewed"
HUNG = "holds the worker"
"""What the server says where it had to be otherwise, as on a machine that is too busy."""
CLOCK_SOURCE = Path(__file__).with_name("clock.c")


class CopeError(AssertionError):
    """The server has not coped with what happened."""


class Clock:
    """The wall clock of one server, where a compiler is at hand to make it ours."""

    def __init__(self, directory: Path) -> None:
        self._offset = directory / "clock"
        self._library = directory / "clock.so"

    def make(self) -> str:
        """Make it; why that is not possible here, or nothing."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return "no C compiler"
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(CLOCK_SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self._offset.write_bytes(bytes(8))
        return done.stderr.strip().split("\n")[0] if done.returncode else ""

    @property
    def environment(self) -> list[str]:
        """What a server's command line has to begin with to live by it."""
        return ["env", f"LD_PRELOAD={self._library}", f"POCKER_CLOCK={self._offset}"]

    def jump(self, offset_s: int) -> None:
        """From now on it is so much ahead of the real one."""
        with self._offset.open("r+b") as file:
            file.write(struct.pack("=q", offset_s))


class Server(Whole):
    """A server that can be killed and lives by a clock of its own, if there is one."""

    clock: Clock | None = None

    def command(self) -> list[str]:
        return [*(self.clock.environment if self.clock else ()), *super().command()]

    def kill(self) -> None:
        """SIGKILL for the supervisor alone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None


@dataclass
class Scene:
    """Where mischief happens. Without a disk or a clock of its own, there is none of that kind."""

    server: Server
    tenants: list[str]
    rng: random.Random
    disk: SmallDisk | None
    stopped: threading.Event

    def wait(self, seconds: float) -> None:
        """The load goes on meanwhile."""
        self.stopped.wait(seconds)

    def worker(self) -> tuple[int, int]:
        """(shard, pid) of some worker."""
        shard = self.rng.randrange(self.server.shards)
        return shard, self.server.pids()[shard]

    def said(self) -> Callable[[], str]:
        """What the server's log has had since now, whenever it is asked."""
        size = self.server.log.stat().st_size

        def since() -> str:
            with self.server.log.open("rb") as file:
                file.seek(size)
                return file.read().decode(errors="replace")

        return since

    def settle(self) -> None:
        """Wait until each shard has its one worker and there are no others."""

        def settled() -> bool:
            wanted = {self.server.pid, *self.server.pids()}
            return set(processes(self.server.directory)) == wanted

        until(settled, "one worker a shard")

    def gone(self, pids: list[int], seconds: float) -> float:
        """Wait for the end of these processes; how long that took."""
        began = time.monotonic()
        while any(_alive(pid) for pid in pids):
            if time.monotonic() - began > seconds:
                raise CopeError(f"the processes {[pid for pid in pids if _alive(pid)]} still live after {seconds} s")
            time.sleep(0.01)
        return time.monotonic() - began


def kill_a_worker(scene: Scene) -> str:
    shard, pid = scene.worker()
    os.kill(pid, signal.SIGKILL)
    scene.server.pids(pid)
    return f"killed the worker of shard {shard}"


def kill_all_workers(scene: Scene) -> str:
    pids = scene.server.pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    scene.server.pids(*pids)
    return "killed all workers at once"


def kill_the_supervisor(scene: Scene) -> str:
    """Its workers must end by themselves, soon; the next start takes the data over."""
    server = scene.server
    server.kill()
    if scene.rng.random() < 0.5:  # either the next one waits for the orphans, or there are none left
        took = scene.gone(processes(server.directory), ORPHANS_S)
        server.start()
    else:
        began = time.monotonic()
        server.start()
        took = time.monotonic() - began
    server.pids()
    return f"killed the supervisor; the next one served after {took:.1f} s"


def stop_a_worker_for_a_moment(scene: Scene) -> str:
    shard, pid = scene.worker()
    seconds = scene.rng.uniform(0.1, HANG_AFTER_S * 0.5)
    os.kill(pid, signal.SIGSTOP)
    scene.wait(seconds)
    os.kill(pid, signal.SIGCONT)
    return f"the worker of shard {shard} stood still for {seconds:.1f} s"


def stop_a_worker_for_good(scene: Scene) -> str:
    """One that stands still in the middle of a request is ended soon, one between two when its heartbeat is missed."""
    shard, pid = scene.worker()
    os.kill(pid, signal.SIGSTOP)
    took = scene.gone([pid], HEARTBEAT_S + ORPHANS_S)
    scene.server.pids(pid)
    return f"the worker of shard {shard} stood still and was ended after {took:.1f} s"


def reload(scene: Scene) -> str:
    """Every worker is replaced, or the server says which one it keeps, as where a successor died on a busy machine."""
    server, before, said = scene.server, scene.server.pids(), scene.said()
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)

    def over() -> bool:
        new = [row["pid"] for row in server.rows() if row["state"] == "serving" and row["pid"] not in before]
        return len(new) == len(before) or KEPT in said()

    until(over, "every worker is replaced")
    scene.settle()
    after = server.pids()
    return f"SIGHUP: {sum(pid not in before for pid in after)} of {len(after)} workers were replaced"


def disturb_a_reload(scene: Scene) -> str:
    """Among the processes that hand their tenants over, one dies or stands still."""
    server = scene.server
    server.pids()
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    scene.wait(scene.rng.uniform(0.0, 0.8))
    workers = [process.pid for process in psutil.Process(server.pid).children()]
    pid, dies = scene.rng.choice(workers), scene.rng.random() < 0.6
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL if dies else signal.SIGSTOP)
        if not dies:
            scene.wait(HANG_AFTER_S * 0.7)
            os.kill(pid, signal.SIGCONT)
    scene.settle()
    return f"SIGHUP, and one of {len(workers)} workers {'was killed' if dies else 'stood still'} meanwhile"


def kill_the_supervisor_in_a_reload(scene: Scene) -> str:
    server = scene.server
    server.pids()
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    scene.wait(scene.rng.uniform(0.0, 0.8))
    return f"SIGHUP, and then {kill_the_supervisor(scene)}"


def upgrade(scene: Scene) -> str:
    before = scene.server.pids()
    try:
        scene.server.do("upgrade")
    except ClientError as error:
        return f"an upgrade was refused: {error}"
    scene.settle()
    after = scene.server.pids()
    return f"upgraded: {sum(pid not in before for pid in after)} of {len(after)} workers are new"


def move_a_tenant(scene: Scene) -> str:
    name = scene.rng.choice(scene.tenants)
    shard = scene.rng.randrange(scene.server.shards)
    try:
        scene.server.do("tenant.move", name=name, shard=shard)
    except ClientError as error:
        return f"moving {name} to shard {shard} was refused: {error}"
    return f"moved {name} to shard {shard}"


def stop_and_start(scene: Scene) -> str:
    status = scene.server.stop()
    if status != 0:
        raise CopeError(f"SIGTERM: the supervisor ended with {status}")
    if left := processes(scene.server.directory):
        raise CopeError(f"SIGTERM left the processes {left} behind")
    scene.server.start()
    scene.server.pids()
    return "stopped and started the server"


def jump_the_clock(scene: Scene) -> str:
    """Forward and back again; nothing that times out may depend on it, and no worker is ended for it."""
    clock, pids, said = scene.server.clock, scene.server.pids(), scene.said()
    assert clock is not None
    offset = scene.rng.choice((3600, -3600, 86_400 * 400, -86_400, 20, -20))
    clock.jump(offset)
    scene.wait(1.5)
    clock.jump(0)
    scene.wait(0.5)
    if scene.server.pids() != pids and HUNG not in said():
        raise CopeError(f"a clock that jumped by {offset} s ended workers")
    return f"the clock jumped by {offset} s and back"


def fill_the_disk(scene: Scene) -> str:
    assert scene.disk is not None
    leave = scene.rng.choice((0, 0, 1 << 16, (RESERVE_MB - 1) << 20))
    scene.disk.fill(leave)
    scene.wait(2.0)
    scene.disk.empty()
    for name in scene.tenants:
        state = scene.server.do("tenant.show", name=name)["state"]
        if state != "active":
            raise CopeError(f"the full disk made {name} {state}")
    return f"somebody filled the disk but for {leave >> 10} KB"


def use_up_the_descriptors(scene: Scene) -> str:
    """A worker may open nothing more for a while, not even a connection."""
    shard, pid = scene.worker()
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    # the limit is one of their numbers, and the lowest free one is always taken next
    few = next(number for number in range(len(taken) + 1) if number not in taken) + scene.rng.choice((0, 0, 2))
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
        for number in range(20):  # clients that come anew, to tenants that may have to be opened
            name = scene.tenants[number % len(scene.tenants)]
            with contextlib.suppress(OSError), Wire(scene.server.port, 0.2) as wire:
                wire.ask("GET", scene.server.host(name), NOTES + "?perPage=1")
            scene.wait(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    for name in scene.tenants:
        state = scene.server.do("tenant.show", name=name)["state"]
        if state != "active":
            raise CopeError(f"too few descriptors made {name} {state}")
    return f"the worker of shard {shard} could open no more than {few} descriptors"


def kill_what_runs_scripts(scene: Scene) -> str:
    """The processes of scripts, or the one that makes them with all of them."""
    shard, pid = scene.worker()
    what = "children"
    with contextlib.suppress(psutil.Error):
        for zygote in psutil.Process(pid).children():
            doomed = zygote.children()
            if scene.rng.random() < 0.5:
                what, doomed = "zygote", [zygote]
            for process in doomed:
                process.kill()
    # one that dies while it starts is not started again for some seconds
    for name in scene.tenants:
        until(lambda name=name: scene.server.ask("GET", name, f"{NOTES}?perPage=1").status == 200, f"{name} serves")
    return f"killed the {what} of scripts of shard {shard}"


Mischief = Callable[[Scene], str]

ALWAYS: tuple[Mischief, ...] = (
    kill_a_worker,
    kill_all_workers,
    kill_the_supervisor,
    stop_a_worker_for_a_moment,
    stop_a_worker_for_good,
    reload,
    disturb_a_reload,
    kill_the_supervisor_in_a_reload,
    upgrade,
    move_a_tenant,
    move_a_tenant,
    stop_and_start,
    use_up_the_descriptors,
    kill_what_runs_scripts,
    kill_what_runs_scripts,
)


def kinds(scene: Scene) -> list[Mischief]:
    """Everything that can happen here."""
    found = list(ALWAYS)
    if scene.disk is not None:
        found.append(fill_the_disk)
    if scene.server.clock is not None:
        found.append(jump_the_clock)
    return found


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
