"""A live tenant: what stays in a worker's memory between two requests of one tenant.

Everything here counts a thousand times, so a context holds one database connection, references to schema objects that
tenants with equal schemas share, and small caches; the rest is opened when it is needed.
"""

import asyncio
from pathlib import Path
from typing import Any, Self

import apsw

from worker.db.connection import Database
from worker.events import Bus
from worker.lanes import Lanes
from worker.schema.catalog import Catalog
from worker.services.logs import RequestLog
from worker.services.settings import TenantSettings
from worker.unit import Unit, Writer


class Context:
    """One tenant, open. Made by `worker.tenants`, which also closes it."""

    __slots__ = (
        "auth_epoch",
        "bus",
        "busy",
        "caches",
        "catalog",
        "data",
        "directory",
        "ending",
        "is_inner",
        "lanes",
        "logs",
        "name",
        "settings",
        "unit",
        "writer",
    )

    def __init__(self, name: str, directory: Path, lanes: Lanes, *, write_limit_s: float, log_queue_max: int) -> None:
        """Open the tenant whose files are in `directory` (…/tenants/NAME). Raises apsw.Error for a damaged database."""
        self.name = name
        self.directory = directory
        self.lanes = lanes
        self.bus = Bus()
        # requests under way; a busy context is never evicted
        self.busy = 0
        # held by whoever writes: a transaction that waits in the middle keeps the tenant's other writers out
        self.writer = Writer()
        # bumped whenever an auth record or a schema changes: what was derived from them is compared with it
        self.auth_epoch = 0
        self.caches: dict[str, Any] = {}
        # the innermost unit of work that is open here, and whether all of this context is one transaction's own
        self.unit: Unit | None = None
        self.is_inner = False
        # what ends the transaction that is open on another connection, if there is one
        self.ending: asyncio.Timeout | None = None
        self.data = Database(directory / "pb_data" / "data.db")
        try:
            self.data.write_limit_ns = int(write_limit_s * 1e9)
            self.catalog = Catalog.load(self.data)
            self.settings = TenantSettings.load(self.data)
            self.logs = RequestLog(directory / "pb_data" / "auxiliary.db", self.settings.logs, log_queue_max)
        except BaseException:
            self.data.close()
            raise

    def inner(self, data: Database) -> Self:
        """A context for one transaction on `data`, a connection of its own: what it changes, this one does not see."""
        inner = object.__new__(type(self))
        inner.name = self.name
        inner.directory = self.directory
        inner.lanes = self.lanes
        inner.bus = self.bus
        inner.busy = 0
        inner.writer = self.writer
        inner.auth_epoch = self.auth_epoch
        inner.caches = {}
        inner.unit = None
        inner.is_inner = True
        inner.ending = None
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

    @property
    def pb_data(self) -> Path:
        """The tenant's PocketBase data directory."""
        return self.directory / "pb_data"

    def memory_kb(self) -> int:
        """An estimate of this context's memory in KiB: SQLite's own counters and the Python objects about them."""
        status = self.data.connection.status
        sqlite = sum(
            status(counter)[0]
            for counter in (
                apsw.SQLITE_DBSTATUS_CACHE_USED,
                apsw.SQLITE_DBSTATUS_SCHEMA_USED,
                apsw.SQLITE_DBSTATUS_STMT_USED,
            )
        )
        return sqlite // 1024 + 32 + PYTHON_KB

    def close(self) -> None:
        """Write what is buffered, checkpoint, close; an open transaction ends. Must not be used afterwards."""
        if self.ending is not None:
            self.ending.reschedule(0)
        try:
            self.logs.close()
        finally:
            self.data.close()


# What the Python side of a context weighs, measured over 500 tenants with the default schema, without SQLite.
PYTHON_KB = 12
