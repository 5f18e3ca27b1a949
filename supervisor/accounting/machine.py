"""What the kernel says of the whole: how much memory the server may take, how much it takes, and whether it killed for
want of it.

The limit is that of the control group the server runs in, or of one of the groups above it, whichever is lowest. Both
versions of control groups are read; in a container the group's own path may not be there, then its mount's root counts.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
LIMIT_FILES = {2: "memory.max", 1: "memory.limit_in_bytes"}  # by the groups' version
NO_LIMIT_BYTES = 1 << 60  # version 1 says "no limit" with a number of about 2^63


class Machine:
    """The figures. None raises: what can't be read is no limit, and nobody killed."""

    __slots__ = ("_files", "_vmstat")

    def __init__(self, cgroup_root: Path = CGROUP_ROOT, proc: Path = PROC) -> None:
        self._files = list(_limit_files(cgroup_root, proc))
        self._vmstat = proc / "vmstat"

    def memory_limit_kb(self) -> int:
        """What all processes together may take, in KB; 0 where nothing limits it. It may change while it runs."""
        lowest = self._lowest()
        return lowest[0] // 1024 if lowest else 0

    def memory_used_kb(self) -> int:
        """What of it is taken, in KB: all that the kernel can't take back, so without the page cache, of every process
        that the limit is for, those that run scripts among them. 0 where it does not say, or nothing limits it."""
        lowest = self._lowest()
        return _used_bytes(lowest[1]) // 1024 if lowest else 0

    def _lowest(self) -> tuple[int, Path] | None:
        """The lowest limit in bytes, and the file that has it."""
        return min(((limit, file) for file in self._files if (limit := _limit_bytes(file))), default=None)

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
            yield from _upwards(root, group, LIMIT_FILES[2])
        elif "memory" in controllers.split(","):
            yield from _upwards(root / "memory", group, LIMIT_FILES[1])


def _upwards(mount: Path, group: str, file: str) -> Iterator[Path]:
    path = PurePosixPath(group)
    for part in (path, *path.parents):
        found = mount / str(part).lstrip("/") / file
        if found.is_file():
            yield found


def _limit_bytes(file: Path) -> int:
    text = _text(file).strip()
    return limit if text.isdigit() and (limit := int(text)) < NO_LIMIT_BYTES else 0


def _used_bytes(limit_file: Path) -> int:
    """Of the group with that limit and those below it."""
    group = limit_file.parent
    pairs = (line.partition(" ") for line in _text(group / "memory.stat").splitlines())
    stat = {name: int(value) for name, _, value in pairs if value.isdigit()}
    if limit_file.name == LIMIT_FILES[1]:
        kernel = _text(group / "memory.kmem.usage_in_bytes").strip()
        return stat.get("total_rss", 0) + stat.get("total_shmem", 0) + (int(kernel) if kernel.isdigit() else 0)
    return sum(stat.get(name, 0) for name in ("anon", "shmem", "kernel_stack", "pagetables", "slab_unreclaimable"))


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
