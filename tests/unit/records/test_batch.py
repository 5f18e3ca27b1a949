"""A batch as an event, and what ends it."""

import asyncio
from typing import Any

import apsw
import pytest

from worker.context import Context
from worker.errors import ApiError, forbidden
from worker.records import actions, events
from worker.records.batch import Answer, BatchEvent, run_batch
from worker.records.batchform import BatchRequest
from worker.records.events import RecordEvent
from worker.schema.collection import Collection

from .conftest import add_collection, info_of


@pytest.fixture
def notes(ctx: Context) -> Collection:
    return add_collection(ctx, "notes", {"name": "title", "type": "text", "max": 5})


def titles(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.data.all("SELECT title FROM notes ORDER BY rowid")]


def run(
    ctx: Context, notes: Collection, *names: str, timeout_s: float = 5, fault: Exception | None = None
) -> list[Any]:
    """The answers to the creation of notes with these titles, or the error."""

    async def perform(inner: Context, request: BatchRequest) -> Answer:
        assert inner is not ctx
        if request.url == "fault":
            assert fault is not None
            raise fault
        if request.url == "wait":
            await asyncio.Event().wait()
        return {"body": await actions.create_record(inner, notes, info_of(), {"title": request.url})}

    requests = [BatchRequest("POST", name) for name in names]
    return asyncio.run(run_batch(ctx, requests, info_of(), timeout_s, perform))


def test_handlers_change_what_is_asked_and_see_the_answers(ctx: Context, notes: Collection) -> None:
    seen: list[int] = []

    async def handler(event: BatchEvent) -> None:
        assert event.context is ctx
        event.requests = event.requests[1:]
        await event.next()
        seen.append(len(event.answers))

    ctx.bus.on("onBatchRequest", handler)
    assert [answer["body"]["title"] for answer in run(ctx, notes, "a", "b", "c")] == ["b", "c"]
    assert (titles(ctx), seen) == (["b", "c"], [2])


def test_a_handler_refuses(ctx: Context, notes: Collection) -> None:
    async def handler(_event: BatchEvent) -> None:
        raise forbidden("not now")

    ctx.bus.on("onBatchRequest", handler)
    with pytest.raises(ApiError, match=r"Not now\."):
        run(ctx, notes, "a")
    assert titles(ctx) == []


def test_records_hear_the_end_of_the_whole(ctx: Context, notes: Collection) -> None:
    """As the real one tells it: what failed at once, what went with it when the batch is undone."""
    heard: list[str] = []

    def note(mark: str) -> Any:
        async def handler(event: RecordEvent) -> None:
            heard.append(f"{mark}{event.record.get('title')}{'' if event.context is ctx else '*'}")
            await event.next()

        return handler

    ctx.bus.on(events.CREATE.success[0], note("+"))
    ctx.bus.on(events.CREATE.failure[0], note("-"))
    with pytest.raises(ApiError):
        run(ctx, notes, "a", "b", "too long", "c")
    assert heard == ["-too long*", "-a", "-b"]
    heard.clear()
    run(ctx, notes, "a", "b")
    assert heard == ["+a", "+b"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (forbidden("no"), ApiError),
        (apsw.InterruptError("too slow"), ApiError),
        (apsw.CorruptError("damaged"), apsw.CorruptError),
        (apsw.BusyError("busy"), apsw.BusyError),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_what_a_request_may_fail_with(ctx: Context, notes: Collection, fault: Exception, raised: type) -> None:
    """A request's own failure is answered under its number; the database's is the whole tenant's."""
    with pytest.raises(raised) as caught:
        run(ctx, notes, "a", "fault", fault=fault)
    if isinstance(caught.value, ApiError):
        assert (caught.value.status, list(caught.value.data["requests"])) == (400, ["1"])
    assert titles(ctx) == []
    run(ctx, notes, "b")
    assert titles(ctx) == ["b"]


def test_a_timeout(ctx: Context, notes: Collection) -> None:
    with pytest.raises(ApiError) as caught:
        run(ctx, notes, "a", "wait", timeout_s=0.05)
    assert (caught.value.body(), caught.value.cause) == (
        {"data": {}, "message": "Batch transaction failed.", "status": 400},
        "batch transaction timeout",
    )
    assert titles(ctx) == []
    run(ctx, notes, "b")


def test_a_timeout_while_another_writes(ctx: Context, notes: Collection) -> None:
    async def scenario() -> None:
        async def perform(_inner: Context, _request: BatchRequest) -> Answer:
            raise AssertionError("it never gets that far")

        await ctx.writer.acquire()
        with pytest.raises(ApiError):
            await run_batch(ctx, [BatchRequest("POST", "a")], info_of(), 0.05, perform)
        ctx.writer.release()

    asyncio.run(scenario())
    run(ctx, notes, "b")
    assert titles(ctx) == ["b"]
