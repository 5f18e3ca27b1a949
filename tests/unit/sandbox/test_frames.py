"""Frames: what is said comes out as it went in, what is none is refused."""

import struct

import pytest

from sandbox.frames import (
    AHEAD,
    CALL_BYTES_MAX,
    FORGET,
    HEAD_BYTES,
    NAME_BYTES_MAX,
    FrameError,
    answer_frame,
    answer_head,
    call_frame,
    first_call,
    length_of,
    split_call,
)


@pytest.mark.parametrize(
    ("name", "args"), [(b"$ready", b"[0]"), (b"x", b""), (b"n" * NAME_BYTES_MAX, b"[" + b"1," * 100_000 + b"1]")]
)
def test_calls_come_out_as_they_went_in(name: bytes, args: bytes) -> None:
    frame = call_frame(name, args)
    assert length_of(frame, CALL_BYTES_MAX) == len(frame) - HEAD_BYTES
    assert split_call(frame[HEAD_BYTES:]) == (name, args)
    assert split_call(memoryview(frame)[HEAD_BYTES:]) == (name, args)
    assert first_call(frame) == (name, args, len(frame))
    assert first_call(bytearray(frame + frame)) == (name, args, len(frame))
    for cut in (0, 3, 4, 5, 6, len(frame) - 1):
        assert first_call(bytearray(frame[:cut])) is None, cut


def test_an_answer_is_its_length_and_itself() -> None:
    assert answer_frame(b'{"v":1}') == b'\x07\0\0\0{"v":1}'
    for bits in (0, AHEAD, FORGET, AHEAD | FORGET):
        assert answer_head(answer_frame(b'{"v":1}', bits)) == (7, bits)
    with pytest.raises(FrameError):
        answer_head(b"\xff\xff\xff\x3f")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x01",
        b"\0\0",
        b"\0\0rest",
        b"\x05\0four",
        struct.pack("<H", NAME_BYTES_MAX + 1) + b"n" * (NAME_BYTES_MAX + 1),
        b"\xff\xff" + b"x" * 100,
    ],
)
def test_what_is_no_call_is_refused(frame: bytes) -> None:
    with pytest.raises(FrameError):
        split_call(frame)
    with pytest.raises(FrameError):
        first_call(struct.pack("<I", len(frame)) + frame)


def test_too_long_a_frame_is_refused_by_its_first_bytes() -> None:
    assert length_of(struct.pack("<I", 10), 10) == 10
    with pytest.raises(FrameError):
        length_of(struct.pack("<I", 11), 10)
    with pytest.raises(FrameError):
        length_of(b"\xff\xff\xff\xff", CALL_BYTES_MAX)
    for begun in (b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\x01\0x"):
        with pytest.raises(FrameError):
            first_call(begun)
