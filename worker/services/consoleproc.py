"""The process in which a superuser's SQL runs: one script, and it ends.

Its own code in this order: the limits that the kernel keeps, the script (`worker.db.console`), a look at what it has
done to the tenant's collections and settings, commit, answer. `worker.services.console` starts it and draws the frames:

    stdin:   one JSON object, the members of `Order`
    stdout:  one JSON object, the members of `Report`, a line feed, the JSON body of the answer (empty without one)
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any

import apsw

from worker.db.console import OUT_OF_MEMORY, TOO_LARGE, Console, ConsoleError, Mode, Outcome, described

# All memory of the process; Python and SQLite themselves take some 40 MB of it.
MEMORY_BYTES_MAX = 320 << 20
# How much each file (database, WAL, one for sorting) may grow by one script.
GROWTH_BYTES_MAX = 1 << 30
FILES_MAX = 32
# The texts of an answer's rows in characters, and the whole answer in bytes.
TEXT_MAX = 8 << 20
BODY_BYTES_MAX = 16 << 20
# The worker kills what exceeds its time; should the worker be gone, the kernel does it so much later.
GRACE_S = 2
NICE = 10

UNFIT = "the statements leave collections or settings that can't be read: "


@dataclass(frozen=True)
class Order:
    """What to run. `changes` is what the tenant's last change counted, `timeout_s` how long all of it may take,
    `pages_max` how large the database may become."""

    path: str
    query: str
    mode: str
    timeout_s: float
    changes: int
    pages_max: int


@dataclass
class Report:
    """What came of it: `error` in SQLite's words; `locked` where it has to be run with no other writer beside it;
    `full` where there was no room for what it writes."""

    error: str | None = None
    locked: bool = False
    changes: int = 0
    full: bool = False


def main() -> None:
    """Read the order, carry it out, write report and body."""
    order = Order(**json.loads(sys.stdin.buffer.read()))
    confine(order)
    try:
        report, body = carry_out(order)
    except MemoryError:
        report, body = Report(OUT_OF_MEMORY), b""
    out = sys.stdout.buffer
    out.write(json.dumps(asdict(report)).encode() + b"\n")
    out.write(body)
    out.flush()
    os._exit(0)  # nothing is left to tidy up


def confine(order: Order) -> None:
    """Have the kernel bound time, memory, files and their sizes."""
    seconds = int(order.timeout_s) + GRACE_S
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    files = (Path(order.path), Path(order.path + "-wal"))
    sizes = [file.stat().st_size for file in files if file.exists()]
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, 2 * max(sizes, default=0) + GROWTH_BYTES_MAX),
        (resource.RLIMIT_NOFILE, FILES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    os.nice(NICE)


def carry_out(order: Order) -> tuple[Report, bytes]:
    """Run the script and commit it; the report, and the answer's body where there is one."""
    mode = Mode(order.mode)
    started = monotonic_ns()
    try:
        console = Console(order.path, mode, TEXT_MAX, order.pages_max)
    except apsw.Error as error:
        return Report(described(error)), b""
    try:
        outcome = console.run(order.query)
        body = _body(outcome, mode, console.changes(order.changes), (monotonic_ns() - started) // 1_000_000)
        if console.touched:
            _check(console)
        console.commit()
    except ConsoleError as error:
        locked = error.readonly and mode is Mode.READ
        return Report(str(error), locked, console.changes(order.changes), error.full), b""
    return Report(changes=console.changes(order.changes)), body


def _body(outcome: Outcome, mode: Mode, changes: int, took_ms: int) -> bytes:
    """The answer as JSON. A transaction tells only how many rows it changed, though a statement of it may have some."""
    told = mode is Mode.TRANSACTION
    columns = [] if told else [{"name": name, "type": kind, "nullable": True} for name, kind in outcome.columns]
    answer: dict[str, Any] = {
        "execTime": took_ms,
        "affectedRows": changes if told else 0,
        "columns": columns,
        "rows": [] if told else outcome.rows,
    }
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > BODY_BYTES_MAX:
        raise ConsoleError(TOO_LARGE)
    return body


def _check(console: Console) -> None:
    """ConsoleError where the tenant could not be opened any more with what the script left of its definition."""
    # most scripts never come here, and these take longer to import than to run
    from worker.schema.catalog import Catalog  # noqa: PLC0415
    from worker.services.settings import SETTINGS_BYTES_MAX, TenantSettings  # noqa: PLC0415

    reader: Any = Reader(console.connection)
    try:
        Catalog.load(reader)
        TenantSettings.load(reader)
        stored = reader.one(TenantSettings.QUERY)
        if stored and len(stored[0] or "") > SETTINGS_BYTES_MAX:
            raise ValueError(f"the settings take more than {SETTINGS_BYTES_MAX} bytes")
    except (apsw.Error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise console.failed(ConsoleError(UNFIT + str(error))) from error


class Reader:
    """The part of a `Database` that is needed for reading collections and settings."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def once(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        return list(self._connection.execute(sql, params))

    def one(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return next(iter(self.once(sql, params)), None)
