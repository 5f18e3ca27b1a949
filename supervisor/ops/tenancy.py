"""Making, changing and removing tenants.

The order of every change is the same: the registry first (durable), then every worker's directory (acknowledged), then
the files (by the owner). So whatever is cut off is found in the registry by the next start, which repairs it. Only what
is new has its files first, aside: the registry's word makes a tenant of them, and then they take their place. If that
is cut off between the two, the next start does it; what it finds aside without that word goes away
(`supervisor.tenants.drafts`). So a creation waits for the disk twice, and not at all before its files are made; a blank
tenant's may have been made ahead (`supervisor.tenants.ready`), and it waits once.
"""

import logging
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from supervisor.accounting.ledger import Ledger
from supervisor.contract.messages import Due, Progress, Scheduled, TenantDrop, TenantFailed, TenantPut
from supervisor.contract.plan import DEFAULT_PLAN
from supervisor.contract.settings import Settings, draft_dir, tenant_dir
from supervisor.contract.shardmap import Directory
from supervisor.contract.stamp import stamp_now
from supervisor.contract.tenant import Tenant, TenantState, is_name
from supervisor.crew import Crew, CrewError, OnProgress
from supervisor.tenants.drafts import DraftError, place
from supervisor.tenants.holds import BUSY_TIMEOUT_S, Holds
from supervisor.tenants.lifecycle import OPERABLE, REPAIRS, LifecycleError, Repair, take
from supervisor.tenants.ready import Ready
from supervisor.tenants.registry import Registry, RegistryError
from supervisor.tenants.together import Together

BLANK = "provision"
"""The owner's operation that makes a tenant with nothing in it: any plan's quota has room for one."""
DOMAINS_MAX = 100
DOMAIN_CHARS_MAX = 253
NOTED = {"suspend": "suspended", "resume": "resumed"}
"""Steps of the life cycle that operators and the policy take, as the table of events calls them."""
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Refused(Exception):  # noqa: N818 (a name that says what happened)
    """The command cannot be carried out; one line for the operator."""


