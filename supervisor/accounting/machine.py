"""What the kernel says of the whole: how much memory the server may take, and whether it killed for want of it.

The limit is that of the control group the server runs in, or of one of the groups above it, whichever is lowest. Both
versions of control groups are read; in a container the group's own path may not be there, then its mount's root counts.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
NO_LIMIT_BYTES = 1 << 60  # version 1 says "no limit" with a number of about 2^63


class Machine:
    """The two figures. Neither raises: what can't be read is no limit, and nobody killed."""

    __slots__ = ("_files", "_vmstat")

    def __init__(self, cgroup_root: Path = CGROUP_ROOT, proc: Path = PROC) -> None:
        self._files = list(_limit_files(cgroup_root, proc))
        self._vmstat = proc / "vmstat"

    def memory_limit_kb(self) -> int:
        """What all processes together may take, in KB; 0 where nothing limits it. It may change while it runs."""
        limits = [limit for file in self._files if (limit := _limit_bytes(file))]
        return min(limits) // 1024 if limits else 0

    def kills(self) -> int:
        """How many processes the kernel has killed for want of memory, since it started."""
        for line in _text(self._vmstat).splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0


def _limit_files(root: Path, proc: Path) -> Iterator[Path]:
    """The files with the limits of the group of this process and of those above it."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _upwards(root, group, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _upwards(root / "memory", group, "memory.limit_in_bytes")


def _upwards(mount: Path, group: str, file: str) -> Iterator[Path]:
    path = PurePosixPath(group)
    for part in (path, *path.parents):
        found = mount / str(part).lstrip("/") / file
        if found.is_file():
            yield found


def _limit_bytes(file: Path) -> int:
    text = _text(file).strip()
    return limit if text.isdigit() and (limit := int(text)) < NO_LIMIT_BYTES else 0


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
