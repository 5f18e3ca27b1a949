"""Where and how it is measured: the machine, the versions, the plan of a run, and readings of processes."""

import dataclasses
import importlib.metadata
import os
import platform
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import apsw
import psutil

from tests.servers import find_pocketbase


@dataclass(frozen=True)
class Plan:
    """How much is measured. `tenants` is the largest number of live tenants; `steps` are where memory is read."""

    name: str
    rounds: int
    round_s: float
    warm_up_s: float
    connections: int
    records: int
    posts: int
    tenants: int
    creates: int
    commands: int

    @property
    def steps(self) -> list[int]:
        return sorted({1, max(2, self.tenants // 5), self.tenants})

    def changed(self, rounds: int | None, seconds: float | None, tenants: int | None) -> Self:
        return dataclasses.replace(
            self, rounds=rounds or self.rounds, round_s=seconds or self.round_s, tenants=tenants or self.tenants
        )


FULL = Plan("full", 7, 3.0, 1.0, 8, 1000, 10_000, 500, 100, 10)
QUICK = Plan("quick", 2, 0.5, 0.3, 8, 200, 2000, 20, 10, 2)


def cores() -> tuple[set[int], set[int]]:
    """The core the servers run on, and those of the load generator (the same where there is only one)."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[0]}, set(allowed[1:]) or {allowed[0]}


@contextmanager
def on(chosen: set[int]) -> Iterator[None]:
    """Processes that are started inside run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def described(plan: Plan) -> str:
    """The head of the report."""
    server, load = cores()
    pocketbase = subprocess.run([str(find_pocketbase()), "--version"], capture_output=True, text=True).stdout.strip()
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("gunicorn", "falcon", "apsw"))
    pocker = importlib.metadata.version("pocker")
    memory = psutil.virtual_memory().total / 2**30
    return f"""## Benchmark ({plan.name})

* {_cpu_model()}, {os.cpu_count()} cores, {memory:.1f} GiB, {platform.system()} {platform.release()}
* {pocketbase}
* Pocker {pocker}, Python {platform.python_version()}, {packages}, SQLite {apsw.sqlite_lib_version()}
* Servers on core {_listed(server)}, load generator on {_listed(load)}; both request logs on (their default).
* {plan.rounds} rounds of {plan.round_s} s, PocketBase and Pocker in turn, after {plan.warm_up_s} s of warm-up each;
  {plan.connections} kept-alive connections, one request at a time on each. CPU is user + system of all processes of a
  server (`/proc/PID/stat`). Median (lowest-highest).
"""


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _listed(chosen: set[int]) -> str:
    return ",".join(map(str, sorted(chosen)))


def family(pid: int) -> list[psutil.Process]:
    """The process and everything it started."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """CPU seconds the server's processes have used so far."""
    times = [process.cpu_times() for process in family(pid)]
    return sum(time.user + time.system for time in times)


def pss_kb(pid: int) -> float:
    """Proportional set size of the server's processes: shared pages counted once."""
    return sum(process.memory_full_info().pss for process in family(pid)) / 1024


def median(values: list[float], digits: int = 0) -> str:
    """`median (lowest-highest)`."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(map(row, lines)) + "\n"


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
