"""SQL of a tenant's scripts on the tenant's own connections: what of it is let through, and its rows.

Scripts share their connections with everybody else of the tenant, so a statement may do what the tenant's data allows
and leave nothing behind on the connection: no other file, no other pragma, no temporary table, no transaction. SQLite
asks a `Guard` for each thing that a statement would do, when it is compiled; outside of a script's statements the guard
answers yes at once. Time, rows and pages are bounded by who runs it (`worker.lanes`, `worker.writing`), as always.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import apsw

from worker.db.connection import Database
from worker.db.console import CHANGES, DEFINITIONS, MODULES, READ_PRAGMAS

# What the rows of one answer may take, in characters and bytes.
ROWS_BYTES_MAX = 16 << 20
# What a row and each of its values take beside texts and bytes.
ROW_BYTES = 16
CELL_BYTES = 8
ROWS_AT_ONCE = 1_000

_NAME = re.compile(r"\w+")
_BETWEEN = r"(?:[\s;]++|--[^\n]*+|/\*(?:.*?\*/|.*))*+"
_SELECT = re.compile(_BETWEEN + r"(?:SELECT|VALUES)\b", re.DOTALL | re.IGNORECASE)
_WITH = re.compile(_BETWEEN + r"WITH\b", re.DOTALL | re.IGNORECASE)
_QUESTION = re.compile(_BETWEEN + r"(?:PRAGMA|EXPLAIN)\b", re.DOTALL | re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:insert|update|delete|replace)\b", re.IGNORECASE)
_SEARCH = re.compile(r"\b(?:like|glob)\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*+'|\"(?:[^\"]|\"\")*+\"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*.*?\*/", re.DOTALL)
_LONG = re.compile(
    r"\b(?:like|glob|match|regexp|recursive|returning|create|alter|reindex|analyze)\b|\|\||->", re.IGNORECASE
)
_CALLED = re.compile(r"(?<!into )(?<!into)\b([a-z_]\w*)\s*\(", re.IGNORECASE)
# What may stand before a bracket in a write that runs on the event loop: each takes the time of its arguments' length.
_QUICK = frozenset(
    _NAME.findall(
        """
        values in and or not exists on set where when then else end case select from as over filter conflict key
        abs avg cast ceil coalesce count date datetime floor ifnull iif julianday length lower ltrim max min mod nullif
        round rtrim sign strftime substr sum time timediff total trim trunc typeof unixepoch upper
            """
    )
)

# Pragmas with an argument that are questions all the same.
ASKING = frozenset(
    _NAME.findall(
        """
    foreign_key_check foreign_key_list index_info index_list index_xinfo integrity_check quick_check table_info
    table_list table_xinfo
        """
    )
)
# What a write may set: it stays in the file, or ends with the transaction. Inside of one, SQLite takes no notice of
# `foreign_keys`, so scripts that switch them off go on as they would under the real one's pool of connections.
SETTABLE = frozenset(
    _NAME.findall("application_id defer_foreign_keys foreign_keys incremental_vacuum optimize user_version")
)
# Questions without an argument, beside those of the console.
ASKED = frozenset(
    _NAME.findall(
        """
    analysis_limit application_id automatic_index collation_list compile_options data_version defer_foreign_keys
    foreign_keys freelist_count function_list ignore_check_constraints legacy_alter_table module_list page_count
    pragma_list query_only recursive_triggers reverse_unordered_selects user_version
        """
    )
)
_TEMPORARY = frozenset(
    {
        apsw.SQLITE_CREATE_TEMP_INDEX,
        apsw.SQLITE_CREATE_TEMP_TABLE,
        apsw.SQLITE_CREATE_TEMP_TRIGGER,
        apsw.SQLITE_CREATE_TEMP_VIEW,
    }
)
_SCHEMA = frozenset(
    {
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_CREATE_VTABLE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_VTABLE,
    }
)

NO_FILES = "other database files can't be attached to"
NO_TRANSACTIONS = "transactions are begun and ended by $app.runInTransaction() here"
NO_TEMPORARY = "temporary tables are not available here: the tenant's connection is everybody's"
NO_MODULE = "virtual tables of this module are not available"
TOO_LARGE = "the rows are too large"
NO_PRAGMA = "PRAGMA {} is not for scripts to use so"

Rows = list[tuple[Any, ...]]


class WritesError(Exception):
    """A statement was run as a read, and is none."""


class DeniedError(Exception):
    """What scripts may not do with their database; the message says what."""


class Outcome(NamedTuple):
    """What came of a script's statements: the last one's columns (name, declared type) and rows, rows changed and the
    last one's number, and whether they changed the schema or what the tenant is opened by."""

    columns: list[tuple[str, str | None]]
    rows: Rows
    changed: int = 0
    last: int = 0
    schema: bool = False
    definitions: bool = False


