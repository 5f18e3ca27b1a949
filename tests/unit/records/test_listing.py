"""Pages: the parameters of a list, and when its total is counted."""

import pytest

from worker.context import Context
from worker.errors import ApiError
from worker.records import listing
from worker.records.listing import INTEGER_MAX, ListQuery, envelope, read_page
from worker.records.plan import Row, plan_of
from worker.records.rules import select
from worker.schema.collection import Collection

from .conftest import add_collection, info_of


@pytest.mark.parametrize(
    ("query", "page", "per_page", "skip_total"),
    [
        ({}, 1, 30, False),
        ({"page": "", "perPage": "", "skipTotal": ""}, 1, 30, False),
        ({"page": "3", "perPage": "7"}, 3, 7, False),
        ({"page": "+3"}, 3, 30, False),
        ({"page": "0", "perPage": "0"}, 1, 30, False),
        ({"page": "-2", "perPage": "-2"}, 1, 30, False),
        ({"perPage": "1001"}, 1, 1000, False),
        ({"page": str(INTEGER_MAX)}, INTEGER_MAX, 30, False),
        ({"skipTotal": "1"}, 1, 30, True),
        ({"skipTotal": "True"}, 1, 30, True),
        ({"skipTotal": "f"}, 1, 30, False),
    ],
)
def test_parameters(query: dict[str, str], page: int, per_page: int, skip_total: bool) -> None:
    parsed = ListQuery.parse(query)
    assert (parsed.page, parsed.per_page, parsed.skip_total) == (page, per_page, skip_total)


@pytest.mark.parametrize(
    "query",
    [
        {"page": "x"},
        {"page": "1.5"},
        {"page": " 1"},
        {"page": "1_000"},
        {"page": "٣"},
        {"perPage": "0x10"},
        {"perPage": "9" * 30},
        {"skipTotal": "yes"},
        {"skipTotal": "TrUe"},
    ],
)
def test_malformed_parameters_are_refused(query: dict[str, str]) -> None:
    assert "strconv" in ListQuery.parse(query).fault


@pytest.mark.parametrize(
    ("total", "per_page", "pages"), [(0, 30, 0), (1, 30, 1), (30, 30, 1), (31, 30, 2), (-1, 30, -1), (-1, 1, -1)]
)
def test_envelope(total: int, per_page: int, pages: int) -> None:
    body = envelope([], ListQuery(per_page=per_page), total)
    assert list(body) == ["items", "page", "perPage", "totalItems", "totalPages"]
    assert (body["totalItems"], body["totalPages"]) == (total, pages)


@pytest.mark.parametrize(
    ("page", "per_page", "skip", "answer"),
    [
        (1, 30, False, (5, 5, 0)),  # the page holds everything
        (1, 5, False, (5, 5, 1)),  # full: there may be more
        (2, 3, False, (2, 5, 0)),  # the last page says where the end is
        (1, 2, False, (2, 5, 1)),
        (9, 2, False, (0, 5, 1)),  # beyond the end
        (1, 2, True, (2, -1, 0)),
        (INTEGER_MAX, 30, False, (0, 5, 1)),
    ],
)
def test_the_total_is_counted_only_where_needed(
    ctx: Context, page: int, per_page: int, skip: bool, answer: tuple[int, int, int]
) -> None:
    collection = add_collection(ctx, "notes", {"name": "n", "type": "number"})
    for number in range(5):
        ctx.data.execute("INSERT INTO notes (id, n) VALUES (?, ?)", (f"{number:015}", number))
    seen: list[str] = []
    ctx.data.connection.set_exec_trace(lambda _cursor, sql, _params: seen.append(sql) or True)
    query = ListQuery(page=page, per_page=per_page, skip_total=skip)
    read = read_page(ctx.data, ctx.catalog, collection, query, info_of(), columns=plan_of(collection).columns)
    assert (len(read.rows), read.total, sum("COUNT(" in sql for sql in seen)) == answer


@pytest.mark.parametrize(
    ("filter", "sort", "order"),
    [
        ("", "", "cab"),
        ("n >= 0", "", "cab"),
        # the real one joins here, and its DISTINCT brings the order of a unique index
        ("up.n >= 0", "", "abc"),
        ("ups.n ?>= 0", "", "abc"),
        ("up.n >= 0", "@rowid", "cab"),
        ("up.n >= 0", "-n", "bac"),
    ],
)
def test_order_where_none_is_asked_for(ctx: Context, *, filter: str, sort: str, order: str) -> None:  # noqa: A002
    relation = {"type": "relation", "collectionId": "pbc_notes"}
    fields = [{"name": "n", "type": "number"}, {**relation, "name": "up", "maxSelect": 1}]
    collection = add_collection(ctx, "notes", *fields, {**relation, "name": "ups", "maxSelect": 5})
    ctx.data.execute("CREATE UNIQUE INDEX unique_id ON notes (id)")
    for number, letter in enumerate("cab"):
        ident = letter * 15
        row = (ident, number, ident, f'["{ident}"]')
        ctx.data.execute("INSERT INTO notes (id, n, up, ups) VALUES (?, ?, ?, ?)", row)
    query = ListQuery(filter=filter, sort=sort)
    read = read_page(ctx.data, ctx.catalog, collection, query, info_of(), columns=plan_of(collection).columns)
    assert "".join(row[0][0] for row in read.rows) == order
    assert read.total == 3


