"""A native escape from the engine, simulated: Python code inside a locked-down child does what an attacker would.

    python -m tests.process.escapes walled|rootless|unfiltered

walled: as a worker's children are. rootless: as where the server does not run as root. unfiltered: with a filter that
lets everything pass, so that what the other walls hold off is seen. Prints {attempt: [exit status, what it said]}.
"""

import contextlib
import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from sandbox import kernel, lockdown, syscalls
from sandbox.limits import Limits

LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534
PASSED = syscalls._line(syscalls.RETURN, syscalls.ALLOW)
X86 = kernel.machine() == "x86_64"
TARGET = os.getppid()  # the tests' own process
SELF = os.getpid()

# name: (number on x86-64, on aarch64), arguments. Most die for their number alone; arguments are as an attacker's.
BUFFER = ctypes.create_string_buffer(256)
AT = ctypes.addressof(BUFFER)
BUFFER[:16] = (AT + 128).to_bytes(8, "little") + (8).to_bytes(8, "little")  # a `struct iovec` of eight bytes
PASSWD = ctypes.create_string_buffer(b"/etc/passwd")
SHELL = ctypes.create_string_buffer(b"/bin/sh")
ROOT = ctypes.create_string_buffer(b"/")
PATH, PROGRAM, SLASH = ctypes.addressof(PASSWD), ctypes.addressof(SHELL), ctypes.addressof(ROOT)
HERE = -100  # AT_FDCWD
PAGE = mmap.PAGESIZE
READ, WRITE, EXEC = 1, 2, 4
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20
NEWUSER = 0x10000000

CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    # files
    "openat": (257, 56, (HERE, PATH, 0)),
    "openat2": (437, 437, (HERE, PATH, AT, 24)),
    "open_by_handle_at": (304, 265, (HERE, AT, 0)),
    "name_to_handle_at": (303, 264, (HERE, PATH, AT, AT, 0)),
    "newfstatat": (262, 79, (HERE, PATH, AT, 0)),
    "getdents64": (217, 61, (0, AT, 256)),
    "unlinkat": (263, 35, (HERE, PATH, 0)),
    "mkdirat": (258, 34, (HERE, PATH, 0)),
    "symlinkat": (266, 36, (PATH, HERE, PATH)),
    "linkat": (265, 37, (HERE, PATH, HERE, PATH, 0)),
    "renameat2": (316, 276, (HERE, PATH, HERE, PATH, 0)),
    "fchmodat": (268, 53, (HERE, PATH, 0)),
    "chdir": (80, 49, (SLASH,)),
    "chroot": (161, 51, (SLASH,)),
    "memfd_create": (319, 279, (PATH, 0)),
    "memfd_secret": (447, 447, (0,)),
    "inotify_init1": (294, 26, (0,)),
    "fanotify_init": (300, 262, (0, 0)),
    # descriptors: other ones, and more than bytes through the socket
    "read of another": (0, 63, (3, AT, 1)),
    "write to another": (1, 64, (1, AT, 1)),
    "readv": (19, 65, (0, AT, 1)),
    "writev": (20, 66, (0, AT, 1)),
    "pread64": (17, 67, (0, AT, 1, 0)),
    "dup": (32, 23, (0,)),
    "dup3": (292, 24, (0, 5, 0)),
    "close": (3, 57, (0,)),
    "fcntl": (72, 25, (0, 1, 0)),
    "ioctl": (16, 29, (0, 0x541B, AT)),
    "pipe2": (293, 59, (AT, 0)),
    "epoll_create1": (291, 20, (0,)),
    "eventfd2": (290, 19, (0, 0)),
    "timerfd_create": (283, 85, (0, 0)),
    "signalfd4": (289, 74, (-1, AT, 8, 0)),
    "sendfile": (40, 71, (0, 0, 0, 1)),
    "splice": (275, 76, (0, 0, 0, 0, 1, 0)),
    "copy_file_range": (326, 285, (0, 0, 0, 0, 1, 0)),
    # sockets
    "socket": (41, 198, (socket.AF_INET, socket.SOCK_STREAM, 0)),
    "socketpair": (53, 199, (socket.AF_UNIX, socket.SOCK_STREAM, 0, AT)),
    "connect": (42, 203, (0, AT, 16)),
    "bind": (49, 200, (0, AT, 16)),
    "accept": (43, 202, (0, 0, 0)),
    "sendto": (44, 206, (0, AT, 1, 0, 0, 0)),
    "recvfrom": (45, 207, (0, AT, 1, 0, 0, 0)),
    "sendmsg": (46, 211, (0, AT, 0)),
    "recvmsg": (47, 212, (0, AT, 0)),
    # processes
    "execve": (59, 221, (PROGRAM, 0, 0)),
    "execveat": (322, 281, (HERE, PROGRAM, 0, 0, 0)),
    "clone": (56, 220, (signal.SIGCHLD, 0, 0, 0, 0)),
    "clone3": (435, 435, (AT, 88)),
    "ptrace traceme": (101, 117, (0, 0, 0, 0)),
    "ptrace attach": (101, 117, (16, TARGET, 0, 0)),
    "kill": (62, 129, (TARGET, 0)),
    "kill self": (62, 129, (0, 0)),
    "tkill": (200, 130, (TARGET, 0)),
    "tgkill": (234, 131, (TARGET, TARGET, 0)),
    "rt_sigqueueinfo": (129, 138, (TARGET, 10, AT)),
    "rt_sigaction": (13, 134, (31, 0, AT, 8)),
    "process_vm_readv": (310, 270, (TARGET, AT, 1, AT, 1, 0)),
    "process_vm_writev": (311, 271, (TARGET, AT, 1, AT, 1, 0)),
    "process_madvise": (440, 440, (0, AT, 1, 0, 0)),
    "pidfd_open": (434, 434, (TARGET, 0)),
    "pidfd_getfd": (438, 438, (0, 0, 0)),
    "pidfd_send_signal": (424, 424, (0, 0, 0, 0)),
    "kcmp": (312, 272, (TARGET, SELF, 0, 0, 0)),
    "getpid": (39, 172, ()),
    "setpriority": (141, 140, (0, 0, -5)),
    "sched_setaffinity": (203, 122, (0, 8, AT)),
    "prlimit64": (302, 261, (0, 7, AT, 0)),
    "nanosleep": (35, 101, (AT, 0)),
    "timer_create": (222, 107, (0, 0, AT)),
    # memory
    "mmap executable": (9, 222, (0, PAGE, READ | EXEC, PRIVATE | ANONYMOUS, -1, 0)),
    "mmap writable and executable": (9, 222, (0, PAGE, READ | WRITE | EXEC, PRIVATE | ANONYMOUS, -1, 0)),
    "mmap of a descriptor": (9, 222, (0, PAGE, READ, SHARED, 0, 0)),
    "mprotect executable": (10, 226, (AT & -PAGE, PAGE, READ | EXEC)),
    "mprotect": (10, 226, (AT & -PAGE, PAGE, READ | WRITE)),
    "pkey_mprotect": (329, 288, (AT & -PAGE, PAGE, READ | EXEC, -1)),
    "remap_file_pages": (216, 234, (AT & -PAGE, PAGE, 0, 0, 0)),
    "personality": (135, 92, (0x0400000,)),
    "userfaultfd": (323, 282, (0,)),
    "shmget": (29, 194, (0, 4096, 0o1600)),
    "semget": (64, 190, (0, 1, 0o1600)),
    "msgget": (68, 186, (0, 0o1600)),
    "mq_open": (240, 180, (PATH, 0o100, 0o600, 0)),
    # rights
    "setuid": (105, 146, (0,)),
    "setgid": (106, 144, (0,)),
    "setresuid": (117, 147, (0, 0, 0)),
    "setgroups": (116, 159, (0, 0)),
    "capset": (126, 91, (AT, AT)),
    "prctl dumpable": (157, 167, (4, 1, 0, 0, 0)),
    "prctl seccomp": (157, 167, (22, 0, 0, 0, 0)),
    "seccomp": (317, 277, (0, 0, 0)),
    "landlock_create_ruleset": (444, 444, (0, 0, 1)),
    "unshare": (272, 97, (NEWUSER,)),
    "setns": (308, 268, (0, 0)),
    "mount": (165, 40, (SLASH, SLASH, 0, 4096, 0)),
    "umount2": (166, 39, (SLASH, 2)),
    "pivot_root": (155, 41, (SLASH, SLASH)),
    "keyctl": (250, 219, (0, -3, 0, 0, 0)),
    "add_key": (248, 217, (PATH, PATH, 0, 0, -3)),
    "request_key": (249, 218, (PATH, PATH, 0, -3)),
    # the kernel
    "io_uring_setup": (425, 425, (8, AT)),
    "bpf": (321, 280, (0, AT, 72)),
    "perf_event_open": (298, 241, (AT, 0, -1, -1, 0)),
    "init_module": (175, 105, (AT, 1, AT)),
    "finit_module": (313, 273, (0, AT, 0)),
    "kexec_load": (246, 104, (0, 0, AT, 0)),
    "reboot": (169, 142, (0, 0, 0, 0)),
    "syslog": (103, 116, (3, AT, 256)),
    "sethostname": (170, 161, (PATH, 4)),
    "clock_settime": (227, 112, (0, AT)),
    "uname": (63, 160, (AT,)),
    "sysinfo": (99, 179, (AT,)),
    "swapon": (167, 224, (PATH, 0)),
    "acct": (163, 89, (PATH,)),
    "no such call": (9999, 9999, ()),
}
CALLS_OF_X86: dict[str, tuple[int, tuple[int, ...]]] = {
    "open": (2, (PATH, 0)),
    "fork": (57, ()),
    "vfork": (58, ()),
    "arch_prctl": (158, (0x1002, AT)),
    "modify_ldt": (154, (1, AT, 16)),
    "iopl": (172, (3,)),
    "ioperm": (173, (0, 1, 1)),
    "read as x32": (0x40000000, (0, AT, 0)),
}


