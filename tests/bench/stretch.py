"""More than the promise: 1,500 live tenants in 256 MB, 10,000 in turn in 256 MB, 100,000 registered in 1.6 GB."""

import contextlib
import dataclasses
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from supervisor.contract.layout import TENANTS
from supervisor.ops.client import ClientError
from tests.bench import cgroup
from tests.bench.confined import SMALL, Confined, Watch, held
from tests.bench.machine import progress
from tests.bench.oneshot import Lines
from tests.bench.population import Resident, register
from tests.bench.processes import pss_kb
from tests.bench.report import Section, Table, Target

MB = 1 << 20
KB_PER_MB = 1024
LIMIT_MB = 256
MANY, MANY_LIMIT_MB = 100_000, 1600
IN_TURN, LIVE_OF_THEM = 10_000, 800
ALL_LIVE, LOOP_S = 1500, 30.0
HEAD = ["", "answers", "errors", "p50 ms", "p99 ms", "PSS, MB", "group's peak, MB", "killed"]


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


def add(section: Section, directory: Path, data: Path, residents: Sequence[Resident]) -> None:
    """The three, each as far as it can be done here: without a control group there is nothing to be seen."""
    rows = []
    with contextlib.ExitStack() as stack:
        group = _group(stack, LIMIT_MB)
        if group is None:
            return
        progress(f"density: {ALL_LIVE} live")
        found = held(Confined(data, group), residents[:ALL_LIVE], 1, LOOP_S, 16)
        section.data["held_1500"] = dataclasses.asdict(found)
        took = sorted(found.open_ms) or [0.0]
        killed, peak = (max(one[name] for one in found.group.values()) for name in ("killed", "peak"))
        figures = [f"{found.done:,}", f"{found.failed}", f"{found.p50_ms:.2f}", f"{found.p99_ms:.2f}"]
        figures += [f"{found.last_kb / KB_PER_MB:.0f}", f"{peak / MB:.0f}", f"{killed}"]
        rows.append(
            [f"{ALL_LIVE:,} live at once, {LOOP_S:.0f} s" + (f" ({found.trouble})" * bool(found.trouble)), *figures]
        )
        section.targets.append(
            Target(
                f"stretch: {ALL_LIVE:,} live tenants in {LIMIT_MB} MB",
                f"{LOOP_S:.0f} s without an error, a kill, a tenant closed",
                f"{len(took):,} opened, {found.failed} errors" + (f"; {found.trouble}" if found.trouble else ""),
                found.stood,
            )
        )
    progress(f"density: {IN_TURN} in turn")
    many = multiplied(data, directory / "turn", residents[:1000], IN_TURN)
    settings = yaml.safe_load(SMALL.read_bytes()) | {"live_tenants_max": LIVE_OF_THEM // 2}
    path = directory / "turn.yaml"
    path.write_text(yaml.safe_dump(settings))
    with contextlib.ExitStack() as stack:
        group = _group(stack, LIMIT_MB)
        visited = visits(Confined(directory / "turn", group, config=path), _in_turn(many))
    rows.append(visited.row(f"{IN_TURN:,} in turn, {LIVE_OF_THEM} of them live"))
    section.data["in_turn"] = dataclasses.asdict(visited)
    section.targets.append(_target(f"stretch: {IN_TURN:,} tenants in turn in {LIMIT_MB} MB", visited, LIMIT_MB))
    shutil.rmtree(directory / "turn")
    progress(f"density: {MANY} registered")
    began = time.monotonic()
    names = copied(data, directory / "many", MANY)
    progress(f"density: their files took {time.monotonic() - began:.0f} s")
    with contextlib.ExitStack() as stack:
        group = _group(stack, MANY_LIMIT_MB)
        server = Confined(directory / "many", group)
        visited = visits(
            server,
            (
                (name, f"GET /api/collections/users/records HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n")
                for name in names
            ),
        )
    rows.append(visited.row(f"{MANY:,} registered, every one asked once"))
    section.data["many"] = dataclasses.asdict(visited) | {"took_ms": visited.took_ms[:: MANY // 1000]}
    section.targets.append(_target(f"stretch: {MANY:,} registered, every one answers", visited, MANY_LIMIT_MB))
    shutil.rmtree(directory / "many")
    section.tables.append(Table("Stretch", HEAD, rows, "In turn: each answer is that of a tenant opened for it."))


def _group(stack: contextlib.ExitStack, limit_mb: int) -> cgroup.Group | None:
    group = cgroup.Group.make(limit_mb * MB)
    return stack.enter_context(group) if group else None


def _target(what: str, visited: Visited, limit_mb: int) -> Target:
    value = f"{len(visited.took_ms):,} answers, {visited.failed} errors, {visited.pss_kb / KB_PER_MB:.0f} MB"
    value += f"; {visited.broken}" if visited.broken else ""
    return Target(what, f"all of them, in a group of {limit_mb:,} MB", value, visited.stood)


def visits(server: Confined, requests: Iterator[tuple[str, str]]) -> Visited:
    """Asks one tenant after another."""
    found = Visited()
    began = time.monotonic()
    with server, contextlib.closing(Watch(server)) as watch:
        found.ready_s = time.monotonic() - began
        lines = Lines(server)
        try:
            for tenant, request in requests:
                took, good = lines.ask(tenant, request)
                found.took_ms.append(took)
                found.failed += not good
            found.live = watch.live()
            found.pss_kb = pss_kb(server.pid)
        except (ClientError, OSError, psutil.Error) as error:
            found.broken = f"{type(error).__name__}: {error}"
        finally:
            lines.close()
        if server.group:
            reading = server.group.read()
            found.peak, found.killed = reading.peak, reading.killed
    return found


def _in_turn(residents: Sequence[Resident]) -> Iterator[tuple[str, str]]:
    """Two rounds: the first reads, the second writes."""
    for at in (0, 2):
        for resident in residents:
            yield resident.name, resident.requests()[at]


def multiplied(source: Path, data: Path, residents: Sequence[Resident], count: int) -> list[Resident]:
    """So many tenants in a new data directory: copies of these under other names. Two of the same kind are as far from
    each other as there are kinds, so they are not live together and share nothing."""
    made = []
    for number in range(count):
        one = residents[number % len(residents)]
        copy = dataclasses.replace(one, called=f"turn-{number:06}")
        shutil.copytree(source / TENANTS / one.name, data / TENANTS / copy.name)
        made.append(copy)
    register(data, [one.name for one in made])
    return made


def copied(source: Path, data: Path, count: int) -> list[str]:
    """So many new tenants in a new data directory, each with files of its own; their names."""
    template = source / "template"
    files = sorted(template.rglob("*.db"))
    names = [f"one-{number:06}" for number in range(count)]
    (data / TENANTS).mkdir(parents=True)
    for name in names:
        pb_data = f"{data}/{TENANTS}/{name}/pb_data"
        os.makedirs(pb_data)  # noqa: PTH103 (100,000 of them)
        for file in files:
            shutil.copyfile(file, f"{pb_data}/{file.name}")
    register(data, names)
    return names
