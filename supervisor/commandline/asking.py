"""What every operator's command shares: where the server is, the question, and how the answer is printed."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click

from supervisor.contract.layout import DATA_DEFAULT
from supervisor.ops.tables import plain

CLEAR_LINE = "\r\x1b[K"


def operator(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --data and --json, which a command passes on to `do`."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)
    return click.option(
        "--data",
        metavar="DIR",
        envvar="POCKER_DATA",
        default=DATA_DEFAULT,
        show_default=True,
        help="Data directory of the server (POCKER_DATA).",
    )(command)


def do(data: str, as_json: bool, command: str, args: Mapping[str, Any], show: Callable[[Any], str]) -> Any:
    """Asks the server, then prints its answer, which it returns."""
    from supervisor.ops.client import ClientError, ask  # noqa: PLC0415

    drawn = False

    def on_progress(text: str, done: int, total: int) -> None:
        nonlocal drawn
        if sys.stderr.isatty():
            drawn = True
            share = f" {done * 100 // total} %" if total else ""
            sys.stderr.write(f"\r{plain(text)}{share}\x1b[K")
            sys.stderr.flush()

    try:
        value = ask(data, command, dict(args), on_progress)
    except ClientError as error:
        fail(str(error), clear=drawn)
    except KeyboardInterrupt:
        fail("interrupted; the server goes on with what it has begun", clear=drawn)
    if drawn:
        sys.stderr.write(CLEAR_LINE)
    if as_json:
        import json  # noqa: PLC0415

        click.echo(json.dumps(value, indent=2))
    elif text := show(value):
        click.echo(text)
    return value


def fail(line: str, clear: bool = False) -> NoReturn:
    """Ends the command: not done, and why; `clear` if progress stands in the line."""
    sys.stderr.write(f"{CLEAR_LINE if clear else ''}pocker: {plain(line)}\n")
    sys.exit(1)


def absolute(path: str | None) -> str:
    """The path as the server has to see it, which stands somewhere else; empty for none."""
    return os.path.abspath(os.path.expanduser(path)) if path else ""  # noqa: PTH100, PTH111 (pathlib starts slower)
