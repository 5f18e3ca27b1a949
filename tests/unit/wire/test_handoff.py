"""Frames of a hand-off: what is written is read back, what is no frame is refused, and the bounds fit the queue."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.contract.links import FRAME_BYTES_MAX
from worker.wire.handoff import (
    ADDRESS_BYTES_MAX,
    HOPS_MAX,
    UNREAD_BYTES_MAX,
    BadFrameError,
    Links,
    decode,
    encode,
)

ADDRESS = st.one_of(st.ip_addresses().map(str), st.just("fe80::1%eth0"), st.just(""))
CLIENT = st.tuples(ADDRESS, st.integers(0, 65_535))


@given(CLIENT, st.integers(0, HOPS_MAX), st.binary(max_size=300))
def test_round_trip(client: tuple[str, int], hops: int, unread: bytes) -> None:
    frame = encode(client, hops, unread)
    assert len(frame) <= FRAME_BYTES_MAX
    assert decode(frame) == (client, hops, unread)


@given(st.binary(max_size=100))
def test_noise_is_refused_or_read(noise: bytes) -> None:
    try:
        client, hops, unread = decode(noise)
    except BadFrameError:
        return
    assert encode(client, hops, unread) == noise


BAD = [
    b"",
    b"\x50",
    b"\x50\x01\x00\x00\x00",
    b"\x51\x01\x00\x00\x00\x00",
    b"\x50\x02\x00\x00\x00\x00",
    bytes([0x50, 1, HOPS_MAX + 1, 0, 0, 0]),
    b"\x50\x01\x00\x05\x00\x001.2",
    b"\x50\x01\x00\x01\x00\x00\xff",
    bytes([0x50, 1, 0, ADDRESS_BYTES_MAX + 1, 0, 0]) + bytes(ADDRESS_BYTES_MAX + 1),
    b"\x50\x01\x00\x00\x00\x00" + bytes(UNREAD_BYTES_MAX + 1),
]


@pytest.mark.parametrize("frame", BAD)
def test_bad_frames(frame: bytes) -> None:
    with pytest.raises(BadFrameError):
        decode(frame)


@pytest.mark.parametrize(("client", "unread"), [(("x" * 65, 0), b""), (("", 0), bytes(UNREAD_BYTES_MAX + 1))])
def test_bounds_of_writing(client: tuple[str, int], unread: bytes) -> None:
    with pytest.raises(ValueError, match="can't take"):
        encode(client, 0, unread)


@pytest.fixture
def links() -> Iterator[Links]:
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
    yield Links(pairs, 1)
    for pair in pairs:
        for end in pair:
            end.close()


def test_largest_frame_passes_with_its_socket(links: Links) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frame = encode(("x" * ADDRESS_BYTES_MAX, 65_535), 1, bytes(UNREAD_BYTES_MAX))
        assert len(frame) == FRAME_BYTES_MAX
        assert links.send(1, theirs.fileno(), frame)
        passed = links.take()
        assert passed is not None
        with passed.sock:
            assert (len(passed.unread), passed.hops) == (UNREAD_BYTES_MAX, 1)
            assert not passed.sock.getblocking()
            ours.sendall(b"hello")
            theirs.close()  # the sender's descriptor goes, the connection stays
            assert passed.sock.recv(10) == b"hello"
        assert links.take() is None


def test_queue_is_bounded_and_keeps_the_order(links: Links) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = 0
        while links.send(1, theirs.fileno(), encode(("", sent), 1, bytes(500))):
            sent += 1
        assert 50 < sent < 10_000
        for number in range(sent):
            passed = links.take()
            assert passed is not None
            passed.sock.close()
            assert passed.client == ("", number)
        assert links.take() is None
        assert links.send(1, theirs.fileno(), encode(("", 0), 1, b""))
