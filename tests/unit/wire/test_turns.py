"""Requests that wait for a `Turn`: they go on in the callback that gives it, without a Task."""

import asyncio
from typing import Any

import pytest

from worker.errors import ApiError
from worker.turns import Turn

HEAD = b"GET %s HTTP/1.1\r\nHost: a.localhost\r\n\r\n"


def start(size: int) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]}


def piece(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data}


class Scene:
    """An application whose requests wait for the turns that the test gives."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.ended: list[str] = []

    async def turn(self) -> Any:
        turn = Turn()
        self.turns.append(turn)
        return await turn

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        try:
            said = await self.turn()
            if scope["path"] == "/twice":
                said += await self.turn()
            if scope["path"] == "/then-a-task":
                await asyncio.sleep(0)
                assert asyncio.current_task() is not None
                said += await self.turn()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        except ApiError:
            said = b"refused"
        self.ended.append(said.decode())
        await send(start(len(said)))
        await send(piece(said))

    async def waits(self, number: int = 1) -> Turn:
        while len(self.turns) < number:
            await asyncio.sleep(0)
        return self.turns[-1]


def give(turn: Turn, value: bytes) -> None:
    resume = turn.give(value)
    if resume is not None:
        resume()


@pytest.mark.parametrize(("path", "pieces"), [("/", 1), ("/twice", 2), ("/then-a-task", 2)])
def test_it_goes_on_at_once(play: Any, path: str, pieces: int) -> None:
    scene = Scene()

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        for round_ in range(2):
            scene.turns.clear()
            await client.send(HEAD % path.encode())
            for number in range(1, pieces + 1):
                turn = await scene.waits(number)
                (connection,) = wire.end.connections
                in_task = path == "/then-a-task" and number == 2
                assert (connection._exchange.task is not None) == in_task
                give(turn, b"x")
            assert (await client.response())[::2] == (200, b"x" * pieces), round_
        assert wire.outcomes() == (2, 0, 0, 0, 0)
        assert wire.account().running == 0

    play(scenario, scene)


def test_one_that_was_given_before_it_was_waited_for(play: Any) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        del scope
        await receive()
        turn = Turn()
        turn.give(b"early")
        said = await turn
        await send(start(5))
        await send(piece(said))

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(HEAD % b"/")
        assert (await client.response())[::2] == (200, b"early")

    play(scenario, application)


def test_one_that_is_refused(play: Any) -> None:
    scene = Scene()

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(HEAD % b"/")
        (await scene.waits()).refuse(ApiError(503))
        assert (await client.response())[::2] == (200, b"refused")

    play(scenario, scene)


def test_one_that_is_stopped_while_it_waits(play: Any) -> None:
    scene = Scene()

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(HEAD % b"/")
        turn = await scene.waits()
        (connection,) = wire.end.connections
        connection.stop(wire.account(), "Go elsewhere.")
        assert (await client.response())[0] == 503
        assert scene.ended == ["cancelled"]
        assert turn.cancelled()
        assert wire.account().running == 0

    play(scenario, scene)


def test_a_connection_that_is_dropped_while_it_waits(play: Any) -> None:
    scene = Scene()

    async def scenario(wire: Any) -> None:
        client = await wire.connect()
        await client.send(HEAD % b"/")
        turn = await scene.waits()
        (connection,) = wire.end.connections
        task = connection.abandon()
        assert task is not None
        give(turn, b"late")
        await asyncio.wait([task])
        assert scene.ended == ["late"]
        assert await client.reset()
        assert wire.account().running == 0

    play(scenario, scene)


def test_to_a_task_it_is_a_future() -> None:
    async def scenario() -> None:
        turn = Turn()
        task = asyncio.get_running_loop().create_task(_waiting(turn))
        await asyncio.sleep(0)
        assert turn.give(7) is None
        assert await task == 7

    asyncio.run(scenario())


async def _waiting(turn: Turn) -> Any:
    return await turn
