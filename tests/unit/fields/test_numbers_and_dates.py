"""Numbers as Go prints them, and dates: one layout out."""

import math
import re

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.fields.dates import go_text, parse_date, rfc3339
from worker.fields.jsontext import dumps
from worker.fields.numbers import json_of, message_of, normal, parse_float, text_of

# value, as JSON shows it, in texts, in messages
NUMBERS = [
    (0, "0", "0", "0"),
    (1.0, "1", "1", "1"),
    (-1.5, "-1.5", "-1.5", "-1.5"),
    (1e6, "1000000", "1000000", "1e+06"),
    (123456, "123456", "123456", "123456"),
    (1234567.891, "1234567.891", "1234567.891", "1.234567891e+06"),
    (123456789012345678, "123456789012345680", "123456789012345680", "1.2345678901234568e+17"),
    (1e20, "100000000000000000000", "100000000000000000000", "1e+20"),
    (1e21, "1e+21", "1000000000000000000000", "1e+21"),
    (0.0001, "0.0001", "0.0001", "0.0001"),
    (0.00001, "0.00001", "0.00001", "1e-05"),
    (0.000001, "0.000001", "0.000001", "1e-06"),
    (1e-7, "1e-7", "0.0000001", "1e-07"),
    (1.5e-9, "1.5e-9", "0.0000000015", "1.5e-09"),
    (-0.0, "-0", "-0", "-0"),
    (-2.5e30, "-2.5e+30", "-2500000000000000000000000000000", "-2.5e+30"),
]


@pytest.mark.parametrize(("value", "shown", "text", "message"), NUMBERS)
def test_spellings(value: float, shown: str, text: str, message: str) -> None:
    assert json_of(value) == shown
    assert text_of(value) == text
    assert message_of(value) == message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive(value: float) -> None:
    assert float(normal(value)) == value
    for spell in (json_of, text_of, message_of):
        assert float(spell(value)) == value
    assert float(orjson.loads(dumps(normal(value)))) == value
    # whole numbers are ints, but for -0, which has none
    if value.is_integer() and abs(value) < 2**53 and str(value) != "-0.0":
        assert isinstance(normal(value), int)


FLOATS = {
    "1": 1,
    "1e3": 1000,
    ".5": 0.5,
    "1_000": 1000,
    "inf": math.inf,
    "": None,
    " 1": None,
    "0x10": None,
    "1e400": None,
    "abc": None,
    "1__0": None,
    "٣": None,
}


@pytest.mark.parametrize(("text", "expected"), FLOATS.items())
def test_parse_float(text: str, expected: float | None) -> None:
    assert parse_float(text) == expected


DATES = {
    "2022-01-01": "2022-01-01 00:00:00.000Z",
    "2022-01-01 10:00:00": "2022-01-01 10:00:00.000Z",
    "2022-01-01T10:00:00.123456Z": "2022-01-01 10:00:00.123Z",
    "2022-01-01T10:00:00+02:00": "2022-01-01 08:00:00.000Z",
    "2022-01-01 23:30:00 -0100": "2022-01-02 00:30:00.000Z",
    "Mon, 02 Jan 2006 15:04:05 MST": "2006-01-02 15:04:05.000Z",
    "02 Jan 2006": "2006-01-02 00:00:00.000Z",
    "0000-02-29 00:00:00Z": "0000-02-29 00:00:00.000Z",
    "3:04PM": "0000-01-01 15:04:00.000Z",
    "": "",
    "x": "",
    "2022-02-30": "",
    "2022-13-01": "",
    "2022-01-01 10:00": "",
    "2022-01-01 24:00:00": "",
    "0001-01-01 00:00:00Z": "",
    "10000-01-01": "",
    "13:04PM": "",
}


@pytest.mark.parametrize("text", DATES)
def test_dates(text: str) -> None:
    assert parse_date(text) == DATES[text]


@pytest.mark.parametrize("raw", [None, 5, True, [], {}, 1640995200])
def test_no_dates(raw: object) -> None:
    assert parse_date(raw) == ""


@settings(deadline=None)  # a machine that is busy takes its time
@given(st.datetimes())
def test_stored_dates_stay_as_they_are(moment: object) -> None:
    text = f"{moment:%Y-%m-%d %H:%M:%S}.123Z".rjust(24, "0")
    assert parse_date(text) == text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.123 \+0000 UTC", go_text(text))


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)?", parse_date(text))


def test_dates_in_messages() -> None:
    assert go_text("2022-12-31 10:00:00.500Z") == "2022-12-31 10:00:00.5 +0000 UTC"
    assert rfc3339("2022-12-31 10:00:00.000Z") == "2022-12-31T10:00:00Z"
