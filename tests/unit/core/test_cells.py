"""Cells of the SQL console: the spellings were asked of the real PocketBase 0.40.6."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.db.cells import as_date, as_double, as_text, cell


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (100000.0, "100000"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (123456.5, "123456.5"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (5e-324, "5e-324"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_doubles(number, text):
    assert as_double(number) == text


@given(st.floats(allow_nan=False))
def test_a_double_can_be_read_back(number):
    assert float(as_double(number)) == number


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"a\xffb", "a\ufffdb"), (b"\xed\xa0\x80", "\ufffd" * 3), (b"\xe2\x82", "\ufffd" * 2), ("é€".encode(), "é€")],
)
def test_bytes(raw, text):
    assert as_text(raw) == text


@given(st.binary())
def test_any_bytes_are_some_text(raw):
    text = as_text(raw)
    assert len(text) <= len(raw)
    assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("2024-01-02 03:04:05.120Z", "2024-01-02T03:04:05.12Z"),
        ("2024-01-02 03:04:05 +0200 CEST m=+0.01", "2024-01-02T03:04:05+02:00"),
        ("2024-01-02 03:04:05+02:60", "2024-01-02T03:04:05+03:00"),
        ("0000-01-01", "0000-01-01T00:00:00Z"),
        *((same, same) for same in ("2023-02-29", "x", "", "2024-01-02 24:00:00", "2024-1-2", "2024-01-02ZZ")),
    ],
)
def test_dates(text, date):
    assert as_date(text) == date
    assert cell(text, "DATETIME") == date
    assert cell(text, "TEXT") == text


@given(st.from_regex(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d{1,12})?)?([+-]\d\d:\d\d)?Z?)?", fullmatch=True))
def test_no_text_fails(text):
    assert as_date(text)
