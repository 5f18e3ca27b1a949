"""The SQL console: a superuser's statements run in a process of their own, which can reach and stop nobody else.

A process, since nothing ends a function of SQLite's that takes hours, or hands back the memory of a worker: the kernel
bounds this one's memory, and its time is ended by killing it. What it has not committed then is gone, as after any
crash. It costs some 50 ms and 12 MB while it runs; a tenant has one at a time, a worker a few.
"""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import worker
from worker.db.console import INTERRUPTED, OUT_OF_MEMORY, ConsoleError, Mode
from worker.services.consoleproc import BODY_BYTES_MAX, Order, Report
from worker.services.settings import TenantSettings
from worker.services.settingschange import reload_settings
from worker.unit import lock_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from worker.context import Context

# The first words of what runs in one transaction and tells how many rows it changed; all else is asked for rows.
CHANGING = ("INSERT", "CREATE", "UPDATE", "DELETE", "DROP", "DETACH", "ALTER", "REPLACE")
BOOT = "import sys; sys.path += sys.argv[1:]; from worker.services.consoleproc import main; main()"
REPORT_BYTES_MAX = 64 << 10
# How the kernel ends a process that goes on for too long.
TIMES_UP = frozenset({-signal.SIGALRM, -signal.SIGXCPU})
# An interpreter outside of the usual places finds its library by it.
KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
# Where a context keeps what belongs to its console.
CACHE = "console"


class Seat:
    """A tenant's turn at the console, and what its last change counted (the real one tells it again for a CREATE)."""

    __slots__ = ("changes", "turn", "until")

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.changes = 0
        # the count of all changes on the tenant's own connection until which `changes` is the last one
        self.until = -1


async def run_script(ctx: "Context", query: str) -> bytes:
    """Run the statements of `query` on the tenant's database; the answer's body.

    Afterwards the context matches the database again. (The real one goes on with what it has read before.)

    Raises ConsoleError for what fails, in SQLite's words; also where the time is over or the memory was not enough.
    """
    seat: Seat = ctx.caches.setdefault(CACHE, Seat())
    mode = Mode.TRANSACTION if query.lstrip()[:8].upper().startswith(CHANGING) else Mode.READ
    async with seat.turn, ctx.lanes.consoles:
        if mode is Mode.READ:
            report, body = await _spawned(ctx, seat, query, mode)
            if not report.locked:
                return _told(report, body)
            mode = Mode.LOCKED
        await lock_writer(ctx)
        try:
            try:
                report, body = await _spawned(ctx, seat, query, mode)
            finally:
                ctx.auth_epoch += 1
                ctx.catalog.reload(ctx.data)
            seat.changes, seat.until = report.changes, ctx.data.connection.total_changes()
        finally:
            ctx.writer.release()
        if TenantSettings.load(ctx.data) != ctx.settings:
            await reload_settings(ctx)
        return _told(report, body)


def _told(report: Report, body: bytes) -> bytes:
    if report.error is not None:
        raise ConsoleError(report.error)
    return body


async def _spawned(ctx: "Context", seat: Seat, query: str, mode: Mode) -> tuple[Report, bytes]:
    """One process from its start to its end."""
    own = ctx.data.connection
    changes = seat.changes if own.total_changes() == seat.until else own.changes()
    order = Order(ctx.data.path, query, mode.value, ctx.lanes.console_timeout_s, changes)
    async with _process(ctx.pb_data) as process:
        try:
            async with asyncio.timeout(order.timeout_s):
                said = await _talk(process, msgspec.json.encode(asdict(order)))
        except TimeoutError:
            return Report(INTERRUPTED, changes=changes), b""
        status = await process.wait()
    if status == 0:
        head, _, body = said.partition(b"\n")
        return msgspec.json.decode(head, type=Report), body
    if status in TIMES_UP:
        return Report(INTERRUPTED, changes=changes), b""
    if status < 0:
        return Report(OUT_OF_MEMORY, changes=changes), b""
    raise RuntimeError(f"the console's process ended with status {status}")


async def _talk(process: asyncio.subprocess.Process, order: bytes) -> bytes:
    """Hand over the order; everything the process says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order)
    process.stdin.close()
    said = bytearray()
    while chunk := await process.stdout.read(1 << 18):
        said += chunk
        if len(said) > BODY_BYTES_MAX + REPORT_BYTES_MAX:
            return b""
    return bytes(said)


@asynccontextmanager
async def _process(directory: Path) -> "AsyncIterator[asyncio.subprocess.Process]":
    """A new process with nothing of this one's: no environment, no descriptors; killed at the end."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    environment["SQLITE_TMPDIR"] = str(directory)  # what it spills has to be where the tenant's other files are
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", BOOT, *_import_path()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        cwd="/",
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


def _import_path() -> list[str]:
    """Where modules are found; the interpreter starts without looking for them, which halves its start."""
    assert worker.__file__ is not None
    here = str(Path(worker.__file__).parent.parent)
    return list(dict.fromkeys([here, *(str(Path(entry)) for entry in sys.path if entry and Path(entry).is_dir())]))
