"""What a tenant may take: its plan (settled by the operator) and its verdict (settled by the policy, for a time).

Plans stand in the settings under `plans`; a tenant names one, and a name that is not there means `default`. In all of
them 0 means: no limit.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

DEFAULT_PLAN = "default"

PlanName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        extra={"allowed": "up to 32 of a-z, 0-9, - and _, the first one a letter or digit"},
    ),
]


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of every tenant that has this plan; each is explained in `configs/default.yaml`."""

    weight: Annotated[int, Meta(ge=1, le=10_000)] = 100
    cpu_percent: Annotated[float, Meta(ge=0, le=10_000)] = 0.0
    requests_per_s: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    requests_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    concurrency_max: Annotated[int, Meta(ge=1, le=100_000)] = 256
    queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 2_500
    connections_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 2_500
    buffer_bytes_max: Annotated[int, Meta(ge=65_536)] = 67_108_864
    read_timeout_s: Annotated[float, Meta(ge=0.1, le=86_400)] = 30.0
    request_timeout_s: Annotated[float, Meta(ge=1, le=86_400)] = 120.0
    memory_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 64
    disk_mb: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    js_timeout_s: Annotated[float, Meta(ge=0.1, le=3_600)] = 30.0
    js_cpu_s: Annotated[float, Meta(ge=0.05, le=3_600)] = 3.0
    js_job_timeout_s: Annotated[float, Meta(ge=0.1, le=86_400)] = 300.0
    js_memory_mb: Annotated[int, Meta(ge=16, le=1_000)] = 64
    js_processes: Annotated[int, Meta(ge=0, le=64)] = 2
    js_calls_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 20_000
    js_log_lines_max: Annotated[int, Meta(ge=0, le=100_000)] = 200


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the policy made of a tenant. Every worker knows the verdicts, whoever owns the tenant.

    `weight_percent` scales the plan's weight; `cpu_percent` (of one core) and `requests_per_s` are limits beside the
    plan's, 0 for none; until `blocked_until` (CLOCK_MONOTONIC seconds, the same for all processes) every request is
    refused. A verdict that limits nothing (`is_free`) lifts what there was.
    """

    name: str
    weight_percent: int = 100
    cpu_percent: float = 0.0
    requests_per_s: float = 0.0
    blocked_until: float = 0.0
    reason: str = ""

    @property
    def is_free(self) -> bool:
        """Whether it limits nothing."""
        return (self.weight_percent, self.cpu_percent, self.requests_per_s, self.blocked_until) == (100, 0.0, 0.0, 0.0)

    def enter(self, verdicts: "dict[str, Verdict]") -> None:
        """Put it in the place of what `verdicts` has about its tenant."""
        if self.is_free:
            verdicts.pop(self.name, None)
        else:
            verdicts[self.name] = self
