"""Views: what a query may do and how long it may take, and that a failed one leaves nothing behind."""

import asyncio
import time
from typing import Any

import pytest

from worker.context import Context
from worker.errors import ApiError
from worker.lanes import Lanes
from worker.records.rules import check_rule
from worker.schema import sync
from worker.schema.dryrun import dry_run_view

from .conftest import Ours, schema_of

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) as id FROM c"
FIELDS = [{"name": "title", "type": "text"}, {"name": "n", "type": "number"}]


def state(tenant: Context) -> tuple[Any, ...]:
    rows = tenant.data.once("SELECT * FROM _collections")
    return rows, schema_of(tenant.data), tenant.catalog.version, tenant.auth_epoch, tenant.writer.locked()


@pytest.fixture
def source(ours: Ours) -> None:
    """A collection to look at."""
    assert ours("POST", "", {"name": "posts", "fields": FIELDS})[0] == 200


def make(ours: Ours, query: str, name: str = "v") -> tuple[int, Any]:
    return ours("POST", "", {"name": name, "type": "view", "viewQuery": query})


@pytest.fixture
def lanes() -> Any:
    """Threads that give up soon."""
    lanes = Lanes(inline_budget_ms=5, read_timeout_s=0.3, pool_threads=2)
    yield lanes
    lanes.close()


def test_a_query_that_never_ends_is_an_error_and_holds_nobody(tenant: Context, ours: Ours, run: Any) -> None:
    before = state(tenant)

    async def beside() -> float:
        """The most CPU the loop's thread spent in one go while the query was tried."""
        task = asyncio.create_task(dry_run_view(tenant, ENDLESS))
        longest, last = 0.0, time.thread_time()
        while not task.done():
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now
        with pytest.raises(ApiError, match="Invalid view query"):
            task.result()
        return longest

    assert run(beside()) < 0.15
    assert state(tenant) == before
    status, answer = make(ours, ENDLESS)
    assert (status, list(answer["data"])) == (400, ["viewQuery"])
    assert "interrupted" in answer["data"]["viewQuery"]["message"]
    assert state(tenant) == before
    assert make(ours, "select 1 as id")[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        "select file as id from pragma_database_list",
        "select 1 as id) ; drop table posts; select * from (select 1 as id",
        "select 1 as id /* ( ( */); drop table posts; select * from (select 1 as id /* ) */",
        "select 1 as id); attach '/tmp/x' as x; select (1",
        'select 1 as id, n from posts where 1 union select 1, "a] from (select 1))) x; drop table posts; --"',
        "select `{{a}}) ; drop table posts; select ({{b}}` as id from posts",
        "insert into posts (id) values ('x') returning id",
        "delete from posts returning id",
        "select load_extension('/tmp/x') as id",
        "select name as id from pragma_journal_mode('delete')",
        "select id from temp.posts",
        "pragma journal_mode = delete",
        "select 1 as id; vacuum into '/tmp/x'",
        "select id from posts where title = ?",
        "select id, (select id from v) as x from posts",
        "select " + ", ".join(f"{number} as a{number}" for number in range(2100)) + ", 1 as id",
        "select 1 as id, " + "x" * 60_000 + " from posts",
        "select (" + "+".join("1" * 2000) + ") as id",
    ],
    ids=lambda query: query[:40],
)
def test_a_query_can_only_read(query: str, source: None, tenant: Context, ours: Ours) -> None:
    before = state(tenant)
    for status, answer in (make(ours, query), ours("POST", "meta/dry-run-view", {"query": query})):
        assert status == 400, answer
    assert state(tenant) == before
    assert make(ours, "select id, n from posts")[0] == 200


def test_a_failed_change_of_a_view_leaves_everything_as_it_was(source: None, tenant: Context, ours: Ours) -> None:
    assert make(ours, "select id, title from posts", "a")[0] == 200
    assert make(ours, "select id, title from a", "b")[0] == 200
    before = state(tenant)
    for name, body in (
        ("a", {"viewQuery": "select id, title from b"}),  # a ring
        ("a", {"viewQuery": "select id, title from a"}),
        ("a", {"viewQuery": "select 1"}),
        ("a", {"viewQuery": "select id from posts", "listRule": "title = 1"}),
        ("posts", {"fields": [{"id": "text724990059", "name": "renamed", "type": "text"}]}),  # b reads a.title
        ("posts", {"fields": []}),
    ):
        assert ours("PATCH", name, body)[0] == 400, body
        assert state(tenant) == before
    for name in ("posts", "a"):
        assert ours("DELETE", name)[0] == 400
        assert state(tenant) == before
    assert [ours("DELETE", name)[0] for name in ("b", "a", "posts")] == [204, 204, 204]


def test_two_changes_at_a_time_both_last(source: None, tenant: Context, run: Any) -> None:
    known = tenant.catalog.get("posts")
    assert known is not None

    async def both() -> None:
        await asyncio.gather(
            sync.update_collection(tenant, known, {"listRule": "n > 1"}, check_rule),
            sync.update_collection(tenant, known, {"viewRule": "n > 2"}, check_rule),
            sync.update_collection(tenant, known, {"name": "entries"}, check_rule),
        )

    run(both())
    changed = tenant.catalog.get("entries")
    assert changed is not None
    assert (changed.list_rule, changed.view_rule) == ("n > 1", "n > 2")
    assert tenant.catalog.get("posts") is None


def test_a_collection_deleted_meanwhile_is_not_there(source: None, tenant: Context, run: Any) -> None:
    known = tenant.catalog.get("posts")
    assert known is not None

    async def both() -> list[Any]:
        return await asyncio.gather(
            sync.delete_collection(tenant, known, check_rule),
            sync.update_collection(tenant, known, {"listRule": ""}, check_rule),
            sync.delete_collection(tenant, known, check_rule),
            return_exceptions=True,
        )

    assert [getattr(each, "status", None) for each in run(both())] == [None, 404, 404]


def test_readers_see_a_view_as_it_was_until_it_is_stored(source: None, tenant: Context, ours: Ours, run: Any) -> None:
    assert make(ours, "select id, title from posts")[0] == 200
    known = tenant.catalog.get("v")
    assert known is not None

    async def change() -> list[int]:
        counts = []
        query = ENDLESS.replace("as id", "as id, 1 as n")
        task = asyncio.create_task(sync.update_collection(tenant, known, {"viewQuery": query}, check_rule))
        while not task.done():
            await asyncio.sleep(0)
            counts.append(len(tenant.data.all("SELECT title FROM v")))
        assert isinstance(task.exception(), ApiError)
        return counts

    assert run(change())
    assert tenant.catalog.get("v") is known
