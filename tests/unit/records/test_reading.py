"""Rows into dicts: the compiled readers decode as the fields' own decoders do, whatever the names are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fields import load_field
from worker.records.reading import compile_reader

FIELDS = [
    load_field(raw)
    for raw in (
        {"name": "title", "type": "text"},
        {"name": "num", "type": "number"},
        {"name": "flag", "type": "bool"},
        {"name": "meta", "type": "json"},
        {"name": "geo", "type": "geoPoint"},
        {"name": "sel", "type": "select", "values": ["a"], "maxSelect": 1},
        {"name": "sels", "type": "select", "values": ["a"], "maxSelect": 2},
        {"name": "at", "type": "date"},
    )
]
STORED: dict[str, st.SearchStrategy[Any]] = {
    "title": st.text(),
    "num": st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.sampled_from([0, 1, "true", "false"]),
    "meta": st.sampled_from([None, "null", "1", 5, 2.5, '{"a":[1,null]}', '"x"', "not json", ""]),
    "geo": st.sampled_from(['{"lon":0,"lat":0}', '{"lon":1.5,"lat":-2}', '{"lat":3}', ""]),
    "sel": st.sampled_from(["", "a"]),
    "sels": st.sampled_from(["[]", '["a"]', '["a","b"]', ""]),
    "at": st.sampled_from(["", "2024-01-02 03:04:05.000Z"]),
}


@pytest.mark.parametrize("exact", [False, True])
@given(data=st.data())
def test_the_compiled_reader_agrees_with_the_fields(exact: bool, data: st.DataObject) -> None:
    row = tuple(data.draw(STORED[field.name]) for field in FIELDS)
    read = compile_reader(FIELDS, {}, exact=exact)(row)
    assert read == {field.name: field.from_db(value) for field, value in zip(FIELDS, row, strict=True)}
    assert [type(value) for value in read.values()] == [
        type(field.from_db(value)) for field, value in zip(FIELDS, row, strict=True)
    ]


def test_values_are_not_shared_between_rows() -> None:
    read = compile_reader(FIELDS, {}, exact=False)
    row = ("", 0, 0, None, '{"lon":0,"lat":0}', "", "[]", "")
    first, second = read(row), read(row)
    assert first["geo"] is not second["geo"]
    assert first["sels"] is not second["sels"]


@pytest.mark.parametrize("name", ["x': __import__('os')", 'q"uote', "new\nline", "back\\slash", "}{", "{0}", "ünï"])
def test_names_are_data_not_code(name: str) -> None:
    field = load_field({"name": name, "type": "text"})
    read = compile_reader([field], {"collectionName": name}, exact=False, keys=["collectionName", name])
    assert read(("value",)) == {"collectionName": name, name: "value"}


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        compile_reader(FIELDS, {}, exact=False)(("",))
