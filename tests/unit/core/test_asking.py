"""Questions to the supervisor: each answer finds who asked, none is waited for too long, none piles up."""

import asyncio

import pytest

from supervisor.contract.messages import Answer, Ask, Message
from worker import asking as asking_module
from worker.asking import Asking, NoAnswerError


def test_answers_find_who_asked() -> None:
    asked: list[Message] = []
    asking = Asking(asked.append)

    async def both() -> list[object]:
        questions = [asyncio.ensure_future(asking.ask("usage", name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        first, second, third = (message for message in asked if isinstance(message, Ask))
        assert [message.tenant for message in (first, second, third)] == ["a", "b", "c"]
        asking.answered(Answer(second.id, {"of": "b"}))
        asking.answered(Answer(second.id, {"of": "b, again"}))
        asking.answered(Answer(999, "nobody asked"))
        asking.answered(Answer(third.id))
        asking.answered(Answer(first.id, {"of": "a"}))
        return list(await asyncio.gather(*questions))

    assert asyncio.run(both()) == [{"of": "a"}, {"of": "b"}, None]


def test_who_gets_no_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "TIMEOUT_S", 0.01)
    asked: list[Message] = []
    asking = Asking(asked.append)
    with pytest.raises(NoAnswerError, match="within"):
        asyncio.run(asking.ask("usage", "a"))
    (question,) = asked
    assert isinstance(question, Ask)
    asking.answered(Answer(question.id, "too late"))


def test_the_same_is_asked_once_a_second_whoever_wants_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(asking_module, "monotonic", lambda: now)
    asked: list[Message] = []
    created = {"a": "once"}
    asking = Asking(asked.append, lambda name: created[name])

    def answer(value: str) -> None:
        question = asked[-1]
        assert isinstance(question, Ask)
        asking.answered(Answer(question.id, value))

    async def many() -> None:
        nonlocal now
        waiting = [asyncio.ensure_future(asking.ask("usage", "a")) for _ in range(500)]
        await asyncio.sleep(0)
        waiting.pop().cancel()  # one client leaves, and the others get their answer
        answer("first")
        assert await asyncio.gather(*waiting) == ["first"] * 499
        now += 0.9
        assert await asking.ask("usage", "a") == "first"
        assert len(asked) == 1
        created["a"] = "again"
        another = asyncio.ensure_future(asking.ask("usage", "a"))
        await asyncio.sleep(0)
        answer("of another tenant")
        assert await another == "of another tenant"
        now += 1.1
        later = asyncio.ensure_future(asking.ask("usage", "a"))
        await asyncio.sleep(0)
        answer("second")
        assert await later == "second"

    asyncio.run(many())
    assert len(asked) == 3


def test_so_many_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "WAITING_MAX", 2)
    asked: list[Message] = []
    asking = Asking(asked.append)

    async def three() -> None:
        waiting = [asyncio.ensure_future(asking.ask("usage", name)) for name in ("a", "b")]
        await asyncio.sleep(0)
        with pytest.raises(NoAnswerError, match="wait"):
            await asking.ask("usage", "c")
        await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(NoAnswerError, match="within"):  # those who were given up left their places
            await asking.ask("usage", "c")

    monkeypatch.setattr(asking_module, "TIMEOUT_S", 0.01)
    asyncio.run(three())
    assert len(asked) == 3
