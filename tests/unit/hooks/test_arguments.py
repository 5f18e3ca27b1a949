"""What a process may send as the arguments of a call, and operations that are ended before they are taken up."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from sandbox.frames import answer_frame
from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.hooks.alarm import Alarm
from worker.hooks.arguments import HALF, MENDED_BYTES_MAX, TOO_DEEP, TOO_MUCH, NonsenseError, arguments
from worker.hooks.calls import Call, GoError
from worker.hooks.session import Session


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[0]", [0]),
        (b'[0,"a\\ud83d\\ude00"]', [0, "a\U0001f600"]),
        (b'[0,"\\ud83d"]', [0, "�"]),
        (b'[0,"\\udE00\\uD83D\\ud83d\\ude00"]', [0, "��\U0001f600"]),
        (b'[0,"\\\\ud83d\\ud83d"]', [0, "\\ud83d�"]),
        (b'[0,"' + b"a,[" * 300_000 + b'"]', [0, "a,[" * 300_000]),
        (b'[0,"' + rb"\",[" * 300_000 + b'"]', [0, '",[' * 300_000]),
    ],
    ids=range(7),
)
def test_read(raw: bytes, value: object) -> None:
    assert arguments(raw) == value


@pytest.mark.parametrize("raw", [b"", b"0", b"[]", b"{}", b"[", b"[0", b"\xff", b'["\\u"]', b'["\\ud83"]', b"[NaN]"])
def test_nonsense(raw: bytes) -> None:
    with pytest.raises(NonsenseError):
        arguments(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"[" + b"{}," * 300_000 + b"0]", TOO_MUCH),
        (b'["' + b'","' * 300_000 + b'"]', TOO_MUCH),
        (rb'["\\",' + rb'"\\",' * 600_000 + b"0]", TOO_MUCH),
        (b"[0," + b"[" * 250 + b"]" * 250 + b"]", TOO_DEEP),
        (b"[0," + b'{"a":' * 250 + b"0" + b"}" * 250 + b"]", TOO_DEEP),
        (b'["' + b"x" * MENDED_BYTES_MAX + b'\\ud83d"]', HALF),
    ],
    ids=range(6),
)
def test_bounds(raw: bytes, why: str) -> None:
    with pytest.raises(GoError, match=why):
        arguments(raw)


class Process:
    """A leased process of nobody's, whose line keeps what it was sent."""

    def __init__(self) -> None:
        self.line = self.child = self
        self.alarm = Alarm()
        self.told: frozenset[int] = frozenset()
        self.sent: list[Any] = []
        self.take: Any = None
        self.ended: Any = None
        self.killed = False

    def send(self, frame: bytes) -> None:
        answer = frame[4:]
        assert answer_frame(answer) == frame
        self.sent.append(orjson.loads(answer))

    def close(self) -> None:
        pass

    def kill(self) -> None:
        self.killed = True

    def why(self) -> str:
        return ""

    def release(self, *, reusable: bool) -> None:
        assert not reusable


def test_an_operation_that_is_ended_before_its_task_has_begun_cleans_up() -> None:
    """The call and the end of the run arrive in the same turn of the loop."""
    told: list[str] = []

    async def wait(call: Call) -> None:
        del call
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            told.append("clean")

    async def scenario() -> None:
        ctx = SimpleNamespace(catalog=SimpleNamespace(version=1))
        hooks: Any = SimpleNamespace(
            ctx=ctx, name="t", extras={}, plan=Plan(), warn=told.append, book=lambda ns: None, manifest=None
        )
        process: Any = Process()
        session = Session(hooks, process, {b"wait": wait}, 60.0)

        async def run() -> None:
            async with session:
                await session.run("x", None)

        task = asyncio.get_running_loop().create_task(run())
        await asyncio.sleep(0)
        process.take(b"wait", b"[0]")
        session.end(ApiError(503, "over"))
        with pytest.raises(ApiError, match="Over"):
            await asyncio.wait_for(task, 10)
        assert process.killed

    asyncio.run(scenario())
    assert told == ["clean"]


def test_a_large_call_of_a_run_that_has_ended_is_not_kept() -> None:
    """It would wait for its turn, with all that it holds, as long as large calls are owed for."""
    resting = asyncio.Event()

    async def bulk(*_: object) -> None:
        resting.set()
        await asyncio.sleep(3600)

    async def scenario() -> None:
        ctx = SimpleNamespace(catalog=SimpleNamespace(version=1), lanes=SimpleNamespace(bulk=bulk), account=None)
        hooks: Any = SimpleNamespace(
            ctx=ctx, name="t", extras={}, plan=Plan(), warn=print, book=lambda ns: None, manifest=None
        )
        process: Any = Process()
        session = Session(hooks, process, {}, 60.0)

        async def run() -> None:
            async with session:
                await session.run("x", None)

        task = asyncio.get_running_loop().create_task(run())
        await asyncio.sleep(0)
        process.take(b"any", b'[0,"' + b"x" * (1 << 20) + b'"]')
        await resting.wait()
        session.end(ApiError(503, "over"))
        with pytest.raises(ApiError, match="Over"):
            await asyncio.wait_for(task, 10)

    asyncio.run(scenario())
