"""More than the promise: 1,500 live tenants in 256 MB, 10,000 in turn in 256 MB, 100,000 registered in 1.6 GB."""

import contextlib
import dataclasses
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from supervisor.contract.layout import TENANTS
from supervisor.contract.shardmap import owner_of
from supervisor.ops.client import ClientError
from tests.bench import cgroup
from tests.bench.confined import SMALL, Confined, Watch, held
from tests.bench.machine import Plan, progress
from tests.bench.oneshot import Lines
from tests.bench.population import Resident
from tests.bench.processes import pss_kb
from tests.bench.report import Section, Table, Target
from tests.bench.settlement import copied, crowded, names_of, removed
from tests.bench.stock import Stock

MB = 1 << 20
SAMPLES = 1000  # of those asked, in the data
KB_PER_MB = 1024
LIMIT_MB = 256
MANY, MANY_LIMIT_MB = 100_000, 1600
IN_TURN, LIVE_OF_THEM, KINDS = 10_000, 800, 1000
ALL_LIVE, LOOP_S = 1500, 30.0
HEAD = ["", "answers", "errors", "p50 ms", "p99 ms", "PSS, MB", "group's peak, MB", "killed"]
NOTE = """In turn: each answer is that of a tenant opened for it; the tenants are copies of 1,000 that differ, so far
from each other that no two of a kind are live at once. Registered: copies of a new one. Both workers are asked at a
time, over one connection each."""


@dataclass
class Visited:
    """Tenants that were asked one after another, in a server of their own."""

    took_ms: list[float] = field(default_factory=list)
    failed: int = 0
    broken: str = ""
    pss_kb: float = 0.0
    peak: int = 0
    killed: int = 0
    ready_s: float = 0.0
    live: int = 0

    @property
    def stood(self) -> bool:
        """Everybody was answered."""
        return not (self.failed or self.broken or self.killed)

    def row(self, name: str) -> list[str]:
        """Of the table."""
        took = sorted(self.took_ms) or [0.0]
        cells = [f"{len(self.took_ms):,}", f"{self.failed}", f"{statistics.median(took):.2f}"]
        cells += [f"{took[len(took) * 99 // 100]:.2f}", f"{self.pss_kb / KB_PER_MB:.0f}", f"{self.peak / MB:.0f}"]
        return [name + (f" ({self.broken})" if self.broken else ""), *cells, f"{self.killed}"]


def measure(section: Section, directory: Path, plan: Plan, stock: Stock) -> None:
    """The three, each as far as it can be done here: without a control group there is nothing to be seen."""
    group = cgroup.Group.make(LIMIT_MB * MB)
    if group is None:
        return
    group.remove()
    data = directory / "data"
    residents = stock.residents(data, plan.residents["stretch"])
    rows: list[list[str]] = []
    section.tables.append(Table("Stretch", HEAD, rows, NOTE))
    for what, piece in (("1,500 live", _all_live), ("10,000 in turn", _all_in_turn), ("100,000 registered", _many)):
        progress(f"stretch: {what}")
        with section.attempt(what):
            rows.append(piece(section, directory, data, residents))


def _all_live(section: Section, _: Path, data: Path, residents: Sequence[Resident]) -> list[str]:
    with _group(LIMIT_MB) as group:
        found = held(Confined(data, group), residents[:ALL_LIVE], 1, LOOP_S, 16)
    section.data["held_1500"] = dataclasses.asdict(found)
    killed, peak = (max((one[name] for one in found.group.values()), default=0) for name in ("killed", "peak"))
    section.targets.append(
        Target(
            f"stretch: {ALL_LIVE:,} live tenants in {LIMIT_MB} MB",
            f"{LOOP_S:.0f} s without an error, a kill, a tenant closed",
            f"{len(found.open_ms):,} opened, {found.done:,} requests, {found.failed} errors"
            + (f"; {found.trouble}" if found.trouble else ""),
            found.stood,
        )
    )
    figures = [f"{found.done:,}", f"{found.failed}", f"{found.p50_ms:.2f}", f"{found.p99_ms:.2f}"]
    figures += [f"{found.last_kb / KB_PER_MB:.0f}", f"{peak / MB:.0f}", f"{killed}"]
    trouble = f" ({found.trouble})" if found.trouble else ""
    return [f"{ALL_LIVE:,} live at once, {LOOP_S:.0f} s{trouble}", *figures]


