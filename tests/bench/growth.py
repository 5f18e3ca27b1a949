"""Whether a request costs more the more there is: tenants registered, tenants live, rows, hooks. It should not.

Each question is an axis: the same operations against servers (or tenants) that differ in nothing but one number, all of
them up at once and measured in turn. Where the real PocketBase has the same number, it is measured beside.
"""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.contract.layout import TENANTS
from tests.bench.load import Generator
from tests.bench.machine import Plan, cores, on, progress
from tests.bench.operations import Operation, encoder
from tests.bench.plot import hook_files, planted, rows_added
from tests.bench.report import OURS, REAL, Chart, Section, Table, Target
from tests.bench.rounds import Amounts, Samples, Side, compared, middle, times
from tests.bench.settlement import register
from tests.bench.stock import Stock
from tests.servers import Pocker, PocketBase, Server

FLAT = 1.25
TENANT = "grown"
PATH = "/api/collections/items/records"
METHOD = """
One tenant of each server is asked, in rounds of {round_s} s ({rounds} each, all servers in turn, {connections}
connections): a view by id; the first page of a list with a filter that an index answers (30 records match); a create.
One worker and one PocketBase, all servers on one core, the load generator on another; CPU is user + system of all
processes of a server, whatever they did meanwhile (supervision included). Median of the rounds.

* Registered: rows in the registry; only the tenant that is asked has files.
* Live: so many tenants with open contexts in the worker, all copies of one; one of them is asked.
* Rows: in the collection that is asked.
* Hooks bound: `onRecordCreate` handlers, each only `e.next()`: for another collection than the one that is asked, and
  for that one. The real one runs them inside of its own process.
* Tenants with hooks: each has one handler of its own creations and a process for it, and is asked in turn.

Flat: the CPU at the largest number is at most {flat} times that at the smallest (of rounds that followed each other;
the median of these).
"""


@dataclass(frozen=True)
class Numbers:
    """The points on each axis, and how long each is looked at."""

    registered: tuple[int, ...]
    live: tuple[int, ...]
    rows: tuple[int, ...]
    hooks: tuple[int, ...]  # of other collections
    own_hooks: tuple[int, ...]  # each inside of the one before: Pocker ends a call that is 32 deep
    scripted: tuple[int, ...]
    amounts: Amounts
    writes: bool = True  # whether also where a target is about reads only

    @property
    def wanted(self) -> "dict[str, Callable[[Point], Operation]]":
        """Operations where tenants are many."""
        return {name: make for name, make in OPERATIONS.items() if self.writes or name != "create"}


SHORT = Numbers(
    (10, 10_000), (1, 300), (1000, 100_000), (0, 20), (0, 20), (1, 8), Amounts(2, 0.3, 0.1, 8), writes=False
)
FULL = Numbers(
    (10, 1000, 10_000, 100_000),
    (1, 100, 500, 1500),
    (1000, 10_000, 100_000, 1_000_000),
    (0, 1, 10, 100),
    (0, 1, 10, 30),
    (1, 8, 32, 100),
    Amounts(5, 0.5, 0.2, 8),
)


@dataclass(frozen=True)
class Point:
    """A server (or a tenant of it) with so much of something."""

    server: Server
    number: int
    host: str
    rows: int = 1000
    real: bool = False

    @property
    def label(self) -> str:
        """In the samples."""
        return f"{REAL if self.real else OURS} {self.number}"


@dataclass
class Axis:
    """What one number did to the operations: samples by operation and label."""

    key: str
    title: str
    unit: str
    points: Sequence[Point]
    samples: dict[str, dict[str, Samples]] = field(default_factory=dict)

    def measure(self, load: Generator, made: dict[str, Callable[[Point], Operation]], amounts: Amounts) -> None:
        """All points by each operation, in turn."""
        for name, make in made.items():
            progress(f"growth: {self.key}, {name}")
            sides = [Side(point.label, point.server, make(point)) for point in self.points]
            self.samples[name] = compared(load, sides, amounts)

    def lines(self, value: Callable[[Samples], float]) -> dict[str, list[tuple[float, float]]]:
        """By operation and server, as a chart draws them."""
        found: dict[str, list[tuple[float, float]]] = {}
        for name, by_label in self.samples.items():
            for point in {point.label: point for point in self.points if point.label in by_label}.values():
                line = f"{REAL if point.real else OURS}, {name}"
                # where an axis begins with none, a logarithm has no place for it
                found.setdefault(line, []).append((max(point.number, 0.5), value(by_label[point.label])))
        return found

    def add_to(self, section: Section) -> None:
        """Table, chart, targets and samples."""
        rows, numbers = [], sorted({point.number for point in self.points})
        for name, by_label in self.samples.items():
            for server in (OURS, REAL):
                found = [by_label.get(f"{server} {number}") for number in numbers]
                if any(found):
                    cells = [_cell(one) for one in found]
                    rows.append([name, server, *cells, _growth(found)])
        head = ["operation", "server", *(f"{number:,} {self.unit}" for number in numbers), "last by first"]
        section.tables.append(Table(self.title, head, rows, "CPU µs a request (p50 ms)."))
        title = f"CPU a request: {self.title.lower()}"
        lines = self.lines(lambda one: middle(one.cpu_us))
        section.charts.append(Chart(f"growth-{self.key}", title, self.unit, "µs", lines, log_x=True))
        section.data[self.key] = {
            name: {label: one.data() for label, one in by_label.items()} for name, by_label in self.samples.items()
        }

    def target(self, names: Sequence[str]) -> Target:
        """Whether these operations are flat: the worst of them."""
        there = [point for point in self.points if not point.real and point.label in self.samples[names[0]]]
        first, last = (f"{OURS} {number}" for number in _ends([point.number for point in there]))
        worst, name = max((_ratio(self.samples[name][first], self.samples[name][last]), name) for name in names)
        bound = f"CPU at most {FLAT} times"
        what = f"growth: {first.split()[-1]} to {last.split()[-1]} {self.unit}"
        return Target(what, bound, f"{worst:.2f} times ({name})", worst <= FLAT)


