"""The tick: what the kernel, the slots, the directory and the workers tell becomes what the policy decides upon."""

import logging
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from supervisor.accounting.ledger import Ledger
from supervisor.accounting.machine import Machine
from supervisor.accounting.sampler import ProcessSample, Sampler
from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.settings import Policy, Settings
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.slots import Slots
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import TenantUsage, WorkerUsage
from supervisor.tick import Tick

NS = 1_000_000_000
LOG = logging.getLogger("test")
SETTINGS = Settings(plans={"default": Plan(), "small": Plan(cpu_percent=20.0, weight=10)})


class Blind(Sampler):
    """The kernel tells nothing: the supervisor is out of descriptors."""

    def sample(self, pids: Iterable[int], *args: Any) -> dict[int, ProcessSample]:
        return {}


class Broken(Sampler):
    """What nobody has thought of."""

    def sample(self, pids: Iterable[int], *args: Any) -> dict[int, ProcessSample]:
        raise IndexError(f"on purpose: {list(pids)}")


class Hands:
    """Remembers what was asked of it, and keeps the verdicts as the real ones do."""

    def __init__(self) -> None:
        self.signals: list[tuple[int, int]] = []
        self.verdicts: dict[str, Verdict] = {}
        self.asked: list[tuple[Any, ...]] = []

    def send_signal(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))

    def judge(self, verdict: Verdict) -> None:
        if verdict.is_free:
            self.verdicts.pop(verdict.name, None)
        else:
            self.verdicts[verdict.name] = verdict

    def suspend(self, name: str, reason: str) -> None:
        self.asked.append(("suspend", name, reason))

    def move(self, name: str, shard: int, reason: str) -> None:
        self.asked.append(("move", name, shard, reason))

    def recycle(self, shard: int, reason: str) -> None:
        self.asked.append(("recycle", shard, reason))

    def trim(self, shard: int, idle_s: float, largest: int) -> None:
        self.asked.append(("trim", shard, idle_s, largest))


class BrokenMachine(Machine):
    """The kernel has another form for its figures, but not at first."""

    __slots__ = ("asked",)

    def kills(self) -> int:
        if hasattr(self, "asked"):
            raise ValueError("on purpose")
        self.asked = True
        return 0


class Scene:
    """A tick with two shards and its surroundings."""

    def __init__(self, sampler: Sampler | None = None, settings: Settings = SETTINGS, machine: Machine | None = None):
        self.now = 1000.0
        self.settings = settings
        self.slots, self.hands = Slots(4), Hands()
        self.ledger = Ledger(clock=lambda: self.now)
        self.directory = Directory(first_routes(2), "localhost", False)
        self.tick = Tick(
            *(settings, self.directory, self.slots, sampler or Blind(), self.ledger, self.hands, LOG),
            self.hands.verdicts,
            machine or Machine(Path("/nowhere"), Path("/nowhere")),
        )

    def add(self, name: str, shard: int, plan: str = "default", state: TenantState = TenantState.ACTIVE) -> None:
        self.directory.put(Tenant(name, state, shard, plan=plan))

    def report(self, shard: int, *tenants: TenantUsage, lag_ms: float = 0.0) -> None:
        told = WorkerUsage(shard, 100 + shard, berth=shard, live_tenants=len(tenants), lag_ms=lag_ms)
        told.tenants = list(tenants)
        self.ledger.book(told)

    def look(self, seconds: float = 1.0) -> None:
        workers = [(0, 0, 100), (1, 1, 101)]
        self.tick.run(workers, int(self.now * NS), self.settings)
        self.now += seconds

    def kinds(self) -> list[str]:
        return [event.kind for event in self.ledger.events.events()]


@pytest.mark.parametrize("sampler", [Sampler(), Blind()])
def test_a_hung_worker_is_aborted_then_killed_whatever_the_kernel_tells(sampler: Sampler) -> None:
    scene = Scene(sampler)
    scene.now = 14.0
    scene.slots.claim(1, "greedy", 5 * NS)
    for _ in range(3):
        scene.look()
    assert scene.hands.signals == [(101, signal.SIGABRT), (101, signal.SIGKILL)]
    account = scene.ledger.get("greedy")
    assert account is not None
    assert account.hangs == 1
    verdict = scene.tick.verdict("greedy")
    assert verdict is not None
    assert (verdict.blocked_until, scene.hands.verdicts) == (15.0 + 10.0, {"greedy": verdict})
    assert scene.kinds() == ["hang", "blocked"]


