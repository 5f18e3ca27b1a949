"""Memory of all processes together, close to what there is: give back what is needed least.

    above HIGH_PART ──► the worker with most idle tenants closes them      (idle for less and less long)
    still, PAUSE_S later ──► the largest tenants of the largest worker are closed
    still, PAUSE_S later ──► the worker that has most over what its tenants need is replaced by a fresh one
    still, PAUSE_S later ──► from the beginning, with longer pauses from then on

It is over below LOW_PART; in between nothing is done, and what has been tried is remembered. What was closed is opened
by its next request, so each of these costs milliseconds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from supervisor.contract.settings import Policy
from supervisor.policy.actions import Action, Recycle, Trim
from supervisor.policy.backoff import Backoff
from supervisor.policy.bloat import Bloat, may_recycle, recycling, unexplained_kb
from supervisor.policy.conduct import KB_PER_MB, is_active
from supervisor.policy.facts import Facts, WorkerFacts

HIGH_PART = 0.9
LOW_PART = 0.8
PAUSE_S = 10.0  # what was closed must show in the figures first
PAUSE_MAX_S = 320.0  # when all of it was in vain more than once
IDLE_S = (60.0, 10.0)
"""Tenants idle for so long are closed: first these, then those."""
LARGEST = 8
STAGES = len(IDLE_S) + 2


@dataclass(frozen=True, slots=True)
class Pressure:
    """What was tried last (a stage, counted from 1; 0: nothing), when, and how often all was tried before."""

    stage: int = 0
    acted_at: float = 0.0
    rounds: int = 0

    @property
    def next_at(self) -> float:
        """When something may be tried again."""
        return self.acted_at + Backoff(self.rounds).length(PAUSE_S, 2, PAUSE_MAX_S) if self.acted_at else 0.0


def look(
    facts: Facts, pressure: Pressure, bloat: Bloat, policy: Policy, now: float
) -> tuple[list[Action], Pressure, Bloat]:
    """What to give back now, if anything."""
    limit = facts.memory_limit_kb
    if not limit or facts.memory_kb < limit * LOW_PART:
        return [], Pressure(acted_at=pressure.acted_at), bloat
    settled = [worker for worker in facts.workers if worker.settled]
    if facts.memory_kb < limit * HIGH_PART or not settled or now < pressure.next_at:
        return [], pressure, bloat
    reason = f"all processes take {facts.memory_kb // KB_PER_MB} of {limit // KB_PER_MB} MB"
    stage, rounds = pressure.stage, pressure.rounds
    for _ in range(STAGES):
        stage, rounds = (stage + 1, rounds) if stage < STAGES else (1, rounds + 1)
        action = _measure(stage, facts, settled, bloat, policy, now, reason)
        if action is not None:
            if isinstance(action, Recycle):
                bloat = recycling(bloat, next(w for w in settled if w.shard == action.shard), now)
            return [action], Pressure(stage, now, rounds), bloat
    return [], replace(pressure, acted_at=now, rounds=rounds), bloat


def _measure(  # noqa: PLR0917 (one look)
    stage: int,
    facts: Facts,
    settled: Sequence[WorkerFacts],
    bloat: Bloat,
    policy: Policy,
    now: float,
    reason: str,
) -> Action | None:
    """What the stage comes to now; None where there is nothing to be had."""
    if stage <= len(IDLE_S):
        busy = Counter(tenant.shard for tenant in facts.tenants if is_active(tenant))
        idle = {worker.shard: worker.live_tenants - busy[worker.shard] for worker in settled}
        shard = max(idle, key=lambda shard: (idle[shard], -shard))
        if idle[shard] <= 0:
            return None
        return Trim(shard, IDLE_S[stage - 1], 0, f"{reason}; it has {idle[shard]} idle tenants")
    if stage < STAGES:
        largest = max(settled, key=lambda worker: (worker.rss_kb, -worker.shard))
        if not largest.live_tenants:
            return None
        return Trim(largest.shard, IDLE_S[-1], LARGEST, f"{reason}; it closes its largest tenants")
    if len(settled) < len(facts.workers):
        return None
    free = [worker for worker in settled if may_recycle(bloat, worker, policy, now)]
    if not free:
        return None
    fattest = max(free, key=lambda worker: (unexplained_kb(worker), -worker.shard))
    return Recycle(fattest.shard, f"{reason}; it has {unexplained_kb(fattest) // KB_PER_MB} MB over its tenants' needs")
