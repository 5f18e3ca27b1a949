"""Bodies into values: keys, modifiers, hidden fields, and what rules see of it."""

from typing import Any

import pytest

from worker.context import Context
from worker.fields import PasswordValue
from worker.fields.hashes import NOBODY
from worker.records import upsert
from worker.records.record import Record

from .conftest import add_collection

FIELDS: list[dict[str, Any]] = [
    {"name": "title", "type": "text"},
    {"name": "num", "type": "number"},
    {"name": "tags", "type": "select", "values": ["a", "b", "c"], "maxSelect": 3},
    {"name": "secret", "type": "text", "hidden": True},
    {"name": "code", "type": "password"},
    {"name": "made", "type": "autodate", "onCreate": True},
]


@pytest.mark.parametrize(
    ("body", "superuser", "values", "seen"),
    [
        ({"title": "x"}, False, {"title": "x"}, {"title": "x"}),
        ({"num": "5"}, False, {"num": 5}, {"num": 5}),
        ({"num+": 4, "num": 3}, False, {"num": 7}, {"num": 7}),
        ({"tags": ["a"], "+tags": "b", "tags+": "c"}, False, {"tags": ["b", "a", "c"]}, {"tags": ["b", "a", "c"]}),
        ({"secret": "s"}, False, {"secret": ""}, {}),
        ({"secret": "s"}, True, {"secret": "s"}, {"secret": "s"}),
        ({"secret:autogenerate": "s"}, False, {"secret": ""}, {}),
        ({"secret+": "s"}, False, {"secret": ""}, {"secret+": "s"}),
        ({"unknown": 1, "un+": 2}, False, {}, {"unknown": 1, "un+": 2}),
        ({"made": "2020-01-01 00:00:00.000Z"}, True, {"made": ""}, {"made": ""}),
        ({"code": "abc"}, False, {"code": PasswordValue("abc")}, {"code": "abc"}),
        ({"title:autogenerate": "pre"}, False, {"title": "pre"}, {"title": "pre"}),
        # what a type has no modifier for is nobody's: a rule must not see the stored value as a submitted one
        ({"tags:autogenerate": "a"}, False, {"tags": []}, {"tags:autogenerate": "a"}),
        ({"title+": "a"}, False, {"title": ""}, {"title+": "a"}),
        ({"+num": 1}, False, {"num": 0}, {"+num": 1}),
        ({"code-": "a"}, False, {"code": ""}, {"code-": "a"}),
        ({"made+": "a"}, False, {"made": ""}, {"made+": "a"}),
        ({"": 1, "+": 2, "-": 3}, False, {}, {"": 1, "+": 2, "-": 3}),
    ],
)
def test_load(
    ctx: Context, body: dict[str, Any], superuser: bool, values: dict[str, Any], seen: dict[str, Any]
) -> None:
    record = Record.new(add_collection(ctx, "notes", *FIELDS))
    untouched = dict(record.data)
    assert upsert.load(record, body, superuser=superuser) == seen
    assert record.data == {**untouched, **values}


def test_the_row_for_a_create_rule(ctx: Context) -> None:
    users = ctx.catalog.get("users")
    assert users is not None
    record = Record.new(users)
    upsert.load(record, {"password": "plain", "verified": True, "email": "a@b.cd"}, superuser=True)
    row = upsert.row_of(record)
    assert len(row["id"]) == 15
    assert (row["verified"], row["email"], row["password"], row["tokenKey"]) == (False, "a@b.cd", NOBODY, "")
    assert record.id == ""
