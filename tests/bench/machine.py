"""Where and how it is measured: the machine, the versions, and the plan of a run."""

import contextlib
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import apsw
import psutil

from tests.bench import report
from tests.servers import ROOT, RUN, find_pocketbase

Amounts = TypeVar("Amounts")


@dataclass(frozen=True)
class Plan:
    """How much is measured, in what all parts share. What only one part needs, it chooses with `either`."""

    name: str
    rounds: int
    round_s: float
    lead_s: float  # of each round, before it counts
    least: int  # answers of each round: it goes on until there are so many
    connections: int
    records: int
    posts: int
    residents: dict[str, int]  # tenants of their own making that a part wants
    takes_s: dict[str, int]  # by part, about, on two cores that have nothing else to do
    operations: tuple[str, ...] = ()  # only those with one of these in their names

    @property
    def full(self) -> bool:
        return self.name == "full"

    def either(self, short: Amounts, full: Amounts) -> Amounts:
        """A part's own amounts for this run."""
        return full if self.full else short

    def minutes(self, parts: Collection[str]) -> float:
        """That these parts take, with what is made for them."""
        return sum(self.takes_s[name] for name in ("stock", *parts)) / 60

    def wants(self, operation: str) -> bool:
        return not self.operations or any(part in operation for part in self.operations)


FULL = Plan(
    "full",
    rounds=5,
    round_s=0.8,
    lead_s=0.2,
    least=24,
    connections=16,
    records=1000,
    posts=10_000,
    residents={"density": 2000, "launch": 300, "ending": 1000, "stretch": 1500},
    takes_s={"stock": 40, "requests": 800, "density": 300, "launch": 130, "growth": 300, "ending": 140, "stretch": 440},
)
SHORT = Plan(
    "short",
    rounds=2,
    round_s=0.3,
    lead_s=0.1,
    least=8,
    connections=16,
    records=1000,
    posts=10_000,
    residents={"density": 1000, "launch": 100, "ending": 1000, "stretch": 1500},
    takes_s={"stock": 20, "requests": 90, "density": 45, "launch": 35, "growth": 40, "ending": 20, "stretch": 440},
)


def progress(text: str) -> None:
    """Tell on stderr what is being done."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


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


def facts() -> dict[str, str]:
    """Where a run takes place, and with what."""
    server, load = cores()
    done = subprocess.run([str(find_pocketbase()), "--version"], capture_output=True, text=True)
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("gunicorn", "falcon", "apsw"))
    memory = psutil.virtual_memory().total / 2**30
    return {
        "Machine": f"{_cpu_model()}, {os.cpu_count()} cores, {memory:.1f} GiB",
        "System": f"{platform.system()} {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}",
        "Load of the machine before": " ".join(f"{load:.2f}" for load in os.getloadavg()) + " (1, 5, 15 minutes)",
        "PocketBase": done.stdout.strip().removeprefix("pocketbase version "),
        "Pocker": f"{importlib.metadata.version('pocker')}{_commit()}, {RUN}, Python {platform.python_version()}, "
        f"{packages}, SQLite {apsw.sqlite_lib_version()}",
        "Cores": f"servers on {_listed(server)}, load generator on {_listed(load)}, where a part pins them",
        "Begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _commit() -> str:
    """Of the source that runs, if it is a git checkout."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=, with changes", "--exclude=*"]
    with contextlib.suppress(OSError):
        done = subprocess.run(git, capture_output=True, text=True)
        return f" ({done.stdout.strip()})" if done.returncode == 0 else ""
    return ""


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _listed(chosen: set[int]) -> str:
    return ",".join(map(str, sorted(chosen)))


def median(values: list[float], digits: int = 0) -> str:
    """`median (lowest-highest)`."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown; the first column is a name, the others are figures."""
    return "\n".join(report.rows(head, rows)) + "\n"
