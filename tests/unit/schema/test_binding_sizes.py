"""Submitted collections that would hold the event loop are refused before anything of them is read."""

import time

import pytest

from worker.fields import MalformedError
from worker.schema.binding import FIELDS_MAX, INDEXES_CHARS_MAX, NAME_CHARS_MAX, RULE_CHARS_MAX, bind, new_draft


def fields(count: int, **options: str) -> list[dict[str, str]]:
    return [{"name": f"f{number}", "type": "text", **options} for number in range(count)]


@pytest.mark.parametrize(
    ("body", "fine"),
    [
        ({"name": "n" * NAME_CHARS_MAX}, True),
        ({"name": "n" * (NAME_CHARS_MAX + 1)}, False),
        ({"id": "n" * 1_000_000}, False),
        ({"fields": fields(500)}, True),
        ({"fields": fields(FIELDS_MAX + 1)}, False),
        ({"fields": fields(1, id="i" * 1_000_000)}, False),
        ({"fields": [{"name": "n" * 1_000_000, "type": "text"}]}, False),
        ({"listRule": "(" * RULE_CHARS_MAX}, True),
        ({"listRule": "(" * (RULE_CHARS_MAX + 1)}, False),
        ({"manageRule": "(" * (RULE_CHARS_MAX + 1)}, False),
        ({"mfa": {"rule": "(" * (RULE_CHARS_MAX + 1)}}, False),
        ({"indexes": ["CREATE INDEX i ON t (a)"] * 1_000}, True),
        ({"indexes": ["a," * (INDEXES_CHARS_MAX // 4)] * 3}, False),
    ],
)
def test_sizes(body, fine):
    draft = new_draft("auth", "t")
    started = time.process_time()
    if fine:
        bind(draft, body)
    else:
        with pytest.raises(MalformedError, match="too large"):
            bind(draft, body)
        assert time.process_time() - started < 1
