"""What of a tenant's directory belongs to the server, and is out of its scripts' reach.

The databases are told by what they are, not by their path: whatever link leads to one. They may not even be read, for
whoever closes a file loses all locks that its process has on it, and SQLite's are such locks.
"""

import os
import stat
from contextlib import suppress
from typing import NamedTuple

DATABASES = ("data.db", "auxiliary.db")
COMPANIONS = ("", "-wal", "-shm", "-journal")
DATA = "pb_data"
# In the tenant's own folder: what the server keeps there, and what the operator says there.
OWN = ("hooks.json", "env")

OF_THE_SERVER = "operation not permitted: it belongs to the server"
NOT_REGULAR = "operation not permitted: not a regular file"
SHARED = "operation not permitted: the file has more than one name"

Identity = tuple[int, int]


class GuardError(Exception):
    """What a script may not do with a file; the message says why."""


class Guard(NamedTuple):
    """What is kept of one tenant's directory at the moment of one operation."""

    root: Identity
    data: Identity | None
    files: frozenset[Identity]

    @classmethod
    def of(cls, root: int) -> "Guard":
        """Look at the tenant's directory, which is open as `root`."""
        files = set()
        with suppress(OSError):
            data = os.open(DATA, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
            try:
                for name in DATABASES:
                    for companion in COMPANIONS:
                        with suppress(OSError):
                            files.add(identity(os.stat(name + companion, dir_fd=data, follow_symlinks=False)))
                return cls(identity(os.fstat(root)), identity(os.fstat(data)), frozenset(files))
            finally:
                os.close(data)
        return cls(identity(os.fstat(root)), None, frozenset())

    def check_entry(self, folder: int, name: str) -> None:
        """Whether an entry may be made, replaced or removed. GuardError."""
        found = identity(os.fstat(folder))
        kept = DATABASES if found == self.data else (*OWN, DATA) if found == self.root else ()
        # beside the databases themselves whatever SQLite takes for theirs
        if any(name == each or (name.startswith(each) and each != DATA) for each in kept):
            raise GuardError(OF_THE_SERVER)

    def check_file(self, info: os.stat_result, *, write: bool) -> None:
        """Whether a file may be opened. GuardError."""
        if not stat.S_ISREG(info.st_mode):
            raise GuardError(NOT_REGULAR)
        if identity(info) in self.files:
            raise GuardError(OF_THE_SERVER)
        if write and info.st_nlink > 1:
            raise GuardError(SHARED)


def identity(info: os.stat_result) -> Identity:
    """What makes two names the same file."""
    return info.st_dev, info.st_ino
