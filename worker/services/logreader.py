"""Reading a tenant's request log: a page of it, one entry, entries per hour; filters on its columns and `data.*`."""

from typing import Any

import orjson

from worker.db.connection import Database
from worker.filters.nodes import FilterError
from worker.filters.operands import NUMERIC, TEXT, Sql
from worker.filters.plain import PlainNames, order_of, where_of
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


class LogNames(PlainNames):
    """What names mean in a filter of the log: its columns, and members of `data` by path."""

    def other(self, path: str) -> Sql | None:
        """A member of `data`."""
        if not path.startswith("data."):
            return None
        members = path.removeprefix("data.").split(".")
        pointer = "$" + "".join(f'."{member}"' for member in members)
        return Sql("JSON_EXTRACT(`_logs`.`data`, ?)", (pointer,), strict=True)


NAMES = LogNames("`_logs`", COLUMNS)


def read_logs(db: Database, query: ListQuery) -> Item:
    """A page of entries. Raises FilterError for a bad filter, sort or page."""
    if query.fault:
        raise FilterError(query.fault)
    where, params = where_of(query.filter, NAMES)
    order, order_params = order_of(query.sort, NAMES)
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
    where, params = where_of(filter_text, NAMES)
    rows = db.execute(f"SELECT {HOUR} AS `hour`, COUNT(*) FROM `_logs`{where} GROUP BY `hour` ORDER BY `hour`", params)
    return [{"date": f"{hour}.000Z", "total": total} for hour, total in rows]


def _item(row: tuple[Any, ...]) -> Item:
    log_id, created, data, message, level = row
    return {"id": log_id, "created": created, "data": orjson.loads(data), "message": message, "level": level}