def measure(section: Section, directory: Path, plan: Plan, _: Stock) -> None:
    """The whole part."""
    numbers = plan.either(SHORT, FULL)
    amounts = numbers.amounts
    section.method = METHOD.format(flat=FLAT, **vars(amounts)).strip()
    seed = directory / "seed"
    progress("growth: the data")
    planted(seed, 1000)
    axes = {"registered": _registered, "live": _live, "rows": _rows, "hooks": _hooks, "tenants with hooks": _scripted}
    for name, part in axes.items():
        with section.attempt(name):
            with ExitStack() as running:
                load = running.enter_context(_generator())
                axis, targets = part(directory / part.__name__, seed, numbers, running, load)
            axis.add_to(section)
            section.targets += targets
            shutil.rmtree(directory / part.__name__)


Part = tuple[Axis, list[Target]]


def _registered(directory: Path, seed: Path, numbers: Numbers, running: ExitStack, load: Generator) -> Part:
    points = []
    for number in numbers.registered:
        data = directory / f"registered-{number}"
        _tenant(data, seed, TENANT)
        register(data, [TENANT, *(f"other-{at:06}" for at in range(number - 1))])
        points.append(Point(_started(running, Pocker(data, 1)), number, _host(TENANT)))
    axis = Axis("registered", "Tenants registered", "registered", points)
    axis.measure(load, numbers.wanted, numbers.amounts)
    return axis, [axis.target(["view", "list"])]


def _live(directory: Path, seed: Path, numbers: Numbers, running: ExitStack, load: Generator) -> Part:
    points = []
    for number in numbers.live:
        progress(f"growth: {number} live")
        data = directory / f"live-{number}"
        names = [TENANT, *(f"other-{at:06}" for at in range(number - 1))]
        for name in names:
            _tenant(data, seed, name)
        register(data, names)
        server = _started(running, _roomy(Pocker(data, 1), number))
        wakers = [encoder(_host(name), "")("GET", f"{PATH}?perPage=1") for name in names]
        load.ask(server.port, wakers, len(wakers))
        points.append(Point(server, number, _host(TENANT)))
    axis = Axis("live", "Tenants live", "live", points)
    axis.measure(load, numbers.wanted, numbers.amounts)
    return axis, [axis.target(["view", "list"])]


def _rows(directory: Path, seed: Path, numbers: Numbers, running: ExitStack, load: Generator) -> Part:
    data = directory / "rows"
    reals, ours, names = [], [], []
    for number in numbers.rows:
        progress(f"growth: {number} rows")
        name = f"rows-{number}"
        pb_data = directory / f"real-{name}" / "pb_data"
        shutil.copytree(seed, pb_data)
        rows_added(pb_data, 1000, number)
        _tenant(data, pb_data, name)
        names.append(name)
        real = _started(running, PocketBase(pb_data))
        reals.append(Point(real, number, _host(name), number, real=True))
        ours.append((number, name))
    register(data, names)
    server = _started(running, Pocker(data, 1))
    points = [*(Point(server, number, _host(name), number) for number, name in ours), *reals]
    axis = Axis("rows", "Rows in the collection", "rows", points)
    axis.measure(load, OPERATIONS, numbers.amounts)
    return axis, [axis.target(["view", "list"])]


