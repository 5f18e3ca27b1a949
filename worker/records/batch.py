"""A batch: several changes of records in one transaction.

Any failure rolls back all of them and is answered under the number of its request. A batch waits for its passwords'
hashes, and lets other tenants' requests in between its own; nobody sees its changes before all of them are made.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import apsw

from worker.db.faults import to_api_error
from worker.errors import ApiError, bad_request
from worker.events import Event, answered
from worker.records.batchform import REQUESTS, BatchRequest
from worker.records.request import RequestInfo
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

BATCH_REQUEST = ("onBatchRequest",)
FAILED = "Batch transaction failed."
TIMED_OUT = "batch transaction timeout"
# How long the event loop may be kept from other tenants: the next request of the batch waits for one turn of theirs.
INLINE_NS = 1_000_000

# The answer to one request: `{"body": …, "status": …}`.
Answer = dict[str, Any]
# Carries out one request on the batch's own context.
Perform = Callable[["Context", BatchRequest], Awaitable[Answer]]


class BatchEvent(Event):
    """A batch is about to be carried out; handlers may change its `requests`. `answers` are there once it is."""

    __slots__ = ("answers", "info", "requests")

    def __init__(self, context: "Context", requests: list[BatchRequest], info: RequestInfo) -> None:
        super().__init__(context)
        self.requests = requests
        self.info = info
        self.answers: list[Answer] | None = None


async def run_batch(
    ctx: "Context", requests: list[BatchRequest], info: RequestInfo, timeout_s: float, perform: Perform
) -> list[Answer] | None:
    """The answers to `requests`, all of which succeeded. ApiError 400 with nothing changed if one failed, or in time.

    None where a handler has kept it from being carried out. What is wrong with the tenant's database itself is raised
    as it is (apsw.Error).
    """

    async def default(event: BatchEvent) -> None:
        event.answers = await _in_time(event.context, event.requests, timeout_s, perform)
        event.answered = True

    event = BatchEvent(ctx, requests, info)
    await answered(ctx.bus, BATCH_REQUEST, event, default)
    return event.answers


async def _in_time(ctx: "Context", requests: list[BatchRequest], timeout_s: float, perform: Perform) -> list[Answer]:
    # a timeout cancels a task, which this is not before it has waited for something
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(timeout_s) as timeout, transaction(ctx) as inner:
            answers = await _perform_all(inner, requests, perform)
            # from here on it is done or not, but not cut short
            timeout.reschedule(None)
            return answers
    except TimeoutError:
        raise bad_request(FAILED, cause=TIMED_OUT) from None
    except ApiError as error:
        error.wording = ""  # it is an answer from here on
        raise


async def _perform_all(ctx: "Context", requests: list[BatchRequest], perform: Perform) -> list[Answer]:
    answers = []
    since = monotonic_ns()
    for number, request in enumerate(requests):
        if monotonic_ns() - since > INLINE_NS:
            await ctx.breathe()
            since = monotonic_ns()
        try:
            answers.append(await perform(ctx, request))
        except ApiError as error:
            raise _failure(number, error) from error
        except apsw.Error as error:
            answer = to_api_error(error)
            if answer.status >= 500:
                raise
            raise _failure(number, answer) from error
    return answers


def _failure(number: int, error: ApiError) -> ApiError:
    failed = {"code": "batch_request_failed", "message": "Batch request failed.", "response": error.body()}
    data = {REQUESTS: {str(number): failed}}
    failure = bad_request(FAILED, data, cause=data)
    failure.wording = f"{REQUESTS}: ({number}: Batch request failed..)."
    return failure
