"""Reading texts that are no UTF-8: PocketBase stores the bytes that a form brings."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from worker.db.reading import Params, Reading


def mended_rows(db: "Reading", sql: str, params: "Params") -> list[tuple[Any, ...]]:
    """Every row of one SELECT, what is no UTF-8 in its texts replaced.

    One text of this kind, in a database from elsewhere, must not make its whole table unreadable.
    """
    names: list[str] = []

    def note(cursor: apsw.Cursor, *_: Any) -> bool:
        names.extend(f"c{number}" for number in range(len(cursor.get_description())))
        return False

    cursor = db.connection.cursor()
    cursor.exec_trace = note
    with suppress(apsw.ExecTraceAbort):
        cursor.execute(sql, params, can_cache=False)
    columns = ", ".join(f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names)
    rows = db.once(f"WITH mended({', '.join(names)}) AS ({sql}) SELECT {columns} FROM mended", params)
    return [tuple([part.decode(errors="replace") if type(part) is bytes else part for part in row]) for row in rows]
