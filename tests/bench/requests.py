"""Requests: what one costs in CPU and time, beside the real PocketBase, for every operation that is built.

One worker and one PocketBase on one core, the load generator on another, both servers in turn; see METHOD.
"""

import dataclasses
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import active
from tests.bench.data import Seed
from tests.bench.load import Generator
from tests.bench.machine import Plan, cores, on, progress
from tests.bench.operations import Kind, Operation, operations, scripted
from tests.bench.report import OURS, REAL, Bars, Chart, Section, Table, Target
from tests.bench.rounds import BUSY_MAX, HEAD, Amounts, Samples, Side, compared, middle, times
from tests.bench.stock import Stock
from tests.oracle.client import Client
from tests.servers import Pocker, PocketBase

TENANT, SCRIPTED = "bench", "scripted"
SCRIPTS = Path(__file__).with_name("scripts.pb.js")
# Requests per CPU second, by the real one's.
BOUNDS = {Kind.READ: 2.0, Kind.WRITE: 1.2, Kind.LOGIN: 1.2}
SLOW_CONNECTIONS = 2  # keep a core busy
QUIET = ("view", "list of 30", "create")  # also measured with both request logs off
COMPARED = ["", "server", *HEAD[1:], "times"]
METHOD = """
{records:,} items of 7 fields with public rules; {posts:,} posts of 10 fields with a text of 60 words, listed by a
reader logged in, under a list rule. Scripts: a second tenant and a second PocketBase with the same data and
`tests/bench/scripts.pb.js`. Both servers serve the same files, which the real one has written.

One PocketBase and one Pocker (a supervisor, one worker, sandbox processes) on one core, the load generator on
{generator}; {connections} kept-alive connections in a closed loop: each sends its next request when it has the whole
answer to the one before. Rounds of {round_s} s or {least} answers, whichever is longer, the two servers in turn
({rounds} rounds each, after one that does not count), each after {lead_s} s under load that do not count. What takes
5 ms of a core and more ({slow}) is asked over {few} connections at most. CPU is user +
system of all processes of a server, by their CPU clocks, over the round. Both request logs are on (their default)
unless it says otherwise. A figure is the median of the rounds, and their range. *times*: PocketBase's CPU a request
by Pocker's, so requests per CPU second by PocketBase's, from pairs of rounds that followed each other.

As one core is all that a server has, requests/s is what it serves on one core as long as it is busy: not with
one connection, where it waits for the client, and with {connections} or more, latencies are the queue's.
The generator was busy for {busy:.0%} of a round at most.
"""
SLOW = "expand, counts and searches without an index, logins, batches, a loop in a script"
OTHERS = (
    "{rounds} rounds of {round_s} s or {least} answers, whichever is longer; what is slow only up to 16 connections."
)


@dataclass(frozen=True)
class Pair:
    """A PocketBase and a tenant of the Pocker beside it, with the same data."""

    real: PocketBase
    ours: Pocker
    tenant: str
    seed: Seed

    @property
    def host(self) -> str:
        """Of the tenant; it means nothing to the real one."""
        return f"{self.tenant}.localhost"

    def sides(self, operation: Operation) -> list[Side]:
        """The two, asked for the same."""
        return [Side(REAL, self.real, operation), Side(OURS, self.ours, operation)]

    @contextmanager
    def logs_off(self) -> Iterator[None]:
        """Without request logs in both."""
        apis = [Client(port, self.host) for port in (self.real.port, self.ours.port)]
        for api in apis:
            api.token = self.seed.root
        before = [api.ok("GET", "/api/settings")["logs"]["maxDays"] for api in apis]
        for api in apis:
            api.ok("PATCH", "/api/settings", {"logs": {"maxDays": 0}})
        yield
        for api, days in zip(apis, before, strict=True):
            api.ok("PATCH", "/api/settings", {"logs": {"maxDays": days}})
            api.close()


