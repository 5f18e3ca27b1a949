"""The shared slots: one writer a slot, read by another process."""

import os
import signal
import time

import pytest

from supervisor.contract.slots import Slots


def test_claim_release_clear() -> None:
    slots = Slots(3)
    assert [slots.read(shard) for shard in range(3)] == [None] * 3
    slots.claim(1, "demo", 17)
    assert [slots.read(shard) for shard in range(3)] == [None, ("demo", 17), None]
    slots.claim(1, "a", 18)
    assert slots.read(1) == ("a", 18), "nothing of a longer name stays"
    slots.release(1)
    assert slots.read(1) is None
    slots.claim(2, "x" * 63, 2**62)
    assert slots.read(2) == ("x" * 63, 2**62)
    slots.clear(2)
    assert slots.read(2) is None


@pytest.mark.parametrize("shard", [-1, 3])
def test_there_is_no_slot_outside(shard: int) -> None:
    slots = Slots(3)
    with pytest.raises(Exception, match=r"pack_into|offset"):
        slots.claim(shard * 128, "demo", 1)


def test_a_claim_outlives_the_process_that_made_it() -> None:
    slots = Slots(2)
    pid = os.fork()
    if pid == 0:
        slots.claim(1, "greedy", 42)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert slots.read(0) is None
    assert slots.read(1) == ("greedy", 42)


def test_a_reader_never_blames_a_tenant_for_a_time_before_its_claim() -> None:
    slots = Slots(1)
    pid = os.fork()
    if pid == 0:
        try:
            for number in range(1, 100_000_000):
                slots.claim(0, f"{number:08}", number)
                slots.release(0)
        finally:
            os._exit(0)
    try:
        seen = set()
        deadline = time.monotonic() + 20
        while len(seen) < 20 and time.monotonic() < deadline:
            seen |= {slots.read(0) for _ in range(1000)} - {None}
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert len(seen) >= 20
    for name, started in seen:
        assert int(name) in (started, started - 1)
