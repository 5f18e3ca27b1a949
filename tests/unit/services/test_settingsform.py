"""Submitted settings merged into those that are there."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.fields import MalformedError
from worker.services.settings import TenantSettings
from worker.services.settingsform import fill, merge

TREE = TenantSettings().tree()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for group in TREE.values() if isinstance(group, dict) for name in group})


def merged(given: dict[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """The values that differ from the defaults, by path."""
    return changes(TREE, merge(TREE, given, exact=exact))


def changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for name, value in new.items():
        if isinstance(value, dict):
            found.update(changes(old[name], value, f"{path}{name}."))
        elif value != old[name]:
            found[path + name] = value
    assert old.keys() == new.keys()
    return found


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, {}),
        ({"meta": {"appName": "x"}}, {"meta.appName": "x"}),
        ({"META": {"app-NAME_": "x"}}, {"meta.appName": "x"}),
        ({"ſmtp": {"port": 25}}, {"smtp.port": 25}),
        ({"nothing": 1, "meta": {"nothing": {}}}, {}),
        ({"smtp": None}, {"smtp.port": 0, "smtp.host": ""}),
        ({"rateLimits": {"rules": None}}, {"rateLimits.rules": ()}),
        ({"backups": {"s3": {"bucket": "b"}}}, {"backups.s3.bucket": "b"}),
        ({"superuserIPs": ["a", None]}, {"superuserIPs": ("a", "")}),
        ({"logs": {"maxDays": -0.0}}, {"logs.maxDays": 0}),
        (
            {"rateLimits": {"rules": [{"LABEL": "a", "x": 1}, None]}},
            {
                "rateLimits.rules": (
                    {"label": "a", "audience": "", "duration": 0, "maxRequests": 0},
                    {"label": "", "audience": "", "duration": 0, "maxRequests": 0},
                )
            },
        ),
    ],
)
def test_merged(body: dict[str, Any], changed: dict[str, Any]) -> None:
    assert merged(body) == changed


@pytest.mark.parametrize(
    "body",
    [
        {"meta": []},
        {"meta": {"appName": 5}},
        {"meta": {"hideControls": 1}},
        {"smtp": {"port": True}},
        {"smtp": {"port": 25.0}},
        {"smtp": {"port": "25"}},
        {"smtp": {"port": 2**63}},
        {"smtp": {"port": -(2**63) - 1}},
        {"superuserIPs": "a"},
        {"superuserIPs": [1]},
        {"rateLimits": {"rules": {}}},
        {"rateLimits": {"rules": ["a"]}},
        {"meta": {"appName": "a", "APPNAME": "b"}},
        {"meta": {}, "Meta": {}},
    ],
)
def test_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        merge(TREE, body, exact=False)


def test_stored_names_are_exact() -> None:
    assert merged({"META": {"appName": "x"}, "meta": {"APPNAME": "y"}}, exact=True) == {}
    assert merged({"meta": {"appName": "x"}}, exact=True) == {"meta.appName": "x"}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*TREE, "x"]), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3) | JSON))
def test_any_body_is_merged_or_malformed(body: dict[str, Any]) -> None:
    before = copy.deepcopy(TREE)
    try:
        tree = merge(TREE, body, exact=False)
    except MalformedError:
        pass
    else:
        assert TenantSettings.of(tree).tree() == tree
    assert before == TREE


@pytest.mark.parametrize(
    ("pairs", "changed"),
    [
        ([("meta.appName", "a"), ("meta.appName", "b")], {"meta.appName": "a"}),
        ([("meta", "a"), ("Meta.appName", "a"), ("appName", "a"), ("meta[appName]", "a")], {}),
        ([("superuserIPs", "a"), ("superuserIPs", "b")], {"superuserIPs": ("a", "b")}),
        ([("s3.bucket", "b")], {"s3.bucket": "b", "backups.s3.bucket": "b"}),
        ([("backups.s3.bucket", "b"), ("rateLimits.rules", "x")], {}),
        ([("batch.enabled", "T"), ("logs.logIP", "")], {"batch.enabled": True, "logs.logIP": False}),
        ([("smtp.port", "")], {"smtp.port": 0}),
        *(
            ([("smtp.port", text)], {"smtp.port": value})
            for text, value in (("7", 7), ("010", 8), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("1_0", 10), ("-5", -5))
        ),
    ],
)
def test_filled(pairs: list[tuple[str, str]], changed: dict[str, Any]) -> None:
    assert changes(TREE, fill(TREE, pairs)) == changed


@pytest.mark.parametrize("text", ["x", " 1", "1.0", "1e3", "09", "1__0", "_1", "1_", "0x", "9223372036854775808", "١"])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(MalformedError):
        fill(TREE, [("logs.maxDays", text)])


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["{}", "{:_}", "{:#x}", "{:#o}", "{:#b}"]))
def test_numbers_in_any_spelling(number: int, spelling: str) -> None:
    assert fill(TREE, [("logs.minLevel", spelling.format(number))])["logs"]["minLevel"] == number


@pytest.mark.parametrize("text", ["tRue", "on", "yes", "2", " true"])
def test_texts_that_are_no_flags(text: str) -> None:
    with pytest.raises(MalformedError):
        fill(TREE, [("batch.enabled", text)])
