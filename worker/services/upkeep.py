"""What a tenant does for itself from time to time, under the names that the real one has for it.

It is done while a tenant is open. One that sleeps is not woken for it: nothing in it grows meanwhile, and what has
expired is refused by those who look at it.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from worker.records.actions import remove
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.schema.collection import AUTH
from worker.sql import stamp
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

# Rows deleted at a time; what is left waits for the next time.
EXPIRED_MAX = 1_000


class Chore(NamedTuple):
    """Its id, its cron expression, and what is done."""

    id: str
    expression: str
    run: Callable[["Context"], Awaitable[None]]


async def optimize(ctx: "Context") -> None:
    """Have SQLite refresh the statistics that it plans by, where it finds that necessary."""

    async def body(ctx: "Context") -> None:
        ctx.data.once("PRAGMA optimize")

    await write(ctx, body, searches=True)


async def drop_second_factors(ctx: "Context") -> None:
    """Delete the MFA sessions that have expired."""
    await _drop_expired(ctx, "_mfas")


async def drop_passwords(ctx: "Context") -> None:
    """Delete the one-time passwords that have expired."""
    await _drop_expired(ctx, "_otps")


async def prune_logs(ctx: "Context") -> None:
    """Delete log entries that are older than the settings want them."""
    await ctx.lanes.blocking(ctx.account, ctx.logs.prune)


async def _drop_expired(ctx: "Context", name: str) -> None:
    collection = ctx.catalog.get(name)
    if collection is None:
        return
    plan = plan_of(collection)
    for owner in ctx.catalog.of_type(AUTH):
        assert owner.auth is not None
        duration_s = owner.auth.mfa.duration if name == "_mfas" else owner.auth.otp.duration
        sql = (
            f"SELECT {plan.columns} FROM {plan.table}"
            f" WHERE `collectionRef` = ? AND `created` < ? ORDER BY `created` LIMIT {EXPIRED_MAX}"
        )
        params = (owner.id, stamp(int((time.time() - duration_s) * 1000)))
        rows = await ctx.lanes.read(ctx.data, lambda db, sql=sql, params=params: db.all(sql, params))  # type: ignore[misc]
        for row in rows:
            await remove(ctx, Record.stored(collection, plan.values(row)))


CHORES = (
    Chore("__pbDBOptimize__", "0 0 * * *", optimize),
    Chore("__pbMFACleanup__", "0 * * * *", drop_second_factors),
    Chore("__pbOTPCleanup__", "0 * * * *", drop_passwords),
    Chore("__pbLogsCleanup__", "0 */6 * * *", prune_logs),
)
