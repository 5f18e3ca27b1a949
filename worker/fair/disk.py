"""How much of the disk a tenant's files take, and whether the file system has room for more.

Both are looked at from time to time, never by a request: `DiskWatch.short` is a flag that writers read.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MB = 1 << 20
# Once the disk was too full, so much more than the reserve must be free before writes are taken again: 1/8 of it.
RELIEF_SHARE = 8
# Below this, a file system counts as full: what is left are parts of files that were cut short.
FULL_BYTES = MB

# Of `pb_data`, by name; the `-shm` of a database holds no data, and 32 KB of the disk at most.
_DATA, _WAL = "data.db", "data.db-wal"
_LOG = frozenset({"auxiliary.db", "auxiliary.db-wal", "auxiliary.db-spool"})
_PASSING = "-shm"


class DiskUse(NamedTuple):
    """Bytes of a tenant's files: its database, the write-ahead log of that, its request log, everything else."""

    data: int = 0
    wal: int = 0
    log: int = 0
    rest: int = 0

    @property
    def total_kb(self) -> int:
        """All of it in KiB, as the usage report has it."""
        return sum(self) // 1024


def measure(directory: Path) -> DiskUse:
    """What the tenant in `directory` (…/tenants/NAME) takes. Some 30 µs, and 2 µs for each stored file. Never fails."""
    pb_data = directory / "pb_data"
    data = wal = log = rest = 0
    for folder, entry in _files(str(directory)):
        try:
            size = entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # it has just gone
        name = entry.name
        if name.endswith(_PASSING):
            continue
        if folder == str(pb_data):
            if name == _DATA:
                data += size
                continue
            if name == _WAL:
                wal += size
                continue
            if name in _LOG:
                log += size
                continue
        rest += size
    return DiskUse(data, wal, log, rest)


def measure_databases(directory: Path) -> DiskUse:
    """What the databases take, for a tenant that was opened just now; the rest is measured with the others."""
    pb_data = directory / "pb_data"
    return DiskUse(_size(pb_data / _DATA), _size(pb_data / _WAL), sum(_size(pb_data / name) for name in _LOG))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # there is none, as there mostly is of a write-ahead log


def _files(root: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Every file under `root` with the folder it is in."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield folder, entry
        except OSError:
            continue  # as above


class DiskWatch:
    """The free space of the file system that the tenants' files are on. `look` moves it on."""

    __slots__ = ("_path", "free_bytes", "reserve_bytes", "short")

    def __init__(self, path: Path, reserve_mb: int) -> None:
        self._path = path
        self.reserve_bytes = reserve_mb * MB
        self.free_bytes = 0
        # whether less than the reserve is free, so that nothing may be written
        self.short = False
        self.look()

    def look(self) -> bool:
        """Look at the file system (2 µs). Whether `short` has changed."""
        free = self.free()
        if free is None:
            return False  # who can't look doesn't know; writers find out themselves
        self.free_bytes = free
        before = self.short
        self.short = free < self.reserve_bytes + (self.reserve_bytes // RELIEF_SHARE if before else 0)
        return self.short != before

    def free(self) -> int | None:
        """Bytes that may still be written, just now."""
        try:
            found = os.statvfs(self._path)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    @property
    def full(self) -> bool:
        """Whether the file system itself has no space left, just now."""
        free = self.free()
        return free is not None and free < FULL_BYTES
