"""SQL functions on the connections of a worker whose time is that of their arguments' length.

SQLite's own `instr`, `replace` and `trim` take the product of two lengths (hours for some megabytes), and nothing
interrupts a function. A tenant's SQL gets to a worker in views, indexes, triggers and checks, so these are replaced by
ones that do the same and take less. `json_patch` compares each key with each key and is refused: what stands in for it
could not say that its result is JSON. The SQL console, which runs in a process of its own, has SQLite's.
"""

import threading
from collections.abc import Callable
from typing import Any

import apsw

Value = str | bytes | int | float | None

# The longest result of `replace`; what is longer than the connection's rows may be, SQLite refuses itself.
REPLACED_BYTES_MAX = 150_000_000
# Characters taken off one by one; beyond it a text is refused.
TRIMMED_MAX = 1_000_000
# Up to so many different characters Python's own way is the quickest.
FEW_CHARACTERS = 8

_apart = threading.local()


class _Nowhere:
    """The source of a virtual table that nobody can make or read."""


def replace_functions(connection: apsw.Connection) -> None:
    """Give `connection` the functions of this module."""
    for name, count, function in FUNCTIONS:
        connection.create_scalar_function(name, function, count, deterministic=True, flags=apsw.SQLITE_INNOCUOUS)
    # it would tell a trigger where this server keeps its files
    connection.create_module("pragma_database_list", _NOWHERE)


def instr(text: Value, part: Value) -> int | None:
    """The place of the first `part`, from 1 on; 0 for none. Of two blobs in bytes, else in characters."""
    if text is None or part is None:
        return None
    if isinstance(text, bytes) and isinstance(part, bytes):
        return text.find(part) + 1
    return _text(text).find(_text(part)) + 1


def replace(text: Value, old: Value, new: Value) -> str | None:
    """`text` with `new` for each `old`. TooBigError where that is longer than REPLACED_BYTES_MAX."""
    if text is None or old is None:
        return None
    whole, gone = _text(text), _text(old)
    if not gone or gone[0] == "\0":
        return whole
    if new is None:
        return None
    come = _text(new)
    more = len(come.encode("utf-8", "surrogatepass")) - len(gone)
    if more > 0 and len(whole) + whole.count(gone) * more > REPLACED_BYTES_MAX:
        raise apsw.TooBigError("string or blob too big")
    return whole.replace(gone, come)


def ltrim(text: Value, characters: Value) -> str | None:
    """`text` without any of `characters` at its start."""
    return _trimmed(text, characters, start=True, end=False)


def rtrim(text: Value, characters: Value) -> str | None:
    """`text` without any of `characters` at its end."""
    return _trimmed(text, characters, start=False, end=True)


def trim(text: Value, characters: Value) -> str | None:
    """`text` without any of `characters` at both ends."""
    return _trimmed(text, characters, start=True, end=True)


def refuse(*_: Value) -> None:
    """Stands for a function that takes too long."""
    raise apsw.SQLError("json_patch is not available here")


def _trimmed(text: Value, characters: Value, *, start: bool, end: bool) -> str | None:
    if text is None or characters is None:
        return None
    whole = _text(text)
    gone = set(_text(characters).partition("\0")[0])
    if len(gone) <= FEW_CHARACTERS:
        some = "".join(gone)
        if some and start:
            whole = whole.lstrip(some)
        return whole.rstrip(some) if some and end else whole
    first, last = 0, len(whole)
    if start:
        while first < last and whole[first] in gone:
            first += 1
            _check_trimmed(first)
    if end:
        while last > first and whole[last - 1] in gone:
            last -= 1
            _check_trimmed(len(whole) - last)
    return whole[first:last]


def _check_trimmed(count: int) -> None:
    if count > TRIMMED_MAX:
        raise apsw.TooBigError("string or blob too big")


def _text(value: str | bytes | float) -> str:
    """A value as SQLite casts it to a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, int):
        return str(value)
    # SQLite alone knows how it writes a double
    connection = getattr(_apart, "connection", None)
    if connection is None:
        connection = _apart.connection = apsw.Connection(":memory:")
    text: str = next(connection.execute("SELECT CAST(? AS TEXT)", (value,)))[0]
    return text


# Name, number of arguments, and what is called.
FUNCTIONS: tuple[tuple[str, int, Callable[..., Value]], ...] = (
    ("instr", 2, instr),
    ("replace", 3, replace),
    ("trim", 2, trim),
    ("ltrim", 2, ltrim),
    ("rtrim", 2, rtrim),
    ("json_patch", 2, refuse),
    ("jsonb_patch", 2, refuse),
)
# one object for all connections
_NOWHERE: Any = _Nowhere()
