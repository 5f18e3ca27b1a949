"""What an operator can ask for; the table in `Commands.__init__` is the whole list."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from supervisor.crew import CrewError, OnProgress
from supervisor.ops.reports import Reports
from supervisor.ops.requests import (
    Create,
    Domain,
    Export,
    Import,
    MaybeNamed,
    Named,
    Nothing,
    Password,
    Superuser,
    Suspend,
)
from supervisor.ops.tenancy import Refused, Tenancy
from supervisor.tenants.lifecycle import LifecycleError

Command = Callable[[Any, OnProgress], Awaitable[Any]]


class CommandError(Exception):
    """The command was not carried out; one line for the operator."""


class Commands:
    """The commands: plain values in, JSON-ready values out."""

    def __init__(self, tenancy: Tenancy, reports: Reports) -> None:
        self._tenancy = tenancy
        self._reports = reports
        self._table: dict[str, tuple[type[msgspec.Struct], Command]] = {
            "tenant.create": (Create, self._create),
            "tenant.import": (Import, self._import),
            "tenant.export": (Export, self._export),
            "tenant.list": (Nothing, self._list),
            "tenant.show": (Named, self._show),
            "tenant.suspend": (Suspend, self._suspend),
            "tenant.resume": (Named, self._resume),
            "tenant.delete": (Named, self._delete),
            "tenant.domain.add": (Domain, self._add_domain),
            "tenant.domain.remove": (Domain, self._remove_domain),
            "superuser.upsert": (Password, self._upsert_superuser),
            "superuser.list": (Named, self._list_superusers),
            "superuser.delete": (Superuser, self._delete_superuser),
            "status": (Nothing, self._status),
            "usage": (MaybeNamed, self._usage),
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
        except (Refused, CrewError, LifecycleError) as error:
            raise CommandError(str(error)) from error

    async def _create(self, args: Create, on_progress: OnProgress) -> dict[str, Any]:
        return self._reports.tenant(await self._tenancy.found(args.name, args.domains, "provision", {}, on_progress))

    async def _import(self, args: Import, on_progress: OnProgress) -> dict[str, Any]:
        given = {"source": args.source, "hooks": args.hooks, "migrations": args.migrations, "public": args.public}
        paths = {key: _absolute(path) for key, path in given.items() if path or key == "source"}
        return self._reports.tenant(await self._tenancy.found(args.name, args.domains, "import", paths, on_progress))

    async def _export(self, args: Export, on_progress: OnProgress) -> dict[str, Any]:
        target = _absolute(args.target)
        await self._tenancy.operate(args.name, "export", {"target": target}, on_progress)
        return {"name": args.name, "target": target}

    async def _list(self, args: Nothing, on_progress: OnProgress) -> list[dict[str, Any]]:  # noqa: ARG002
        return self._reports.tenants()

    async def _show(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        tenant = self._tenancy.known(args.name)
        return {**self._reports.tenant(tenant), "usage": self._reports.used(tenant)}

    async def _suspend(self, args: Suspend, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.step("suspend", args.name, args.reason))

    async def _resume(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.tenant(await self._tenancy.step("resume", args.name))

    async def _delete(self, args: Named, on_progress: OnProgress) -> dict[str, Any]:
        await self._tenancy.delete(args.name, on_progress)
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

    async def _status(self, args: Nothing, on_progress: OnProgress) -> dict[str, Any]:  # noqa: ARG002
        return self._reports.status()

    async def _usage(self, args: MaybeNamed, on_progress: OnProgress) -> list[dict[str, Any]]:
        if not args.name:
            return self._reports.usage()
        used = self._reports.used(self._tenancy.known(args.name))
        used["disk_kb"] = await self._tenancy.operate(args.name, "disk", {}, on_progress)
        return [used]


def _absolute(path: str) -> str:
    """The path, which must not depend on where the supervisor happens to stand."""
    if not Path(path).is_absolute():
        raise Refused(f"{path!r} is not an absolute path")
    return path
