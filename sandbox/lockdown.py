"""The walls about a process: `of_zygote` once, before it serves; `of_child` in each process that runs scripts.

The ones without which no script runs raise where they cannot be set up: the unprivileged user, no new privileges, the
rlimits, the filter of system calls. The others stand where the kernel and its administrator allow it; `Walls` says so.
"""

import os
import pwd
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from sandbox import kernel
from sandbox.limits import Limits

NICE = 5
OOM_SCORE = 800
# What Landlock forbids by its version: access to files, TCP (from 4 on), and sockets by name and signals (from 6 on).
FILES_BY_ABI = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
FILES_LATEST = 0xFFFF
NETWORK_FROM_ABI, SCOPES_FROM_ABI = 4, 6

NAMESPACES = {"network": kernel.CLONE_NEWNET, "ipc": kernel.CLONE_NEWIPC, "uts": kernel.CLONE_NEWUTS}

# Wall → "" where it stands, otherwise why it does not.
Walls = dict[str, str]


class NoWalls(Exception):  # noqa: N818 (it says what there is not)
    """A wall without which no script runs cannot be set up."""


def of_zygote(user: str, parent: int) -> Walls:
    """Set up what all children have from their zygote. NoWalls."""
    walls: Walls = {}
    with suppress(OSError):
        os.setsid()
    with suppress(OSError):
        os.nice(NICE)
    walls["oom"] = _attempt(_first_to_die)
    ids = _ids(user)
    if ids is None:
        walls["user namespace"] = _attempt(_own_user_namespace)
    for name, flag in NAMESPACES.items():
        walls[name] = _attempt(partial(kernel.unshare, flag))
    walls["empty root"] = _attempt(_empty_root)
    try:
        _drop(ids)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        die_with(parent)
    except OSError as error:
        raise NoWalls(str(error)) from error
    walls["user"] = ""
    walls["landlock"] = _attempt(nothing_by_name)
    return walls


def of_child(limits: Limits, taken_bytes: int, program: bytes, parent: int) -> None:
    """Lock this process up for good; its socket is descriptor 0. OSError where a wall fails that has to stand."""
    die_with(parent)
    with suppress(OSError):
        nothing_by_name()  # a domain of its own: no signals to other children
    memory = limits.memory_bytes(taken_bytes)
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, 1),
    ):
        resource.setrlimit(what, (most, most))
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.seccomp(program)


def die_with(parent: int) -> None:
    """The kernel kills this process when its parent ends; at once where that has happened."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def nothing_by_name() -> None:
    """No file, TCP port, abstract socket and process outside can be named any more. OSError without Landlock."""
    abi = kernel.landlock_abi()
    if not abi:
        raise OSError("the kernel has no Landlock")
    kernel.landlock(
        FILES_BY_ABI.get(abi, FILES_LATEST),
        3 if abi >= NETWORK_FROM_ABI else 0,
        3 if abi >= SCOPES_FROM_ABI else 0,
        abi,
    )


def _attempt(wall: Callable[[], None]) -> str:
    """Why a wall that may be missing is missing; empty where it stands."""
    try:
        wall()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _ids(user: str) -> tuple[int, int] | None:
    """The unprivileged user and group; None where this process is not root's and keeps its own."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise NoWalls(f"there is no user {user!r} on this system (sandbox.user)") from None
    if entry.pw_uid == 0 or entry.pw_gid == 0:
        raise NoWalls(f"scripts would run as {user!r}, who is root (sandbox.user)")
    return entry.pw_uid, entry.pw_gid


def _drop(ids: tuple[int, int] | None) -> None:
    """Become the unprivileged user, without any right beyond."""
    if ids is not None:
        uid, gid = ids
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        kernel.drop_bounding_set()
        os.setresuid(uid, uid, uid)
    kernel.drop_capabilities()
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise NoWalls("scripts would run as root")


def _own_user_namespace() -> None:
    """Rights in namespaces of one's own, for who is not root; the user stays who it is."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_bytes(b"deny")
    Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (uid, uid))
    Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (gid, gid))


def _empty_root() -> None:
    """The root directory is an empty one that cannot be written to, and there is no /proc."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount(b"none", b"/", b"", kernel.MS_REC | kernel.MS_PRIVATE)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY
    kernel.mount(b"tmpfs", b"/proc", b"tmpfs", flags, b"size=4k,mode=555")
    os.chroot("/proc")
    os.chdir("/")


def _first_to_die() -> None:
    """When the machine's memory runs out, the kernel ends scripts first."""
    Path("/proc/self/oom_score_adj").write_bytes(b"%d" % OOM_SCORE)
