"""What must hold before the start: a usable data directory, nobody else in it, and an address to listen on.

Everything that does not hold becomes a `StartError`: one line for the operator, exit code 1.
"""

import errno
import fcntl
import ipaddress
import os
import resource
import socket
import time
from collections.abc import Callable
from pathlib import Path

from supervisor.contract.settings import Settings, data_dir, lock_file, shard_socket, tenants_dir

ORPHANS_TIMEOUT_S = 60.0
POLL_S = 0.05
BACKLOG = 2048
SOCKET_PATH_BYTES_MAX = 107


class StartError(Exception):
    """The server cannot start; one line for the operator."""


def prepare_data_dir(settings: Settings) -> None:
    """Makes the data directory, private to its user, and checks that its sockets can have names."""
    path = data_dir(settings)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        tenants_dir(settings).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartError(f"data directory {path}: cannot be written: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise StartError(f"data directory {path}: cannot be written: Permission denied")
    longest = os.fsencode(shard_socket(settings, settings.shards - 1))
    if len(longest) > SOCKET_PATH_BYTES_MAX:
        spare = len(longest) - SOCKET_PATH_BYTES_MAX
        raise StartError(f"data directory {path}: the path is {spare} bytes too long for a unix socket inside it")


def take_lock(settings: Settings, waiting: Callable[[int], None]) -> int:
    """The descriptor of the lock file, locked; it stays locked as long as any process of ours has it open.

    Workers inherit it on purpose: after the death of a supervisor its last worker must be gone before anyone else may
    own its tenants. So a lock without a living supervisor is waited for, after telling `waiting` the dead one's pid.
    """
    path = lock_file(settings)
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"data directory {path.parent}: cannot be written: {error.strerror}") from error
    deadline = 0.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, alive = _holder(lock)
            if alive:
                os.close(lock)
                raise StartError(f"data directory {path.parent}: in use by the supervisor with pid {pid}") from None
            if not deadline:
                waiting(pid)
                deadline = time.monotonic() + ORPHANS_TIMEOUT_S
            if time.monotonic() > deadline:
                os.close(lock)
                raise StartError(f"data directory {path.parent}: in use by workers of a dead supervisor") from None
            time.sleep(POLL_S)
            continue
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {_state(os.getpid())[1]}\n".encode(), 0)
        except OSError as error:
            os.close(lock)
            raise StartError(f"data directory {path.parent}: cannot be written: {error.strerror}") from error
        return lock


def _holder(lock: int) -> tuple[int, bool]:
    """(pid written in the lock file, whether that very process lives)."""
    try:
        pid, *started = map(int, os.pread(lock, 100, 0).split())  # a former release wrote only the pid
    except ValueError:
        return 0, True  # just being written
    try:
        state, since = _state(pid)
    except OSError:
        return pid, False
    return pid, started in ([], [since]) and state not in "ZX"


def _state(pid: int) -> tuple[str, int]:
    """(state, start in ticks since the boot) of a process, as /proc has them: no wall clock, which may jump, is asked.

    Raises OSError where there is none.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return fields[0], int(fields[19])


def bind(settings: Settings) -> socket.socket:
    """A socket for HTTP, bound but not yet listening: who can connect finds everything else in place."""
    return _bound(settings.listen)


def listen_operators(settings: Settings) -> socket.socket | None:
    """The operators' listener, or None where it is off. Whoever is not on this machine must bring a token."""
    if settings.operators.listen == "off":
        return None
    try:
        listener = _bound(settings.operators.listen)
    except StartError as error:
        raise StartError(f"operators.listen: {error}") from error
    try:
        if not settings.operators.token and not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            raise StartError(
                f"operators.listen: {settings.operators.listen} is not loopback, so operators.token is needed"
            )
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException as error:
        listener.close()
        if isinstance(error, OSError):
            raise StartError(f"operators.listen: {_cannot_listen(settings.operators.listen, error)}") from error
        raise
    return listener


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StartError(f"cannot listen on {listen}: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _cannot_listen(listen, error) from error
    return listener


def listen(settings: Settings, listener: socket.socket) -> None:
    """Lets the socket of `bind` listen. Here fails who was bound at the same time as another."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _cannot_listen(settings.listen, error) from error


def _cannot_listen(listen: str, error: OSError) -> StartError:
    reason = "the port is in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
    return StartError(f"cannot listen on {listen}: {reason}")


def listen_unix(path: Path, mode: int) -> socket.socket:
    """A listening unix socket at `path`, whose left-over predecessor is removed (the lock is held, nobody uses it)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o777 & ~mode)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {path}: {os.strerror(error.errno or 0)}") from error
    finally:
        os.umask(umask)
    listener.setblocking(False)
    return listener


def forbid_cores() -> None:
    """No core files of tenants' memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
