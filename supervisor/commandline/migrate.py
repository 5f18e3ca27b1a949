"""`pocker migrate …`: a tenant's own migrations (pb_migrations)."""

import click

from supervisor.commandline.asking import do, operator
from supervisor.ops import tables


@click.group()
def migrate() -> None:
    """Apply and revert a tenant's own migrations (pb_migrations). What is new is applied when a tenant is opened."""


@migrate.command("list")
@click.argument("tenant_name", metavar="TENANT")
@operator
def migrate_list(tenant_name: str, data: str, as_json: bool) -> None:
    """List the migrations, and which of them are applied."""
    do(data, as_json, "migrate.list", {"name": tenant_name}, tables.migrations)


@migrate.command("up")
@click.argument("tenant_name", metavar="TENANT")
@operator
def migrate_up(tenant_name: str, data: str, as_json: bool) -> None:
    """Apply what has not been applied: all of it, or nothing where one fails."""
    do(data, as_json, "migrate.up", {"name": tenant_name}, tables.migrated("Applied", "No new migrations to apply."))


@migrate.command("down")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("count", default=1)
@operator
def migrate_down(tenant_name: str, count: int, data: str, as_json: bool) -> None:
    """Revert the last COUNT migrations (1 if not said)."""
    args = {"name": tenant_name, "count": count}
    do(data, as_json, "migrate.down", args, tables.migrated("Reverted", "No migrations to revert."))


@migrate.command("history-sync")
@click.argument("tenant_name", metavar="TENANT")
@operator
def migrate_sync(tenant_name: str, data: str, as_json: bool) -> None:
    """Forget applied migrations whose files are gone."""
    do(data, as_json, "migrate.sync", {"name": tenant_name}, tables.migrated("Forgotten", "Nothing to forget."))


@migrate.command("collections")
@click.argument("tenant_name", metavar="TENANT")
@operator
def migrate_collections(tenant_name: str, data: str, as_json: bool) -> None:
    """Write a migration with all collections as they are now."""
    do(data, as_json, "migrate.snapshot", {"name": tenant_name}, lambda value: f"Created {value['files']}")
