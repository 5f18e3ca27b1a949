"""What supervisor and worker say to each other over the channel: tagged values, told apart by their `type`.

An `id` is chosen by the supervisor and comes back in the `Reply` (and in any `Progress` before it).
"""

from typing import Any

import msgspec

from supervisor.contract.tenant import Tenant
from supervisor.contract.usage import WorkerUsage


class TenantPut(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: this is now what the registry says of a tenant. Reply: it is applied, and the tenant's
    context is closed if the tenant no longer serves."""

    id: int
    tenant: Tenant


class TenantDrop(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: the tenant is gone. Reply: nothing of it is open any more."""

    id: int
    name: str


class Call(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → owner worker: do `op` to a tenant. Reply: done, with the value, or failed, with the error."""

    id: int
    op: str
    tenant: str
    args: dict[str, Any] = {}


class Reply(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: the answer to the message of that id. `error` is one line for the operator."""

    id: int
    ok: bool
    value: Any = None
    error: str = ""


class Progress(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: how far the call of that id is; `total` 0 = unknown."""

    id: int
    text: str
    done: int = 0
    total: int = 0


class UsageReport(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: about once a tick. The first one also says that the worker serves."""

    usage: WorkerUsage


class TenantFailed(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: the tenant cannot be served (corrupt database, …) and should be marked failed."""

    name: str
    reason: str


Message = TenantPut | TenantDrop | Call | Reply | Progress | UsageReport | TenantFailed


def to_wire(message: Message) -> Any:
    """The message as plain dicts, lists, strings, bytes and numbers."""
    return msgspec.to_builtins(message, builtin_types=(bytes,))


def from_wire(value: Any) -> Message:
    """The message that `to_wire` took apart. Raises `msgspec.ValidationError` when it is none."""
    message: Message = msgspec.convert(value, Message, builtin_types=(bytes,))
    return message
