"""What scripts may ask of the server, by the names under which they ask. One module an area; this is the one list.

Each module has `OPS`, its operations by name (`worker.hooks.calls` says what an operation is).
"""

from functools import cache
from importlib import import_module

from worker.hooks.calls import Operation

MODULES = (
    "app",
    "basics",
    "collections",
    "crons",
    "events",
    "files",
    "finding",
    "http",
    "logger",
    "logins",
    "modules",
    "outside",
    "query",
    "request",
    "records",
    "relations",
    "security",
    "settings",
    "store",
    "times",
    "transactions",
)


@cache
def table() -> dict[bytes, Operation]:
    """Every operation by its name on the wire."""
    found: dict[bytes, Operation] = {}
    for module in MODULES:
        operations: dict[str, Operation] = import_module(f"{__name__}.{module}").OPS
        for name, operation in operations.items():
            if found.setdefault(name.encode(), operation) is not operation:
                raise RuntimeError(f"two operations are named {name}")
    return found
