"""One look of the supervisor at its workers: sample, decide, act. Called by the arbiter about once a second.

Here the facts are gathered from those who have them (the kernel, the workers' reports, the directory, the slots), and
what the policy remembers is kept. It lasts as long as this process: a supervisor that starts anew holds nothing against
anybody.
"""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from supervisor.accounting import facts as told
from supervisor.accounting.ledger import Ledger
from supervisor.accounting.machine import Machine
from supervisor.accounting.sampler import ProcessSample, Sampler
from supervisor.act import Hands, act
from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Settings, plan_of
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots
from supervisor.contract.tenant import TenantState
from supervisor.policy.actions import Action, Move
from supervisor.policy.conduct import ACTIVE_PERCENT, KB_PER_MB
from supervisor.policy.decide import Memory, bury, decide, pardon
from supervisor.policy.facts import Death, Facts, TenantFacts, WorkerFacts
from supervisor.policy.pressure import LOW_PART

NS = 1_000_000_000


class Tick:
    """What is kept from one look to the next. `hands` does what is decided, and keeps the `verdicts` in force; `busy`
    says whether tenants change owners just now, when only hangs are looked for."""

    def __init__(  # noqa: PLR0917 (its parts)
        self,
        settings: Settings,
        directory: Directory,
        slots: Slots,
        sampler: Sampler,
        ledger: Ledger,
        hands: Hands,
        log: logging.Logger,
        verdicts: Mapping[str, Verdict] = MappingProxyType({}),
        machine: Machine | None = None,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._slots = slots
        self._sampler = sampler
        self._ledger = ledger
        self._hands = hands
        self._log = log
        self._verdicts = verdicts
        self._machine = machine or Machine()
        self._kills = self._machine.kills()
        self._memory = Memory()
        self._moved: set[str] = set()  # pinned by the policy, not by an operator
        self._last: dict[int, ProcessSample] = {}
        self.busy: Callable[[], bool] = lambda: False

    def run(self, workers: Iterable[tuple[int, int, int]], now_ns: int, settings: Settings) -> None:
        """Looks at the workers, given as (shard, berth, pid). Never fails: who only watches must not end the server."""
        self._settings = settings
        try:
            self._look(workers, now_ns)
        except Exception:
            self._log.exception("the supervisor's look at its workers failed")

    def _look(self, workers: Iterable[tuple[int, int, int]], now_ns: int) -> None:
        there = sorted(workers)
        self._last = self._sampler.sample(pid for _, _, pid in there)
        actions, self._memory = decide(self._facts(there), self._memory, self._settings, now_ns / NS)
        self._moved.update(action.name for action in actions if isinstance(action, Move))
        self._act(actions)

    def died(self, shard: int, pid: int, status: int, holder: tuple[str, int] | None) -> None:
        """A worker was reaped: `status` as of `os.waitpid`, `holder` what its slot said at last. Who is to blame is
        refused before a successor is forked. Never fails."""
        try:
            self._bury(shard, pid, status, holder)
        except Exception:
            self._log.exception("shard %d (pid %d): nobody could be blamed for its end", shard, pid)

    def _bury(self, shard: int, pid: int, status: int, holder: tuple[str, int] | None) -> None:
        if not os.WIFSIGNALED(status):
            return
        number = os.WTERMSIG(status)
        killed = False
        if number == signal.SIGKILL:
            kills = self._machine.kills()
            killed, self._kills = kills > self._kills, kills
        death = Death(shard, pid, number, holder[0] if holder else "", killed)
        actions, self._memory = bury(death, self._memory, self._settings, time.monotonic())
        self._act(actions)

    def keep(self) -> dict[str, Any]:
        """What the policy remembers, for the supervisor that goes on with new code."""
        return {"memory": msgspec.to_builtins(self._memory), "moved": sorted(self._moved)}

    def recall(self, kept: Any) -> None:
        """What `keep` gave, once the verdicts in force are known. If an older release remembers otherwise, nothing is
        held against anybody, and the next look lifts what is in force."""
        try:
            self._memory = msgspec.convert(kept["memory"], Memory)
            self._moved = set(kept["moved"])
        except (msgspec.ValidationError, KeyError, TypeError):
            self._memory = Memory(verdicts=dict(self._verdicts))

    def pardon(self, name: str, why: str) -> None:
        """Lifts what is in force against the tenant, and forgets what it did; `why` says the reason in words."""
        actions, self._memory = pardon(name, why, self._memory, time.monotonic())
        self._moved.discard(name)
        self._act(actions)

    def placed(self, name: str) -> None:
        """An operator says where the tenant is to be: from now on the policy does not move it."""
        self._moved.discard(name)

    def verdict(self, name: str) -> Verdict | None:
        """What is in force against the tenant, if anything."""
        return self._memory.verdicts.get(name)

    def sample_of(self, pid: int | None) -> ProcessSample | None:
        """The last sample of a process; of the supervisor for None."""
        return self._last.get(os.getpid() if pid is None else pid)

    def _act(self, actions: Sequence[Action]) -> None:
        act(actions, self._hands, self._ledger, self._log)

    # Facts

    def _facts(self, there: Sequence[tuple[int, int, int]]) -> Facts:
        ledger = self._ledger.facts()
        busy, counted = self.busy(), Counter(shard for shard, _, _ in there)
        limit_kb = self._settings.policy.memory_mb * KB_PER_MB or self._machine.memory_limit_kb()
        return Facts(
            workers=tuple(
                self._worker(shard, berth, pid, ledger.workers.get(berth), not busy and counted[shard] == 1)
                for shard, berth, pid in there
            ),
            tenants=tuple(facts for tenant in ledger.tenants if (facts := self._tenant(tenant)) is not None),
            memory_kb=self._memory_kb(limit_kb),
            memory_limit_kb=limit_kb,
        )

    def _memory_kb(self, limit_kb: int) -> int:
        """What all processes take together: what their control group counts, if the limit is its own.

        Otherwise those that serve. What they share counts once; to find that out takes some ms a process, so it is left
        out while even all of it counted again and again is far from the limit."""
        if not self._settings.policy.memory_mb and (used_kb := self._machine.memory_used_kb()):
            return used_kb
        total = sum(sample.rss_kb for sample in self._last.values())
        if total < limit_kb * LOW_PART or not limit_kb:
            return total
        return sum(self._sampler.pss_kb(pid) or sample.rss_kb for pid, sample in self._last.items())

    def _worker(self, shard: int, berth: int, pid: int, last: told.WorkerTold | None, alone: bool) -> WorkerFacts:
        sample = self._last.get(pid) or ProcessSample(pid, 0.0, 0)  # a hung worker counts, sampled or not
        holder = self._slots.read(berth)
        serves = last is not None and last.pid == pid
        return WorkerFacts(
            shard=shard,
            pid=pid,
            holder=(holder[0], holder[1] / NS) if holder else None,
            settled=alone and serves and self._directory.routes.berths[shard : shard + 1] == (berth,),
            stopped=sample.stopped,
            cpu_percent=sample.cpu_percent,
            lag_ms=last.lag_ms if last and serves else 0.0,
            rss_kb=sample.rss_kb,
            sqlite_kb=last.sqlite_kb if last and serves else 0,
            live_tenants=last.live_tenants if last and serves else 0,
        )

    def _tenant(self, used: told.TenantFacts) -> TenantFacts | None:
        """What the policy needs of a tenant; None for those that were not in use or do not serve."""
        if not used.requests_per_s_10s and used.cpu_percent_10s < ACTIVE_PERCENT:
            return None
        tenant = self._directory.get(used.name)
        if tenant is None or tenant.state is not TenantState.ACTIVE:
            return None
        plan = plan_of(self._settings, tenant.plan)
        return TenantFacts(
            name=used.name,
            shard=self._directory.shard(tenant),
            weight=plan.weight,
            limit_percent=plan.cpu_percent,
            memory_max_kb=plan.memory_mb * KB_PER_MB,
            cpu_percent=used.cpu_percent_10s,
            requests_per_s=used.requests_per_s_10s,
            refused_per_s=used.refused_per_s_10s,
            waited_ms=used.waited_ms,
            memory_kb=used.memory_kb,
            pinned=tenant.shard is not None and used.name not in self._moved,
        )
