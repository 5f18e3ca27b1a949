"""Which walls stand about tenants' scripts on this machine: `pocker doctor` runs this as a process of its own.

    python -m sandbox.doctor [--user NAME] [--json]

It does what a worker does: starts a zygote, forks a child, ends it. Exit code 0: scripts run. 1: they would be refused.
"""

import argparse
import asyncio
import json
import os
import platform
import pwd
import sys
import time
from dataclasses import asdict, dataclass, field

from sandbox import kernel
from sandbox.pool import Limits, SandboxUnavailable, Zygote

OK, REFUSED = 0, 1
STANDS, MISSING = "stands", "missing"
# wall → what it does, what it means where it is missing; the first ones have to stand.
NEEDED = {
    "filter": "any system call beyond memory, clock and one socket kills the process (tried just now)",
    "user": "scripts run as {user}, without capabilities, and nothing could give them any",
    "limits": "memory and CPU of each process are bounded; no files, no further processes, no core dumps",
}
OPTIONAL = {
    "landlock": ("files, TCP ports and other processes cannot be named (version {abi})", "the filter alone"),
    "network": ("a network of their own, with nothing in it", "the filter and Landlock"),
    "ipc": ("the system's shared memory and queues are out of sight", "the filter"),
    "uts": ("the host's name cannot be changed", "the filter"),
    "empty root": ("their file system is an empty directory, without /proc", "the filter and Landlock"),
    "user namespace": ("their user means nothing outside", "the filter and Landlock"),
    "oom": ("when the machine's memory runs out, scripts are ended first", "the kernel's own choice"),
}


@dataclass
class Wall:
    """One wall: `needed` ones have to stand. `meaning` says what it does, or what remains where it is missing."""

    name: str
    state: str
    needed: bool
    meaning: str


@dataclass
class Report:
    """What `pocker doctor --json` prints."""

    javascript: bool = False
    reason: str = ""
    machine: str = ""
    kernel: str = ""
    user: str = ""
    start_ms: float = 0.0
    fork_ms: float = 0.0
    zygote_kb: int = 0
    child_kb: int = 0
    walls: list[Wall] = field(default_factory=list)


async def examine(user: str) -> Report:
    """Try it."""
    who = user if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    report = Report(machine=kernel.machine(), kernel=f"{platform.system()} {platform.release()}", user=who)
    zygote = Zygote(user)
    try:
        began = time.perf_counter()
        await zygote.start()
        report.start_ms = _ms_since(began)
        began = time.perf_counter()
        child = await zygote.fork(Limits())
        report.fork_ms = _ms_since(began)
        report.zygote_kb, report.child_kb = zygote.memory_kb, child.memory_kb()
        report.walls = _walls(zygote.walls, who)
        child.kill()
        child.close()
        await child.over
        report.javascript = True
    except SandboxUnavailable as error:
        report.reason = str(error)
    finally:
        zygote.close()
    return report


def text(report: Report) -> str:
    """The report as lines for a terminal."""
    lines = [f"{report.kernel}, {report.machine}; scripts run as {report.user}", ""]
    width = max((len(wall.name) for wall in report.walls), default=0)
    lines += [f"  {wall.state:8} {wall.name:{width}}  {wall.meaning}" for wall in report.walls]
    if report.javascript:
        lines += [
            "",
            f"Scripts are run. A process is ready after {report.fork_ms:.1f} ms and takes {report.child_kb} KB;"
            f" what those of one worker share takes {report.zygote_kb} KB.",
        ]
    else:
        lines += [f"Scripts are REFUSED: {report.reason}", "Tenants that have some answer 503 to every request."]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="pocker doctor")
    parser.add_argument("--user", default="nobody")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    report = asyncio.run(examine(asked.user))
    sys.stdout.write((json.dumps(asdict(report), indent=2) if asked.json else text(report)) + "\n")
    sys.exit(OK if report.javascript else REFUSED)


def _walls(found: dict[str, str], user: str) -> list[Wall]:
    walls = [Wall(name, STANDS, True, meaning.format(user=user)) for name, meaning in NEEDED.items()]
    for name, (meaning, left) in OPTIONAL.items():
        why = found.get(name)
        if why == "":
            walls.append(Wall(name, STANDS, False, meaning.format(abi=kernel.landlock_abi())))
        elif why is not None:
            walls.append(Wall(name, MISSING, False, f"{why}; what is left: {left}"))
    return walls


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


if __name__ == "__main__":
    main()
