"""A short attack: every abuse at once against one worker. Nobody's request fails; how long it takes is not asserted."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack import world
from tests.attack.__main__ import measure
from tests.attack.abuses import ABUSES
from tests.attack.attackers import attack, end
from tests.oracle.client import Client
from tests.servers import ROOT, Pocker

VICTIMS = 6
SECONDS = 4.0
RATE = 5.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    """A server with victims and an attacker."""
    scratch = tmp_path_factory.mktemp("attack")
    with Pocker(scratch / "data", 1) as server:
        yield world.build(server, scratch, VICTIMS, 1)


@pytest.mark.slow
@pytest.mark.parametrize("abuses", [["flood"], ["bodies", "chunks"], list(ABUSES)], ids=["flood", "bodies", "all"])
def test_nobody_elses_request_fails(made: world.World, abuses: list[str]) -> None:
    made.server.do("tenant.pardon", name=made.attackers[0])  # or it may be blocked for all of the time
    before = _cpu_ms(made)
    target = made.target(made.attackers[0], 1)
    attackers = [attack(name, target, nice=19) for name in abuses]
    try:
        felt = measure(made, SECONDS, RATE, seed=1)
    finally:
        end(attackers)
    assert felt["failed"] == 0, felt
    assert felt["done"] >= VICTIMS * RATE * SECONDS / 2, felt
    assert _cpu_ms(made) - before > 10, "nobody attacked"


def _cpu_ms(made: world.World) -> float:
    """What the attacker has used so far."""
    (used,) = [row["cpu_ms"] for row in made.server.do("usage") if row["name"] == made.attackers[0]]
    return float(used)


@pytest.mark.slow
def test_the_attacker_is_served_again_when_it_stops(made: world.World) -> None:
    made.server.run("tenant", "pardon", made.attackers[0])
    api = Client(made.server.port, made.host(made.attackers[0]))
    deadline = time.monotonic() + 60
    while (answer := api.send("GET", f"{world.POSTS}?perPage=1", {}, None)).status != 200:
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    api.close()


def test_the_commands_say_what_they_do() -> None:
    for module in ("tests.attack", "tests.attack.shares"):
        told = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, cwd=Path(ROOT))
        assert told.returncode == 0, told
        assert "--seconds" in told.stdout, told
