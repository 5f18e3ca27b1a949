"""What the ledger knows of the tenants in use and of the workers, as plain values: for the policy, and for who watches.

Percent is of one core. The window of 1 s is what the worker told last; those of 10 s and 60 s slide second by second.
Plans are not the ledger's: who needs a tenant's weight or limits asks the directory for its plan.
"""

import msgspec


class Window(msgspec.Struct, frozen=True, gc=False):
    """Sums of a tenant over an interval of `seconds`; `errors` are answers from 500 on and clients that left."""

    seconds: float
    requests: int = 0
    errors: int = 0
    refused: int = 0
    cpu_us: int = 0
    sql_us: int = 0
    waited_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def cpu_percent(self) -> float:
        """CPU in percent of one core."""
        return self.cpu_us / (self.seconds * 10_000)


class TenantFacts(msgspec.Struct, frozen=True, gc=False):
    """A tenant that was used within the last minute, or is live, or has connections. Gauges are as last told.

    `shard` and `berth` are those of the worker which holds it, or heard of it last. `requests_per_s` count all, those
    that were refused too; `waited_ms` is how long a request waited for its turn in the last ten seconds, on average.
    `idle_s`: since the last report in which it was used.
    """

    name: str
    shard: int
    berth: int
    live: bool
    cpu_percent_1s: float
    cpu_percent_10s: float
    cpu_percent_60s: float
    requests_per_s_1s: float
    requests_per_s_10s: float
    requests_per_s_60s: float
    refused_per_s_1s: float
    refused_per_s_10s: float
    refused_per_s_60s: float
    memory_kb: int
    disk_kb: int
    connections: int
    queued: int
    hangs: int
    waited_ms: float = 0.0
    idle_s: float = 0.0


class WorkerTold(msgspec.Struct, frozen=True):
    """A worker as it told last, `at` (monotonic seconds). Percent (of one core) is since the report before, `_ms` since
    it began: all of its CPU, the part that is booked to no tenant, and the part of the tenants' that was shared out."""

    shard: int
    berth: int
    pid: int
    at: float
    live_tenants: int
    connections: int
    handoffs_out: int
    handoffs_in: int
    cpu_percent: float
    own_cpu_percent: float
    lag_ms: float
    queued: int
    sqlite_kb: int
    cpu_ms: float = 0.0
    own_cpu_ms: float = 0.0
    shared_cpu_ms: float = 0.0


class Facts(msgspec.Struct, frozen=True):
    """All of it: tenants in no order, workers by berth (for as long as they are there)."""

    tenants: list[TenantFacts]
    workers: dict[int, WorkerTold]
