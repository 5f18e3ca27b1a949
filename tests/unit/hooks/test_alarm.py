"""The limit of time of runs on one process: it ends those that take too long, and costs one timer for all."""

import asyncio
from collections.abc import Callable

from worker.hooks.alarm import Alarm

PATIENCE_S = 20.0


def test_it_rings_once_for_what_is_set_last() -> None:
    async def scenario() -> None:
        rung: list[str] = []
        done = asyncio.Event()

        def ring(name: str) -> Callable[[], None]:
            def rings() -> None:
                rung.append(name)
                done.set()

            return rings

        alarm = Alarm()
        alarm.set(60.0, lambda: rung.append("long"))
        alarm.clear()
        alarm.set(0.01, ring("short"))
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
        alarm.set(0.0, ring("again"))
        done.clear()
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
        assert rung == ["short", "again"]

    asyncio.run(scenario())


def test_what_is_cleared_or_closed_never_rings() -> None:
    async def scenario() -> None:
        rung: list[int] = []
        for number, end in enumerate((Alarm.clear, Alarm.close)):
            alarm = Alarm()
            alarm.set(0.0, lambda number=number: rung.append(number))  # type: ignore[misc]
            end(alarm)
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, late.set)
        await late.wait()
        assert not rung

    asyncio.run(scenario())


def test_a_longer_limit_does_not_end_with_the_timer_of_a_shorter_one() -> None:
    async def scenario() -> None:
        rung: list[str] = []
        done = asyncio.Event()

        def ring(name: str) -> Callable[[], None]:
            def rings() -> None:
                rung.append(name)
                done.set()

            return rings

        alarm = Alarm()
        alarm.set(0.0, lambda: rung.append("first"))
        alarm.clear()
        began = asyncio.get_running_loop().time()
        alarm.set(0.05, ring("second"))
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
        assert rung == ["second"]
        assert asyncio.get_running_loop().time() - began >= 0.05

    asyncio.run(scenario())
