"""Questions of this worker to the supervisor, and the answers as they come back over the channel."""

import asyncio
from collections.abc import Callable
from typing import Any

from supervisor.contract.messages import Answer, Ask, Message

TIMEOUT_S = 2.0
WAITING_MAX = 256


class NoAnswerError(Exception):
    """The supervisor did not answer in time, or too much is asked already."""


class Asking:
    """What was asked and not answered yet. Used on the event loop."""

    __slots__ = ("_last_id", "_tell", "_waiting")

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, what: str, tenant: str) -> Any:
        """What the supervisor knows; None where it knows nothing. Raises NoAnswerError."""
        if len(self._waiting) >= WAITING_MAX:
            raise NoAnswerError(f"{WAITING_MAX} questions wait for the supervisor")
        self._last_id += 1
        number = self._last_id
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._tell(Ask(number, what, tenant))
            done, _ = await asyncio.wait([future], timeout=TIMEOUT_S)
            if not done:
                raise NoAnswerError(f"the supervisor did not answer within {TIMEOUT_S:g} s")
            return future.result()
        finally:
            del self._waiting[number]

    def answered(self, answer: Answer) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        future = self._waiting.get(answer.id)
        if future is not None and not future.done():
            future.set_result(answer.value)
