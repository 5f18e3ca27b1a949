"""What supervisor and worker say to each other over the channel: tagged values, told apart by their `type`.

An `id` is chosen by who asks and comes back in the `Reply` (and in any `Progress` before it), or in the `Answer`.

How tenants change owners without a request being lost, seen from the supervisor; G gains tenants, L loses them:

    all at once (a worker's successor, another number of shards)        one tenant
    ────────────────────────────────────────────────────────────        ──────────────────────────────────────────
    Gain    → every G: park requests of what will be yours              Expect  → G: park requests of this tenant
    Lose    → every L: pass on all that is idle; tell what you keep     Release → L: finish, close, pass on the rest
    Settle  → every G and L, then all others: so it is now,             Own     → G: it is yours; go on with what waits
              but for what is kept (moved one by one, see right)        TenantPut or Settle → the others
    Depart  → an L that owns nothing any more: pass on your connections, exit

Each step is taken when the one before it was replied to. A worker that dies in between owns nothing any more; the
supervisor, which reaps it, settles with those that live.
"""

from typing import Any

import msgspec

from supervisor.contract.plan import Verdict
from supervisor.contract.shardmap import Routes
from supervisor.contract.tenant import Tenant
from supervisor.contract.usage import WorkerUsage

STOPPING = "the worker is stopping"
"""The error of a reply by a worker that takes on nothing more because it ends. Its end is the real answer."""


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


class Gain(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: these routes come next. Reply: from now on, requests of tenants that they make yours and
    that are not yours yet are parked here."""

    id: int
    routes: Routes


class Lose(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: these routes are in force. Reply with a list of names: the tenants you own no more by them
    but which are live or being worked on; you serve those on until they are released, and open none of the others."""

    id: int
    routes: Routes


class Settle(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: these routes are in force for all tenants but those in `kept` (name → berth of its owner).
    Reply: it is so, and what was parked goes on (for a kept one: is passed to its owner)."""

    id: int
    routes: Routes
    kept: dict[str, int] = {}


class Expect(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: this tenant will be yours. Reply: its requests are parked here."""

    id: int
    name: str


class Release(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → owner worker: finish what runs for the tenant (new requests wait), close it, and pass what comes
    for it to `berth` from now on. What does not end within `timeout_s` is cut off. Reply with whether it was live:
    nothing of it is open here any more."""

    id: int
    name: str
    berth: int
    timeout_s: float


class Own(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: the tenant is yours. Reply: what was parked for it goes on; it is open if `warm`."""

    id: int
    name: str
    warm: bool = False


class Depart(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker that owns nothing: accept no more, pass every connection to `berth` at its request's
    boundary, then exit 0. Reply: begun."""

    id: int
    berth: int


class Judge(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: what the policy made of a tenant, in place of an earlier verdict. Reply: it is in force."""

    id: int
    verdict: Verdict


class Ask(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: what is known of a tenant ("usage")."""

    id: int
    what: str
    tenant: str


class Answer(msgspec.Struct, tag=True, frozen=True):
    """Supervisor → worker: the answer to the `Ask` of that id; None where nothing is known."""

    id: int
    value: Any = None


class Notice(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: something for the table of events: `kind` is one word, `reason` a sentence."""

    kind: str
    tenant: str
    reason: str


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


class Scheduled(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: the tenant's scripts have these schedules now (cron expressions); to be kept."""

    name: str
    crons: tuple[str, ...]


class Due(msgspec.Struct, tag=True, frozen=True):
    """Worker → supervisor: the tenant's jobs of that minute (since 1970) were not begun here, since it is being handed
    over: its new owner is to run them."""

    name: str
    minute: int


# What the supervisor tells a worker and waits for the reply of.
Order = TenantPut | TenantDrop | Call | Gain | Lose | Settle | Expect | Release | Own | Depart | Judge
Message = Order | Reply | Progress | UsageReport | TenantFailed | Ask | Answer | Notice | Scheduled | Due


def to_wire(message: Message) -> Any:
    """The message as plain dicts, lists, strings, bytes and numbers."""
    return msgspec.to_builtins(message, builtin_types=(bytes,))


def from_wire(value: Any) -> Message:
    """The message that `to_wire` took apart. Raises `msgspec.ValidationError` when it is none."""
    message: Message = msgspec.convert(value, Message, builtin_types=(bytes,))
    return message
