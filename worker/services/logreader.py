"""Reading a tenant's request log: a page of it, one entry, entries per hour; filters on its columns and `data.*`."""

from typing import Any

import orjson

from worker.db.connection import Database
from worker.filters.compiler import LITERALS, Apart, Rows, conditions
from worker.filters.listing import RANDOM, ROWID, Key, parse_sort
from worker.filters.nodes import FilterError
from worker.filters.operands import NUMERIC, TEXT, Operand, Param, Sql, bind
from worker.filters.parser import FILTER_CHARS_MAX, parse
from worker.records.listing import ListQuery, envelope

COLUMNS = {
    "id": Sql("`_logs`.`id`", nullable=False, affinity=TEXT),
    "level": Sql("`_logs`.`level`", nullable=False, affinity=NUMERIC),
    "message": Sql("`_logs`.`message`", nullable=False, affinity=TEXT),
    "created": Sql("`_logs`.`created`", nullable=False, affinity=TEXT),
    "data": Sql("`_logs`.`data`", nullable=False),
}
SELECT = "SELECT `id`, `created`, `data`, `message`, `level` FROM `_logs`"
HOUR = "strftime('%Y-%m-%d %H:00:00', `created`)"

Item = dict[str, Any]


class LogNames:
    """What names mean in a filter of the log: its columns, and members of `data` by path."""

    def resolve(self, path: str, rows: Rows | None) -> Operand:
        """The column or member that `path` names. FilterError for anything else."""
        del rows
        literal = LITERALS.get(path.lower())
        if literal is not None:
            return literal
        column = COLUMNS.get(path)
        if column is not None:
            return column
        if not path.startswith("data."):
            raise FilterError(f"unknown field {path!r}")
        members = path.removeprefix("data.").split(".")
        pointer = "$" + "".join(f'."{member}"' for member in members)
        return Sql("JSON_EXTRACT(`_logs`.`data`, ?)", (pointer,), strict=True)

    def apart(self) -> Apart:
        """Never asked for: no name of a log leads to several rows."""
        raise FilterError("a log has no joined rows")


def read_logs(db: Database, query: ListQuery) -> Item:
    """A page of entries. Raises FilterError for a bad filter or sort."""
    where, params = _where(query.filter)
    order, order_params = _order(query.sort)
    rows = db.all(
        f"{SELECT}{where}{order} LIMIT ? OFFSET ?",
        (*params, *order_params, query.per_page, min((query.page - 1) * query.per_page, 2**63 - 1)),
    )
    total = -1 if query.skip_total else db.value(f"SELECT COUNT(*) FROM `_logs`{where}", params)
    return envelope(list(map(_item, rows)), query, total)


def read_log(db: Database, log_id: str) -> Item | None:
    """One entry, if it is there."""
    row = db.one(f"{SELECT} WHERE `id` = ?", (log_id,))
    return None if row is None else _item(row)


def read_stats(db: Database, filter_text: str) -> list[Item]:
    """How many entries each hour has, those without left out. Raises FilterError."""
    where, params = _where(filter_text)
    rows = db.execute(f"SELECT {HOUR} AS `hour`, COUNT(*) FROM `_logs`{where} GROUP BY `hour` ORDER BY `hour`", params)
    return [{"date": f"{hour}.000Z", "total": total} for hour, total in rows]


def _item(row: tuple[Any, ...]) -> Item:
    log_id, created, data, message, level = row
    return {"id": log_id, "created": created, "data": orjson.loads(data), "message": message, "level": level}


def _where(text: str) -> tuple[str, tuple[Any, ...]]:
    if not text.strip():
        return "", ()
    found = conditions(parse(text, FILTER_CHARS_MAX), LogNames())
    params: tuple[Param, ...] = tuple(param for condition in found for param in condition.params)
    return " WHERE " + " AND ".join(condition.sql for condition in found), bind(params, None)


def _order(text: str) -> tuple[str, tuple[Any, ...]]:
    terms = []
    params: list[Any] = []
    for key in parse_sort(text):
        sql, key_params = _sort_term(key)
        terms.append(sql + (" DESC" if key.descending else ""))
        params += key_params
    return (" ORDER BY " + ", ".join(terms) if terms else ""), tuple(params)


def _sort_term(key: Key) -> tuple[str, tuple[Any, ...]]:
    if key.path == RANDOM:
        return "RANDOM()", ()
    if key.path == ROWID:
        return "`_logs`.`rowid`", ()
    operand = LogNames().resolve(key.path, None)
    assert isinstance(operand, Sql)
    return operand.sql, bind(operand.params, None)
