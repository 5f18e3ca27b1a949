"""A unit of work: one transaction of a tenant, alone in its database, and what follows it.

A tenant has one writer at a time; whoever writes holds `writer`. There are two ways to write:

- `Unit`: short work that never waits in the middle, on the connection that everybody reads from. Nobody else of the
  tenant runs before it is committed or rolled back, so nobody sees what is not committed.
- `transaction`: work that may wait in the middle (a hook, a password's hash, a batch). It has a connection of its own
  and a context of its own, the inner one: whoever uses the outer one meanwhile reads what is committed, and a rollback
  finds the outer one as it was.

`worker.writing` runs short work as a Unit, and as a `transaction` in a thread where it turns out to be long.

Both may be nested, in any order but one: inside a Unit of the outer context nothing may wait, so no transaction can
begin there. What is nested is a savepoint of the same connection.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from time import monotonic_ns
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

import apsw

from worker.db.connection import Database
from worker.db.limits import WAL_PAGES
from worker.errors import ApiError

T = TypeVar("T")

# What follows a unit of work; it gets the context in which the work has become true, or has not.
Step = Callable[[Any], Awaitable[None]]
# As `Step`, for work that was rolled back; it also gets the error that did it.
FailureStep = Callable[[Any, Exception], Awaitable[None]]

# How long a writer waits for another one, in multiples of what a write may take.
WRITER_PATIENCE = 4


class Writer(asyncio.Lock):
    """The lock of a tenant's writers, which knows whether somebody is in the queue."""

    def __init__(self) -> None:
        super().__init__()
        # how many wait for it
        self.queued = 0

    async def acquire(self) -> Literal[True]:
        """As a lock's."""
        self.queued += 1
        try:
            return await super().acquire()
        finally:
            self.queued -= 1

    @property
    def free(self) -> bool:
        """Whether `acquire` would not wait. A lock that was just released still belongs to the next in the queue."""
        return not (self.locked() or self.queued)


class Catalog(Protocol):
    """The part of a catalog that a unit of work needs."""

    version: int

    def reload(self, db: Database) -> None:
        """Read everything again."""


class Lanes(Protocol):
    """Where writes run (`worker.lanes`)."""

    def write_budget_ns(self, db: Database) -> int:
        """How long the next write may try on the event loop; 0: not at all."""

    def wrote(self, db: Database, *, in_time: bool) -> None:
        """Whether one was done within that."""

    async def write(self, db: Database, fn: Callable[[Database], T]) -> T:
        """Run `fn` in a thread on the connection of a transaction."""

    async def checkpoint(self, db: Database) -> None:
        """Take the write-ahead log back, in a thread."""

    @property
    def checkpoints(self) -> asyncio.Semaphore:
        """Who may do so now."""


class Tenant(Protocol):
    """The part of a context that a unit of work needs."""

    data: Database
    auth_epoch: int
    writer: Writer
    # the innermost unit of work that is open here
    unit: "Unit | None"

    @property
    def is_inner(self) -> bool:
        """Whether this context is one transaction's own."""

    @property
    def catalog(self) -> Catalog:
        """The tenant's collections."""

    @property
    def lanes(self) -> Lanes:
        """Where writes run."""


class Whole(Tenant, Protocol):
    """The part of a context that a transaction needs."""

    # what ends the transaction that is open on another connection, if there is one
    ending: asyncio.Timeout | None
    # a connection that a transaction has left behind
    spare: Database | None

    @property
    def keeps_spare(self) -> bool:
        """Whether another transaction is likely to come."""

    def inner(self, data: Database) -> Self:
        """A context for one transaction on `data`, a connection of its own."""

    def adopt(self, inner: Self) -> None:
        """Take over what a committed transaction changed."""


WholeT = TypeVar("WholeT", bound=Whole)