def _all_in_turn(section: Section, directory: Path, data: Path, residents: Sequence[Resident]) -> list[str]:
    """Two of the same kind are as far from each other as there are kinds, so they are not live together and share
    nothing."""
    kinds = residents[:KINDS]
    many = [dataclasses.replace(kinds[at % len(kinds)], called=f"turn-{at:06}") for at in range(IN_TURN)]
    models = [data / TENANTS / kinds[at % len(kinds)].name for at in range(IN_TURN)]
    copied(directory / "turn", [(model, one.name) for model, one in zip(models, many, strict=True)])
    settings = yaml.safe_load(SMALL.read_bytes()) | {"live_tenants_max": LIVE_OF_THEM // 2}
    path = directory / "turn.yaml"
    path.write_text(yaml.safe_dump(settings))
    # Two rounds: the first reads, the second writes.
    asked = [(one.name, one.requests()[at]) for at in (0, 2) for one in many]
    with _group(LIMIT_MB) as group:
        visited = visits(Confined(directory / "turn", group, config=path), asked)
    removed(directory / "turn")
    section.data["in_turn"] = dataclasses.asdict(visited) | {"took_ms": visited.took_ms[:: max(1, IN_TURN // SAMPLES)]}
    section.targets.append(_target(f"stretch: {IN_TURN:,} tenants in turn in {LIMIT_MB} MB", visited, LIMIT_MB))
    return visited.row(f"{IN_TURN:,} in turn, {LIVE_OF_THEM} of them live")


def _many(section: Section, directory: Path, _: Path, __: Sequence[Resident]) -> list[str]:
    crowded(directory / "model", names_of(1))
    model = directory / "model" / TENANTS / names_of(1)[0]
    names = [f"one-{number:06}" for number in range(MANY)]
    began = time.monotonic()
    copied(directory / "many", [(model, name) for name in names])
    os.sync()
    progress(f"stretch: their files took {time.monotonic() - began:.0f} s")
    users = "GET /api/collections/users/records HTTP/1.1\r\nHost: {}.localhost\r\n\r\n"
    with _group(MANY_LIMIT_MB) as group:
        visited = visits(Confined(directory / "many", group), [(name, users.format(name)) for name in names])
    progress("stretch: their files are removed")
    removed(directory / "many")
    section.data["many"] = dataclasses.asdict(visited) | {"took_ms": visited.took_ms[:: max(1, MANY // SAMPLES)]}
    section.targets.append(_target(f"stretch: {MANY:,} registered, every one answers", visited, MANY_LIMIT_MB))
    return visited.row(f"{MANY:,} registered, every one asked once")


def _group(limit_mb: int) -> cgroup.Group:
    group = cgroup.Group.make(limit_mb * MB)
    if group is None:
        raise RuntimeError("a memory control group can't be had any more")
    return group


def _target(what: str, visited: Visited, limit_mb: int) -> Target:
    value = f"{len(visited.took_ms):,} answers, {visited.failed} errors, {visited.pss_kb / KB_PER_MB:.0f} MB"
    value += f"; {visited.broken}" if visited.broken else ""
    return Target(what, f"all of them, in a group of {limit_mb:,} MB", value, visited.stood)


def visits(server: Confined, requests: Sequence[tuple[str, str]]) -> Visited:
    """Asks one tenant of each shard after another: name and request."""
    found = Visited()
    began = time.monotonic()

    def visit(shard: int) -> None:
        with contextlib.closing(Lines(server)) as lines:
            for tenant, request in requests:
                if owner_of(tenant, server.shards) == shard:
                    took, good = lines.ask(tenant, request)
                    found.took_ms.append(took)
                    found.failed += not good

    with server, contextlib.closing(Watch(server)) as watch:
        found.ready_s = time.monotonic() - began
        try:
            with ThreadPoolExecutor(server.shards) as pool:
                list(pool.map(visit, range(server.shards)))
            found.live = watch.live()
            found.pss_kb = pss_kb(server.pid)
        except (ClientError, OSError, psutil.Error) as error:
            found.broken = f"{type(error).__name__}: {error}"
        if server.group:
            reading = server.group.read()
            found.peak, found.killed = reading.peak, reading.killed
    return found
