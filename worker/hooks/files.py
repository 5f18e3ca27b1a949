"""A tenant's script files: which ones there are, the state they are in, and what stands in them.

    pb_hooks/*.pb.js, *.pb.ts   run when the tenant is loaded, in the order of their names; folders are for `require`
    pb_hooks/**                 any change in there loads them anew, but for node_modules and hidden folders

The state is a digest of names, sizes and times: looking at it opens no file. Everything here blocks, for some
microseconds a file, and may run in any thread.
"""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

HOOKS = "pb_hooks"
MIGRATIONS = "pb_migrations"
SUFFIXES = (".pb.js", ".pb.ts")
SKIPPED = "node_modules"
# As paths of the tenant's own root, which is what its scripts see.
ROOT = "/pb_hooks/"

# Scripts that are run, the largest one, all of them, and entries of pb_hooks that are looked at.
FILES_MAX = 500
FILE_BYTES_MAX = 4 << 20
BYTES_MAX = 12 << 20
ENTRIES_MAX = 5_000
DEPTH_MAX = 16
# Files that have changed within this time may be in the middle of being written.
SETTLED_S = 0.1

# The signature of no scripts at all.
NOTHING = ""


class FilesError(ValueError):
    """The files can't be loaded, whatever stands in them; the message is for the tenant."""


class State(NamedTuple):
    """The state of a tenant's pb_hooks. Two that are equal: nothing has changed in between."""

    # empty where there are no scripts
    signature: str
    # when the last change was made, s since 1970
    changed_at: float

    @property
    def is_settled(self) -> bool:
        """Whether the last change was some time ago, so that nobody is in the middle of it."""
        return not 0 <= time.time() - self.changed_at < SETTLED_S


class File(NamedTuple):
    """One script: the path by which its tenant knows it, and its text."""

    path: str
    source: str


EMPTY = State(NOTHING, 0.0)
# Of files that can't be looked at.
UNKNOWN = State("?", 0.0)


def state(directory: Path) -> State:
    """That of the tenant in `directory` (…/tenants/NAME). A folder too large to look at is FilesError."""
    seen: list[str] = []
    folder = f"{directory}/{HOOKS}"
    try:
        os.stat(folder)  # noqa: PTH116 (twice as fast, and takes no descriptor, which there may be none of)
    except OSError:
        return EMPTY
    _look(folder, "", seen, DEPTH_MAX)
    changed_ns = 0
    has_scripts = False
    for entry in seen:
        name, _, rest = entry.partition("\0")
        changed_ns = max(changed_ns, int(rest.split("\0", 1)[0]))
        has_scripts = has_scripts or _is_script(name)
    if not has_scripts:
        return EMPTY
    seen.sort()
    digest = hashlib.blake2b("\n".join(seen).encode("utf-8", "surrogateescape"), digest_size=20)
    return State(digest.hexdigest(), changed_ns / 1e9)


def has_scripts(directory: Path) -> bool:
    """Whether there is anything to be run, or to be refused."""
    try:
        return bool(state(directory).signature)
    except FilesError:
        return True


def _look(folder: str, inside: str, seen: list[str], depth: int) -> None:
    """Note every entry under `folder`."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if len(seen) >= ENTRIES_MAX:
                raise FilesError(f"{HOOKS} has more than {ENTRIES_MAX} files")
            try:
                # what a link points at counts; whether it may be read is another matter
                found = entry.stat()
            except OSError:
                continue  # gone, or a link to nowhere
            name = inside + entry.name
            if not stat.S_ISDIR(found.st_mode):
                seen.append(f"{name}\0{found.st_ctime_ns}\0{found.st_mtime_ns}\0{found.st_size}\0{found.st_ino}")
            elif entry.name != SKIPPED and not entry.name.startswith(".") and depth and not entry.is_symlink():
                _look(entry.path, f"{name}/", seen, depth - 1)


def _is_script(name: str) -> bool:
    return name.endswith(SUFFIXES) and "/" not in name


def scripts(directory: Path) -> list[File]:
    """The scripts, in the order in which they are run. FilesError, OSError."""
    folder = directory / HOOKS
    try:
        names = sorted(name for name in os.listdir(folder) if _is_script(name))  # noqa: PTH208 (no Path a file)
    except (FileNotFoundError, NotADirectoryError):
        return []
    if len(names) > FILES_MAX:
        raise FilesError(f"{HOOKS} has more than {FILES_MAX} scripts")
    found = []
    left = BYTES_MAX
    for name in names:
        path = inside(directory, folder / name)
        if path is None:
            raise FilesError(f"{HOOKS}/{name} is outside of the tenant's directory")
        if path.is_dir():
            continue
        data = content(path)
        left -= len(data)
        if left < 0:
            raise FilesError(f"the scripts in {HOOKS} have more than {BYTES_MAX >> 20} MB in all")
        found.append(File(ROOT + name, data.decode("utf-8", "replace")))
    return found


def content(path: Path) -> bytes:
    """What stands in a regular file. FilesError where that is too much or none; OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FilesError(f"{path.name} is no file")
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise FilesError(f"{path.name} has more than {FILE_BYTES_MAX >> 20} MB")
    return data


def inside(directory: Path, path: Path) -> Path | None:
    """`path` with its links followed, if that is in the tenant's `directory`; else None. OSError."""
    root = os.path.realpath(directory)
    real = os.path.realpath(path)
    return Path(real) if real == root or real.startswith(root + "/") else None