class Guard:
    """What SQLite asks while a script's statement is compiled, on one connection."""

    __slots__ = ("active", "definitions", "reason", "schema", "wants_write", "writing")

    def __init__(self) -> None:
        self.active = self.writing = False
        self.begin(writing=False)
        self.active = False

    def begin(self, *, writing: bool) -> None:
        """A script's statements follow."""
        self.active, self.writing = True, writing
        # why something was denied, and whether it would be allowed to a write
        self.reason = ""
        self.wants_write = False
        self.schema = self.definitions = False

    def allow(self, action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
        """SQLite's authorizer."""
        if not self.active:
            return apsw.SQLITE_OK
        if action in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH):
            return self._deny(NO_FILES)
        if action in (apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT):
            return self._deny(NO_TRANSACTIONS)
        if action == apsw.SQLITE_PRAGMA:
            return self._pragma((first or "").lower(), second)
        if action in _TEMPORARY or (action in _SCHEMA and database == "temp"):
            return self._deny(NO_TEMPORARY)
        if action in _SCHEMA:
            if action == apsw.SQLITE_CREATE_VTABLE and (second or "").lower() not in MODULES:
                return self._deny(NO_MODULE)
            self.schema = True
        if action == apsw.SQLITE_ALTER_TABLE:
            database, first = first, second
        if action in CHANGES and database == "main" and (first or "").lower() in DEFINITIONS:
            self.definitions = True
        return apsw.SQLITE_OK

    def _pragma(self, name: str, value: str | None) -> int:
        if name in ASKING or (value is None and (name in READ_PRAGMAS or name in ASKED)):
            return apsw.SQLITE_OK
        if name in SETTABLE:
            if self.writing:
                return apsw.SQLITE_OK
            self.wants_write = True
            return apsw.SQLITE_DENY
        return self._deny(NO_PRAGMA.format(name))

    def _deny(self, reason: str) -> int:
        self.reason = reason
        return apsw.SQLITE_DENY


def guard_of(connection: apsw.Connection) -> Guard:
    """The guard of a connection, which has one from its first script's statement on."""
    owner = getattr(connection.authorizer, "__self__", None)
    if isinstance(owner, Guard):
        return owner
    guard = Guard()
    connection.authorizer = guard.allow
    return guard


def is_single(sql: str) -> bool:
    """Whether `sql` is one statement at most. One with a `;` in a text may be several."""
    return ";" not in sql.rstrip("; \t\r\n") and "\0" not in sql


def is_select(sql: str) -> bool:
    """Whether `sql` is one SELECT and nothing else, which needs no guard: nothing of it can be anything but a read."""
    if _SELECT.match(sql) is None and (_WITH.match(sql) is None or _CHANGES.search(_QUOTED.sub(" ", sql))):
        return False
    return is_single(sql)


def is_question(sql: str) -> bool:
    """Whether `sql` is one PRAGMA or EXPLAIN, which may be a read."""
    return _QUESTION.match(sql) is not None and is_single(sql)


def is_quick(sql: str) -> bool:
    """Whether what `sql` does to a row takes no longer than its values are long. Cautious: much is not that is."""
    # a name in quotes may be a function's
    bare = _QUOTED.sub(lambda quoted: " " if quoted[0][0] in "'-/" else "quoted", sql)
    if _LONG.search(bare) or not is_single(sql):
        return False
    return all(name.lower() in _QUICK for name in _CALLED.findall(bare))


def watched(sql: str) -> str:
    """`sql` with a mark, where it searches texts, by which the connection knows that it has to look closely."""
    return f"{sql} -- LIKE" if "LIKE" not in sql and _SEARCH.search(sql) else sql


