"""A page of records: what a client asks for, and the one or two statements that answer it.

The total is counted only where the page itself does not tell it.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from worker.db.connection import Database
from worker.errors import bad_request
from worker.filters.listing import parse_sort
from worker.records.compiled import Query
from worker.records.joins import ONE_ROW
from worker.records.plan import Row, columns_left, plan_of
from worker.records.request import RequestInfo
from worker.records.rules import select
from worker.sql import quote

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

PER_PAGE = 30
PER_PAGE_MAX = 1000
# Records of a page that are shown and encoded in one step of the event loop; longer pages are made in several.
STEP_ROWS = 200
INTEGER_MAX = 2**63 - 1
# From so many rows on two looks cost more than to keep in memory what the first one finds, some 30 bytes a row.
FOUND_ROWS_MIN = 2_000
FOUND_ROWS_MAX = 50_000
# Types of fields whose values are short.
SHORT_TYPES = frozenset({"number", "bool", "date", "autodate"})

_INTEGER = re.compile(r"[+-]?[0-9]+")
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("", "0", "f", "F", "FALSE", "false", "False"))


class ListQuery(NamedTuple):
    """Which page of which records in which order, and what to expand on them.

    `fault`: what is wrong with a number or a boolean. It is a 400 of the page, after any 403.
    """

    page: int = 1
    per_page: int = PER_PAGE
    skip_total: bool = False
    filter: str = ""
    sort: str = ""
    expand: str = ""
    fault: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "ListQuery":
        """From a request's query parameters."""
        get = query.get
        filter_, sort, expand = get("filter", ""), get("sort", ""), get("expand", "")
        try:
            page = _integer(get("page", ""), 1)
            per_page = _integer(get("perPage", ""), PER_PAGE)
            skip_total = _boolean(get("skipTotal", ""))
        except ValueError as error:
            return cls(filter=filter_, sort=sort, expand=expand, fault=str(error))
        return cls(
            page if page > 0 else 1,
            min(per_page, PER_PAGE_MAX) if per_page > 0 else PER_PAGE,
            skip_total,
            filter_,
            sort,
            expand,
        )


class Page(NamedTuple):
    """The rows of a page and how many there are in all; -1 where nobody wanted to know."""

    rows: list[Row]
    total: int


