"""A coroutine that was stepped by hand, goes on in a Task."""

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.wire.asgi import Exchange


class Steps(Coroutine[Any, Any, None]):
    """A coroutine that has made its first step, as something a Task can drive to its end."""

    __slots__ = ("_coroutine", "_exchange", "_first", "_started")

    def __init__(self, exchange: "Exchange", coroutine: Coroutine[Any, Any, None], first: Any) -> None:
        self._exchange = exchange
        self._coroutine = coroutine
        self._first = first
        self._started = False

    def send(self, value: Any) -> Any:
        if self._started:
            return self._step(self._coroutine.send, value)
        self._started = True
        self._exchange.flush_head()
        return self._first

    def throw(self, *error: Any) -> Any:
        self._started = True
        return self._step(self._coroutine.throw, *error)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        exchange = self._exchange
        began = exchange.begin_step()
        try:
            waits_for = step(*args)
        finally:
            exchange.end_step(began)
        exchange.flush_head()
        return waits_for

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return (yield from self._coroutine.__await__())
