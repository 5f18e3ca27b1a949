"""A long run by hand: `python -m tests.differential --seed 1 --count 20000 [--seconds 600] [--port 21800]`.

Prints each difference and, at the end, how many comparisons there were. Exit status 1 if anything differed.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.differential import changes, writes
from tests.differential.reads import Reads
from tests.differential.runner import Comparison
from tests.differential.worlds import build, twins
from tests.servers import Pocker


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the next ones count on")
    parser.add_argument("--count", type=int, default=1000, help="comparisons in all")
    parser.add_argument("--per-world", type=int, default=250, help="comparisons before the next world")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--differences", type=int, default=50, help="stop after so many")
    parser.add_argument("--port", type=int, default=0, help="of Pocker; the real one gets the next; 0 takes any")
    parser.add_argument("--writes", action="store_true", help="sequences of writes instead of reads")
    parser.add_argument("--changes", action="store_true", help="sequences of changes of collections instead of reads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="differential-") as directory:
        chosen = changes.long_run if options.changes else writes.long_run if options.writes else run
        return chosen(options, Path(directory))


def run(options: argparse.Namespace, directory: Path) -> int:
    """World after world until the count, the time or the differences are up."""
    ends = time.monotonic() + options.seconds
    done = differing = reordered = unanswered = 0
    server = Pocker(directory / "pocker" / "data")
    server.port = options.port
    real_port = options.port + 1 if options.port else 0
    with server:
        for seed in itertools.count(options.seed):
            world = build(seed, directory / f"world{seed}", real_port)
            with twins(world, server, directory, port=real_port) as pair:
                comparison = Comparison(world, pair)
                for read in itertools.islice(Reads(seed, world), min(options.per_world, options.count - done)):
                    done += 1
                    if difference := comparison.check(read):
                        differing += 1
                        print(f"#{differing} {difference}\n", flush=True)
                    if differing >= options.differences or time.monotonic() > ends:
                        break
            reordered += comparison.reordered
            unanswered += comparison.unanswered
            for leftover in directory.glob(f"w*{seed}*"):
                shutil.rmtree(leftover)
            if done >= options.count or differing >= options.differences or time.monotonic() > ends:
                break
    print(
        f"{done} comparisons, {differing} differences, {reordered} in another order (that none was asked for),"
        f" {unanswered} without an answer of the real one, worlds {options.seed} to {seed}"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
