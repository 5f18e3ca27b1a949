"""How many live tenants fit into 256 MB: a thousand strangers in a memory control group, and how far it goes.

Alone, with a population that is made once and kept (who tunes memory runs it again and again):

    python -m tests.bench.density DIRECTORY [--tenants N] [--seconds S] [--memory-mb MB] [--shards N] [--config FILE]
"""

import argparse
import contextlib
import dataclasses
import json
import shutil
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cgroup
from tests.bench.confined import NOTE_S, SMALL, TURNS, Confined, Held, held, how_far
from tests.bench.machine import Plan, progress
from tests.bench.oneshot import Lines, asked
from tests.bench.population import Resident
from tests.bench.processes import pss_kb
from tests.bench.report import OURS, REAL, Bars, Section, Table, Target
from tests.bench.settlement import settled
from tests.bench.stock import COLLECTIONS, Stock
from tests.servers import PocketBase

MB = 1 << 20
KB_PER_MB = 1024
LIMIT_MB = 256
TENANTS = 1000
STEP = 100
METHOD = """\
{tenants} tenants, each with a schema of its own: {collections} collections whose names, fields, indexes and rules
differ from tenant to tenant, 10 records in each, 3 users and a superuser; one of them has scripts. The files were made
beforehand; their pages are dropped from the page cache, so that the group pays for what it reads. Then the whole server
(supervisor, workers, the scripts' zygote and processes) starts inside of a memory control group of {limit} MB{kind},
with `configs/small.yaml`. Each tenant is opened by one request; then {connections} connections go round all of them: a
view, a filtered and sorted list, a create, an update and the list of a user logged in, each time on other collections,
five requests to a tenant before the next. All live means: in every report of the workers, once a second, so many
contexts were open, and no event tells of one that was closed.

PSS is the memory of all processes, shared pages counted once. The group's own count also has the page cache that it was
the first to read, which the kernel takes back whenever it is wanted (so the peak reaches the limit wherever there is
more to read than room), and the kernel's own memory for it.
"""


@dataclass(frozen=True)
class Amounts:
    """How much of it."""

    tenants: int
    turns: int  # requests to each tenant before the loop, in fives
    seconds: float
    connections: int
    far: bool  # whether to see how far it goes
    by_collections: tuple[tuple[int, int], ...]  # collections, tenants
    reals: int


SHORT = Amounts(TENANTS, 1, 6.0, 16, far=False, by_collections=((2, 10), (10, 10), (50, 4)), reals=2)
FULL = Amounts(TENANTS, TURNS, 60.0, 16, far=True, by_collections=((2, 100), (10, 100), (50, 20)), reals=4)


def measure(section: Section, directory: Path, plan: Plan, stock: Stock) -> None:
    """The whole part."""
    amounts = plan.either(SHORT, FULL)
    data = directory / "data"
    residents = stock.residents(data, plan.residents["density"])
    found = _add_held(section, data, residents[: amounts.tenants], amounts)
    if amounts.far:
        with section.attempt("how far it goes"):
            _add_limits(section, data, residents)
    with section.attempt("KB a tenant"):
        _add_each(section, directory, amounts, found)
    with section.attempt(REAL):
        _add_real(section, directory, data, residents[: amounts.reals], found)


def _add_held(section: Section, data: Path, residents: Sequence[Resident], amounts: Amounts) -> Held:
    progress(f"density: {len(residents)} live")
    with contextlib.ExitStack() as stack:
        group = cgroup.Group.make(LIMIT_MB * MB)
        if group:
            stack.enter_context(group)
        found = held(Confined(data, group), residents, amounts.turns, amounts.seconds, amounts.connections)
    section.method = METHOD.format(
        tenants=f"{amounts.tenants:,}",
        collections=COLLECTIONS,
        limit=LIMIT_MB,
        kind=f" (version {group.version})" if group else ", which could not be had here: nothing was limited",
        connections=amounts.connections,
    )
    progress(f"density: {'stood' if found.stood else 'did not stand'}: {found.broken or found.events or ''}")
    section.tables += [_held_table(found), _process_table(found)]
    section.data["held"] = dataclasses.asdict(found)
    section.targets.append(
        Target(
            f"{amounts.tenants:,} live tenants in {LIMIT_MB} MB",
            f"{amounts.seconds:.0f} s without an error, a kill, a tenant closed",
            f"{found.done:,} requests, {found.failed} errors, {found.last_kb / KB_PER_MB:.0f} MB"
            + (f"; {found.trouble}" if found.trouble else ""),
            found.stood and group is not None,
        )
    )
    return found


