"""What is too much: how a tenant behaves towards its plan and towards its neighbours on the same worker.

It takes too much (OVER) when others are in use and

- it has so many requests refused that refusing them costs its worker something, or
- it uses more CPU than its plan allows, although the gate slows it down, or more memory, although the worker closes it
  where it can (not while its requests never pause), or
- its worker is crowded, the others wait, and it uses far more than its fair part of a core; for one that is throttled
  already: more than it was throttled to.

It keeps to its limits (CALM) below lower thresholds than these; in between (TOLERABLE) nothing changes. Who is alone
takes nothing from anybody, whatever it uses: always CALM. So is the use of what is free: an idle core is there to be
used, and while nobody waits for it nothing is too much.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from supervisor.policy.facts import TenantFacts, WorkerFacts

CORE_PERCENT = 100.0
KB_PER_MB = 1024
ACTIVE_PERCENT = 0.5  # CPU of a tenant that counts as in use though no request came
ACTIVE_PER_S = 0.2  # requests of a tenant that counts as in use
LAG_MS = 100.0  # a loop that comes so late is crowded, whatever CPU its process got
WAIT_MS = 10.0  # on average: what a neighbour's request may wait for its turn
OVER_FACTOR = 1.5  # of the fair part
CAP_FACTOR = 1.25  # of what it was throttled to, or of its plan's CPU
OVER_PERCENT = 10.0  # and by no less than so much of a core
MEMORY_FACTOR = 1.5  # of its plan's memory
CALM_FACTOR = 0.75
RELAXED_FACTOR = 0.7  # of a crowded worker: busy so much, it is a pleasant place
REFUSED_PER_S = 1000.0  # some 2 % of a core; a crowd of visitors, one request each, is no flood
REFUSED_CALM_PER_S = 250.0
FAIR_MIN_PERCENT = 2.0


class Behaviour(Enum):
    """How a tenant behaves at one look."""

    CALM = "calm"
    TOLERABLE = "tolerable"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Conduct:
    """How it behaves, and what CPU it would get if all got their part (percent of a core). What is too much in words:
    `did` this, and `where` that was the measure."""

    behaviour: Behaviour
    fair_percent: float
    did: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Tenants in use on one worker, summed up. `waited` is in ms a second; `elsewhere` are those in use on others."""

    crowded: bool
    relaxed_percent: float
    lag_ms: float
    elsewhere: int
    tenants: int = 0
    weight: int = 0
    cpu_percent: float = 0.0
    requests_per_s: float = 0.0
    waited: float = 0.0

    def without(self, tenant: TenantFacts) -> "Crowd":
        """The tenant's neighbours."""
        if not is_active(tenant):
            return self
        return Crowd(  # not `replace`, which takes four times as long: this is done for every tenant in use
            self.crowded,
            self.relaxed_percent,
            self.lag_ms,
            self.elsewhere,
            self.tenants - 1,
            self.weight - tenant.weight,
            self.cpu_percent - tenant.cpu_percent,
            self.requests_per_s - tenant.requests_per_s,
            self.waited - tenant.waited_ms * tenant.requests_per_s,
        )

    @property
    def harm(self) -> str:
        """What they suffer, in words; nothing if they don't."""
        if not self.crowded or not self.tenants or self.requests_per_s <= 0:
            return ""
        waited_ms = self.waited / self.requests_per_s
        if waited_ms >= WAIT_MS:
            return f"while its neighbours' requests waited {waited_ms:.0f} ms for their turn"
        return f"while its worker came {self.lag_ms:.0f} ms late" if self.lag_ms >= LAG_MS else ""


def is_active(tenant: TenantFacts) -> bool:
    """Whether the tenant counts as in use."""
    return tenant.cpu_percent >= ACTIVE_PERCENT or tenant.requests_per_s >= ACTIVE_PER_S


