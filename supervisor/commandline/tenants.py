"""`pocker tenant …`: create, import and look after tenants."""

import click

from supervisor.commandline.asking import absolute, do, operator
from supervisor.ops import tables


@click.group()
def tenant() -> None:
    """Create, import and look after tenants."""


@tenant.command("create")
@click.argument("name")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Also serve it at this domain (repeatable).")
@click.option("--plan", metavar="PLAN", help="Its limits: one of the plans in the settings (else `default`).")
@operator
def tenant_create(name: str, domains: tuple[str, ...], plan: str | None, data: str, as_json: bool) -> None:
    """Create an empty tenant; it serves at once."""
    args = {"name": name, "domains": domains} | ({"plan": plan} if plan is not None else {})
    do(data, as_json, "tenant.create", args, tables.serves)


@tenant.command("import")
@click.argument("name")
@click.argument("pb_data")
@click.option("--hooks", metavar="DIR", help="Its pb_hooks.")
@click.option("--migrations", metavar="DIR", help="Its pb_migrations.")
@click.option("--public", metavar="DIR", help="Its pb_public.")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Also serve it at this domain (repeatable).")
@click.option("--plan", metavar="PLAN", help="Its limits: one of the plans in the settings (else `default`).")
@operator
def tenant_import(
    *,
    name: str,
    pb_data: str,
    hooks: str | None,
    migrations: str | None,
    public: str | None,
    domains: tuple[str, ...],
    plan: str | None,
    data: str,
    as_json: bool,
) -> None:
    """Make a tenant of a PocketBase data directory (0.23 or later, not running). The directory is copied."""
    args = {
        "name": name,
        "source": absolute(pb_data),
        "hooks": absolute(hooks),
        "migrations": absolute(migrations),
        "public": absolute(public),
        "domains": domains,
    }
    do(data, as_json, "tenant.import", args | ({"plan": plan} if plan is not None else {}), tables.serves)


@tenant.command("export")
@click.argument("name")
@click.argument("directory")
@operator
def tenant_export(name: str, directory: str, data: str, as_json: bool) -> None:
    """Copy a tenant to a new DIRECTORY which the real PocketBase opens. The tenant goes on serving."""
    args = {"name": name, "target": absolute(directory)}
    do(data, as_json, "tenant.export", args, lambda value: f"{value['name']} is in {value['target']}")


@tenant.command("list")
@operator
def tenant_list(data: str, as_json: bool) -> None:
    """List all tenants."""
    do(data, as_json, "tenant.list", {}, tables.tenants)


@tenant.command("show")
@click.argument("name")
@operator
def tenant_show(name: str, data: str, as_json: bool) -> None:
    """Show one tenant."""
    do(data, as_json, "tenant.show", {"name": name}, tables.sheet)


@tenant.command("suspend")
@click.argument("name")
@click.option("--reason", default="", help="Why; shown to operators only.")
@operator
def tenant_suspend(name: str, reason: str, data: str, as_json: bool) -> None:
    """Stop serving a tenant (503); its files stay."""
    do(data, as_json, "tenant.suspend", {"name": name, "reason": reason}, tables.state)


@tenant.command("resume")
@click.argument("name")
@operator
def tenant_resume(name: str, data: str, as_json: bool) -> None:
    """Serve a suspended or failed tenant again."""
    do(data, as_json, "tenant.resume", {"name": name}, tables.state)


@tenant.command("plan")
@click.argument("name")
@click.argument("plan")
@operator
def tenant_plan(name: str, plan: str, data: str, as_json: bool) -> None:
    """Give a tenant another plan, one of those in the settings; it counts at once."""
    do(data, as_json, "tenant.plan", {"name": name, "plan": plan}, lambda value: f"{name} has the plan {value['plan']}")


@tenant.command("move")
@click.argument("name")
@click.argument("shard", metavar="SHARD|auto")
@operator
def tenant_move(name: str, shard: str, data: str, as_json: bool) -> None:
    """Have a tenant served by that shard from now on, or (`auto`) by the one where its name belongs."""
    if shard != "auto" and not shard.isdigit():
        raise click.UsageError(f"{shard!r} is neither the number of a shard nor `auto`")
    args = {"name": name, "shard": None if shard == "auto" else int(shard)}
    do(data, as_json, "tenant.move", args, lambda value: f"{name} is served by shard {value['shard']}")


@tenant.command("pardon")
@click.argument("name")
@operator
def tenant_pardon(name: str, data: str, as_json: bool) -> None:
    """Lift what was taken against a tenant that took too much, and forget that it did."""
    do(data, as_json, "tenant.pardon", {"name": name}, lambda value: f"nothing is held against {value['name']}")


@tenant.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@operator
def tenant_delete(name: str, yes: bool, data: str, as_json: bool) -> None:
    """Remove a tenant and all of its files."""
    if not yes:
        click.confirm(f"Remove tenant {name} and all of its files?", abort=True, err=True)
    do(data, as_json, "tenant.delete", {"name": name}, lambda value: f"{value['name']} is removed")


@tenant.group("domain")
def tenant_domain() -> None:
    """Custom domains of a tenant."""


@tenant_domain.command("add")
@click.argument("name")
@click.argument("domain")
@operator
def tenant_domain_add(name: str, domain: str, data: str, as_json: bool) -> None:
    """Serve the tenant at DOMAIN too."""
    do(data, as_json, "tenant.domain.add", {"name": name, "domain": domain}, tables.domains)


@tenant_domain.command("remove")
@click.argument("name")
@click.argument("domain")
@operator
def tenant_domain_remove(name: str, domain: str, data: str, as_json: bool) -> None:
    """Serve the tenant at DOMAIN no more."""
    do(data, as_json, "tenant.domain.remove", {"name": name, "domain": domain}, tables.domains)
