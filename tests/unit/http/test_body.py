"""Bodies: every row was asked of the real PocketBase 0.40.6."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.http.body import _form_map
from worker.http.inference import infer
from worker.http.query import split_pairs

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BROKEN_MAP = (400, "Something went wrong while processing your request.")
BROKEN_FORM = (400, "An error occurred while loading the submitted data.")
UNSUPPORTED = (400, "Unsupported Content-Type.")

NUMBERS = {
    "1": 1,
    "0": 0,
    "-1": -1,
    "1.5": 1.5,
    "-0.5": -0.5,
    "0.1": 0.1,
    "1000000": 1000000,
    "0.0000001": 1e-7,
    "0.000001": 1e-6,
    "9007199254740992": 2**53,
    "100000000000000000000": 1e20,
    "1000000000000000000000": 1e21,
    "0.30000000000000004": 0.1 + 0.2,
}
WORDS = """
    TRUE True 1.0 1.50 01 00 -0.0 0.0 1e3 1e21 1e+21 123456789012345678901234567890 .5 -.5 5. +5 inf NaN Inf -Inf 0x10
    null 1e-7 1_000 - --1 1- 9007199254740993 0.1000000000000000055 ١
"""
TEXTS = [*WORDS.split(), "", " ", " 1", "1 ", '""', "1\n", "9" * 400]


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_a_number_in_its_shortest_spelling_is_one(text: str, number: float) -> None:
    value = infer(text)
    assert value == number
    assert not isinstance(value, (str, bool))


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_stays_text(text: str) -> None:
    assert infer(text) is text


def test_booleans() -> None:
    assert infer("true") is True
    assert infer("false") is False


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_plain_spelling_of_any_double_is_a_number(number: float) -> None:
    plain = format(Decimal(repr(number)), "f")
    shortest = plain.removesuffix(".0")
    assert infer(shortest) == number
    if plain != shortest:
        assert infer(plain) == plain


@given(st.text())
def test_inference_never_fails_and_never_changes_a_text(text: str) -> None:
    value = infer(text)
    if isinstance(value, str):
        assert value == text
    elif not isinstance(value, bool):
        assert float(text) == value


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
    )
)
def test_what_is_urlencoded_comes_back(pairs: list[tuple[str, str]]) -> None:
    assert split_pairs(urlencode(pairs)) == [pair for pair in pairs if pair != ("", "")] or ("", "") in pairs


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5))))
def test_a_name_that_repeats_becomes_a_list(pairs: list[tuple[str, str]]) -> None:
    body = _form_map(pairs)
    for name in "abc":
        texts = [text for key, text in pairs if key == name]
        if not texts:
            assert name not in body
        elif len(texts) == 1:
            assert body[name] == infer(texts[0])
        else:
            assert body[name] == [infer(text) for text in texts]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1,"b":[true,null]}', {"a": 1, "b": [True, None]}),
        (b"null", {}),
        (b"", {}),
        (b'{"s":"a"}{"s":"b"}', {"s": "a"}),
        (b'  {"s":"a"} trailing', {"s": "a"}),
        (b"{", BROKEN_MAP),
        (b"[]", BROKEN_MAP),
        (b'"a"', BROKEN_MAP),
        (b"1", BROKEN_MAP),
        (b'{"s":"\xff"}', BROKEN_MAP),
        (b'{"s":"\\ud800"}', BROKEN_MAP),
        (b'\xef\xbb\xbf{"s":"bom"}', BROKEN_MAP),
        (b'{"j":NaN}', BROKEN_MAP),
        (b'{"j":NaN} x', BROKEN_MAP),
        (b'{"s":"a","s":"b"}', BROKEN_MAP),
        (b'{"s":"a","S":"b"}', {"s": "a", "S": "b"}),
        (b'{"j":[{"a":1,"b":2,"\\u0061":3}]}', BROKEN_MAP),
        (b'{"s":"a"} {"s":"a","s":"b"}', {"s": "a"}),
        (b'{"s":"a","s":"b"} trailing', BROKEN_MAP),
        (b"[" * 100_000, (413, "Request entity too large.")),
        (b"[" * 1500, BROKEN_MAP),
    ],
)
def test_json_maps(call: Any, body: bytes, expected: Any) -> None:
    assert _outcome(call("POST", "/api/map", JSON, body)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a=1&b=x", {"a": 1, "b": "x"}),
        ("j=1&j=x", {"j": [1, "x"]}),
        ("a=%20+b", {"a": "  b"}),
        ('@jsonPayload={"s":"5","n":7}&j=1', {"s": "5", "n": 7, "j": 1}),
        ('s=zz&@jsonPayload={"s":"5"}&@jsonPayload={"n":8}', {"s": "5", "n": 8}),
        ("@jsonPayload=null", {}),
        ("@jsonPayload={bad", BROKEN_MAP),
        ("@jsonPayload=[]", BROKEN_MAP),
        ("@jsonPayload=1", BROKEN_MAP),
        ('@jsonPayload={"s":"5"} trailing', BROKEN_MAP),
        ('@jsonPayload={"s":"5","s":"6"}', BROKEN_MAP),
        ("s=x&@jsonPayload=", BROKEN_MAP),
        ("a=%zz", BROKEN_MAP),
    ],
)
def test_urlencoded_maps(call: Any, body: str, expected: Any) -> None:
    assert _outcome(call("POST", "/api/map", FORM, body.encode())) == expected


def test_the_query_belongs_to_a_form_but_not_to_json(call: Any) -> None:
    assert _outcome(call("POST", "/api/map?n=2&s=q", FORM, b"n=1")) == {"n": [1, 2], "s": "q"}
    assert _outcome(call("POST", "/api/map?n=2", JSON, b'{"n":1}')) == {"n": 1}
    assert _outcome(call("POST", "/api/map?n=2", FORM)) == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "GET", "DELETE"])
def test_which_methods_have_an_urlencoded_body(call: Any, method: str) -> None:
    read = method in {"PUT", "PATCH"}
    assert _outcome(call(method, "/api/any?n=2", FORM, b"n=1")) == ({"n": [1, 2]} if read else {"n": 2})
    assert _outcome(call(method, "/api/any", FORM, b"a=%zz")) == (BROKEN_MAP if read else {})


@pytest.mark.parametrize(
    ("content_type", "map_outcome", "form_outcome"),
    [
        ("application/json; charset=utf-8", {"identity": "a"}, "a"),
        ("application/jsonx", {"identity": "a"}, "a"),
        ("APPLICATION/JSON", UNSUPPORTED, UNSUPPORTED),
        ("text/plain", UNSUPPORTED, UNSUPPORTED),
        ("garbage;;;", UNSUPPORTED, UNSUPPORTED),
        (None, UNSUPPORTED, UNSUPPORTED),
        ("text/xml", BROKEN_MAP, BROKEN_FORM),
        ("application/xml", BROKEN_MAP, BROKEN_FORM),
        ("multipart/form-data", BROKEN_MAP, BROKEN_FORM),
        ("multipart/form-data; boundary=abc", BROKEN_MAP, BROKEN_FORM),
    ],
)
def test_media_types(call: Any, content_type: str | None, map_outcome: Any, form_outcome: Any) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert _outcome(call("POST", "/api/map", headers, b'{"identity":"a"}')) == map_outcome
    outcome = _outcome(call("POST", "/api/form", headers, b'{"identity":"a"}'))
    assert (outcome["identity"] if isinstance(outcome, dict) else outcome) == form_outcome
    # without a body no type matters
    assert _outcome(call("POST", "/api/map", headers)) == {}


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (JSON, b'{"IDENTITY":"x","PasswordAgain":"y"}', {"identity": "x", "passwordAgain": "y"}),
        (JSON, b'{"identity":"exact","IDENTITY":"other"}', BROKEN_FORM),
        (JSON, b'{"Identity":null,"identity":"exact"}', BROKEN_FORM),
        (JSON, b'{"identity":"x","stranger":{"a":1,"a":1}}', BROKEN_FORM),
        (JSON, b'{"identity":"x","stranger":1,"STRANGER":2}', {"identity": "x"}),
        (JSON, b'{"identity":null,"stranger":1}', {}),
        (JSON, b"null", {}),
        (JSON, b'{"identity":1}', BROKEN_FORM),
        (JSON, b'{"duration":"5"}', BROKEN_FORM),
        (JSON, b'{"duration":1.5}', BROKEN_FORM),
        (JSON, b"{bad", BROKEN_FORM),
        (JSON, b"[]", BROKEN_FORM),
        (FORM, b"identity=a%40b&duration=5", {"identity": "a@b", "duration": 5}),
        (FORM, b"IDENTITY=a", {}),
        (FORM, b"identity=1&identity=2", {"identity": "1"}),
        (FORM, b"duration=x", BROKEN_FORM),
        (FORM, b"%zz=1", BROKEN_FORM),
    ],
)
def test_fixed_forms(call: Any, headers: dict[str, str], body: bytes, expected: Any) -> None:
    if isinstance(expected, dict):
        expected = {"identity": "", "passwordAgain": "", "duration": 0, **expected}
    assert _outcome(call("POST", "/api/form", headers, body)) == expected


def _multipart(*parts: tuple[str, str]) -> tuple[dict[str, str], bytes]:
    text = "".join(f"--frame\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in parts)
    return {"content-type": "multipart/form-data; boundary=frame"}, f"{text}--frame--\r\n".encode()


def test_multipart(call: Any) -> None:
    headers, body = _multipart(('name="n"', "1.5"), ('name="j"', "[1,2]"), ('name="j"', "3"), ('name="s"', "é\r\nx"))
    assert _outcome(call("POST", "/api/map", headers, body)) == {"n": 1.5, "j": ["[1,2]", 3], "s": "é\r\nx"}
    headers, body = _multipart(('name="@jsonPayload"', '{"a":{"b":1}}'))
    assert _outcome(call("POST", "/api/map", headers, body)) == {"a": {"b": 1}}
    headers, body = _multipart(('name="identity"', "me"))
    assert _outcome(call("POST", "/api/form", headers, body))["identity"] == "me"


def test_files_are_refused_in_words(call: Any) -> None:
    headers, body = _multipart(('name="f"; filename="a.txt"', "x"))
    assert _outcome(call("POST", "/api/map", headers, body)) == (400, "File uploads are not supported yet.")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_beyond_the_handlers_limit_is_refused(call: Any, chunked: bool) -> None:
    headers = {**JSON, "transfer-encoding": "chunked"} if chunked else JSON
    fits, too_long = b'{"a":"' + b"x" * 2040 + b'"}', b'{"a":"' + b"x" * 2041 + b'"}'
    assert call("POST", "/api/map", headers, fits).status == 200
    assert _outcome(call("POST", "/api/map", headers, too_long)) == (413, "Request entity too large.")


def _outcome(answer: Any) -> Any:
    body = answer.json()
    return body if answer.status == 200 else (body["status"], body["message"])


@pytest.mark.parametrize(
    ("kind", "map_outcome", "form_outcome"),
    [
        ("application/json", BROKEN_MAP, BROKEN_FORM),
        ("multipart/form-data; boundary=b", BROKEN_MAP, BROKEN_FORM),
        ("application/x-www-form-urlencoded", {}, ""),
        (None, UNSUPPORTED, UNSUPPORTED),
    ],
)
def test_a_body_of_unknown_length_is_one_though_it_is_empty(
    call: Any, kind: str | None, map_outcome: Any, form_outcome: Any
) -> None:
    headers = {"transfer-encoding": "chunked", **({"content-type": kind} if kind else {})}
    assert _outcome(call("POST", "/api/map", headers)) == map_outcome
    told = _outcome(call("POST", "/api/form", headers))
    assert (told if isinstance(told, tuple) else told["identity"]) == form_outcome
