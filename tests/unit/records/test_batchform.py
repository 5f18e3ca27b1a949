"""Batches as submitted: any JSON is read or refused, nothing else; and what may be asked for is bounded."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ValidationErrors
from worker.fields import MalformedError
from worker.records.batchform import METHODS, BatchRequest, bind, check

NAMES = st.sampled_from(["requests", "Requests", "method", "METHOD", "url", "u-r_l", "headers", "body", "Body", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=3), st.booleans())
def test_anything(members: dict[str, Any], exact: bool) -> None:
    try:
        requests = bind(members, 100, exact=exact)
    except MalformedError:
        return
    for request in requests or []:
        assert [type(part) for part in (request.method, request.url, request.headers, request.body)] == [
            str,
            str,
            dict,
            dict,
        ]
        assert all(type(value) is str for value in request.headers.values())
    if requests is None:
        assert "requests" not in members
        return
    with contextlib.suppress(ValidationErrors):
        check(requests, 2)
        assert 0 < len(requests) <= 2
        assert all(request.method in METHODS and request.url for request in requests)


@pytest.mark.parametrize(
    ("members", "exact", "expected"),
    [
        ({}, False, None),
        ({"Requests": []}, True, None),
        ({"Requests": None}, False, []),
        ({"re_quests": [{"ME-THOD": "GET", "Url": "/", "other": 1}]}, False, [BatchRequest("GET", "/")]),
        ({"requests": [{"METHOD": "GET"}]}, True, [BatchRequest()]),
        ({"requests": [{"headers": {"a": None, "b": "c"}}]}, True, [BatchRequest(headers={"a": "", "b": "c"})]),
        ({"requests": [{"body": None, "headers": None}]}, True, [BatchRequest()]),
    ],
)
def test_names(members: dict[str, Any], exact: bool, expected: list[BatchRequest] | None) -> None:
    assert bind(members, 100, exact=exact) == expected


@pytest.mark.parametrize(
    "members",
    [
        {"requests": {}},
        {"requests": [None]},
        {"requests": [], "REQUESTS": []},
        {"requests": [{"method": 1}]},
        {"requests": [{"url": "a", "URL": "b"}]},
        {"requests": [{"headers": {"a": 1}}]},
        {"requests": [{"body": []}]},
    ],
)
def test_refused(members: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        bind(members, 100, exact=False)


def test_no_more_are_read_than_it_takes_to_refuse_them() -> None:
    requests = bind({"requests": [{}] * 3 + [None] * 100_000}, 2, exact=False)
    assert requests == [BatchRequest()] * 3
    with pytest.raises(ValidationErrors) as refused:
        check(requests, 2)
    assert "must be no more than 2" in str(refused.value.errors["requests"])