def _held_table(found: Held) -> Table:
    rows = []
    for moment, pss in found.pss_kb.items():
        reading = found.group.get(moment)
        rows.append(
            [
                moment,
                f"{pss / KB_PER_MB:.1f}",
                "" if moment == "started" else f"{found.each_kb(moment):.0f}",
                *((f"{reading[name] / MB:.1f}" for name in GROUP) if reading else [""] * len(GROUP)),
                str(reading["killed"]) if reading else "",
            ]
        )
    note = (
        f"To open one took {statistics.median(found.open_ms):.2f} ms (median). The loop: {found.done:,} requests in "
        f"{found.seconds:.0f} s, {found.failed} errors, p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms, "
        f"{found.cpu_us:.0f} µs CPU a request; least live at any time: {found.live_least:,}."
        if found.open_ms
        else ""
    )
    head = ["moment", "PSS, MB", "KB a tenant", *(f"group: {name}, MB" for name in GROUP), "killed"]
    return Table(f"{found.tenants:,} tenants live at once", head, rows, " ".join([note, found.trouble]).strip())


GROUP = ("used", "peak", "anonymous", "mapped", "cached", "kernel")


def _process_table(found: Held) -> Table:
    names = list(dict.fromkeys(name for processes in found.processes.values() for name in processes))
    rows = [
        [name, *(f"{found.processes[moment].get(name, 0) / KB_PER_MB:.1f}" for moment in found.processes)]
        for name in names
    ]
    return Table("PSS by process, MB", ["process", *found.processes], rows)


def _add_limits(section: Section, data: Path, residents: Sequence[Resident]) -> None:
    progress("density: how far it goes")
    group = cgroup.Group.make(LIMIT_MB * MB)
    if group is None:
        return
    with group:
        live, pss, ended = how_far(Confined(data, group), residents, TENANTS, STEP)
    section.tables.append(
        Table(
            f"How far it goes in {LIMIT_MB} MB",
            ["", "live", "PSS, MB", "KB a tenant, all told"],
            [["tenants until one is closed", f"{live:,}", f"{pss / KB_PER_MB:.0f}", f"{pss / max(live, 1):.0f}"]],
            f"{STEP} more at a time, from {TENANTS:,} on, all of them in use; what ended it: {ended}.",
        )
    )
    section.data["how_far"] = {"live": live, "pss_kb": pss, "ended": ended}


@dataclass(frozen=True)
class Each:
    """What a live tenant takes, in KB: when it has been opened by a request, and when all of it has been used."""

    collections: int
    opened_kb: float
    used_kb: float


def _add_each(section: Section, directory: Path, amounts: Amounts, found: Held) -> None:
    progress("density: KB a tenant by the size of its schema")
    several = [each(directory / f"of{count}", count, tenants) for count, tenants in amounts.by_collections]
    section.data["each"] = [dataclasses.asdict(one) for one in several]
    section.tables.append(
        Table(
            "KB a live tenant, by the size of its schema",
            ["collections of its own", "opened by a request", "all of them used"],
            [[str(one.collections), f"{one.opened_kb:.0f}", f"{one.used_kb:.0f}"] for one in several],
            "PSS of one worker and its supervisor, no group around them, settings as above (SQLite gives back what is "
            "beyond `sql.memory_mb`); used: each collection had each kind of request.",
        )
    )
    bars = {f"{one.collections} collections": one.used_kb for one in several}
    if "loaded" in found.pss_kb:
        bars[f"{COLLECTIONS} collections ({found.tenants:,} tenants)"] = found.each_kb("loaded")
    section.charts.append(Bars("density-each", "A live tenant that has been used", "KB", bars))


