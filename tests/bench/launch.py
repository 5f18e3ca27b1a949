"""How long a tenant takes to come into being, and one that is not live to answer; how that grows with their number."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.contract.layout import CONTROL_SOCKET
from supervisor.ops.client import Session
from tests.bench.births import as_installed, born
from tests.bench.machine import Plan, median, progress
from tests.bench.population import Resident
from tests.bench.report import OURS, REAL, Chart, Section, Table, Target
from tests.bench.rush import Line, http, rush, unix
from tests.bench.settlement import crowded, names_of
from tests.bench.stock import Stock
from tests.servers import ROOT, Pocker, PocketBase

SHARDS = 2
AT_ONCE = 32
OPEN_P50_MS, OPEN_P99_MS, CREATE_MS = 2.0, 5.0, 5.0
GROWTH_MAX = 1.25  # what counts as none: the figure with the most over that with the fewest, on a machine with noise
SETTLE_S = 1.5  # past a report
LOOK_EVERY_S = 0.2
CLOSED_S = 60.0
SETTINGS: dict[str, Any] = {"idle_close_s": 0.5}  # so that the same tenants can be opened again and again
USERS = "/api/collections/users/records"

METHOD = f"""\
One data directory with more and more tenants registered, each with files of its own; {SHARDS} workers, the settings'
defaults but for `idle_close_s`, by which tenants are closed again between the rounds; no pinning to cores. The page
cache is warm. Each operation has a connection of its own and is timed from `connect` to the last byte, by one process
that shares the machine with the server; {AT_ONCE} at once: whoever is answered makes room for the next.

