"""What a path means under a directory that is the root: the kernel resolves it there, whatever it says.

`openat2` with RESOLVE_IN_ROOT is a chroot for one path: `..` ends at the root, and so do absolute links. Where the
kernel has it not, each part is opened by itself, and a symbolic link is an error. Either way the answer is a descriptor
that stands for the place (O_PATH), which nothing that is renamed meanwhile can change.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# Short enough that what walks the tenants' files by their whole paths reaches all of them.
PATH_BYTES_MAX = 2_048
DEPTH_MAX = 64
ATTEMPTS_MAX = 16

_SYSCALL_OPENAT2 = 437  # the same on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_PLACE = os.O_PATH | os.O_CLOEXEC
# What openat2 says where there is none, or where a container's filter keeps it away.
_MISSING = frozenset({errno.ENOSYS, errno.EPERM})


def checked(path: str) -> str:
    """A path that can be asked for. OSError for one that can't."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "")
    if not path:
        raise OSError(errno.ENOENT, "")
    if len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES_MAX or path.count("/") > DEPTH_MAX:
        raise OSError(errno.ENAMETOOLONG, "")
    return path


def split(path: str) -> tuple[str, str]:
    """The folder of a path and the name in it; the name is empty for the root itself, `.` and `..`."""
    folder, _, name = path.rstrip("/").rpartition("/")
    return (folder or "/", "") if name in (".", "..") else (folder or "/", name)


@contextmanager
def place(root: int, path: str, *, follow: bool = True) -> Iterator[int]:
    """A descriptor that stands for what `path` means under the directory `root`. OSError where there is nothing."""
    fd = find(root, checked(path), follow=follow)
    try:
        yield fd
    finally:
        os.close(fd)


def find(root: int, path: str, *, follow: bool = True) -> int:
    """As `place`, to be closed by the caller."""
    openat2 = _openat2()
    if openat2 is not None:
        for _ in range(ATTEMPTS_MAX):  # something was renamed on the way
            try:
                found: int = openat2(root, path, _PLACE | (0 if follow else os.O_NOFOLLOW))
            except BlockingIOError:
                continue
            return found
        raise OSError(errno.EAGAIN, "")
    return walk(root, path)


def walk(root: int, path: str) -> int:
    """As `find`, a part at a time, and without links: for kernels that can't do better."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    fd = os.open(".", _PLACE | os.O_DIRECTORY, dir_fd=root)
    for at, part in enumerate(parts):
        last = at == len(parts) - 1 and not path.endswith("/")
        try:
            below = os.open(part, _PLACE | os.O_NOFOLLOW | (0 if last else os.O_DIRECTORY), dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


@cache
def _openat2() -> Any:
    """The kernel's, or None."""
    import ctypes  # noqa: PLC0415 (only where scripts have to do with files)

    class How(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]

    libc = ctypes.CDLL(None, use_errno=True)
    syscall = libc.syscall
    syscall.restype = ctypes.c_long

    def openat2(root: int, path: str, flags: int) -> int:
        how = How(flags, 0, _RESOLVE_NO_MAGICLINKS | _RESOLVE_IN_ROOT)
        raw = os.fsencode(path)
        fd = syscall(
            ctypes.c_long(_SYSCALL_OPENAT2),
            ctypes.c_int(root),
            ctypes.c_char_p(raw),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(fd)

    root = os.open("/", _PLACE)
    try:
        os.close(openat2(root, ".", _PLACE))
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise
    finally:
        os.close(root)
    return openat2


def reopened(fd: int, flags: int) -> int:
    """The file that a place stands for, opened."""
    return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
