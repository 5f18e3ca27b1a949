"""The registry: one small SQLite database that says which tenants exist and in which state.

A connection lives for one operation and never longer. The supervisor forks a worker whenever one dies, and SQLite must
not be carried over a fork: a child that closes an inherited connection drops the POSIX locks its parent relies on.
Opening costs about 0.3 ms, the commit of a change a few (it is synced to disk), and both are rare: everything that runs
often asks the `Directory` in memory.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from supervisor.contract.tenant import Tenant, TenantState

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE tenants (
    name    TEXT PRIMARY KEY NOT NULL,
    state   TEXT NOT NULL,
    shard   INTEGER,                    -- pinned to this shard; NULL: the name decides
    domains TEXT NOT NULL DEFAULT '[]', -- JSON array of custom domains
    reason  TEXT NOT NULL DEFAULT '',   -- why it is suspended or failed
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
BUSY_TIMEOUT_MS = 5000


class RegistryError(Exception):
    """The registry cannot be used; one line for the operator."""


class Registry:
    """The tenants on disk. Every method is one transaction, durable when it returns."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Creates the database if there is none. Raises RegistryError when the file is not a registry of ours."""
        try:
            self._path.touch(mode=0o600)
            with self._transaction() as connection:
                version = connection.pragma("user_version")
                if version == 0:
                    connection.execute(SCHEMA)
                    connection.pragma("user_version", SCHEMA_VERSION)
                elif version != SCHEMA_VERSION:
                    raise RegistryError(
                        f"{self._path}: has version {version}, this release of pocker knows {SCHEMA_VERSION}"
                    )
        except (apsw.Error, OSError) as error:
            raise RegistryError(f"{self._path}: cannot be used: {error}") from error

    def load(self) -> list[Tenant]:
        """Every tenant, by name."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT name, state, shard, domains, reason, created FROM tenants ORDER BY name")
            return [
                Tenant(
                    name=name,
                    state=TenantState(state),
                    shard=shard,
                    domains=tuple(json.loads(domains)) if domains != "[]" else (),
                    reason=reason,
                    created=created,
                )
                for name, state, shard, domains, reason, created in rows
            ]

    def put(self, tenant: Tenant) -> None:
        """Adds the tenant, or replaces what is known of it."""
        with self._transaction() as connection:
            connection.execute(
                "REPLACE INTO tenants (name, state, shard, domains, reason, created) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    tenant.name,
                    tenant.state.value,
                    tenant.shard,
                    json.dumps(tenant.domains),
                    tenant.reason,
                    tenant.created,
                ),
            )

    def remove(self, name: str) -> None:
        """Forgets the tenant; an unknown name is nothing to do."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM tenants WHERE name = ?", (name,))

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        connection = apsw.Connection(str(self._path))
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            connection.pragma("synchronous", "full")
            with connection:
                yield connection
        finally:
            connection.close()