def each(data: Path, collections: int, tenants: int) -> Each:
    """Over so many tenants with so many collections of their own, in one worker and no group."""
    warmers = max(2, tenants // 5)
    residents = settled(data, [Resident(at, collections, prefix=f"of{collections}") for at in range(warmers + tenants)])
    warm, counted = residents[:warmers], residents[warmers:]
    turns = max(TURNS, collections)
    with Confined(data, None, shards=1) as server, contextlib.closing(Lines(server)) as lines:
        lines.use(warm, turns)  # what all share is there, and so is what stands ready
        time.sleep(NOTE_S)
        before = pss_kb(server.pid)
        for resident in counted:
            lines.must(resident.name, resident.requests()[0])
        time.sleep(NOTE_S)
        opened = pss_kb(server.pid)
        lines.use(counted, turns)
        time.sleep(NOTE_S)
        used = pss_kb(server.pid)
    return Each(collections, (opened - before) / len(counted), (used - before) / len(counted))


def _add_real(section: Section, directory: Path, data: Path, residents: Sequence[Resident], found: Held) -> None:
    progress(f"density: {REAL}")
    sizes = of_the_real_one(directory / "real", data, residents)
    each_mb = statistics.mean(sizes) / KB_PER_MB
    section.data["real_pss_kb"] = sizes
    ours = found.last_kb / found.tenants / KB_PER_MB
    section.tables.append(
        Table(
            "One tenant, all told",
            ["server", "MB a tenant", f"so in {LIMIT_MB} MB"],
            [
                [REAL, f"{each_mb:.1f}", f"{LIMIT_MB / each_mb:.0f}"],
                [OURS, f"{ours:.2f}", f"{found.tenants:,} were" + ("" if found.stood else " too many")],
            ],
            f"{len(sizes)} {REAL} processes at once, each with the files of one of these tenants, after the same "
            f"requests; PSS, so what they share of the program counts once. {OURS}: all processes by all tenants.",
        )
    )
    section.charts.append(Bars("density-real", "One tenant, all told", "MB", {REAL: each_mb, OURS: ours}))


def of_the_real_one(directory: Path, data: Path, residents: Sequence[Resident]) -> list[float]:
    """PSS in KB of PocketBase processes, all running at once, each with the data of one of them, after the same use."""
    servers: list[PocketBase] = []
    try:
        for resident in residents:
            pb_data = directory / resident.name / "pb_data"
            shutil.copytree(data / "tenants" / resident.name / "pb_data", pb_data)
            servers.append(PocketBase(pb_data).start())
        for server, resident in zip(servers, residents, strict=True):
            with socket.create_connection(("127.0.0.1", server.port)) as line:
                for turn in range(TURNS):
                    for request in resident.requests(turn):
                        if not asked(line, request):
                            raise RuntimeError(f"{REAL}: no 2xx for {request.splitlines()[0]}")
        time.sleep(NOTE_S)
        return [pss_kb(server.pid) for server in servers]
    finally:
        for server in servers:
            server.stop()


def main() -> None:
    """The first table alone, as text."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.density", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the tenants are kept; made if it is missing")
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--memory-mb", type=int, default=LIMIT_MB)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--config", type=Path, default=SMALL)
    options = parser.parse_args()
    data = options.directory / "data"
    residents = settled(data, [Resident(at, COLLECTIONS) for at in range(options.tenants)])
    with contextlib.ExitStack() as stack:
        group = cgroup.Group.make(options.memory_mb * MB)
        if group:
            stack.enter_context(group)
        server = Confined(data, group, options.shards, options.config)
        found = held(server, residents, options.turns, options.seconds, 16)
    for table in (_held_table(found), _process_table(found)):
        print(f"{table.title}\n")
        for row in [table.head, *table.rows]:
            print("  ".join(f"{cell:>16}" for cell in row))
        print(f"\n{table.note}\n")
    print("stood" if found.stood else f"did NOT stand: {json.dumps(found.trouble)}")


if __name__ == "__main__":
    main()
