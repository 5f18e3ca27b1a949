"""The scripts of one live tenant: what they have bound, and how a run of them begins.

Made from a manifest when the tenant is opened, and anew when its files have changed (`worker.hooks.reload`). What is
bound to an event stands on the tenant's bus; routes and jobs are looked up here. No process runs for a tenant before
something of its scripts is to be run.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.events import Event
from worker.hooks.calls import Operation
from worker.hooks.events import handle
from worker.hooks.jobs import Jobs
from worker.hooks.session import CURRENT, Session

if TYPE_CHECKING:
    from types import TracebackType

    from worker.context import Context
    from worker.hooks.children import Children, Leased
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
        table: dict[bytes, Operation],
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

    def session(self, *, job: bool = False) -> "Run":
        """`async with hooks.session() as session:` — a run on a child of the tenant's; a `job` has more time.

        Raises ApiError where none is to be had in time.
        """
        return Run(self, self.plan.js_job_timeout_s if job else self.plan.js_timeout_s)

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
            await handle(session, self, event)
            return
        async with self.hooks.session() as session:
            await handle(session, self, event)


class Run:
    """What `Hooks.session` answers: a child is leased when it is entered."""

    __slots__ = ("_hooks", "_session", "_timeout_s")

    def __init__(self, hooks: Hooks, timeout_s: float) -> None:
        self._hooks = hooks
        self._timeout_s = timeout_s
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        hooks = self._hooks
        if not hooks.plan.js_processes:
            raise ApiError(503, NO_SCRIPTS)
        leased: Leased = await hooks.children.lease(self._timeout_s)
        self._session = Session(hooks, leased, hooks.table, self._timeout_s)
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        assert self._session is not None
        await self._session.__aexit__(kind, error, trace)
