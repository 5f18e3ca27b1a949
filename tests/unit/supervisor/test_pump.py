"""The loop in turns: signals end a turn, and a fork between turns leaves the parent's loop intact."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from supervisor.pump import Pump


@pytest.fixture
def pump() -> Iterator[Pump]:
    before = signal.getsignal(signal.SIGUSR1)
    made = Pump()
    made.install()
    yield made
    signal.signal(signal.SIGUSR1, before)
    made.close()


def test_a_turn_lasts_as_long_as_told(pump: Pump) -> None:
    ran: list[float] = []
    pump.loop.call_later(0.02, lambda: ran.append(time.monotonic()))
    started = time.monotonic()
    pump.turn(0.1)
    assert 0.09 < time.monotonic() - started < 10
    assert ran


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_turn_of_nothing_runs_what_is_ready(pump: Pump, seconds: float) -> None:
    ran: list[int] = []
    pump.loop.call_soon(ran.append, 1)
    started = time.monotonic()
    pump.turn(seconds)
    assert ran == [1]
    assert time.monotonic() - started < 10


def test_a_signal_ends_the_turn_after_its_handler_has_run(pump: Pump) -> None:
    seen: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    for _ in range(20):
        seen.clear()
        threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        started = time.monotonic()
        pump.turn(60)
        assert time.monotonic() - started < 30
        assert seen == [signal.SIGUSR1]


def test_a_signal_does_not_cut_short_what_must_end(pump: Pump) -> None:
    async def work() -> str:
        import asyncio

        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.05)
        return "done"

    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    assert pump.loop.run_until_complete(work()) == "done"
    started = time.monotonic()
    os.kill(os.getpid(), signal.SIGUSR1)
    pump.drain(0.1)
    assert time.monotonic() - started >= 0.1


def test_a_child_that_leaves_does_not_stop_its_parent_from_hearing(pump: Pump) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    heard: list[bytes] = []
    pump.loop.add_reader(near.fileno(), lambda: heard.append(near.recv(100)))
    for number in range(5):
        pid = os.fork()
        if pid == 0:
            pump.leave_parent()
            near.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        far.send(b"%d" % number)
        pump.turn(0.05)
    assert heard == [b"0", b"1", b"2", b"3", b"4"]
    pump.loop.remove_reader(near.fileno())
    near.close()
    far.close()
