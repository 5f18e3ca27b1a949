"""SQLite's memory in one process: shared by many small connections, and bounded."""

import apsw

# All memory of SQLite's in a process: so much, and more for each live tenant (one takes some 150 KB of it). From the
# fraction CROWDED of it on, whatever has a deadline is interrupted; beyond it nobody gets any.
HEAP_BYTES = 384 << 20
TENANT_HEAP_BYTES = 256 << 10
CROWDED = 0.75


def shrink_sqlite() -> None:
    """Configure SQLite for many small connections. Once a process, before its first connection.

    Lookaside is off: it would add 40 KB to each connection for a gain that does not show in a request. Connections need
    no mutex, since each is used by one thread at a time. SQLite counts its memory, or it could not be bounded.
    """
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MULTITHREAD)
    apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, 0, 0)
    apsw.initialize()


def bound_heap(tenants_max: int) -> None:
    """Bound SQLite's memory in this process, which keeps so many tenants open: one query must not take all there is.

    What exceeds it fails with apsw.NoMemError or InterruptError.
    """
    limit = HEAP_BYTES + tenants_max * TENANT_HEAP_BYTES
    apsw.hard_heap_limit(limit)
    apsw.soft_heap_limit(int(limit * CROWDED))
