"""The scripts of one live tenant: what they have bound, and how a run of them begins.

Made from a manifest when the tenant is opened, and anew when its files have changed (`worker.hooks.reload`). What is
bound to an event stands on the tenant's bus; routes and jobs are looked up here. No process runs for a tenant before
something of its scripts is to be run.
"""

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.events import Event
from worker.hooks.calls import Operation
from worker.hooks.events import handle
from worker.hooks.jobs import Jobs
from worker.hooks.session import CURRENT, Session

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.children import Children
    from worker.hooks.manifest import Handler, Manifest

log = logging.getLogger("pocker.hooks")

NO_SCRIPTS = "The tenant's plan does not allow scripts."


class Hooks:
    """One tenant's scripts, live. `children` runs them, `book` gets the loop's CPU that their calls take (ns)."""

    __slots__ = ("book", "bound", "children", "ctx", "extras", "jobs", "manifest", "table")

    def __init__(
        self,
        ctx: "Context",
        manifest: "Manifest",
        children: "Children",
        table: Mapping[bytes, Operation],
        book: Callable[[int], None],
    ) -> None:
        self.ctx = ctx
        self.manifest = manifest
        self.children = children
        children.emptied = ctx.drop_spare
        self.table = table
        self.book = book
        # what parts of the hooks keep while the tenant is open: its store, its compiled routes
        self.extras: dict[str, Any] = {}
        self.bound = [Bound(self, number, handler) for number, handler in enumerate(manifest.handlers)]
        self.jobs = Jobs(self)

    @property
    def name(self) -> str:
        """The tenant's."""
        return self.ctx.name

    @property
    def plan(self) -> Plan:
        """The limits of the tenant."""
        account = self.ctx.account
        return Plan() if account is None else account.plan

    def warn(self, message: str) -> None:
        """Say in the server's log that something of its scripts went wrong."""
        log.warning("tenant %s: %s", self.name, message, extra={"tenant": self.name})

    def session(self, *, job: bool = False, handler: Hashable = None) -> Session:
        """`async with hooks.session() as session:` — a run on a child of the tenant's; a `job` has more time.

        One that asks the child for one thing alone says what for, by its `handler`: then it may be lined up behind
        another, and is over for the child as soon as that is done. Raises ApiError where no child is to be had in time.
        """
        plan = self.plan
        if not plan.js_processes:
            raise ApiError(503, NO_SCRIPTS)
        return Session(self, None, self.table, plan.js_job_timeout_s if job else plan.js_timeout_s, handler)

    def of(self, event: str) -> list["Bound"]:
        """The handlers of an event, whatever their tags."""
        return [bound for bound in self.bound if bound.handler.event == event]

    def bind(self) -> None:
        """Put the handlers on the bus."""
        for bound in self.bound:
            if bound.handler.event:
                self.ctx.bus.on(bound.handler.event, bound, frozenset(bound.handler.tags))

    def unbind(self) -> None:
        """Take the handlers off the bus: the tenant's files have changed."""
        self.ctx.bus.off(self.bound)

    def close(self) -> None:
        """End the tenant's processes."""
        self.children.close()


class Bound:
    """A handler of a script, as what is bound to the tenant's bus."""

    __slots__ = ("handler", "hooks", "number")

    def __init__(self, hooks: Hooks, number: int, handler: "Handler") -> None:
        self.hooks = hooks
        # its place in the manifest, by which the script asks for it
        self.number = number
        self.handler = handler

    async def __call__(self, event: Event) -> None:
        """Run it for `event`: on the child that waits for this very operation, or on one of its own."""
        session = CURRENT.get()
        if session is not None and session.hooks is self.hooks and session.hosting:
            goes_on = await handle(session, self, event)
        else:
            async with self.hooks.session(handler=self.number) as session:
                goes_on = await handle(session, self, event)
        if goes_on:
            await event.next()
