"""Work on a tenant's files off the loop: writing its log, a checkpoint, an fsync and a close take milliseconds or more.

While they are closed requests of the tenant wait at the gate; the next one opens them afresh. A context that is still
used, because somebody would not end in time, is closed on the loop: no thread closes what the loop is using. A tenant's
scripts have the first word (`onTerminate`), for a bounded time.

The threads are apart from the lanes': no tenant's passwords keep another one's files open. Their CPU is booked to whose
files they are.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import thread_time_ns
from typing import Any

from worker.context import Context
from worker.fair.account import Account
from worker.holds import Holds, Why
from worker.hooks.lifecycle import TERMINATE_TIMEOUT_S
from worker.hooks.scripts import Scripts

THREADS = 4
# Of the time there is for closing all of them: how much of it their scripts may take.
WORDS_SHARE = 0.5
# Beyond it the loop closes by itself, so that closing keeps up with opening and descriptors stay bounded.
UNDER_WAY_MAX = 32
# So many are closed on the loop in a row when all are, a tenth of a millisecond each.
HERE_AT_A_TIME = 32
# Where no more than so many are closed at the end, what little their logs have to write goes into the databases, where
# the real PocketBase finds it: some two milliseconds each, too much for a thousand.
UNHURRIED_MAX = 64


class Closer:
    """The closings of one worker."""

    def __init__(self, holds: Holds, scripts: Scripts, log: logging.Logger) -> None:
        self._holds = holds
        self._scripts = scripts
        self._log = log
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether files of the tenant are being closed."""
        return name in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._under_way))

    def close(self, context: Context) -> None:
        """Begin to close `context`, which nobody gets hold of any more. What fails is logged: nothing else is left."""
        at_once = context.busy or len(self._under_way) >= UNDER_WAY_MAX or not _on_loop()
        if not at_once and self._scripts.farewell(context):
            self._holds.hold(context.name, Why.CLOSING)
            self._start(context.name, self._last_words(context))
            return
        self._scripts.drop(context)
        finish = context.part()
        if at_once:
            try:
                finish()
            except Exception as error:
                self._failed(context.name, error)
            return
        self._holds.hold(context.name, Why.CLOSING)
        self._start(context.name, self.apart(context.account, finish))

    async def ended(self, name: str) -> None:
        """Wait until nothing of the tenant is being closed."""
        while (task := self._under_way.get(name)) is not None:
            await asyncio.wait([task])

    async def all_ended(self, timeout_s: float) -> int:
        """Wait for every closing under way; how many are left after so long."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=timeout_s)
        return len(self._under_way)

    async def close_all(self, contexts: Iterable[Context], timeout_s: float) -> int:
        """Close these, several at a time, however they are used; how many are left after so long.

        What was acknowledged is safe all the same: it stands in the WAL. Nobody is served any more, so what waits for
        no disk is done here: a thread would take several times as long for it.
        """
        contexts = list(contexts)
        hasty = len(contexts) > UNHURRIED_MAX
        for number, context in enumerate(contexts, 1):
            if self._scripts.farewell(context):
                words_s = min(TERMINATE_TIMEOUT_S, timeout_s * WORDS_SHARE)
                self._start(context.name, self._last_words(context, words_s, hasty=hasty, last=True))
            else:
                self._close_last(context, hasty=hasty)
            if number % HERE_AT_A_TIME == 0:
                await asyncio.sleep(0)
        left = await self.all_ended(timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return left

    async def apart(self, account: Account | None, work: Callable[[], object]) -> None:
        """Do `work`, which blocks, in a thread, at the expense of `account`."""
        spent_ns = await asyncio.get_running_loop().run_in_executor(self._pool, _timed, work)
        if account is not None:
            account.pool_ns += spent_ns

    def _close_last(self, context: Context, *, hasty: bool) -> None:
        finish = context.part(hasty=hasty, last=True)
        if not (context.is_settled and (hasty or not context.logs.spooled)):
            self._start(context.name, self.apart(context.account, finish))
            return
        try:
            finish()
        except Exception as error:
            self._failed(context.name, error)

    async def _last_words(
        self, context: Context, timeout_s: float = TERMINATE_TIMEOUT_S, *, hasty: bool = False, last: bool = False
    ) -> None:
        """Its scripts end, then it is closed."""
        try:
            await self._scripts.part(context, timeout_s)
        finally:
            self._scripts.drop(context)
            finish = context.part(hasty=hasty, last=last)
        await self.apart(context.account, finish)

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._under_way[name] = asyncio.get_running_loop().create_task(self._finish(name, work))

    async def _finish(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(name, error)
        finally:
            if self._under_way.get(name) is asyncio.current_task():
                del self._under_way[name]
            self._holds.free(name, Why.CLOSING)

    def _failed(self, name: str, error: Exception) -> None:
        self._log.error("tenant %s: closing failed: %s", name, error, extra={"tenant": name})


def _timed(work: Callable[[], object]) -> int:
    """Do it; the CPU time of this thread that it took, in ns."""
    began = thread_time_ns()
    work()
    return thread_time_ns() - began


def _on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