def test_a_look_that_fails_does_not_end_the_server(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(Broken(), machine=BrokenMachine(Path("/nowhere"), Path("/nowhere")))
    scene.look()
    scene.tick.died(0, 100, signal.SIGKILL, ("greedy", 1))
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_who_floods_is_slowed_down_by_its_plan_and_a_pardon_lifts_it() -> None:
    scene = Scene()
    scene.add("flood", 0, "small")
    scene.add("victim", 0)
    for _ in range(40):
        busy = TenantUsage("flood", ok=900, cpu_loop_ms=600.0, live=True)
        scene.report(0, busy, TenantUsage("victim", ok=5, cpu_loop_ms=20.0, live=True))
        scene.look()
        if scene.hands.verdicts:
            break
    verdict = scene.hands.verdicts["flood"]
    assert verdict.cpu_percent == 20.0
    assert "where its plan is 20 %" in verdict.reason
    assert scene.now - 1000 <= 25
    assert "victim" not in scene.hands.verdicts
    scene.tick.pardon("flood", "mercy")
    assert scene.hands.verdicts == {}
    assert scene.kinds() == ["throttled", "free"]


@pytest.mark.parametrize("state", [TenantState.SUSPENDED, TenantState.FAILED, None])
def test_who_does_not_serve_is_not_looked_at(state: TenantState | None) -> None:
    scene = Scene()
    if state is not None:
        scene.add("flood", 0, "small", state)
    scene.add("victim", 0)
    for _ in range(60):
        scene.report(0, TenantUsage("flood", ok=900, cpu_loop_ms=600.0), TenantUsage("victim", ok=5, cpu_loop_ms=20.0))
        scene.look()
    assert scene.hands.verdicts == {}


def test_another_plan_counts_at_once() -> None:
    scene = Scene()
    scene.add("flood", 0)
    scene.add("victim", 1)
    flood = TenantUsage("flood", ok=900, cpu_loop_ms=600.0, live=True)
    for second in range(100):
        scene.report(0, flood)
        scene.report(1, TenantUsage("victim", ok=50, cpu_loop_ms=20.0, live=True))
        scene.look()
        if second == 50:
            assert scene.hands.verdicts == {}, "with its first plan it may"
            scene.add("flood", 0, "small")
    assert "where its plan is 20 %" in scene.hands.verdicts["flood"].reason


def machine(tmp_path: Path, kills: int) -> Machine:
    (tmp_path / "self").mkdir(exist_ok=True)
    (tmp_path / "vmstat").write_text(f"nr_free_pages 1\noom_kill {kills}\noom_kills 99\n")
    return Machine(tmp_path, tmp_path)


def test_a_worker_that_died_in_a_request_is_paid_for_before_the_next_is_forked(tmp_path: Path) -> None:
    scene = Scene(machine=machine(tmp_path, 3))
    holder = ("greedy", 1)
    for status in (0, 5 << 8, signal.SIGTERM, signal.SIGKILL):
        scene.tick.died(0, 100, status, holder)
        assert scene.hands.verdicts == {}, f"status {status} is not its doing"
    scene.tick.died(0, 101, signal.SIGSEGV, None)
    assert scene.hands.verdicts == {}, "nobody was served"
    scene.tick.died(0, 102, signal.SIGSEGV | 0x80, holder)
    assert "died of SIGSEGV" in scene.hands.verdicts["greedy"].reason
    scene.tick.pardon("greedy", "mercy")
    machine(tmp_path, 4)
    scene.tick.died(0, 103, signal.SIGKILL, holder)
    assert "out of memory" in scene.hands.verdicts["greedy"].reason
    scene.tick.pardon("greedy", "mercy")
    scene.tick.died(0, 104, signal.SIGKILL, holder)
    assert scene.hands.verdicts == {}, "the kernel has killed nobody since"


def test_memory_near_the_limit_is_given_back() -> None:
    used_kb = Sampler().pss_kb(os.getpid())
    assert used_kb is not None
    policy = replace(Policy(), memory_mb=max(1, used_kb // 1024))
    scene = Scene(Sampler(), replace(SETTINGS, policy=policy))
    scene.report(1, TenantUsage("idle", ok=1, live=True))
    scene.look()
    assert scene.hands.asked == [("trim", 1, 60.0, 0)]
    assert scene.kinds() == ["trimmed"]


def test_while_tenants_change_owners_only_hangs_are_looked_for() -> None:
    scene = Scene()
    scene.tick.busy = lambda: True
    scene.add("flood", 0, "small")
    scene.add("victim", 0)
    scene.slots.claim(1, "stuck", int(900 * NS))
    for _ in range(60):
        scene.report(0, TenantUsage("flood", ok=900, cpu_loop_ms=600.0), TenantUsage("victim", ok=5, cpu_loop_ms=20.0))
        scene.look()
    assert list(scene.hands.verdicts) == []
    assert scene.hands.signals[0] == (101, signal.SIGABRT)


def test_what_is_remembered_goes_from_one_image_of_the_supervisor_to_the_next() -> None:
    scene = Scene()
    scene.slots.claim(1, "greedy", int(900 * NS))
    scene.look()
    after = Scene()
    after.tick.recall(scene.tick.keep())
    assert after.tick.verdict("greedy") == scene.tick.verdict("greedy")
    # an older release's: what is in force is lifted
    after = Scene()
    after.hands.verdicts.update(scene.hands.verdicts)
    after.tick.recall({"something": "else"})
    after.look()
    assert after.hands.verdicts == {}


@pytest.mark.parametrize(
    ("cgroup", "files", "limit_mb"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "104857600\n", "a/memory.max": "max\n"}, 100),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "52428800\n"}, 50),
        ("0::/\n", {"memory.max": "max\n"}, 0),
        ("0::/gone\n", {"memory.max": "104857600\n"}, 100),
        ("9:cpu:/x\n4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, 0),
        ("4:memory:/x\n", {"memory/memory.limit_in_bytes": "209715200\n"}, 200),
        ("4:cpu,memory:/x\n0::/\n", {"memory/x/memory.limit_in_bytes": "209715200\n"}, 200),
        ("", {}, 0),
    ],
)
def test_the_control_groups_limit(tmp_path: Path, cgroup: str, files: dict[str, str], limit_mb: int) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(cgroup)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = Machine(root, proc)
    assert found.memory_limit_kb() == limit_mb * 1024
    assert found.kills() == 0


