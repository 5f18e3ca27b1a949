"""Short work that writes: as a unit on the event loop, or in a thread where it turns out to be long.

What makes it long may be known beforehand (triggers and the like, `worker.db.burdens`) or is found out: what exceeds
its budget on the loop is rolled back and run again as a transaction in a thread, on a connection of its own, under the
limit of a write. Ordinary writes pay a comparison or two for it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic_ns, thread_time_ns
from typing import Any, TypeVar

import apsw

from worker.unit import Tenant, Unit, Whole, transaction

T = TypeVar("T")
TenantT = TypeVar("TenantT", bound=Tenant)
WholeT = TypeVar("WholeT", bound=Whole)

# A part of a transaction that took so long sends the next ones to a thread, until so many were quick.
SLOW_WRITE_NS = 10_000_000


async def write(ctx: WholeT, body: Callable[[WholeT], Awaitable[T]], *, searches: bool = False) -> T:
    """Run `body`, which writes and does not wait, as a unit: on the event loop if it is short, else in a thread.

    It gets the context to work in, and may be run twice: of the first time nothing is left then. One that `searches`
    whole tables is not for the loop inside of a transaction. Raises apsw.InterruptError where it exceeds the limit of
    a write.
    """
    data, lanes = ctx.data, ctx.lanes
    if data.in_thread or (ctx.unit is not None and not ctx.is_inner):
        return await _in_unit(Unit(ctx), body, ctx)
    burden = data.burden.writes
    if ctx.is_inner:
        return await _write_inside(ctx, body, apart=burden or searches)
    budget_ns = 0 if burden else lanes.write_budget_ns(data)
    if budget_ns:
        unit = Unit(ctx)
        try:
            answer = await _in_unit(unit, body, ctx, budget_ns)
        except apsw.InterruptError:
            if unit.committed:  # what follows the unit was interrupted: that is no reason to write it again
                raise
            lanes.wrote(data, in_time=False)
        else:
            if data.write_pace is not None:
                lanes.wrote(data, in_time=True)
            return answer
    async with transaction(ctx) as inner:
        return await lanes.write(inner.data, lambda _: run_through(_in_unit(Unit(inner), body, inner)))


async def _write_inside(ctx: WholeT, body: Callable[[WholeT], Awaitable[T]], *, apart: bool) -> T:
    """Run `body` as a part of a transaction. It can't be tried: an interrupted write takes all of that along."""
    data, lanes = ctx.data, ctx.lanes
    began_ns = monotonic_ns()
    if apart or data.write_pace is not None:
        answer = await lanes.write(data, lambda _: run_through(_in_unit(Unit(ctx), body, ctx)))
    else:
        answer = await _in_unit(Unit(ctx), body, ctx)
    in_time = monotonic_ns() - began_ns <= SLOW_WRITE_NS
    if not (in_time and data.write_pace is None):
        lanes.wrote(data, in_time=in_time)
    return answer


async def _in_unit(unit: Unit, body: Callable[[TenantT], Awaitable[T]], ctx: TenantT, budget_ns: int = 0) -> T:
    async with unit:
        if budget_ns:
            ctx.data.deadline_ns = monotonic_ns() + budget_ns
            ctx.data.cpu_until_ns = thread_time_ns() + budget_ns
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
