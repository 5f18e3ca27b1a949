"""`python -m tests.chaos --seed N --seconds S`: exit 1 when anything was lost, invented, owned twice or damaged."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import run


def main() -> int:
    """One run, told on stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0, help="0: every kind of mischief once")
    parser.add_argument("--tenants", type=int, default=6)
    parser.add_argument("--clients", type=int, default=2, help="of each tenant")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--only", default="", help="kinds of mischief whose names have this in them")
    parser.add_argument("--directory", type=Path, help="for the server's files and its log, which stay there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pocker-chaos-") as temporary:
        report = run(
            given.directory or Path(temporary),
            seed=given.seed,
            seconds=given.seconds,
            tenants=given.tenants,
            clients=given.clients,
            shards=given.shards,
            port=given.port,
            only=given.only,
            tell=lambda line: print(line, flush=True),
        )
    print("\n".join(report.lines()))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