* *Open*: the first request (a guest's list of users) to a tenant that is not live, at the server's port. The tenants
  have five collections of their own making, no two alike. *Again*: the same request to the same tenants, live by then.
  *Open as a user*: the first request is a user's, with a token, a filter and rules to be compiled, to a collection of
  the tenant's own.
* *Create*: `tenant.create` on the control socket: the answer comes when the registry and the tenant's data are on the
  disk (fsync) and every worker knows it. *Create and ask*: with a first request to the new tenant. There is no HTTP API
  that creates tenants. *Command*: `pocker tenant create NAME`, a process of its own.
* The real one: `exec` of its process until `/api/health` answers 200, asked every half millisecond, on a new data
  directory and on one that it has served before; in turn with Pocker's rounds.
"""


@dataclass(frozen=True)
class Amounts:
    """How much of it."""

    registered: tuple[int, ...]
    opened: int  # one at a time
    few: int  # the same where there are ten tenants, which have to be closed each time
    rounds: int  # of opening all residents, many at once
    created: int
    commands: int
    births: int


SHORT = Amounts((10, 1_000, 10_000), 50, 20, 1, 25, 2, 3)
FULL = Amounts((10, 1_000, 10_000), 1_200, 50, 2, 300, 10, 15)


class Stage:
    """A running server with so many tenants; `samples` are milliseconds by what was done."""

    def __init__(self, server: Pocker, residents: Sequence[Resident], registered: int) -> None:
        self._server = server
        self._residents = list(residents)
        self._rng = random.Random(registered)
        self._control = str(server.directory / CONTROL_SOCKET)
        self._made = 0
        self._registered = registered
        self.samples: dict[str, list[float]] = {}

    def open(self, count: int, at_once: int) -> None:
        """First requests, so many, over as many rounds as that takes; then the same once more."""
        done = 0
        while done < count:
            self._until_none_is_live()
            self._rng.shuffle(self._residents)
            asked = [one.encode("GET", USERS).encode() for one in self._residents[: count - done]]
            self._took(f"open {at_once}", rush(http(self._server.port), asked, at_once))
            self._took(f"again {at_once}", rush(http(self._server.port), asked, at_once))
            done += len(asked)

    def open_as_user(self) -> None:
        """First requests that ask for more."""
        self._until_none_is_live()
        asked = [one.requests()[4].encode() for one in self._residents]
        self._took("open as a user 1", rush(http(self._server.port), asked, 1))

    def create(self, count: int, at_once: int) -> None:
        """New tenants."""
        names = [f"made-{self._registered}-{self._made + at}" for at in range(count)]
        self._made += count
        asked = [json.dumps({"command": "tenant.create", "args": {"name": name}}).encode() + b"\n" for name in names]
        self._took(f"create {at_once}", rush(unix(self._control), asked, at_once, Line))
        if at_once == 1:
            time.sleep(SETTLE_S)
            first = [f"GET {USERS} HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n".encode() for name in names]
            asking = rush(http(self._server.port), first, 1)
            both = [sum(pair) for pair in zip(self.samples["create 1"][-count:], asking, strict=True)]
            self._took("create and ask 1", both)

    def command(self, count: int) -> None:
        """New tenants, by the command line."""
        for at in range(count):
            name = f"typed-{self._registered}-{at}"
            command = [
                sys.executable,
                "-m",
                "supervisor",
                "tenant",
                "create",
                name,
                "--data",
                str(self._server.directory),
            ]
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
            self._took("command 1", [(time.perf_counter() - started) * 1e3])

    def _took(self, what: str, milliseconds: Sequence[float]) -> None:
        self.samples.setdefault(what, []).extend(milliseconds)

    def _until_none_is_live(self) -> None:
        deadline = time.monotonic() + CLOSED_S
        with Session(str(self._server.directory)) as session:
            time.sleep(SETTLE_S)
            while time.monotonic() < deadline:
                time.sleep(LOOK_EVERY_S)
                shards = session.ask("status", {}, lambda *_: None)["shards"]
                if not any(shard.get("live_tenants", 1) for shard in shards):
                    return
        raise RuntimeError("tenants are not closed again")


def measure(section: Section, directory: Path, plan: Plan, stock: Stock) -> None:
    """The whole part."""
    as_installed()
    amounts = plan.either(SHORT, FULL)
    data = directory / "data"
    residents: list[Resident] = []
    known = 0
    real = _Real(directory / "real", amounts.births)
    found: dict[int, dict[str, list[float]]] = {}
    try:
        for registered in amounts.registered:
            progress(f"launch: {registered} registered")
            more = stock.residents(data, min(registered, plan.residents["launch"]), len(residents))
            residents += more
            names = names_of(max(0, registered - known - len(more)), known)
            crowded(data, names)
            known += len(more) + len(names)
            stage = _staged(data, residents, registered, amounts, real)
            found[registered] = stage.samples
            known += len(stage.samples["create 1"]) + len(stage.samples[f"create {AT_ONCE}"]) + amounts.commands
    finally:  # what ends it early ends nothing that was found before
        if found:
            _tell(section, found, real.samples)


def _staged(data: Path, residents: Sequence[Resident], registered: int, amounts: Amounts, real: "_Real") -> Stage:
    pocker = Pocker(data, SHARDS)
    pocker.configure(**SETTINGS)
    real.bear()
    with pocker:
        stage = Stage(pocker, residents, registered)
        for resident in residents[:10]:  # what a worker does once in its life is done by then
            rush(http(pocker.port), [resident.requests()[4].encode()], 1)
        stage.open(amounts.opened if len(residents) < registered else amounts.few, 1)
        real.bear()
        stage.create(amounts.created, 1)
        stage.open_as_user()
        stage.open(amounts.rounds * len(residents), AT_ONCE)
        stage.create(4 * AT_ONCE, AT_ONCE)
        stage.command(amounts.commands)
    real.bear()
    return stage


class _Real:
    """Births of the real one."""

    def __init__(self, directory: Path, times: int) -> None:
        self._directory = directory
        self._times = -(-times // 9)
        self._count = 0
        self.samples: dict[str, list[float]] = {"new": [], "existing": []}
        with PocketBase(directory / "kept" / "pb_data"):
            pass

    def bear(self) -> None:
        """Some more of them."""
        for _ in range(self._times):
            self._count += 1
            fresh = self._directory / str(self._count)
            for kind, pb_data in (("new", fresh / "pb_data"), ("existing", self._directory / "kept" / "pb_data")):
                server = PocketBase(pb_data)
                self.samples[kind].append(born(server))
                server.stop()
            shutil.rmtree(fresh)


# -- the report --------------------------------------------------------------------------------------------------------


ROWS = {
    "open 1": "open, one at a time",
    "again 1": "again",
    "open as a user 1": "open as a user",
    f"open {AT_ONCE}": f"open, {AT_ONCE} at once",
    f"again {AT_ONCE}": f"again, {AT_ONCE} at once",
    "create 1": "create, one at a time",
    "create and ask 1": "create and ask",
    f"create {AT_ONCE}": f"create, {AT_ONCE} at once",
    "command 1": "command",
}


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent of them are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _cells(values: Sequence[float]) -> list[str]:
    return [f"{percentile(values, 50):.2f}", f"{percentile(values, 99):.2f}", f"{max(values):.2f}", str(len(values))]


def _tell(section: Section, found: dict[int, dict[str, list[float]]], real: dict[str, list[float]]) -> None:
    head = ["", "registered", "p50, ms", "p99, ms", "most, ms", "times"]
    rows = [
        [title if at == 0 else "", f"{registered:,}", *_cells(samples[what])]
        for what, title in ROWS.items()
        for at, (registered, samples) in enumerate(found.items())
    ]
    births = [[f"{REAL}, {kind} data directory", median(values, 0)] for kind, values in real.items()]
    most = found[max(found)]
    births.append([f"{OURS}, create and ask, {max(found):,} registered", median(most["create and ask 1"], 1)])
    births.append([f"{OURS}, open, {max(found):,} registered", median(most["open 1"], 2)])
    section.method = METHOD
    section.tables.append(Table("From nothing to the first answer", ["", "ms: median (range)"], births))
    section.tables.append(Table("Open and create", head, rows))
    lines = {
        f"{ROWS[what]}, p{percent}": [
            (float(registered), percentile(samples[what], percent)) for registered, samples in found.items()
        ]
        for what in ("open 1", "create 1")
        for percent in (50, 99)
    }
    title = "Open and create against tenants registered"
    section.charts.append(Chart("launch-registered", title, "tenants registered", "ms", lines, log_x=True))
    section.targets += _targets(found)
    section.data["open_create_ms"] = {str(registered): samples for registered, samples in found.items()}
    section.data["real_exec_to_health_ms"] = real


def _targets(found: dict[int, dict[str, list[float]]]) -> list[Target]:
    worst = {
        (what, percent): max(percentile(samples[what], percent) for samples in found.values())
        for what in ("open 1", "create 1")
        for percent in (50, 99)
    }
    wanted = (
        ("open a tenant, p50", worst["open 1", 50], OPEN_P50_MS),
        ("open a tenant, p99", worst["open 1", 99], OPEN_P99_MS),
        ("create a tenant, p50", worst["create 1", 50], CREATE_MS),
    )
    targets = [Target(what, f"< {bound:.0f} ms", f"{value:.2f} ms", value < bound) for what, value, bound in wanted]
    if len(found) < len(SHORT.registered):
        return targets
    fewest, most = sorted(found)[1], max(found)  # with the fewest there are too few tenants to open
    growth = {
        what: percentile(found[most][what], 50) / percentile(found[fewest][what], 50) for what in ("open 1", "create 1")
    }
    told = ", ".join(f"{what.split()[0]} × {times:.2f}" for what, times in growth.items())
    registered = f"p50 with {most:,} registered, by that with {fewest:,}"
    return [*targets, Target(registered, f"≤ {GROWTH_MAX}", told, max(growth.values()) <= GROWTH_MAX)]
