"""The tick: what is read from the slots and the kernel becomes a signal."""

import logging
import signal
from collections.abc import Iterable

import pytest

from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import ProcessSample, Sampler
from supervisor.contract.slots import Slots
from supervisor.tick import Tick

SECOND = 1_000_000_000


class Blind(Sampler):
    """The kernel tells nothing: the supervisor is out of descriptors."""

    def sample(self, pids: Iterable[int]) -> dict[int, ProcessSample]:
        return {}


@pytest.mark.parametrize("sampler", [Sampler(), Blind()])
def test_a_hung_worker_is_aborted_then_killed_whatever_the_kernel_tells(sampler: Sampler) -> None:
    slots, ledger = Slots(2), Ledger()
    tick = Tick(slots, sampler, ledger, logging.getLogger("test"))
    slots.claim(1, "greedy", 5 * SECOND)
    sent: list[tuple[int, int]] = []
    for now in (14 * SECOND, 15 * SECOND, 16 * SECOND):
        tick.run([(0, 1), (1, 2)], now, hang_after_s=10.0, send_signal=lambda pid, number: sent.append((pid, number)))
    assert sent == [(2, signal.SIGABRT), (2, signal.SIGKILL)]
    account = ledger.get("greedy")
    assert account is not None
    assert account.hangs == 1
