"""What a view's query is: SQLite's columns of it, its fields, and whether its records have ids.

The real PocketBase makes a view of a query to look at its columns, and so does this: the columns' names and types, and
every error, are SQLite's own. The view is made in a savepoint and undone at once.

Everything here works in a transaction that may wait (`worker.unit.transaction`), and looks at rows where slow reads
run, under their limit: a query that never ends is an error.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from worker.db.connection import Database
from worker.errors import FieldError
from worker.fields import Field
from worker.fields.casts import to_text
from worker.schema import viewfields, viewtext
from worker.schema.tables import explain
from worker.schema.validate import field_name_error
from worker.schema.viewddl import create_view, guarded
from worker.schema.viewfields import ID, Column
from worker.schema.viewtext import QueryError
from worker.sql import ALPHANUMERIC, quote, rand_text
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

# The real one has no limit when a view is stored. Reading the names of so long a query costs a few milliseconds.
QUERY_CHARS_MAX = 50_000
# Records whose ids are looked at.
SAMPLE_SIZE = 10

TOO_LONG = f"the query must not be longer than {QUERY_CHARS_MAX} characters"
NO_ID = "missing required id column (you can use `(ROW_NUMBER() OVER()) as id` if you don't have one)"
EMPTY_IDS = "the query could return records with empty or invalid ids"
SAME_IDS = "the query could return records with non-unique ids"

# What a query itself may be the cause of; SQLite's other errors are not its author's.
FAULTS = (
    apsw.SQLError,
    apsw.AuthError,
    apsw.TooBigError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.ConstraintError,
    apsw.InterruptError,
)

Row = tuple[Any, ...]


class Trial(NamedTuple):
    """A query that was tried out: the name its view had, its fields, and its first rows with the fields' columns."""

    name: str
    fields: tuple[Field, ...]
    rows: list[Row]


class _Undone(Exception):  # noqa: N818 - it is no error
    """Takes a view out of the database again."""


async def fields_of(ctx: "Context", query: str) -> tuple[Field, ...]:
    """The fields of a query's columns. QueryError for a query that has none."""
    if len(query) > QUERY_CHARS_MAX:
        raise QueryError(TOO_LONG)
    query = viewtext.trimmed(query)
    viewtext.check_single(query)
    names = viewtext.read_names(query)
    return viewfields.fields_of(ctx.catalog, names, await _columns(ctx, query))


async def normal_query(ctx: "Context", query: str) -> str:
    """`query` as it stands in the view's DDL: ids that are no texts are cast to them. QueryError."""
    query = viewtext.trimmed(query)
    columns = await _columns(ctx, query)
    if all(column.name != ID or column.type == "TEXT" for column in columns):
        return query
    parts = []
    for name in viewtext.read_names(query).columns:
        part = f"[[{name.alias}]]"
        parts.append(f"CAST({part} as TEXT) {part}" if name.alias == ID else part)
    return f"SELECT {','.join(parts)} FROM ({query})"


async def try_query(ctx: "Context", query: str, rows_max: int = SAMPLE_SIZE) -> Trial:
    """A query's fields and first rows. QueryError, in the real one's words, for one that can't be a view's."""
    query = viewtext.trimmed(query)
    fields = await fields_of(ctx, query)
    if all(field.name != ID for field in fields):
        raise QueryError(NO_ID)
    for place, field in enumerate(fields):
        error = field_name_error(field.name)
        if error is not None:
            raise QueryError(f"invalid field {viewtext.go_quoted(field.name)} ({place}): name: {error.message}.")
    name = f"temp_view_{rand_text(5, ALPHANUMERIC)}"
    rows = await _sample(ctx, name, await normal_query(ctx, query), rows_max)
    _check_ids([row[next(place for place, field in enumerate(fields) if field.name == ID)] for row in rows])
    return Trial(name, fields, rows)


async def query_error(ctx: "Context", query: str) -> FieldError | None:
    """What is wrong with the query of a view that is to be stored."""
    try:
        await try_query(ctx, query)
    except QueryError as error:
        return FieldError("validation_invalid_view_query", f"Invalid query - {error}")
    return None


async def _columns(ctx: "Context", query: str) -> list[Column]:
    name = f"_temp_{rand_text(6, ALPHANUMERIC)}"
    columns: list[Column] = []

    def read(db: Database) -> list[Column]:
        return [Column(row[1], row[2]) for row in db.once(f"PRAGMA table_info({quote(name)})")]

    try:
        async with transaction(ctx) as inner:
            create_view(inner.data, name, query)
            with guarded(inner.data, name):
                columns = await inner.lanes.read(inner.data, read)
            raise _Undone
    except _Undone:
        return columns
    except FAULTS as error:
        raise QueryError(explain(error)) from error


async def _sample(ctx: "Context", name: str, query: str, rows_max: int) -> list[Row]:
    sql = f"SELECT {quote(name)}.* FROM (SELECT * FROM ({query})) {quote(name)} LIMIT {rows_max}"
    try:
        statement = viewtext.expanded(sql)
        viewtext.check_enclosed(viewtext.expanded(query))
        with guarded(ctx.data, name):
            return await ctx.lanes.read(ctx.data, lambda db: db.all(statement))
    except FAULTS as error:
        raise QueryError(f"failed to retrieve query records: {explain(error)}; failed query: {sql}") from error


def _check_ids(ids: list[Any]) -> None:
    seen = set()
    for raw in ids:
        identifier = to_text(raw)
        if not identifier:
            raise QueryError(EMPTY_IDS)
        if identifier in seen:
            raise QueryError(SAME_IDS)
        seen.add(identifier)
