"""New code for a running supervisor: what goes wrong before the exec leaves everything as it was."""

import asyncio
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from supervisor import upgrade as upgrade_module
from supervisor.upgrade import Upgrade, UpgradeError


class Door:
    """The counter for commands."""

    def __init__(self) -> None:
        self.answering = 0
        self.open = True

    def fileno(self) -> int:
        return -1

    def pause(self) -> None:
        self.open = False

    def resume(self) -> None:
        self.open = True


class Moves:
    """Whose lock it takes; `noted` is what operators may read."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.noted: list[str] = []
        self.begun: list[Any] = []

    async def quiet(self) -> None:
        return

    def note(self, kind: str, tenant: str, shard: int, reason: str) -> None:
        self.noted.append(reason)

    def begin(self, work: Any) -> None:
        self.begun.append(asyncio.ensure_future(work))


def staged(stand_still: Any = lambda upgrade: None) -> tuple[Upgrade, Door, Moves]:
    moves, door = Moves(), Door()
    crew: Any = SimpleNamespace(quiet=True)
    loop = asyncio.get_running_loop()
    made = Upgrade(loop, crew, moves, lambda: stand_still(made), 0, logging.getLogger("test"))  # type: ignore[arg-type]
    made.counter = door
    return made, door, moves


@pytest.mark.parametrize(
    ("reason", "said"),
    [("python cannot be started: gone", "no upgrade: python cannot be started: gone"), (None, "something went on")],
    ids=["the exec fails", "the loop never comes to rest"],
)
def test_where_no_exec_comes_operators_are_served_again(
    monkeypatch: pytest.MonkeyPatch, reason: str | None, said: str
) -> None:
    monkeypatch.setattr(upgrade_module, "QUIET_TIMEOUT_S", 0.05)

    async def run() -> None:
        def stand_still(upgrade: Upgrade) -> None:
            assert upgrade.due
            assert not door.open
            if reason is not None:
                upgrade.failed(reason)

        made, door, moves = staged(stand_still)
        with pytest.raises(UpgradeError, match=said):
            await made._run(checked=True)
        assert (made.due, made.under_way, door.open, moves.lock.locked()) == (False, False, True, False)
        assert said in made.failure
        assert moves.noted == [made.failure]

    asyncio.run(run())


def test_commands_under_way_are_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_module, "QUIET_TIMEOUT_S", 0.05)

    async def run() -> None:
        made, door, _ = staged()
        door.answering = 1
        with pytest.raises(UpgradeError, match="commands are still under way"):
            await made._run(checked=True)
        assert door.open

    asyncio.run(run())


def test_the_check_of_new_code_ends_with_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, str(slow)])

    async def run() -> None:
        made, _, _ = staged()
        checking = asyncio.ensure_future(made._run())
        while not made._checks:
            await asyncio.sleep(0.001)
        (child,) = (psutil.Process(pid) for pid in made._checks)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        child.wait(10)  # raises where it goes on

    asyncio.run(run())


def test_one_upgrade_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_module, "CHECK_TIMEOUT_S", 0.05)
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, str(slow)])

    async def run() -> None:
        made, door, _ = staged()
        first = asyncio.ensure_future(made._run())
        await asyncio.sleep(0)
        with pytest.raises(UpgradeError, match="an upgrade is under way"):
            await made.ask()
        with pytest.raises(UpgradeError, match="not ready after"):
            await first
        assert door.open

    asyncio.run(run())
