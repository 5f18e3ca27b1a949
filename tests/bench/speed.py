"""CPU µs a request and requests a second on one core, for the operations a client does most."""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.bench.data import fill
from tests.bench.machine import Plan, cores, cpu_s, median, on, row, table
from tests.bench.operations import Operation, operations, scripted
from tests.servers import ROOT, Pocker, PocketBase, Server

TENANT = "bench"
SCRIPTS = Path(__file__).with_name("scripts.pb.js")
# Makes the operations of a table: host, the reader's token and id, the plan.
Operations = Callable[[str, str, str, Plan], list[Operation]]
SCRIPTS_NOTE = """The same data, with `tests/bench/scripts.pb.js`. Pocker's CPU is with that of its sandbox processes.
"""
NOTE = """{records} items of 7 fields with public rules; {posts} posts of 10 fields with a text of 60 words, listed by a
reader logged in, under a list rule. The last column is Pocker's CPU by PocketBase's.
"""
HEAD = ["operation", "server", "CPU µs a request", "requests/s on one core", "p50 µs", "p99 µs", "CPU by CPU"]


@dataclass
class Figures:
    """What the rounds of one server and operation gave."""

    cpu_us: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)


def measured(directory: Path, plan: Plan, wanted: list[str]) -> Iterator[str]:
    """The table of the operations with one of `wanted` in their names (none: all of them), row after row."""
    note = f"### A request\n\n{NOTE.format(records=plan.records, posts=plan.posts)}"
    yield from _table(directory, plan, wanted, note, operations, scripts=None)


def measured_scripts(directory: Path, plan: Plan, wanted: list[str]) -> Iterator[str]:
    """As `measured`, of operations that run the tenant's scripts (`scripts.pb.js`)."""
    note = f"### A request that runs scripts\n\n{SCRIPTS_NOTE}"
    yield from _table(directory, plan, wanted, note, scripted, scripts=SCRIPTS)


def _table(
    directory: Path, plan: Plan, wanted: list[str], note: str, made: Operations, *, scripts: Path | None
) -> Iterator[str]:
    pb_data = directory / "real" / "pb_data"
    pb_data.mkdir(parents=True)
    token, reader = fill(pb_data, plan)
    shutil.copytree(pb_data, directory / "seed")
    hooks = directory / "real" / "pb_hooks"
    if scripts is not None:
        hooks.mkdir()
        shutil.copy(scripts, hooks)
    server_cores, _ = cores()
    with on(server_cores):
        real, pocker = PocketBase(pb_data), Pocker(directory / "data", shards=1)
        real.start()
        pocker.start()
    try:
        pocker.run("tenant", "import", TENANT, directory / "seed", *(("--hooks", hooks) if scripts else ()))
        yield note
        yield table(HEAD, []).rstrip()
        for operation in made(f"{TENANT}.localhost", token, reader, plan):
            if not wanted or any(part in operation.name for part in wanted):
                yield from _rows(operation.name, _compare([real, pocker], operation, plan))
    finally:
        real.stop()
        pocker.stop()
    yield ""


def _compare(servers: list[Server], operation: Operation, plan: Plan) -> list[Figures]:
    """Rounds of all servers in turn; A B A B …"""
    figures = [Figures() for _ in servers]
    numbers = [1 for _ in servers]
    for turn in count():
        for at, (server, into) in enumerate(zip(servers, figures, strict=True)):
            before = cpu_s(server.pid)
            seconds = plan.round_s if turn else plan.warm_up_s
            result = _load(server.port, operation, seconds, plan.connections, numbers[at])
            used = cpu_s(server.pid) - before
            numbers[at] = int(result["next"])
            if not turn:
                continue
            into.cpu_us.append(used / result["done"] * 1e6)
            into.per_s.append(result["done"] / result["seconds"])
            into.p50_us.append(result["p50_us"])
            into.p99_us.append(result["p99_us"])
        if turn == plan.rounds:
            break
    return figures


def _load(port: int, operation: Operation, seconds: float, connections: int, first: int) -> dict[str, float]:
    _, load_cores = cores()
    plan = {
        "port": port,
        "seconds": seconds,
        "connections": connections,
        "requests": operation.requests,
        "steps": operation.steps,
        "first": first,
    }
    with on(load_cores):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"],
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    if result["failed"]:
        raise RuntimeError(f"{operation.name}: {result['failed']} of {result['done']} answers were no 2xx")
    return result


def _rows(name: str, figures: list[Figures]) -> Iterator[str]:
    first = statistics.median(figures[0].cpu_us)
    for label, figure in zip(("PocketBase", "Pocker"), figures, strict=True):
        cells = [median(figure.cpu_us), median(figure.per_s), median(figure.p50_us), median(figure.p99_us)]
        cells.append("" if figure is figures[0] else f"{statistics.median(figure.cpu_us) / first:.2f}")
        yield row([name, label, *cells])
        name = ""
