"""The tree of an `expand` parameter, and the bounds of what is read for it."""

import asyncio

import pytest

from worker.context import Context
from worker.errors import ApiError
from worker.records import actions
from worker.records.expand import BACK_RELATED_MAX, Tree, parse
from worker.records.listing import ListQuery

from .conftest import add_collection, info_of


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", {}),
        (" , ,", {}),
        ("a", {"a": {}}),
        (" a , b ", {"a": {}, "b": {}}),
        ("a,a.b", {"a": {"b": {}}}),
        ("a.b,a.c.d,a", {"a": {"b": {}, "c": {"d": {}}}}),
        (".a..b.", {"a": {"b": {}}}),
        ("1.2.3.4.5.6.7.8", {"1": {"2": {"3": {"4": {"5": {"6": {}}}}}}}),
    ],
)
def test_parse(text: str, tree: Tree) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize("multiple", [False, True])
def test_back_relations_are_bounded_and_read_together(ctx: Context, multiple: bool) -> None:
    parents = add_collection(ctx, "parents", {"name": "n", "type": "number"})
    most = 5 if multiple else 1
    add_collection(ctx, "kids", {"name": "of", "type": "relation", "collectionId": parents.id, "maxSelect": most})
    ids = ["a" * 15, "b" * 15, "c" * 15]
    with ctx.data.transaction():
        for parent in ids:
            ctx.data.execute("INSERT INTO parents (id) VALUES (?)", (parent,))
        for number in range(BACK_RELATED_MAX + 50):
            for parent in ids[:2]:
                value = f'["{parent}"]' if multiple else parent
                ctx.data.execute("INSERT INTO kids (id, of) VALUES (?, ?)", (f"{parent[0]}{number:014}", value))
    statements: list[str] = []
    ctx.data.connection.set_exec_trace(lambda _cursor, sql, _params: statements.append(sql) or True)
    query = ListQuery(sort="id", expand="kids_via_of", skip_total=True)
    listed = asyncio.run(actions.list_records(ctx, parents, info_of(), query))
    assert [len(item["expand"].get("kids_via_of", [])) for item in listed["items"]] == [BACK_RELATED_MAX] * 2 + [0]
    assert len([sql for sql in statements if "`kids`" in sql]) == 1
    viewed = asyncio.run(actions.view_record(ctx, parents, ids[0], info_of(), expand="kids_via_of"))
    assert len(viewed["expand"]["kids_via_of"]) == BACK_RELATED_MAX
    assert viewed["expand"]["kids_via_of"][0]["id"] == "a" + "0" * 14


def test_a_request_expands_a_bounded_number_of_records(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = add_collection(ctx, "parents", {"name": "n", "type": "number"})
    add_collection(ctx, "kids", {"name": "of", "type": "relation", "collectionId": parents.id, "maxSelect": 1})
    with ctx.data.transaction():
        ctx.data.execute("INSERT INTO parents (id) VALUES (?)", ("a" * 15,))
        for number in range(11):
            ctx.data.execute("INSERT INTO kids (id, of) VALUES (?, ?)", (f"k{number:014}", "a" * 15))
    query = ListQuery(expand="kids_via_of")
    monkeypatch.setattr("worker.records.expand.EXPANDED_MAX", 11)
    listed = asyncio.run(actions.list_records(ctx, parents, info_of(), query))
    assert len(listed["items"][0]["expand"]["kids_via_of"]) == 11
    monkeypatch.setattr("worker.records.expand.EXPANDED_MAX", 10)
    with pytest.raises(ApiError, match="Too many records to expand") as caught:
        asyncio.run(actions.list_records(ctx, parents, info_of(), query))
    assert caught.value.status == 400


def test_back_relations_come_in_the_order_of_their_rows(ctx: Context) -> None:
    """Whatever a field is called: `rowid` is a name like any other."""
    parents = add_collection(ctx, "parents", {"name": "n", "type": "number"})
    of = {"name": "of", "type": "relation", "collectionId": parents.id, "maxSelect": 1}
    add_collection(ctx, "kids", {"name": "rowid", "type": "text"}, of)
    ctx.data.execute("INSERT INTO parents (id) VALUES (?)", ("a" * 15,))
    for ident, text in (("z", "3"), ("y", "1"), ("x", "2")):
        ctx.data.execute("INSERT INTO kids (id, of, rowid) VALUES (?, ?, ?)", (ident * 15, "a" * 15, text))
    shown = asyncio.run(actions.view_record(ctx, parents, "a" * 15, info_of(), expand="kids_via_of"))
    assert [kid["id"][0] for kid in shown["expand"]["kids_via_of"]] == ["z", "y", "x"]


def test_a_view_rule_hides_back_relations_and_those_it_hides_count(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = add_collection(ctx, "parents", {"name": "n", "type": "number"})
    of = {"name": "of", "type": "relation", "collectionId": parents.id, "maxSelect": 1}
    add_collection(ctx, "kids", {"name": "open", "type": "bool"}, of, viewRule="open = true && of.n = 0")
    ctx.data.execute("INSERT INTO parents (id) VALUES (?)", ("a" * 15,))
    for number in range(8):
        values = (f"k{number:014}", "a" * 15, number % 2)
        ctx.data.execute("INSERT INTO kids (id, of, open) VALUES (?, ?, ?)", values)
    monkeypatch.setattr("worker.records.expand.BACK_RELATED_MAX", 4)
    shown = asyncio.run(actions.view_record(ctx, parents, "a" * 15, info_of(), expand="kids_via_of"))
    assert [int(kid["id"][1:]) for kid in shown["expand"]["kids_via_of"]] == [1, 3]


def test_a_text_that_is_no_utf8_is_expanded_all_the_same(ctx: Context) -> None:
    parents = add_collection(ctx, "parents", {"name": "n", "type": "number"})
    relation = {"name": "of", "type": "relation", "collectionId": parents.id, "maxSelect": 1}
    add_collection(ctx, "kids", {"name": "text", "type": "text"}, relation)
    ctx.data.execute("INSERT INTO parents (id) VALUES (?)", ("a" * 15,))
    ctx.data.execute("INSERT INTO kids (id, of, text) VALUES (?, ?, CAST(x'78ff' AS TEXT))", ("k" * 15, "a" * 15))
    shown = asyncio.run(actions.view_record(ctx, parents, "a" * 15, info_of(), expand="kids_via_of"))
    assert [kid["text"] for kid in shown["expand"]["kids_via_of"]] == ["x\ufffd"]
