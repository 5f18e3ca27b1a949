"""Operations that are under way, and the coroutines that drive those which wait."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from time import thread_time_ns
from typing import Any


class Rest(Coroutine[Any, Any, Any]):
    """An operation that has made its first step and waits, as something a task can drive to its end, and its CPU."""

    __slots__ = ("_book", "_doomed", "_first", "_started", "_steps")

    def __init__(self, steps: Coroutine[Any, Any, Any], first: Any, book: Callable[[int], None]) -> None:
        self._steps = steps
        self._first = first
        self._book = book
        self._started = False
        self._doomed = False

    def doom(self) -> bool:
        """Whether it has not been taken up yet: then it is cancelled as soon as it is."""
        self._doomed = not self._started
        return self._doomed

    def send(self, value: Any) -> Any:
        if not self._started:
            self._started = True
            return self._steps.throw(asyncio.CancelledError()) if self._doomed else self._first
        began_ns = thread_time_ns()
        try:
            return self._steps.send(value)
        finally:
            self._book(thread_time_ns() - began_ns)

    def throw(self, *error: Any) -> Any:
        self._started = True
        return self._steps.throw(*error)

    def close(self) -> None:
        self._steps.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        try:
            waits_for = self.send(value)
        except StopIteration as end:
            return end.value
        while True:
            try:
                value = yield waits_for
            except BaseException as error:
                try:
                    waits_for = self.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                try:
                    waits_for = self.send(value)
                except StopIteration as end:
                    return end.value


class UnderWay:
    """An operation, and what drives it if it waits."""

    __slots__ = ("rest", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.rest: Rest | None = None

    def cancel(self) -> None:
        """End it, if it waits."""
        # a task that is cancelled before its first step never takes one: nobody would clean up behind the operation
        if self.task is not None and (self.rest is None or not self.rest.doom()):
            self.task.cancel()
