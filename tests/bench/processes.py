"""What the processes of a server use: CPU and memory, of the one that was started and of everything it started."""

import contextlib
import os
import time
from pathlib import Path

import psutil

# Of the clock that counts a whole process (`clock_getcpuclockid(3)`).
CPUCLOCK_SCHED = 2
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[psutil.Process]:
    """The process and everything it started."""
    return [psutil.Process(each) for each in pids(pid)]


def pids(pid: int) -> list[int]:
    """The process and everything it started. Quick: looks at these processes only, not at all there are."""
    found = [pid]
    for parent in found:  # grows meanwhile
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                found += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that the server's processes have used so far.

    Of those alive by their CPU clocks (nanoseconds), of those that ended by what their parents were told (10 ms).
    """
    used = 0.0
    for each in pids(pid):
        with contextlib.suppress(OSError):  # it ended meanwhile: it is in its parent's sum
            children = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
            used += time.clock_gettime((~each << 3) | CPUCLOCK_SCHED) + sum(map(int, children)) / TICKS_PER_S
    return used


def pss_kb(pid: int) -> float:
    """Proportional set size of the server's processes: shared pages counted once."""
    return sum(process.memory_full_info().pss for process in family(pid)) / 1024
