"""Rests after what others have felt: waited for while they are there, and never owed for what nobody felt."""

import asyncio
from time import monotonic

import pytest

from supervisor.contract.plan import Plan
from worker.fair.account import Account
from worker.lanes.rests import rest

LONG_S = 3600.0


@pytest.fixture
def account() -> Account:
    return Account("mine", Plan())


def with_others(_: Account) -> bool:
    return True


def alone(_: Account) -> bool:
    return False


def test_who_works_alone_for_hours_owes_for_the_last_work_only(account: Account) -> None:
    async def scenario() -> None:
        for _ in range(100):
            await rest(account, LONG_S, alone)

    asyncio.run(scenario())
    assert 0 < account.rests_until - monotonic() <= LONG_S


def test_who_leaves_while_it_waits_owes_nothing(account: Account) -> None:
    async def scenario() -> None:
        await rest(account, LONG_S, with_others)
        until = account.rests_until
        waiting = [asyncio.create_task(rest(account, LONG_S, with_others)) for _ in range(10)]
        await asyncio.sleep(0)
        assert account.rests_until == pytest.approx(until + 10 * LONG_S)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(task.cancelled() for task in waiting)
        assert account.rests_until == pytest.approx(until)

    asyncio.run(scenario())


def test_who_waits_goes_on_once_the_others_have_gone(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.lanes.rests.LOOK_EVERY_S", 0.001)
    looks = 0

    def for_a_while(_: Account) -> bool:
        nonlocal looks
        looks += 1
        return looks < 5

    async def scenario() -> None:
        await rest(account, LONG_S, with_others)
        await rest(account, 1.0, for_a_while)

    asyncio.run(scenario())
    assert looks == 5
    assert account.rests_until - monotonic() <= 1.0
