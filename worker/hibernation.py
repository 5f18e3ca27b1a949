"""Which tenants need not be open: a tenant without traffic costs no memory, no descriptor and no CPU.

About once a second the least recently used tenants are looked at, as far as they have been idle for too long, and those
used just now, whether one has grown beyond its plan. How many may be open at all is the business of `worker.tenants`,
when the supervisor needs memory it says so (`trim`).
"""

import asyncio

import apsw

from supervisor.contract.settings import Settings
from worker.context import Context
from worker.heap import Heap, resident_kb
from worker.tenants import Tenants

# Closings begun at a time: a thousand tenants that fall silent at once are no reason to write a thousand files.
AT_A_TIME = 16
# Who was used within this time before a look counts as used just now.
LATELY_S = 2.0
# A context too heavy for its plan stays open for so long at least: one that always is must not be opened all the time.
STAY_S = 30.0
# How long a trim waits for what it closes at a time.
TRIM_PATIENCE_S = 10.0


class Hibernation:
    """Who is closed for want of anything to do."""

    def __init__(self, settings: Settings, tenants: Tenants) -> None:
        self._idle_close_s = settings.idle_close_s
        self._tenants = tenants
        self.heap = Heap(lambda work: tenants.closer.apart(tenants.accounts.own, work))

    def beat(self, now: float) -> None:
        """One look; `now` is a monotonic clock's, in s."""
        tenants = self._tenants
        tenants.now = now
        closing = [*self._idle_for(self._idle_close_s), *self._too_heavy()][: AT_A_TIME - len(tenants.closer)]
        for context in closing:
            tenants.close(context.name)
        self.heap.closed(len(closing))
        self.heap.beat(now)

    async def trim(self, idle_s: float, largest: int) -> dict[str, int]:
        """Close what has been idle for so long, then the largest idle ones; give memory back to the kernel.

        Returns `closed`, how many, and `rss_kb_before` and `rss_kb_after`. Also those that stay open are made smaller.
        """
        before = resident_kb()
        closed = await self._close(self._idle_for(idle_s))
        if largest > 0:
            rest = [context for context in self._tenants if self._is_idle(context)]
            rest.sort(key=Context.memory_kb, reverse=True)
            closed += await self._close(rest[:largest])
        for number, context in enumerate(self._tenants):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            if self._is_idle(context):
                _shrink(context)
        _, after = await self.heap.give_back()
        return {"closed": closed, "rss_kb_before": before, "rss_kb_after": after}

    async def _close(self, contexts: list[Context]) -> int:
        """Close those of them that are idle still; how many."""
        closed = 0
        while contexts:
            for context in contexts[:AT_A_TIME]:
                if self._is_idle(context):
                    self._tenants.close(context.name)
                    closed += 1
            del contexts[:AT_A_TIME]
            await self._tenants.closer.all_ended(TRIM_PATIENCE_S)
        return closed

    def _idle_for(self, seconds: float) -> list[Context]:
        """The contexts nobody has used for so long. One that is busy since before then is used now."""
        tenants = self._tenants
        until = tenants.now - seconds
        idle: list[Context] = []
        busy: list[Context] = []
        for context in tenants.oldest():
            if context.used_at > until:
                break
            (idle if self._is_idle(context) else busy).append(context)
        for context in busy:
            tenants.touch(context)
        return idle

    def _too_heavy(self) -> list[Context]:
        """Those used just now that exceed their plan's memory, as they weighed at the last report, and are idle."""
        now = self._tenants.now
        heavy = []
        for context in self._tenants.latest():
            if context.used_at < now - LATELY_S:
                break
            account = context.account
            limit_kb = 0 if account is None else account.plan.memory_mb * 1024
            if 0 < limit_kb < context.weight_kb and context.opened_at < now - STAY_S and self._is_idle(context):
                heavy.append(context)
        return heavy

    def _is_idle(self, context: Context) -> bool:
        tenants = self._tenants
        return tenants.live(context.name) is context and context.is_idle and not tenants.in_use(context.name)


def _shrink(context: Context) -> None:
    try:
        context.shrink()
    except apsw.Error:
        return  # whatever is wrong with the file, its next reader finds out
