"""Fresh workers and new code while the server serves: `pocker recycle`, `pocker upgrade`."""

import time
from typing import Any

import click

from supervisor.commandline.asking import do, fail, operator

UPGRADE_TIMEOUT_S = 600.0
LOOK_EVERY_S = 0.2


@click.command()
@click.argument("shard", type=click.IntRange(min=0))
@operator
def recycle(shard: int, data: str, as_json: bool) -> None:
    """Replace the worker of a shard by a fresh one; no client notices."""

    def show(value: dict[str, Any]) -> str:
        return f"shard {shard} is served by pid {value['shards'][shard]['pid']}"

    do(data, as_json, "recycle", {"shard": shard}, show)


@click.command()
@operator
def upgrade(data: str, as_json: bool) -> None:
    """Have the running server go on with the code that is installed now; no client notices.

    Nothing happens if that code does not start, or its settings are wrong. SIGHUP is enough for new settings.
    """
    from supervisor.ops.client import ClientError, ask  # noqa: PLC0415

    try:
        begun = ask(data, "upgrade", {}, lambda *_: None)
        told = _wait(data, begun["takeovers"])
    except ClientError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; the server goes on with what it has begun")
    if as_json:
        import json  # noqa: PLC0415

        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"the server (pid {told['pid']}) and all of its workers run the new code")


def _wait(data: str, before: int) -> dict[str, Any]:
    """Until all workers are replaced. Raises ClientError when the server says that it does not come to that."""
    from supervisor.ops.client import ClientError, ask  # noqa: PLC0415

    deadline = time.monotonic() + UPGRADE_TIMEOUT_S
    while True:
        told: dict[str, Any] = {"takeovers": before, "failure": ""}
        try:
            told = ask(data, "renewed", {}, lambda *_: None)
        except ClientError:  # asked just when one image gave way to the next
            if time.monotonic() > deadline:
                raise
        if told["takeovers"] == before and told["failure"]:
            raise ClientError(told["failure"])
        if told["takeovers"] > before:
            if told["renewed"]:
                return told
            raise ClientError("the server runs the new code, but not all workers could be replaced; its log says why")
        if time.monotonic() > deadline:
            raise ClientError(f"the upgrade is not done after {UPGRADE_TIMEOUT_S:.0f} s; the server's log says more")
        time.sleep(LOOK_EVERY_S)
