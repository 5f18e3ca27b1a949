"""The scripts of all tenants of a worker: found when a tenant is opened, watched while it is in use, ended with it.

    opening ── no files ──────────────────────────────► no hooks: nothing was spent but a look
       └── files ── kept manifest ── onBootstrap ─────► hooks
                └── load (a process, thrown away) ──┘
                └── it fails ──► every request is answered 503 until the files change
    files change ── load ── onTerminate (old) ── swap ── onBootstrap (new) ──► hooks
                 └── it fails ──► the old ones stay

A tenant whose scripts can't be loaded does not serve: rules may depend on them. `pocker hooks check` says why, as do
the server's log and the table of events.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import apsw
import orjson

from supervisor.contract.messages import Message, Notice
from supervisor.contract.settings import Settings
from worker.errors import ApiError
from worker.hooks import files, lifecycle, loader, migrations, ops
from worker.hooks.children import Children
from worker.hooks.hooks import NO_SCRIPTS, Hooks
from worker.hooks.loader import Loaded, LoadError
from worker.hooks.manifest import NONE
from worker.hooks.processes import Processes
from worker.hooks.starting import Live, Starting, told
from worker.services.logrows import ERROR, Note

if TYPE_CHECKING:
    from worker.context import Context
    from worker.fair.account import Account
    from worker.lanes import Lanes

log = logging.getLogger("pocker.hooks")

DISABLED = "scripts are disabled on this server (sandbox.enabled)"
REASON_CHARS_MAX = 500
# What may pass by itself is tried again after so long, while the tenant is in use.
RETRY_AFTER_S = 20.0
# How often files are loaded again because they have changed meanwhile, and looked at until nobody writes them.
LOADS_MAX = 5
LOOKS_MAX = 20


class Scripts:
    """The scripts of one worker's tenants."""

    def __init__(
        self, settings: Settings, lanes: "Lanes", own: "Account | None", tell: Callable[[Message], None]
    ) -> None:
        self._enabled = settings.sandbox.enabled
        self._lanes = lanes
        self._tell = tell
        self._live: dict[str, Live] = {}
        self.processes = Processes(settings.sandbox, lanes, own, tell)
        # called when a tenant's scripts are others than before
        self.on_change: list[Callable[[Context], None]] = []

    # -- opening -------------------------------------------------------------------------------------------------------

    def open(self, ctx: "Context") -> None:
        """The tenant is being opened: if it has scripts, requests wait for `ctx.starting`.

        OSError where its files can't be looked at for want of something: then nothing has begun.
        """
        try:
            state = files.state(ctx.directory)
            waiting = migrations.pending(ctx)
        except files.FilesError as error:
            live = self._live[ctx.name] = Live(ctx, files.UNKNOWN)
            ctx.starting = Starting()
            self._refuse(live, LoadError(str(error)))
            return
        live = self._live[ctx.name] = Live(ctx, state)
        if state.signature or waiting:
            ctx.starting = Starting()
            live.task = asyncio.get_running_loop().create_task(self._start(live))
            if self._enabled:
                self.processes.warm()

    async def _start(self, live: Live) -> None:
        """Load and begin; whoever waits goes on, or hears why not."""
        ctx = live.ctx
        try:
            self._permit(ctx)
            manifest = loader.cached(ctx.directory, live.state) if live.state.signature else NONE
            loaded = await self._load(live) if manifest is None else Loaded(manifest, True, {})
            await self._begin(live, loaded)
        except asyncio.CancelledError:
            self._refuse(live, LoadError("the tenant was closed meanwhile"), quiet=True)
            raise
        except Exception as error:
            self._refuse(live, told(error))
        else:
            self._settle(live)
            self._go_on(ctx)
        finally:
            live.task = None

    async def _load(self, live: Live) -> Loaded:
        """Load the files as they are now, and keep the manifest for the next time."""
        ctx = live.ctx
        for _ in range(LOADS_MAX):
            state = await self._settled(ctx)
            loaded = await self.load(ctx) if state.signature else Loaded(NONE, True, {})
            if await ctx.lanes.blocking(ctx.account, files.state, ctx.directory) == state:
                live.state = state
                await ctx.lanes.blocking(ctx.account, loader.keep, ctx.directory, state, loaded)
                return loaded
        raise LoadError("the files change all the time", may_pass=True)

    async def _settled(self, ctx: "Context") -> files.State:
        """Their state, once nobody is in the middle of writing them."""
        for _ in range(LOOKS_MAX):
            state = await ctx.lanes.blocking(ctx.account, files.state, ctx.directory)
            if state.is_settled:
                break
            await asyncio.sleep(files.SETTLED_S)
        return state

    def _permit(self, ctx: "Context") -> None:
        """LoadError where no script may run."""
        if not self._enabled:
            raise LoadError(DISABLED)
        if ctx.account is not None and not ctx.account.plan.js_processes:
            raise LoadError(NO_SCRIPTS, may_pass=True)

    async def load(self, ctx: "Context") -> Loaded:
        """Load the files as they are now, for a look. Raises LoadError."""
        self._permit(ctx)
        children = self._children(ctx)
        try:
            return await loader.load(ctx, children, ops.table(), lambda ns: self._book(ctx, ns))
        finally:
            children.close()

    async def _begin(self, live: Live, loaded: Loaded) -> None:
        """Have the manifest's handlers serve, in the place of what did before. Raises LoadError: all is as it was."""
        ctx, old = live.ctx, live.ctx.hooks
        if old is not None:
            await lifecycle.terminate(old, is_restart=True)
            old.unbind()
        new = None
        try:
            if not loaded.manifest.is_empty:
                new = self._hooks(ctx, loaded)
                ctx.hooks = new
                await lifecycle.bootstrap(new)
            await self._migrate(ctx)
        except BaseException as error:
            ctx.hooks = old
            if new is not None:
                new.unbind()
                new.close()
            if old is not None:
                old.bind()
            if not isinstance(error, Exception):
                raise
            if old is not None:
                await self._begin_again(old)
            raise told(error, "onBootstrap: ") from error
        ctx.hooks = new
        if old is not None:
            old.children.renew()  # what still runs goes on to its end
        for changed in self.on_change:
            changed(ctx)

    @staticmethod
    async def _begin_again(old: Hooks) -> None:
        """They were told that they end, and go on."""
        try:
            await lifecycle.bootstrap(old)
        except Exception as error:
            old.warn(f"onBootstrap of the scripts that go on has failed: {error}")

    async def _migrate(self, ctx: "Context") -> None:
        """Apply the migrations that wait for it. Raises LoadError: none of them was."""
        try:
            waiting = migrations.pending(ctx)
            if not waiting:
                return
            async with self.runner(ctx) as hooks:
                done = await migrations.up(hooks, waiting)
        except (migrations.MigrationError, files.FilesError, OSError, ApiError, apsw.Error) as error:
            # tried again: nobody looks whether the file of a migration was mended
            text = told(error).message if isinstance(error, ApiError) else str(error)
            raise LoadError(text, may_pass=True) from error
        if done:
            log.info("tenant %s: %d migrations were applied", ctx.name, len(done), extra={"tenant": ctx.name})

    @asynccontextmanager
    async def runner(self, ctx: "Context") -> AsyncIterator["Hooks"]:
        """What runs a migration: the tenant's hooks; where there are none, some for the time being."""
        if ctx.hooks is not None:
            yield ctx.hooks
            return
        hooks = Hooks(ctx, NONE, self._children(ctx), ops.table(), lambda ns: self._book(ctx, ns))
        try:
            yield hooks
        finally:
            hooks.close()

    def _hooks(self, ctx: "Context", loaded: Loaded) -> Hooks:
        try:
            hooks = Hooks(ctx, loaded.manifest, self._children(ctx), ops.table(), lambda ns: self._book(ctx, ns))
        except ValueError as error:
            raise LoadError(str(error)) from error
        hooks.extras.update(loaded.extras)
        hooks.bind()
        return hooks

    def _children(self, ctx: "Context") -> Children:
        children = Children(ctx.name, self.processes, ctx.account)
        live = self._live.get(ctx.name)
        if live is not None:
            live.children.add(children)
        return children

    def _book(self, ctx: "Context", ns: int) -> None:
        account = ctx.account
        if account is not None:
            account.loop_ns += ns
            self._lanes.charge(account, ns)

    def _go_on(self, ctx: "Context") -> None:
        starting, ctx.starting = ctx.starting, None
        if starting is not None:
            starting.end()

    def _refuse(self, live: Live, error: LoadError, *, quiet: bool = False) -> None:
        """The tenant does not serve before its files change, or what went wrong has passed."""
        if live.ctx.starting is not None:
            live.ctx.starting.end(error)
        if not quiet:
            self._failed(live, error, "its scripts can't be loaded, so it does not serve")

    def _failed(self, live: Live, error: LoadError, what: str) -> None:
        """Note why the files as they are now don't serve, and say so to operators and, in its log, to the tenant."""
        known, live.error = live.error, error
        live.retry_at = asyncio.get_running_loop().time() + RETRY_AFTER_S if error.may_pass else float("inf")
        if known is not None and str(known) == str(error):
            return
        ctx = live.ctx
        self._report(ctx, logging.ERROR, f"{what}: {error}")
        data = {"type": "hooks", "file": error.file, "line": error.line, "stack": error.stack}
        ctx.logs.note(Note(time.time_ns() // 1_000_000, ERROR, f"pb_hooks: {error}", orjson.dumps(data)))

    def _settle(self, live: Live) -> None:
        """The files as they are now serve."""
        known, live.error, live.retry_at = live.error, None, float("inf")
        if known is not None:
            self._report(live.ctx, logging.INFO, "its scripts can be loaded again")

    def _report(self, ctx: "Context", level: int, what: str) -> None:
        log.log(level, "tenant %s: %s", ctx.name, what, extra={"tenant": ctx.name})
        self._tell(Notice("hooks", ctx.name, what[:REASON_CHARS_MAX]))

    # -- changes -------------------------------------------------------------------------------------------------------

    def live(self, name: str) -> Live | None:
        """What is known of a live tenant's scripts."""
        return self._live.get(name)

    async def rested(self, ctx: "Context") -> Live | None:
        """What is known of the tenant's scripts, when nothing is being loaded."""
        live = self._live.get(ctx.name)
        while live is not None and (task := live.task) is not None:
            await asyncio.wait([task])
        return live

    @staticmethod
    async def has_changed(live: Live) -> bool:
        """Whether the files are others than those that were last acted on."""
        ctx = live.ctx
        try:
            return await ctx.lanes.blocking(ctx.account, files.state, ctx.directory) != live.state
        except (files.FilesError, OSError):
            return live.state != files.UNKNOWN

    def names(self) -> list[str]:
        """The live tenants."""
        return list(self._live)

    def changed(self, live: Live, state: files.State) -> None:
        """Its files are in another state: begin to act on it, if nothing does already."""
        if live.task is None and self._live.get(live.ctx.name) is live:
            live.state = state
            live.task = asyncio.get_running_loop().create_task(self._reload(live))

    async def _reload(self, live: Live) -> None:
        """Replace the scripts by what the files are now. What serves goes on serving where that fails."""
        ctx = live.ctx
        if ctx.starting is not None:  # it does not serve at all yet
            ctx.starting = Starting()
            await self._start(live)
            return
        try:
            self._permit(ctx)
            loaded = await self._load(live)
            if self._live.get(ctx.name) is not live:
                return
            ctx.starting = Starting()
            try:
                await self._begin(live, loaded)
            finally:
                self._go_on(ctx)
        except Exception as error:
            kept = "what it had goes on" if ctx.hooks is not None else "it goes on without"
            self._failed(live, told(error), f"its scripts have changed and can't be loaded, {kept}")
        else:
            self._settle(live)
            log.info("tenant %s: its scripts are loaded", ctx.name, extra={"tenant": ctx.name})
        finally:
            live.task = None

    def due(self, live: Live) -> bool:
        """Whether the same files are to be tried again."""
        return live.retry_at <= asyncio.get_running_loop().time()

    # -- closing -------------------------------------------------------------------------------------------------------

    def farewell(self, ctx: "Context") -> bool:
        """Whether something is to be done (`part`) before the context may be closed."""
        live = self._live.get(ctx.name)
        return live is not None and live.ctx is ctx and (live.task is not None or ctx.hooks is not None)

    def cut(self, name: str) -> None:
        """End what runs of a tenant's scripts: it has had its time, and others wait for the tenant."""
        live = self._live.get(name)
        for children in () if live is None else tuple(live.children):
            children.cut("it was cut off")

    async def part(self, ctx: "Context", timeout_s: float = lifecycle.TERMINATE_TIMEOUT_S) -> None:
        """The tenant's last script runs; none runs when this returns. Bounded in time."""
        live = self._live.get(ctx.name)
        if live is None or live.ctx is not ctx:
            return
        if (task := live.task) is not None:
            task.cancel()
            await asyncio.wait([task])
        if ctx.hooks is not None:
            await lifecycle.terminate(ctx.hooks, is_restart=False, timeout_s=timeout_s)
        self.drop(ctx)

    def drop(self, ctx: "Context") -> None:
        """End every process of the tenant's, at once."""
        live = self._live.get(ctx.name)
        if live is None or live.ctx is not ctx:
            return
        del self._live[ctx.name]
        if live.task is not None:
            live.task.cancel()
        hooks, ctx.hooks = ctx.hooks, None
        if hooks is not None:
            hooks.unbind()
            hooks.close()
        for children in tuple(live.children):
            children.close()

    def close(self) -> None:
        """The worker ends."""
        for live in list(self._live.values()):
            self.drop(live.ctx)
        self.processes.close()
