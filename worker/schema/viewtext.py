"""What the real PocketBase reads out of the text of a view's query: the names of its columns and tables.

It does not parse SQL, and nor does this: words are told apart by blanks, commas, quotes and parentheses, and a handful
of keywords says which words are columns and which are tables. What is an unknown to it stays one here, so that a view
has the same fields in both. SQLite says what the query really is; see `worker.schema.viewquery`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from worker.sql import quote

# Blanks at the ends of a query: those of Go's `unicode.IsSpace`.
BLANKS = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_COMMENT = re.compile(r"/\*|--")
_MARK = re.compile(r"\{\{(?P<table>[\w\-. ]+)\}\}|\[\[(?P<column>[\w\-. ]+)\]\]|\{:(?P<parameter>\w+)\}", re.ASCII)
# Everything of SQLite's that may hide a `;` or a parenthesis, and those themselves.
_PIECE = re.compile(
    r"'(?:[^']|'')*'?|\"(?:[^\"]|\"\")*\"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|/\*.*?(?:\*/|\Z)|[();\0]", re.DOTALL
)

COLUMN_QUOTES = '"`[]'
ALIAS_QUOTES = COLUMN_QUOTES + "'"
# What stands for itself in a text that is taken apart at blanks and commas, and at semicolons.
_WORD_ENDS = re.compile(r"['\"`() \t\n,]")
_STATEMENT_ENDS = re.compile(r"['\"`();]")

# What joins a table, and what ends the list of tables. The real one puts words of its own in their places, also inside
# of quotes, and they show in its errors. A run of blanks is looked at once: it may be as long as the query.
_BLANK = r"[\t\n\f\r ]"
_START = rf"(?<!{_BLANK}){_BLANK}++"
_JOIN = re.compile(
    rf"{_START}(?:(?:(?:(?:full|left|right){_BLANK}++)?outer|full|left|right|cross|inner){_BLANK}++)?join{_BLANK}",
    re.IGNORECASE,
)
_CLAUSE = re.compile(rf"{_START}(?:where|group{_BLANK}++by|having|order|limit){_BLANK}", re.IGNORECASE)
JOIN, CLAUSE = "__pb_join__", "__pb_discard__"

SEVERAL = "multiple statements are not supported"
WILDCARD = (
    "wildcard columns (*) are not supported - manually type the collection field names you want the view query to have"
)


class QueryError(ValueError):
    """Why a query can't be that of a view, in the real one's words."""


class Name(NamedTuple):
    """A column or table of a query: as it is written, and the name it goes by."""

    original: str
    alias: str


class Names(NamedTuple):
    """What a query selects, and from where."""

    columns: tuple[Name, ...]
    tables: tuple[Name, ...]


def trimmed(query: str) -> str:
    """`query` without blanks, then without semicolons at its ends."""
    return query.strip(BLANKS).strip(";")


def check_single(query: str) -> None:
    """QueryError for what the real one takes for several statements."""
    try:
        parts = [part for part in _split(query, _STATEMENT_ENDS) if part.strip(BLANKS)]
    except QueryError:  # it will be said by `read_names`
        return
    if len(parts) > 1 or "\0" in query:
        raise QueryError(SEVERAL)


def check_enclosed(sql: str) -> None:
    """QueryError where a part of `sql`, which is to stand in parentheses, is a statement of its own to SQLite."""
    depth = 1
    for match in _PIECE.finditer(sql):
        piece = match[0]
        depth += (piece == "(") - (piece == ")")
        if piece == "\0" or (piece == ";" and depth < 1):
            raise QueryError(SEVERAL)


def expanded(sql: str) -> str:
    """`sql` with its `{{table}}` and `[[column]]` as quoted names. QueryError for a `{:parameter}`."""
    return _MARK.sub(_expansion, sql)


def _expansion(match: re.Match[str]) -> str:
    if match["parameter"]:
        raise QueryError(f"Named parameter not found: {match['parameter']}")
    return ".".join(map(quote, (match["table"] or match["column"]).split(".")))


def read_names(query: str) -> Names:
    """The names in a query. QueryError for what the real one can't read."""
    columns, tables = _sections(_words(query))
    names = Names(tuple(map(_name, columns)), tuple(map(_name, tables)))
    if any(name.alias == "*" for name in names.columns):
        raise QueryError(WILDCARD)
    return names


