"""When request logs are written: little by little into their spools, and out of them after some rounds."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from supervisor.contract.plan import Plan
from worker.db.migrations import write_template
from worker.fair.account import Account
from worker.logkeeper import SPOOLED_ROUNDS, LogKeeper
from worker.services.logrows import Entry
from worker.services.logs import BUSY_ROWS, RequestLog
from worker.services.settings import LogsSettings

ENTRY = Entry(1_795_333_440_000, 1, "GET", b"/", 200, "", "", "1.1.1.1", "2.2.2.2", b"", b"", None)
NAMES = "abc"


class World:
    """Three live tenants with their logs, and what was flushed, in order. Rounds take no time."""

    def __init__(self, directory: Path) -> None:
        self.unwritten: set[str] = set()
        self.flushed: list[str] = []
        self.closer = self
        self.contexts: dict[str, Any] = {}
        for name in NAMES:
            (directory / name).mkdir()
            write_template(directory / name)
            log = RequestLog(directory / name / "auxiliary.db", LogsSettings())
            log.on_first = lambda name=name: self.unwritten.add(name)
            self.contexts[name] = SimpleNamespace(name=name, logs=log, account=Account(name, Plan()))
        self.keeper = LogKeeper(self, 0.0)  # type: ignore[arg-type]

    def live(self, name: str) -> Any:
        return self.contexts.get(name)

    async def apart(self, account: Account, work: Callable[[], object]) -> None:
        self.flushed.append(account.name)
        work()

    def add(self, name: str, count: int = 1) -> None:
        for _ in range(count):
            self.contexts[name].logs.add(ENTRY)

    def rounds(self, count: int) -> list[str]:
        """Run so many; who was flushed."""

        async def some() -> None:
            for _ in range(count):
                await self.keeper.round()

        self.flushed.clear()
        asyncio.run(some())
        return self.flushed


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_little_is_spooled_and_flushed_after_some_rounds(world: World) -> None:
    world.add("a", 2)
    assert world.rounds(2) == []
    assert world.contexts["a"].logs.spooled
    assert world.contexts["a"].account.loop_ns > 0
    world.add("b")
    assert world.rounds(SPOOLED_ROUNDS - 1) == ["a"]
    assert world.rounds(2) == ["b"]
    assert [world.contexts[name].logs.spooled for name in NAMES] == [False] * 3
    assert world.rounds(SPOOLED_ROUNDS + 1) == []


def test_much_is_flushed_at_once(world: World) -> None:
    world.add("a", BUSY_ROWS)
    world.add("b")
    assert world.rounds(1) == ["a"]
    assert world.contexts["a"].logs.pending == 1  # the connection
    assert world.rounds(2) == ["a"]
    assert world.contexts["a"].logs.pending == 0


def test_who_is_closed_meanwhile_is_left_alone(world: World) -> None:
    world.add("a")
    world.rounds(1)
    world.contexts.pop("a").logs.close()
    world.add("b")
    world.contexts.pop("b")
    assert world.rounds(SPOOLED_ROUNDS + 1) == []
