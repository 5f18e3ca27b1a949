"""What scripts do with files, as plain functions that block. Paths are the script's own: the tenant's folder is `/`.

Whatever fails is a `PathError`: the name of Go's operation and Go's words for the reason, from which the script's
error is made. Nothing else gets out, and no path of the host's.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from worker.hooks.root import resolve
from worker.hooks.root.guard import Guard, GuardError
from worker.hooks.root.resolve import place, reopened, split

READ_BYTES_MAX = 16 << 20
LISTED_MAX = 50_000
FILE_BYTES_MAX = 1 << 30
# What scripts may say of a mode: who may read, write and run it.
MODE_BITS = 0o777
OWNER_BITS = 0o600
CHUNK_BYTES = 1 << 20
TEMP = "tmp"


class PathError(Exception):
    """Why an operation failed: `op` and `reason` in Go's words, and the path where it is not the one that was given."""

    def __init__(self, op: str, reason: str, path: str | None = None) -> None:
        super().__init__(op, reason)
        self.op = op
        self.reason = reason
        self.path = path


class Info(NamedTuple):
    """What a script may know of an entry. `mode` is the host's st_mode."""

    name: str
    size: int
    mode: int
    modified_ns: int


class Tree:
    """One tenant's directory."""

    __slots__ = ("_directory",)

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    # -- looking ------------------------------------------------------------------------------------------------------

    def info(self, path: str, *, follow: bool = True) -> Info:
        """What there is about an entry."""
        with self._told("stat" if follow else "lstat") as root, place(root, path, follow=follow) as fd:
            return _info(path.rstrip("/").rpartition("/")[2] or "/", os.fstat(fd))

    def size(self, path: str) -> int:
        """The bytes of a file, or what a directory's own list takes; 0 for what is not there or can't be looked at."""
        try:
            return self.info(path).size
        except PathError:
            return 0

    def listed(self, path: str) -> list[Info]:
        """The entries of a directory, sorted by name."""
        with self._told("open") as root, place(root, path) as folder:
            if not stat.S_ISDIR(os.fstat(folder).st_mode):
                raise OSError(errno.ENOTDIR, "")
            fd = reopened(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                found: list[Info] = []
                with os.scandir(fd) as entries:
                    for entry in entries:
                        if len(found) >= LISTED_MAX:
                            raise PathError("readdirent", f"more than {LISTED_MAX} entries")
                        try:
                            name = entry.name.encode("utf-8").decode()
                            found.append(_info(name, entry.stat(follow_symlinks=False)))
                        except (OSError, UnicodeEncodeError):
                            continue  # it has just gone, or nothing can name it
                return sorted(found, key=lambda info: info.name.encode())
            finally:
                os.close(fd)

    def read(self, path: str, start: int = 0, size: int = READ_BYTES_MAX + 1) -> bytes:
        """A file's bytes from `start` on."""
        with self._file(path, os.O_RDONLY) as fd:
            if size > READ_BYTES_MAX and os.fstat(fd).st_size - start > READ_BYTES_MAX:
                raise PathError("read", f"file too large: more than {READ_BYTES_MAX >> 20} MB")
            parts = []
            left = min(size, READ_BYTES_MAX)
            while left > 0 and (part := os.pread(fd, min(left, CHUNK_BYTES), start)):
                parts.append(part)
                start += len(part)
                left -= len(part)
            return b"".join(parts)

    # -- changing -----------------------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Make `data` a file's content; `mode` is for one that was not there."""
        with self._file(path, os.O_WRONLY, mode) as fd:
            os.ftruncate(fd, 0)
            _write_all(fd, data, 0)

    def write_at(self, path: str, data: bytes, start: int | None) -> int:
        """Write into a file that is there, at `start` or (None) at its end. Where the writing has ended."""
        with self._file(path, os.O_WRONLY, op="write") as fd:
            at = os.fstat(fd).st_size if start is None else start
            if at + len(data) > FILE_BYTES_MAX:
                raise OSError(errno.EFBIG, "")
            _write_all(fd, data, at)
            return at + len(data)

    def create(self, path: str, mode: int, *, exclusive: bool = False, truncate: bool = False) -> None:
        """Have a file there, and what was in it or not."""
        with self._file(path, os.O_WRONLY, mode, exclusive=exclusive) as fd:
            if truncate:
                os.ftruncate(fd, 0)

    def truncate(self, path: str, size: int) -> None:
        """Cut a file, or fill it up with zeros."""
        with self._file(path, os.O_WRONLY, op="truncate") as fd:
            if size > FILE_BYTES_MAX:
                raise OSError(errno.EFBIG, "")
            os.ftruncate(fd, size)

    def mkdir(self, path: str, mode: int) -> None:
        """Make a directory."""
        with self._entry("mkdir", path) as (_, folder, name):
            if not name:
                raise OSError(errno.EEXIST, "")
            os.mkdir(name, mode & MODE_BITS | 0o700, dir_fd=folder)

    def mkdir_all(self, path: str, mode: int) -> None:
        """Make a directory and all above it that are missing."""
        try:
            found = self.info(path)
        except PathError as failure:
            if failure.reason not in NOTHING:
                raise PathError("mkdir", failure.reason) from None
        else:
            if not stat.S_ISDIR(found.mode):
                raise PathError("mkdir", reason(errno.ENOTDIR))
            return
        parts = path.rstrip("/").split("/")
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            if not above:
                continue
            try:
                self.mkdir(above, mode)
            except PathError as failure:
                try:
                    there = stat.S_ISDIR(self.info(above).mode)
                except PathError:
                    raise PathError(failure.op, failure.reason, above) from None
                if not there:
                    raise PathError("mkdir", reason(errno.ENOTDIR), above) from None

    def rename(self, old: str, new: str) -> None:
        """Give a file or directory another name; a file in its place is replaced, and a directory is not."""
        with self._entry("rename", old) as (root, folder, name), place(root, split(resolve.checked(new))[0]) as target:
            last = split(new)[1]
            if not name or not last:
                raise OSError(errno.EBUSY, "")
            guard = Guard.of(root)
            guard.check_entry(folder, name)
            guard.check_entry(target, last)
            try:
                replaced = os.stat(last, dir_fd=target, follow_symlinks=False)
            except FileNotFoundError:
                pass
            else:
                if stat.S_ISDIR(replaced.st_mode):
                    os.stat(name, dir_fd=folder, follow_symlinks=False)
                    raise OSError(errno.EEXIST, "")
            _check_depth(folder, name, new)
            os.rename(name, last, src_dir_fd=folder, dst_dir_fd=target)

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory."""
        with self._entry("remove", path) as (_, folder, name):
            if not name:
                raise GuardError("operation not permitted")
            _unlink(folder, name)

    def remove_all(self, path: str) -> None:
        """Remove whatever is there, with all below; nothing may be there."""
        try:
            with self._entry("unlinkat", path) as (_, folder, name):
                if not name:
                    raise GuardError("operation not permitted")
                _unlink_all(folder, name, resolve.DEPTH_MAX + 1)
        except PathError as failure:
            if failure.reason not in NOTHING:
                raise

    def temp(self) -> str:
        """The folder for what is not kept."""
        with self._told("mkdir") as root, suppress(FileExistsError):
            os.mkdir(TEMP, 0o755, dir_fd=root)
        return f"/{TEMP}"

    def count(self, most: int) -> int:
        """The files and directories there are, counted up to `most`."""
        found = 0
        folders = [str(self._directory)]
        while folders and found < most:
            try:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        found += 1
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
            except OSError:
                continue
        return found

    # -- how ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _told(self, op: str) -> Iterator[int]:
        """The directory, open as a place; what goes wrong becomes a PathError of `op`."""
        try:
            root = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                yield root
            finally:
                os.close(root)
        except OSError as error:
            raise PathError(op, reason(error.errno or errno.EIO)) from None
        except GuardError as error:
            raise PathError(op, str(error)) from None
        except UnicodeEncodeError:
            raise PathError(op, reason(errno.EINVAL)) from None

    @contextmanager
    def _entry(self, op: str, path: str) -> Iterator[tuple[int, int, str]]:
        """The root, the folder of a path and the name in it, which may be changed."""
        with self._told(op) as root:
            above, name = split(resolve.checked(path))
            with place(root, above) as folder:
                if name:
                    Guard.of(root).check_entry(folder, name)
                yield root, folder, name

    @contextmanager
    def _file(
        self, path: str, flags: int, mode: int | None = None, *, exclusive: bool = False, op: str = "open"
    ) -> Iterator[int]:
        """A regular file, open; made if a `mode` is given and there is none."""
        write = flags != os.O_RDONLY
        with self._told(op) as root:
            guard = Guard.of(root)
            try:
                found = resolve.find(root, resolve.checked(path))
            except FileNotFoundError:
                if mode is None:
                    raise
                fd = _made(root, guard, path, mode)
            else:
                try:
                    if exclusive:
                        raise OSError(errno.EEXIST, "")
                    info = os.fstat(found)
                    if stat.S_ISDIR(info.st_mode):
                        raise PathError("open" if write else "read", reason(errno.EISDIR))
                    guard.check_file(info, write=write)
                    fd = reopened(found, flags)
                finally:
                    os.close(found)
            try:
                yield fd
            finally:
                os.close(fd)


def _made(root: int, guard: Guard, path: str, mode: int) -> int:
    """A new file, open for writing."""
    if path.endswith("/"):
        raise OSError(errno.EISDIR, "")
    above, name = split(path)
    if not name:
        raise OSError(errno.EISDIR, "")
    with place(root, above) as folder:
        guard.check_entry(folder, name)
        bits = mode & MODE_BITS | OWNER_BITS
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, bits, dir_fd=folder)


def _write_all(fd: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view[:CHUNK_BYTES], start)
        view, start = view[written:], start + written


def _unlink(folder: int, name: str) -> None:
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.rmdir(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def _unlink_all(folder: int, name: str, depth: int) -> None:
    """All below, by descriptors: a directory that becomes a link meanwhile is not followed."""
    if not depth:
        raise OSError(errno.ELOOP, "")
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        for each in os.listdir(fd):  # noqa: PTH208 (of a descriptor)
            _unlink_all(fd, each, depth - 1)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=folder)


def _check_depth(folder: int, name: str, target: str) -> None:
    """Whether what is below a directory can still be reached once it is at `target`. OSError."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return
    deepest, longest, seen = 0, 0, 0
    for at, (above, folders, files, _) in enumerate(os.fwalk(name, dir_fd=folder)):
        seen += len(folders) + len(files)
        deepest = max(deepest, above.count("/") + 1)
        longest = max(longest, len(os.fsencode(above)) + max((len(os.fsencode(each)) + 1 for each in files), default=0))
        if at > LISTED_MAX or seen > LISTED_MAX:
            raise GuardError(f"operation not permitted: more than {LISTED_MAX} entries")
    if deepest + target.count("/") > resolve.DEPTH_MAX or longest + len(target.encode()) > resolve.PATH_BYTES_MAX:
        raise OSError(errno.ENAMETOOLONG, "")


def _info(name: str, found: Any) -> Info:
    return Info(name, found.st_size, found.st_mode, found.st_mtime_ns)


def reason(code: int) -> str:
    """An error's number in Go's words."""
    text = os.strerror(code)
    return text[:1].lower() + text[1:]


NOTHING = (reason(errno.ENOENT), reason(errno.ENOTDIR))
