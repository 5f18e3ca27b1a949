"""What scripts have of the world around them beside files and networks: the console, and the tenant's variables."""

import re
from pathlib import Path

from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.ops import logger

# Beside pb_data: NAME=value lines, which the operator writes and scripts find in `process.env`.
VARIABLES = "env"
VARIABLES_BYTES_MAX = 65_536
LEVELS = {"debug": -4, "log": 0, "info": 0, "warn": 4, "error": 8}
# How lines of the console are told from others in the log.
MARK = '{"type":"console"}'

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


async def console(call: Call, level: object, line: object) -> None:
    """A line of a script's for the tenant's log."""
    number = LEVELS.get(level) if isinstance(level, str) else None
    if number is None:
        raise GoError("there is no such level")
    await logger.write(call, number, line, MARK)


async def variables(call: Call) -> dict[str, str]:
    """The tenant's own variables."""
    return read_variables(call.hooks.ctx.directory)


def read_variables(directory: Path) -> dict[str, str]:
    """What the file of variables in a tenant's directory says; nothing where there is none, or it can't be read.

    A line is `NAME=value`; blanks about both are left out, and so are quotes about the value, empty lines and those
    that begin with `#`.
    """
    try:
        with (directory / VARIABLES).open("rb") as file:
            raw = file.read(VARIABLES_BYTES_MAX)
    except OSError:
        return {}
    found = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        name, mark, value = line.partition("=")
        name, value = name.strip().removeprefix("export ").strip(), value.strip()
        if mark and _NAME.match(name):
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value
    return found


OPS: dict[str, Operation] = {"console": console, "variables": variables}
