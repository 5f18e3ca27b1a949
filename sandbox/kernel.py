"""The calls of the Linux kernel that Python has no names for, with what they need of constants; each raises OSError."""

import ctypes
import errno
import os
import platform
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000

# The same on every architecture: they came after the numbers were made one.
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES_MAX = 64


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def prctl(option: int, argument: int = 0) -> None:
    """prctl(2) with one argument."""
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero):
        raise _error("prctl")


def seccomp(program: bytes) -> None:
    """From now on the process's system calls are judged by `program` (classic BPF)."""
    argument = Program(len(program) // 8, program)
    mode, zero = ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.c_ulong(0)
    if _LIBC.prctl(ctypes.c_int(PR_SET_SECCOMP), mode, ctypes.byref(argument), zero, zero):
        raise _error("seccomp")


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _LIBC.unshare(ctypes.c_int(flags)):
        raise _error("unshare")


def mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes = b"") -> None:
    """mount(2)."""
    if _LIBC.mount(source, target, kind, ctypes.c_ulong(flags), data):
        raise _error("mount")


def drop_bounding_set() -> None:
    """No capability can be had again, whatever is executed. Needs the right to it."""
    number = 0
    while number < CAPABILITIES_MAX:
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # the kernel has no more of them
            raise
        number += 1


def drop_capabilities() -> None:
    """No capability is left."""
    head = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if _LIBC.capset(head, bytes(24)):
        raise _error("capset")


def landlock_abi() -> int:
    """The version of Landlock, 0 where there is none."""
    version: int = _LIBC.syscall(
        ctypes.c_long(LANDLOCK_CREATE_RULESET),
        ctypes.c_void_p(None),
        ctypes.c_size_t(0),
        ctypes.c_uint(LANDLOCK_CREATE_RULESET_VERSION),
    )
    return max(0, version)


def landlock(files: int, network: int, scopes: int, abi: int) -> None:
    """Everything named by these bits is forbidden from now on; a second time makes a domain of its own."""
    attributes = struct.pack("=QQQ", files, network, scopes)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules: int = _LIBC.syscall(
        ctypes.c_long(LANDLOCK_CREATE_RULESET), attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
    )
    if rules < 0:
        raise _error("landlock_create_ruleset")
    try:
        if _LIBC.syscall(ctypes.c_long(LANDLOCK_RESTRICT_SELF), ctypes.c_int(rules), ctypes.c_uint(0)):
            raise _error("landlock_restrict_self")
    finally:
        os.close(rules)


def machine() -> str:
    """The architecture whose system calls this process makes, as the kernel names it."""
    name = platform.machine()
    if sys.maxsize < 1 << 32:
        return f"{name} with 32 bits"
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name.lower(), name)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
