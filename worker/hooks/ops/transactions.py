"""`$app.runInTransaction`: a transaction of the tenant's around something that its script runs.

The operation answers when the transaction is over: in between it has the script run the function that was passed. So a
transaction can't outlive its run: where that ends, however it does, the operation is cancelled and rolls back. One that
stays open too long, because its script sleeps or loops in it, ends the run: it keeps the tenant's other writers out.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.errors import ApiError
from worker.hooks.calls import Call, GoError, Operation
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

# How long a script may keep a transaction open, in multiples of what a write may take: others wait for twice that.
OPEN_WRITES_MAX = 2
TOO_LONG = "The script kept a transaction open for too long."
# Among what is kept for the run: that the time of an open transaction is running.
BOUNDED = "bounded"


async def run_in_transaction(call: Call, app: object, aux: object) -> None:
    """Have the script run the function that it has passed, in a transaction: committed unless it throws."""
    del aux  # what scripts write into the auxiliary database is written there at once
    ctx = call.context(app)
    if ctx.is_inner:
        raise GoError("a transaction is open")
    async with transaction(ctx) as inner:
        with known(call, inner) as number, bounded(call, inner):
            await call.run("tx", number)


@contextmanager
def known(call: Call, inner: "Context") -> Iterator[int]:
    """The number under which the script knows a transaction's context, as long as that is open."""
    number = call.app_of(inner)
    try:
        yield number
    finally:
        call.part(inner)


@contextmanager
def bounded(call: Call, ctx: "Context") -> Iterator[None]:
    """End the run of a script that keeps its tenant's writer for too long: `ctx` may be that of a transaction."""
    limit_ns = ctx.data.write_limit_ns
    if not ctx.is_inner or not limit_ns or BOUNDED in call.extras:
        yield
        return
    call.extras[BOUNDED] = True
    alarm = asyncio.get_running_loop().call_later(limit_ns * OPEN_WRITES_MAX / 1e9, _end, call)
    try:
        yield
    finally:
        alarm.cancel()
        del call.extras[BOUNDED]


def _end(call: Call) -> None:
    call.hooks.warn("a run was ended: it kept a transaction open for too long")
    call.end(ApiError(503, TOO_LONG, cause="the limit of a script's transaction"))


OPS: dict[str, Operation] = {"tx": run_in_transaction}