def select(db: Database, sql: str, params: Sequence[Any], *, described: bool = False) -> Outcome:
    """The rows of one SELECT. `described`: its columns also where there are no rows."""
    columns, rows = db.table(sql, params, _carefully if db.rows_bytes_max else _quickly)
    if not rows and described:
        columns = _columns_of(db.connection, sql, params)
    return Outcome(columns, rows)


def _quickly(cursor: apsw.Cursor) -> Rows:
    """Every row, on the event loop, where rows are short and time is too. TooBigError for very many."""
    rows = list(islice(cursor, ROWS_AT_ONCE))
    while len(rows) % ROWS_AT_ONCE == 0 and (more := list(islice(cursor, ROWS_AT_ONCE))):
        rows += more
        if len(rows) * (ROW_BYTES + CELL_BYTES * len(rows[0])) > ROWS_BYTES_MAX:
            raise apsw.TooBigError(TOO_LARGE)
    return rows


def _carefully(cursor: apsw.Cursor) -> Rows:
    """Every row. TooBigError where they are too large."""
    left = ROWS_BYTES_MAX
    rows: Rows = []
    for row in cursor:
        left -= size_of(row)
        if left < 0:
            raise apsw.TooBigError(TOO_LARGE)
        rows.append(row)
    return rows


def size_of(row: Sequence[Any]) -> int:
    """What a row takes, roughly."""
    return ROW_BYTES + sum([len(part) if type(part) in (str, bytes) else CELL_BYTES for part in row])


def run(db: Database, sql: str, params: Sequence[Any], *, writing: bool) -> Outcome:
    """Run a script's statements, one after another. WritesError for a write among them that was not to be one.

    DeniedError for what no script may do, apsw.Error for what fails.
    """
    guard = guard_of(db.connection)
    guard.begin(writing=writing)
    try:
        return _run(db, sql, params, guard)
    except apsw.AuthError:
        if guard.wants_write:
            raise WritesError from None
        if guard.reason:
            raise DeniedError(guard.reason) from None
        raise
    finally:
        guard.active = False


def _run(db: Database, sql: str, params: Sequence[Any], guard: Guard) -> Outcome:
    columns: list[tuple[str, str | None]] = []
    rows: Rows = []

    def begin(cursor: apsw.Cursor, *_: Any) -> bool:
        if not (guard.writing or cursor.is_readonly):
            raise WritesError
        columns[:] = cursor.get_description() if cursor.has_vdbe else ()
        rows.clear()
        return True

    connection = db.connection
    before = connection.total_changes()
    cursor = connection.cursor()
    cursor.exec_trace = begin
    left = ROWS_BYTES_MAX
    for row in cursor.execute(sql, params, can_cache=False):
        left -= size_of(row)
        if left < 0:
            raise apsw.TooBigError(TOO_LARGE)
        rows.append(row)
    tally = db.tally
    if tally is not None:
        tally.rows += len(rows)
    changed = connection.changes() if connection.total_changes() != before else 0
    return Outcome(columns, rows, changed, connection.last_insert_rowid(), guard.schema, guard.definitions)


def _columns_of(connection: apsw.Connection, sql: str, params: Sequence[Any]) -> list[tuple[str, str | None]]:
    """The columns of a statement that is not run."""
    found: list[tuple[str, str | None]] = []

    def note(cursor: apsw.Cursor, *_: Any) -> bool:
        found.extend(cursor.get_description())
        return False

    cursor = connection.cursor()
    cursor.exec_trace = note
    with suppress(apsw.ExecTraceAbort):
        cursor.execute(sql, params, can_cache=False)
    return found


def fitted(connection: apsw.Connection, sql: str, params: Sequence[Any]) -> Sequence[Any]:
    """As many of `params` as the first statement of `sql` takes: what is left over is nobody's, as in the real one.

    Raises apsw.BindingsError in the real one's words where one is missing.
    """
    names: list[str | None] = []

    def note(cursor: apsw.Cursor, *_: Any) -> bool:
        names.extend(cursor.bindings_names)
        return False

    cursor = connection.cursor()
    cursor.exec_trace = note
    with suppress(apsw.ExecTraceAbort):
        cursor.execute(sql, vars(apsw)["_null_bindings"], can_cache=False)
    for number, name in enumerate(names, 1):
        if name is not None and not name.isdigit():
            raise apsw.BindingsError(f'missing named argument "{name}"')
        if number > len(params):
            raise apsw.BindingsError(f"missing argument with index {number}")
    return params[: len(names)]
