"""Questions of this worker to the supervisor, and the answers as they come back over the channel.

The supervisor is one process for all tenants, and what it does for one is booked to none: so the same question is not
asked twice within FRESH_S, however often a client wants to know. Who asks while it is under way waits for the same
answer.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from supervisor.contract.messages import Answer, Ask, Message

TIMEOUT_S = 2.0
WAITING_MAX = 256
FRESH_S = 1.0  # workers report about once a second: sooner there is nothing new to be told
KNOWN_MAX = 256

Key = tuple[str, str, str]
"""What is asked, the tenant, and when that was created."""


class NoAnswerError(Exception):
    """The supervisor did not answer in time, or too much is asked already."""


class _Question:
    """One that is under way."""

    __slots__ = ("answer", "key", "timer")

    def __init__(self, key: Key, answer: asyncio.Future[Any], timer: asyncio.TimerHandle) -> None:
        self.key = key
        self.answer = answer
        self.timer = timer


class Asking:
    """What was asked and not answered yet, and what was answered just now. Used on the event loop. `created_of` tells a
    tenant from a former one of its name, whose answers it must not get."""

    __slots__ = ("_by_key", "_created_of", "_known", "_last_id", "_tell", "_waiting")

    def __init__(
        self,
        tell: Callable[[Message], None],
        created_of: Callable[[str], str] = lambda name: "",  # noqa: ARG005
    ) -> None:
        self._tell = tell
        self._created_of = created_of
        self._last_id = 0
        self._waiting: dict[int, _Question] = {}
        self._by_key: dict[Key, _Question] = {}
        self._known: dict[Key, tuple[float, Any]] = {}  # until when it counts, and the value

    async def ask(self, what: str, tenant: str) -> Any:
        """What the supervisor knows, or knew FRESH_S ago; None where it knows nothing. Raises NoAnswerError."""
        key = what, tenant, self._created_of(tenant)
        until, value = self._known.get(key, (0.0, None))
        if monotonic() < until:
            return value
        question = self._by_key.get(key) or self._begin(key)
        return await asyncio.shield(question.answer)  # who leaves does not take it from the others

    def answered(self, answer: Answer) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        question = self._end(answer.id)
        if question is None:
            return
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[question.key] = monotonic() + FRESH_S, answer.value
        question.answer.set_result(answer.value)

    def _begin(self, key: Key) -> _Question:
        if len(self._waiting) >= WAITING_MAX:
            raise NoAnswerError(f"{WAITING_MAX} questions wait for the supervisor")
        self._last_id += 1
        number, loop = self._last_id, asyncio.get_running_loop()
        question = _Question(key, loop.create_future(), loop.call_later(TIMEOUT_S, self._give_up, number))
        self._waiting[number] = self._by_key[key] = question
        self._tell(Ask(number, *key[:2]))
        return question

    def _end(self, number: int) -> _Question | None:
        question = self._waiting.pop(number, None)
        if question is not None:
            question.timer.cancel()
            del self._by_key[question.key]
        return question

    def _give_up(self, number: int) -> None:
        question = self._end(number)
        if question is not None:
            question.answer.set_exception(NoAnswerError(f"the supervisor did not answer within {TIMEOUT_S:g} s"))
            question.answer.exception()  # nobody need be there to hear of it
