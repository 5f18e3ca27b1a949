"""What follows for the workers from where the tenants stand: a verdict is a function of the memory, and nothing else.

So the rules only remember; who compares the verdicts of now with those given out knows what has to be told.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from supervisor.contract.plan import Verdict
from supervisor.policy.actions import Sentence
from supervisor.policy.hangs import Culprit
from supervisor.policy.steps import LEVELS, Standing

AGAINST = frozenset({"throttled", "blocked"})
"""Kinds of sentences that go against a tenant; the others lift something."""


def verdict_of(name: str, standing: Standing | None, culprit: Culprit | None, now: float) -> Verdict:
    """The verdict on a tenant: slowed down as far as it stands on the steps, refused as long as either rule says."""
    level = LEVELS[standing.level if standing else 0]
    cap = standing.cap_percent if standing and standing.level else 0.0
    blocked, reason = (standing.blocked_until, standing.reason) if standing else (0.0, "")
    if culprit and culprit.blocked_until > max(now, blocked):
        blocked, reason = culprit.blocked_until, culprit.reason
    if blocked <= now:
        blocked = 0.0
    free = not (standing and standing.level) and not blocked
    return Verdict(
        name=name,
        weight_percent=level.weight_percent,
        cpu_percent=cap,
        blocked_until=blocked,
        reason="" if free else reason,
    )


def verdicts_of(standings: Mapping[str, Standing], culprits: Mapping[str, Culprit], now: float) -> dict[str, Verdict]:
    """The verdicts that limit something, by name."""
    found = {}
    for name in standings.keys() | culprits.keys():
        verdict = verdict_of(name, standings.get(name), culprits.get(name), now)
        if not verdict.is_free:
            found[name] = verdict
    return found


def sentences(
    before: Mapping[str, Verdict],
    after: Mapping[str, Verdict],
    standings: Mapping[str, Standing],
    now: float,
    why: str = "",
) -> Iterable[Sentence]:
    """What has to be told, by name: every verdict that limits something else than before, whatever its reason. `why` is
    given as the reason where nothing is remembered of one that is lifted."""
    for name in sorted(before.keys() | after.keys()):
        was, now_is = before.get(name, Verdict(name)), after.get(name, Verdict(name))
        if replace(was, reason="") != replace(now_is, reason=""):
            standing = standings.get(name)
            kind = _kind(was, now_is)
            reason = now_is.reason if kind in AGAINST else standing.eased if standing else ""
            shard, for_s = standing.shard if standing else -1, max(0.0, now_is.blocked_until - now)
            yield Sentence(now_is, kind, shard, reason or why or "its block is over", for_s)


def _kind(was: Verdict, now_is: Verdict) -> str:
    if now_is.is_free:
        return "free"
    if now_is.blocked_until > was.blocked_until:
        return "blocked"
    if was.blocked_until > now_is.blocked_until or was.weight_percent < now_is.weight_percent:
        return "eased"
    return "throttled"
