"""Macros, functions, and the sort parameter."""

import re
import time

import pytest

from worker.filters.functions import MACROS, call_function, macro
from worker.filters.listing import KEY_CHARS_MAX, KEYS_MAX, Key, parse_sort
from worker.filters.nodes import Call, FilterError, Name, Number, Text
from worker.filters.operands import NONE, Sql, Value

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z")


def resolve(term):
    if isinstance(term, Name):
        if term.path == "nosuch":
            raise FilterError('unknown field "nosuch"')
        return Sql(f"`{term.path}`", many=term.path == "many")
    return Value(term.value)


@pytest.mark.parametrize("name", sorted(MACROS))
def test_macros_are_of_now(name):
    before = time.gmtime()
    value = macro(name).param.read(None)
    after = time.gmtime()
    if isinstance(value, str):
        assert STAMP.fullmatch(value)
        stamped = time.strptime(value[:19], "%Y-%m-%d %H:%M:%S")
        if name.endswith("Start"):
            assert value.endswith(" 00:00:00.000Z")
            assert stamped <= after
        elif name.endswith("End"):
            assert value.endswith(" 23:59:59.999Z")
            assert stamped >= before
        elif name == "@now":
            assert before[:6] <= stamped[:6] <= after[:6]
        else:
            assert (stamped[:6] < before[:6]) == (name == "@yesterday")
    else:
        assert 0 <= value <= 9999


def test_macros_agree_with_each_other():
    read = {name: late.read(None) for name, late in MACROS.items()}
    assert read["@now"][:10] == read["@todayStart"][:10] == read["@todayEnd"][:10]
    assert read["@yearStart"][5:10] == "01-01"
    assert read["@yearEnd"][5:10] == "12-31"
    assert read["@monthStart"][8:10] == "01"
    assert 28 <= int(read["@monthEnd"][8:10]) <= 31
    assert read["@year"] == int(read["@now"][:4])
    assert macro("@NOW") is None
    assert macro("now") is None


def test_geo_distance():
    found = call_function(Call("geoDistance", (Name("lon"), Name("many"), Number(2), Number(3))), resolve)
    assert found.sql.startswith("(6371 * acos(min(1, max(-1, cos(radians(`many`)) * cos(radians(?))")
    assert found.sql.count("?") == len(found.params) == 3
    assert found.strict
    assert not found.many


def test_strftime():
    found = call_function(Call("strftime", (Text("%Y"), Name("many"), Text("+1 day"))), resolve)
    assert (found.sql, found.params) == ("strftime(?, `many`, ?)", ("%Y", "+1 day"))
    assert found.many
    assert found.affinity == NONE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("nope", ()), 'unknown function "nope"'),
        (Call("geoDistance", (Number(1),)), "[geoDistance] expected 4 arguments, got 1"),
        (
            Call("geoDistance", (Number(1),) * 3 + (Text("x"),)),
            "[geoDistance] argument 3 must be an identifier or number",
        ),
        (
            Call("geoDistance", (Name("nosuch"),) + (Number(1),) * 3),
            '[geoDistance] failed to resolve argument 0: unknown field "nosuch"',
        ),
        (Call("strftime", ()), "[strftime] expected at least 1 arguments, got 0"),
        (Call("strftime", (Name("a"),)), "[strftime] expects the first argument to be a format string"),
        (Call("strftime", (Text("%Y"),) * 11), "[strftime] too many arguments (max allowed 10, got 11)"),
        (
            Call("strftime", (Text("%Y"), Name("a"), Number(1))),
            "[strftime] invalid modifier argument 0 - can be only string",
        ),
        (
            Call("strftime", (Text("%Y"), Name("nosuch"))),
            '[strftime] failed to resolve time-value argument: unknown field "nosuch"',
        ),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(FilterError) as caught:
        call_function(call, resolve)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        ("a", (Key("a", False),)),
        ("-a, +b ,c", (Key("a", True), Key("b", False), Key("c", False))),
        ("-@rowid", (Key("@rowid", True),)),
        ("--a", (Key("-a", True),)),
        ("a,,b", (Key("a", False), Key("", False), Key("b", False))),
    ],
)
def test_sort(text, keys):
    assert parse_sort(text) == keys


def test_sort_limits():
    assert len(parse_sort(",".join("a" * KEYS_MAX))) == KEYS_MAX
    with pytest.raises(FilterError):
        parse_sort(",".join("a" * (KEYS_MAX + 1)))
    assert parse_sort("a" * KEY_CHARS_MAX)
    with pytest.raises(FilterError):
        parse_sort("a" * (KEY_CHARS_MAX + 1))