@dataclass
class Found:
    """Samples by operation and server, and the operations that failed."""

    load: Generator
    samples: dict[str, dict[str, Samples]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def measure(self, pair: Pair, wanted: Iterable[Operation], amounts: Amounts) -> None:
        """Compare the two by these operations; one that fails does not keep the others from it."""
        for operation in wanted:
            if operation.slow and amounts.connections > SLOW_CONNECTIONS:
                each = dataclasses.replace(amounts, connections=SLOW_CONNECTIONS)
            else:
                each = amounts
            progress(f"requests: {operation.name}, {each.connections} connections")
            try:
                self.samples[operation.name] = compared(self.load, pair.sides(operation), each)
            except RuntimeError as error:
                self.failures.append(str(error))

    def times(self, name: str) -> list[float]:
        """Requests per CPU second by the real one's, round by round."""
        return times(self.samples[name][REAL], self.samples[name][OURS])

    def table(self, title: str, note: str = "") -> Table:
        """All of it, two lines an operation."""
        rows = []
        for name, by_server in self.samples.items():
            by_pair = self.times(name)
            ratio = f"{middle(by_pair):.2f} ({min(by_pair):.2f}-{max(by_pair):.2f})"
            rows.append([name, REAL, *by_server[REAL].cells(), ""])
            rows.append(["", OURS, *by_server[OURS].cells(), ratio])
        return Table(title, COMPARED, rows, note)

    def data(self) -> dict[str, Any]:
        """For the report's JSON."""
        return {
            name: {label: one.data() for label, one in by_server.items()} for name, by_server in self.samples.items()
        }


def measure(section: Section, directory: Path, plan: Plan, stock: Stock) -> None:
    """The whole part."""
    main = Amounts(plan.rounds, plan.round_s, plan.lead_s, plan.connections, plan.least)
    others = [Amounts(3, 0.5, plan.lead_s, number, 8) for number in plan.either((), (1, 256))]
    with _generator() as load:
        every = {amounts: Found(load) for amounts in [main, *others]}
        quiet = Found(load)
        kinds: dict[str, tuple[Kind, bool]] = {}
        try:
            with ExitStack() as running:
                pairs = {}
                for pair, listed in zip(_pairs(directory, stock, running), (operations, scripted), strict=True):
                    pairs[pair] = [one for one in listed(pair.host, pair.seed, plan) if plan.wants(one.name)]
                    kinds |= {one.name: (one.kind, one.scripted) for one in pairs[pair]}
                for writing in (False, True):  # all reads first: the faster one writes more, and would read more then
                    _compare(pairs, every, quiet, writing=writing)
        finally:  # what ends it early ends nothing that was found before
            _tell(section, plan, every, quiet, kinds)
        if not plan.operations:
            with section.attempt("many tenants active"):
                active.add(section, directory / "active", plan, stock, load)


def _compare(pairs: dict[Pair, list[Operation]], every: dict[Amounts, Found], quiet: Found, *, writing: bool) -> None:
    """All that write, or all that don't, over all numbers of connections."""
    main = next(iter(every))
    for amounts, found in every.items():
        for pair, listed in pairs.items():
            wanted = [one for one in listed if (one.kind is Kind.WRITE) is writing]
            if amounts.connections > main.connections:  # it would be the same few connections once more
                wanted = [one for one in wanted if not one.slow]
            found.measure(pair, wanted, amounts)
    plain, listed = next(iter(pairs.items()))
    with plain.logs_off():
        wanted = [one for one in listed if one.name in QUIET and (one.kind is Kind.WRITE) is writing]
        quiet.measure(plain, wanted, main)


def _generator() -> Generator:
    with on(cores()[1]):
        return Generator()


def _pairs(directory: Path, stock: Stock, running: ExitStack) -> tuple[Pair, Pair]:
    """Servers with the data, one pair without scripts and one with them; the tenants of both are one Pocker's."""
    plain, hooked, imported = (directory / name / "pb_data" for name in ("plain", "hooked", "imported"))
    for pb_data in (plain, hooked, imported):
        seed = stock.seed("requests", pb_data)
    hooks = hooked.parent / "pb_hooks"
    hooks.mkdir()
    shutil.copy(SCRIPTS, hooks)
    with on(cores()[0]):
        first, second = (running.enter_context(PocketBase(pb_data)) for pb_data in (plain, hooked))
        ours = running.enter_context(Pocker(directory / "data", shards=1))
    ours.import_tenant(TENANT, imported)
    ours.run("tenant", "import", SCRIPTED, imported, "--hooks", hooks)
    return Pair(first, ours, TENANT, seed), Pair(second, ours, SCRIPTED, seed)


def _tell(
    section: Section, plan: Plan, every: dict[Amounts, Found], quiet: Found, kinds: dict[str, tuple[Kind, bool]]
) -> None:
    main, found = next(iter(every.items()))
    founds = [*every.values(), quiet]
    busy = max(
        (share for each in founds for by in each.samples.values() for one in by.values() for share in one.busy),
        default=0.0,
    )
    where = "another" if cores()[0] != cores()[1] else "the same one, as there is no other"
    figures = {"generator": where, "busy": busy, "records": plan.records, "posts": plan.posts} | vars(main)
    section.method = METHOD.format(slow=SLOW, few=SLOW_CONNECTIONS, **figures)
    if busy > BUSY_MAX:
        section.method += "\n**That is too much: with the fastest operations, the generator was measured too.**\n"
    for amounts, each in every.items():
        if each.samples:
            note = "" if amounts == main else OTHERS.format(**vars(amounts))
            section.tables.append(
                each.table(f"{amounts.connections} connection{'s' * (amounts.connections > 1)}", note)
            )
            section.data[f"connections_{amounts.connections}"] = each.data()
    if quiet.samples:
        note = f"In both (`logs.maxDays` 0); {main.connections} connections."
        section.tables.append(quiet.table("Request logs off", note))
        section.data["logs_off"] = quiet.data()
    section.charts += _charts(found, {amounts.connections: each for amounts, each in every.items()})
    section.targets += _targets(found, kinds)
    section.failures += [failure for each in founds for failure in each.failures]


def _targets(found: Found, kinds: dict[str, tuple[Kind, bool]]) -> list[Target]:
    """Each kind of operation against its bound, those that run scripts for themselves."""
    groups = {
        "every read": (Kind.READ, False),
        "every write": (Kind.WRITE, False),
        "every read that runs scripts": (Kind.READ, True),
        "every write that runs scripts": (Kind.WRITE, True),
        "password login, which is bcrypt of the same cost on both sides and little else": (Kind.LOGIN, False),
    }
    targets = []
    for what, wanted in groups.items():
        ratios = {name: middle(found.times(name)) for name in found.samples if kinds[name] == wanted}
        if not ratios:
            continue
        bound = BOUNDS[wanted[0]]
        lowest = min(ratios, key=lambda name: ratios[name])
        missed = {name: ratio for name, ratio in sorted(ratios.items(), key=lambda one: one[1]) if ratio < bound}
        value = f"{min(ratios.values()):.2f} ({lowest}) to {max(ratios.values()):.2f}"
        if len(ratios) == 1:
            value = f"{ratios[lowest]:.2f}"
        if missed and len(ratios) > 1:
            value += f"; {len(missed)} of {len(ratios)} below: " + ", ".join(f"{n} {r:.2f}" for n, r in missed.items())
        targets.append(Target(f"requests per CPU second, times PocketBase's: {what}", f"≥ {bound}", value, not missed))
    return targets


def _charts(found: Found, by_connections: dict[int, Found]) -> list[Chart | Bars]:
    marks = {"as much": 1.0, "bound of writes": BOUNDS[Kind.WRITE], "bound of reads": BOUNDS[Kind.READ]}
    ratios = {name: middle(found.times(name)) for name in found.samples}
    charts: list[Chart | Bars] = [
        Bars("requests-times", "Requests per CPU second, by PocketBase's", "times as many", ratios, marks)
    ]
    for name in ("view", "create"):
        lines: dict[str, list[tuple[float, float]]] = {
            label: [
                (connections, middle(each.samples[name][label].per_s))
                for connections, each in by_connections.items()
                if name in each.samples
            ]
            for label in (REAL, OURS)
        }
        if len(by_connections) > 1 and all(lines.values()):
            title = f"{name.capitalize()}: requests/s on one core by connections"
            charts.append(Chart(f"requests-{name}", title, "connections", "requests/s", lines, log_x=True))
    return charts