def crowd(worker: WorkerFacts, tenants: Iterable[TenantFacts], everywhere: int, crowded_percent: float) -> Crowd:
    """The crowd on a worker; `everywhere` is the number of tenants in use on all of them."""
    active = [tenant for tenant in tenants if is_active(tenant)]
    return Crowd(
        crowded=worker.cpu_percent >= crowded_percent or worker.lag_ms >= LAG_MS,
        relaxed_percent=crowded_percent * RELAXED_FACTOR,
        lag_ms=worker.lag_ms,
        elsewhere=everywhere - len(active),
        tenants=len(active),
        weight=sum(tenant.weight for tenant in active),
        cpu_percent=sum(tenant.cpu_percent for tenant in active),
        requests_per_s=sum(tenant.requests_per_s for tenant in active),
        waited=sum(tenant.waited_ms * tenant.requests_per_s for tenant in active),
    )


def behaviour(tenant: TenantFacts, around: Crowd, cap_percent: float) -> Conduct:
    """How the tenant behaves in its crowd. `cap_percent` is what it was throttled to, 0 if it was not."""
    neighbours = around.without(tenant)
    share = CORE_PERCENT * tenant.weight / (neighbours.weight + tenant.weight)
    fair = max(share, around.relaxed_percent - neighbours.cpu_percent, FAIR_MIN_PERCENT)
    plan = tenant.limit_percent
    if plan:
        fair = min(fair, plan)
    if not neighbours.tenants and not neighbours.elsewhere:
        return Conduct(Behaviour.CALM, fair)
    over = _over_plan(tenant) or _over_share(tenant, neighbours, share, fair, cap_percent)
    if over:
        return Conduct(Behaviour.OVER, fair, *over)
    calm = (
        tenant.refused_per_s < REFUSED_CALM_PER_S
        and (not tenant.memory_max_kb or tenant.memory_kb <= tenant.memory_max_kb)
        and (not plan or tenant.cpu_percent < plan * CAP_FACTOR)
        and (not neighbours.tenants or tenant.cpu_percent < (cap_percent or share) * CALM_FACTOR)
    )
    return Conduct(Behaviour.CALM if calm else Behaviour.TOLERABLE, fair)


def is_conspicuous(tenant: TenantFacts) -> bool:
    """Whether one against whom nothing is held could be OVER at all: of a thousand in use, few are looked at closer."""
    return (
        tenant.cpu_percent >= OVER_PERCENT
        or tenant.refused_per_s >= REFUSED_PER_S
        or 0 < tenant.memory_max_kb * MEMORY_FACTOR <= tenant.memory_kb
    )


def _over_plan(tenant: TenantFacts) -> tuple[str, str] | None:
    """What is more than any plan, or than its own, allows, and what it allows; None if it keeps to it."""
    used, plan = tenant.cpu_percent, tenant.limit_percent
    if tenant.refused_per_s >= REFUSED_PER_S:
        return f"had {tenant.refused_per_s:.0f} requests a second refused", "and went on"
    if plan and used >= max(plan * CAP_FACTOR, plan + OVER_PERCENT):
        return f"used {used:.0f} % of a core", f"where its plan is {plan:g} %"
    if 0 < tenant.memory_max_kb * MEMORY_FACTOR <= tenant.memory_kb:
        return f"took {tenant.memory_kb // KB_PER_MB} MB", f"where its plan is {tenant.memory_max_kb // KB_PER_MB} MB"
    return None


def _over_share(
    tenant: TenantFacts, neighbours: Crowd, share: float, fair: float, cap_percent: float
) -> tuple[str, str] | None:
    """What it takes from its neighbours, and what it should; None if they do not suffer."""
    used, harm = tenant.cpu_percent, neighbours.harm
    if not harm:
        return None
    if not cap_percent:
        limit, factor, where = share, OVER_FACTOR, f"its share is {share:.0f} %"
    elif cap_percent <= fair:
        limit, factor, where = cap_percent, CAP_FACTOR, f"it was slowed down to {cap_percent:.0f} %"
    else:
        limit, factor, where = fair, CAP_FACTOR, f"its share has become {fair:.0f} %"
    if used < max(limit * factor, limit + OVER_PERCENT):
        return None
    return f"used {used:.0f} % of a core", f"where {where}, {harm}"
