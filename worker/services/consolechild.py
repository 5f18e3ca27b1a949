"""One process of the SQL console, seen from its worker: started, talked to, watched, killed, and its CPU accounted for.

It reads its order from a socket, which is all it has of the worker's, and says there what came of it. The worker reaps
it itself, since only then the kernel tells how much CPU it took, also of one that was killed.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import worker
from worker.services.consoleproc import BODY_BYTES_MAX

BOOT = "import sys; sys.path += sys.argv[1:]; from worker.services.consoleproc import main; main()"
REPORT_BYTES_MAX = 64 << 10
READ_BYTES = 1 << 18
# An interpreter outside of the usual places finds its library by it.
KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
# How often its CPU is booked, and how soon it ends once nobody wants it any more.
LOOK_EVERY_S = 0.25


class Outcome(NamedTuple):
    """The exit status (below zero: the signal that killed it), and what was said. `late`: its time was up."""

    status: int = 0
    said: bytes = b""
    late: bool = False


async def carry_out(
    directory: Path, order: bytes, timeout_s: float, *, spend: Callable[[int], None], gone: Callable[[], bool]
) -> Outcome:
    """Have a new process carry out `order`; what it spills goes to `directory`.

    `spend` gets its CPU in ns as it goes, all of it by the end. It is killed after `timeout_s`, when it is `gone` by
    whom it was asked for, and where the caller is cancelled; it has ended when this returns.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    child = Child(directory, spend)
    talking = loop.create_task(child.talk(order))
    try:
        while not (talking.done() and child.over.done()):
            left_s = until - loop.time()
            if left_s <= 0 or gone():
                return Outcome(late=True)
            await asyncio.wait([child.over if talking.done() else talking], timeout=min(left_s, LOOK_EVERY_S))
            child.book()
        return Outcome(child.over.result(), talking.result())
    finally:
        child.kill()
        talking.cancel()
        await asyncio.shield(child.over)


class Child:
    """A new process with nothing of this one's: no environment, no descriptors. `over` gets its exit status."""

    def __init__(self, directory: Path, spend: Callable[[int], None]) -> None:
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        environment["SQLITE_TMPDIR"] = str(directory)  # what it spills has to be where the tenant's other files are
        self._loop = asyncio.get_running_loop()
        self._spend = spend
        self._booked_ns = 0
        self.over: asyncio.Future[int] = self._loop.create_future()
        self._sock, theirs = socket.socketpair()
        self._sock.setblocking(False)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", BOOT, *_import_path()],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    env=environment,
                    cwd="/",
                )
            self._pidfd = os.pidfd_open(self._process.pid)
        except BaseException:
            self._sock.close()
            raise
        self._loop.add_reader(self._pidfd, self._reap)

    async def talk(self, order: bytes) -> bytes:
        """Hand over the order; everything the process says, nothing where that is more than it may."""
        said = bytearray()
        try:
            with suppress(ConnectionError):  # it has ended: its status tells why
                await self._loop.sock_sendall(self._sock, order)
                self._sock.shutdown(socket.SHUT_WR)
                while chunk := await self._loop.sock_recv(self._sock, READ_BYTES):
                    said += chunk
                    if len(said) > BODY_BYTES_MAX + REPORT_BYTES_MAX:
                        said.clear()
                        break
        finally:
            self._sock.close()
        return bytes(said)

    def book(self) -> None:
        """Book the CPU it has used so far."""
        if not self.over.done():
            with suppress(OSError):
                # the clock of a process, as clock_getcpuclockid(3) makes it
                self._book(time.clock_gettime_ns((~self._process.pid << 3) | 2))

    def kill(self) -> None:
        """End it, if it has not ended."""
        if not self.over.done():
            with suppress(ProcessLookupError):
                self._process.kill()

    def _reap(self) -> None:
        """It has ended."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._book(int((usage.ru_utime + usage.ru_stime) * 1e9))
        if not self.over.done():
            self.over.set_result(self._process.returncode)

    def _book(self, used_ns: int) -> None:
        if used_ns > self._booked_ns:
            more_ns, self._booked_ns = used_ns - self._booked_ns, used_ns
            self._spend(more_ns)


def _import_path() -> list[str]:
    """Where modules are found; the interpreter starts without looking for them, which halves its start."""
    assert worker.__file__ is not None
    here = str(Path(worker.__file__).parent.parent)
    return list(dict.fromkeys([here, *(str(Path(entry)) for entry in sys.path if entry and Path(entry).is_dir())]))