def _hooks(directory: Path, seed: Path, numbers: Numbers, running: ExitStack, load: Generator) -> Part:
    """Two tenants (and real ones) a number: handlers that match nothing, and handlers that all match."""
    data = directory / "hooks"
    by_kind: dict[str, list[Point]] = {"create, hooks of others": [], "create, its own hooks": []}
    names = []
    handlers = {"others": numbers.hooks, "items": numbers.own_hooks}
    for kind, (collection, counts) in zip(by_kind, handlers.items(), strict=True):
        for number in counts:
            name = f"{collection}-{number}"
            files = hook_files(directory / f"scripts-{name}", collection, number)
            _tenant(data, seed, name, files)
            names.append(name)
            pb_data = directory / f"real-{name}" / "pb_data"
            shutil.copytree(seed, pb_data)
            shutil.copytree(files, pb_data.parent / "pb_hooks")
            by_kind[kind].append(Point(_started(running, PocketBase(pb_data)), number, _host(name), real=True))
    register(data, names)
    server = _started(running, Pocker(data, 1))
    axis = Axis("hooks", "Handlers bound", "handlers", [])
    for kind, reals in by_kind.items():
        axis.points = [*_ours(server, reals), *reals]
        axis.measure(load, {kind: OPERATIONS["create"]}, numbers.amounts)
    axis.points = [point for reals in by_kind.values() for point in (*_ours(server, reals), *reals)]
    return axis, [axis.target(["create, hooks of others"])]


def _ours(server: Server, reals: Sequence[Point]) -> list[Point]:
    """The tenants that are like these."""
    return [Point(server, point.number, point.host) for point in reals]


def _scripted(directory: Path, seed: Path, numbers: Numbers, running: ExitStack, load: Generator) -> Part:
    """One server a number, so that each has so many sandbox processes at work and no more."""
    points = []
    files = hook_files(directory / "scripts", "items", 1)
    for number in numbers.scripted:
        data = directory / f"scripted-{number}"
        names = [f"hooked-{at:03}" for at in range(number)]
        for name in names:
            _tenant(data, seed, name, files)
        register(data, names)
        point = Point(_started(running, Pocker(data, 1)), number, _host("hooked-{:03}"))
        load.ask(point.server.port, _creates_in_turn(point).requests, number)  # each has its process by then
        points.append(point)
    axis = Axis("scripted", "Tenants with hooks, asked in turn", "tenants with hooks", points)
    axis.measure(load, {"create": _creates_in_turn}, numbers.amounts)
    return axis, [axis.target(["create"])]


# -- operations --------------------------------------------------------------------------------------------------------


def _views(point: Point) -> Operation:
    encode = encoder(point.host, "")
    step = max(1, point.rows // 997)
    return Operation("view", [encode("GET", f"{PATH}/item{at:011}") for at in range(0, point.rows, step)])


def _lists(point: Point) -> Operation:
    """30 of the rows have the same `kind`, whatever their number is."""
    encode = encoder(point.host, "")
    kinds = point.rows // 30
    step = max(1, kinds // 97)
    return Operation("list", [encode("GET", f"{PATH}?filter=(n={at})&perPage=30") for at in range(0, kinds, step)])


def _creates(point: Point) -> Operation:
    body = {"title": "one more", "n": -1, "ok": True}
    return Operation("create", [encoder(point.host, "")("POST", PATH, body)])


def _creates_in_turn(point: Point) -> Operation:
    """Each in another tenant than the one before."""
    hosts = [dataclasses.replace(point, host=point.host.format(at)) for at in range(point.number)]
    return Operation("create", [_creates(one).requests[0] for one in hosts])


OPERATIONS: dict[str, Callable[[Point], Operation]] = {"view": _views, "list": _lists, "create": _creates}


# -- servers -----------------------------------------------------------------------------------------------------------


def _generator() -> Generator:
    with on(cores()[1]):
        return Generator()


def _started(running: ExitStack, server: Server) -> Any:
    with on(cores()[0]):
        return running.enter_context(server)


def _roomy(server: Pocker, live: int) -> Pocker:
    server.configure(live_tenants_max=live + 100)
    return server


def _host(name: str) -> str:
    return f"{name}.localhost"


def _tenant(data: Path, pb_data: Path, name: str, hooks: Path | None = None) -> None:
    """The files of a tenant that will be registered."""
    directory = data / TENANTS / name
    shutil.copytree(pb_data, directory / "pb_data")
    if hooks:
        shutil.copytree(hooks, directory / "pb_hooks")


def _cell(one: Samples | None) -> str:
    return f"{middle(one.cpu_us):,.0f} ({middle(one.p50_us) / 1e3:.2f})" if one else ""


def _growth(found: Sequence[Samples | None]) -> str:
    known = [one for one in found if one]
    return f"{_ratio(known[0], known[-1]):.2f}"


def _ratio(first: Samples, last: Samples) -> float:
    """By rounds that followed each other: what disturbed the one disturbed the other."""
    return middle(times(last, first))


def _ends(numbers: Sequence[int]) -> tuple[int, int]:
    return min(numbers), max(numbers)
