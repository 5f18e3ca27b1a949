"""When the tenants' request logs are written: every some seconds, and what is in a spool, now and then.

A log with little to write appends it to its spool, on the loop, where that costs less than to give it to a thread; one
with more is flushed in a thread. Those that never have more are flushed every SPOOLED_ROUNDS rounds. A log that was
closed meanwhile is flushed already.
"""

import asyncio
from time import thread_time_ns

from worker.context import Context
from worker.tenants import Tenants

# Rows may be in a spool for so many rounds: with one every 3 s, five minutes.
SPOOLED_ROUNDS = 100
# Of the loop's time, before others have their turn.
SLICE_NS = 500_000


class LogKeeper:
    """Writes the logs of one worker's live tenants. A log never fails; what it can't write it counts."""

    def __init__(self, tenants: Tenants, every_s: float) -> None:
        self._tenants = tenants
        self._every_s = every_s
        self._round = 0
        # tenants with rows in a spool, in the order of the rounds since when
        self._spooled: dict[str, int] = {}

    async def keep(self) -> None:
        """Round after round, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.round()

    async def round(self) -> None:
        """Write what is due."""
        self._round += 1
        names = list(self._tenants.unwritten)
        self._tenants.unwritten.clear()  # the same set: open tenants add themselves to it
        await self._write(names)
        await self._flush_old()

    async def _write(self, names: list[str]) -> None:
        began_ns = last_ns = thread_time_ns()
        for name in names:
            context = self._tenants.live(name)
            if context is None or not context.logs.pending:
                continue
            done = context.logs.spool()
            now_ns = thread_time_ns()
            if context.account is not None:
                context.account.loop_ns += now_ns - last_ns
            last_ns = now_ns
            if done:
                self._note(context)
            else:
                await self._flush(context)
            if not done or now_ns - began_ns > SLICE_NS:
                await asyncio.sleep(0)
                began_ns = last_ns = thread_time_ns()

    def _note(self, context: Context) -> None:
        if context.logs.pending:
            self._tenants.unwritten.add(context.name)
        if context.logs.spooled:
            self._spooled.setdefault(context.name, self._round)

    async def _flush(self, context: Context) -> None:
        """In a thread, one after another: a thousand in a row on the loop would be felt."""
        name = context.name
        self._spooled.pop(name, None)
        await self._tenants.closer.apart(context.account, context.logs.flush)
        if context.logs.pending and self._tenants.live(name) is context:
            self._tenants.unwritten.add(name)

    async def _flush_old(self) -> None:
        """Those whose rows are in their spools for long enough."""
        while self._spooled:
            name, since = next(iter(self._spooled.items()))
            if self._round - since < SPOOLED_ROUNDS:
                return
            del self._spooled[name]
            context = self._tenants.live(name)
            if context is not None and context.logs.spooled:
                await self._flush(context)
