"""The live tenants of a worker: opened on first use, closed again by many (`worker.hibernation`, orders, hand-overs).

A damaged database marks its own tenant failed, tells the supervisor why, and touches no other tenant. What may pass by
itself (no descriptors, a lock) only refuses the request.

No tenant is opened that this worker does not own at that moment, whoever asks.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import apsw

from supervisor.contract.messages import Message, TenantFailed
from supervisor.contract.plan import DEFAULT_PLAN
from supervisor.contract.settings import Settings, plan_of, tenants_dir
from supervisor.contract.tenant import Tenant, TenantState
from worker.closing import Closer
from worker.context import Context
from worker.db.connection import Database
from worker.db.faults import may_pass
from worker.db.limits import statements_for
from worker.db.warmth import Warmth
from worker.errors import ApiError
from worker.fair.account import Accounts
from worker.holds import Holds, Why
from worker.hooks.scripts import Scripts
from worker.lanes import Lanes
from worker.ownership import Ownership
from worker.services.rooms import Rooms

# What a client is told where a tenant is registered but does not serve.
REFUSALS: dict[TenantState, tuple[int, str]] = {
    TenantState.CREATING: (503, "The tenant is being created."),
    TenantState.SUSPENDED: (503, "The tenant is suspended."),
    TenantState.MOVING: (503, "The tenant is being moved."),
    TenantState.FAILED: (503, "The tenant's data can't be opened."),
    TenantState.DELETED: (404, ""),
}
ELSEWHERE = (503, "The tenant is served by another process.")

T = TypeVar("T")

# How many idle tenants make room for one that can't be opened for want of descriptors.
ROOM_FOR_ONE = 8


class Tenants:
    """The contexts of one worker by tenant name, least recently used first."""

    def __init__(
        self,
        settings: Settings,
        lanes: Lanes,
        *,
        ownership: Ownership,
        accounts: Accounts,
        holds: Holds,
        log: logging.Logger,
        tell: Callable[[Message], None],
    ) -> None:
        self.settings = settings
        self.lanes = lanes
        self.ownership = ownership
        self.accounts = accounts
        self.scripts = Scripts(settings, lanes, accounts.own, tell)
        self.closer = Closer(holds, self.scripts, log)
        self.root = tenants_dir(settings)
        self.rooms = Rooms(self.root, settings.disk.reserve_mb, log, tell)
        # coarse clock (s), moved on about once a second
        self.now = 0.0
        # those whose request log has something to write
        self.unwritten: set[str] = set()
        # those on which no order may work any longer (read in threads)
        self.cut_off: set[str] = set()
        self._warmth = Warmth(settings.sql.memory_mb << 20, self._rest)
        self._holds = holds
        self._log = log
        self._tell = tell
        self._live: OrderedDict[str, Context] = OrderedDict()
        self._failed: dict[str, str] = {}
        self._worked_on: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Context]:
        return iter(list(self._live.values()))

    def oldest(self) -> Iterator[Context]:
        """The contexts, least recently used first. None must be opened or closed while this is gone through."""
        return iter(self._live.values())

    def latest(self) -> Iterator[Context]:
        """The contexts, most recently used first. None must be opened or closed while this is gone through."""
        return reversed(self._live.values())

    def directory(self, name: str) -> Path:
        """Where the files of the tenant `name` are."""
        return self.root / name

    def live(self, name: str) -> Context | None:
        """The context of `name` if it is open."""
        return self._live.get(name)

    def touch(self, context: Context) -> None:
        """Note that a live context is in use."""
        self._live.move_to_end(context.name)
        context.used_at = self.now

    # -- opening -------------------------------------------------------------------------------------------------------

    def open(self, tenant: Tenant) -> Context:
        """The context of a tenant that serves. Raises ApiError (503, 404) for one that does not."""
        name = tenant.name
        context = self._live.get(name)
        if context is not None and tenant.state is TenantState.ACTIVE:
            self._live.move_to_end(name)
            context.used_at = self.now
            self._warmth.used(context.data)
            if context.data.resting:
                self._wake(context)
            return context
        if tenant.state is not TenantState.ACTIVE:
            raise ApiError(*REFUSALS[tenant.state])
        return self.open_any(name)

    def open_any(self, name: str) -> Context:
        """The context of `name` whatever its state. Raises ApiError 503 when it can't be opened."""
        context = self._live.get(name)
        if context is not None:
            return context
        if not self.ownership.mine(name):
            # two owners of a database are the worst that can happen, so this is the last door, and it should never
            # be reached: requests are routed elsewhere, or wait at the gate
            self._log.error("tenant %s is not opened: this worker does not own it", name, extra={"tenant": name})
            raise ApiError(*ELSEWHERE, cause="not the owner")
        if name in self._failed:
            raise ApiError(*REFUSALS[TenantState.FAILED], cause=self._failed[name])
        try:
            context = self._opened(name)
        except Exception as error:  # whatever stands in the file
            raise self._refusal(name, error) from error
        self._furnish(context)
        context.opened_at = context.used_at = self.now
        context.logs.on_first = partial(self.unwritten.add, name)
        self._live[name] = context
        self._warmth.used(context.data)
        self._begin(context)
        self._evict(keep=name)
        return context

    def _refusal(self, name: str, error: Exception) -> ApiError:
        """What to answer where a tenant's files can't be opened; damaged ones take it out of service."""
        reason = f"{type(error).__name__}: {error}"
        if may_pass(error, self.directory(name) / "pb_data" / "data.db"):
            self._log.error("tenant %s can't be opened now: %s", name, reason, extra={"tenant": name})
        else:
            self.fail(name, reason)
        return ApiError(*REFUSALS[TenantState.FAILED], cause=reason)

    def _begin(self, context: Context) -> None:
        """Have its scripts start, if it has some. ApiError 503 where even that can't be seen: it is closed again."""
        context.busy += 1  # it makes no room for itself
        try:
            try:
                self.scripts.open(context)
            except OSError:
                if not self.make_room():
                    raise
                self.scripts.open(context)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self._log.error("tenant %s can't be opened now: %s", context.name, reason, extra={"tenant": context.name})
            self.close(context.name)
            raise ApiError(*REFUSALS[TenantState.FAILED], cause=reason) from error
        finally:
            context.busy -= 1

    def _opened(self, name: str) -> Context:
        """Its files opened."""
        tenant = self.ownership.directory.get(name)
        open_context = partial(
            Context,
            name,
            self.directory(name),
            self.lanes,
            write_limit_s=self.settings.sql.write_timeout_s,
            log_queue_max=self.settings.logs.queue_max,
            account=None if tenant is None else self.accounts.of(tenant),
            statements=statements_for(len(self._live)),
        )
        return self._with_room(name, open_context)

    def _wake(self, context: Context) -> None:
        """Open the file of a live tenant again. Raises ApiError 503 where it can't be opened any more."""
        context.busy += 1  # it makes no room for itself
        try:
            self._with_room(context.name, context.data.wake)
        except Exception as error:  # whatever has become of it
            raise self._refusal(context.name, error) from error
        finally:
            context.busy -= 1

    def _with_room(self, name: str, open_it: Callable[[], T]) -> T:
        """What `open_it` opens; tried again where idle tenants could make room for its descriptors."""
        try:
            return open_it()
        except (apsw.CantOpenError, OSError) as error:
            if not may_pass(error, self.directory(name) / "pb_data" / "data.db") or not self.make_room():
                raise
        return open_it()

    def make_room(self) -> int:
        """Out of descriptors: close some idle tenants at once; how many there were."""
        idle = [name for name, context in self._live.items() if context.is_idle][:ROOM_FOR_ONE]
        if idle:
            self._log.warning("out of descriptors: %d idle tenants are closed", len(idle))
        for name in idle:
            self.unwritten.discard(name)
            context = self._live.pop(name)
            self._warmth.forget(context.data)
            self.scripts.drop(context)  # there is no time for a word of theirs
            try:
                context.close()
            except (apsw.Error, OSError) as error:
                self._log.error("tenant %s: closing failed: %s", name, error, extra={"tenant": name})
        return len(idle)

    def _furnish(self, context: Context) -> None:
        """Have the context keep to the disk quota of its tenant's plan."""
        tenant = self.ownership.directory.get(context.name)
        plan = plan_of(self.settings, DEFAULT_PLAN if tenant is None else tenant.plan)
        self.rooms.furnish(context, plan.disk_mb)

    @asynccontextmanager
    async def using(self, name: str, *, serving: bool = True) -> AsyncIterator[Context]:
        """`async with tenants.using(name) as ctx:` — open, and not closed meanwhile. For what is no request.

        Raises ApiError where this worker does not own the tenant, where it can't be opened, and, if it has to be
        `serving`, where its state forbids it; one that does not serve is closed again at the end.
        """
        with self.work(name):
            await self.closer.ended(name)
            tenant = self.ownership.directory.get(name)
            if tenant is None or not self.ownership.mine(name):
                raise ApiError(*ELSEWHERE, cause="not the owner")
            context = self.open(tenant) if serving else self.open_any(name)
            context.busy += 1
            try:
                if serving and context.starting is not None:
                    await context.starting
                yield context
            finally:
                context.busy -= 1
                tenant = self.ownership.directory.get(name)
                if tenant is None or tenant.state is not TenantState.ACTIVE:
                    self.close(name)
        await self.closer.ended(name)

    @contextmanager
    def work(self, name: str) -> Iterator[None]:
        """While something other than a request works on the tenant's files: it does not change its owner."""
        self._worked_on[name] += 1
        try:
            yield
        finally:
            self._worked_on[name] -= 1
            if not self._worked_on[name]:
                del self._worked_on[name]

    # -- use -----------------------------------------------------------------------------------------------------------

    def in_use(self, name: str) -> bool:
        """Whether requests of the tenant are under way, a thread has its files open, or an order works on it."""
        if name in self._worked_on:
            return True
        context = self._live.get(name)
        if context is not None and context.busy:
            return True
        account = self.accounts.get(name)
        if account is not None and account.running > 0:
            return True
        return any(payer.name == name for payer in self.lanes.payers())

    def touched(self) -> set[str]:
        """Every tenant that is live, being closed, or in use; a thread may outlast the context it worked for."""
        names = {account.name for account in self.accounts if account.running > 0}
        in_threads = {account.name for account in self.lanes.payers()}
        return names.union(in_threads, self._live, self.closer, self._worked_on)

    # -- closing -------------------------------------------------------------------------------------------------------

    def fail(self, name: str, reason: str) -> None:
        """Take `name` out of service because its data is damaged, and tell the supervisor."""
        if name in self._failed:
            return
        self._log.error("tenant %s failed: %s", name, reason, extra={"tenant": name})
        self._failed[name] = reason
        if name in self._live:
            self.scripts.drop(self._live[name])  # they would find what is damaged
        self.close(name)
        self._tell(TenantFailed(name=name, reason=reason))

    def changed(self, tenant: Tenant) -> None:
        """Follow a change of the registry: its plan, what no longer serves, failures that were mended."""
        plan = plan_of(self.settings, tenant.plan)
        account = self.accounts.get(tenant.name)
        if account is not None and account.plan != plan:
            account.plan = plan
            if self._holds.gate is not None:
                self._holds.gate.settle(account)
        if tenant.state is not TenantState.FAILED:
            self._failed.pop(tenant.name, None)
        if tenant.state is not TenantState.ACTIVE:
            self.close(tenant.name)
        elif (context := self._live.get(tenant.name)) is not None:
            self.rooms.limit(context, plan.disk_mb)
        self.disown_strays([tenant.name])

    def dropped(self, name: str) -> None:
        """The tenant is no more: whoever waits for it shall hear so."""
        self._failed.pop(name, None)
        self.close(name)
        self.ownership.expected.discard(name)
        self._holds.free(name, Why.EXPECTED)

    def close(self, name: str) -> None:
        """Begin to close `name` if it is open (`closer.ended` tells when that is done)."""
        context = self._live.pop(name, None)
        if context is not None:
            self.unwritten.discard(name)
            self._warmth.forget(context.data)
            self.closer.close(context)

    def _rest(self, db: Database) -> None:
        """Close the file of a live tenant for want of memory, if nothing is under way for it."""
        name = db.account.name if db.account is not None else ""
        context = self._live.get(name)
        if context is not None and context.data is db and context.may_rest and not self.in_use(name):
            context.rest()

    async def close_all(self, timeout_s: float) -> None:
        """Close every context, within so many seconds."""
        contexts = list(self._live.values())
        self._live.clear()
        left = await self.closer.close_all(contexts, timeout_s)
        if left:
            self._log.warning("%d of %d tenants were not closed in time", left, len(contexts))

    def disown_strays(self, names: Iterable[str]) -> None:
        """Close what of it is open though another worker owns it: none, if everybody keeps to the rules."""
        for name in [name for name in names if name in self._live and not self.ownership.routed_here(name)]:
            self._log.error("tenant %s was open but is another worker's", name, extra={"tenant": name})
            self.close(name)

    def _evict(self, keep: str) -> None:
        excess = len(self._live) - self.settings.live_tenants_max
        if excess <= 0:
            return
        idle = (name for name, context in self._live.items() if context.is_idle and name != keep)
        for name in list(islice(idle, excess)):
            self.close(name)
