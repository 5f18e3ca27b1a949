"""The supervisor's policy: from what was measured and what is remembered to what is to be done. Pure; `act` does it.

`decide` shows the order of the rules. Each rule has a module, with a memory of its own:

    hangs      a worker that hangs is ended, and its tenant pays
    steps      a tenant that takes too much is slowed down, blocked, suspended, and freed again (`conduct` says what is
               too much)
    pressure   memory of all processes near the limit: idle tenants are closed first
    bloat      a worker that has grown is replaced
    hotspots   a tenant of a crowded worker moves to one that has room

Rules that are about tenants only remember; what the workers have to be told is found by comparing the verdicts that
follow from the memory (`verdicts`) with those given out. So nothing is told twice and nothing is forgotten.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Settings
from supervisor.policy import bloat, hangs, hotspots, pressure, steps
from supervisor.policy.actions import Action, Recycle, Suspend
from supervisor.policy.bloat import Bloat
from supervisor.policy.conduct import Behaviour, Conduct, behaviour, crowd, is_active, is_conspicuous
from supervisor.policy.facts import Death, Facts, TenantFacts
from supervisor.policy.hangs import Hangs
from supervisor.policy.hotspots import Hotspots
from supervisor.policy.pressure import Pressure
from supervisor.policy.steps import Standing
from supervisor.policy.verdicts import sentences, verdicts_of

SUSPEND_AGAIN_S = 60.0  # a suspended tenant that still serves after so long is suspended again


@dataclass(frozen=True, slots=True)
class Memory:
    """What one look leaves for the next. `verdicts` are those in force; `suspended`: when a tenant was last told to
    be. It begins empty: a supervisor that starts anew holds nothing against anybody."""

    hangs: Hangs = field(default_factory=Hangs)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    pressure: Pressure = field(default_factory=Pressure)
    bloat: Bloat = field(default_factory=Bloat)
    hotspots: Hotspots = field(default_factory=Hotspots)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    suspended: Mapping[str, float] = field(default_factory=dict)


def decide(facts: Facts, memory: Memory, settings: Settings, now: float) -> tuple[list[Action], Memory]:
    """What to do now, in order, and what to remember. `now` is in seconds, on the monotonic clock of the facts."""
    policy = settings.policy
    actions, hung = hangs.look(facts, memory.hangs, settings, now)
    standings = _standings(facts, memory.standings, settings, now)
    suspended = dict(memory.suspended)
    actions += _suspensions(facts, standings, suspended, now)
    relief, pressed, swollen = pressure.look(facts, memory.pressure, memory.bloat, policy, now)
    renewal, swollen = bloat.look(facts.workers, swollen, policy, now, quiet=not _hands_over(relief))
    handovers = [*relief, *renewal]
    hot = memory.hotspots
    if not _hands_over(handovers):  # one at a time
        moves, hot = hotspots.look(facts, hot, policy, now)
        handovers += moves
    memory = Memory(hung, standings, pressed, swollen, hot, memory.verdicts, suspended)
    told, memory = settle(memory, now)
    return [*actions, *told, *handovers], memory


def bury(death: Death, memory: Memory, settings: Settings, now: float) -> tuple[list[Action], Memory]:
    """What follows at once when a worker has died by itself, before its successor is forked."""
    actions, hung = hangs.bury(death, memory.hangs, settings, now)
    told, memory = settle(replace(memory, hangs=hung), now)
    return [*actions, *told], memory


def pardon(name: str, why: str, memory: Memory, now: float) -> tuple[list[Action], Memory]:
    """Lifts what is in force against the tenant and forgets what was remembered of it. For operators, and for tenants
    that are deleted; `why` says so in words."""
    culprits = {other: culprit for other, culprit in memory.hangs.culprits.items() if other != name}
    return settle(
        replace(
            memory,
            hangs=replace(memory.hangs, culprits=culprits),
            standings={other: standing for other, standing in memory.standings.items() if other != name},
            suspended={other: at for other, at in memory.suspended.items() if other != name},
        ),
        now,
        why,
    )


def settle(memory: Memory, now: float, why: str = "") -> tuple[list[Action], Memory]:
    """The verdicts that have to be told, and the memory with those in force. `why` is the reason where the memory has
    none: what it knew of a tenant is gone."""
    verdicts = verdicts_of(memory.standings, memory.hangs.culprits, now)
    if verdicts == memory.verdicts:
        return [], memory
    told = list(sentences(memory.verdicts, verdicts, memory.standings, now, why))
    return [*told], replace(memory, verdicts=verdicts)


def _hands_over(actions: Sequence[Action]) -> bool:
    return any(isinstance(action, Recycle) for action in actions)


def _standings(
    facts: Facts, standings: Mapping[str, Standing], settings: Settings, now: float
) -> Mapping[str, Standing]:
    """Where the tenants stand after this look; those against whom nothing is held are not in it."""
    around: dict[int, list[TenantFacts]] = defaultdict(list)
    for tenant in facts.tenants:
        around[tenant.shard].append(tenant)
    everywhere = sum(map(is_active, facts.tenants))
    percent = settings.policy.crowded_percent
    crowds = {
        worker.shard: crowd(worker, around[worker.shard], everywhere, percent)
        for worker in facts.workers
        if worker.settled
    }
    after = {}
    unseen = dict(standings)
    for tenant in facts.tenants:
        standing = unseen.pop(tenant.name, None)
        around_it = crowds.get(tenant.shard)
        if around_it is None:  # its worker is being replaced: nobody behaves as usual meanwhile
            if standing is not None:
                after[tenant.name] = standing
            continue
        if standing is None and not is_conspicuous(tenant):
            continue
        if standing is not None:
            standing = steps.settled_elsewhere(standing, tenant.shard, now)
        conduct = behaviour(tenant, around_it, standing.cap_percent if standing else 0.0)
        if standing is not None or conduct.behaviour is Behaviour.OVER:
            after[tenant.name] = steps.step(standing or Standing(tenant.shard), conduct, settings.policy, now)
    gone = Conduct(Behaviour.CALM, 0.0)
    for name, standing in unseen.items():
        after[name] = steps.step(standing, gone, settings.policy, now)
    return {name: standing for name, standing in after.items() if not standing.is_clean}


def _suspensions(
    facts: Facts, standings: Mapping[str, Standing], suspended: dict[str, float], now: float
) -> list[Action]:
    """Tenants to suspend: those that have come to it, and those that serve though they were suspended a while ago."""
    serving = {tenant.name for tenant in facts.tenants}
    actions: list[Action] = []
    for name, standing in standings.items():
        at = suspended.get(name)
        if standing.suspended and (at is None or (name in serving and now - at >= SUSPEND_AGAIN_S)):
            suspended[name] = now
            actions.append(Suspend(name, standing.shard, standing.reason))
    return actions
