"""The frames between a host (a worker) and a sandbox child, over one stream socket: the child's descriptor 0.

child → host, a call that waits for its answer:

    u32 LE   length of the rest
    u16 LE   length of the name
    name     ASCII; "$ready" comes first, "$r" is the result of what the host last had run, all others are operations
    args     JSON array

host → child, the answer:

    u32 LE   length of the rest, and in its upper bits what frame it is
    JSON     {"v": value} | {"e": error} | {"n": name, "d": data}: "run this first, and tell what came of it with $r"
             and beside each of them, where there is something to tell, {"s": changes of shared objects} and
             {"c": 1}: "what you know of collections is no longer so"

There is exactly one call under way, so there is no numbering: while the child waits, the host may have it run something
else, whose calls are answered first (a stack). The host trusts nothing in a frame but its length, which is bounded.

A frame that is `AHEAD` answers nothing: it is the order of another run, for when the run that is at work is over, so
that the child goes on without waiting for it. The child keeps such orders, in their order; an answer with `FORGET`
has it throw away those that came before, none of which it can have begun, for it was waiting for that answer.
"""

import struct

HEAD_BYTES = 4
# What a child may say in one frame, and what it is ever told in one: files and large records go this way too.
CALL_BYTES_MAX = 24 << 20
ANSWER_BYTES_MAX = 48 << 20
NAME_BYTES_MAX = 64

READY = b"$ready"
RESULT = b"$r"
# What an answer begins with that is an order.
ORDER = b'{"n"'

# Upper bits of the length of what the host says.
AHEAD = 1 << 31
FORGET = 1 << 30
LENGTH_MASK = FORGET - 1

_CALL_HEAD = struct.Struct("<IH")
_LENGTH = struct.Struct("<I")
_NAME_LENGTH = struct.Struct("<H")


class FrameError(ValueError):
    """Not a frame, or one beyond the bound."""


def call_frame(name: bytes, args: bytes) -> bytes:
    """A call as it is sent."""
    return _CALL_HEAD.pack(2 + len(name) + len(args), len(name)) + name + args


def answer_frame(answer: bytes, bits: int = 0) -> bytes:
    """An answer as it is sent; `bits` are `AHEAD` or `FORGET`."""
    return _LENGTH.pack(len(answer) | bits) + answer


def answer_head(head: bytes) -> tuple[int, int]:
    """How many bytes follow the first four of an answer, and its bits. FrameError where these are too many."""
    (length,) = _LENGTH.unpack_from(head)
    bits = length & ~LENGTH_MASK
    length &= LENGTH_MASK
    if length > ANSWER_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes")
    return length, bits


def length_of(head: bytes | bytearray | memoryview, bytes_max: int) -> int:
    """How many bytes follow the first four of a frame. FrameError where these are too many."""
    (length,) = _LENGTH.unpack_from(head)
    if length > bytes_max:
        raise FrameError(f"a frame of {length} bytes")
    return int(length)


def first_call(data: bytes | bytearray) -> tuple[bytes, bytes, int] | None:
    """Name and arguments of the call that `data` begins with, and where it ends; None while some of it is missing.

    FrameError for anything else.
    """
    if len(data) < _CALL_HEAD.size:
        if len(data) < HEAD_BYTES or len(data) < HEAD_BYTES + length_of(data, CALL_BYTES_MAX):
            return None
        raise FrameError("a frame without a name")
    length, named = _CALL_HEAD.unpack_from(data)
    if length > CALL_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes")
    end = HEAD_BYTES + length
    if len(data) < end:
        return None
    args = _CALL_HEAD.size + named
    if not 0 < named <= NAME_BYTES_MAX or args > end:
        raise FrameError("a frame without a name")
    return bytes(data[_CALL_HEAD.size : args]), bytes(data[args:end]), end


def split_call(frame: bytes | bytearray | memoryview) -> tuple[bytes, bytes]:
    """Name and arguments of a call, without its length. FrameError for what is none."""
    if len(frame) < 2:
        raise FrameError("a frame without a name")
    (named,) = _NAME_LENGTH.unpack_from(frame)
    if not 0 < named <= min(NAME_BYTES_MAX, len(frame) - 2):
        raise FrameError("a frame without a name")
    return bytes(frame[2 : 2 + named]), bytes(frame[2 + named :])
