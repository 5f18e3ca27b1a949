"""`CREATE INDEX` statements: reading them, and writing them in the one way the real PocketBase writes them."""

import re
from bisect import bisect
from functools import lru_cache
from typing import NamedTuple

from worker.sql import quote

REMEMBERED_CHARS_MAX = 4096
# Parts of a name that says in which schema it is.
QUALIFIED = 2
# As forgiving as the real one's: anything may stand before it, and names are whatever has no blanks.
_HEAD = re.compile(
    r"create\s++(?P<unique>unique\s++)?index\s*+(?P<optional>if\s++not\s++exists\s++)?(?P<name>\S*+)\s++on\s++",
    re.IGNORECASE | re.ASCII,
)
# A table's name and the blanks behind it, the parentheses that may end the columns, and what follows those.
_TABLE = re.compile(r"\S*+\s*+", re.ASCII)
_END = re.compile(r"\)(?=\s*+\Z|\s++where\s)", re.IGNORECASE | re.ASCII)
_WHERE = re.compile(r"\)\s++where\s++", re.IGNORECASE | re.ASCII)
# Blanks are looked at once, from their first one on: a long run of them must not take the square of its length.
_COLUMN = re.compile(
    r"(?P<name>.+?)(?:(?<!\s)\s++collate\s++(?P<collate>\w++))?(?:(?<!\s)\s++(?P<sort>asc|desc))?",
    re.IGNORECASE | re.DOTALL | re.ASCII,
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
        """Whether name and columns are there; the table is always the collection's own, which may have no name yet."""
        return bool(self.name and self.columns) and "`" not in self.name

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns alone, in their order."""
        return tuple(column.name for column in self.columns)

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
    ends = [end.start() for end in _END.finditer(statement)]
    head = _HEAD.search(statement) if ends else None
    while head is not None:
        opened = _opened(statement, head.end(), ends[-1])
        if opened >= 0:
            return _index(head, statement, opened, ends[bisect(ends, opened)])
        head = _HEAD.search(statement, head.start() + 1)
    return Index("", "", ())


def _opened(statement: str, start: int, last_end: int) -> int:
    """The place of the parenthesis before the columns, -1 for none: names may have some in them, so it is the last."""
    table = _TABLE.match(statement, start)
    assert table is not None
    if statement.startswith("(", table.end()) and table.end() < last_end:
        return table.end()
    return statement.rfind("(", start, min(last_end, table.end()))


def _index(head: re.Match[str], statement: str, opened: int, closed: int) -> Index:
    names = [part.strip(_QUOTES) for part in _split(head["name"], ".") if part.strip()]
    columns = []
    for part in _split(statement[opened + 1 : closed], ","):
        column = _COLUMN.fullmatch(part.strip())
        if column is not None and column["name"].strip():
            columns.append(
                Column(column["name"].strip(_QUOTES), column["collate"] or "", (column["sort"] or "").upper())
            )
    where = _WHERE.match(statement, closed)
    schema, name = ("", *names) if len(names) == 1 else names if len(names) == QUALIFIED else ("", "")
    return Index(
        name=name,
        table=statement[head.end() : opened].strip().strip(_QUOTES),
        columns=tuple(columns),
        unique=head["unique"] is not None,
        optional=head["optional"] is not None,
        schema=schema,
        where=statement[where.end() :].strip() if where else "",
    )


def _split(text: str, separator: str) -> list[str]:
    """The parts between the separators outside of parentheses and quotes; nothing where these are left open."""
    parts, depth, start, quoted, before = [], 0, 0, "", ""
    for position, character in enumerate(text):
        if character in "'\"`" and before != "\\":
            if not quoted:
                quoted = character
            elif character == quoted:
                quoted = ""
        elif not quoted:
            if character == "(":
                depth += 1
            elif character == ")":
                depth = max(0, depth - 1)
            elif character == separator and depth == 0:
                parts.append(text[start:position])
                start = position + 1
        before = character
    return [] if depth or quoted else [*parts, text[start:]]
