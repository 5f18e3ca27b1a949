"""`pocker events --follow`: prints what has happened, then what happens, also when the server is started again.

The server is asked again and again on one connection for what is newer than the last event. When the connection ends,
a line on stderr says so, and it is tried again. A server that was killed may have lost its last events and give their
ids once more, so after a new connection it is the time that tells what is new.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from supervisor.ops import tables
from supervisor.ops.client import Session, Unreachable

COMMAND = "events"
EVERY_S = 0.5
LIMIT = 10_000


def follow(data: str, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints events for ever; `wanted` says which and with how many to begin. Raises ClientError when there is no
    server in the beginning, or it does not know the command."""
    first = Session(data)
    last, told = _print(_ask(first, wanted), ("", 0), as_json), False
    session: Session | None = first
    while True:
        time.sleep(EVERY_S)
        try:
            if session is None:
                session = Session(data)
                newer = _ask(session, {**wanted, "since": last[0] or wanted["since"], "limit": LIMIT})
            else:
                newer = _ask(session, {**wanted, "since": "", "since_id": last[1], "limit": LIMIT})
            told = False
        except Unreachable as error:
            if session is not None:
                session.close()
            session = None
            if not told:
                sys.stderr.write(f"pocker: {error}; trying again\n")
                sys.stderr.flush()
            told = True
            continue
        last = _print(newer, last, as_json)


def _ask(session: Session, args: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(session.ask(COMMAND, args, lambda *_: None))


def _print(events: list[dict[str, Any]], last: tuple[str, int], as_json: bool) -> tuple[str, int]:
    """Prints those after `last` (time and id); the last one now."""
    for event in events:
        if event["id"] > last[1] or event["at"] > last[0]:
            last = (event["at"], event["id"])
            click.echo(json.dumps(event) if as_json else tables.event(event))
    return last
