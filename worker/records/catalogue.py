"""A page of a tenant's collections, filtered and sorted by the few columns that may be named."""

from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import bad_request
from worker.filters.nodes import FilterError
from worker.filters.operands import NUMERIC, TEXT, Sql
from worker.filters.plain import PlainNames, order_of, where_of
from worker.records.listing import INTEGER_MAX, ListQuery

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

TABLE = "`_collections`"
NAMES = PlainNames(
    TABLE,
    {
        **{
            name: Sql(f"{TABLE}.`{name}`", nullable=False, affinity=TEXT)
            for name in ("id", "name", "type", "created", "updated")
        },
        "system": Sql(f"{TABLE}.`system`", nullable=False, affinity=NUMERIC),
    },
)
OLDEST_FIRST = f" ORDER BY {TABLE}.`rowid`"


def read_collections(db: Database, catalog: "Catalog", query: ListQuery) -> tuple[list["Collection"], int]:
    """The collections of a page, and how many there are (-1 where nobody wants to know). ApiError 400."""
    try:
        where, params = where_of(query.filter, NAMES)
        order, order_params = order_of(query.sort, NAMES)
    except FilterError as error:
        raise bad_request(cause=error) from error
    if query.fault:
        raise bad_request(cause=query.fault)
    offset = min((query.page - 1) * query.per_page, INTEGER_MAX)
    rows = db.all(
        f"SELECT {TABLE}.`id` FROM {TABLE}{where}{order or OLDEST_FIRST} LIMIT ? OFFSET ?",
        (*params, *order_params, query.per_page, offset),
    )
    found = [catalog.by_id(row[0]) for row in rows]
    total = -1 if query.skip_total else db.value(f"SELECT COUNT(*) FROM {TABLE}{where}", params)
    return [collection for collection in found if collection is not None], total
