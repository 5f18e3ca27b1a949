"""The supervisor's policy: from what was measured and what is remembered to what is to be done. Pure; `act` does it.

The hung-worker rule: a request that holds a worker's loop for `hang_after_s` gets the worker aborted, which prints its
stack; a worker that is still there at the next look is killed. Its shard's successor starts as soon as it is reaped.
"""

from dataclasses import dataclass, field

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker as it was just measured. `holder` is (tenant, since ns) while a request holds its loop."""

    shard: int
    pid: int
    holder: tuple[str, int] | None = None
    cpu_percent: float = 0.0
    rss_kb: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What one look leaves for the next: pids that were told to die, and for which tenant."""

    aborted: dict[int, str] = field(default_factory=dict)


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


Action = Abort | Kill


def decide(
    workers: list[WorkerFacts], memory: Memory, now_ns: int, *, hang_after_s: float
) -> tuple[list[Action], Memory]:
    """What to do now, in order, and what to remember. `now_ns` is on the clock of the slots (monotonic)."""
    actions: list[Action] = []
    aborted: dict[int, str] = {}
    for worker in workers:
        told = memory.aborted.get(worker.pid)
        if told is not None:
            actions.append(Kill(worker.shard, worker.pid, told))
            aborted[worker.pid] = told
        elif worker.holder is not None:
            tenant, since_ns = worker.holder
            held_s = (now_ns - since_ns) / NS
            if held_s >= hang_after_s:
                actions.append(Abort(worker.shard, worker.pid, tenant, held_s))
                aborted[worker.pid] = tenant
    return actions, Memory(aborted)
