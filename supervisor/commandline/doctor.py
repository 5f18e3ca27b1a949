"""`pocker doctor`: what this machine can do for the sandbox. No server needs to run."""

import subprocess
import sys

import click

from supervisor.commandline.asking import fail

# A path, no import: only workers, and this command's process, have the sandbox in them.
DOCTOR = "sandbox.doctor"


@click.command()
@click.option("--config", metavar="FILE", help="YAML settings (environment: POCKER_CONFIG).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def doctor(config: str | None, as_json: bool) -> None:
    """Say which walls stand about tenants' scripts on this machine.

    Run it as the user that the server runs as. Exit code 1: scripts would be refused.
    """
    from supervisor.config import ConfigError, load  # noqa: PLC0415

    try:
        settings = load(config, {})
    except ConfigError as error:
        fail(str(error))
    options = ["--json"] if as_json else []
    ended = subprocess.run([sys.executable, "-m", DOCTOR, "--user", settings.sandbox.user, *options], check=False)
    sys.exit(ended.returncode)