def envelope(items: list[Any], query: ListQuery, total: int) -> dict[str, Any]:
    """The JSON of a page."""
    return {
        "items": items,
        "page": query.page,
        "perPage": query.per_page,
        "totalItems": total,
        "totalPages": -1 if total < 0 else -(-total // query.per_page),
    }


def read_page(
    db: Database, catalog: "Catalog", collection: "Collection", query: ListQuery, info: RequestInfo, *, columns: str
) -> Page:
    """The rows, of `columns`, that the list rule and the filter let through. ApiError 400 or 403 for a bad filter."""
    try:
        return _read_page(db, catalog, collection, query, info, columns=columns)
    except apsw.SQLError:
        left = columns_left(db, plan_of(collection).table, columns) if collection.is_view else columns
        if left == columns:
            raise
        return _read_page(db, catalog, collection, query, info, columns=left)


def _read_page(
    db: Database, catalog: "Catalog", collection: "Collection", query: ListQuery, info: RequestInfo, *, columns: str
) -> Page:
    rule = "" if info.is_superuser else collection.list_rule
    selected = select(
        catalog, collection, rules=[rule] if rule else [], filter=query.filter, sort=query.sort, info=info
    )
    if query.fault:
        raise bad_request(cause=query.fault)
    table = plan_of(collection).table
    where = f" WHERE {selected.where}" if selected.where else ""
    source = f"{table}{selected.joins}{where}"
    order = f" ORDER BY {selected.order}" if selected.order else ""
    distinct = "DISTINCT " if selected.distinct else ""
    offset = (query.page - 1) * query.per_page
    page = f"SELECT {distinct}{columns} FROM {source}{order}"
    if selected.joined and not order:
        # Nobody promises an order, but the real one has one: that of the index by which SQLite finds the rows of all
        # columns to be distinct. So SQLite is asked the same here; the join is there for it to ask itself, and unused.
        unused = "" if selected.joins else f" LEFT JOIN {ONE_ROW} ON TRUE"
        page = f"SELECT {columns} FROM (SELECT DISTINCT {table}.* FROM {table}{selected.joins}{unused}{where}) {table}"
    window = query.per_page, min(offset, INTEGER_MAX)
    counted = f"DISTINCT {table}.`id`" if selected.distinct else "*"
    if _reads_once(db, collection, query, selected):
        sql = _page_and_total(table, columns, source, query.sort)
        found = db.all(sql, (*selected.params, *window))
        if found or query.page == 1:
            return Page([row[:-1] for row in found], found[0][-1] if found else 0)
        return Page([], db.value(f"SELECT COUNT(*) FROM {source}", selected.params))
    rows = db.all(f"{page} LIMIT ? OFFSET ?", (*selected.params, *selected.order_params, *window))
    if query.skip_total:
        return Page(rows, -1)
    if len(rows) < query.per_page and (rows or query.page == 1):
        return Page(rows, offset + len(rows))
    return Page(rows, db.value(f"SELECT COUNT({counted}) FROM {source}", selected.params))


def _reads_once(db: Database, collection: "Collection", query: ListQuery, selected: Query) -> bool:
    """Whether to look for page and total in one go: where both have to read the rows, and what is sorted is little.

    What is found is kept in memory meanwhile, by row and keys of the sort.
    """
    if not query.sort or query.skip_total or selected.distinct or "`" not in selected.where or collection.is_view:
        return False
    return FOUND_ROWS_MIN <= _rows_sorted_shortly(db, collection, query.sort) <= FOUND_ROWS_MAX


def window(db: Database, collection: "Collection", selected: Query, sort: str, count: int) -> str:
    """The SELECT of whole rows, with `selected`'s parameters, then a limit (`count`, -1: none) and an offset.

    Of a larger table only numbers of rows are sorted: whole rows would be copied, and most of them dropped again.
    """
    plan = plan_of(collection)
    table, columns = plan.table, plan.columns
    where = f" WHERE {selected.where}" if selected.where else ""
    order = f" ORDER BY {selected.order}" if selected.order else ""
    source = f"{table}{selected.joins}{where}{order} LIMIT ? OFFSET ?"
    alone = not (selected.joins or selected.distinct or collection.is_view)
    if order and alone and 0 < count <= PER_PAGE_MAX and _rows_sorted_shortly(db, collection, sort) >= FOUND_ROWS_MIN:
        return (
            f"SELECT {columns} FROM (SELECT {table}.`_rowid_` `@row` FROM {source})"
            f" CROSS JOIN {table} ON {table}.`_rowid_` = `@row`"
        )
    return f"SELECT {'DISTINCT ' if selected.distinct else ''}{columns} FROM {source}"


def _rows_sorted_shortly(db: Database, collection: "Collection", sort: str) -> int:
    """About how many rows a table has, if they are sorted by short values of their own; else 0."""
    fields = [collection.by_name.get(key.path) for key in parse_sort(sort)]
    if any(field is None or field.type not in SHORT_TYPES for field in fields):
        return 0
    return db.value(f"SELECT MAX(`_rowid_`) FROM {plan_of(collection).table}") or 0


def _page_and_total(table: str, columns: str, source: str, sort: str) -> str:
    """A SELECT of the page's rows, each with the total as its last column."""
    keys = parse_sort(sort)
    sorted_by = "".join(f", {table}.{quote(key.path)}" for key in keys)
    order = ", ".join(quote(key.path) + (" DESC" if key.descending else "") for key in keys)
    return (
        f"WITH `@found` AS MATERIALIZED (SELECT {table}.`_rowid_` `@row`{sorted_by} FROM {source}),"
        f" `@page` AS (SELECT `@row` FROM `@found` ORDER BY {order} LIMIT ? OFFSET ?)"
        f" SELECT {columns}, (SELECT COUNT(*) FROM `@found`) FROM `@page` CROSS JOIN {table}"
        f" ON {table}.`_rowid_` = `@row`"
    )


def _integer(text: str, default: int) -> int:
    if not text:
        return default
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    value = int(text[:32])
    if abs(value) > INTEGER_MAX:
        raise ValueError(f'strconv.Atoi: parsing "{text}": value out of range')
    return value


def _boolean(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
