"""Workers that have grown: trimmed first, then replaced by a fresh one, which no client notices.

A worker is bloated when its resident memory exceeds `worker_rss_mb`, or when it grows and never comes back: the lowest
it comes to in a minute rises from each minute to the next, over `MINUTES` of them and by `GROWTH_KB` at least. Counted
is what neither SQLite says to have nor the live tenants need, so tenants that are opened are no growth.

    bloated ──► trim ──► still so after TRIM_WAIT_S ──► recycle, not again within recycle_every_s; twice as long
                                                        each time the successor has become just as large
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from supervisor.contract.settings import Policy
from supervisor.policy.actions import Action, Recycle, Trim
from supervisor.policy.backoff import CLEAN, Backoff
from supervisor.policy.conduct import KB_PER_MB
from supervisor.policy.facts import WorkerFacts

LIVE_KB = 120  # what a live tenant takes besides SQLite's memory
MINUTE_S = 60.0
MINUTES = 10
YOUNG_MINUTES = 3  # what a worker imports and opens first is no growth
RISE_KB = 512  # from one minute to the next: less is noise
GROWTH_KB = 64 * KB_PER_MB
TRIM_IDLE_S = 30.0
TRIM_WAIT_S = 20.0
TRIM_AGAIN_S = 120.0  # who is bloated again before has not been helped by a trim
AS_LARGE = 0.9  # a successor that comes to so much of its predecessor's size was not helped by being fresh
RECYCLE_DELAY_MAX_S = 86_400.0
FORGIVE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Growth:
    """One process over the minutes: `floors` are the lowest of each minute that is over, `low` that of the present."""

    pid: int
    began: float
    low: int
    floors: tuple[int, ...] = ()
    young: int = YOUNG_MINUTES

    @property
    def never_returns(self) -> bool:
        """Whether it rose in every minute, and far enough."""
        floors = self.floors
        rises = all(after - before >= RISE_KB for before, after in pairwise(floors))
        return len(floors) == MINUTES and rises and floors[-1] - floors[0] >= GROWTH_KB


@dataclass(frozen=True, slots=True)
class Renewal:
    """A shard's worker was replaced `at` that time because it had come to `rss_kb`."""

    at: float
    rss_kb: int
    backoff: Backoff = CLEAN


@dataclass(frozen=True, slots=True)
class Bloat:
    """What is remembered of the shards' workers. `trimmed`: when one was last trimmed for its size."""

    growth: Mapping[int, Growth] = field(default_factory=dict)
    trimmed: Mapping[int, float] = field(default_factory=dict)
    renewals: Mapping[int, Renewal] = field(default_factory=dict)


def look(
    workers: tuple[WorkerFacts, ...], bloat: Bloat, policy: Policy, now: float, *, quiet: bool = True
) -> tuple[list[Action], Bloat]:
    """Which workers to trim and which one to replace: one at a time, and none while a handover is under way, nor where
    it is not `quiet` because another one was just decided upon."""
    growth = {worker.shard: _grown(bloat.growth.get(worker.shard), worker, now) for worker in workers if worker.settled}
    known = {worker.shard: worker.pid for worker in workers}
    trimmed = {
        shard: at
        for shard, at in bloat.trimmed.items()
        if shard in growth and shard in bloat.growth and bloat.growth[shard].pid == known[shard]
    }
    bloat = replace(bloat, growth=growth, trimmed=trimmed)
    actions: list[Action] = []
    recycled = not quiet or not all(worker.settled for worker in workers)
    for worker in workers:
        why = _why(worker, growth, policy) if worker.settled else ""
        at = trimmed.get(worker.shard)
        if not why:
            if at is not None and now - at >= TRIM_AGAIN_S:
                del trimmed[worker.shard]
        elif at is None:
            actions.append(Trim(worker.shard, TRIM_IDLE_S, 0, why))
            trimmed[worker.shard] = now
        elif now - at >= TRIM_WAIT_S and not recycled and may_recycle(bloat, worker, policy, now):
            actions.append(Recycle(worker.shard, why))
            bloat = recycling(bloat, worker, now)
            recycled = True
    return actions, bloat


def may_recycle(bloat: Bloat, worker: WorkerFacts, policy: Policy, now: float) -> bool:
    """Whether the worker may be replaced for its memory again."""
    renewal = bloat.renewals.get(worker.shard)
    if renewal is None:
        return True
    backoff = renewal.backoff
    if worker.rss_kb < renewal.rss_kb * AS_LARGE:
        backoff = CLEAN
    return now - renewal.at >= backoff.length(policy.recycle_every_s, 2, RECYCLE_DELAY_MAX_S)


def recycling(bloat: Bloat, worker: WorkerFacts, now: float) -> Bloat:
    """The memory once the worker is being replaced."""
    renewal = bloat.renewals.get(worker.shard)
    helped = renewal is None or worker.rss_kb < renewal.rss_kb * AS_LARGE
    backoff = CLEAN if helped or renewal is None else renewal.backoff.eased(now, FORGIVE_S).struck(now)
    renewals = {**bloat.renewals, worker.shard: Renewal(now, worker.rss_kb, backoff)}
    return replace(bloat, renewals=renewals)


def unexplained_kb(worker: WorkerFacts) -> int:
    """Resident memory that neither SQLite's own figure nor the number of live tenants accounts for."""
    return worker.rss_kb - worker.sqlite_kb - worker.live_tenants * LIVE_KB


def _why(worker: WorkerFacts, growth: Mapping[int, Growth], policy: Policy) -> str:
    limit_kb = policy.worker_rss_mb * KB_PER_MB
    if not limit_kb:
        return ""
    if worker.rss_kb > limit_kb:
        return f"takes {worker.rss_kb // KB_PER_MB} MB, more than {policy.worker_rss_mb}"
    grown = growth[worker.shard]
    if grown.never_returns:
        more = (grown.floors[-1] - grown.floors[0]) // KB_PER_MB
        return f"has grown by {more} MB in {MINUTES} minutes and does not come back"
    return ""


def _grown(growth: Growth | None, worker: WorkerFacts, now: float) -> Growth:
    """The process over the minutes, with this look."""
    size = unexplained_kb(worker)
    if growth is None or growth.pid != worker.pid:
        return Growth(worker.pid, now, size)
    if now - growth.began < MINUTE_S:
        return replace(growth, low=size) if size < growth.low else growth
    if growth.young:
        return replace(growth, began=now, low=size, young=growth.young - 1)
    return replace(growth, began=now, low=size, floors=(*growth.floors, growth.low)[-MINUTES:])
