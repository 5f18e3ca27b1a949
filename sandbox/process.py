"""Processes as their worker sees them: killed through a descriptor, clocked and weighed from outside."""

import asyncio
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
# What a child has of its own, at first, of the pages that it shared with the zygote: measured.
COPIED_KB = 1_500


class ExitStatus(NamedTuple):
    """How a child ended: its status (below zero: the signal), all of its CPU, the most memory it had (0: unknown)."""

    status: int
    cpu_ns: int
    rss_kb: int

    @property
    def escaped(self) -> bool:
        """Whether it did what no script does: a forbidden system call."""
        return self.status == -signal.SIGSYS


class Process:
    """A process by its pid and a pidfd, which this object owns."""

    __slots__ = ("_last_ns", "pid", "pidfd")

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self._last_ns = 0

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def cpu_ns(self) -> int:
        """The CPU it has used; what was known last where it has ended."""
        if self.pidfd >= 0:
            try:
                # the clock of a process, as clock_getcpuclockid(3) makes it
                used_ns = time.clock_gettime_ns((~self.pid << 3) | 2)
            except OSError:
                return self._last_ns
            self._last_ns = max(self._last_ns, used_ns)
        return self._last_ns

    def memory_kb(self) -> int:
        """Its memory that is no file's, pages of the process it was forked from among them; 0 where it has ended."""
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_bytes().split()
        except OSError:
            return 0
        return (int(fields[1]) - int(fields[2])) * PAGE_KB

    def private_kb(self) -> int | None:
        """Its memory that is its alone, exactly, for some 200 µs; None where that can't be seen: only root may look."""
        try:
            rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_bytes()
        except OSError:
            return None
        lines = [line.split() for line in rollup.splitlines() if line.startswith(b"Private_")]
        return sum(int(fields[1]) for fields in lines)

    def close(self) -> None:
        """It has ended and was reaped."""
        pidfd, self.pidfd = self.pidfd, -1
        if pidfd >= 0:
            os.close(pidfd)


class Child:
    """A process that runs one tenant's scripts. Whoever has it closes `sock`; `over` gets its end, kill or no kill."""

    sock: socket.socket

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.over: asyncio.Future[ExitStatus] = loop.create_future()
        # whether the host has killed it
        self.killed = False
        self._process: Process | None = None
        self._shared_kb = 0
        self._copied_kb = COPIED_KB

    @property
    def pid(self) -> int:
        """Its process; 0 before there is one."""
        return 0 if self._process is None else self._process.pid

    def fileno(self) -> int:
        """The descriptor of its socket: not blocking; frames (`sandbox.frames`), the first one (`$ready`) is read."""
        return self.sock.fileno()

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None and not self.over.done():
            self.killed = True
            self._process.kill()

    def close(self) -> None:
        """Hang up: a child that waits for its host ends by itself."""
        if (sock := getattr(self, "sock", None)) is not None:
            sock.close()

    def cpu_ns(self) -> int:
        """All the CPU it has used; exact once it has ended."""
        if self.over.done():
            return self.over.result().cpu_ns
        return 0 if self._process is None else self._process.cpu_ns()

    def memory_kb(self) -> int:
        """About what it takes beyond what it shares with its zygote; some 10 µs."""
        if self._process is None or self.over.done():
            return 0
        return max(0, self._process.memory_kb() - self._shared_kb) + self._copied_kb

    def measure(self) -> None:
        """See how much of what it shared with the zygote it has copied since: `memory_kb` knows it from then on."""
        if self._process is not None and not self.over.done():
            private_kb = self._process.private_kb()
            if private_kb is not None:
                self._copied_kb = max(0, private_kb - max(0, self._process.memory_kb() - self._shared_kb))

    # -- told by the pool --------------------------------------------------------------------------------------------

    def begin(self, pid: int, pidfd: int, shared_kb: int) -> None:
        """It was forked."""
        self._process = Process(pid, pidfd)
        self._shared_kb = shared_kb

    def end(self, status: ExitStatus) -> None:
        """It has ended and was reaped."""
        if self._process is not None:
            self._process.close()
        if not self.over.done():
            self.over.set_result(status)
