"""What the policy can decide. Values only; `supervisor.act` does them. Every reason is a sentence with its figures."""

from dataclasses import dataclass

from supervisor.contract.plan import Verdict


@dataclass(frozen=True, slots=True)
class Abort:
    """SIGABRT: the worker prints the stack of all its threads and dies."""

    shard: int
    pid: int
    tenant: str
    held_s: float


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL: the worker was aborted and is still there."""

    shard: int
    pid: int
    tenant: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Another verdict for a tenant. `kind` is throttled, blocked, eased or free; `for_s` is how long a block lasts."""

    verdict: Verdict
    kind: str
    shard: int
    reason: str
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Suspend:
    """The tenant serves no more until an operator resumes it."""

    name: str
    shard: int
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """The tenant changes from the shard `source` to another."""

    name: str
    source: int
    shard: int
    reason: str


@dataclass(frozen=True, slots=True)
class Trim:
    """The worker closes tenants without a request for `idle_s`, and so many of the largest where nothing runs."""

    shard: int
    idle_s: float
    largest: int
    reason: str


@dataclass(frozen=True, slots=True)
class Recycle:
    """The worker is replaced by a fresh one, unnoticed."""

    shard: int
    reason: str


Action = Abort | Kill | Sentence | Suspend | Move | Trim | Recycle
