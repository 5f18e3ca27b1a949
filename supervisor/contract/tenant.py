"""A tenant as the registry knows it, and its life cycle.

create ─► creating ─► active ◄──► suspended
             │          │ ▲           │
             ▼          ▼ │           ▼
          failed ◄── moving        deleted  (row and files go away; nothing follows)
"""

import re
from enum import StrEnum

import msgspec


class TenantState(StrEnum):
    """Where a tenant stands. Only `active` serves requests."""

    CREATING = "creating"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    MOVING = "moving"
    FAILED = "failed"
    DELETED = "deleted"


TRANSITIONS: dict[TenantState, frozenset[TenantState]] = {
    TenantState.CREATING: frozenset({TenantState.ACTIVE, TenantState.FAILED, TenantState.DELETED}),
    TenantState.ACTIVE: frozenset({TenantState.SUSPENDED, TenantState.MOVING, TenantState.FAILED, TenantState.DELETED}),
    TenantState.SUSPENDED: frozenset({TenantState.ACTIVE, TenantState.MOVING, TenantState.DELETED}),
    TenantState.MOVING: frozenset({TenantState.ACTIVE, TenantState.SUSPENDED, TenantState.FAILED}),
    TenantState.FAILED: frozenset({TenantState.ACTIVE, TenantState.SUSPENDED, TenantState.DELETED}),
    TenantState.DELETED: frozenset(),
}
"""From each state, the states that may follow it."""

NAME_BYTES_MAX = 63
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A DNS label in lower case, since the name is the tenant's subdomain (match with `fullmatch`)."""


class Tenant(msgspec.Struct, frozen=True, gc=False):
    """One registered tenant.

    `shard` is None unless an operator or a policy pinned the tenant; the owner then follows from its name.
    `reason` says in words why the tenant is suspended or failed. `created` is "YYYY-MM-DD HH:MM:SS.mmmZ". `plan` names
    one of the settings' plans. `crons` are the schedules of its scripts' jobs, as cron expressions: who owns it opens
    it when one is due.
    """

    name: str
    state: TenantState
    shard: int | None = None
    domains: tuple[str, ...] = ()
    reason: str = ""
    created: str = ""
    plan: str = "default"
    crons: tuple[str, ...] = ()


def is_name(text: str) -> bool:
    """Whether `text` can name a tenant."""
    return NAME_PATTERN.fullmatch(text) is not None
