"""What the kernel knows of every process of ours: CPU and memory, by psutil.

Looked at every second, so each look costs some 0.1 ms a process; what costs more is done on demand (`pss_kb`).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

STOPPED = frozenset({psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP})


class ProcessSample(NamedTuple):
    """One process: CPU since the previous sample in percent of one core, resident memory in KB, and whether it is
    stopped (SIGSTOP, a debugger)."""

    pid: int
    cpu_percent: float
    rss_kb: int
    stopped: bool = False


class Sampler:
    """Keeps one psutil handle a process, because CPU percentages are differences."""

    __slots__ = ("_processes",)

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}

    def sample(self, pids: Iterable[int]) -> dict[int, ProcessSample]:
        """A sample of each of these processes and of this one; one that can't be read (it has just died) is missing."""
        wanted = {*pids, os.getpid()}
        for pid in self._processes.keys() - wanted:
            del self._processes[pid]
        found = {}
        for pid in wanted:
            try:
                process = self._processes.get(pid)
                if process is None:
                    process = self._processes[pid] = psutil.Process(pid)
                with process.oneshot():
                    cpu, rss = process.cpu_percent(None), process.memory_info().rss
                    stopped = process.status() in STOPPED
            except (psutil.Error, OSError):  # OSError: out of descriptors, which must not end the supervisor
                self._processes.pop(pid, None)
                continue
            found[pid] = ProcessSample(pid, cpu, rss // 1024, stopped)
        return found

    @staticmethod
    def children(pid: int) -> list[ProcessSample]:
        """The processes that this one's main thread has started and that are there now, such as consoles; their CPU is
        0, since nobody has looked before. Empty where the kernel does not tell."""
        try:
            pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []
        found = []
        for child in map(int, pids):
            try:
                found.append(ProcessSample(child, 0.0, psutil.Process(child).memory_info().rss // 1024))
            except (psutil.Error, OSError):
                continue
        return found

    @staticmethod
    def pss_kb(pid: int) -> int | None:
        """Its memory with what is shared divided among those who share it; the kernel counts pages for it, some ms.
        None where it can't be read."""
        try:
            return int(psutil.Process(pid).memory_full_info().pss // 1024)
        except (psutil.Error, OSError, AttributeError):
            return None
