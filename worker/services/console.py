"""The SQL console: a superuser's statements run in a process of their own, which can reach and stop nobody else.

A process, since nothing ends a function of SQLite's that takes hours, or hands back the memory of a worker: the kernel
bounds this one's memory, and its time is ended by killing it. What it has not committed then is gone, as after any
crash. It costs some 50 ms and 12 MB while it runs; a tenant has one at a time, a worker a few.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import apsw
import msgspec

from worker.db.console import INTERRUPTED, OUT_OF_MEMORY, ConsoleError, Mode
from worker.db.room import PAGES_MAX
from worker.services.consolechild import carry_out
from worker.services.consoleproc import Order, Report
from worker.services.settings import TenantSettings
from worker.services.settingschange import reload_settings
from worker.unit import lock_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from worker.context import Context

# The first words of what runs in one transaction and tells how many rows it changed; all else is asked for rows.
CHANGING = ("INSERT", "CREATE", "UPDATE", "DELETE", "DROP", "DETACH", "ALTER", "REPLACE")
# How the kernel ends a process that goes on for too long.
TIMES_UP = frozenset({-signal.SIGALRM, -signal.SIGXCPU})
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


class Script(NamedTuple):
    """What is to be run, on whose turn, and whether nobody waits for it any more."""

    query: str
    seat: Seat
    gone: Callable[[], bool]


async def run_script(ctx: "Context", query: str, gone: Callable[[], bool] = lambda: False) -> bytes:
    """Run the statements of `query` on the tenant's database; the answer's body.

    Afterwards the context matches the database again. (The real one goes on with what it has read before.) Once whoever
    asked is `gone`, the script is ended.

    Raises ConsoleError for what fails, in SQLite's words; also where the time is over or the memory was not enough.
    NoRoomError for what would take more of the disk than there is for the tenant.
    """
    seat: Seat = ctx.caches.setdefault(CACHE, Seat())
    mode = Mode.TRANSACTION if query.lstrip()[:8].upper().startswith(CHANGING) else Mode.READ
    script = Script(query, seat, gone)
    async with seat.turn:
        if mode is Mode.READ:
            async with ctx.lanes.consoles:
                report, body = await _run(ctx, script, mode)
            if not report.locked:
                return _told(ctx, report, body)
            mode = Mode.LOCKED
        async with _alone(ctx):
            if ctx.data.room is not None:
                ctx.data.room.admit(ctx.data)
            try:
                report, body = await _run(ctx, script, mode)
            finally:
                ctx.auth_epoch += 1
                ctx.catalog.reload(ctx.data)
            seat.changes, seat.until = report.changes, ctx.data.connection.total_changes()
        if TenantSettings.load(ctx.data) != ctx.settings:
            await reload_settings(ctx)
        return _told(ctx, report, body)


@asynccontextmanager
async def _alone(ctx: "Context") -> "AsyncIterator[None]":
    """As the tenant's one writer, with one of the worker's consoles.

    Neither is kept while the other is waited for: other tenants want a console, the tenant's own requests the writer.
    Raises apsw.BusyError where the writer is not free for long.
    """
    consoles, writer = ctx.lanes.consoles, ctx.writer
    while True:
        await lock_writer(ctx)
        if not consoles.locked():
            await consoles.acquire()
            break
        writer.release()
        await consoles.acquire()
        if writer.free:
            await writer.acquire()
            break
        consoles.release()
    try:
        yield
    finally:
        writer.release()
        consoles.release()


def _told(ctx: "Context", report: Report, body: bytes) -> bytes:
    if report.full and ctx.data.room is not None:
        raise ctx.data.room.refusal(apsw.FullError(report.error))
    if report.error is not None:
        raise ConsoleError(report.error)
    return body


async def _run(ctx: "Context", script: Script, mode: Mode) -> tuple[Report, bytes]:
    """One process from its start to its end."""
    own, seat, lanes, account = ctx.data.connection, script.seat, ctx.lanes, ctx.account

    def spend(cpu_ns: int) -> None:
        if account is not None:
            account.child_ns += cpu_ns
            lanes.charge(account, cpu_ns)

    changes = seat.changes if own.total_changes() == seat.until else own.changes()
    pages_max = PAGES_MAX if ctx.data.room is None else ctx.data.room.pages_max
    order = Order(ctx.data.path, script.query, mode.value, lanes.console_timeout_s, changes, pages_max)
    encoded = msgspec.json.encode(asdict(order))
    outcome = await carry_out(ctx.pb_data, encoded, order.timeout_s, spend=spend, gone=script.gone)
    if outcome.late or outcome.status in TIMES_UP:
        lanes.cut(ctx.data, "script", int(order.timeout_s * 1e9))
        return Report(INTERRUPTED, changes=changes), b""
    if outcome.status == 0:
        head, _, body = outcome.said.partition(b"\n")
        return msgspec.json.decode(head, type=Report), body
    if outcome.status < 0:
        return Report(OUT_OF_MEMORY, changes=changes), b""
    raise RuntimeError(f"the console's process ended with status {outcome.status}")
