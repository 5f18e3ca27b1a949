"""Whether a request costs more where many tenants are active at once: one server each with 1, 100 and 1,000 of them.

All tenants are copies of one that the real PocketBase has written. Requests go to them in turn, each to the next one,
over a few connections that a reverse proxy might keep: nothing of a tenant is warm because it was just asked. But each
was asked and written to before, as tenants that are active have been.

A tenant's request log is written in batches, and with many tenants it takes a while until one of them has enough rows
for one. In the full run, how many wait differs from tenant to tenant from the beginning, as it does between strangers,
so that each round has its share of the batches; in the short one few come to be written, and it says so.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from supervisor.contract.settings import Settings
from tests.bench.data import ITEMS, Seed, record_id
from tests.bench.load import COUNTER, Generator
from tests.bench.machine import Plan, cores, on, progress
from tests.bench.operations import Kind, Operation, encoder
from tests.bench.report import OURS, REAL, Chart, Section, Table, Target
from tests.bench.rounds import HEAD, Amounts, Samples, Side, compared, middle, times
from tests.bench.settlement import copied
from tests.bench.stock import FEW_RECORDS, Stock
from tests.servers import Pocker, PocketBase, Server

LOG_ROWS = 200  # that wait in a tenant's log at most (`logs.queue_max`)
WITHIN = 0.15
EACH = 3  # different requests to each tenant


@dataclass(frozen=True)
class Active:
    """How many tenants, and the amounts of each comparison."""

    counts: tuple[int, ...]
    rounds: int
    round_s: float
    lead_s: float
    operations: tuple[str, ...]
    scattered: bool
    real: bool  # whether one PocketBase is beside them


SHORT = Active((1, 1000), rounds=2, round_s=1.0, lead_s=0.5, operations=("view", "create"), scattered=False, real=False)
FULL = Active(
    (1, 100, 1000),
    rounds=4,
    round_s=2.0,
    lead_s=0.8,
    operations=("view", "list of 30", "update", "create"),
    scattered=True,
    real=True,
)
NOTE = """A Pocker with one worker on one core for each number of tenants, in turn, {rounds} rounds of {round_s} s each.
All tenants are copies of one ({records} items); each request goes to another tenant than the one before, over
{connections} kept-alive connections. Each tenant has had a read, a write and a read before anything counts, and each
round begins with {lead_s} s under load that do not count. `sql.memory_mb`, beyond which SQLite gives back what
tenants hold that were not asked for longest, is {sql_mb} MB, its default. The real PocketBase has a process for each
tenant: where it is here, it has one.
{logs}
"""
SCATTERED = "From the beginning, each tenant's log has another number of rows that wait to be written."
NOT_SCATTERED = "A short run does not come to the larger batches in which many tenants' request logs are written."


def add(section: Section, directory: Path, plan: Plan, stock: Stock, load: Generator) -> None:
    """The comparison of all counts, operation by operation."""
    active = plan.either(SHORT, FULL)
    seed = directory / "seed" / "pb_data"
    people = stock.seed("active", seed)
    amounts = Amounts(active.rounds, active.round_s, active.lead_s, plan.connections, plan.least)
    samples: dict[str, dict[str, Samples]] = {}
    try:
        _compare(directory, seed, people, active, amounts, load, samples)
    finally:  # what ends it early ends nothing that was found before
        if samples:
            _tell(section, active, amounts, samples)


def _compare(  # noqa: PLR0917 (one run)
    directory: Path,
    seed: Path,
    people: Seed,
    active: Active,
    amounts: Amounts,
    load: Generator,
    samples: dict[str, dict[str, Samples]],
) -> None:
    with ExitStack() as running:
        servers: dict[int, Server] = {}
        for count in active.counts:
            progress(f"requests: {count} tenants")
            with on(cores()[0]):
                servers[count] = running.enter_context(_server(directory / f"of-{count}", seed, count))
            _scatter(load, servers[count], count, LOG_ROWS if active.scattered else 1)
            for name in ("create", "view"):  # the first write of a tenant makes its files for them
                some = _operations(count, people)[name].requests[:count]
                load.ask(servers[count].port, some, count)
        if active.real:
            with on(cores()[0]):
                real = running.enter_context(PocketBase(seed))
        for name in active.operations:
            progress(f"requests: {name}, of {', '.join(map(str, active.counts))} active tenants")
            sides = [Side(_label(count), server, _operations(count, people)[name]) for count, server in servers.items()]
            if active.real:
                sides.insert(0, Side(f"{REAL}, 1 active", real, sides[0].operation))
            samples[name] = compared(load, sides, amounts)


def _tell(section: Section, active: Active, amounts: Amounts, samples: dict[str, dict[str, Samples]]) -> None:
    logs = SCATTERED if active.scattered else NOT_SCATTERED
    note = NOTE.format(records=FEW_RECORDS, logs=logs, sql_mb=Settings().sql.memory_mb, **vars(amounts))
    rows = [[f"{name}: {label}", *one.cells()] for name, by in samples.items() for label, one in by.items()]
    section.tables.append(Table("Many tenants active", HEAD, rows, note))
    section.charts.append(_chart(samples, active.counts))
    section.targets += [_target(name, by, active.counts) for name, by in samples.items()]
    section.data["active"] = {name: {label: one.data() for label, one in by.items()} for name, by in samples.items()}


def _server(directory: Path, seed: Path, count: int) -> Pocker:
    """One with so many tenants, all copies, not started yet."""
    copied(directory / "data", [(seed.parent, _name(number)) for number in range(count)])
    server = Pocker(directory / "data", shards=1)
    server.configure(live_tenants_max=count + 100)
    return server


def _scatter(load: Generator, server: Server, count: int, most: int) -> None:
    """Open all tenants, and leave a different number of rows in each one's log, from one to `most`."""
    rows = [number * most // count for number in range(count)]
    asked = [encoder(f"{_name(number)}.localhost", "")("GET", f"{ITEMS}/{record_id(0)}") for number in range(count)]
    step = max(1, most // 10)
    for turn in range(0, most, step):
        some = [request for request, wanted in zip(asked, rows, strict=True) if wanted >= turn]
        if some:
            load.ask(server.port, some, len(some) * step)


def _operations(count: int, people: Seed) -> dict[str, Operation]:
    item = {"title": "A new item", "n": 5, "ok": True, "kind": "red"}
    asked: dict[str, list[str]] = {"view": [], "list of 30": [], "update": [], "create": []}
    for turn in range(EACH * max(1, FEW_RECORDS // count)):
        for number in range(count):
            encode = encoder(f"{_name(number)}.localhost", people.token)
            path = f"{ITEMS}/{record_id((number * 7 + turn) % FEW_RECORDS)}"
            asked["view"].append(encode("GET", path))
            asked["list of 30"].append(encode("GET", f"{ITEMS}?page={1 + turn % 3}&perPage=30"))
            asked["update"].append(encode("PATCH", path, {"title": f"Changed {COUNTER}"}))
            asked["create"].append(encode("POST", ITEMS, item))
    return {name: Operation(name, requests, kind=Kind.READ) for name, requests in asked.items()}


def _target(name: str, samples: dict[str, Samples], counts: tuple[int, ...]) -> Target:
    least, most = min(counts), max(counts)
    by_pair = [ratio - 1 for ratio in times(samples[_label(most)], samples[_label(least)])]
    what = f"{name}: CPU a request with {most:,} tenants active, against {least}"
    value = f"{middle(by_pair):+.0%} ({min(by_pair):+.0%} to {max(by_pair):+.0%})"
    return Target(what, f"within {WITHIN:.0%}", value, middle(by_pair) <= WITHIN)


def _chart(samples: dict[str, dict[str, Samples]], counts: tuple[int, ...]) -> Chart:
    title = "CPU of a request by the number of active tenants (Pocker)"
    lines: dict[str, list[tuple[float, float]]] = {
        name: [(count, middle(by_label[_label(count)].cpu_us)) for count in counts]
        for name, by_label in samples.items()
    }
    return Chart("requests-active", title, "active tenants", "CPU µs a request", lines, log_x=True)


def _name(number: int) -> str:
    return f"t{number:05}"


def _label(count: int) -> str:
    return f"{OURS}, {count:,} active"
