"""One look of the supervisor at its workers: sample, decide, act. Called by the arbiter about once a second."""

import logging
import os
from collections.abc import Iterable

from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import ProcessSample, Sampler
from supervisor.act import SendSignal, act
from supervisor.contract.slots import Slots
from supervisor.policy.decide import Memory, WorkerFacts, decide


class Tick:
    """What is kept from one look to the next."""

    def __init__(self, slots: Slots, sampler: Sampler, ledger: Ledger, log: logging.Logger) -> None:
        self._slots = slots
        self._sampler = sampler
        self._ledger = ledger
        self._log = log
        self._memory = Memory()
        self._last: dict[int, ProcessSample] = {}

    def run(
        self, workers: Iterable[tuple[int, int]], now_ns: int, *, hang_after_s: float, send_signal: SendSignal
    ) -> None:
        """Looks at the workers, given as (shard, pid)."""
        workers = sorted(workers)
        self._last = samples = self._sampler.sample(pid for _, pid in workers)
        facts = []
        for shard, pid in workers:
            sample = samples.get(pid) or ProcessSample(pid, 0.0, 0)  # a hung worker counts, sampled or not
            facts.append(WorkerFacts(shard, pid, self._slots.read(shard), sample.cpu_percent, sample.rss_kb))
        actions, self._memory = decide(facts, self._memory, now_ns, hang_after_s=hang_after_s)
        act(actions, send_signal, self._ledger, self._log)

    def sample_of(self, pid: int | None) -> ProcessSample | None:
        """The last sample of a process; of the supervisor for None."""
        return self._last.get(os.getpid() if pid is None else pid)
