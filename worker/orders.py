"""What the supervisor may order a worker to do, and the answers.

A change of the registry (`TenantPut`, `TenantDrop`) is applied to the directory of this process and answered once the
tenant's context is closed where it must not serve any more. A `Call` is an operation on a tenant that this worker owns,
or on the worker itself; the table at the end of `Orders.__init__` lists them all.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from supervisor.contract.messages import Call, Message, Progress, Reply, TenantDrop, TenantPut
from supervisor.contract.plan import DEFAULT_PLAN
from supervisor.contract.settings import draft_dir, plan_of, template_dir
from supervisor.contract.tenant import Tenant, TenantState
from worker import provision
from worker.auth import superusers
from worker.errors import ApiError, ValidationErrors, error_data
from worker.fair.account import Account
from worker.fair.disk import measure
from worker.hibernation import Hibernation
from worker.hooks import automigrate, migrations, report
from worker.hooks.files import HOOKS, FilesError, has_scripts
from worker.lanes import Lanes
from worker.services.logs import recover
from worker.tenants import Tenants

# Progress is told at most so often.
PROGRESS_EVERY_S = 0.1
# How long requests under way may keep a tenant open that is to serve no more, and how often that is looked at.
FINISH_TIMEOUT_S = 5.0
FINISH_STEP_S = 0.01
# The supervisor gives up on a call of which it hears nothing; one that makes no visible progress says so often enough.
ALIVE_EVERY_S = 20.0

Tell = Callable[[Message], None]
Operation = Callable[[Call], Awaitable[Any]]


class Orders:
    """The supervisor's orders to one worker."""

    def __init__(
        self, tenants: Tenants, hibernation: Hibernation, lanes: Lanes, log: logging.Logger, tell: Tell
    ) -> None:
        self._directory = tenants.ownership.directory
        self._tenants = tenants
        self._hibernation = hibernation
        self._lanes = lanes
        self._log = log
        self._tell = tell
        self._template = template_dir(tenants.settings)
        self._starts: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Operation] = {
            "provision": self._provision,
            "provision.ahead": self._provision_ahead,
            "import": self._import,
            "export": self._export,
            "remove": self._remove,
            "disk": self._disk,
            "superuser.upsert": self._superuser_upsert,
            "superuser.list": self._superuser_list,
            "superuser.delete": self._superuser_delete,
            "hooks.check": self._hooks_check,
            "hooks.list": self._hooks_list,
            "hooks.error": self._hooks_error,
            "migrate.list": self._migrate_list,
            "migrate.up": self._migrate_up,
            "migrate.down": self._migrate_down,
            "migrate.sync": self._migrate_sync,
            "migrate.snapshot": self._migrate_snapshot,
            "jobs": self._jobs,
            "trim": self._trim,
        }
        # begins a tenant's jobs of a minute (`worker.crons`)
        self.begin_jobs: Callable[[str, int], None] = lambda name, minute: None  # noqa: ARG005

    async def answer(self, message: Message) -> Reply:
        """Carry out one order. What goes wrong becomes a Reply with one sentence, never an exception."""
        match message:
            case TenantPut():
                await self._put(message.tenant)
                return Reply(id=message.id, ok=True)
            case TenantDrop():
                self._directory.drop(message.name)
                self._tenants.dropped(message.name)
                await self._tenants.closer.ended(message.name)
                return Reply(id=message.id, ok=True)
            case Call():
                return await self._call(message)
            case _:
                raise TypeError(f"not an order: {message!r}")

    async def _put(self, tenant: Tenant) -> None:
        """Follow a change of the registry; whoever owns the tenant now by a pin of its own has been given it before."""
        before = self._directory.get(tenant.name)
        self._directory.put(tenant)
        await self._let_finish(tenant)
        known = self._directory.get(tenant.name)
        if known is None:
            return  # dropped meanwhile
        self._tenants.changed(known)  # as it is by now: a later change may have overtaken this one
        if known.state is not TenantState.ACTIVE:
            await self._tenants.closer.ended(tenant.name)
        elif before is None or before.state is not TenantState.ACTIVE:
            self._start(known)

    def _start(self, tenant: Tenant) -> None:
        """One that serves from now on is opened if it has scripts: what they have scheduled is to be known."""
        tenants = self._tenants
        if not tenants.ownership.mine(tenant.name) or tenants.live(tenant.name) is not None:
            return
        if (tenants.directory(tenant.name) / HOOKS).exists():  # a new tenant has none, and is not worth a thread
            task = asyncio.get_running_loop().create_task(self._started(tenant.name))
            self._starts.add(task)
            task.add_done_callback(self._starts.discard)

    async def _started(self, name: str) -> None:
        try:
            if await self._lanes.blocking(None, has_scripts, self._tenants.directory(name)):
                async with self._tenants.using(name):
                    pass
        except (ApiError, OSError) as error:
            self._log.info("tenant %s does not start: %s", name, error, extra={"tenant": name})

    async def _shut(self, name: str) -> None:
        """Nothing of the tenant is open afterwards."""
        self._tenants.close(name)
        await self._tenants.closer.ended(name)

    async def _let_finish(self, tenant: Tenant) -> None:
        """Requests under way end before their tenant is closed, if they do so in time. New ones are refused already.

        Otherwise they would fail in the middle, and a slow read in the pool, the last to have the file open, would
        leave a WAL behind: it may only read.
        """
        context = self._tenants.live(tenant.name)
        if context is None or tenant.state is TenantState.ACTIVE:
            return
        until = time.monotonic() + FINISH_TIMEOUT_S
        while context.busy and time.monotonic() < until:
            await asyncio.sleep(FINISH_STEP_S)

    async def _call(self, call: Call) -> Reply:
        operation = self._operations.get(call.op)
        if operation is None:
            return Reply(id=call.id, ok=False, error=f"unknown operation {call.op!r}")
        try:
            with self._heard(call):
                return Reply(id=call.id, ok=True, value=await self._at_home(call, operation))
        except (provision.ProvisionError, superusers.SuperuserError, migrations.MigrationError, FilesError) as error:
            return Reply(id=call.id, ok=False, error=str(error))
        except ValidationErrors as error:
            return Reply(id=call.id, ok=False, error=_flat(error_data(error.errors)))
        except ApiError as error:
            reason = _flat(error.data) or str(error.cause or "")
            return Reply(id=call.id, ok=False, error=f"{error.message} {reason}".strip())
        except (apsw.Error, OSError) as error:
            extra = {"tenant": call.tenant}
            self._log.exception("order %s for tenant %s failed", call.op, call.tenant, extra=extra)
            return Reply(id=call.id, ok=False, error=f"{type(error).__name__}: {error}")

    def _payer(self, call: Call) -> Account | None:
        """At whose expense it is done; None: this server's."""
        return self._tenants.accounts.get(call.tenant)

    async def _at_home(self, call: Call, operation: Operation) -> Any:
        """Do it, where this worker owns the tenant; meanwhile it does not change its owner.

        One that is not registered (yet) is whose the supervisor says it is; no name means the worker itself.
        """
        name = call.tenant
        if not name:
            return await operation(call)
        if self._directory.get(name) is not None and not self._tenants.ownership.mine(name):
            raise ApiError(503, f"Tenant {name} is another worker's.")
        with self._tenants.work(name):
            return await operation(call)

    async def _provision(self, call: Call) -> None:
        draft = self._draft(call)
        await self._lanes.blocking(self._payer(call), provision.provision, self._template, draft, self._fits(call))

    async def _provision_ahead(self, call: Call) -> list[str]:
        ahead = partial(provision.provision_ahead, self._template, self._draft(call), int(call.args["count"]))
        return await self._lanes.blocking(None, ahead, self._fits(call))

    async def _import(self, call: Call) -> None:
        arguments = call.args
        companions = {kind: self._outside(arguments[kind]) for kind in provision.COMPANIONS if arguments.get(kind)}
        source, target = self._outside(arguments["source"]), self._draft(call)
        progress, fits = self._progress(call), self._fits(call)
        job = (provision.import_directory, source, target, companions, progress, fits)
        await self._lanes.long(self._payer(call), *job)

    def _draft(self, call: Call) -> Path:
        """Where a new tenant is made: the supervisor moves it to its place when it has entered it in the registry."""
        return draft_dir(self._tenants.settings, call.tenant)

    def _fits(self, call: Call) -> provision.Fits:
        """Whether a new tenant has room: on the disk, and within the plan that it is to have."""
        plan = plan_of(self._tenants.settings, call.args.get("plan", DEFAULT_PLAN))
        return partial(provision.fits, self._tenants.rooms.watch, plan.disk_mb)

    async def _export(self, call: Call) -> None:
        target = self._outside(call.args["target"])
        context = self._tenants.live(call.tenant)
        source = self._tenants.directory(call.tenant)
        if context is not None:
            await self._tenants.closer.apart(context.account, context.logs.flush)
        else:
            await self._tenants.closer.apart(None, partial(recover, source / "pb_data" / "auxiliary.db"))
        await self._lanes.long(self._payer(call), provision.export_directory, source, target, self._progress(call))

    async def _remove(self, call: Call) -> None:
        await self._shut(call.tenant)
        for directory in (self._draft(call), self._tenants.directory(call.tenant)):
            await self._lanes.long(self._payer(call), provision.remove, directory)

    async def _disk(self, call: Call) -> int:
        use = await self._lanes.long(self._payer(call), measure, self._tenants.directory(call.tenant))
        return use.total_kb

    async def _superuser_upsert(self, call: Call) -> None:
        async with self._tenants.using(call.tenant, serving=False) as context:
            await superusers.upsert(context, call.args["email"], call.args["password"])

    async def _superuser_list(self, call: Call) -> list[dict[str, str]]:
        async with self._tenants.using(call.tenant, serving=False) as context:
            return superusers.listed(context)

    async def _superuser_delete(self, call: Call) -> None:
        async with self._tenants.using(call.tenant, serving=False) as context:
            await superusers.delete(context, call.args["email"])

    async def _hooks_check(self, call: Call) -> dict[str, Any]:
        async with self._tenants.using(call.tenant, serving=False) as context:
            return await report.check(self._tenants.scripts, context)

    async def _hooks_list(self, call: Call) -> dict[str, Any]:
        async with self._tenants.using(call.tenant, serving=False) as context:
            await self._tenants.scripts.rested(context)
            return report.listed(context)

    async def _hooks_error(self, call: Call) -> str:
        live = self._tenants.scripts.live(call.tenant)
        return "" if live is None or live.error is None else str(live.error)

    async def _migrate_list(self, call: Call) -> list[dict[str, Any]]:
        async with self._tenants.using(call.tenant, serving=False) as context:
            return await migrations.listed(context)

    async def _migrate_up(self, call: Call) -> list[str]:
        async with self._tenants.using(call.tenant) as context, self._tenants.scripts.runner(context) as hooks:
            return await migrations.up(hooks, migrations.pending(context))

    async def _migrate_down(self, call: Call) -> list[str]:
        async with self._tenants.using(call.tenant) as context, self._tenants.scripts.runner(context) as hooks:
            return await migrations.down(hooks, int(call.args["count"]))

    async def _migrate_sync(self, call: Call) -> list[str]:
        async with self._tenants.using(call.tenant, serving=False) as context:
            return await migrations.forget_missing(context)

    async def _migrate_snapshot(self, call: Call) -> str:
        async with self._tenants.using(call.tenant) as context:
            return await automigrate.keep_snapshot(context)

    async def _jobs(self, call: Call) -> None:
        self.begin_jobs(call.tenant, int(call.args["minute"]))

    async def _trim(self, call: Call) -> dict[str, int]:
        return await self._hibernation.trim(float(call.args.get("idle_s", 0.0)), int(call.args.get("largest", 0)))

    def _outside(self, path: str) -> Path:
        """`path`. Raises ProvisionError where it is a tenant's of this server: files in use must not be copied."""
        if Path(path).resolve().is_relative_to(self._tenants.root.resolve()):
            raise provision.ProvisionError(f"{path} lies among this server's own tenants: export them to elsewhere")
        return Path(path)

    @contextmanager
    def _heard(self, call: Call) -> Iterator[None]:
        """Meanwhile the supervisor hears that the call is under way."""
        ticking = asyncio.create_task(self._tell_regularly(call))
        try:
            yield
        finally:
            ticking.cancel()

    async def _tell_regularly(self, call: Call) -> None:
        while True:
            await asyncio.sleep(ALIVE_EVERY_S)
            self._tell(Progress(id=call.id, text=f"{call.op} of {call.tenant}"))

    def _progress(self, call: Call) -> provision.Progress:
        """A callback for a thread of the pool, which passes on what is worth telling."""
        loop = asyncio.get_running_loop()
        last = 0.0

        def progress(text: str, done: int, total: int) -> None:
            nonlocal last
            if call.tenant in self._tenants.cut_off:
                raise provision.ProvisionError("cut off: the tenant changes its owner")
            now = time.monotonic()
            if now - last >= PROGRESS_EVERY_S or done == total:
                last = now
                loop.call_soon_threadsafe(self._tell, Progress(id=call.id, text=text, done=done, total=total))

        return progress


def _flat(data: Any, path: str = "") -> str:
    """Nested field errors as one line for an operator: `email: Must be a valid email address.`"""
    if isinstance(data, dict) and "code" not in data:
        return " ".join(_flat(value, f"{path}.{key}".strip(".")) for key, value in data.items())
    return f"{path}: {data['message']}" if isinstance(data, dict) else str(data)
