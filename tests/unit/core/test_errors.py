"""The shape of errors, and the ids and timestamps of rows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import errors, sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("x", "X."), ("Failed.", "Failed."), ("why?", "Why?"), ("  padded ", "Padded."), ("être", "Être.")],
)
def test_sentence(text, expected):
    assert errors.sentence(text) == expected


def test_body_keeps_the_order_and_hides_the_cause():
    error = errors.bad_request("no good", {"a": 1}, cause="secret")
    assert list(error.body()) == ["data", "message", "status"]
    assert error.body() == {"data": {"a": 1}, "message": "No good.", "status": 400}
    assert errors.not_found().message == "The requested resource wasn't found."


def test_field_errors_nest_by_path():
    tree = {"fields": {"0": {"min": errors.FieldError("c", "too small", {"min": 1})}}, "name": errors.REQUIRED}
    assert errors.ValidationErrors(tree).data() == {
        "fields": {"0": {"min": {"code": "c", "message": "Too small.", "params": {"min": 1}}}},
        "name": {"code": "validation_required", "message": "Cannot be blank."},
    }


@given(st.text())
def test_a_quoted_identifier_is_one_token(name):
    quoted = sql.quote(name)
    assert quoted[0] == quoted[-1] == "`"
    assert "`" not in quoted[1:-1].replace("``", "")


def test_random_text():
    drawn = {sql.rand_id() for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(re.fullmatch(r"[a-z0-9]{15}", text) for text in drawn)
    assert set("".join(drawn)) == set(sql.ID_ALPHABET)
    assert re.fullmatch(r"[a-zA-Z0-9]{50}", sql.rand_secret())


@pytest.mark.parametrize(
    ("milliseconds", "expected"), [(0, "1970-01-01 00:00:00.000Z"), (1_795_330_641_872, "2026-11-22 06:57:21.872Z")]
)
def test_stamp(milliseconds, expected):
    assert sql.stamp(milliseconds) == expected


def test_now_looks_like_a_stamp():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z", sql.now())