class Unit:
    """`async with Unit(ctx) as unit:` — committed at the end, rolled back by an exception. Don't wait inside."""

    __slots__ = ("_above", "_epoch", "_locked", "_transaction", "_version", "after", "committed", "context", "undone")

    def __init__(self, context: Tenant) -> None:
        self.context = context
        # whether its end has been reached and nothing can undo it but a unit around it
        self.committed = False
        self._above: Unit | None = None
        self._locked = False
        self._transaction: AbstractContextManager[None] | None = None
        # run in order once the outermost unit is committed, with the context it was begun with
        self.after: list[Step] = []
        # run in order once this one or one around it has been rolled back
        self.undone: list[FailureStep] = []

    async def __aenter__(self) -> "Unit":
        ctx = self.context
        if ctx.unit is None:
            await lock_writer(ctx)
            self._locked = True
        try:
            self.begin()
        except BaseException:
            self._release()
            raise
        data = ctx.data
        if data.write_limit_ns and not data.deadline_ns:
            data.deadline_ns = monotonic_ns() + data.write_limit_ns
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end(kind, error, trace)
        except BaseException as failure:  # it could not be committed
            self._release()
            await self.undo(failure, self.context)
            raise
        self._release()
        if error is None:
            if self.context.data.wal_pages >= WAL_PAGES and self._locked:
                take_back_soon(self.context)
            await self.done(self.context)
        else:
            await self.undo(error, self.context)

    def begin(self) -> None:
        """Open the transaction, or the savepoint of the one that is open."""
        ctx = self.context
        self._version = ctx.catalog.version
        self._epoch = ctx.auth_epoch
        self._transaction = ctx.data.transaction()
        self._transaction.__enter__()
        self._above = ctx.unit
        ctx.unit = self

    def end(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Commit, or roll back because of `error`; raises what made a commit fail, which has rolled back then."""
        assert self._transaction is not None
        self.context.unit = self._above
        try:
            self._transaction.__exit__(kind, error, trace)
        except BaseException:
            self._revert()
            raise
        if error is None:
            self.committed = True
        else:
            self._revert()

    def _revert(self) -> None:
        """Have the context match the database again; a whole transaction's own one ends with it."""
        ctx = self.context
        if ctx.is_inner and self._above is None:
            return
        if ctx.auth_epoch != self._epoch:
            ctx.auth_epoch += 1  # who was let in meanwhile by a change that never was, is looked at again
        if ctx.catalog.version != self._version:
            ctx.catalog.reload(ctx.data)

    async def done(self, ctx: Tenant) -> None:
        """What follows a commit: hand the steps on to the unit around this one, or run them."""
        above = self._above
        if above is not None:
            above.after.extend(self.after)
            above.undone.extend(self.undone)
            return
        await _all_of(step(ctx) for step in self.after)

    async def undo(self, error: BaseException, ctx: Tenant) -> None:
        """What follows a rollback by `error`; a cancelled one is followed by nothing."""
        if isinstance(error, Exception):
            await _all_of(step(ctx, error) for step in self.undone)

    def _release(self) -> None:
        if self._locked:
            self.context.writer.release()


@asynccontextmanager
async def transaction(ctx: WholeT) -> AsyncIterator[WholeT]:
    """`async with transaction(ctx) as inner:` — a transaction that may wait; use `inner` in it, never `ctx`.

    Committed at the end; rolled back by an exception, also a cancellation. Inside of another transaction it is a
    savepoint, and `inner` is `ctx` itself. `after` and `undone` of `inner.unit` follow it. Where the tenant is closed
    meanwhile it is cut short, and raises apsw.ConnectionClosedError.
    """
    if ctx.is_inner:
        async with Unit(ctx):
            ctx.data.deadline_ns = 0  # that of a write is not for what may wait; the unit's end brings it back
            yield ctx
        return
    if ctx.unit is not None:
        raise RuntimeError("a transaction that may wait can't begin inside of a unit that may not")
    await asyncio.sleep(0)  # a request is a task, which can be cut short, from its first wait on
    await _lock(ctx)
    unit: Unit | None = None
    try:
        with second_connection(ctx) as data:
            inner = ctx.inner(data)
            unit = Unit(inner)
            unit.begin()
            data.deadline_ns = 0  # the limit is that of each unit inside: this one also lasts while nothing is written
            try:
                async with _unless_closed(ctx):
                    yield inner
            except BaseException as error:
                unit.end(type(error), error, error.__traceback__)
                raise
            unit.end()
            ctx.adopt(inner)
            ctx.data.burden = data.burden
    except BaseException as error:
        if unit is not None:
            await unit.undo(error, ctx)
        raise
    if ctx.data.wal_pages >= WAL_PAGES:
        take_back_soon(ctx)
    await unit.done(ctx)


async def within(ctx: WholeT, work: Callable[[WholeT], Awaitable[None]]) -> None:
    """Do `work` in a `transaction`: for code that is compiled, which must not wait while it handles an exception."""
    async with transaction(ctx) as inner:
        await work(inner)


@contextmanager
def second_connection(ctx: Whole) -> Iterator[Database]:
    """A connection for who holds the writer's lock, which is released with it."""
    try:
        ctx.data.connection.get_autocommit()  # raises where the tenant was closed before it was this one's turn
        with _lent(ctx) as data:
            data.write_limit_ns = ctx.data.write_limit_ns
            data.room = ctx.data.room
            data.account = ctx.data.account
            data.burden, data.write_pace, data.wal_due = ctx.data.burden, ctx.data.write_pace, ctx.data.wal_due
            data.exclusive = True
            yield data
            ctx.data.write_pace, ctx.data.wal_due = data.write_pace, data.wal_due
            ctx.data.wal_pages = data.wal_pages
    finally:
        ctx.writer.release()


@contextmanager
def _lent(ctx: Whole) -> Iterator[Database]:
    """A connection for one transaction: opening one takes longer than most of what is done with it.

    So that of a tenant whose scripts may want one at each request is kept, as long as nothing was wrong with it.
    """
    data, ctx.spare = ctx.spare, None
    if data is None:
        data = Database(ctx.data.path)
    else:
        data.wal_pages = ctx.data.wal_pages
    keeps = False
    try:
        yield data
        keeps = ctx.keeps_spare
    except Exception as error:
        keeps = ctx.keeps_spare and not isinstance(error, apsw.Error)
        raise
    finally:
        if keeps and data.clean() and not ctx.data.closed:
            ctx.spare = data
        else:
            data.close()


@asynccontextmanager
async def _unless_closed(ctx: Whole) -> AsyncIterator[None]:
    """Cut short what runs inside once the tenant is closed: whoever opens it next must not find it locked."""
    try:
        async with asyncio.timeout(None) as ending:
            ctx.ending = ending
            yield
        ctx.data.connection.get_autocommit()  # raises where the tenant was closed a moment ago
    except TimeoutError:
        if not ending.expired():
            raise
        raise apsw.ConnectionClosedError("the tenant was closed") from None
    finally:
        ctx.ending = None


def take_back_soon(ctx: Tenant) -> None:
    """Have the tenant's write-ahead log taken back, by a thread, at the next opportunity."""
    data = ctx.data
    if data.wal_task is None:
        data.wal_task = asyncio.get_running_loop().create_task(_take_back(ctx))


async def _take_back(ctx: Tenant) -> None:
    data = ctx.data
    try:
        async with ctx.lanes.checkpoints:
            if not ctx.writer.free:  # whoever writes will ask again
                return
            await ctx.writer.acquire()
            try:
                data.connection.get_autocommit()  # raises where the tenant was closed meanwhile
                await ctx.lanes.checkpoint(data)
                data.wal_pages = 0
            finally:
                ctx.writer.release()
    except (apsw.Error, ApiError):
        pass  # the next commit asks again
    finally:
        data.wal_task = None


async def _all_of(steps: Iterable[Awaitable[None]]) -> None:
    """Carry out every step in turn, whatever becomes of the others; then raise the first error."""
    first: Exception | None = None
    for step in steps:
        try:
            await step
        except Exception as error:
            first = first or error
    if first is not None:
        raise first


async def follow(ctx: Tenant, after: Step, undone: FailureStep) -> None:
    """Have `after` run once what was written so far is committed: now, where no unit is open.

    `undone` runs instead if it is rolled back.
    """
    unit = ctx.unit
    if unit is None:
        await after(ctx)
    else:
        unit.after.append(after)
        unit.undone.append(undone)


async def lock_writer(ctx: Tenant) -> None:
    """Become the tenant's one writer. Raises apsw.BusyError where another one does not come to an end."""
    if not ctx.writer.free:
        await asyncio.sleep(0)  # a request is a task, which can have a timeout, from its first wait on
    await _lock(ctx)


async def _lock(ctx: Tenant) -> None:
    limit_ns = ctx.data.write_limit_ns
    if ctx.writer.free or not limit_ns:
        await ctx.writer.acquire()
        return
    try:
        async with asyncio.timeout(limit_ns * WRITER_PATIENCE / 1e9):
            await ctx.writer.acquire()
    except TimeoutError:
        raise apsw.BusyError("another writer of the tenant has not come to an end") from None
