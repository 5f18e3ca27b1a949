"""How long the server takes until it serves, and until it has ended under load."""

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from supervisor.contract.layout import TENANTS
from supervisor.contract.shardmap import owner_of
from tests.bench.births import as_installed, born, died
from tests.bench.confined import NOTE_S
from tests.bench.machine import Plan, median, progress
from tests.bench.processes import pss_kb
from tests.bench.report import OURS, REAL, Chart, Section, Table, Target
from tests.bench.rush import http, rush
from tests.bench.settlement import crowded, names_of, register
from tests.bench.stock import Stock
from tests.servers import ROOT, Pocker, PocketBase, Server

SHARDS = 2
LIVE = 1000
READY_MS, END_MS = 1000.0, 2000.0
TARGETED = 10_000  # registered, in the target for the start
AT_ONCE = 16
LOAD_S = 1.5
HOOK = "onRecordsListRequest((e) => { e.next() })\n"

METHOD = f"""\
*Start*: from `exec` until a first request to a tenant of each of the {SHARDS} workers is answered with 200 (asked every
half millisecond), so all that listens does. Byte code of the sources is there, as after any first start.
*Stop*: {LIVE:,} tenants are live, no two alike, some of them just written to; connections are busy with views,
lists, creates and updates, and one of the tenants has a hook that runs for each of its lists. From SIGTERM until the
process and all of its workers are gone, with everything finished that had been asked. The real one, in turn, on the
data directory of one of these tenants, with the same requests for it.
"""


@dataclass(frozen=True)
class Amounts:
    """How much of it; `rows` are numbers of tenants that are registered for the start alone, most without files."""

    rows: tuple[int, ...]
    births: int
    deaths: int
    connections: tuple[int, ...]


SHORT = Amounts((10, TARGETED), 3, 2, (64,))
FULL = Amounts((10, 1_000, TARGETED, 100_000), 7, 5, (8, 64))


def measure(section: Section, directory: Path, plan: Plan, stock: Stock) -> None:
    """The whole part."""
    as_installed()
    amounts = plan.either(SHORT, FULL)
    section.method = METHOD
    with section.attempt("start"):
        _tell_starts(section, *_starts(directory / "start", amounts))
    progress("ending: starts are measured")
    with section.attempt("stop"):
        _tell_stops(section, _stops(directory / "stop", amounts, stock))


# -- start -------------------------------------------------------------------------------------------------------------


def _starts(directory: Path, amounts: Amounts) -> tuple[dict[int, list[float]], dict[int, float], list[float]]:
    """Milliseconds until it serves, and PSS in KB when it has settled, by tenants registered; the real one's."""
    data, known = directory / "data", 0
    real = PocketBase(directory / "real" / "pb_data")
    with real, Pocker(data, SHARDS):
        pass
    starts: dict[int, list[float]] = {}
    memory: dict[int, float] = {}
    real_starts: list[float] = []
    asked: list[tuple[str, str]] = []
    for count in amounts.rows:
        names = names_of(count - known, known)
        if not known:
            crowded(data, names)
            first = {owner_of(name, SHARDS): name for name in names}
            asked = [(f"{name}.localhost", "/api/health") for name in first.values()]
        else:
            register(data, names)
        known = count
        for _ in range(amounts.births):
            real_starts.append(_lived(real, [("127.0.0.1", "/api/health")]))
            starts.setdefault(count, []).append(_lived(Pocker(data, SHARDS), asked))
        with Pocker(data, SHARDS) as pocker:
            time.sleep(NOTE_S)
            memory[count] = pss_kb(pocker.pid)
    return starts, memory, real_starts


def _lived(server: Server, asked: Sequence[tuple[str, str]]) -> float:
    if isinstance(server, Pocker):
        server.configure()
    took = born(server, asked)
    server.stop()
    return took


# -- stop --------------------------------------------------------------------------------------------------------------


def _stops(directory: Path, amounts: Amounts, stock: Stock) -> dict[tuple[str, int], list[float]]:
    """Milliseconds until it has ended, by server and busy connections."""
    data = directory / "data"
    residents = stock.residents(data, LIVE)
    hooks = data / TENANTS / residents[0].name / "pb_hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "main.pb.js").write_text(HOOK)
    kept = directory / "real" / "pb_data"
    shutil.copytree(data / TENANTS / residents[1].name / "pb_data", kept)
    first = [one.requests()[4].encode() for one in residents]
    requests = [request for one in residents for request in one.requests()]
    stops: dict[tuple[str, int], list[float]] = {}
    for _ in range(amounts.deaths):
        for connections in amounts.connections:
            for server, load, opening in (
                (PocketBase(kept), residents[1].requests(), []),
                (Pocker(data, SHARDS), requests, first),
            ):
                name = REAL if isinstance(server, PocketBase) else OURS
                stops.setdefault((name, connections), []).append(_ended(server, load, opening, connections))
    return stops


def _ended(server: Server, load: Sequence[str], opening: Sequence[bytes], connections: int) -> float:
    with server:
        if opening:
            rush(http(server.port), opening, AT_ONCE)
        with _busy(server.port, load, connections):
            time.sleep(LOAD_S)
            return died(server)


@contextlib.contextmanager
def _busy(port: int, requests: Sequence[str], connections: int) -> Iterator[None]:
    """Connections that are busy until the server closes them."""
    plan = {"port": port, "seconds": 60, "connections": connections, "requests": requests, "steps": 1, "first": 1}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(plan) + "\n")
        process.stdin.close()
        try:
            yield
        finally:
            process.kill()


# -- the report --------------------------------------------------------------------------------------------------------


def _tell_starts(
    section: Section, starts: dict[int, list[float]], memory: dict[int, float], real_starts: list[float]
) -> None:
    fewest = min(memory)
    started = [[REAL, "1", median(real_starts, 0), "", ""]]
    for count, values in starts.items():
        each = f"{(memory[count] - memory[fewest]) / (count - fewest):.2f}" if count > fewest else ""
        started.append([OURS, f"{count:,}", median(values, 0), f"{memory[count] / 1024:.1f}", each])
    head = ["", "tenants registered", "ms until it serves", "PSS, MB", "KB a registered tenant"]
    section.tables.append(Table("Start", head, started, f"PSS is of all processes, {NOTE_S} s later."))
    lines = {OURS: [(float(count), statistics.median(values)) for count, values in starts.items()]}
    title = "Start against tenants registered"
    section.charts.append(
        Chart("start-registered", title, "tenants registered", "ms until it serves", lines, log_x=True)
    )
    ready = statistics.median(starts[TARGETED])
    what = f"start with {TARGETED:,} tenants registered"
    section.targets.append(Target(what, "< 1 s", f"{ready:.0f} ms", ready < READY_MS))
    section.data["ready_ms"] = {OURS: starts, REAL: real_starts}
    section.data["pss_kb"] = memory


def _tell_stops(section: Section, stops: dict[tuple[str, int], list[float]]) -> None:
    head = ["", "busy connections", "ms from SIGTERM to the end"]
    rows = [[name, str(connections), median(values, 0)] for (name, connections), values in sorted(stops.items())]
    section.tables.append(Table("Stop under load", head, rows))
    worst = max(max(values) for (name, _), values in stops.items() if name == OURS)
    what = f"SIGTERM to exit under load, {LIVE:,} live"
    section.targets.append(Target(what, "< 2 s", f"{worst:.0f} ms at most", worst < END_MS))
    section.data["end_ms"] = {
        f"{name}, {connections} connections": values for (name, connections), values in stops.items()
    }
