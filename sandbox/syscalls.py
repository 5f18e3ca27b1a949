"""The system calls of a child, as a program for the kernel's filter: what is not in these tables kills the process.

    read, write      on descriptor 0 alone: the socket to its host
    mmap             of memory alone (no file), never executable
    munmap, mremap, madvise, brk, futex, clock_gettime, gettimeofday, getrandom, rt_sigreturn, exit, exit_group

A call by another architecture's numbers (32 bits, x32) kills as well. Classic BPF: eight bytes an instruction, jumps
count the instructions to leave out.
"""

import struct
from typing import NamedTuple

from sandbox.kernel import machine

KILL, ALLOW = 0x80000000, 0x7FFF0000
# `struct seccomp_data`: number, architecture, instruction pointer, arguments of 8 bytes (their lower half comes first)
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
LOAD, EQUAL, AT_LEAST, HAS_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
X32_BIT = 0x40000000
PROT_EXEC, MAP_ANONYMOUS = 4, 0x20

FREE = (
    "futex",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "clock_gettime",
    "gettimeofday",
    "getrandom",
    "rt_sigreturn",
    "exit",
    "exit_group",
)


class Architecture(NamedTuple):
    """What the kernel calls it in a filter, and its numbers."""

    audit: int
    numbers: dict[str, int]


ARCHITECTURES = {
    "x86_64": Architecture(
        0xC000003E,
        {
            "read": 0,
            "write": 1,
            "mmap": 9,
            "munmap": 11,
            "brk": 12,
            "rt_sigreturn": 15,
            "mremap": 25,
            "madvise": 28,
            "exit": 60,
            "gettimeofday": 96,
            "futex": 202,
            "clock_gettime": 228,
            "exit_group": 231,
            "getrandom": 318,
        },
    ),
    "aarch64": Architecture(
        0xC00000B7,
        {
            "read": 63,
            "write": 64,
            "exit": 93,
            "exit_group": 94,
            "futex": 98,
            "clock_gettime": 113,
            "rt_sigreturn": 139,
            "gettimeofday": 169,
            "brk": 214,
            "munmap": 215,
            "mremap": 216,
            "mmap": 222,
            "madvise": 233,
            "getrandom": 278,
        },
    ),
}


def program(name: str | None = None) -> bytes:
    """The filter for this machine, or the one of that name. KeyError where there is no table for it."""
    architecture = ARCHITECTURES[name or machine()]
    numbers = architecture.numbers
    lines = [
        _line(LOAD, ARCHITECTURE_AT),
        *_unless(EQUAL, architecture.audit, [_line(RETURN, KILL)]),
        _line(LOAD, NUMBER_AT),
        *_when(AT_LEAST, X32_BIT, [_line(RETURN, KILL)]),
    ]
    own_socket = [_line(LOAD, _argument(0)), *_when(EQUAL, 0, [_line(RETURN, ALLOW)]), _line(RETURN, KILL)]
    memory = [
        _line(LOAD, _argument(2)),
        *_when(HAS_BITS, PROT_EXEC, [_line(RETURN, KILL)]),
        _line(LOAD, _argument(3)),
        *_when(HAS_BITS, MAP_ANONYMOUS, [_line(RETURN, ALLOW)]),
        _line(RETURN, KILL),
    ]
    for call, verdict in (("read", own_socket), ("write", own_socket), ("mmap", memory)):
        lines += _when(EQUAL, numbers[call], verdict)
    for call in FREE:
        lines += _when(EQUAL, numbers[call], [_line(RETURN, ALLOW)])
    lines.append(_line(RETURN, KILL))
    return b"".join(lines)


def _line(code: int, value: int, when: int = 0, unless: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, unless, value)


def _when(code: int, value: int, lines: list[bytes]) -> list[bytes]:
    """`lines` where what was loaded compares so, otherwise on behind them."""
    return [_line(code, value, 0, len(lines)), *lines]


def _unless(code: int, value: int, lines: list[bytes]) -> list[bytes]:
    return [_line(code, value, len(lines), 0), *lines]


def _argument(number: int) -> int:
    return ARGUMENTS_AT + 8 * number
