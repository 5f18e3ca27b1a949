"""The DDL of views: making them of a tenant's query, and putting them out of the way of a table's change.

A query is a tenant's SQL. It is one statement, and compiled under an authorizer that allows nothing but to read this
database: what a view may do is decided here, once, and not each time it is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from worker.db.connection import Database
from worker.schema import viewtext
from worker.sql import quote

READING = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})
# Making and dropping a view writes its row, and these are the savepoints around that.
WRITING = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
STEPS = frozenset({apsw.SQLITE_SAVEPOINT, apsw.SQLITE_TRANSACTION})
SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})
# Pragmas that may be read as tables.
PRAGMAS = frozenset(
    (
        "application_id",
        "collation_list",
        "compile_options",
        "encoding",
        "foreign_key_check",
        "foreign_key_list",
        "freelist_count",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "journal_mode",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "quick_check",
        "schema_version",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
    )
)
# It tells where this server keeps its files.
PRIVATE_TABLES = frozenset({"pragma_database_list"})

STORED = "SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND sql IS NOT NULL ORDER BY rowid"


@contextmanager
def guarded(db: Database, view: str) -> Iterator[None]:
    """Compile a tenant's text on `db`: it may read, and make or drop the view `view`. apsw.AuthError for the rest."""

    def allowed(operation: int, first: str | None, *_: str | None) -> int:
        if operation in READING:
            fine = first not in PRIVATE_TABLES
        elif operation in WRITING:
            fine = first in SCHEMA_TABLES
        elif operation == apsw.SQLITE_PRAGMA:
            fine = first in PRAGMAS
        elif operation in (apsw.SQLITE_CREATE_VIEW, apsw.SQLITE_DROP_VIEW):
            fine = first == view
        else:
            fine = operation in STEPS
        return apsw.SQLITE_OK if fine else apsw.SQLITE_DENY

    before = db.connection.authorizer
    db.connection.authorizer = allowed
    try:
        yield
    finally:
        db.connection.authorizer = before


def create_view(db: Database, name: str, query: str) -> None:
    """Make the view `name` of `query`. QueryError, or apsw.Error where SQLite can't read it; names are not resolved."""
    viewtext.check_single(query)
    query = viewtext.expanded(query)
    viewtext.check_enclosed(query)
    _create(db, name, f"CREATE VIEW {quote(name)} AS SELECT * FROM ({query})")


def drop_view(db: Database, name: str) -> None:
    """Drop the view `name`, if it is there."""
    db.once(f"DROP VIEW IF EXISTS {quote(name)}")


@contextmanager
def views_aside(db: Database) -> Iterator[None]:
    """Without any views meanwhile: SQLite changes those that use a renamed column, or refuses to drop it."""
    stored = db.once(STORED)
    for name, _ in stored:
        drop_view(db, name)
    yield
    for name, sql in stored:
        _create(db, name, sql)


def _create(db: Database, name: str, sql: str) -> None:
    with guarded(db, name):
        db.connection.execute(sql, can_cache=False)
