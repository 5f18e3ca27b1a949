"""Who has which tenant's database open for writing: looked at all the time, in /proc, where nobody can be wrong."""

import os
import threading
import time
from pathlib import Path

LOOK_EVERY_S = 0.02
_WRITING = os.O_WRONLY | os.O_RDWR


def owners_of(data: Path, pid: int) -> set[str]:
    """The tenants under the data directory whose `data.db` the process has open for writing."""
    found: set[str] = set()
    folder, root = f"/proc/{pid}/fd", f"{data}/tenants/"
    try:
        numbers = os.listdir(folder)  # noqa: PTH208 (this and the next are done a thousand times a second)
    except OSError:
        return found  # it has ended
    for number in numbers:
        try:
            path = os.readlink(f"{folder}/{number}")  # noqa: PTH115
            if not path.startswith(root) or not path.endswith("/pb_data/data.db"):
                continue
            lines = Path(f"/proc/{pid}/fdinfo/{number}").read_text().split("\n")
        except OSError:
            continue  # it was closed meanwhile
        flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
        if flags & _WRITING:
            found.add(path[len(root) :].split("/")[0])
    return found


def processes(data: Path) -> list[int]:
    """Every process whose command line names the data directory: supervisors and workers, also orphaned ones."""
    wanted, found = os.fsencode(data), []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            if wanted in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


class Watch:
    """Looks until the block ends; `faults` has a line for each time that two processes had one database open."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self.faults: list[str] = []
        self.looks = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def look(self) -> None:
        """One look. What is seen twice counts only if the first one still has it open after the second was seen."""
        seen: dict[str, int] = {}
        for pid in processes(self.data):
            for tenant in owners_of(self.data, pid):
                other = seen.setdefault(tenant, pid)
                if other != pid and tenant in owners_of(self.data, other):
                    now = time.strftime("%H:%M:%S")
                    self.faults.append(f"{now} tenant {tenant} is open in the processes {other} and {pid}")
        self.looks += 1

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            self.look()

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
