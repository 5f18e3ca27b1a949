"""The filter of system calls, judged by an interpreter of its programs: for both architectures, on any machine."""

import struct

import pytest

from sandbox.syscalls import ALLOW, ARCHITECTURES, FREE, KILL, program

LOAD, EQUAL, AT_LEAST, HAS_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBERS_MAX = 1000
PAGE = 4096
PRIVATE, ANONYMOUS, SHARED = 2, 0x20, 1


def verdict(lines: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the kernel would make of a call."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, audit, 0, *(value & (1 << 64) - 1 for value in given))
    at = accumulator = 0
    while True:
        code, when, unless, value = struct.unpack_from("=HBBI", lines, at * 8)
        at += 1
        if code == LOAD:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == RETURN:
            return int(value)
        else:
            holds = {
                EQUAL: accumulator == value,
                AT_LEAST: accumulator >= value,
                HAS_BITS: accumulator & value != 0,
            }[code]
            at += when if holds else unless


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_nothing_but_the_tables_passes(name: str) -> None:
    lines, (audit, numbers) = program(name), ARCHITECTURES[name]
    free = {numbers[call] for call in FREE}
    # descriptor 3, so that reading and writing are not let through; memory that may be executed
    passed = {number for number in range(NUMBERS_MAX) if verdict(lines, audit, number, 3, PAGE, 7, 0) == ALLOW}
    assert passed == free
    assert set(numbers) == {*FREE, "read", "write", "mmap"}


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize(
    ("call", "arguments", "passes"),
    [
        ("read", (0, 1, 1), True),
        ("write", (0, 1, 1), True),
        ("read", (1, 1, 1), False),
        ("read", (-1, 1, 1), False),
        ("write", (2, 1, 1), False),
        ("mmap", (0, PAGE, 3, PRIVATE | ANONYMOUS, -1, 0), True),
        ("mmap", (0, PAGE, 0, PRIVATE | ANONYMOUS, -1, 0), True),
        ("mmap", (0, PAGE, 4, PRIVATE | ANONYMOUS, -1, 0), False),
        ("mmap", (0, PAGE, 7, PRIVATE | ANONYMOUS, -1, 0), False),
        ("mmap", (0, PAGE, 3, PRIVATE, 0, 0), False),
        ("mmap", (0, PAGE, 3, SHARED, 0, 0), False),
    ],
)
def test_arguments_are_looked_at(name: str, call: str, arguments: tuple[int, ...], passes: bool) -> None:
    audit, numbers = ARCHITECTURES[name]
    assert verdict(program(name), audit, numbers[call], *arguments) == (ALLOW if passes else KILL)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_other_architectures_die(name: str) -> None:
    lines, (audit, numbers) = program(name), ARCHITECTURES[name]
    others = [*(other.audit for other in ARCHITECTURES.values() if other.audit != audit), 0x40000003, 0x40000028, 0]
    for other in others:
        for number in range(NUMBERS_MAX):
            assert verdict(lines, other, number) == KILL
    for number in numbers.values():
        assert verdict(lines, audit, number | 0x40000000) == KILL  # x32


def test_there_is_no_filter_for_an_unknown_machine() -> None:
    with pytest.raises(KeyError):
        program("riscv64")
