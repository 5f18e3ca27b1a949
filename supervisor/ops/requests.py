"""The arguments of the operator's commands, as they come over the control socket."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from supervisor.contract.plan import DEFAULT_PLAN

TENANTS_MAX = 10_000
EVENTS_MAX = 10_000


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant."""

    name: str


class MaybeNamed(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, or all of them."""

    name: str = ""


class Create(msgspec.Struct, forbid_unknown_fields=True):
    """A new tenant, its custom domains and its plan."""

    name: str
    domains: list[str] = []
    plan: str = DEFAULT_PLAN


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """A new tenant from directories of PocketBase; absolute paths, empty where there is none."""

    name: str
    source: str
    domains: list[str] = []
    hooks: str = ""
    migrations: str = ""
    public: str = ""
    plan: str = DEFAULT_PLAN


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and the absolute path of a directory to be made."""

    name: str
    target: str


class Suspend(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and why."""

    name: str
    reason: str = ""


class Domain(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and one of its custom domains."""

    name: str
    domain: str


class Down(Named, forbid_unknown_fields=True):
    """A tenant, and how many of its migrations are to be reverted."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and the shard that is to serve it; None: the one where its name belongs."""

    name: str
    shard: int | None


class Planned(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and the plan it is to have."""

    name: str
    plan: str


class Shard(msgspec.Struct, forbid_unknown_fields=True):
    """A shard."""

    shard: int


class Superuser(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and one of its superusers."""

    name: str
    email: str


class Password(Superuser, forbid_unknown_fields=True):
    """A tenant, one of its superusers, and the password it gets."""

    password: str


class Live(msgspec.Struct, forbid_unknown_fields=True):
    """Which tenants to show, and in which order."""

    by: Literal["cpu", "requests", "memory", "disk", "refused", "name"] = "cpu"
    reverse: bool = False
    match: str = ""
    limit: Annotated[int, Meta(ge=1, le=TENANTS_MAX)] = 50


class Since(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and a moment: RFC 3339."""

    name: str
    since: datetime


class EventsOf(msgspec.Struct, forbid_unknown_fields=True):
    """Which events: after that id, of a tenant, of a kind, from a moment on (as in their `at`); empty: all."""

    since_id: int = 0
    tenant: str = ""
    kind: str = ""
    since: str = ""
    limit: Annotated[int, Meta(ge=1, le=EVENTS_MAX)] = 100
