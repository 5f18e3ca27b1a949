"""The registry: one small SQLite database that says which tenants exist and in which state.

SQLite must not be carried over a fork, so the connection is closed before each (`close`), and opened again by the next
operation: with the log and its index that costs more than a change. The commit of a change waits for the disk, once
(with a rollback journal it would be three times), and what is changed at the same time is changed together
(`supervisor.tenants.together`). Everything that runs often asks the `Directory` in memory.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw

from supervisor.contract.tenant import Tenant, TenantState

SCHEMA_VERSION = 4
SCHEMA = """
CREATE TABLE tenants (
    name    TEXT PRIMARY KEY NOT NULL,
    state   TEXT NOT NULL,
    shard   INTEGER,                    -- pinned to this shard; NULL: the name decides
    domains TEXT NOT NULL DEFAULT '[]', -- JSON array of custom domains
    reason  TEXT NOT NULL DEFAULT '',   -- why it is suspended or failed
    created TEXT NOT NULL,
    plan    TEXT NOT NULL DEFAULT 'default',
    crons   TEXT NOT NULL DEFAULT '[]'  -- JSON array of cron expressions
) STRICT, WITHOUT ROWID
"""
TAKEN = """
CREATE TABLE taken (
    name  TEXT PRIMARY KEY NOT NULL, -- of a tenant since the last start
    draft TEXT NOT NULL              -- what its files may still be called in tenants/.drafts
) STRICT, WITHOUT ROWID
"""
# What makes a file of one version one of the next.
MIGRATIONS = {
    1: "ALTER TABLE tenants ADD COLUMN plan TEXT NOT NULL DEFAULT 'default'",
    2: "ALTER TABLE tenants ADD COLUMN crons TEXT NOT NULL DEFAULT '[]'",
    3: TAKEN,
}
COLUMNS = "name, state, shard, domains, reason, created, plan, crons"
BUSY_TIMEOUT_MS = 5000


class RegistryError(Exception):
    """The registry cannot be used, and is as it was before; one line for the operator."""


class Registry:
    """The tenants on disk. Every method is one transaction, durable when it returns."""

    __slots__ = ("_connection", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None

    def prepare(self) -> None:
        """Creates the database if there is none, brings one of a former release up to date; all or nothing.

        Raises RegistryError when the file is not a registry of ours, or one of a later release.
        """
        try:
            self._path.touch(mode=0o600)
            with self._transaction() as connection:
                version = connection.pragma("user_version")
                if not 0 <= version <= SCHEMA_VERSION:
                    raise RegistryError(
                        f"{self._path}: has version {version}, this release of pocker knows {SCHEMA_VERSION}"
                    )
                if version == 0:
                    connection.execute(SCHEMA)
                    connection.execute(TAKEN)
                for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
                    connection.execute(MIGRATIONS[step])
                if version != SCHEMA_VERSION:
                    connection.pragma("user_version", SCHEMA_VERSION)
        except (apsw.Error, OSError) as error:
            raise RegistryError(f"{self._path}: cannot be used: {error}") from error

    def load(self) -> list[Tenant]:
        """Every tenant, by name."""
        with self._transaction() as connection:
            rows = connection.execute(f"SELECT {COLUMNS} FROM tenants ORDER BY name")
            return [
                Tenant(
                    name=name,
                    state=TenantState(state),
                    shard=shard,
                    domains=tuple(json.loads(domains)) if domains != "[]" else (),
                    reason=reason,
                    created=created,
                    plan=plan,
                    crons=tuple(json.loads(crons)) if crons != "[]" else (),
                )
                for name, state, shard, domains, reason, created, plan, crons in rows
            ]

    def put(self, *tenants: Tenant, taken: Mapping[str, str] | None = None) -> None:
        """Adds the tenants, or replaces what is known of them: all, or none.

        `taken` says by tenant's name which draft made ahead is its from now on (`supervisor.tenants.drafts`).
        """
        rows = (
            (
                tenant.name,
                tenant.state.value,
                tenant.shard,
                json.dumps(tenant.domains),
                tenant.reason,
                tenant.created,
                tenant.plan,
                json.dumps(tenant.crons),
            )
            for tenant in tenants
        )
        with self._transaction() as connection:
            connection.executemany(f"REPLACE INTO tenants ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            if taken:
                connection.executemany("REPLACE INTO taken (name, draft) VALUES (?, ?)", taken.items())

    def taken(self) -> dict[str, str]:
        """The drafts taken up since the last start, by tenant's name."""
        with self._transaction() as connection:
            return {str(name): str(draft) for name, draft in connection.execute("SELECT name, draft FROM taken")}

    def forget_taken(self) -> None:
        """They stand in their places, for good."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM taken")

    def remove(self, name: str) -> None:
        """Forgets the tenant; an unknown name is nothing to do."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM tenants WHERE name = ?", (name,))
            connection.execute("DELETE FROM taken WHERE name = ?", (name,))

    def close(self) -> None:
        """Leaves nothing open, and the file as all there is: the log is taken into it. Never fails: what can't be taken
        in now stays in the log. The next operation opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):
                connection.close()

    def rehearse(self) -> None:
        """Whether `prepare` and `load` would succeed in this release; the file stays as it is. Raises RegistryError."""
        with TemporaryDirectory() as directory:
            copy = Registry(Path(directory) / self._path.name)
            try:
                with closing(apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)) as source:
                    source.set_busy_timeout(BUSY_TIMEOUT_MS)
                    with (
                        closing(apsw.Connection(str(copy._path))) as target,
                        target.backup("main", source, "main") as one,
                    ):
                        one.step()
            except apsw.Error as error:
                raise RegistryError(f"{self._path}: cannot be used: {error}") from error
            try:
                copy.prepare()
                copy.load()
            finally:
                copy.close()

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        try:
            connection = self._opened()
            with connection:
                yield connection
        except apsw.Error as error:  # a full disk, no descriptors: what was to be changed is as it was
            self.close()
            raise RegistryError(f"{self._path}: cannot be used: {error}") from error

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            connection = apsw.Connection(str(self._path))
            try:
                connection.set_busy_timeout(BUSY_TIMEOUT_MS)
                connection.pragma("journal_mode", "wal")
                connection.pragma("synchronous", "full")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
