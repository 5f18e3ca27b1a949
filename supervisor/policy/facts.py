"""What the policy looks at: figures of one moment, gathered by `supervisor.tick`. Percent is of one core.

Times are in seconds of one monotonic clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker process.

    `holder` is (tenant, since) while a request holds its loop. `settled`: it is its shard's only worker, and serves;
    one that is starting, leaving or handing its tenants over is left alone by all rules but the one about hangs.
    `stopped`: the process is not being run (SIGSTOP, a debugger). `cpu_percent` is since the look before, `lag_ms` the
    longest time a due callback waited, `sqlite_kb` what SQLite says to have of `rss_kb`.
    """

    shard: int
    pid: int
    holder: tuple[str, float] | None = None
    settled: bool = True
    stopped: bool = False
    cpu_percent: float = 0.0
    lag_ms: float = 0.0
    rss_kb: int = 0
    sqlite_kb: int = 0
    live_tenants: int = 0


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """One tenant that serves and was used in the last seconds. Rates are those of the last `WINDOW_S`.

    `waited_ms` is how long a request waited for its turn, on average; `limit_percent` and `memory_max_kb` are its
    plan's (0: none), `pinned`: an operator said where it is to be.
    """

    name: str
    shard: int
    weight: int = 100
    limit_percent: float = 0.0
    memory_max_kb: int = 0
    cpu_percent: float = 0.0
    requests_per_s: float = 0.0
    refused_per_s: float = 0.0
    waited_ms: float = 0.0
    memory_kb: int = 0
    pinned: bool = False


WINDOW_S = 10.0
"""Length of the window that a tenant's rates are taken over."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that ended and was not told to: the signal, who held its loop, and whether the kernel had killed
    something for want of memory since the look before."""

    shard: int
    pid: int
    signal: int
    holder: str
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. `memory_kb` is what all processes take together, `memory_limit_kb` what they may (0: no limit)."""

    workers: tuple[WorkerFacts, ...] = ()
    tenants: tuple[TenantFacts, ...] = ()
    memory_kb: int = 0
    memory_limit_kb: int = 0
