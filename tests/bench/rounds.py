"""Servers measured in turn, A B A B …, in short rounds, so that what disturbs the machine disturbs all of them."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.load import Generator
from tests.bench.machine import median
from tests.bench.operations import Operation
from tests.servers import Server

HEAD = ["", "CPU µs a request", "requests/s", "p50 ms", "p99 ms"]
BUSY_MAX = 0.9  # of the generator's core: beyond it, a round says nothing about the server


@dataclass(frozen=True)
class Amounts:
    """Of one comparison. `lead_s` is what a round lasts before it counts, `least` what it has at least, in answers."""

    rounds: int
    round_s: float
    lead_s: float
    connections: int
    least: int = 16


@dataclass(frozen=True)
class Side:
    """One of those that are compared: how it is called, the server, and the operation as this one is asked for it."""

    label: str
    server: Server
    operation: Operation


@dataclass
class Samples:
    """What the rounds of one side gave, in their order."""

    cpu_us: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def add(self, result: dict[str, float]) -> None:
        """What the load generator says of one round."""
        self.cpu_us.append(result["cpu_s"] / result["done"] * 1e6)
        self.per_s.append(result["done"] / result["seconds"])
        self.p50_us.append(result["p50_us"])
        self.p99_us.append(result["p99_us"])
        self.busy.append(result["busy"])

    def cells(self) -> list[str]:
        """As in a table under `HEAD`, without the name."""
        p50, p99 = ([value / 1e3 for value in values] for values in (self.p50_us, self.p99_us))
        return [median(self.cpu_us), median(self.per_s), median(p50, 2), median(p99, 1)]

    def data(self) -> dict[str, Any]:
        """For the report's JSON."""
        return asdict(self)


def compared(load: Generator, sides: Sequence[Side], amounts: Amounts) -> dict[str, Samples]:
    """Rounds of all sides in turn, after one of each that does not count; samples by label."""
    samples = {side.label: Samples() for side in sides}
    for turn in range(-1, amounts.rounds):
        for side in sides:
            result = _round(load, side, amounts, warm_up=turn < 0)
            if turn >= 0:
                samples[side.label].add(result)
    return samples


def times(over: Samples, under: Samples) -> list[float]:
    """CPU of the one by CPU of the other, for each pair of rounds that followed each other."""
    return [one / other for one, other in zip(over.cpu_us, under.cpu_us, strict=True)]


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def _round(load: Generator, side: Side, amounts: Amounts, *, warm_up: bool) -> dict[str, float]:
    plan = {
        "port": side.server.port,
        "pid": side.server.pid,
        "lead": 0.0 if warm_up else amounts.lead_s,
        "seconds": 0.1 if warm_up else amounts.round_s,
        "least": 1 if warm_up else amounts.least,
        "connections": amounts.connections,
        "requests": side.operation.requests,
        "steps": side.operation.steps,
    }
    result = load.run(plan)
    if result["failed"]:
        raise RuntimeError(f"{side.operation.name}: {result['failed']:.0f} answers of {side.label} were no 2xx")
    return result
