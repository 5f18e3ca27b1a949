"""Values that are too much: refused before somebody spends seconds on them, and never a row that can't be shown."""

from typing import Any

import orjson
import pytest

from worker.fields import load_field
from worker.fields.casts import ARRAY_CHARS_MAX, to_texts
from worker.fields.jsontext import DEPTH_MAX, dumps, loads_spelled

DATA: Any = load_field({"type": "json", "name": "data", "maxSize": 1000})


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("[" * DEPTH_MAX + "]" * DEPTH_MAX, None),
        ("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "validation_invalid_json"),
        ('{"a":' * 210 + "1" + "}" * 210, "validation_json_size_limit"),
        ("[" + "[],[{}]," * 100 + "1]", None),
        ("[" + ",".join("1" * 500) + "]", "validation_json_size_limit"),
        ("[" + "[]," * 5_000_000, "validation_json_size_limit"),
    ],
)
def test_json_in_a_text(raw: str, code: str | None) -> None:
    value = DATA.cast(raw)
    error = DATA.validate(value, None)
    assert (None if error is None else error.code) == code
    if code is None:
        page = {
            "items": [{"data": DATA.from_db(DATA.to_db(value)), "expand": {"a": {"expand": {"b": [{"data": value}]}}}}]
        }
        assert orjson.loads(dumps(page))["items"][0]["data"] == loads_spelled(raw.encode())


def test_what_another_server_stored_too_deep_is_shown_as_a_text() -> None:
    raw = "[" * 300 + "]" * 300
    assert DATA.from_db(raw) == raw


def test_bytes_are_shown_as_a_text() -> None:
    assert dumps({"a": b"\xffb", "c": 1}) == '{"a":"\ufffdb","c":1}'.encode()


def test_a_text_that_is_too_long_for_a_list_is_one_text() -> None:
    short, long = '["a","b"]', '["a",' + " " * ARRAY_CHARS_MAX + '"b"]'
    assert to_texts(short) == ["a", "b"]
    assert to_texts(long) == [long]
