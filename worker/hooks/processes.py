"""The sandbox processes of one worker, all tenants together: how many there may be, what they take, when they end.

Each tenant's own are in its `Children`; here they share the zygote, a bound on their number, and one timer, which runs
while there are some: it books CPU, ends who has used up a run's, and closes those that were idle for long.

Where no more processes may be had, tenants line up: the one that has been idle for longest is ended, and a process that
is released while others wait makes room for one of them: whose tenant has the fewest, and of those who came first. So
a busy tenant cannot keep its processes from others.
"""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context as Variables
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sandbox.pool import SandboxUnavailable, Zygote
from supervisor.contract.messages import Notice
from supervisor.contract.settings import Sandbox
from worker.hooks.net import Outside

if TYPE_CHECKING:
    from worker.fair.account import Account
    from worker.hooks.children import Children
    from worker.hooks.leased import Leased

log = logging.getLogger("pocker.hooks")

LOOK_EVERY_S = 0.25
IDLE_LOOK_EVERY_S = 1.0


class Charge(Protocol):
    """Who is told of CPU used elsewhere than on the loop, beside the account's own counter."""

    @property
    def charge(self) -> Callable[["Account", int], None]:
        """Told the account and the CPU in ns."""


class Processes:
    """All sandbox processes of a worker. `own` pays for the zygote; `tell` takes what the operator should know."""

    def __init__(
        self,
        settings: Sandbox,
        lanes: Charge,
        own: "Account | None" = None,
        tell: Callable[[Notice], None] | None = None,
    ) -> None:
        self.settings = settings
        self.zygote = Zygote(settings.user, gone=self._bereft)
        # the way out of all tenants' scripts, which is the worker's
        self.outside = Outside(settings.allow_networks)
        self._lanes = lanes
        self._own = own
        self._tell = tell
        # processes that live or are being made, those at work, those without (idle for longest first)
        self._taken = 0
        self._busy: dict[Leased, None] = {}
        self._idle: dict[Leased, None] = {}
        # tenants that wait for one, in the order in which they came, and whose turn it is just now
        self._lined: dict[Children, None] = {}
        self._turn: Children | None = None
        self._zygote_ns = 0
        self._warming: asyncio.Task[None] | None = None
        # why there was none when one was last wanted
        self._missing = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """How many there are, or are being made."""
        return self._taken

    @property
    def crowded(self) -> bool:
        """Whether tenants wait for one."""
        return bool(self._lined)

    def warm(self) -> None:
        """Have a zygote ready soon: a tenant that has scripts was opened, and its first run should not wait for it."""
        if self.zygote.pid is None and self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        try:
            await self.zygote.start()
            self._book_zygote(None)
        except SandboxUnavailable as error:
            self.unavailable(str(error))
        finally:
            self._warming = None

    def close(self) -> None:
        """End all of them: the worker ends."""
        if self._warming is not None:
            self._warming.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._book_zygote(None)
        self.outside.close()
        self.zygote.close()

    # -- asked by the tenants' children ------------------------------------------------------------------------------

    def admit(self, children: "Children") -> bool:
        """Take a place for one more of a tenant's; where there is none, `children.grow` is called when there may be."""
        if self._taken < self.settings.processes_max and (not self._lined or self._turn is children):
            self._turn = None
            self._lined.pop(children, None)
            self._taken += 1
            self._watch()
            return True
        if children not in self._lined:
            self._lined[children] = None
            oldest = next(iter(self._idle), None)
            if oldest is not None:
                oldest.end()
        return False

    def freed(self) -> None:
        """A place is free again."""
        self._taken -= 1
        while self._lined and self._taken < self.settings.processes_max:
            self._turn = children = min(self._lined, key=lambda waiting: waiting.count)
            children.grow()
            if self._turn is children:  # it does not need it any more
                self._turn = None
                self._lined.pop(children, None)

    def leave(self, children: "Children") -> None:
        """The tenant waits for none any more."""
        self._lined.pop(children, None)

    def begins(self, leased: "Leased") -> None:
        """It is at work."""
        self._idle.pop(leased, None)
        self._busy[leased] = None

    def rests(self, leased: "Leased") -> None:
        """It has nothing to do."""
        self._busy.pop(leased, None)
        self._idle[leased] = None

    def ended(self, leased: "Leased") -> None:
        """It is no more."""
        self._busy.pop(leased, None)
        self._idle.pop(leased, None)

    def book(self, account: "Account | None", ns: int) -> None:
        """CPU that was used for a tenant."""
        if account is not None and ns > 0:
            account.child_ns += ns
            self._lanes.charge(account, ns)

    def book_fork(self, account: "Account | None") -> None:
        """What the zygote has used since it was last asked was used for that tenant."""
        self._book_zygote(account)

    def report(self, tenant: str, what: str) -> None:
        """Something that a script cannot do by itself: the operator should know."""
        log.error("tenant %s: %s", tenant, what, extra={"tenant": tenant})
        if self._tell is not None:
            self._tell(Notice("sandbox", tenant, what))

    def unavailable(self, why: str) -> None:
        """No process can be had: the operator hears of it once, until there was one again."""
        log.error("no process for scripts: %s", why)
        if why != self._missing:
            self._missing = why
            if self._tell is not None:
                self._tell(Notice("sandbox", "", f"no script can be run: {why}"))

    def available(self) -> None:
        """There was one."""
        self._missing = ""

    # -- the timer ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._timer is None:
            # apart from the run that has begun it: it goes on as long as there are processes
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look, context=Variables())

    def _look(self) -> None:
        """From time to time, while there are processes."""
        self._timer = None
        for leased in list(self._busy):
            leased.look()
        until = monotonic() - self.settings.idle_close_s
        for leased in list(self._idle):
            if leased.idle_since > until:
                break
            leased.end()
        for leased in list(self._idle):
            leased.settle()
        if self._taken:
            every_s = LOOK_EVERY_S if self._busy else min(IDLE_LOOK_EVERY_S, self.settings.idle_close_s)
            self._timer = asyncio.get_running_loop().call_later(every_s, self._look)
        self._book_zygote(None)

    def _book_zygote(self, account: "Account | None") -> None:
        used_ns = self.zygote.cpu_ns
        more_ns, self._zygote_ns = used_ns - self._zygote_ns, used_ns
        if account is not None:
            self.book(account, more_ns)
        elif self._own is not None and more_ns > 0:
            self._own.child_ns += more_ns

    def _bereft(self) -> None:
        log.error("the zygote of the sandbox has ended, and all its processes with it; the next use starts another")
