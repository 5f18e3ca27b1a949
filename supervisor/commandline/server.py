"""What concerns the server as a whole: `pocker status`, `top`, `usage`, `events`."""

from datetime import datetime

import click

from supervisor.commandline import since as since_option
from supervisor.commandline.asking import do, fail, operator
from supervisor.commandline.view import ORDERS
from supervisor.ops import tables

SHOWN_AT_ONCE_MAX = 10_000
EVENTS_SHOWN = 100
EVENTS_FOLLOWED_FROM = 10
EVENTS_SINCE_MAX = 10_000


@click.command()
@operator
def status(data: str, as_json: bool) -> None:
    """Show the processes and how many tenants they serve."""
    do(data, as_json, "status", {}, tables.status)


@click.command()
@click.option("--sort", "order", type=click.Choice(ORDERS), default=ORDERS[0], show_default=True, help="Order.")
@click.option("--once", is_flag=True, help="Print one table and leave; so does output to a file or a pipe.")
@operator
def top(order: str, once: bool, data: str, as_json: bool) -> None:
    """Watch what tenants and workers use. Press ? for the keys."""
    from supervisor.ops.client import ClientError  # noqa: PLC0415

    if not (once or as_json):
        from supervisor.commandline.top import Top, is_possible  # noqa: PLC0415

        if is_possible():
            try:
                Top(data, order).run()
            except ClientError as error:
                fail(str(error))
            except KeyboardInterrupt:
                pass
            return
    do(data, as_json, "usage.live", {"by": order, "limit": SHOWN_AT_ONCE_MAX}, tables.live)


@click.command()
@click.argument("name", required=False)
@click.option("--since", metavar="WHEN", callback=since_option.given, help="Day by day: 7d, 2026-07-01; UTC.")
@operator
def usage(name: str | None, since: datetime | None, data: str, as_json: bool) -> None:
    """Show what tenants have used since the server started, or one of them since any day."""
    if since is None:
        do(data, as_json, "usage", {"name": name} if name else {}, tables.usage)
    elif name is None:
        raise click.UsageError("--since needs a tenant")
    else:
        do(data, as_json, "usage.since", {"name": name, "since": since.isoformat()}, tables.used_since)


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C; with --json an object a line.")
@click.option("--tenant", "tenant", default="", metavar="NAME", help="Only of this tenant.")
@click.option("--kind", default="", metavar="KIND", help="Only of this kind, for example throttled.")
@click.option("--since", metavar="WHEN", callback=since_option.given, help="From 1h ago, 2026-07-01T12:30, …; UTC.")
@operator
def events(*, follow: bool, tenant: str, kind: str, since: datetime | None, data: str, as_json: bool) -> None:
    """Show what happened: measures against tenants, moves, replaced workers, …"""
    wanted = {"tenant": tenant, "kind": kind, "since": f"{since:%Y-%m-%d %H:%M:%S}" if since else ""}
    if not follow:
        limit = EVENTS_SINCE_MAX if since else EVENTS_SHOWN
        do(data, as_json, "events", {**wanted, "limit": limit}, tables.events)
        return
    from supervisor.commandline.follow import follow as go_on  # noqa: PLC0415
    from supervisor.ops.client import ClientError  # noqa: PLC0415

    try:
        go_on(data, {**wanted, "limit": EVENTS_SINCE_MAX if since else EVENTS_FOLLOWED_FROM}, as_json=as_json)
    except ClientError as error:
        fail(str(error))
    except KeyboardInterrupt:
        pass
