"""Drafts made ahead: there when they are wanted, no more than may be, and no harm where none can be made."""

import asyncio
import logging
from pathlib import Path

import pytest

from supervisor.contract.settings import Disk, Settings
from supervisor.crew import CrewError
from supervisor.tenants import ready as module
from supervisor.tenants.ready import READY_MAX, READY_MIN, Ready

LOG = logging.getLogger("test")


class Maker:
    """Makes drafts of names only; refuses while `fails`."""

    def __init__(self) -> None:
        self.orders: list[int] = []
        self.fails = False

    async def __call__(self, count: int) -> list[str]:
        self.orders.append(count)
        if self.fails:
            raise CrewError("no worker")
        made = sum(self.orders)
        return [f"{number}" for number in range(made - count, made)]


async def filled(ready: Ready) -> None:
    while ready._making is not None:
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


def test_they_are_made_once_tenants_are_and_each_is_taken_once(run, tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()

    async def scenario() -> None:
        maker = Maker()
        ready = Ready(Settings(data=str(tmp_path)), maker, LOG)
        assert maker.orders == []
        assert ready.take() is None
        await filled(ready)
        taken = [ready.take() for _ in range(READY_MIN)]
        assert [path and path.name for path in taken] == [f".ready-{n}" for n in range(READY_MIN)]
        await filled(ready)
        assert maker.orders == [READY_MIN, READY_MIN], "they were enough"
        while len(ready) < READY_MAX:
            assert None in [ready.take() for _ in range(READY_MAX)]
            await filled(ready)
        assert None in [ready.take() for _ in range(READY_MAX + 1)]
        await filled(ready)
        assert maker.orders[2:] == [READY_MIN * 2, READY_MAX, READY_MAX], "no more than that"
        ready.take()
        await filled(ready)
        assert (maker.orders[-1], len(ready)) == (1, READY_MAX)

    run(scenario())


@pytest.mark.parametrize("why", ["no worker", "no room", "no disk"])
def test_without_them_tenants_are_made_all_the_same(run, tmp_path: Path, why: str) -> None:
    if why != "no disk":
        (tmp_path / "tenants").mkdir()

    async def scenario() -> None:
        maker = Maker()
        maker.fails = why == "no worker"
        reserve_mb = 10_000_000 if why == "no room" else 0
        ready = Ready(Settings(data=str(tmp_path), disk=Disk(reserve_mb=reserve_mb)), maker, LOG)
        for _ in range(2):
            assert ready.take() is None
            await filled(ready)
        assert len(ready) == 0
        assert len(maker.orders) == (2 if why == "no worker" else 0)

    run(scenario())
