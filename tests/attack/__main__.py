"""`python -m tests.attack`: what well-behaved tenants feel while another one on their worker does its worst.

One worker with 50 victims and an attacker. Each abuse runs alone, then all of them together, each after a time of
quiet; printed are the victims' latencies (from the moment a request was due, as their clients see it) beside those of
the quiet just before. The server has one core, all clients share the others, the attackers with the lowest priority, so
that they take the server's time and not the clock's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.attack import world  # noqa: E402
from tests.attack.abuses import ABUSES  # noqa: E402
from tests.attack.attackers import attack, end  # noqa: E402
from tests.bench.machine import cores, on, table  # noqa: E402
from tests.servers import Pocker  # noqa: E402

TOGETHER = "all together"
HEAD = ["", "p50 ms", "p99 ms", "max ms", "p99 against quiet", "failed", "attacker's answers"]
WARM_S = 2.0  # under attack before the measuring begins
SETTLE_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], help="this abuse (repeatable)", choices=[*ABUSES, TOGETHER]
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--victims", type=int, default=50)
    parser.add_argument("--rate", type=float, default=8.0, help="requests a second of each victim")
    parser.add_argument("--config", type=Path, help="settings of the server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pocker-attack-") as scratch:
        server = Pocker(Path(scratch) / "data", 1, options.config)
        server.port = options.port
        server_cores, client_cores = cores()
        with on(server_cores):
            server.start()
        try:
            with on(client_cores):
                _report(server, Path(scratch), options)
        finally:
            server.stop()


def _report(server: Pocker, scratch: Path, options: argparse.Namespace) -> None:
    made = world.build(server, scratch, options.victims, 1)
    chosen = options.only or [*ABUSES, TOGETHER]
    print(
        f"## Attack: {options.victims} victims, {options.rate} requests/s each, one worker, {options.seconds} s each\n"
    )
    rows = []
    measure(made, 2.0, options.rate, options.seed)  # everything live and warm
    for name in chosen:
        quiet = measure(made, options.seconds, options.rate, options.seed)
        target = made.target(made.attackers[0], options.seed)
        attackers = [attack(kind, target, nice=19) for kind in (ABUSES if name == TOGETHER else [name])]
        time.sleep(WARM_S)
        felt = measure(made, options.seconds, options.rate, options.seed)
        answers = end(attackers)
        rows += [_row(f"quiet before {name}", quiet, None, ""), _row(name, felt, quiet, answers)]
        print("\n".join(table(HEAD, rows[-2:]).splitlines()[2:]), flush=True)
        time.sleep(SETTLE_S)
    print("\n" + table(HEAD, rows))
    events = subprocess.run(
        [sys.executable, "-m", "supervisor", "events", "--json", "--data", str(server.directory)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    print(events.stdout[-4000:] if events.returncode == 0 else "")


def measure(made: world.World, seconds: float, rate: float, seed: int) -> dict[str, Any]:
    """What the victims' clients measured in so many seconds (`tests.attack.victims`)."""
    plan = made.victim_plan(seconds, rate, seed)
    done = subprocess.run(
        [sys.executable, "-m", "tests.attack.victims"], input=json.dumps(plan), capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _row(name: str, felt: dict[str, Any], quiet: dict[str, Any] | None, answers: str) -> list[str]:
    failed = str(felt["failed"]) + (f" {felt['statuses']}" if felt["failed"] else "")
    ratio = f"{felt['p99_us'] / quiet['p99_us']:.1f}" if quiet else ""
    times = [f"{felt[key] / 1e3:.2f}" for key in ("p50_us", "p99_us", "max_us")]
    return [name, *times, ratio, failed, answers]


if __name__ == "__main__":
    main()
