"""What the supervisor may order a worker to do, and the answers.

A change of the registry (`TenantPut`, `TenantDrop`) is applied to the directory of this process and answered once the
tenant's context is closed where it must not serve any more. A `Call` is an operation on a tenant that this shard owns;
the table at the end of `Orders.__init__` lists them all.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from supervisor.contract.messages import Call, Message, Progress, Reply, TenantDrop, TenantPut
from supervisor.contract.settings import template_dir
from supervisor.contract.shardmap import Directory
from supervisor.contract.tenant import Tenant, TenantState
from worker import provision
from worker.auth import superusers
from worker.context import Context
from worker.errors import ApiError, ValidationErrors, error_data
from worker.lanes import Lanes
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

    def __init__(self, directory: Directory, tenants: Tenants, lanes: Lanes, log: logging.Logger, tell: Tell) -> None:
        self._directory = directory
        self._tenants = tenants
        self._lanes = lanes
        self._log = log
        self._tell = tell
        self._template = template_dir(tenants.settings)
        self._operations: dict[str, Operation] = {
            "provision": self._provision,
            "import": self._import,
            "export": self._export,
            "remove": self._remove,
            "disk": self._disk,
            "superuser.upsert": self._superuser_upsert,
            "superuser.list": self._superuser_list,
            "superuser.delete": self._superuser_delete,
        }

    async def answer(self, message: Message) -> Reply:
        """Carry out one order. What goes wrong becomes a Reply with one sentence, never an exception."""
        match message:
            case TenantPut():
                self._directory.put(message.tenant)
                await self._let_finish(message.tenant)
                self._tenants.changed(message.tenant)
                return Reply(id=message.id, ok=True)
            case TenantDrop():
                self._directory.drop(message.name)
                self._tenants.close(message.name)
                return Reply(id=message.id, ok=True)
            case Call():
                return await self._call(message)
            case _:
                raise TypeError(f"not an order: {message!r}")

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
                return Reply(id=call.id, ok=True, value=await operation(call))
        except (provision.ProvisionError, superusers.SuperuserError) as error:
            return Reply(id=call.id, ok=False, error=str(error))
        except ValidationErrors as error:
            return Reply(id=call.id, ok=False, error=_flat(error_data(error.errors)))
        except ApiError as error:
            reason = _flat(error.data) or str(error.cause or "")
            return Reply(id=call.id, ok=False, error=f"{error.message} {reason}".strip())
        except (apsw.Error, OSError) as error:
            self._log.exception("order %s for tenant %s failed", call.op, call.tenant)
            return Reply(id=call.id, ok=False, error=f"{type(error).__name__}: {error}")

    async def _provision(self, call: Call) -> None:
        await self._lanes.blocking(provision.provision, self._template, self._tenants.directory(call.tenant))

    async def _import(self, call: Call) -> None:
        arguments = call.args
        companions = {kind: self._outside(arguments[kind]) for kind in provision.COMPANIONS if arguments.get(kind)}
        source, target = self._outside(arguments["source"]), self._tenants.directory(call.tenant)
        await self._lanes.long(provision.import_directory, source, target, companions, self._progress(call.id))

    async def _export(self, call: Call) -> None:
        target = self._outside(call.args["target"])
        context = self._tenants.live(call.tenant)
        if context is not None:
            await self._lanes.blocking(context.logs.flush)
        source = self._tenants.directory(call.tenant)
        await self._lanes.long(provision.export_directory, source, target, self._progress(call.id))

    async def _remove(self, call: Call) -> None:
        self._tenants.close(call.tenant)
        await self._lanes.long(provision.remove, self._tenants.directory(call.tenant))

    async def _disk(self, call: Call) -> int:
        return await self._lanes.long(provision.disk_kb, self._tenants.directory(call.tenant))

    async def _superuser_upsert(self, call: Call) -> None:
        with self._opened(call.tenant) as context:
            await superusers.upsert(context, call.args["email"], call.args["password"])

    async def _superuser_list(self, call: Call) -> list[dict[str, str]]:
        with self._opened(call.tenant) as context:
            return superusers.listed(context)

    async def _superuser_delete(self, call: Call) -> None:
        with self._opened(call.tenant) as context:
            await superusers.delete(context, call.args["email"])

    @contextmanager
    def _opened(self, name: str) -> Iterator[Context]:
        """The context of a tenant: not evicted meanwhile, and not left open if the tenant does not serve."""
        context = self._tenants.open_any(name)
        context.busy += 1
        try:
            yield context
        finally:
            context.busy -= 1
            tenant = self._directory.get(name)
            if tenant is None or tenant.state is not TenantState.ACTIVE:
                self._tenants.close(name)

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

    def _progress(self, call_id: int) -> provision.Progress:
        """A callback for a thread of the pool, which passes on what is worth telling."""
        loop = asyncio.get_running_loop()
        last = 0.0

        def progress(text: str, done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_EVERY_S or done == total:
                last = now
                loop.call_soon_threadsafe(self._tell, Progress(id=call_id, text=text, done=done, total=total))

        return progress


def _flat(data: Any, path: str = "") -> str:
    """Nested field errors as one line for an operator: `email: Must be a valid email address.`"""
    if isinstance(data, dict) and "code" not in data:
        return " ".join(_flat(value, f"{path}.{key}".strip(".")) for key, value in data.items())
    return f"{path}: {data['message']}" if isinstance(data, dict) else str(data)
