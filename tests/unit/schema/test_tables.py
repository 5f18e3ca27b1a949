"""What becomes of the data when a collection changes."""

from typing import Any

import pytest

from worker.context import Context

from .conftest import Ours, Real

VALUES = {"values": ["x", "y", "z"]}
FIELDS: list[dict[str, Any]] = [
    {"id": "one", "name": "one", "type": "select", **VALUES},
    {"id": "many", "name": "many", "type": "select", "maxSelect": 3, **VALUES},
    {"id": "a", "name": "a", "type": "text"},
    {"id": "b", "name": "b", "type": "text"},
]
ROWS = [
    ("x", '["x","y"]', "a1", "b1"),
    ("", "[]", "", ""),
    ("[1]", '"q"', "a3", "b3"),
    ('["a"]', '{"a":1}', "a4", "b4"),
    ("{x", "5", "a5", "b5"),
    ('["1","2"]', "nojson", "a6", "b6"),
    ("null", "", "a7", "b7"),
    ('["x"', '["y",""]', "a8", "b8"),
]


def changed(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**field, **changes.get(field["id"], {})} for field in FIELDS]


CHANGES = {
    "renamed": changed(a={"name": "a2"}),
    "swapped": changed(a={"name": "b"}, b={"name": "a"}),
    "one becomes many": changed(one={"maxSelect": 2}),
    "many becomes one": changed(many={"maxSelect": 1}),
    "both, renamed and swapped": changed(one={"maxSelect": 2, "name": "many"}, many={"maxSelect": 0, "name": "one"}),
    "removed and added": [*FIELDS[:3], {"name": "j", "type": "json"}, {"name": "n", "type": "number"}],
    "type changed": [*FIELDS[:3], {"name": "b", "type": "bool"}],
    "reordered": FIELDS[::-1],
    "nothing": FIELDS,
}


def fill(db: Any) -> None:
    for number, row in enumerate(ROWS):
        sql = "INSERT INTO t (id, one, many, a, b) VALUES (?, ?, ?, ?, ?)"
        db.execute(sql, (f"r{number}", *row))


def dump(db: Any) -> tuple[list[str], list[Any]]:
    cursor = db.execute("SELECT * FROM t ORDER BY rowid")
    names = [column[0] for column in cursor.description]
    return names, [tuple(row) for row in cursor]


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_data_is_kept_as_the_real_one_keeps_it(change: str, real: Real, ours: Ours, tenant: Context) -> None:
    import sqlite3

    body = {"name": "t", "fields": FIELDS, "indexes": ["create index ti on t (many)"]}
    assert real("POST", "", body)[0] == ours("POST", "", body)[0] == 200
    theirs = sqlite3.connect(real.directory / "data.db", isolation_level=None)
    try:
        fill(theirs)
        fill(tenant.data)
        body = {"fields": CHANGES[change], "name": "t"}
        expected, given = real("PATCH", "t", body), ours("PATCH", "t", body)
        assert expected[0] == given[0] == 200, (expected, given)
        assert dump(tenant.data) == dump(theirs)
        sql = "SELECT sql FROM sqlite_schema WHERE tbl_name = 't' AND sql IS NOT NULL"
        assert tenant.data.once(sql) == theirs.execute(sql).fetchall()
    finally:
        theirs.close()


def test_a_failed_change_leaves_everything_as_it_was(ours: Ours, tenant: Context) -> None:
    assert ours("POST", "", {"name": "t", "fields": FIELDS, "indexes": ["create index ti on t (a)"]})[0] == 200
    fill(tenant.data)
    before = dump(tenant.data), tenant.data.once("SELECT * FROM sqlite_schema"), tenant.catalog.get("t")
    epoch, version = tenant.auth_epoch, tenant.catalog.version
    tenant.data.execute("UPDATE t SET b = 'same'")
    before = dump(tenant.data), *before[1:]
    for body in (
        {"fields": FIELDS[:2]},  # the index names a column that goes
        {"indexes": ["create unique index tu on t (b)"]},  # the values are not unique
        {"name": "sqlite_t"},
        {"listRule": "nope = 1", "fields": changed(a={"name": "other"})},
    ):
        status, answer = ours("PATCH", "t", body)
        assert status == 400, body
        assert answer["message"].startswith("Failed to update collection.")
        assert (dump(tenant.data), tenant.data.once("SELECT * FROM sqlite_schema"), tenant.catalog.get("t")) == before
    assert (tenant.auth_epoch, tenant.catalog.version) == (epoch, version)
    assert ours("PATCH", "t", {"listRule": ""})[0] == 200
    assert (tenant.auth_epoch, tenant.catalog.version) == (epoch + 1, version + 1)


def test_a_table_read_by_a_view_stays(ours: Ours, tenant: Context) -> None:
    assert ours("POST", "", {"name": "t", "fields": FIELDS})[0] == 200
    tenant.data.execute("CREATE VIEW v AS SELECT id, a FROM t")
    fields = '[{"id":"text1","name":"id","type":"text","primaryKey":true},{"id":"_clone_a","name":"a","type":"text"}]'
    tenant.data.execute(
        "INSERT INTO _collections (id, type, name, fields, options) VALUES ('vid', 'view', 'v', ?, ?)",
        (fields, '{"viewQuery":"select id, a from t"}'),
    )
    tenant.catalog.reload(tenant.data)
    view = tenant.catalog.get("v")
    assert view is not None
    assert view.is_view
    assert [field.name for field in view.fields] == ["id", "a"]
    assert view.dump()["viewQuery"] == "select id, a from t"
    assert ours("DELETE", "t")[0] == 400
    assert ours("DELETE", "v")[0] == 204
    assert ours("DELETE", "t") == (204, None)
    assert not tenant.data.once("SELECT 1 FROM sqlite_schema WHERE name IN ('t', 'v')")


def test_an_event_may_refuse(ours: Ours, tenant: Context) -> None:
    from worker.errors import ApiError

    async def refuse(event: Any) -> None:
        if event.collection.name == "secret":
            raise ApiError(400, "Not this one.")
        await event.next()

    tenant.bus.on("onCollectionCreate", refuse)
    assert ours("POST", "", {"name": "secret"}) == (
        400,
        {"data": {}, "message": "Failed to create collection. Raw error: \nNot this one.", "status": 400},
    )
    assert tenant.catalog.get("secret") is None
    assert ours("POST", "", {"name": "open"})[0] == 200


def test_what_changes_no_table_makes_no_index_anew(ours: Ours, tenant: Context) -> None:
    status, stored = ours("POST", "", {"name": "t", "fields": FIELDS, "indexes": ["CREATE INDEX i ON t (a)"]})
    assert status == 200
    version = tenant.data.once("PRAGMA schema_version")
    for change in ({"listRule": "a = 'x'"}, {"fields": stored["fields"]}, {"indexes": stored["indexes"]}):
        assert ours("PATCH", "t", change)[0] == 200
    assert tenant.data.once("PRAGMA schema_version") == version
    assert ours("PATCH", "t", {"indexes": ["CREATE INDEX i ON t (b)"]})[0] == 200
    assert tenant.data.once("PRAGMA schema_version") != version
