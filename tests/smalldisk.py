"""A file system of some megabytes that fills up and empties again: what a full disk does can only be seen on one.

It is a tmpfs of its own, for which a process must be allowed to mount (root with CAP_SYS_ADMIN, as in most containers
that run tests); where it may not, the tests that need one are skipped.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MB = 1 << 20


class SmallDisk:
    """A mounted file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave_bytes: int = 0) -> None:
        """Somebody else takes all of it but so much."""
        self.empty()
        with self._ballast.open("wb", buffering=0) as file:
            left = self.free - leave_bytes
            with contextlib.suppress(OSError):
                while left > 0:
                    left -= file.write(bytes(min(left, 1 << 16)))

    def empty(self) -> None:
        """Somebody else gives it back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def mounted(path: Path, size_mb: int) -> Iterator[SmallDisk]:
    """A file system of `size_mb` at `path`. Skips the test where nobody may mount one."""
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "pocker-test", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except OSError as error:
        pytest.skip(f"no small file system: {error}")
    if done.returncode != 0:
        pytest.skip(f"no small file system: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # lazily: a test that fails may leave a process behind which still has a file open
        subprocess.run(["umount", "-l", str(path)], capture_output=True, timeout=30)


def mountable() -> str:
    """Why no small file system can be had here; empty where one can. For what is no pytest test."""
    return "" if os.geteuid() == 0 else "only root may mount"
