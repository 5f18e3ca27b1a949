"""`python -m tests.attack.shares`: whether tenants that all want more than there is get CPU by their weights.

One worker, tenants of three weights, each kept busy by clients that ask for something else: cheap reads, lists that
take a hundred times as long, writes, slow reads that run in threads. Printed is what each got of the
CPU that all of them used, as the ledger has it, beside what its weight entitles it to.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.attack import world  # noqa: E402
from tests.attack.attackers import attack, end  # noqa: E402
from tests.bench.machine import cores, on, table  # noqa: E402
from tests.servers import Pocker  # noqa: E402

CONFIG = """
operators: {listen: "off"}
plans:
  one: {weight: 100}
  two: {weight: 200}
  four: {weight: 400}
policy: {sustain_s: 3600}
"""
WEIGHTS = {"one": 100, "two": 200, "four": 400}
# Who sends what: each a fight of its own.
FIGHTS: dict[str, list[tuple[str, str]]] = {
    "cheap against cheap": [("one", "flood"), ("two", "flood"), ("four", "flood")],
    "cheap against dear": [("one", "large answers"), ("four", "flood")],
    "dear against cheap": [("one", "flood"), ("four", "large answers")],
    "writes against reads": [("one", "writes"), ("two", "flood")],
    "in threads": [("one", "scans"), ("two", "scans")],
    "everything": [("one", "scans"), ("one", "flood"), ("two", "writes"), ("four", "large answers")],
}
WARM_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.shares", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=[*FIGHTS])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pocker-shares-") as scratch:
        config = Path(scratch) / "config.yaml"
        config.write_text(CONFIG)
        server = Pocker(Path(scratch) / "data", 1, config)
        server.port = options.port
        server_cores, client_cores = cores()
        with on(server_cores):
            server.start()
        try:
            with on(client_cores):
                made = world.build(server, Path(scratch), 1, 4)
                for name in options.only or FIGHTS:
                    print(f"### {name}\n\n{_fight(made, FIGHTS[name], options.seconds)}", flush=True)
        finally:
            server.stop()


def _fight(made: world.World, sides: list[tuple[str, str]], seconds: float) -> str:
    tenants = made.attackers[: len(sides)]
    clients = []
    for tenant, (plan, abuse) in zip(tenants, sides, strict=True):
        made.server.do("tenant.plan", name=tenant, plan=plan)
        clients.append(attack(abuse, made.target(tenant, 1)))
    time.sleep(WARM_S)
    before = _used(made)
    time.sleep(seconds)
    after = _used(made)
    end(clients)
    used = [after[tenant] - before[tenant] for tenant in tenants]
    weights = [WEIGHTS[plan] for plan, _ in sides]
    rows = []
    for (plan, abuse), cpu_ms, weight in zip(sides, used, weights, strict=True):
        got, due = cpu_ms / sum(used), weight / sum(weights)
        rows.append([f"{abuse} ({plan})", f"{cpu_ms:,.0f}", f"{got:.1%}", f"{due:.1%}", f"{got / due - 1:+.1%}"])
    return table(["", "CPU ms", "got", "weight's share", "off by"], rows)


def _used(made: world.World) -> dict[str, float]:
    return {row["name"]: row["cpu_ms"] for row in made.server.do("usage")}


if __name__ == "__main__":
    main()
