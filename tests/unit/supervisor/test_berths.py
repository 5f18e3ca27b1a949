"""Queues of berths that were left: all of it goes to the heir, in order, and nothing is lost when its queue is full."""

import logging
import os
import socket
from collections.abc import Iterator

import msgspec
import pytest

from supervisor.assembly import berths_of
from supervisor.berths import BERTHS_MIN, Berths, berths_for, shards_max
from supervisor.contract.settings import Settings
from supervisor.takeover import VERSION, State


@pytest.fixture
def berths() -> Iterator[Berths]:
    made = Berths(4, logging.getLogger("test"))
    yield made
    made.leave_parent()
    for sender, inbox in made.links:
        sender.close()
        inbox.close()


def put(berths: Berths, berth: int, frame: bytes) -> bool:
    near, far = socket.socketpair()
    with near, far:
        try:
            socket.send_fds(berths.links[berth][0], [frame], [near.fileno()])
        except BlockingIOError:
            return False
    return True


def take(berths: Berths, berth: int) -> bytes | None:
    try:
        frame, fds, _, _ = socket.recv_fds(berths.links[berth][1], 1 << 16, 1)
    except BlockingIOError:
        return None
    assert len(fds) == 1
    os.close(fds[0])
    return frame


@pytest.mark.parametrize(("shards", "berths"), [(1, BERTHS_MIN), (31, 64), (32, 66), (256, 514)])
def test_there_are_berths_for_two_workers_a_shard(shards: int, berths: int) -> None:
    assert berths_for(shards) == berths
    assert shards_max(berths) >= shards


def test_what_arrives_late_is_moved_too(berths: Berths) -> None:
    berths.heirs[0] = 1
    for number in range(3):
        put(berths, 0, b"%d" % number)
    assert berths.forward()
    put(berths, 0, b"late")
    assert berths.forward()
    assert [take(berths, 1) for _ in range(5)] == [b"0", b"1", b"2", b"late", None]


def test_a_full_queue_delays_and_loses_nothing(berths: Berths) -> None:
    berths.heirs[0] = 1
    sent = 0
    while put(berths, 1, b"x" * 1000):
        sent += 1
    for number in range(5):
        put(berths, 0, b"%d" % number)
    assert not berths.forward()
    assert not berths.forward()
    for _ in range(sent):
        take(berths, 1)
    assert berths.forward()
    assert [take(berths, 1) for _ in range(6)] == [b"0", b"1", b"2", b"3", b"4", None]


def test_heirs_of_heirs(berths: Berths) -> None:
    berths.heirs.update({0: 1, 1: 2})
    put(berths, 0, b"far")
    while not berths.forward() or (arrived := take(berths, 2)) is None:
        pass
    assert arrived == b"far"


def test_who_takes_a_berth_over_gets_what_waits_there(berths: Berths) -> None:
    berths.slots.claim(0, "demo", 1)
    berths.heirs[0] = 1
    put(berths, 0, b"mine")
    berths.occupied(0)
    assert berths.slots.read(0) is None
    assert berths.forward()
    assert (take(berths, 0), take(berths, 1)) == (b"mine", None)


def test_a_message_without_a_connection_is_dropped(berths: Berths, caplog: pytest.LogCaptureFixture) -> None:
    berths.heirs[0] = 1
    berths.links[0][0].send(b"nothing")
    put(berths, 0, b"something")
    assert berths.forward()
    assert [take(berths, 1), take(berths, 1)] == [b"something", None]
    assert "no descriptor came with it" in caplog.text


def test_heirs_outlive_the_code(berths: Berths) -> None:
    berths.heirs[0] = 1
    links = [(os.dup(sender.fileno()), os.dup(inbox.fileno())) for sender, inbox in berths.links]
    told = State(
        version=VERSION,
        listen="",
        data="",
        base_domain="",
        path_prefix=False,
        berths=[1],
        links=links,
        slots=os.dup(berths.slots.fd),
        listener=-1,
        lock=-1,
        control=-1,
        shelf=[],
        crew=[],
        spawned={},
        verdicts=[],
        kept={},
        heirs=dict(berths.heirs),
    )
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=State)
    after = berths_of(Settings(), state, logging.getLogger("test"))
    put(berths, 0, b"late")
    assert after.forward()
    assert take(after, 1) == b"late"
    for sender, inbox in after.links:
        sender.close()
        inbox.close()
