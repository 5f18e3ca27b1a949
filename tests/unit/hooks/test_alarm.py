"""The limit of time of runs on one process: it ends those that take too long, and costs one timer for all."""

import asyncio
from collections.abc import Callable

from worker.hooks.alarm import Alarm

PATIENCE_S = 20.0


class Bell:
    """What has rung, and when something does."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.done = asyncio.Event()

    def ring(self, name: str) -> Callable[[], None]:
        """What an alarm is set to."""

        def rings() -> None:
            self.rung.append(name)
            self.done.set()

        return rings

    async def heard(self) -> None:
        """Until it has rung."""
        async with asyncio.timeout(PATIENCE_S):
            await self.done.wait()


def test_it_rings_once_for_what_is_set_last() -> None:
    async def scenario() -> None:
        bell = Bell()
        alarm = Alarm()
        alarm.set(60.0, lambda: bell.rung.append("long"))
        alarm.clear()
        alarm.set(0.01, bell.ring("short"))
        await bell.heard()
        alarm.set(0.0, bell.ring("again"))
        bell.done.clear()
        await bell.heard()
        assert bell.rung == ["short", "again"]

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
        bell = Bell()
        alarm = Alarm()
        alarm.set(0.0, lambda: bell.rung.append("first"))
        alarm.clear()
        began = asyncio.get_running_loop().time()
        alarm.set(0.05, bell.ring("second"))
        await bell.heard()
        assert bell.rung == ["second"]
        assert asyncio.get_running_loop().time() - began >= 0.05

    asyncio.run(scenario())
