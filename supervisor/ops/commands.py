"""What an operator can ask for; the table in `Commands.__init__` is the whole list."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from supervisor.accounting.archive import ArchiveError
from supervisor.contract.plan import DEFAULT_PLAN
from supervisor.contract.tenant import Tenant
from supervisor.crew import CrewError, OnProgress
from supervisor.moves import Moves
from supervisor.ops.reports import Reports
from supervisor.ops.requests import (
    Create,
    Domain,
    Down,
    EventsOf,
    Export,
    Import,
    Live,
    MaybeNamed,
    Move,
    Named,
    Nothing,
    Password,
    Planned,
    Shard,
    Since,
    Superuser,
    Suspend,
)
from supervisor.ops.tenancy import Refused, Tenancy
from supervisor.tenants.drafts import DraftError
from supervisor.tenants.lifecycle import LifecycleError
from supervisor.tenants.registry import RegistryError
from supervisor.tick import Tick
from supervisor.upgrade import Upgrade

# `tenant show` waits for a worker for so long.
SCRIPTS_WAIT_S = 2.0

Command = Callable[[Any, OnProgress], Awaitable[Any]]


class CommandError(Exception):
    """The command was not carried out; one line for the operator."""


class Commands:
    """The commands: plain values in, JSON-ready values out."""

    def __init__(self, tenancy: Tenancy, reports: Reports, moves: Moves, upgrade: Upgrade, tick: Tick) -> None:
        self._tenancy = tenancy
        self._reports = reports
        self._moves = moves
        self._upgrade = upgrade
        self._tick = tick
        self._table: dict[str, tuple[type[msgspec.Struct], Command]] = {
            "tenant.create": (Create, self._create),
            "tenant.import": (Import, self._import),
            "tenant.export": (Export, self._export),
            "tenant.list": (Nothing, self._list),
            "tenant.show": (Named, self._show),
            "tenant.suspend": (Suspend, self._suspend),
            "tenant.resume": (Named, self._resume),
            "tenant.delete": (Named, self._delete),
            "tenant.move": (Move, self._move),
            "tenant.plan": (Planned, self._plan),
            "tenant.pardon": (Named, self._pardon),
            "tenant.domain.add": (Domain, self._add_domain),
            "tenant.domain.remove": (Domain, self._remove_domain),
            "superuser.upsert": (Password, self._upsert_superuser),
            "superuser.list": (Named, self._list_superusers),
            "superuser.delete": (Superuser, self._delete_superuser),
            "hooks.check": (Named, self._check_hooks),
            "hooks.list": (Named, self._list_hooks),
            "migrate.list": (Named, self._migrate("list")),
            "migrate.up": (Named, self._migrate("up")),
            "migrate.down": (Down, self._migrate("down")),
            "migrate.sync": (Named, self._migrate("sync")),
            "migrate.snapshot": (Named, self._migrate("snapshot")),
            "status": (Nothing, self._status),
            "recycle": (Shard, self._recycle),
            "upgrade": (Nothing, self._begin_upgrade),
            "renewed": (Nothing, self._renewed),
            "usage": (MaybeNamed, self._usage),
            "usage.since": (Since, self._usage_since),
            "usage.live": (Live, self._usage_live),
            "events": (EventsOf, self._events),
        }

    async def run(self, command: str, args: dict[str, Any], on_progress: OnProgress) -> Any:
        """Carries out one command. Raises CommandError."""
        entry = self._table.get(command)
        if entry is None:
            raise CommandError(f"unknown command {command!r}")
        shape, function = entry
        try:
            return await function(msgspec.convert(args, shape), on_progress)
        except msgspec.ValidationError as error:
            raise CommandError(f"{command}: {error}") from error
        except (Refused, CrewError, LifecycleError, RegistryError, DraftError, ArchiveError) as error:
            raise CommandError(str(error)) from error

    async def _create(self, args: Create, on_progress: OnProgress) -> dict[str, Any]:
        plan = self._known_plan(args.plan)
        made = await self._tenancy.found(args.name, args.domains, "provision", {}, on_progress, plan)
        return self._reports.tenant(made)

    async def _import(self, args: Import, on_progress: OnProgress) -> dict[str, Any]:
        given = {"source": args.source, "hooks": args.hooks, "migrations": args.migrations, "public": args.public}
        paths = {key: _absolute(path) for key, path in given.items() if path or key == "source"}
        plan = self._known_plan(args.plan)
        made = await self._tenancy.found(args.name, args.domains, "import", paths, on_progress, plan)
        return self._reports.tenant(made)

    async def _export(self, args: Export, on_progress: OnProgress) -> dict[str, Any]:
        target = _absolute(args.target)
        await self._tenancy.operate(args.name, "export", {"target": target}, on_progress)
        return {"name": args.name, "target": target}

    async def _list(self, args: Nothing, on_progress: OnProgress) -> list[dict[str, Any]]:  # noqa: ARG002
        return self._reports.tenants()

    async def _show(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:
        tenant = self._tenancy.known(args.name)
        told = self._reports.tenant(tenant)
        scripts = await self._scripts(tenant, on_progress) if told["live"] else ""
        return {**told, "usage": self._reports.used(tenant), "scripts": scripts}

    async def _scripts(self, tenant: Tenant, on_progress: OnProgress) -> str:
        """Why the scripts of a live tenant can't be loaded, if so; nothing where its owner doesn't say at once."""
        try:
            async with asyncio.timeout(SCRIPTS_WAIT_S):
                return str(await self._tenancy.call(tenant, "hooks.error", {}, on_progress))
        except (CrewError, TimeoutError):
            return ""

    async def _suspend(self, args: Suspend, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.step("suspend", args.name, args.reason))

    async def _resume(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        tenant = await self._tenancy.step("resume", args.name)
        self._tick.pardon(args.name, "an operator resumed it")
        return self._reports.tenant(tenant)

    async def _delete(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:
        await self._tenancy.delete(args.name, on_progress)
        self._tick.pardon(args.name, "it was deleted")  # another one of that name has done nothing yet
        return {"name": args.name}

    async def _add_domain(self, args: Domain, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.add_domain(args.name, args.domain))

    async def _remove_domain(self, args: Domain, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.remove_domain(args.name, args.domain))

    async def _upsert_superuser(self, args: Password, on_progress: OnProgress) -> dict[str, Any]:
        sent = {"email": args.email, "password": args.password}
        await self._tenancy.operate(args.name, "superuser.upsert", sent, on_progress)
        return {"name": args.name, "email": args.email}

    async def _list_superusers(self, args: Named, on_progress: OnProgress) -> Any:
        return await self._tenancy.operate(args.name, "superuser.list", {}, on_progress)

    async def _delete_superuser(self, args: Superuser, on_progress: OnProgress) -> dict[str, Any]:
        await self._tenancy.operate(args.name, "superuser.delete", {"email": args.email}, on_progress)
        return {"name": args.name, "email": args.email}

    async def _check_hooks(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:
        return {"name": args.name, **await self._tenancy.operate(args.name, "hooks.check", {}, on_progress)}

    async def _list_hooks(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:
        return {"name": args.name, **await self._tenancy.operate(args.name, "hooks.list", {}, on_progress)}

    def _migrate(self, what: str) -> Command:
        """The command that has the owner do that with a tenant's migrations; `files` is what came of it."""

        async def migrate(args: Named | Down, on_progress: OnProgress) -> dict[str, Any]:
            given = {"count": args.count} if isinstance(args, Down) else {}
            return {
                "name": args.name,
                "files": await self._tenancy.operate(args.name, f"migrate.{what}", given, on_progress),
            }

        return migrate

    async def _move(self, args: Move, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        tenant = await self._moves.move(args.name, args.shard)
        self._tick.placed(args.name)
        return self._reports.tenant(tenant)

    async def _plan(self, args: Planned, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.plan(args.name, self._known_plan(args.plan)))

    async def _pardon(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        tenant = self._tenancy.known(args.name)
        self._tick.pardon(args.name, "an operator pardoned it")
        return self._reports.tenant(tenant)

    def _known_plan(self, name: str) -> str:
        """The name, if there is a plan of that name now. Raises Refused."""
        plans = self._reports.settings.plans.keys() | {DEFAULT_PLAN}
        if name not in plans:
            raise Refused(f"there is no plan {name}; the plans are: {', '.join(sorted(plans))}")
        return name

    async def _recycle(self, args: Shard, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        await self._moves.recycle(args.shard, "an operator's wish")
        return self._reports.status()

    async def _begin_upgrade(self, args: Nothing, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        before = self._upgrade.takeovers
        await self._upgrade.ask()
        return {"pid": os.getpid(), "takeovers": before}

    async def _renewed(self, args: Nothing, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        told = {"pid": os.getpid(), "takeovers": self._upgrade.takeovers, "failure": self._upgrade.failure}
        if self._upgrade.under_way:  # who waited here would keep it waiting
            return {**told, "renewed": False}
        return {**told, "renewed": await self._moves.renewed()}

    async def _status(self, args: Nothing, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.status()

    async def _usage(self, args: MaybeNamed, on_progress: OnProgress) -> list[dict[str, Any]]:
        if not args.name:
            return self._reports.usage()
        used = self._reports.used(self._tenancy.known(args.name))
        used["disk_kb"] = await self._tenancy.operate(args.name, "disk", {}, on_progress)
        return [used]

    async def _usage_since(self, args: Since, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.used_since(self._tenancy.known(args.name), args.since)

    async def _usage_live(self, args: Live, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.live(args.limit, args.by, reverse=args.reverse, match=args.match)

    async def _events(self, args: EventsOf, on_progress: OnProgress) -> list[dict[str, Any]]:  # noqa: ARG002
        wanted = {"tenant": args.tenant, "kind": args.kind, "since": args.since}
        return self._reports.events(args.since_id, **wanted, limit=args.limit)


def _absolute(path: str) -> str:
    """The path, which must not depend on where the supervisor happens to stand."""
    if not Path(path).is_absolute():
        raise Refused(f"{path!r} is not an absolute path")
    return path
