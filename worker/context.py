"""A live tenant: what stays in a worker's memory between two requests of one tenant.

Everything here counts a thousand times, so a context holds one database connection, references to schema objects that
tenants with equal schemas share, and small caches; the rest is opened when it is needed.
"""

import asyncio
from pathlib import Path
from typing import Any

import apsw

from worker.db.connection import Database
from worker.events import Bus
from worker.lanes import Lanes
from worker.schema.catalog import Catalog
from worker.services.logs import RequestLog
from worker.services.settings import TenantSettings


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
        "lanes",
        "logs",
        "name",
        "settings",
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
        self.writer = asyncio.Lock()
        # bumped whenever an auth record or a schema changes: what was derived from them is compared with it
        self.auth_epoch = 0
        self.caches: dict[str, Any] = {}
        self.data = Database(directory / "pb_data" / "data.db")
        try:
            self.data.write_limit_ns = int(write_limit_s * 1e9)
            self.catalog = Catalog.load(self.data)
            self.settings = TenantSettings.load(self.data)
            self.logs = RequestLog(directory / "pb_data" / "auxiliary.db", self.settings.logs, log_queue_max)
        except BaseException:
            self.data.close()
            raise

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
        """Write what is buffered, checkpoint, close. The context must not be used afterwards."""
        try:
            self.logs.close()
        finally:
            self.data.close()


# What the Python side of a context weighs, measured over 500 tenants with the default schema, without SQLite.
PYTHON_KB = 12
