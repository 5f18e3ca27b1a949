"""JSON text: names that come twice, -0, and numbers with a spelling of their own."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.fields import jsontext, load_field
from worker.fields.jsontext import DuplicateNameError, UnfitError, dumps, loads, loads_spelled
from worker.fields.numbers import Numeral, normal

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('a":,{}\\ é\n-0'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab":- ', max_size=2), inner, max_size=4),
    max_leaves=20,
)
STYLES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n")])


@given(VALUES, STYLES, st.booleans())
@example({"a": '": "b":', "b": [{"a": ":"}]}, (",", ":"), False)
@example({"\\": 0, '"': 1}, (",", ":"), False)
def test_every_value_is_read(value: Any, style: tuple[str, str], ascii_only: bool) -> None:
    raw = json.dumps(value, separators=style, ensure_ascii=ascii_only).encode()
    assert loads(raw) == orjson.loads(raw)
    assert orjson.loads(dumps(loads_spelled(raw))) == orjson.loads(raw)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", '"', "é", "a:"]), VALUES), min_size=2, max_size=5), STYLES)
def test_a_name_that_comes_twice_is_refused(members: list[tuple[str, Any]], style: tuple[str, str]) -> None:
    comma, colon = style
    texts = [json.dumps(name) + colon + json.dumps(value, separators=style) for name, value in members]
    names = [name for name, _ in members]
    for around in ("{}", '{{"list":[1,{}]}}'):
        raw = around.format("{" + comma.join(texts) + "}").encode()
        if len(set(names)) == len(names):
            assert loads(raw) == orjson.loads(raw)
            continue
        for read in (loads, loads_spelled):
            with pytest.raises(DuplicateNameError):
                read(raw)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"\\u0061":1}', "a"),
        (b'{"a" :1,"a"\n:1}', "a"),
        (b'{"x":":","y":"\\":","z":{"b":1,"b":2}}', "b"),
        (b'[[{"":1,"":2}]]', ""),
        (b'{"a":1,"t":"' + b"x" * 100_000 + b'","a":2}', "a"),
    ],
)
def test_the_error_names_it(raw: bytes, name: str) -> None:
    with pytest.raises(DuplicateNameError) as caught:
        loads(raw)
    assert str(caught.value) == f'jsontext: duplicate object member name "{name}"'


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1,}', b"NaN", b'{"a":1}{"a":1}', b"01", b'"\\ud800"', b"1e400"])
def test_what_is_no_json(raw: bytes) -> None:
    for read in (loads, loads_spelled):
        with pytest.raises(ValueError, match=":") as caught:
            read(raw)
        assert not isinstance(caught.value, UnfitError)


@pytest.mark.parametrize("depth", [300, 1000])
def test_what_could_not_be_written_again(depth: int) -> None:
    raw = b"[" * depth + b"]" * depth
    for read in (loads, loads_spelled):
        with pytest.raises(UnfitError, match="depth"):
            read(raw)


def test_ordinary_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "_EXACT", None)
    for raw in (
        b'{"a":1,"b":[{"a":"2024-01-01 10:00:00.000Z"}],"url":"https://x"}',
        b'{"a": 1, "b": [{"a": "2024-01-01 -01"}]}',
        b'{"t":"' + b"x: " * 100_000 + b'"}',
    ):
        assert loads(raw) == orjson.loads(raw)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"-0", b"-0"),
        (b'[-0,-0.0, 0,{ "a":-0}]', b'[-0,-0,0,{"a":-0}]'),
        (b"[1e20,1e21,100000000000000000000]", b"[100000000000000000000,1e+21,100000000000000000000]"),
        (b"[0.000001,1e-7,0.00001,-0.0000099]", b"[0.000001,1e-7,0.00001,-0.0000099]"),
        (
            b"[18446744073709551615,-9223372036854775808]",
            b"[18446744073709552000,-9223372036854776000]",
        ),
        (b"[1.0,1e2,0.10,9007199254740993]", b"[1,100,0.1,9007199254740992]"),
    ],
)
def test_numbers_of_a_body_as_they_are_shown(raw: bytes, shown: bytes) -> None:
    field = load_field({"name": "f", "type": "json"})
    assert dumps(field.cast(loads(raw))) == shown
    if raw.startswith(b"["):
        assert dumps(field.from_db(field.to_db(field.cast(loads(raw))))) == shown


@pytest.mark.parametrize(
    "text",
    ["1e3", "1.10", "-0", "[1e3,1.10,-0,1E5,0.0000001]", '{"b":1e20,"a":[12345678901234567890123]}', "1.0", "[5]"],
)
def test_the_text_of_a_json_field_keeps_its_spelling(text: str) -> None:
    field = load_field({"name": "f", "type": "json"})
    value = field.cast(text)
    assert not isinstance(value, str)
    assert (dumps(value).decode(), field.to_db(value)) == (text, text)
    assert dumps(field.from_db(text)).decode() == text
    # blanks are not part of it
    assert dumps(field.cast(text.replace(",", " , ") + "\n")).decode() == text


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(1e20, "1e+20"), (1234567.5, "1.2345675e+06"), (1e-6, "1e-06"), (0.5, "0.5"), (123456.5, "123456.5"), (7, "7")],
)
def test_a_number_that_the_column_holds(stored: float, shown: str) -> None:
    assert dumps(load_field({"name": "f", "type": "json"}).from_db(stored)).decode() == shown


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '[{"b":1,"b":1}]', "[" * 300 + "]" * 300])
def test_a_text_that_is_refused_json_is_no_text_either(text: str) -> None:
    field = load_field({"name": "f", "type": "json"})
    check: Any = None
    error = field.validate(field.cast(text), check)
    assert error is not None
    assert error.code == "validation_invalid_json"
    assert field.validate(field.cast(text + " x"), check) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
@example(-9223372036854775808.0)
def test_a_numeral_is_a_number_like_any_other(value: float) -> None:
    number = normal(value)
    assert float(number) == value
    assert float(dumps(number)) == value
    assert isinstance(number, Numeral) is (dumps(number).decode() != _of_orjson(value))


def _of_orjson(value: float) -> str:
    """What the encoder makes of a number, as an int where it is whole."""
    whole = value.is_integer() and (value or str(value) == "0.0") and -(2**63) < value < 2**64
    return dumps(normal(value)).decode() if whole else orjson.dumps(value).decode()


def test_other_types_are_not_written() -> None:
    with pytest.raises(TypeError):
        dumps({"a": object()})
