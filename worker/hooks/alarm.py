"""A limit of time for what happens again and again: one timer for all of it, which is looked at when it rings.

alarm = Alarm()
alarm.set(seconds, expired)     `expired` is called so much later, once
alarm.clear()                   … but not any more
alarm.close()                   and it will not be set again
"""

import asyncio
from collections.abc import Callable
from contextvars import Context


class Alarm:
    """One limit at a time. Setting and clearing cost next to nothing."""

    __slots__ = ("_at", "_expired", "_loop", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = 0.0
        self._expired: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, expired: Callable[[], None]) -> None:
        """From now on it is this limit."""
        self._at = at = self._loop.time() + seconds
        self._expired = expired
        timer = self._timer
        if timer is not None and timer.when() > at:
            timer.cancel()
            timer = None
        if timer is None:
            self._wait()

    def clear(self) -> None:
        """There is no limit."""
        self._expired = None

    def close(self) -> None:
        """Be of no use any more."""
        self._expired = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        # the timer outlives what it was set for: it keeps nothing of that
        self._timer = self._loop.call_at(self._at, self._ring, context=Context())

    def _ring(self) -> None:
        self._timer = None
        expired = self._expired
        if expired is None:
            return
        if self._loop.time() < self._at:
            self._wait()
        else:
            self._expired = None
            expired()
