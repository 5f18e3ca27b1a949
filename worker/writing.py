"""Short work that writes: as a unit on the event loop, or in a thread where it turns out to be long.

What makes it long may be known beforehand (triggers and the like, `worker.db.burdens`) or is found out: what exceeds
its budget on the loop is rolled back and run again as a transaction in a thread, on a connection of its own, under the
limit of a write. Ordinary writes pay a comparison or two for it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic_ns
from typing import Any, TypeVar

import apsw

from worker.unit import Tenant, Unit, Whole, transaction

T = TypeVar("T")
TenantT = TypeVar("TenantT", bound=Tenant)
WholeT = TypeVar("WholeT", bound=Whole)

# A part of a transaction that took so long on the event loop sends the next ones to a thread.
SLOW_WRITE_NS = 10_000_000


async def write(ctx: WholeT, body: Callable[[WholeT], Awaitable[T]]) -> T:
    """Run `body`, which writes and does not wait, as a unit: on the event loop if it is short, else in a thread.

    It gets the context to work in, and may be run twice: of the first time nothing is left then. Raises
    apsw.InterruptError where it exceeds the limit of a write.
    """
    data, lanes = ctx.data, ctx.lanes
    if data.in_thread or (ctx.unit is not None and not ctx.is_inner):
        return await _in_unit(ctx, body)
    burden = data.burden.writes
    if ctx.is_inner:
        if not burden and lanes.write_budget_ns(data):
            began_ns = monotonic_ns()
            answer = await _in_unit(ctx, body)
            if monotonic_ns() - began_ns > SLOW_WRITE_NS:
                lanes.wrote(data, in_time=False)
            return answer
        return await lanes.write(data, lambda _: run_through(_in_unit(ctx, body)))
    budget_ns = 0 if burden else lanes.write_budget_ns(data)
    if budget_ns:
        try:
            answer = await _in_unit(ctx, body, budget_ns)
        except apsw.InterruptError:
            lanes.wrote(data, in_time=False)
        else:
            if data.write_pace is not None:
                lanes.wrote(data, in_time=True)
            return answer
    async with transaction(ctx) as inner:
        return await lanes.write(inner.data, lambda _: run_through(_in_unit(inner, body)))


async def _in_unit(ctx: TenantT, body: Callable[[TenantT], Awaitable[T]], budget_ns: int = 0) -> T:
    async with Unit(ctx):
        if budget_ns:
            ctx.data.deadline_ns = monotonic_ns() + budget_ns
        return await body(ctx)


def run_through(steps: Coroutine[Any, Any, T]) -> T:
    """What a coroutine answers that does not wait, as those don't that nobody hears. RuntimeError if it does."""
    try:
        steps.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    steps.close()
    raise RuntimeError("what was to be done in one go has waited")
