"""`CREATE INDEX` statements: reading them, and writing them in the one way the real PocketBase writes them."""

import re
from functools import lru_cache
from typing import NamedTuple

from worker.sql import quote

# As forgiving as the real one's: anything may stand before it, and names are runs of word characters, quotes and dots.
_NAME = r"[\w`\"'\[\].]*"
REMEMBERED_CHARS_MAX = 4096
_INDEX = re.compile(
    rf"create\s+(?P<unique>unique\s+)?\s*index\s*(?P<optional>if\s+not\s+exists\s+)?"
    rf"(?P<name>{_NAME})\s+on\s+(?P<table>{_NAME})\s*"
    r"\((?P<columns>.*?)\)(?:\s*where\s+(?P<where>.*))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(
    r"(?P<name>.+?)(?:\s+collate\s+(?P<collate>\w+))?(?:\s+(?P<sort>asc|desc))?", re.IGNORECASE | re.DOTALL
)
_QUOTES = "`\"'[] \t\r\n"


class Column(NamedTuple):
    """A column of an index, or an expression."""

    name: str
    collate: str
    sort: str


class Index(NamedTuple):
    """A parsed `CREATE INDEX`. `columns` is empty for a text that is no index statement."""

    name: str
    table: str
    columns: tuple[Column, ...]
    unique: bool = False
    optional: bool = False
    schema: str = ""
    where: str = ""

    @property
    def valid(self) -> bool:
        """Whether name, table and columns are there."""
        return bool(self.name and self.table and self.columns)

    def build(self) -> str:
        """The statement as the real PocketBase normalises it: several columns stand on lines of their own."""
        head = "CREATE UNIQUE INDEX " if self.unique else "CREATE INDEX "
        if self.optional:
            head += "IF NOT EXISTS "
        if self.schema:
            head += f"{quote(self.schema)}."
        columns = [_column_sql(column) for column in self.columns]
        body = f"(\n  {f',{chr(10)}  '.join(columns)}\n)" if len(columns) > 1 else f"({columns[0]})"
        where = f" WHERE {self.where}" if self.where else ""
        return f"{head}{quote(self.name)} ON {quote(self.table)} {body}{where}"


def _column_sql(column: Column) -> str:
    # expressions stay as they are
    name = column.name if "(" in column.name or " " in column.name else quote(column.name)
    collate = f" COLLATE {column.collate}" if column.collate else ""
    sort = f" {column.sort}" if column.sort else ""
    return name + collate + sort


def parse_index(statement: str) -> Index:
    """The parts of an index statement; an Index that is not `valid` for any other text."""
    return _remembered(statement) if len(statement) <= REMEMBERED_CHARS_MAX else _parse(statement)


@lru_cache(maxsize=512)
def _remembered(statement: str) -> Index:
    return _parse(statement)


def _parse(statement: str) -> Index:
    match = _INDEX.search(statement)
    if match is None:
        return Index("", "", ())
    schema, _, name = match["name"].rpartition(".")
    if "." in schema:
        return Index("", "", ())
    columns = []
    for part in _split(match["columns"]):
        column = _COLUMN.fullmatch(part.strip())
        if column is not None and column["name"].strip():
            columns.append(
                Column(column["name"].strip(_QUOTES), column["collate"] or "", (column["sort"] or "").upper())
            )
    return Index(
        name=name.strip(_QUOTES),
        table=match["table"].rpartition(".")[2].strip(_QUOTES),
        columns=tuple(columns),
        unique=match["unique"] is not None,
        optional=match["optional"] is not None,
        schema=schema.strip(_QUOTES),
        where=(match["where"] or "").strip(),
    )


def _split(columns: str) -> list[str]:
    """The parts between the commas outside of parentheses; nothing where these don't match."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(columns):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                return []
        elif character == "," and depth == 0:
            parts.append(columns[start:position])
            start = position + 1
    return [] if depth else [*parts, columns[start:]]
