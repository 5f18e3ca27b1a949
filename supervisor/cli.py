"""The command line: `pocker serve`, and the operator's commands to a running server.

An operator's command only talks over a socket, so it must start fast: everything that is not needed to read its own
arguments is imported in the command that needs it, and no other command is imported (COMMANDS).

Exit codes: 0 done, 1 not done (one line on stderr says why), 2 wrong usage.
"""

import gc
import importlib
from typing import cast

import click

from supervisor.commandline.asking import fail

COMMANDS = {
    "doctor": "doctor:doctor",
    "events": "server:events",
    "hooks": "hooks:hooks",
    "migrate": "migrate:migrate",
    "recycle": "renewal:recycle",
    "status": "server:status",
    "superuser": "superusers:superuser",
    "tenant": "tenants:tenant",
    "top": "server:top",
    "upgrade": "renewal:upgrade",
    "usage": "server:usage",
}
"""Each command, and what it is in `supervisor.commandline`."""


def main() -> None:
    """The console script."""
    pocker(prog_name="pocker")


class Lazily(click.Group):
    """Imports a command of COMMANDS when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(importlib.import_module(f"supervisor.commandline.{module}"), name))


@click.group(cls=Lazily, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    gc.disable()  # until the first fork (`supervisor.arbiter`): what is made meanwhile stays
    from supervisor.app import Server  # noqa: PLC0415
    from supervisor.config import ConfigError, load  # noqa: PLC0415
    from supervisor.premises import StartError  # noqa: PLC0415

    flags = {"data": data, "listen": listen, "shards": shards}
    try:
        Server(load(config, flags), reread=lambda: load(config, flags), demo=demo).run()
    except (ConfigError, StartError) as error:
        fail(str(error))
