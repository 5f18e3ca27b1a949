"""The command line: `pocker serve`, and the operator's commands to a running server.

An operator's command only talks over a socket, so it must start fast: everything that is not needed to read arguments
is imported in the command that needs it.

Exit codes: 0 done, 1 not done (one line on stderr says why), 2 wrong usage.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click

from supervisor.contract.layout import DATA_DEFAULT
from supervisor.ops import tables

CLEAR_LINE = "\r\x1b[K"


def main() -> None:
    """The console script."""
    pocker(prog_name="pocker")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pocker", message="%(version)s")
def pocker() -> None:
    """Thousands of PocketBase-compatible tenants in one small set of processes."""


@pocker.command()
@click.option("--config", metavar="FILE", help="YAML settings (environment: POCKER_CONFIG).")
@click.option("--data", metavar="DIR", help="Data directory (POCKER_DATA).")
@click.option("--listen", metavar="ADDR:PORT", help="Address for HTTP (POCKER_LISTEN).")
@click.option("--shards", metavar="N", help="Number of worker processes (POCKER_SHARDS).")
@click.option("--demo", is_flag=True, help="On an empty server, create the tenant `demo` and say what to try.")
def serve(config: str | None, data: str | None, listen: str | None, shards: str | None, demo: bool) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Flags win over the environment, which wins over the YAML file. configs/default.yaml explains every key.
    """
    from supervisor.app import Server  # noqa: PLC0415
    from supervisor.config import ConfigError, load  # noqa: PLC0415
    from supervisor.premises import StartError  # noqa: PLC0415

    flags = {"data": data, "listen": listen, "shards": shards}
    try:
        Server(load(config, flags), reread=lambda: load(config, flags), demo=demo).run()
    except (ConfigError, StartError) as error:
        _fail(str(error))


# What every operator's command shares


