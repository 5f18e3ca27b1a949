"""What can't be read has words, and what can be has none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fields import TYPES, MalformedError
from worker.schema import binding
from worker.schema.misfit import COLLECTION, FIELD_MEMBERS, misfit_of

CASES = [
    ({}, None),
    ({"name": None, "system": None, "fields": None, "indexes": [None]}, None),
    ({"unknown": 5, "Name": 5}, None),
    ({"name": 5}, 'json: cannot unmarshal JSON number into Go string within "/name"'),
    ({"system": "x"}, 'json: cannot unmarshal JSON string into Go bool within "/system"'),
    ({"indexes": ["a", 5]}, 'json: cannot unmarshal JSON number into Go string within "/indexes/1"'),
    (
        {"mfa": {"duration": 1.5}},
        'json: cannot unmarshal JSON number 1.5 into Go int64 within "/mfa/duration": invalid syntax',
    ),
    (
        {"mfa": {"duration": 1 << 63}},
        'json: cannot unmarshal JSON number 9223372036854775808 into Go int64 within "/mfa/duration":'
        " value out of range",
    ),
    (
        {"fields": [{"type": "zz"}]},
        'json: cannot unmarshal JSON object into Go core.fieldWithType within "/fields/0":'
        ' missing or unknown field type in {"type":"zz"}',
    ),
    (
        {"fields": [{"type": "text", "name": 5}]},
        'json: cannot unmarshal JSON object into Go core.fieldWithType within "/fields/0":'
        ' failed to unmarshal field: json: cannot unmarshal JSON number into Go string within "/name"',
    ),
]


def members(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = (
        "enabled",
        "duration",
        "emailTemplate",
        "subject",
        "providers",
        "name",
        "type",
        "max",
        "identityFields",
        "extra",
    )
    return st.dictionaries(st.sampled_from(names), values, max_size=3)


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.just(1.5) | st.sampled_from(["", "x", "text", "number"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | members(inner), max_leaves=6)


@pytest.mark.parametrize(("item", "words"), CASES)
def test_words(item: dict[str, Any], words: str | None) -> None:
    assert misfit_of(item) == words


def test_every_type_of_field_is_known() -> None:
    assert FIELD_MEMBERS.keys() == TYPES.keys()


@given(
    st.sampled_from(["base", "auth", "view"]),
    st.dictionaries(st.sampled_from(sorted(COLLECTION.members or ())), VALUES, max_size=4),
)
def test_there_are_words_for_what_the_binding_refuses(kind: str, item: dict[str, Any]) -> None:
    item.pop("type", None)
    refused = False
    try:
        binding.bind(binding.new_draft(kind, "a"), item)
    except MalformedError:
        refused = True
    assert refused == (misfit_of(item) is not None)
