"""Pauses of long work: others have turns, a debt is waited for, one piece at a time, and never for ever."""

import asyncio
from typing import Any

import pytest

from supervisor.contract.plan import Plan
from worker.fair.account import Account
from worker.lanes import breaths
from worker.lanes.breaths import Breaths

ROUNDS_MAX = 10_000


async def until(done: Any) -> None:
    """The loop runs until `done()`."""
    for _ in range(ROUNDS_MAX):
        if done():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never")


def test_who_owes_nothing_only_lets_others_by() -> None:
    async def scene() -> list[str]:
        told: list[str] = []
        asyncio.get_running_loop().call_soon(told.append, "other")
        await Breaths().take(Account("a", Plan()))
        told.append("own")
        await Breaths().take(None)
        return told

    assert asyncio.run(scene()) == ["other", "own"]


def test_a_debt_is_waited_for_and_work_goes_on_in_its_order() -> None:
    async def scene() -> None:
        pausing, debtor, other = Breaths(), Account("a", Plan()), Account("b", Plan())
        owing = {debtor}
        pausing.owes = lambda account: account in owing
        done: list[int] = []

        async def work(number: int, account: Account) -> None:
            await pausing.take(account)
            done.append(number)

        works = [asyncio.create_task(work(number, debtor)) for number in range(5)]
        await work(9, other)  # is not kept waiting by who owes
        await asyncio.sleep(0.02)
        assert done == [9]
        works[1].cancel()
        owing.clear()
        await until(lambda: len(done) == 5)
        assert done == [9, 0, 2, 3, 4]

    asyncio.run(scene())


def test_who_owes_for_ever_goes_on_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaths, "PAUSE_S_MAX", 0.01)

    async def scene() -> None:
        pausing = Breaths()
        pausing.owes = lambda account: True
        async with asyncio.timeout(20):
            await asyncio.gather(*(pausing.take(Account(name, Plan())) for name in "abc"))

    asyncio.run(scene())
