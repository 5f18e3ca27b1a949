"""What a worker reports about its tenants and itself, about once a second."""

import msgspec


class TenantUsage(msgspec.Struct, gc=False):
    """One tenant since the worker's last report: counters are deltas, the last two are gauges."""

    name: str
    requests: int = 0
    errors: int = 0
    cpu_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    memory_kb: int = 0
    live: bool = False


class WorkerUsage(msgspec.Struct):
    """One worker. Hand-offs count since its last report; tenants that had nothing to report are left out."""

    shard: int
    pid: int
    live_tenants: int = 0
    connections: int = 0
    handoffs_out: int = 0
    handoffs_in: int = 0
    tenants: list[TenantUsage] = msgspec.field(default_factory=list)