def _python_opens() -> None:
    Path("/etc/passwd").read_bytes()


def _python_writes() -> None:
    Path("/tmp/pocker-escape").write_text("here")


def _python_connects() -> None:
    socket.create_connection(("127.0.0.1", 22), timeout=1)


def _python_forks() -> None:
    if os.fork() == 0:
        os._exit(0)


def _python_executes() -> None:
    os.execv("/bin/sh", ["sh", "-c", "true"])


def _python_starts_a_thread() -> None:
    threading.Thread(target=int).start()


def _python_imports() -> None:
    sys.path.append(str(Path("/usr/lib/python3")))
    import wave  # noqa: F401


def _python_lists() -> None:
    if not list(Path("/").iterdir()):
        raise OSError(errno.ENOENT, "empty")


def _python_looks_into_proc() -> None:
    Path(f"/proc/{TARGET}/environ").read_bytes()


def _python_writes_much() -> None:
    Path("/dev/shm/pocker-escape").write_bytes(bytes(1 << 20))


def _all_memory() -> None:
    blocks = []
    with contextlib.suppress(MemoryError):
        while True:
            blocks.append(bytearray(1 << 20))
            if len(blocks) > 4096:
                return
    blocks.clear()
    raise OSError(errno.ENOMEM, "bounded")


def _another_architecture() -> None:
    FOREIGN()


def _foreign_code() -> Callable[[], int]:
    """getpid by the interrupt of 32-bit programs: another table of numbers. Made while that can be done."""
    page = mmap.mmap(-1, PAGE, prot=READ | WRITE | EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    code: Callable[[], int] = ctypes.CFUNCTYPE(ctypes.c_int)(at)
    return code


FOREIGN = _foreign_code() if X86 else lambda: 0

PYTHON: dict[str, Callable[[], None]] = {
    "Python opens": _python_opens,
    "Python writes": _python_writes,
    "Python connects": _python_connects,
    "Python forks": _python_forks,
    "Python executes": _python_executes,
    "Python starts a thread": _python_starts_a_thread,
    "Python imports": _python_imports,
    "Python lists": _python_lists,
    "Python looks into proc": _python_looks_into_proc,
    "Python writes much": _python_writes_much,
}


# What the other walls hold off by themselves.
WITHOUT_FILTER = (
    *PYTHON,
    "openat",
    "openat2",
    "mkdirat",
    "chroot",
    "memfd_create",
    "socket",
    "socketpair",
    "pipe2",
    "epoll_create1",
    "execve",
    "clone",
    "ptrace attach",
    "kill",
    "tgkill",
    "rt_sigqueueinfo",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_open",
    "setuid",
    "setgid",
    "setresuid",
    "setgroups",
    "setpriority",
    "unshare",
    "mount",
    "umount2",
    "pivot_root",
    "mq_open",
    "io_uring_setup",
    "perf_event_open",
    "init_module",
    "finit_module",
    "kexec_load",
    "reboot",
    "sethostname",
    "clock_settime",
    "swapon",
    "acct",
    "all memory",
)


def attempts() -> dict[str, Callable[[], None]]:
    """All of them, on this machine."""
    raw = {name: (x86 if X86 else other, arguments) for name, (x86, other, arguments) in CALLS.items()}
    if X86:
        raw |= CALLS_OF_X86
    made = {name: _raw(number, arguments) for name, (number, arguments) in raw.items()}
    if X86:
        made["getpid as i386"] = _another_architecture
    return made | PYTHON | {"all memory": _all_memory}


def _raw(number: int, arguments: tuple[int, ...]) -> Callable[[], None]:
    def attempt() -> None:
        ctypes.set_errno(0)
        if LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments]) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    return attempt


def tried(attempt: Callable[[], None], program: bytes, taken_bytes: int) -> tuple[int, str]:
    """One attempt in a child of its own: how it ended, and what it said before."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.dup2(theirs.fileno(), 0)
        os.closerange(1, 1024)
        said = b"done"
        try:
            lockdown.of_child(Limits(memory_mb=16, cpu_s=20), taken_bytes, program, SELF)
            attempt()
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, str(error)).encode()
        except BaseException as error:
            said = repr(error).encode()
        finally:
            try:
                os.write(0, said)
            finally:
                os._exit(0)
    theirs.close()
    said = b""
    with ours, contextlib.suppress(ConnectionError):
        while chunk := ours.recv(4096):
            said += chunk
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace")


def main() -> None:
    """Every attempt, one after another."""
    mode = sys.argv[1]
    if mode == "rootless" and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as a process is that was executed by such a user
    taken_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
    walls = lockdown.of_zygote("nobody", os.getppid())
    program = PASSED if mode == "unfiltered" else syscalls.program()
    chosen = {name: attempt for name, attempt in attempts().items() if program != PASSED or name in WITHOUT_FILTER}
    told = {name: tried(attempt, program, taken_bytes) for name, attempt in chosen.items()}
    sys.stdout.write(json.dumps({"walls": walls, "attempts": told, "environment": dict(os.environ)}))


if __name__ == "__main__":
    main()
