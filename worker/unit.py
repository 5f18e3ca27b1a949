"""A unit of work: one transaction of a tenant, alone in its database, and what follows its commit.

A tenant has one writer at a time. Without hooks a transaction never waits in the middle, so the lock is free whenever
somebody asks; a hook that waits for its sandbox inside a transaction keeps other writers of this tenant, and only
those, waiting. Work inside a unit (a batch, a hook that saves a record) passes it on as `within` and becomes a
savepoint of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from worker.db.connection import Database

Step = Callable[[], Awaitable[None]]


class Tenant(Protocol):
    """The part of a context that a unit of work needs."""

    data: Database
    writer: asyncio.Lock


class Unit:
    """`async with Unit(ctx) as unit:` — committed at the end, rolled back by an exception."""

    __slots__ = ("_outer", "_transaction", "after", "committed", "context")

    def __init__(self, context: Tenant, within: "Unit | None" = None) -> None:
        self.context = context
        self._outer = within
        self._transaction: AbstractContextManager[None] | None = None
        # whether the work is kept, so far as this unit goes: an error after that undoes nothing
        self.committed = False
        # run once the outermost unit is committed, in order
        self.after: list[Step] = []

    async def __aenter__(self) -> "Unit":
        if self._outer is None:
            await self.context.writer.acquire()
        try:
            self._transaction = self.context.data.transaction()
            self._transaction.__enter__()
        except BaseException:
            self._release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transaction is not None
        try:
            self._transaction.__exit__(kind, error, trace)
        finally:
            self._release()
        if error is not None:
            return
        self.committed = True
        if self._outer is not None:
            self._outer.after.extend(self.after)
            return
        for step in self.after:
            await step()

    def _release(self) -> None:
        if self._outer is None:
            self.context.writer.release()
