"""The command line: `pocker serve`, and the operator's commands to a running server.

An operator's command only talks over a socket, so it must start fast: everything that is not needed to read arguments
is imported in the command that needs it.

Exit codes: 0 done, 1 not done (one line on stderr says why), 2 wrong usage.
"""

import click

from supervisor.commandline import doctor, hooks, migrate, renewal, server, superusers, tenants
from supervisor.commandline.asking import fail


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
        fail(str(error))


for command in (tenants.tenant, superusers.superuser, server.status, server.top, server.usage, server.events):
    pocker.add_command(command)
for command in (hooks.hooks, migrate.migrate, renewal.recycle, renewal.upgrade, doctor.doctor):
    pocker.add_command(command)
