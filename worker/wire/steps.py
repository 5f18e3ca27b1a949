"""A coroutine that was stepped by hand, goes on in a Task."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError

if TYPE_CHECKING:
    from worker.wire.asgi import Exchange


class Stopped(asyncio.CancelledError, ApiError):  # noqa: N818 (it ends a request, it is no failure)
    """Raised inside a request that has run for too long, or whose tenant goes elsewhere.

    Whoever cleans up after a cancellation does so, and whoever answers errors answers this one, so that it is logged.
    """

    def __init__(self, message: str) -> None:
        ApiError.__init__(self, 503, message, cause=message)


class Steps(Coroutine[Any, Any, None]):
    """A coroutine that has made its first step, as something a Task can drive to its end."""

    __slots__ = ("_coroutine", "_exchange", "_first", "_started", "_told")

    def __init__(self, exchange: "Exchange", coroutine: Coroutine[Any, Any, None], first: Any) -> None:
        self._exchange = exchange
        self._coroutine = coroutine
        self._first = first
        self._started = False
        self._told = False  # why it is stopped

    def send(self, value: Any) -> Any:
        if self._started:
            return self._step(self._coroutine.send, value)
        self._started = True
        self._exchange.flush_head()
        return self._first

    def throw(self, *error: Any) -> Any:
        self._started = True
        exchange = self._exchange
        if exchange.stopping and not self._told and not exchange.head_sent:
            self._told = True
            error = (Stopped(exchange.stopping),)
        return self._step(self._coroutine.throw, *error)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        exchange = self._exchange
        exchange.claim()
        began_ns = thread_time_ns()
        try:
            waits_for = step(*args)
            exchange.flush_head()
        finally:
            exchange.end_step(began_ns)
        return waits_for

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return (yield from self._coroutine.__await__())
