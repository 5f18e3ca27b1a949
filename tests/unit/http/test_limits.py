"""What one request may cost: bodies, lists of fields and addresses that somebody made to hurt."""

from typing import Any

import pytest

from worker.errors import ApiError
from worker.fields.jsontext import DEPTH_MAX
from worker.http import picker, realip
from worker.http.body import FORM_BYTES_MAX, FORM_PAIRS_MAX, JSON_VALUES_MAX, _json_object
from worker.http.picker import REMEMBERED_CHARS_MAX, parse_fields, pick
from worker.http.realip import parse_ip

FORM = {"content-type": "application/x-www-form-urlencoded"}
DEEPEST = DEPTH_MAX - 1  # in the object around it


def items(item: bytes, count: int) -> bytes:
    return b'{"j":[' + b",".join([item] * count) + b"]}"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"j":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", 200),
        (b'{"j":' + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1) + b"}", 400),
        (b'{"j":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", 400),
        (items(b"[{}]", 300), 200),
        (items(b"1", JSON_VALUES_MAX - 10), 200),
        (items(b"1", JSON_VALUES_MAX + 10), 413),
        (items(b"[]", JSON_VALUES_MAX // 2 + 10), 413),
        (items(b'"a"', JSON_VALUES_MAX + 10), 413),
        (b"{" + b",".join(b'"%d":1' % number for number in range(JSON_VALUES_MAX + 10)) + b"}", 413),
        # commas and brackets in texts are no values, behind whatever quotes
        (b'{"s":"' + b"a, [b] " * JSON_VALUES_MAX + b'"}', 200),
        (b'{"s":"' + rb"\\\",[" * JSON_VALUES_MAX + b'"}', 200),
        (rb'{"s":"\\","j":["' + b'",["],["' * JSON_VALUES_MAX + b'"]}', 413),
        # what follows the first value counts as well: it is looked at before that is known
        (b"{}" + b"," * (JSON_VALUES_MAX + 1), 413),
    ],
)
def test_how_much_one_json_body_may_hold(raw: bytes, status: int) -> None:
    try:
        found = 200 if _json_object(raw, "") is not None else 0
    except ApiError as error:
        found = error.status
    assert found == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"&".join([b"duration=1"] * FORM_PAIRS_MAX), 200),
        (b"&".join([b"duration=1"] * (FORM_PAIRS_MAX + 1)), 400),
        (b"&" * FORM_PAIRS_MAX, 400),
        (b"identity=" + b"a" * (FORM_BYTES_MAX - 9), 200),
        (b"identity=" + b"a" * (FORM_BYTES_MAX - 8), 400),
    ],
)
def test_how_much_an_urlencoded_form_may_hold(call: Any, body: bytes, status: int) -> None:
    assert call("POST", "/api/form", FORM, body).status == status


@pytest.mark.parametrize(
    ("disposition", "status", "identity"),
    [
        (b'name="identity"', 200, "me"),
        (b'name="identity"; filename=""', 200, "me"),  # the real one takes it for a text, too
        (b'name="identity"; filename="a.txt"', 400, None),
        (b'name="identity\xff"', 200, ""),
    ],
)
def test_parts_of_a_form(call: Any, disposition: bytes, status: int, identity: str | None) -> None:
    body = b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\nme\r\n--x--\r\n"
    answer = call("POST", "/api/form", {"content-type": "multipart/form-data; boundary=x"}, body)
    assert answer.status == status
    assert answer.json().get("identity") == identity


def test_a_long_list_of_fields_is_not_kept() -> None:
    short, long = "a,b.c", ",".join(f"f{number}" for number in range(REMEMBERED_CHARS_MAX))
    assert parse_fields(short) is parse_fields(short)
    before = picker._remembered.cache_info().currsize
    assert parse_fields(long) is not parse_fields(long)
    assert picker._remembered.cache_info().currsize == before
    assert pick({"f0": 1, "f255": 2, "g": 3}, long) == {"f0": 1, "f255": 2}


@pytest.mark.parametrize("length", ["0", "00", "9" * 19, "9" * 5000, "0" * 5000 + "1", "\u0661", "1_0", "+1", "-1", ""])
def test_lengths_that_no_excerpt_has(length: str) -> None:
    with pytest.raises(ApiError) as caught:
        pick({"a": "text"}, f"a:excerpt({length})")
    assert caught.value.status == 400


def test_a_long_address_is_none_and_not_kept() -> None:
    realip._parsed.cache_clear()
    assert parse_ip("0000:0000:0000:0000:0000:ffff:255.255.255.255") == "0000:0000:0000:0000:0000:ffff:ffff:ffff"
    assert parse_ip("1" * 30_000) == ""
    assert parse_ip("1.1.1." + " " * 100) == ""
    assert realip._parsed.cache_info().currsize == 1
