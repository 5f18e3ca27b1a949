"""What the kernel knows of every process of ours: CPU and memory, by psutil."""

import os
from collections.abc import Iterable
from typing import NamedTuple

import psutil


class ProcessSample(NamedTuple):
    """One process: CPU since the previous sample in percent of one core, resident memory in KB."""

    pid: int
    cpu_percent: float
    rss_kb: int


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
            except (psutil.Error, OSError):  # OSError: out of descriptors, which must not end the supervisor
                self._processes.pop(pid, None)
                continue
            found[pid] = ProcessSample(pid, cpu, rss // 1024)
        return found
