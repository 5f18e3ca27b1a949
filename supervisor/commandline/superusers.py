"""`pocker superuser …`: look after a tenant's superusers."""

import sys

import click

from supervisor.commandline.asking import do, operator
from supervisor.ops import tables


@click.group()
def superuser() -> None:
    """Look after a tenant's superusers."""


@superuser.command("upsert")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("email")
@click.argument("password", required=False)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@operator
def superuser_upsert(
    *, tenant_name: str, email: str, password: str | None, password_stdin: bool, data: str, as_json: bool
) -> None:
    """Create a superuser or change its password (asked for when it is left out)."""
    if password_stdin:
        if password is not None:
            raise click.UsageError("give the password as an argument or on standard input, not both")
        password = sys.stdin.readline().rstrip("\n")
    elif password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    args = {"name": tenant_name, "email": email, "password": password}
    do(data, as_json, "superuser.upsert", args, lambda value: f"{value['email']} is a superuser of {value['name']}")


@superuser.command("list")
@click.argument("tenant_name", metavar="TENANT")
@operator
def superuser_list(tenant_name: str, data: str, as_json: bool) -> None:
    """List a tenant's superusers."""
    do(data, as_json, "superuser.list", {"name": tenant_name}, tables.superusers)


@superuser.command("delete")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("email")
@operator
def superuser_delete(tenant_name: str, email: str, data: str, as_json: bool) -> None:
    """Remove a superuser."""
    args = {"name": tenant_name, "email": email}
    do(data, as_json, "superuser.delete", args, lambda value: f"{value['email']} is removed from {value['name']}")
