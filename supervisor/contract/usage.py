"""What a worker reports about its tenants and itself, about once a second."""

import msgspec


class Counters(msgspec.Struct, gc=False):
    """What a tenant has used, added up.

    Outcomes of requests: `ok` below 400, `failed` 400 to 499, `errors` from 500 on, `refused` by the gate (429 or 503
    without reaching the application; not among the others), `gone` the client left before the answer.
    CPU is of the event loop's thread, of the pool's threads, and of processes of its own (console). `sql_ms` is wall
    time inside of SQLite, `rows` what its statements returned, `cut` how many exceeded a limit of time, `waited_ms`
    what requests waited for their turn at the gate, summed.
    """

    name: str
    ok: int = 0
    failed: int = 0
    errors: int = 0
    refused: int = 0
    gone: int = 0
    cpu_loop_ms: float = 0.0
    cpu_pool_ms: float = 0.0
    cpu_child_ms: float = 0.0
    sql_ms: float = 0.0
    rows: int = 0
    cut: int = 0
    waited_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def requests(self) -> int:
        """All that were answered or refused, or lost their client."""
        return self.ok + self.failed + self.errors + self.refused + self.gone

    @property
    def cpu_ms(self) -> float:
        """CPU wherever it was used."""
        return self.cpu_loop_ms + self.cpu_pool_ms + self.cpu_child_ms


class TenantUsage(Counters, array_like=True):
    """One tenant since the worker's last report, and its gauges.

    On the wire it is a list, the counters first, a third of the size: fields are only ever added at its end.
    """

    connections: int = 0
    queued: int = 0
    memory_kb: int = 0
    disk_kb: int = 0
    live: bool = False


class WorkerUsage(msgspec.Struct):
    """One worker. Counters are since its last report; tenants that had nothing to report are left out.

    `cpu_ms` is the whole process's CPU (and that of its children), `own_cpu_ms` the part of it that is
    booked to no tenant, `lag_ms` the longest time the event loop kept a due callback waiting. `interval_s` is the time
    that the report covers, `shared_cpu_ms` the part of the tenants' CPU that was not measured but shared out.
    """

    shard: int
    pid: int
    berth: int = 0
    live_tenants: int = 0
    connections: int = 0
    handoffs_out: int = 0
    handoffs_in: int = 0
    cpu_ms: float = 0.0
    own_cpu_ms: float = 0.0
    lag_ms: float = 0.0
    queued: int = 0
    sqlite_kb: int = 0
    tenants: list[TenantUsage] = msgspec.field(default_factory=list)
    interval_s: float = 1.0
    shared_cpu_ms: float = 0.0
