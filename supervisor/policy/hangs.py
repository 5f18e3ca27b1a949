"""Workers that hang or die: who is to blame, and for how long its requests are refused.

A request that holds a worker's loop for `hang_after_s` gets the worker aborted, which prints its stack; a worker that
is still there at the next look is killed. Its shard's successor starts as soon as it is reaped, and knows by then that
the tenant is refused: so a poisonous request kills one worker, not one after another.

    hang or death within an hour    1               2                   3
    the tenant is refused for       hang_block_s    6 times as long     36 times as long, and suspended

Nobody is blamed for what a tenant cannot have done. Time in which the worker was stopped does not count; nor does time
in which nobody looked, since machine or supervisor stood still; nor while all workers are held and none of them
computes, since then it is the machine that is stuck. (The heartbeat, which does not ask why, ends such workers later.)
A worker killed from outside is nobody's fault, unless the kernel was out of memory.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from supervisor.contract.settings import Settings
from supervisor.policy.actions import Abort, Action, Kill, Suspend
from supervisor.policy.facts import Death, Facts, WorkerFacts

BLOCK_FACTOR = 6
BLOCK_MAX_S = 86_400.0
SUSPEND_AT = 3  # times
WITHIN_S = 3600.0
GAP_S = 5.0  # two looks so much further apart than they should be: nobody ran in between
COMPUTES_PERCENT = 10.0  # a worker below it waits for something

CRASHES = frozenset({
    signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP,
    signal.SIGXCPU, signal.SIGXFSZ,
})  # fmt: skip
"""Signals by which a process ends by its own doing. SIGABRT is also how a missing heartbeat ends it."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """A tenant that hung or killed workers: when, within the last hour; until when it is refused, and why."""

    times: tuple[float, ...]
    blocked_until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Hangs:
    """What one look leaves for the next: pids that were told to die, and for which tenant; since when workers that
    were stopped run again; when the look was; since when looks and machine go on without a gap; who is to blame."""

    aborted: Mapping[int, str] = field(default_factory=dict)
    running_since: Mapping[int, float] = field(default_factory=dict)
    looked_at: float | None = None
    awake_since: float = 0.0
    culprits: Mapping[str, Culprit] = field(default_factory=dict)

    def since(self, pid: int, held_since: float) -> float:
        """From when on the time counts that the worker has been held."""
        return max(held_since, self.awake_since, self.running_since.get(pid, 0.0))


def look(facts: Facts, hangs: Hangs, settings: Settings, now: float) -> tuple[list[Action], Hangs]:
    """Whom to abort, kill and suspend, and what to remember."""
    hangs = _seen(facts, hangs, settings.supervision.tick_s, now)
    actions: list[Action] = []
    aborted: dict[int, str] = {}
    culprits = _remembered(hangs.culprits, now)
    for worker in facts.workers:
        told = hangs.aborted.get(worker.pid)
        if told is not None:
            actions.append(Kill(worker.shard, worker.pid, told))
            aborted[worker.pid] = told
        elif worker.holder is not None:
            tenant, since = worker.holder
            held_s = now - hangs.since(worker.pid, since)
            if held_s >= settings.supervision.hang_after_s:
                actions.append(Abort(worker.shard, worker.pid, tenant, held_s))
                aborted[worker.pid] = tenant
                what = f"a request held its worker for {held_s:.0f} s"
                more, culprits = _blame(tenant, worker.shard, what, culprits, settings, now)
                actions += more
    return actions, replace(hangs, aborted=aborted, culprits=culprits)


def bury(death: Death, hangs: Hangs, settings: Settings, now: float) -> tuple[list[Action], Hangs]:
    """Who pays for a worker that died by itself. One that was aborted has been paid for."""
    if death.pid in hangs.aborted or not death.holder:
        return [], hangs
    if death.signal == signal.SIGKILL and death.out_of_memory:
        what = "the kernel was out of memory and killed its worker in a request"
    elif death.signal == signal.SIGABRT and now - hangs.since(death.pid, 0.0) < settings.supervision.hang_after_s:
        return [], hangs  # its heartbeat was missing, because it or the machine stood still
    elif death.signal in CRASHES:
        what = f"its worker died of {signal.Signals(death.signal).name} in a request"
    else:
        return [], hangs
    actions, culprits = _blame(death.holder, death.shard, what, _remembered(hangs.culprits, now), settings, now)
    return actions, replace(hangs, culprits=culprits)


def _seen(facts: Facts, hangs: Hangs, tick_s: float, now: float) -> Hangs:
    """The memory with what this look says about stops and gaps."""
    running_since = {
        worker.pid: now if worker.stopped else hangs.running_since[worker.pid]
        for worker in facts.workers
        if worker.stopped or worker.pid in hangs.running_since
    }
    gap = hangs.looked_at is not None and now - hangs.looked_at > tick_s + GAP_S
    awake_since = now if gap or _machine_stuck(facts.workers) else hangs.awake_since
    return replace(hangs, running_since=running_since, looked_at=now, awake_since=awake_since)


def _machine_stuck(workers: tuple[WorkerFacts, ...]) -> bool:
    """Whether all workers, if there are several, are held and none computes: then it is not their tenants' doing."""
    return len(workers) > 1 and all(
        worker.holder is not None and worker.cpu_percent < COMPUTES_PERCENT for worker in workers
    )


def _blame(  # noqa: PLR0917 (the pieces of one sentence)
    tenant: str, shard: int, what: str, culprits: Mapping[str, Culprit], settings: Settings, now: float
) -> tuple[list[Action], Mapping[str, Culprit]]:
    before = culprits[tenant].times if tenant in culprits else ()
    block_s = min(settings.policy.hang_block_s * BLOCK_FACTOR ** len(before), BLOCK_MAX_S)
    times = (*before, now)[-SUSPEND_AT:]
    reason = f"{what}, the {len(times)}. time within an hour" if before else what
    blamed = {**culprits, tenant: Culprit(times, now + block_s, reason)}
    return [Suspend(tenant, shard, reason)] if len(times) >= SUSPEND_AT else [], blamed


def _remembered(culprits: Mapping[str, Culprit], now: float) -> Mapping[str, Culprit]:
    """Those that did something within the last hour, or are still refused for it."""
    kept = {}
    for name, culprit in culprits.items():
        times = tuple(at for at in culprit.times if now - at < WITHIN_S)
        if times or now < culprit.blocked_until:
            kept[name] = culprit if times == culprit.times else replace(culprit, times=times)
    return kept