STAT_1 = "cache 900000000\nrss 1024\ntotal_cache 900000000\ntotal_rss 20971520\ntotal_shmem 1048576\n"
STAT_2 = (
    "anon 20971520\nfile 900000000\nkernel_stack 1048576\nshmem 0\nslab_reclaimable 9999999\nslab_unreclaimable 1024\n"
)


@pytest.mark.parametrize(
    ("cgroup", "files", "used_kb"),
    [
        ("4:memory:/x\n", {"memory.limit_in_bytes": "209715200\n", "memory.stat": STAT_1}, 21 * 1024),
        (
            "4:memory:/x\n",
            {"memory.limit_in_bytes": "209715200", "memory.stat": STAT_1, "memory.kmem.usage_in_bytes": "1048576\n"},
            22 * 1024,
        ),
        ("0::/x\n", {"memory.max": "209715200\n", "memory.stat": STAT_2}, 21 * 1024 + 1),
        ("0::/x\n", {"memory.max": "max\n", "memory.stat": STAT_2}, 0),
        ("0::/x\n", {"memory.max": "209715200\n"}, 0),
        ("0::/x\n", {"memory.max": "209715200\n", "memory.stat": "anon\nshmem -\n\n"}, 0),
    ],
)
def test_what_the_control_group_takes_without_the_page_cache(
    tmp_path: Path, cgroup: str, files: dict[str, str], used_kb: int
) -> None:
    group = tmp_path / ("memory/x" if "memory" in cgroup else "x")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text(cgroup)
    group.mkdir(parents=True)
    for name, text in files.items():
        (group / name).write_text(text)
    found = Machine(tmp_path, tmp_path)
    assert found.memory_used_kb() == used_kb
    if used_kb:  # without the group's word it goes by the processes, which here are the tests' own
        scene = Scene(Sampler(), machine=found)
        scene.report(1, TenantUsage("idle", ok=1, live=True))
        scene.look()
        assert scene.hands.asked == [], "far from the limit"
        text = files["memory.stat"].replace("20971520", str(190 << 20))
        (group / "memory.stat").write_text(text)
        scene.look()
        assert scene.hands.asked == [("trim", 1, 60.0, 0)], "what runs scripts counts too"
