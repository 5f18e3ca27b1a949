"""The steps against a tenant that takes too much, one after another, and back again.

            over for sustain_s              over for as long again        … and again
    free ──────────────────────► mild ──────────────────────────► strong ────────────► blocked for block_s (429),
      ◄──────────────────────────  ◄────────────────────────────────  ◄──────────────  twice as long each time
         calm for calm_s                calm for calm_s               block ends

                   after `suspend_after_blocks` blocks within a day, instead of the next one: suspended

- mild: half the weight, CPU limited to its fair part, which leaves the neighbours theirs; strong: a fifth, half of it.
- After each step the figures must first be those of the time since: nothing is held against a tenant for the first
  `WINDOW_S`. Over and calm have thresholds of their own (`conduct`), and what lies between stops both clocks.
- Who is throttled again and again has to be calm for longer, and blocks double. Each is forgotten bit by bit.
- A tenant that changes its worker begins anew there, with what is remembered of it.
"""

from dataclasses import dataclass, replace
from math import floor
from typing import NamedTuple

from supervisor.contract.settings import Policy
from supervisor.policy.backoff import CLEAN, Backoff
from supervisor.policy.conduct import FAIR_MIN_PERCENT, Behaviour, Conduct
from supervisor.policy.facts import WINDOW_S


class Level(NamedTuple):
    """How far a tenant is slowed down: its weight in percent of the plan's, its CPU as a part of what is fair."""

    word: str
    weight_percent: int
    fair_part: float


LEVELS = (Level("free", 100, 0.0), Level("mild", 50, 1.0), Level("strong", 20, 0.5))
STRONGEST = len(LEVELS) - 1

DAY_S = 86_400.0
FORGIVE_S = 3600.0  # one relapse, or one doubling of the block, is forgotten after so long without another
CALM_FACTOR_MAX = 8.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a tenant stands on the steps, and what is remembered of it. Times in seconds.

    `watched_from`: from when on its conduct counts. `over_since` and `calm_since`: since when it has been so without a
    break, None while it is not. `blocks`: when each one of the last day began. `relapses`: how often it was throttled.
    `reason` says what it did, `eased` what the last step back was for.
    """

    shard: int
    level: int = 0
    cap_percent: float = 0.0
    blocked_until: float = 0.0
    suspended: bool = False
    watched_from: float = 0.0
    over_since: float | None = None
    calm_since: float | None = None
    relapses: Backoff = CLEAN
    doublings: Backoff = CLEAN
    blocks: tuple[float, ...] = ()
    reason: str = ""
    eased: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is held against the tenant any more, so that it can be forgotten."""
        return not (
            self.level
            or self.blocked_until
            or self.suspended
            or self.over_since is not None
            or self.blocks
            or self.relapses.strikes
            or self.doublings.strikes
        )


def step(standing: Standing, conduct: Conduct, policy: Policy, now: float) -> Standing:
    """Where the tenant stands after a look that found it behaving so."""
    standing = _forgiven(standing, now)
    if standing.suspended or now < standing.blocked_until:
        return standing
    if standing.blocked_until:
        standing = replace(standing, blocked_until=0.0, watched_from=now + WINDOW_S, eased="its block is over")
    if now < standing.watched_from:
        return standing
    match conduct.behaviour:
        case Behaviour.OVER:
            since = now if standing.over_since is None else standing.over_since
            standing = replace(standing, over_since=since, calm_since=None)
            return _down(standing, conduct, policy, now) if now - since >= policy.sustain_s else standing
        case Behaviour.CALM if standing.level:
            since = now if standing.calm_since is None else standing.calm_since
            standing = replace(standing, over_since=None, calm_since=since)
            calm_s = calm_needed_s(standing, policy)
            return _up(standing, calm_s, now) if now - since >= calm_s else standing
    return standing if (standing.over_since, standing.calm_since) == (None, None) else _clocks_stopped(standing)


def settled_elsewhere(standing: Standing, shard: int, now: float) -> Standing:
    """Where a tenant stands that has changed its worker: not slowed down, but not forgotten either."""
    if standing.shard == shard:
        return standing
    fresh = replace(standing, shard=shard, watched_from=now + WINDOW_S, eased="it is on another worker now")
    return _clocks_stopped(replace(fresh, level=0, cap_percent=0.0) if now >= fresh.blocked_until else fresh)


def calm_needed_s(standing: Standing, policy: Policy) -> float:
    """How long the tenant has to be calm before a step is taken back."""
    relapses = max(0, standing.relapses.strikes - 1)
    return replace(standing.relapses, strikes=relapses).length(policy.calm_s, 2, policy.calm_s * CALM_FACTOR_MAX)


def _down(standing: Standing, conduct: Conduct, policy: Policy, now: float) -> Standing:
    """The next measure against it."""
    assert standing.over_since is not None
    reason = f"{conduct.did} for {now - standing.over_since:.0f} s {conduct.where}"
    standing = _clocks_stopped(replace(standing, watched_from=now + WINDOW_S, reason=reason))
    if standing.level < STRONGEST:
        level = standing.level + 1
        cap = max(FAIR_MIN_PERCENT, conduct.fair_percent * LEVELS[level].fair_part)
        cap = min(cap, standing.cap_percent) if standing.cap_percent else cap
        relapses = standing.relapses if standing.level else standing.relapses.struck(now)
        return replace(standing, level=level, cap_percent=floor(cap * 10) / 10, relapses=relapses)
    if policy.suspend_after_blocks and len(standing.blocks) >= policy.suspend_after_blocks:
        reason = f"{reason}, after {len(standing.blocks)} blocks within a day"
        return replace(standing, suspended=True, reason=reason)
    block_s = standing.doublings.length(policy.block_s, 2, policy.block_max_s)
    kept = standing.blocks[-max(1, policy.suspend_after_blocks) :]
    blocks, doublings = (*kept, now), standing.doublings.struck(now)
    return replace(standing, blocked_until=now + block_s, blocks=blocks, doublings=doublings)


def _up(standing: Standing, calm_s: float, now: float) -> Standing:
    """One step back."""
    level = standing.level - 1
    cap = round(standing.cap_percent * LEVELS[level].fair_part / LEVELS[standing.level].fair_part, 1)
    eased = f"kept to its limits for {calm_s:.0f} s"
    return _clocks_stopped(replace(standing, level=level, cap_percent=cap, eased=eased, watched_from=now + WINDOW_S))


def _clocks_stopped(standing: Standing) -> Standing:
    return replace(standing, over_since=None, calm_since=None)


def _forgiven(standing: Standing, now: float) -> Standing:
    """The standing without what is too long ago."""
    relapses, doublings = standing.relapses.eased(now, FORGIVE_S), standing.doublings.eased(now, FORGIVE_S)
    blocks = tuple(at for at in standing.blocks if now - at < DAY_S) if standing.blocks else ()
    if (relapses, doublings, blocks) == (standing.relapses, standing.doublings, standing.blocks):
        return standing
    return replace(standing, relapses=relapses, doublings=doublings, blocks=blocks)
