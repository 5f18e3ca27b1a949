"""The families of the metrics: their names, units and texts, and what they are made of (a report `usage.live`).

Seconds and bytes throughout, ratios instead of percent. `pocker_` begins every name; those of one shard's worker go on
with `worker_`, those of one tenant with `tenant_`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

OTHER = "_other"
"""In the place of a tenant's name: all those that have no series of their own."""
SERVING = "serving"
NOBODY = {"state": ""}
MS, KB, PERCENT = 1e-3, 1024.0, 1e-2

Figures = Mapping[str, Any]


class Family(NamedTuple):
    """One family: its name, what it says, and the keys of the report it is made of, with the value of its own label."""

    name: str
    text: str
    keys: tuple[tuple[str, str], ...]
    factor: float = 1.0
    label: str = ""


OUTCOMES = (
    ("ok", "ok"),
    ("failed", "client_error"),
    ("errors", "server_error"),
    ("refused", "refused"),
    ("gone", "gone"),
)
PLACES = (("cpu_loop_ms", "loop"), ("cpu_pool_ms", "pool"), ("cpu_child_ms", "process"))
COUNTERS: tuple[Family, ...] = (
    Family(
        "requests",
        "Requests by outcome: ok below 400, client_error 400 to 499, server_error from 500 on, refused by the gate, "
        "gone clients that left before the answer.",
        OUTCOMES,
        label="outcome",
    ),
    Family("cpu_seconds", "CPU used on the event loop, in the pools' threads, in processes.", PLACES, MS, "where"),
    Family("sql_seconds", "Wall time inside of SQLite.", (("sql_ms", ""),), MS),
    Family("sql_rows", "Rows that SQL statements returned.", (("rows", ""),)),
    Family("sql_interrupted", "SQL statements that exceeded a limit of time.", (("cut", ""),)),
    Family("wait_seconds", "Time that requests waited for their turn, summed.", (("waited_ms", ""),), MS),
    Family("received_bytes", "Bytes received from clients.", (("bytes_in", ""),)),
    Family("sent_bytes", "Bytes sent to clients.", (("bytes_out", ""),)),
)
TENANT_GAUGES: tuple[Family, ...] = (
    Family("connections", "Open connections whose last request was the tenant's.", (("connections", ""),)),
    Family("queued_requests", "Requests that wait for their turn.", (("queued", ""),)),
    Family("memory_bytes", "Memory of the open context.", (("memory_kb", ""),), KB),
    Family("disk_bytes", "Databases and files, as last measured.", (("disk_kb", ""),), KB),
)
WORKER_GAUGES: tuple[Family, ...] = (
    Family("cpu_ratio", "CPU since the last look, 1 is one core.", (("cpu_percent", ""),), PERCENT),
    Family("overhead_cpu_ratio", "The part of the CPU that belongs to no tenant.", (("own_cpu_percent", ""),), PERCENT),
    Family("resident_memory_bytes", "Resident memory.", (("rss_kb", ""),), KB),
    Family("sqlite_memory_bytes", "What SQLite holds of it.", (("sqlite_kb", ""),), KB),
    Family("live_tenants", "Tenants with an open context.", (("live_tenants", ""),)),
    Family("connections", "Open connections.", (("connections", ""),)),
    Family("queued_requests", "Requests that wait for their turn.", (("queued", ""),)),
    Family("loop_lag_seconds", "The longest delay of the event loop in the last report.", (("lag_ms", ""),), MS),
    Family("uptime_seconds", "Time since the process started.", (("uptime_s", ""),)),
)
COUNTED = tuple(key for family in COUNTERS for key, _ in family.keys)

Rows = Sequence[tuple[tuple[str, ...], Figures]]


def counter(name: str, family: Family, rows: Rows, *labels: str) -> Metric:
    """One family of counters; a row has the values of `labels`, and the figures."""
    own = (family.label,) if family.label else ()
    metric = CounterMetricFamily(name, family.text, labels=(*labels, *own))
    for values, figures in rows:
        for key, value in family.keys:
            metric.add_metric((*values, value) if own else values, figures[key] * family.factor)
    return metric


def _gauges(prefix: str, families: Iterable[Family], rows: Rows, *labels: str) -> Iterable[Metric]:
    for family in families:
        metric = GaugeMetricFamily(prefix + family.name, family.text, labels=labels)
        for values, figures in rows:
            ((key, _),) = family.keys
            if key in figures:
                metric.add_metric(values, figures[key] * family.factor)
        yield metric


def server(report: Figures, version: str) -> Iterable[Metric]:
    """The server as a whole."""
    supervisor = report["supervisor"]
    yield InfoMetricFamily("pocker_build", "The program.", {"version": version})
    for name, text, value in (
        ("pocker_uptime_seconds", "Time since the server started.", report["uptime_s"]),
        ("pocker_supervisor_cpu_ratio", "CPU of the supervisor, 1 is one core.", supervisor["cpu_percent"] * PERCENT),
        ("pocker_supervisor_resident_memory_bytes", "Resident memory of the supervisor.", supervisor["rss_kb"] * KB),
    ):
        yield GaugeMetricFamily(name, text, value)
    states = GaugeMetricFamily("pocker_tenants", "Registered tenants by state.", labels=("state",))
    for state, count in supervisor["tenants"].items():
        states.add_metric((state,), count)
    yield states


def workers(told: list[Figures]) -> Iterable[Metric]:
    """The shards. While its tenants change owners, a shard has two workers: the one that serves tells."""
    by_shard: dict[int, Figures] = {}
    for worker in told:
        if by_shard.get(worker["shard"], NOBODY)["state"] != SERVING:
            by_shard[worker["shard"]] = worker
    rows: Rows = [((str(shard),), worker) for shard, worker in sorted(by_shard.items())]
    yield from _gauges("pocker_worker_", WORKER_GAUGES, rows, "shard")
    up = GaugeMetricFamily("pocker_worker_up", "Whether the shard has a worker that serves.", labels=("shard",))
    starts = CounterMetricFamily("pocker_worker_restarts", "Workers after the first of the shard.", labels=("shard",))
    for labels, worker in rows:
        up.add_metric(labels, worker["state"] == SERVING)
        starts.add_metric(labels, worker["restarts"])
    yield from (up, starts)


def tenant_gauges(shown: list[Figures], others: list[Figures]) -> Iterable[Metric]:
    """What tenants hold now; `others` together."""
    keys = [key for family in TENANT_GAUGES for key, _ in family.keys]
    rest = {key: sum(tenant[key] for tenant in others) for key in keys}
    rows: Rows = [((tenant["name"],), tenant) for tenant in shown]
    return _gauges("pocker_tenant_", TENANT_GAUGES, [*rows, ((OTHER,), rest)], "tenant")


def limited(shown: list[Figures]) -> Metric:
    """Whom the policy has limited."""
    limited = GaugeMetricFamily(
        "pocker_tenant_limited",
        "Whether the policy slows the tenant down (throttled) or refuses it for a time (blocked).",
        labels=("tenant", "how"),
    )
    for tenant in shown:
        if verdict := tenant["verdict"]:
            blocked = verdict["blocked_s"] > 0
            limited.add_metric((tenant["name"], "blocked" if blocked else "throttled"), 1)
    return limited
