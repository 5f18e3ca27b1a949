"""What of a tenant's directory belongs to the server, and is out of its scripts' reach.

The databases are told by what they are, not by their path: whatever link leads to one. They may not even be read, for
whoever closes a file loses all locks that its process has on it, and SQLite's are such locks.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

DATABASES = ("data.db", "auxiliary.db")
COMPANIONS = ("", "-wal", "-shm", "-journal", "-spool")
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
    databases: frozenset[Identity]
    own: frozenset[Identity]

    @classmethod
    def of(cls, root: int) -> "Guard":
        """Look at the tenant's directory, which is open as `root`."""
        own = _identities(root, OWN)
        with suppress(OSError):
            data = os.open(DATA, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
            try:
                databases = _identities(data, (name + end for name in DATABASES for end in COMPANIONS))
                return cls(identity(os.fstat(root)), identity(os.fstat(data)), databases, own)
            finally:
                os.close(data)
        return cls(identity(os.fstat(root)), None, frozenset(), own)

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
        if identity(info) in self.databases or (write and identity(info) in self.own):
            raise GuardError(OF_THE_SERVER)
        if write and info.st_nlink > 1:
            raise GuardError(SHARED)


def _identities(folder: int, names: Iterable[str]) -> frozenset[Identity]:
    found = set()
    for name in names:
        with suppress(OSError):
            found.add(identity(os.stat(name, dir_fd=folder, follow_symlinks=False)))
    return frozenset(found)


def identity(info: os.stat_result) -> Identity:
    """What makes two names the same file."""
    return info.st_dev, info.st_ino
