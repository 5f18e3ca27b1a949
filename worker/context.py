"""A live tenant: what stays in a worker's memory between two requests of one tenant.

Everything here counts a thousand times, so a context holds one database connection, references to schema objects that
tenants with equal schemas share, and small caches; the rest is opened when it is needed.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import apsw

from worker.db.checkpoint import close_checkpointed
from worker.db.connection import Database
from worker.db.limits import STATEMENTS_MAX
from worker.events import Bus
from worker.fair.account import Account
from worker.lanes import Lanes
from worker.schema.catalog import Catalog
from worker.services.console import CACHE as SEAT
from worker.services.logs import RequestLog
from worker.services.settings import TenantSettings
from worker.unit import Unit, Writer

if TYPE_CHECKING:
    from worker.hooks.hooks import Hooks
    from worker.hooks.starting import Starting


class Context:
    """One tenant, open. Made by `worker.tenants`, which also closes it."""

    __slots__ = (
        "account",
        "auth_epoch",
        "bus",
        "busy",
        "caches",
        "catalog",
        "data",
        "directory",
        "ending",
        "hooks",
        "is_inner",
        "lanes",
        "logs",
        "name",
        "opened_at",
        "schema_bytes",
        "schema_weighed",
        "settings",
        "spare",
        "starting",
        "unit",
        "used_at",
        "weight_kb",
        "writer",
    )

    def __init__(
        self,
        name: str,
        directory: Path,
        lanes: Lanes,
        *,
        write_limit_s: float,
        log_queue_max: int,
        account: Account | None = None,
        statements: int = STATEMENTS_MAX,
    ) -> None:
        """Open the tenant whose files are in `directory` (…/tenants/NAME). Raises apsw.Error for a damaged database.

        What it takes is booked to `account`, its plan's limits are kept. So many `statements` are kept prepared.
        """
        self.name = name
        self.directory = directory
        self.lanes = lanes
        self.account = account
        self.bus = Bus()
        # requests under way; a busy context is never evicted
        self.busy = 0
        # coarse clock (s) of its opening and last use, and what it weighed when that was last asked
        self.opened_at = self.used_at = 0.0
        self.weight_kb = 0
        # what SQLite takes for the schema, and of which version of the catalog that was asked
        self.schema_bytes, self.schema_weighed = 0, -1
        # held by whoever writes: a transaction that waits in the middle keeps the tenant's other writers out
        self.writer = Writer()
        # bumped whenever an auth record or a schema changes: what was derived from them is compared with it
        self.auth_epoch = 0
        self.caches: dict[str, Any] = {}
        # the tenant's scripts, and what its requests wait for while these start (or fail because they could not)
        self.hooks: Hooks | None = None
        self.starting: Starting | None = None
        # the innermost unit of work that is open here, and whether all of this context is one transaction's own
        self.unit: Unit | None = None
        self.is_inner = False
        # what ends the transaction that is open on another connection, if there is one
        self.ending: asyncio.Timeout | None = None
        # a connection that the last transaction has left behind
        self.spare: Database | None = None
        self.data = Database(f"{directory}/pb_data/data.db", statements=statements)
        try:
            self.data.account = account
            self.data.write_limit_ns = int(write_limit_s * 1e9)
            self.catalog = Catalog.load(self.data)
            self.settings = TenantSettings.load(self.data)
            self.logs = RequestLog(Path(f"{directory}/pb_data/auxiliary.db"), self.settings.logs, log_queue_max)
        except BaseException:
            self.data.close()
            raise

    def inner(self, data: Database) -> Self:
        """A context for one transaction on `data`, a connection of its own: what it changes, this one does not see."""
        inner = object.__new__(type(self))
        inner.name = self.name
        inner.directory = self.directory
        inner.lanes = self.lanes
        inner.account = self.account
        inner.bus = self.bus
        inner.busy = 0
        inner.opened_at = inner.used_at = 0.0
        inner.weight_kb = 0
        inner.schema_bytes, inner.schema_weighed = 0, -1
        inner.writer = self.writer
        inner.auth_epoch = self.auth_epoch
        inner.caches = {}
        inner.hooks = self.hooks
        inner.starting = None
        inner.unit = None
        inner.is_inner = True
        inner.ending = None
        inner.spare = None
        inner.data = data
        inner.catalog = self.catalog.copy()
        inner.settings = self.settings
        inner.logs = self.logs
        return inner

    def adopt(self, inner: Self) -> None:
        """Take over what a committed transaction changed in its `inner` context."""
        if inner.catalog.version != self.catalog.version:
            self.catalog = inner.catalog
        if inner.auth_epoch != self.auth_epoch:
            self.auth_epoch += 1
        self.settings = inner.settings

    async def breathe(self) -> None:
        """Between two steps of long work on the event loop: others have their turns."""
        await self.lanes.breaths.take(self.account)

    @property
    def pb_data(self) -> Path:
        """The tenant's PocketBase data directory."""
        return self.directory / "pb_data"

    def memory_kb(self) -> int:
        """An estimate of the tenant's memory in KiB: SQLite's counters, the Python objects about them, processes."""
        self.weight_kb = PYTHON_KB
        if not self.data.resting:
            status = self.data.connection.status
            version = self.catalog.version
            if version != self.schema_weighed:  # to count a schema takes ten times as long as the rest
                self.schema_weighed, self.schema_bytes = version, status(apsw.SQLITE_DBSTATUS_SCHEMA_USED)[0]
            used = status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0] + status(apsw.SQLITE_DBSTATUS_STMT_USED)[0]
            self.weight_kb += CONNECTION_KB + (self.schema_bytes + used) // 1024
        return self.weight_kb + (0 if self.hooks is None else self.hooks.children.memory_kb)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, and its scripts don't just start: those are not begun over and over."""
        return not self.busy and (self.starting is None or self.starting.is_over)

    @property
    def may_rest(self) -> bool:
        """Whether its file may be closed until the next request: nobody is at work with it, or remembers its state."""
        at_work = self.unit is not None or self.ending is not None or not self.writer.free
        return self.is_idle and not at_work and self.hooks is None and SEAT not in self.caches

    @property
    def keeps_spare(self) -> bool:
        """Whether transactions leave their connection behind: scripts at work may want one at each request."""
        return self.hooks is not None and self.hooks.children.count > 0

    def shrink(self) -> None:
        """Give back what SQLite keeps for quicker reads. The context must be idle."""
        if not self.data.resting:
            self.data.once("PRAGMA shrink_memory")
        self.drop_spare()

    def rest(self) -> None:
        """Close the database until the next request, and forget what takes no time to be had again; must be idle."""
        self.drop_spare()
        if self.data.rest():
            self.catalog.forget_compiled()

    def drop_spare(self) -> None:
        """Close what the last transaction has left behind."""
        spare, self.spare = self.spare, None
        if spare is not None:
            spare.close()

    def part(self, *, hasty: bool = False, last: bool = False) -> Callable[[], None]:
        """Close it for everybody on the loop's thread; what is left to do blocks, and may run in any thread.

        From now on whoever still has this context gets apsw.ConnectionClosedError, and an open transaction ends. The
        function returned writes what is buffered, checkpoints and closes; apsw.Error or OSError where that fails. If it
        is `hasty`, a log with little to write is put where the next one that opens this tenant finds it. If it is not
        the `last` time, the files may well be opened again, and an empty write-ahead log is left for that.
        """
        if self.ending is not None:
            self.ending.reschedule(0)
        self.drop_spare()
        data, logs = self.data, self.logs
        # SQLite's mutexes are switched off: nobody may come to this connection while a thread closes it
        connection = None if data.resting else data.connection
        data.connection, data.resting = _closed_connection(), False
        if hasty:
            logs.spool()
        spooled, keep = hasty and not logs.pending, not last

        def finish() -> None:
            try:
                if not spooled:
                    logs.close()
            finally:
                if connection is not None:
                    close_checkpointed(connection, keep=keep)
                elif not _is_empty_log(data.path):  # what rests has left its log
                    close_checkpointed(apsw.Connection(data.path, flags=apsw.SQLITE_OPEN_READWRITE), keep=keep)

        return finish

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits to be written, nor stands in the write-ahead log: to close it waits for no disk."""
        return not self.logs.pending and _is_empty_log(self.data.path)

    def close(self) -> None:
        """Close it altogether, here and now. Must not be used afterwards."""
        self.part()()


def _is_empty_log(path: str) -> bool:
    """Whether the write-ahead log of a database that was opened has nothing in it."""
    try:
        return Path(f"{path}-wal").stat().st_size == 0
    except OSError:
        return False


@cache
def _closed_connection() -> apsw.Connection:
    """A connection that stands where there was one."""
    connection = apsw.Connection(":memory:")
    connection.close()
    return connection


# What the Python side of a context weighs, measured over 150 tenants with five collections of their own, in use.
PYTHON_KB = 50
# What a connection weighs beside what it counts itself.
CONNECTION_KB = 32