def _operator(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --data and --json, which go to `_do` as `where`."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)
    return click.option(
        "--data",
        metavar="DIR",
        envvar="POCKER_DATA",
        default=DATA_DEFAULT,
        show_default=True,
        help="Data directory of the server (POCKER_DATA).",
    )(command)


def _do(data: str, as_json: bool, command: str, args: Mapping[str, Any], show: Callable[[Any], str]) -> None:
    """Asks the server, then prints its answer."""
    from supervisor.ops.client import ClientError, ask  # noqa: PLC0415

    drawn = False

    def on_progress(text: str, done: int, total: int) -> None:
        nonlocal drawn
        if sys.stderr.isatty():
            drawn = True
            share = f" {done * 100 // total} %" if total else ""
            sys.stderr.write(f"\r{text}{share}\x1b[K")
            sys.stderr.flush()

    try:
        value = ask(data, command, dict(args), on_progress)
    except ClientError as error:
        _fail(str(error), clear=drawn)
    except KeyboardInterrupt:
        _fail("interrupted; the server goes on with what it has begun", clear=drawn)
    if drawn:
        sys.stderr.write(CLEAR_LINE)
    if as_json:
        import json  # noqa: PLC0415

        click.echo(json.dumps(value, indent=2))
    elif text := show(value):
        click.echo(text)


def _fail(line: str, clear: bool = False) -> NoReturn:
    sys.stderr.write(f"{CLEAR_LINE if clear else ''}pocker: {line}\n")
    sys.exit(1)


def _path(path: str | None) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""  # noqa: PTH100, PTH111 (pathlib starts slower)


# Tenants


@pocker.group()
def tenant() -> None:
    """Create, import and look after tenants."""


@tenant.command("create")
@click.argument("name")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Also serve it at this domain (repeatable).")
@_operator
def tenant_create(name: str, domains: tuple[str, ...], data: str, as_json: bool) -> None:
    """Create an empty tenant; it serves at once."""
    _do(data, as_json, "tenant.create", {"name": name, "domains": domains}, tables.serves)


@tenant.command("import")
@click.argument("name")
@click.argument("pb_data")
@click.option("--hooks", metavar="DIR", help="Its pb_hooks.")
@click.option("--migrations", metavar="DIR", help="Its pb_migrations.")
@click.option("--public", metavar="DIR", help="Its pb_public.")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Also serve it at this domain (repeatable).")
@_operator
def tenant_import(
    *,
    name: str,
    pb_data: str,
    hooks: str | None,
    migrations: str | None,
    public: str | None,
    domains: tuple[str, ...],
    data: str,
    as_json: bool,
) -> None:
    """Make a tenant of a PocketBase data directory (0.23 or later, not running). The directory is copied."""
    args = {
        "name": name,
        "source": _path(pb_data),
        "hooks": _path(hooks),
        "migrations": _path(migrations),
        "public": _path(public),
        "domains": domains,
    }
    _do(data, as_json, "tenant.import", args, tables.serves)


@tenant.command("export")
@click.argument("name")
@click.argument("directory")
@_operator
def tenant_export(name: str, directory: str, data: str, as_json: bool) -> None:
    """Copy a tenant to a new DIRECTORY which the real PocketBase opens. The tenant goes on serving."""
    args = {"name": name, "target": _path(directory)}
    _do(data, as_json, "tenant.export", args, lambda value: f"{value['name']} is in {value['target']}")


@tenant.command("list")
@_operator
def tenant_list(data: str, as_json: bool) -> None:
    """List all tenants."""
    _do(data, as_json, "tenant.list", {}, tables.tenants)


@tenant.command("show")
@click.argument("name")
@_operator
def tenant_show(name: str, data: str, as_json: bool) -> None:
    """Show one tenant."""
    _do(data, as_json, "tenant.show", {"name": name}, tables.sheet)


@tenant.command("suspend")
@click.argument("name")
@click.option("--reason", default="", help="Why; shown to operators only.")
@_operator
def tenant_suspend(name: str, reason: str, data: str, as_json: bool) -> None:
    """Stop serving a tenant (503); its files stay."""
    _do(data, as_json, "tenant.suspend", {"name": name, "reason": reason}, tables.state)


@tenant.command("resume")
@click.argument("name")
@_operator
def tenant_resume(name: str, data: str, as_json: bool) -> None:
    """Serve a suspended or failed tenant again."""
    _do(data, as_json, "tenant.resume", {"name": name}, tables.state)


@tenant.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_operator
def tenant_delete(name: str, yes: bool, data: str, as_json: bool) -> None:
    """Remove a tenant and all of its files."""
    if not yes:
        click.confirm(f"Remove tenant {name} and all of its files?", abort=True, err=True)
    _do(data, as_json, "tenant.delete", {"name": name}, lambda value: f"{value['name']} is removed")


@tenant.group("domain")
def tenant_domain() -> None:
    """Custom domains of a tenant."""


@tenant_domain.command("add")
@click.argument("name")
@click.argument("domain")
@_operator
def tenant_domain_add(name: str, domain: str, data: str, as_json: bool) -> None:
    """Serve the tenant at DOMAIN too."""
    _do(data, as_json, "tenant.domain.add", {"name": name, "domain": domain}, tables.domains)


@tenant_domain.command("remove")
@click.argument("name")
@click.argument("domain")
@_operator
def tenant_domain_remove(name: str, domain: str, data: str, as_json: bool) -> None:
    """Serve the tenant at DOMAIN no more."""
    _do(data, as_json, "tenant.domain.remove", {"name": name, "domain": domain}, tables.domains)


# Superusers


@pocker.group()
def superuser() -> None:
    """Look after a tenant's superusers."""


@superuser.command("upsert")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("email")
@click.argument("password", required=False)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_operator
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
    _do(data, as_json, "superuser.upsert", args, lambda value: f"{value['email']} is a superuser of {value['name']}")


@superuser.command("list")
@click.argument("tenant_name", metavar="TENANT")
@_operator
def superuser_list(tenant_name: str, data: str, as_json: bool) -> None:
    """List a tenant's superusers."""
    _do(data, as_json, "superuser.list", {"name": tenant_name}, tables.superusers)


@superuser.command("delete")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("email")
@_operator
def superuser_delete(tenant_name: str, email: str, data: str, as_json: bool) -> None:
    """Remove a superuser."""
    args = {"name": tenant_name, "email": email}
    _do(data, as_json, "superuser.delete", args, lambda value: f"{value['email']} is removed from {value['name']}")


# The server


@pocker.command()
@_operator
def status(data: str, as_json: bool) -> None:
    """Show the processes and how many tenants they serve."""
    _do(data, as_json, "status", {}, tables.status)


@pocker.command()
@click.argument("name", required=False)
@_operator
def usage(name: str | None, data: str, as_json: bool) -> None:
    """Show what tenants have used since the server started."""
    shown = {"name": name} if name else {}
    _do(data, as_json, "usage", shown, tables.usage)
