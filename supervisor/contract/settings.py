"""The settings of one server: frozen, in one place, each documented in `configs/default.yaml`.

A unit stands in the name of every quantity that has one. What values are allowed stands in the types; they are checked
by `supervisor.config`, which reads them, and not when a struct is made in code.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from supervisor.contract import layout
from supervisor.contract.plan import DEFAULT_PLAN, Plan, PlanName

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0.1, le=86_400)]
Address = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):"
        r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$",
        extra={"allowed": "ADDRESS:PORT, for example 127.0.0.1:8090 or [::1]:8090, with a port from 1 to 65535"},
    ),
]
Domain = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        max_length=200,
        extra={"allowed": "a domain name in lower case, for example localhost or apps.example.com"},
    ),
]
Directory = Annotated[str, Meta(min_length=1, extra={"allowed": "a directory"})]
ListenOrOff = Annotated[
    str,
    Meta(
        pattern=r"^(off|([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):"
        r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]))$",
        extra={"allowed": "off, or ADDRESS:PORT, for example 127.0.0.1:8091, with a port from 1 to 65535"},
    ),
]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the HTTP wire."""

    connections_max: Count = 10_000
    head_bytes_max: Annotated[int, Meta(ge=1024, le=1_048_576)] = 32_768
    headers_max: Annotated[int, Meta(ge=8, le=1000)] = 100
    body_bytes_max: Annotated[int, Meta(ge=1024)] = 134_217_728
    head_timeout_s: Seconds = 15.0
    body_timeout_s: Seconds = 30.0
    write_timeout_s: Seconds = 60.0
    keepalive_timeout_s: Seconds = 75.0
    buffer_bytes_max: Annotated[int, Meta(ge=1_048_576)] = 134_217_728


class Sql(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where SQL runs and for how long."""

    inline_budget_ms: Annotated[float, Meta(ge=0.1, le=10_000)] = 5.0
    write_timeout_s: Seconds = 5.0
    pool_threads: Annotated[int, Meta(ge=1, le=64)] = 4
    memory_mb: Annotated[int, Meta(ge=1, le=65_536)] = 192
    console_timeout_s: Seconds = 30.0
    consoles: Annotated[int, Meta(ge=1, le=64)] = 2


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a batch of requests may take, whatever a tenant allows itself."""

    requests_max: Count = 1_000
    timeout_s: Seconds = 30.0
    body_bytes_max: Annotated[int, Meta(ge=1024)] = 33_554_432


class Supervision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the supervisor looks at its workers and when it loses patience."""

    tick_s: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    hang_after_s: Seconds = 10.0
    heartbeat_timeout_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    graceful_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 30


class Logs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Batching of the tenants' request logs."""

    flush_s: Seconds = 3.0
    queue_max: Count = 200


class Operators(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where operators' tools look: metrics and health."""

    listen: ListenOrOff = "127.0.0.1:8091"
    token: str = ""
    tenants_max: Count = 50


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the supervisor takes measures, and which."""

    crowded_percent: Annotated[float, Meta(ge=1, le=100)] = 85.0
    sustain_s: Seconds = 10.0
    calm_s: Seconds = 30.0
    block_s: Seconds = 30.0
    block_max_s: Seconds = 3600.0
    suspend_after_blocks: Annotated[int, Meta(ge=0, le=1000)] = 5
    hang_block_s: Seconds = 10.0
    move_after_s: Seconds = 30.0
    move_every_s: Seconds = 600.0
    worker_rss_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 1024
    recycle_every_s: Seconds = 600.0
    memory_mb: Annotated[int, Meta(ge=0, le=10_000_000)] = 0


class Disk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How full the disk may become."""

    reserve_mb: Annotated[int, Meta(ge=0, le=10_000_000)] = 64


class Sandbox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How tenants' scripts are run."""

    enabled: bool = True
    user: Annotated[str, Meta(min_length=1, max_length=32)] = "nobody"
    idle_close_s: Seconds = 60.0
    processes_max: Count = 200
    allow_networks: list[str] = msgspec.field(default_factory=list)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can say."""

    listen: Address = "127.0.0.1:8090"
    data: Directory = layout.DATA_DEFAULT
    shards: Annotated[int, Meta(ge=1, le=256)] = 2
    base_domain: Domain = "localhost"
    path_prefix: bool = False
    live_tenants_max: Count = 1000
    idle_close_s: Seconds = 900.0
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    http: Http = msgspec.field(default_factory=Http)
    sql: Sql = msgspec.field(default_factory=Sql)
    batch: Batch = msgspec.field(default_factory=Batch)
    supervision: Supervision = msgspec.field(default_factory=Supervision)
    logs: Logs = msgspec.field(default_factory=Logs)
    plans: dict[PlanName, Plan] = msgspec.field(default_factory=lambda: {DEFAULT_PLAN: Plan()})
    policy: Policy = msgspec.field(default_factory=Policy)
    sandbox: Sandbox = msgspec.field(default_factory=Sandbox)
    disk: Disk = msgspec.field(default_factory=Disk)
    operators: Operators = msgspec.field(default_factory=Operators)


def plan_of(settings: Settings, name: str) -> Plan:
    """The plan of that name; the default one where there is none."""
    return settings.plans.get(name) or settings.plans.get(DEFAULT_PLAN) or Plan()


def data_dir(settings: Settings) -> Path:
    """The data directory of the whole server."""
    return Path(settings.data)


def registry_file(settings: Settings) -> Path:
    """SQLite database of the registered tenants; only the supervisor opens it."""
    return data_dir(settings) / layout.REGISTRY


def ledger_file(settings: Settings) -> Path:
    """SQLite database of day totals and events; only the supervisor opens it."""
    return data_dir(settings) / layout.LEDGER


def lock_file(settings: Settings) -> Path:
    """Held with flock while a supervisor or one of its workers lives."""
    return data_dir(settings) / layout.LOCK


def control_socket(settings: Settings) -> Path:
    """Where the operator's commands arrive (unix stream socket, mode 0600)."""
    return data_dir(settings) / layout.CONTROL_SOCKET


def shard_socket(settings: Settings, shard: int) -> Path:
    """Listener of one shard (unix stream socket), for a proxy that hashes by Host itself."""
    return data_dir(settings) / layout.SHARD_SOCKET.format(shard)


def template_dir(settings: Settings) -> Path:
    """The databases a new tenant is copied from."""
    return data_dir(settings) / layout.TEMPLATE


def tenants_dir(settings: Settings) -> Path:
    """Parent of every tenant's directory."""
    return data_dir(settings) / layout.TENANTS


def tenant_dir(settings: Settings, name: str) -> Path:
    """Directory of one tenant: `pb_data`, `pb_hooks`, `pb_migrations`, `pb_public`, as PocketBase lays them out."""
    return tenants_dir(settings) / name


def draft_dir(settings: Settings, name: str) -> Path:
    """Where the files of a tenant are made: a rename away from `tenant_dir`."""
    return tenants_dir(settings) / layout.DRAFTS / name
