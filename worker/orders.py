"""What the supervisor may order a worker to do, and the answers.

A change of the registry (`TenantPut`, `TenantDrop`) is applied to the directory of this process and answered once the
tenant's context is closed where it must not serve any more. A `Call` is an operation on a tenant that this shard owns;
the table at the end of `Orders.__init__` lists them all.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw

from supervisor.contract.messages import Call, Message, Progress, Reply, TenantDrop, TenantPut
from supervisor.contract.settings import template_dir
from supervisor.contract.shardmap import Directory
from worker import provision
from worker.auth import superusers
from worker.errors import ApiError, ValidationErrors, error_data
from worker.lanes import Lanes
from worker.tenants import Tenants

# Progress is told at most so often.
PROGRESS_EVERY_S = 0.1

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

    async def _call(self, call: Call) -> Reply:
        operation = self._operations.get(call.op)
        if operation is None:
            return Reply(id=call.id, ok=False, error=f"unknown operation {call.op!r}")
        try:
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
        provision.provision(self._template, self._tenants.directory(call.tenant))

    async def _import(self, call: Call) -> None:
        arguments = call.args
        companions = {kind: Path(arguments[kind]) for kind in provision.COMPANIONS if arguments.get(kind)}
        source, target = Path(arguments["source"]), self._tenants.directory(call.tenant)
        await self._lanes.blocking(provision.import_directory, source, target, companions, self._progress(call.id))

    async def _export(self, call: Call) -> None:
        context = self._tenants.live(call.tenant)
        if context is not None:
            await self._lanes.blocking(context.logs.flush)
        source, target = self._tenants.directory(call.tenant), Path(call.args["target"])
        await self._lanes.blocking(provision.export_directory, source, target, self._progress(call.id))

    async def _remove(self, call: Call) -> None:
        self._tenants.close(call.tenant)
        await self._lanes.blocking(provision.remove, self._tenants.directory(call.tenant))

    async def _disk(self, call: Call) -> int:
        return await self._lanes.blocking(_disk_kb, self._tenants.directory(call.tenant))

    async def _superuser_upsert(self, call: Call) -> None:
        context = self._tenants.open_any(call.tenant)
        await superusers.upsert(context, call.args["email"], call.args["password"])

    async def _superuser_list(self, call: Call) -> list[dict[str, str]]:
        return superusers.listed(self._tenants.open_any(call.tenant))

    async def _superuser_delete(self, call: Call) -> None:
        await superusers.delete(self._tenants.open_any(call.tenant), call.args["email"])

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


def _disk_kb(directory: Path) -> int:
    return sum(path.stat().st_size for path in provision.walk(directory)) // 1024


def _flat(data: Any, path: str = "") -> str:
    """Nested field errors as one line for an operator: `email: Must be a valid email address.`"""
    if isinstance(data, dict) and "code" not in data:
        return " ".join(_flat(value, f"{path}.{key}".strip(".")) for key, value in data.items())
    return f"{path}: {data['message']}" if isinstance(data, dict) else str(data)