def _notes_and_tasks(ctx: Context) -> tuple[Collection, Collection]:
    """40 of each; a task is under a note."""
    fields = [{"name": name, "type": "number"} for name in ("n", "kind")]
    notes = add_collection(ctx, "notes", *fields, {"name": "title", "type": "text"})
    up = {"name": "up", "type": "relation", "collectionId": notes.id, "maxSelect": 1}
    tasks = add_collection(ctx, "tasks", *fields, {"name": "title", "type": "text"}, up)
    for number in range(40):
        row = (f"{number:015}", number, number % 3, f"t{number % 7}")
        ctx.data.execute("INSERT INTO notes (id, n, kind, title) VALUES (?, ?, ?, ?)", row)
        ctx.data.execute(
            "INSERT INTO tasks (id, n, kind, title, up) VALUES (?, ?, ?, ?, ?)", (*row, f"{number // 4:015}")
        )
    return notes, tasks


@pytest.mark.parametrize(
    ("filter", "sort", "count", "by_number"),
    [
        ("n >= 3", "-kind", 7, True),  # with many ties
        ("", "kind,-n", 7, True),
        ("n > 99", "-n", 7, True),
        ("n >= 3", "-kind", -1, False),  # all of them
        ("n >= 3", "-kind", 1_001, False),
        ("n >= 3", "", 7, False),
        ("n >= 3", "title,-n", 7, False),
        ("n >= 3", "@rowid", 7, False),
        ("n >= 3", "-up.n", 7, False),
        ("up.n > 2", "-n", 7, False),
        ("tasks_via_up.n ?> 2", "-n", 7, False),
    ],
)
def test_a_window_of_rows_sorted_by_their_numbers(
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
    *,
    filter: str,  # noqa: A002
    sort: str,
    count: int,
    by_number: bool,
) -> None:
    collection = _notes_and_tasks(ctx)["_via_" not in filter]
    selected = select(ctx.catalog, collection, rules=[], filter=filter, sort=sort, info=info_of())

    def read(offset: int) -> tuple[str, list[Row]]:
        sql = listing.window(ctx.data, collection, selected, sort, count)
        return sql, ctx.data.all(sql, (*selected.params, *selected.order_params, count, offset))

    for offset in (0, 5, 39, 50):
        monkeypatch.setattr(listing, "FOUND_ROWS_MIN", 1)
        sql, rows = read(offset)
        monkeypatch.setattr(listing, "FOUND_ROWS_MIN", 1_000)
        plain, whole = read(offset)
        assert rows == whole
        assert (sql != plain) is by_number


@pytest.mark.parametrize(
    ("filter", "sort", "once"),
    [
        ("n >= 3", "-kind", True),  # with many ties
        ("n >= 3 && kind != 1", "kind,-n", True),
        ("up.n > 2", "-n", True),
        ("n > 99", "-n", True),  # nothing
        ("", "-n", False),  # the total is an index's
        ("n >= 3", "", False),
        ("n >= 3", "title,-n", False),  # texts may be long
        ("n >= 3", "-up.n", False),
        ("tasks_via_up.n ?> 2", "-n", False),  # rows may repeat
    ],
)
def test_page_and_total_by_one_look(
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
    *,
    filter: str,  # noqa: A002
    sort: str,
    once: bool,
) -> None:
    collection = _notes_and_tasks(ctx)["_via_" not in filter]
    columns = plan_of(collection).columns
    seen: list[str] = []
    ctx.data.connection.set_exec_trace(lambda _cursor, sql, _params: seen.append(sql) or True)
    for query in [ListQuery(page, 5, filter=filter, sort=sort) for page in (1, 2, 9)]:
        monkeypatch.setattr(listing, "FOUND_ROWS_MIN", 1)
        new = read_page(ctx.data, ctx.catalog, collection, query, info_of(), columns=columns)
        monkeypatch.setattr(listing, "FOUND_ROWS_MIN", listing.FOUND_ROWS_MAX)
        assert new == read_page(ctx.data, ctx.catalog, collection, query, info_of(), columns=columns)
    assert any("MATERIALIZED" in sql for sql in seen) is once


def test_a_malformed_number_is_refused_after_what_is_forbidden(ctx: Context) -> None:
    collection = add_collection(ctx, "notes", {"name": "n", "type": "number"})
    for filter_, status in (("", 400), ("n = 1", 400), ("@request.method = 'x'", 403)):
        query = ListQuery.parse({"page": "x", "filter": filter_})
        with pytest.raises(ApiError) as caught:
            read_page(ctx.data, ctx.catalog, collection, query, info_of(), columns="`notes`.`id`")
        assert caught.value.status == status
