"""A memory control group for a whole server: the supervisor and everything it starts, held to so many bytes.

Version 1 and 2 of the kernel's groups are known; the child group is made below the group this process is in, or below
the mount's root where that is not writable. Where neither is (`Group.make` gives None) memory can only be read (PSS).

What the figures mean, in bytes::

    anonymous   what processes have for themselves: heaps, stacks. Nothing takes it back but its owner
    mapped      pages of files that processes have in their address space (libraries, SQLite's -shm); part of `cached`
    cached      the page cache that the group was the first to touch. The kernel counts it and takes it back whenever
                something else needs the room, so `used` stands at the limit wherever there was more to read than room
    kernel      page tables, sockets, inodes and the like
    used, peak  all of it
    refused     how often a page was wanted at the limit (most of these found cache to drop, and nobody noticed)
    killed      processes that the kernel ended for want of memory: the one that must be 0
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

MOUNT = Path("/sys/fs/cgroup")
PROC_SELF = Path("/proc/self/cgroup")
# Joins the group, then becomes the server: whatever that forks is in the group from its first page on.
JOIN = "import os, sys; open(sys.argv[1], 'w').write('0'); os.execv(sys.argv[2], sys.argv[2:])"
REMOVAL_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reading:
    """The group at one moment."""

    used: int
    peak: int
    anonymous: int
    mapped: int
    cached: int
    kernel: int
    refused: int
    killed: int

    def as_data(self) -> dict[str, int]:
        """For the report: bytes and counts."""
        return asdict(self)


class Group:
    """One child group, removed at the end of the `with` it stands in."""

    def __init__(self, path: Path, version: int, limit_bytes: int) -> None:
        self.path = path
        self.version = version
        self.limit_bytes = limit_bytes

    @classmethod
    def make(cls, limit_bytes: int) -> Self | None:
        """A new group with that limit, swap included; None where this process may not make one."""
        for version, parent in _parents():
            path = parent / f"pocker-bench-{os.getpid()}-{time.monotonic_ns()}"
            group = cls(path, version, limit_bytes)
            try:
                path.mkdir()
            except OSError:
                continue
            try:
                group._limit()
            except OSError:
                group.remove()
                continue
            return group
        return None

    def _limit(self) -> None:
        """Raises OSError where the memory controller is not to be had."""
        text = str(self.limit_bytes)
        if self.version == 1:
            (self.path / "memory.limit_in_bytes").write_text(text)
            with contextlib.suppress(OSError):  # a kernel without swap accounting
                (self.path / "memory.memsw.limit_in_bytes").write_text(text)
        else:
            (self.path / "memory.max").write_text(text)
            with contextlib.suppress(OSError):
                (self.path / "memory.swap.max").write_text("0")

    def joined(self, command: list[str]) -> list[str]:
        """The command, run inside of the group."""
        return [sys.executable, "-S", "-c", JOIN, str(self.path / "cgroup.procs"), *command]

    def read(self) -> Reading:
        """Now."""
        stat = _pairs(self.path / "memory.stat")
        if self.version == 1:
            return Reading(
                used=_number(self.path / "memory.usage_in_bytes"),
                peak=_number(self.path / "memory.max_usage_in_bytes"),
                anonymous=stat["total_rss"],
                mapped=stat["total_mapped_file"],
                cached=stat["total_cache"],
                kernel=_number(self.path / "memory.kmem.usage_in_bytes"),
                refused=_number(self.path / "memory.failcnt"),
                killed=_pairs(self.path / "memory.oom_control").get("oom_kill", 0),
            )
        events = _pairs(self.path / "memory.events")
        return Reading(
            used=_number(self.path / "memory.current"),
            peak=_number(self.path / "memory.peak"),
            anonymous=stat["anon"],
            mapped=stat["file_mapped"],
            cached=stat["file"],
            kernel=stat.get("kernel", stat.get("slab", 0)),
            refused=events.get("max", 0),
            killed=events.get("oom_kill", 0),
        )

    def remove(self) -> None:
        """Takes the group away once its processes have gone. Raises OSError where some stay."""
        deadline = time.monotonic() + REMOVAL_PATIENCE_S
        while True:
            try:
                self.path.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def forget_pages(root: Path) -> None:
    """Has the kernel drop the page cache of the files below `root`: a group is charged with what it reads first, so
    what somebody else has read before would come for nothing."""
    os.sync()
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                file = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW)  # noqa: PTH118 (100,000 files)
                try:
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)


def _parents() -> Iterator[tuple[int, Path]]:
    """Where a child group may be made, the best place first: version and directory."""
    for line in PROC_SELF.read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield 1, MOUNT / "memory"
            yield 1, MOUNT / "memory" / own.lstrip("/")
        elif not controllers and (MOUNT / "cgroup.controllers").is_file():
            # processes may stand in leaves only, so a sibling of our own group is tried first, then a child of it
            here = MOUNT / own.lstrip("/")
            for parent in (here.parent, here, MOUNT):
                if parent.is_relative_to(MOUNT) and "memory" in _words(parent / "cgroup.subtree_control"):
                    yield 2, parent


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _number(path: Path) -> int:
    """0 where the kernel has no such file (`memory.peak` came with 5.19)."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _pairs(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines) if value.isdigit()}
