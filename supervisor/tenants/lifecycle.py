"""The life cycle of a tenant: what an operator's command does to its state, and how a restart repairs what was cut off.

Which state may follow which is `TRANSITIONS` in the contract; here stand the commands, and they are checked against it.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from supervisor.contract.tenant import TRANSITIONS, Tenant
from supervisor.contract.tenant import TenantState as State


class Step(NamedTuple):
    """One command on a tenant: allowed from these states, leads to that one."""

    source: frozenset[State]
    target: State


STEPS: dict[str, Step] = {
    "finish": Step(frozenset({State.CREATING}), State.ACTIVE),
    "suspend": Step(frozenset({State.ACTIVE, State.FAILED}), State.SUSPENDED),
    "resume": Step(frozenset({State.SUSPENDED, State.FAILED}), State.ACTIVE),
    "fail": Step(frozenset({State.CREATING, State.ACTIVE, State.MOVING}), State.FAILED),
    "delete": Step(frozenset({State.CREATING, State.ACTIVE, State.SUSPENDED, State.FAILED}), State.DELETED),
    "move": Step(frozenset({State.ACTIVE}), State.MOVING),
    "land": Step(frozenset({State.MOVING}), State.ACTIVE),
}


class Repair(StrEnum):
    """What a start does about a tenant whose last operation was cut off."""

    PURGE = "purge"  # its files and its row go away
    LAND = "land"  # it serves where the map says; files don't move between shards of one machine


REPAIRS: dict[State, Repair] = {State.CREATING: Repair.PURGE, State.DELETED: Repair.PURGE, State.MOVING: Repair.LAND}

OPERABLE = frozenset({State.ACTIVE, State.SUSPENDED, State.FAILED})
"""States in which a tenant has files of its own that an operator may work on."""


class LifecycleError(Exception):
    """The tenant's state does not allow the step; one line for the operator."""


def take(step: str, tenant: Tenant, reason: str = "") -> Tenant:
    """The tenant after the step, with `reason` in place of the old one. Raises LifecycleError."""
    rule = STEPS[step]
    if tenant.state not in rule.source or rule.target not in TRANSITIONS[tenant.state]:
        allowed = " or ".join(sorted(rule.source))
        raise LifecycleError(f"tenant {tenant.name} is {tenant.state}; {step} needs it {allowed}")
    return msgspec.structs.replace(tenant, state=rule.target, reason=reason)
