"""Records that a script and the host both hold: their form on the line, changes both ways, and nothing trusted."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.conftest import NewTenant
from tests.unit.hooks.inprocess import Scripted
from tests.unit.records.conftest import open_context
from worker.context import Context
from worker.errors import ApiError
from worker.events import Event
from worker.fields import PasswordValue, load_field
from worker.fields.jsontext import spelled
from worker.hooks.calls import GoError
from worker.hooks.shared import EXPAND_DEPTH_MAX, Shared, record_in, value_in, wire_of
from worker.lanes import Lanes
from worker.records import enriching
from worker.records.present import present_many
from worker.records.record import Record, View
from worker.records.request import RequestInfo
from worker.schema.collection import Collection

FIELDS = [
    {"name": "title", "type": "text"},
    {"name": "n", "type": "number"},
    {"name": "b", "type": "bool"},
    {"name": "d", "type": "date"},
    {"name": "sel", "type": "select", "values": ["a", "b"], "maxSelect": 1},
    {"name": "sels", "type": "select", "values": ["a", "b"], "maxSelect": 2},
    {"name": "j", "type": "json"},
    {"name": "geo", "type": "geoPoint"},
    {"name": "mail", "type": "email"},
]
CAST = """
const told = %s;
const made = told.map(([type, many, value]) => {
    const c = new Collection({name: "own", fields: [{name: "f", type, values: ["a"], maxSelect: many ? 5 : 1}]});
    return JSON.parse(JSON.stringify(new Record(c, {f: value}))).f;
});
return made;
"""


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=30.0, pool_threads=2)
    yield lanes
    lanes.close()


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory, lanes: Lanes, new_tenant: NewTenant) -> Iterator[Context]:
    directory: Path = tmp_path_factory.mktemp("tenant")
    new_tenant(directory)
    context = open_context(directory, lanes)
    yield context
    context.close()


@pytest.fixture
def users(ctx: Context) -> Collection:
    found = ctx.catalog.get("users")
    assert found is not None
    return found


@pytest.fixture
def shared(ctx: Context) -> Shared:
    made = Shared(SimpleNamespace(ctx=ctx))  # type: ignore[arg-type]
    assert made.changes() == {"z": 1}  # a run begins
    return made


def stored(collection: Collection, **values: Any) -> Record:
    data = Record.new(collection).data | {"id": "a" * 15} | values
    return Record.stored(collection, data)


def values_of(wire: Any, collection: Collection) -> dict[str, Any]:
    return dict(zip([field.name for field in collection.fields], wire["r"], strict=True))


def test_a_new_record_s_wire_says_that_nothing_is_stored(users: Collection) -> None:
    record = Record.new(users)
    record.set_password("secret-1")
    wire = wire_of(record)
    assert wire["c"] == users.id
    assert wire["o"] is None
    assert values_of(wire, users)["password"] == {"p": "secret-1"}
    orjson.dumps(wire, spelled)


def test_what_was_loaded_outlives_a_commit(users: Collection) -> None:
    record = stored(users, name="before")
    assert "o" not in wire_of(record)
    record.set("name", "after")
    changed = wire_of(record)
    assert changed["o"] == {"name": "before"}
    assert "t" not in changed
    record.committed()
    assert wire_of(record)["t"] == 1


def test_a_row_of_records_on_each_other_has_an_end(shared: Shared, users: Collection) -> None:
    """A script can make one of thousands, and one that comes back to its beginning."""
    alone = stored(users)
    alone.expand = {"it": alone}
    row = [stored(users, id=f"{number:015}") for number in range(5_000)]
    for record, behind in pairwise(row):
        record.expand = {"it": behind}
    for told in (wire_of(alone), shared.share(alone), wire_of(row[0]), shared.share(row[0])):
        wire, depth = told, 0
        while "x" in wire:
            wire, depth = wire["x"]["it"], depth + 1
        assert depth <= EXPAND_DEPTH_MAX
    shared.release(row[0])
    assert not any(shared.holds(record) for record in row)


def test_a_shared_record_is_told_once_and_forgotten_when_nobody_needs_it(shared: Shared, users: Collection) -> None:
    record = stored(users)
    first = shared.share(record)
    assert isinstance(first, dict)
    handle = first["h"]
    assert shared.share(record) == {"h": handle}
    shared.release(record)
    assert shared.record(handle, shared._hooks.ctx) is record
    assert shared.changes() is None
    shared.release(record)
    assert shared.changes() == {"u": [handle]}
    with pytest.raises(GoError):
        shared.record(handle, shared._hooks.ctx)
    # changes that the script had under way are nobody's business any more
    shared.absorb([[handle, {"d": {"name": "late"}}]])
    assert record.data["name"] == ""


def test_changes_of_the_host_are_told_once(shared: Shared, users: Collection) -> None:
    record = stored(users)
    handle = shared.share(record)["h"]  # type: ignore[call-overload]
    record.set("name", "x")
    record.set("verified", True)
    assert shared.changes() == {"r": [[handle, {"d": {"name": "x", "verified": True}}]]}
    assert shared.changes() is None
    record.set("name", "y")  # in place: the record's values are its own by now
    assert shared.changes() == {"r": [[handle, {"d": {"name": "y"}}]]}
    record.committed()
    assert shared.changes() == {"r": [[handle, {"t": 1}]]}


def test_changes_of_the_script_are_cast_and_not_told_back(shared: Shared, users: Collection) -> None:
    record = stored(users)
    handle = shared.share(record)["h"]  # type: ignore[call-overload]
    changes = {"name": 5, "verified": "true", "nothing": 1, "password": {"p": "plain-1"}}
    view = {"shown": {"name": False}, "custom": True, "extra": {"more": [1]}}
    shared.absorb([[handle, {"d": changes, "v": view}]])
    assert record.data["name"] == "5"
    assert record.data["verified"] is True
    assert record.data["password"] == PasswordValue("plain-1")
    assert "nothing" not in record.data
    assert record.view is not None
    assert record.view.shown == {"name": False}
    assert shared.changes() is None


def test_a_record_of_the_script_s_own_is_given_back_with_the_answer(shared: Shared, users: Collection) -> None:
    ctx = shared._hooks.ctx
    record = shared.record({"c": users.id, "t": None, "d": {"name": "x"}, "j": -3}, ctx)
    assert record.is_new
    assert record.data["name"] == "x"
    record.set("id", "b" * 15)
    record.committed()
    shared.give_back(record)
    assert shared.changes() == {"r": [[-3, {"d": {"id": "b" * 15}, "t": 1}]]}
    assert shared.changes() is None
    with pytest.raises(GoError):
        shared.record(-3, ctx)


NONSENSE: list[Any] = [
    None,
    "x",
    [],
    {},
    {"c": 5},
    {"c": "nope"},
    {"c": ["_superusers"]},
    -1,
    2**70,
    1.5,
    True,
]


@pytest.mark.parametrize("wire", NONSENSE, ids=repr)
def test_what_is_no_record_is_a_go_error(shared: Shared, wire: Any) -> None:
    with pytest.raises(GoError):
        shared.record(wire, shared._hooks.ctx)


@pytest.mark.parametrize(
    "changes", [5, "x", {}, [5], [[1]], [["a", {}]], [[1, 5]], [[1, {}, 3]], [[None, None]]], ids=repr
)
def test_what_is_no_change_is_a_go_error(shared: Shared, changes: Any) -> None:
    with pytest.raises(GoError):
        shared.absorb(changes)


def test_expanding_too_deep_is_a_go_error(ctx: Context, shared: Shared, users: Collection) -> None:
    wire: dict[str, Any] = {"c": users.id, "t": None, "d": {}}
    for _ in range(EXPAND_DEPTH_MAX + 1):
        wire = {"c": users.id, "t": None, "d": {}, "x": {"more": wire}}
    with pytest.raises(GoError):
        record_in(wire, ctx, shared)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON)
def test_no_value_of_a_script_s_is_too_strange(value: Any) -> None:
    for definition in [*FIELDS, {"name": "pw", "type": "password"}, {"name": "f", "type": "file", "maxSelect": 2}]:
        field = load_field(definition)
        cast = value_in(field, value)
        if not isinstance(cast, PasswordValue):
            field.to_db(cast)
            orjson.dumps(cast, spelled)


@given(wire=st.dictionaries(st.sampled_from(["c", "t", "d", "x", "v", "j", "o", "h"]), JSON))
def test_no_wire_is_too_strange(ctx: Context, wire: dict[str, Any]) -> None:
    shared = Shared(SimpleNamespace(ctx=ctx))  # type: ignore[arg-type]
    users = ctx.catalog.get("users")
    assert users is not None
    with suppress(GoError):
        shared.record({**wire, "c": users.id}, ctx)
    held = stored(users)
    handle = shared.share(held)["h"]  # type: ignore[call-overload]
    with suppress(GoError):
        shared.absorb([[handle, wire]])
    orjson.dumps(shared.changes(), spelled)
    present_many(ctx.data, ctx.catalog, [held], RequestInfo())


@pytest.mark.parametrize(
    ("view", "shown", "hidden"),
    [
        (View({}, {"more": 1}, custom=True, email=False), {"more", "name"}, {"email"}),
        (View({}, {"more": 1}, custom=False, email=False), {"name"}, {"more", "email"}),
        (View({"name": False, "id": False}, {}, custom=False, email=True), {"email"}, {"name", "id"}),
        (View({"emailVisibility": False}, {}, custom=False, email=False), {"name"}, {"email", "emailVisibility"}),
        (View({"tokenKey": True, "password": True}, {}, custom=False, email=False), {"id"}, {"tokenKey", "password"}),
        (View({"email": True}, {"name": 7}, custom=True, email=False), {"name"}, {"email"}),
    ],
)
def test_how_a_script_wants_a_record_to_be_shown(
    ctx: Context, users: Collection, view: View, shown: set[str], hidden: set[str]
) -> None:
    record = stored(users, email="a@example.com", name="n", tokenKey="t" * 50)
    record.view = view
    item = present_many(ctx.data, ctx.catalog, [record], RequestInfo())[0]
    assert shown <= set(item)
    assert hidden.isdisjoint(item)
    assert list(item) == sorted(item)
    assert item.get("name") in {"n", None}


def test_a_record_that_is_put_on_itself_is_not_shown(ctx: Context, users: Collection) -> None:
    record = stored(users)
    record.expand = {"self": [record, record]}
    with pytest.raises(ApiError) as refused:
        present_many(ctx.data, ctx.catalog, [record], RequestInfo())
    assert refused.value.status == 500
    ctx.bus.on("onRecordEnrich", _goes_on)
    with pytest.raises(ApiError) as refused:
        asyncio.run(enriching.enrich(ctx, [record], RequestInfo(), "none"))
    assert refused.value.status == 500


async def _goes_on(event: Event) -> None:
    await event.next()


TYPES = [("text", False), ("number", False), ("bool", False), ("date", False), ("select", False), ("select", True)]
SIMPLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**52), 2**52)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=8)
    | st.sampled_from(
        ["1", "true", "2024-01-02", "2024-01-02 03:04:05.678Z", '["a","b"]', "1e3", "-5", "1_0", "Inf", "0x1"]
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.slow
def test_set_casts_as_the_host_does(ctx: Context, run: Any) -> None:
    """Dates aside, which a script may also give as a number of seconds."""
    scripted = Scripted(ctx)

    @settings(max_examples=15, deadline=None)
    @given(rows=st.lists(st.tuples(st.sampled_from(TYPES), SIMPLE), min_size=20, max_size=20))
    def check(rows: list[tuple[tuple[str, bool], Any]]) -> None:
        rows = [(kind, value) for kind, value in rows if not (kind[0] == "date" and isinstance(value, int | float))]
        told = [[kind, many, value] for (kind, many), value in rows]
        made = run(scripted(CAST % orjson.dumps(told).decode()))
        for ((kind, many), value), ours in zip(rows, made, strict=True):
            definition = {"name": "f", "type": kind, "values": ["a"], "maxSelect": 5 if many else 1}
            cast = load_field(definition).cast(orjson.loads(orjson.dumps(value)))
            expected = orjson.loads(orjson.dumps(cast, spelled))
            assert ours == expected, (kind, many, value)

    try:
        check()
    finally:
        scripted.close()