def _words(query: str) -> Iterator[str]:
    """The words of a query without its comments, and the commas between them."""
    text = _CLAUSE.sub(f" {CLAUSE} ", _JOIN.sub(f" {JOIN} ", _without_comments(query)))
    return filter(None, (word.strip(BLANKS) for word in _split(text, _WORD_ENDS)))


def _without_comments(text: str) -> str:
    """`text` with a blank for each comment, also for what looks like one inside of quotes."""
    kept: list[str] = []
    end = 0
    closing = True  # whether there is any end of a comment left
    for match in _COMMENT.finditer(text):
        start = match.start()
        if start < end or (match[0] == "/*" and not closing):
            continue
        after = text.find("*/" if match[0] == "/*" else "\n", match.end())
        if after < 0 and match[0] == "/*":
            closing = False
            continue
        kept.append(text[end:start])
        end = len(text) if after < 0 else after + 2 * (match[0] == "/*")
    return " ".join([*kept, text[end:]])


def _split(text: str, ends: re.Pattern[str]) -> list[str]:
    """`text` between those `ends` that are outside of quotes and parentheses; a comma is a part itself.

    A NUL ends the text. QueryError where quotes or parentheses are left open.
    """
    text = text.partition("\0")[0]
    parts: list[str] = []
    start, depth, quoted = 0, 0, ""
    for match in ends.finditer(text):
        character = match[0]
        if character in "'\"`()" and text[match.start() - 1 : match.start()] == "\\":
            continue
        if character in "'\"`":
            if not quoted:
                quoted = character
            elif quoted == character:
                quoted = ""
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth = max(0, depth - 1)
        elif not depth:
            parts.append(text[start : match.start()])
            start = match.end()
            if character == ",":
                parts.append(character)
    if depth or quoted:
        raise QueryError(f"unbalanced parenthesis or quoted expression: {go_quoted(text[start:])}")
    parts.append(text[start:])
    return parts


def _sections(words: Iterator[str]) -> tuple[list[list[str]], list[list[str]]]:
    """The words of each column and of each table, the joined ones last."""
    columns: list[list[str]] = [[]]
    tables: list[list[str]] = [[]]
    joined: list[list[str]] = [[]]
    target: list[list[str]] | None = None  # where the words go, if anywhere
    for word in words:
        lowered = word.lower()
        if lowered == "select":
            target = columns
        elif lowered == "from":
            target = tables
        elif word == JOIN:
            target = joined
            joined.append([])
        elif word == CLAUSE or (target is joined and lowered == "on"):
            target = None
        elif word == ",":
            if target is not None:
                target.append([])
        elif target is not None and not (lowered == "distinct" and target is columns):
            target[-1].append(word)
    return [column for column in columns if column], [table for table in (*tables, *joined) if table]


def _name(words: list[str]) -> Name:
    if len(words) > 3:
        raise QueryError(f"invalid identifier parts [{' '.join(words)}]")
    if len(words) == 3 and words[1].lower() != "as":
        raise QueryError(f'invalid identifier part - expected "as", got {words[1]}')
    alias = bare(words[-1], ALIAS_QUOTES)
    return Name(words[0], ".".join(alias if len(words) > 1 else alias[-1:]))


def bare(name: str, quotes: str = COLUMN_QUOTES) -> list[str]:
    """The parts of a written name, without quotes."""
    return [part.strip(quotes) for part in name.split(".")]


# What Go's `%q` writes another way than JSON.
_GO_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_GO_ESCAPES |= {'"': '\\"', "\\": "\\\\"}


def go_quoted(text: str) -> str:
    """`text` as Go's `%q` shows it."""
    return f'"{"".join(map(_go_character, text))}"'


def _go_character(character: str) -> str:
    escape = _GO_ESCAPES.get(character)
    if escape is not None:
        return escape
    code = ord(character)
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
