"""Statements of a superuser's own, on a connection of their own, confined to their tenant's file.

Nothing of this bounds time or memory: SQLite looks at neither inside of a function, and one call of `instr` may take
hours. So it runs in a process of its own (`worker.services.consoleproc`), which is limited from outside and can be
killed; what is done here is that no statement reaches another file, and that the answer is the real one's.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import apsw

from worker.db.cells import as_text, cell
from worker.db.room import PAGES_MAX

ROWS_MAX = 1000
# The real one's; they can be seen by PRAGMA.
BUSY_TIMEOUT_MS = 10_000
CACHE_KIB = 32_000
JOURNAL_BYTES_MAX = 200_000_000

# The modules of virtual tables that the real one's SQLite has, too: a tenant must be able to go there.
MODULES = ("dbstat", "fts5", "fts5vocab", "geopoly", "rtree", "rtree_i32")

_NAME = re.compile(r"\w+")
# Pragmas that are only read, or whose effect ends with this connection or stays inside of the tenant's file.
PRAGMAS = frozenset(
    _NAME.findall(
        """
    analysis_limit application_id automatic_index case_sensitive_like collation_list compile_options data_version
    defer_foreign_keys foreign_key_check foreign_key_list foreign_keys freelist_count function_list
    ignore_check_constraints incremental_vacuum index_info index_list index_xinfo integrity_check legacy_alter_table
    module_list optimize page_count pragma_list query_only quick_check recursive_triggers reverse_unordered_selects
    shrink_memory table_info table_list table_xinfo user_version wal_checkpoint
        """
    )
)
# Those whose value may be asked for but not set.
READ_PRAGMAS = frozenset(
    _NAME.findall(
        """
    auto_vacuum busy_timeout cache_size cache_spill cell_size_check checkpoint_fullfsync encoding fullfsync
    hard_heap_limit journal_mode journal_size_limit locking_mode max_page_count mmap_size page_size read_uncommitted
    schema_version secure_delete soft_heap_limit synchronous temp_store threads trusted_schema wal_autocheckpoint
    writable_schema
        """
    )
)

# What a tenant is opened by. A script that changes them is looked at before it is committed.
DEFINITIONS = frozenset({"_collections", "_params"})
CHANGES = frozenset(
    {apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE, apsw.SQLITE_DROP_TABLE, apsw.SQLITE_ALTER_TABLE}
)

# The codes of SQLite and its words for them, as far as the words of a failure may differ from them.
ERRORS = {
    apsw.SQLITE_ERROR: "SQL logic error",
    apsw.SQLITE_PERM: "access permission denied",
    apsw.SQLITE_ABORT: "query aborted",
    apsw.SQLITE_BUSY: "database is locked",
    apsw.SQLITE_LOCKED: "database table is locked",
    apsw.SQLITE_NOMEM: "out of memory",
    apsw.SQLITE_READONLY: "attempt to write a readonly database",
    apsw.SQLITE_INTERRUPT: "interrupted",
    apsw.SQLITE_IOERR: "disk I/O error",
    apsw.SQLITE_CORRUPT: "database disk image is malformed",
    apsw.SQLITE_NOTFOUND: "unknown operation",
    apsw.SQLITE_FULL: "database or disk is full",
    apsw.SQLITE_CANTOPEN: "unable to open database file",
    apsw.SQLITE_PROTOCOL: "locking protocol",
    apsw.SQLITE_SCHEMA: "database schema has changed",
    apsw.SQLITE_TOOBIG: "string or blob too big",
    apsw.SQLITE_CONSTRAINT: "constraint failed",
    apsw.SQLITE_MISMATCH: "datatype mismatch",
    apsw.SQLITE_AUTH: "not authorized",
    apsw.SQLITE_NOTADB: "file is not a database",
}
_BETWEEN = r"(?:[\s;]++|--[^\n]*+|/\*(?:.*?\*/|.*))*+"
# What may follow the last statement, and what counts the rows it changes.
_NO_STATEMENT = re.compile(_BETWEEN, re.DOTALL)
_CHANGING = re.compile(_BETWEEN + r"(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.DOTALL | re.IGNORECASE)
OUT_OF_MEMORY = f"{ERRORS[apsw.SQLITE_NOMEM]} ({apsw.SQLITE_NOMEM})"
# Stands for values of any number; a script that wants some is refused before it gets them.
_NULLS: Any = vars(apsw)["_null_bindings"]
TOO_LARGE = "the result is too large"
INTERRUPTED = f"{ERRORS[apsw.SQLITE_INTERRUPT]} ({apsw.SQLITE_INTERRUPT})"


class Mode(Enum):
    """How statements are run."""

    READ = "read"  # nothing may be written
    LOCKED = "locked"  # each by itself, while no one else writes
    TRANSACTION = "transaction"  # all in one, while no one else writes


class ConsoleError(Exception):
    """What went wrong, in the words of the real one's driver.

    `readonly`: it writes, which its mode did not allow. `full`: there was no room for what it writes.
    """

    def __init__(self, text: str, *, readonly: bool = False, full: bool = False) -> None:
        super().__init__(text)
        self.readonly = readonly
        self.full = full


@dataclass
class Outcome:
    """What the last statement brought: its columns as (name, declared type), and its rows as texts."""

    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)


class Console:
    """A connection to the database at `path` for one script. Raises apsw.Error where it can't be opened."""

    def __init__(self, path: str, mode: Mode, bytes_max: int, pages_max: int = PAGES_MAX) -> None:
        """`bytes_max` bounds the texts of the rows, in characters, `pages_max` the database."""
        self.mode = mode
        # whether a statement changes what the tenant is opened by
        self.touched = False
        self._left = bytes_max
        self._sql = ""
        self._changing = False
        self._rest = ""
        self._columns: list[tuple[str, str]] = []
        self._rows: list[list[str | None]] = []
        reads = mode is Mode.READ
        flags = apsw.SQLITE_OPEN_READONLY if reads else apsw.SQLITE_OPEN_READWRITE
        self.connection = apsw.Connection(path, flags=flags)
        self._configure(pages_max)

    def _configure(self, pages_max: int) -> None:
        connection = self.connection
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        for option, value in (
            (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
            (apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
            (apsw.SQLITE_DBCONFIG_DQS_DDL, 1),
            (apsw.SQLITE_DBCONFIG_DQS_DML, 1),
        ):
            connection.config(option, value)
        # VACUUM attaches a file that has no name; no other may be, see `_allow`
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)
        for pragma in (
            "foreign_keys=ON",
            "synchronous=NORMAL",
            "temp_store=FILE",
            f"cache_size=-{CACHE_KIB}",
            f"journal_size_limit={JOURNAL_BYTES_MAX}",
            f"max_page_count={pages_max}",
        ):
            connection.execute("PRAGMA " + pragma)
        connection.drop_modules(MODULES)
        self._known = frozenset(name for (name,) in connection.execute("PRAGMA pragma_list"))
        connection.authorizer = self._allow

    def _allow(self, action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
        """SQLite asks for each thing that a statement would do, when it is compiled."""
        if action == apsw.SQLITE_ATTACH and first != "":
            return apsw.SQLITE_DENY
        if action == apsw.SQLITE_ALTER_TABLE:
            database, first = first, second
        # VACUUM fills tables of that name, too, in its file
        if action in CHANGES and database == "main" and (first or "").lower() in DEFINITIONS:
            self.touched = True
            # outside of a transaction there is no time for the look
            return apsw.SQLITE_DENY if self.mode is Mode.LOCKED else apsw.SQLITE_OK
        if action == apsw.SQLITE_PRAGMA and not self._allows_pragma((first or "").lower(), second):
            return apsw.SQLITE_DENY
        return apsw.SQLITE_OK

    def _allows_pragma(self, name: str, value: str | None) -> bool:
        if name in READ_PRAGMAS:
            return value is None or (name, value.lower()) == ("journal_mode", "wal")
        return name in PRAGMAS or name not in self._known  # SQLite takes no notice of what it does not know

    def run(self, query: str) -> Outcome:
        """Run every statement of `query`, inside of the transaction if that is the mode. Raises ConsoleError."""
        try:
            if self.mode is Mode.TRANSACTION:
                self.connection.execute("BEGIN IMMEDIATE")
            return self._run(query.partition("\0")[0])
        except (apsw.Error, ConsoleError) as error:
            raise self.failed(error) from error

    def changes(self, before: int) -> int:
        """Rows that the last INSERT, UPDATE or DELETE changed; `before` where there was none."""
        return self.connection.changes() if self._changing else before

    def commit(self) -> None:
        """End the transaction, if that is the mode. Raises ConsoleError."""
        if self.mode is Mode.TRANSACTION:
            try:
                self.connection.execute("COMMIT")
            except apsw.Error as error:
                raise self.failed(error) from error

    def failed(self, error: Exception) -> ConsoleError:
        """The failure in words, after a rollback; that may fail where the statement itself has done so already."""
        text = str(error) if isinstance(error, ConsoleError) else described(error)
        if self.mode is Mode.TRANSACTION and "cannot commit" not in text:
            try:
                self.connection.execute("ROLLBACK")
            except apsw.Error as second:
                text += "\n" + described(second)
        # a checkpoint fails in its own way where it may not write
        readonly = isinstance(error, apsw.ReadOnlyError | apsw.IOError)
        return ConsoleError(text, readonly=readonly, full=isinstance(error, apsw.FullError))

    def _run(self, query: str) -> Outcome:
        self._rest = query
        while self._rest:
            cursor = self.connection.cursor()
            cursor.exec_trace = self._begin
            try:
                for row in cursor.execute(self._rest, _NULLS, can_cache=False):
                    # of a statement that others follow, the driver takes one step and no more
                    if self._rest or len(self._rows) == ROWS_MAX:
                        break
                    self._rows.append(self._spelled(row))
            except UnicodeDecodeError:
                if not self._rest:
                    self._mend()
            cursor.close(True)
        return Outcome(self._columns, self._rows)

    def _begin(self, cursor: apsw.Cursor, sql: str, _: Any) -> bool:
        """A statement is about to start: its columns are the answer's until another one starts."""
        if not self._rest:  # what follows is none
            return True
        self._rest = self._rest[self._rest.index(sql) + len(sql) :]
        if _NO_STATEMENT.fullmatch(self._rest):
            self._rest = ""
        if not cursor.has_vdbe:  # a comment
            return True
        if cursor.bindings_count:
            raise ConsoleError(_missing(cursor.bindings_names[0]))
        self._changing = self._changing or bool(_CHANGING.match(sql))
        self._sql = sql
        self._columns = [(name, (declared or "").upper()) for name, declared in cursor.get_description()]
        self._rows = []
        return True

    def _spelled(self, row: tuple[Any, ...]) -> list[str | None]:
        cells = [cell(value, declared) for value, (_, declared) in zip(row, self._columns, strict=True)]
        self._left -= sum(len(text) for text in cells if text)
        if self._left < 0:
            raise ConsoleError(TOO_LARGE)
        return cells

    def _mend(self) -> None:
        """The rows of the last statement once more, its texts as bytes: one of them is no UTF-8."""
        columns = self._columns
        names = [f"c{number}" for number in range(len(columns))]
        parts = ", ".join(
            f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names
        )
        body = self._sql.strip().rstrip(";")
        self._rows = []
        cursor = self.connection.execute(f"WITH mended({', '.join(names)}) AS ({body}\n) SELECT {parts} FROM mended")
        for row in cursor:
            # a date stays one: it is text again before it is looked at
            self._rows.append(self._spelled(tuple(as_text(part) if isinstance(part, bytes) else part for part in row)))
            if len(self._rows) == ROWS_MAX:
                break


def _missing(name: str | None) -> str:
    """What the driver says of the first parameter, for which there is no value."""
    return "missing argument with index 1" if name is None else f'missing named argument "{name}"'


def described(error: Exception) -> str:
    """A failure of SQLite's as the real one's driver puts it: its general words, its own, and its code."""
    code = getattr(error, "extendedresult", 0) or getattr(error, "result", 0) or apsw.SQLITE_ERROR
    general = ERRORS.get(code & 0xFF, "unknown error")
    own = str(error)
    words = general if own == general else f"{general}: {own}"
    return f"{words} ({code})" + (" (SQLITE_BUSY)" if code == apsw.SQLITE_BUSY else "")