class Tenancy:
    """The operations on tenants. They run on the arbiter's loop; those on one tenant one after another, and so that
    none changes its owner meanwhile: `holds` are those of `supervisor.moves`."""

    def __init__(  # noqa: PLR0917 (its parts)
        self,
        settings: Settings,
        registry: Registry,
        directory: Directory,
        crew: Crew,
        ledger: Ledger,
        log: logging.Logger,
        holds: Holds,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._together = Together(registry)
        self._ready = Ready(settings, self._make_ahead, log)
        self._made_ahead = 0
        self._directory = directory
        self._crew = crew
        self._ledger = ledger
        self._log = log
        self._holds = holds

    def known(self, name: str) -> Tenant:
        """The tenant of that name. Raises Refused."""
        tenant = self._directory.get(name)
        if tenant is None:
            raise Refused(f"there is no tenant {name}")
        return tenant

    async def found(  # noqa: PLR0917 (what a tenant is made of)
        self,
        name: str,
        domains: list[str],
        op: str,
        args: dict[str, Any],
        on_progress: OnProgress,
        plan: str = DEFAULT_PLAN,
    ) -> Tenant:
        """A new tenant, made by the owner's `op`, that serves when this returns. Nothing stays of one that fails."""
        if not is_name(name):
            raise Refused(f"{name!r} cannot name a tenant: 1 to 63 of a-z, 0-9 and -, no - at either end")
        async with self.held(name, op):
            known = self._directory.get(name)
            if known is not None:
                raise Refused(f"tenant {name} exists already ({known.state})")
            path = tenant_dir(self._settings, name)
            if path.exists():
                raise Refused(f"{path} exists but belongs to no tenant; move it away (it can then be imported)")
            now = stamp_now()
            tenant = Tenant(name, TenantState.CREATING, None, tuple(self._checked(name, domains)), "", now, plan)
            self._directory.put(tenant)
            try:
                ready = self._ready.take() if op == BLANK else None
                if ready is None:
                    await self.call(tenant, op, args | {"plan": tenant.plan}, on_progress)
                finished = take("finish", tenant)
                await self._together.put(finished, ready, path)
                if ready is None:
                    place(draft_dir(self._settings, name), path)
            except (CrewError, RegistryError, DraftError) as error:
                self._log.warning("tenant %s could not be made (%s): %s", name, op, error)
                await self._undo(tenant)
                raise
            tenant = finished
            await self._spread(tenant)
        self._ledger.events.note("created", name, self._directory.shard(tenant), op, {"plan": plan})
        self._log.info("tenant %s is active on shard %d (%s)", name, self._directory.shard(tenant), op)
        return tenant

    async def _make_ahead(self, count: int) -> list[str]:
        """Has some worker make drafts, one after another in turn; their ids."""
        self._made_ahead += 1
        routes = self._directory.routes
        berth = routes.berths[self._made_ahead % routes.shards]
        ids: list[str] = await self._crew.call(lambda: berth, "provision.ahead", "", {"count": count})
        return ids

    async def _undo(self, tenant: Tenant) -> None:
        try:
            await self._purge(tenant, ignore)
        except RegistryError as error:  # its files are gone; its row goes at the next start, or when it is deleted
            self._log.error("tenant %s could not be forgotten: %s", tenant.name, error)
        except CrewError as error:
            await self._change(take("fail", tenant, f"could not be created, and its files are still there: {error}"))

    async def step(self, step: str, name: str, reason: str = "") -> Tenant:
        """The tenant after a step of its life cycle, when every worker knows."""
        async with self.held(name, step):
            changed = take(step, self.known(name), reason)
            try:
                await self._change(changed)
            finally:
                if self._directory.get(name) is changed:  # it is so, even if a worker has not confirmed it
                    self._ledger.events.note(NOTED[step], name, self._directory.shard(changed), reason)
        self._log.info("tenant %s is %s", name, changed.state)
        return changed

    async def delete(self, name: str, on_progress: OnProgress) -> None:
        """Removes the tenant and all of its files."""
        async with self.held(name, "delete"):
            tenant = self.known(name)
            if tenant.state is not TenantState.DELETED:  # else an earlier delete was cut off; go on
                tenant = take("delete", tenant)
                await self._change(tenant)
            await self._purge(tenant, on_progress)

    async def plan(self, name: str, plan: str) -> Tenant:
        """The tenant with that plan, which is in force everywhere when this returns."""
        async with self.held(name, "plan"):
            tenant = self.known(name)
            changed = msgspec.structs.replace(tenant, plan=plan)
            await self._change(changed)
        self._ledger.events.note("plan", name, self._directory.shard(changed), f"from {tenant.plan} to {plan}")
        self._log.info("tenant %s has the plan %s", name, plan, extra={"tenant": name})
        return changed

    async def add_domain(self, name: str, domain: str) -> Tenant:
        """The tenant, served at one more domain."""
        async with self.held(name, "domain add"):
            tenant = self.known(name)
            domains = tuple(dict.fromkeys((*tenant.domains, *self._checked(name, [domain]))))
            if len(domains) > DOMAINS_MAX:
                raise Refused(f"tenant {name} has {DOMAINS_MAX} domains, which is the limit")
            changed = msgspec.structs.replace(tenant, domains=domains)
            await self._change(changed)
            return changed

    async def remove_domain(self, name: str, domain: str) -> Tenant:
        """The tenant, served at that domain no more."""
        async with self.held(name, "domain remove"):
            tenant = self.known(name)
            if domain.lower() not in tenant.domains:
                raise Refused(f"tenant {name} has no domain {domain}")
            left = tuple(known for known in tenant.domains if known != domain.lower())
            changed = msgspec.structs.replace(tenant, domains=left)
            await self._change(changed)
            return changed

    async def operate(self, name: str, op: str, args: dict[str, Any], on_progress: OnProgress) -> Any:
        """Has the owner do something to a tenant that has files; nothing else happens to it meanwhile."""
        async with self.held(name, op):
            tenant = self.known(name)
            if tenant.state not in OPERABLE:
                raise Refused(f"tenant {name} is {tenant.state}")
            return await self.call(tenant, op, args, on_progress)

    async def call(self, tenant: Tenant, op: str, args: dict[str, Any], on_progress: OnProgress) -> Any:
        """Has the owner do something to the tenant."""

        def owner() -> int:  # who it is at the moment of sending: it may be handed over until then
            return self._directory.owner(self._directory.get(tenant.name) or tenant)

        return await self._crew.call(owner, op, tenant.name, args, on_progress)

    async def mark_failed(self, failed: TenantFailed) -> None:
        """A worker says that it cannot serve the tenant."""
        self._log.error("tenant %s has failed: %s", failed.name, failed.reason)
        try:
            async with self.held(failed.name, "fail", patient=True):  # the worker does not say it twice
                tenant = self._directory.get(failed.name)
                if tenant is not None and tenant.state is TenantState.ACTIVE:
                    await self._change(take("fail", tenant, failed.reason))
                    self._ledger.events.note("failed", failed.name, self._directory.shard(tenant), failed.reason)
        except (Refused, CrewError, LifecycleError, RegistryError) as error:
            self._log.error("tenant %s could not be marked failed: %s", failed.name, error)

    async def heed(self, told: Scheduled | Due) -> None:
        """What a worker says of its tenants' jobs."""
        await (self.schedule(told) if isinstance(told, Scheduled) else self.run_due(told))

    async def schedule(self, scheduled: Scheduled) -> None:
        """A worker says when the tenant's scripts have something to do."""
        try:
            async with self.held(scheduled.name, "schedule", patient=True):
                tenant = self._directory.get(scheduled.name)
                if tenant is not None and tenant.crons != scheduled.crons:
                    await self._change(msgspec.structs.replace(tenant, crons=scheduled.crons))
        except (Refused, CrewError, RegistryError) as error:
            self._log.error("tenant %s: its schedules could not be kept: %s", scheduled.name, error)

    async def run_due(self, due: Due) -> None:
        """Who has just let go of a tenant passes on what it was to run."""
        tenant = self._directory.get(due.name)
        try:
            if tenant is not None and tenant.state is TenantState.ACTIVE:
                await self.call(tenant, "jobs", {"minute": due.minute}, ignore)
        except CrewError as error:
            self._log.error("tenant %s: its jobs were not run: %s", due.name, error)

    async def repair(self) -> None:
        """Finishes or undoes what the previous run did not finish. Called once, at the start."""
        cut_off = [(tenant, REPAIRS[tenant.state]) for tenant in self._directory if tenant.state in REPAIRS]
        for tenant, repair in cut_off:
            try:
                async with self.held(tenant.name, "repair"):
                    if repair is Repair.LAND:
                        await self._change(take("land", tenant))
                    else:
                        await self._purge(tenant, ignore)
            except (Refused, CrewError, LifecycleError, RegistryError) as error:
                self._log.error("tenant %s was left %s and stays so: %s", tenant.name, tenant.state, error)
            else:
                done = "serves again" if repair is Repair.LAND else "is removed"
                self._log.warning("tenant %s was left %s by the previous run: it %s", tenant.name, tenant.state, done)

    async def _change(self, tenant: Tenant) -> None:
        await self._together.put(tenant)
        await self._spread(tenant)

    async def _spread(self, tenant: Tenant) -> None:
        """Has every worker know what the registry says."""
        self._directory.put(tenant)
        await self._crew.tell_all(lambda number: TenantPut(number, tenant))

    async def _purge(self, tenant: Tenant, on_progress: OnProgress) -> None:
        await self.call(tenant, "remove", {}, on_progress)
        self._registry.remove(tenant.name)
        self._directory.drop(tenant.name)
        self._ledger.close(tenant.name)
        await self._crew.tell_all(lambda number: TenantDrop(number, tenant.name))
        self._ledger.events.note("deleted", tenant.name)
        self._log.info("tenant %s and its files are removed", tenant.name)

    def _checked(self, name: str, domains: list[str]) -> list[str]:
        checked = [domain.lower().removesuffix(".") for domain in domains]
        if len(checked) > DOMAINS_MAX:
            raise Refused(f"{len(checked)} domains are more than the limit of {DOMAINS_MAX}")
        base = self._settings.base_domain
        for domain in checked:
            if len(domain) > DOMAIN_CHARS_MAX or not DOMAIN.fullmatch(domain):
                raise Refused(f"{domain!r} is not a domain name")
            if domain == base or domain.endswith(f".{base}"):
                raise Refused(f"{domain} lies in the base domain {base}, where names belong to tenants")
            other = self._directory.by_domain(domain)
            if other is not None and other.name != name:
                raise Refused(f"{domain} belongs to tenant {other.name}")
        return checked

    def held(self, name: str, op: str, *, patient: bool = False) -> AbstractAsyncContextManager[None]:
        """Nobody else changes this tenant meanwhile. Who is not patient is told what goes on after BUSY_TIMEOUT_S, by
        TenantBusy."""
        return self._holds.held(name, op, None if patient else BUSY_TIMEOUT_S)


def ignore(progress: Progress) -> None:
    """For a call whose progress nobody watches."""
