"""`pocker hooks …`: look at a tenant's scripts."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from supervisor.commandline.asking import do, operator
from supervisor.ops import tables


@click.group()
def hooks() -> None:
    """Look at a tenant's scripts (pb_hooks)."""


@hooks.command("check")
@click.argument("tenant_name", metavar="TENANT")
@operator
def hooks_check(tenant_name: str, data: str, as_json: bool) -> None:
    """Load a tenant's scripts as they are now, for a look. Exits with 1 if they can't be loaded, and says why."""
    value: Mapping[str, Any] = do(data, as_json, "hooks.check", {"name": tenant_name}, tables.checked)
    if not value["ok"]:
        sys.exit(1)


@hooks.command("list")
@click.argument("tenant_name", metavar="TENANT")
@operator
def hooks_list(tenant_name: str, data: str, as_json: bool) -> None:
    """List what a tenant's scripts have bound: events, routes, middlewares and jobs, with their places."""
    do(data, as_json, "hooks.list", {"name": tenant_name}, tables.bound)
