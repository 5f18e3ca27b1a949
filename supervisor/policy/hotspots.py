"""A worker that is crowded while another has room: one of its tenants moves there, for good.

Moved is the busiest tenant that fits: it makes the busier one of the two less busy by `GAIN_PERCENT` at least, and does
not make its new worker crowded. So with the same load nothing moves twice; against loads that change, each tenant has
to stay for `move_every_s`, twice as long each time it has moved, and both workers are left alone for a while. Where an
operator put a tenant, it stays.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor.contract.settings import Policy
from supervisor.policy.actions import Action, Move
from supervisor.policy.backoff import Backoff
from supervisor.policy.facts import WINDOW_S, Facts, TenantFacts, WorkerFacts

SMOOTHING_S = 10.0  # how fast the busyness that is looked at follows the figures
HYSTERESIS_PERCENT = 5.0  # crowded until it is so far below
GAIN_PERCENT = 10.0
ROOM_PERCENT = 10.0  # below crowded, with the tenant that comes
STAY_MAX_S = 86_400.0
FORGIVE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Busy:
    """One worker: how busy it is, smoothed, and since when it has been crowded (None: it is not)."""

    pid: int
    percent: float
    looked_at: float
    crowded_since: float | None = None


@dataclass(frozen=True, slots=True)
class Hotspots:
    """What is remembered: of each shard's worker how busy it is, of each tenant that was moved when and how often."""

    busy: Mapping[int, Busy] = field(default_factory=dict)
    moved: Mapping[str, Backoff] = field(default_factory=dict)


def look(facts: Facts, hotspots: Hotspots, policy: Policy, now: float) -> tuple[list[Action], Hotspots]:
    """The one move to make now, if any; none while a handover is under way."""
    busy = {worker.shard: _busy(hotspots.busy.get(worker.shard), worker, policy, now) for worker in facts.workers}
    moved = {
        name: eased for name, backoff in hotspots.moved.items() if (eased := backoff.eased(now, FORGIVE_S)).strikes
    }
    hotspots = Hotspots(busy, moved)
    if len(busy) < 2 or not all(worker.settled for worker in facts.workers):
        return [], hotspots
    found = _best(facts, hotspots, policy, now)
    if found is None:
        return [], hotspots
    tenant, target = found
    source = busy[tenant.shard]
    assert source.crowded_since is not None
    reason = (
        f"shard {tenant.shard} was crowded for {now - source.crowded_since:.0f} s ({source.percent:.0f} % of a core), "
        f"shard {target} is at {busy[target].percent:.0f} %; the tenant uses {tenant.cpu_percent:.0f} %"
    )
    after = dict(busy)
    for shard, change in ((tenant.shard, -tenant.cpu_percent), (target, tenant.cpu_percent)):
        # until it shows in the figures: expected, and looked at anew from then on
        after[shard] = Busy(busy[shard].pid, busy[shard].percent + change, now + WINDOW_S)
    strikes = moved.get(tenant.name, Backoff()).struck(now)
    return [Move(tenant.name, tenant.shard, target, reason)], Hotspots(after, {**moved, tenant.name: strikes})


def _best(facts: Facts, hotspots: Hotspots, policy: Policy, now: float) -> tuple[TenantFacts, int] | None:
    """(tenant, the shard it should move to): the busiest tenant that fits somewhere, of the busiest worker first."""
    busy = hotspots.busy
    crowded = [shard for shard, state in busy.items() if state.crowded_since is not None]
    crowded = [shard for shard in crowded if now - (busy[shard].crowded_since or now) >= policy.move_after_s]
    if not crowded:
        return None
    tenants: dict[int, list[TenantFacts]] = defaultdict(list)
    for tenant in facts.tenants:
        if not tenant.pinned and _may_move(tenant.name, hotspots, policy, now):
            tenants[tenant.shard].append(tenant)
    for source in sorted(crowded, key=lambda shard: (-busy[shard].percent, shard)):
        target = min((shard for shard in busy if shard != source), key=lambda shard: (busy[shard].percent, shard))
        if busy[target].looked_at > now or busy[target].crowded_since is not None:
            continue
        for tenant in sorted(tenants[source], key=lambda tenant: (-tenant.cpu_percent, tenant.name)):
            if _fits(tenant.cpu_percent, busy[source].percent, busy[target].percent, policy.crowded_percent):
                return tenant, target
    return None


def _fits(tenant: float, source: float, target: float, crowded: float) -> bool:
    """Whether the move improves the busier one of the two enough and leaves the target with room."""
    after = max(source - tenant, target + tenant)
    return source - after >= GAIN_PERCENT and target + tenant <= crowded - ROOM_PERCENT


def _may_move(name: str, hotspots: Hotspots, policy: Policy, now: float) -> bool:
    backoff = hotspots.moved.get(name)
    if backoff is None:
        return True
    stay = Backoff(backoff.strikes - 1).length(policy.move_every_s, 2, STAY_MAX_S)
    return now - backoff.since >= stay


def _busy(busy: Busy | None, worker: WorkerFacts, policy: Policy, now: float) -> Busy:
    """How busy the worker is, with this look."""
    if busy is None or busy.pid != worker.pid:
        return Busy(worker.pid, worker.cpu_percent, now)
    if now < busy.looked_at:
        return busy
    part = min(1.0, (now - busy.looked_at) / SMOOTHING_S)
    percent = busy.percent + (worker.cpu_percent - busy.percent) * part
    if percent < policy.crowded_percent - (0.0 if busy.crowded_since is None else HYSTERESIS_PERCENT):
        return Busy(worker.pid, percent, now)
    return Busy(worker.pid, percent, now, now if busy.crowded_since is None else busy.crowded_since)
