"""What the operator sees."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.ops import tables


@pytest.mark.parametrize(
    ("kb", "shown"), [(0, "0 KB"), (1023, "1023 KB"), (1024, "1.0 MB"), (1536 * 1024, "1.5 GB"), (1024**4, "1024.0 TB")]
)
def test_size(kb: float, shown: str) -> None:
    assert tables.size(kb) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59.9, "59s"), (60, "1m 0s"), (3725, "1h 2m"), (90_000, "1d 1h")]
)
def test_duration(seconds: float, shown: str) -> None:
    assert tables.duration(seconds) == shown


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    row = {
        "name": "a",
        "state": "active",
        "shard": 0,
        "live": False,
        "created": "",
        "url": "u",
        "domains": [],
        "reason": "",
    }
    text = tables.tenants([row, {**row, "name": "longer-name", "domains": ["x.example.com"]}])
    head, first, second = text.split("\n")
    assert head.split() == ["NAME", "STATE", "SHARD", "PLAN", "LIVE", "CREATED", "URL", "DOMAINS"]
    assert head.index("STATE") == first.index("active") == second.index("active")
    assert tables.tenants([]) == "no tenants yet"


def test_a_starting_shard_has_dashes() -> None:
    shard = {"shard": 0, "state": "starting", "pid": 0, "restarts": 2}
    assert tables.table(tables.SHARDS, [shard]).split("\n")[1].split() == [
        "0",
        "starting",
        "0",
        "-",
        "2",
        "-",
        "-",
        "-",
        "-",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.0"), (0.04, "0.0"), (99.94, "99.9"), (99.96, "100"), (1234.6, "1,235"), (1e6, "1,000,000")],
)
def test_rate(value: float, shown: str) -> None:
    assert tables.rate(value) == shown


@pytest.mark.parametrize(
    ("values", "top", "shown"),
    [
        ([], 1.0, ""),
        ([0.0, 50.0, 100.0], 100.0, "▁▅█"),
        ([None, 1.0, None], 100.0, " ▂ "),
        ([200.0, -5.0], 100.0, "█▁"),
    ],
)
def test_sparkline(values: list[float | None], top: float, shown: str) -> None:
    assert tables.sparkline(values, top) == shown


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=80), st.floats(0.001, 1e9))
def test_a_sparkline_has_a_character_a_value_and_is_higher_where_the_value_is(values: list[Any], top: float) -> None:
    for levels in (tables.BLOCKS, tables.ASCII_BLOCKS):
        drawn = tables.sparkline(values, top, levels)
        assert len(drawn) == len(values)
        pairs = sorted((value, levels.index(mark)) for value, mark in zip(values, drawn, strict=True) if mark != " ")
        assert [level for _, level in pairs] == sorted(level for _, level in pairs)
        assert [mark == " " for mark in drawn] == [value is None for value in values]


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    row = {
        "at": "2026",
        "kind": "suspended",
        "tenant": "a",
        "shard": 0,
        "reason": "x\x1b[2J\ny",
        "detail": {"k": "\x07"},
    }
    for text in (tables.event(row), tables.events([row]).split("\n")[1]):
        assert text.isprintable()
        assert "x?[2J?y (k=?)" in text
    verdict = {"blocked_s": 5.0, "reason": "a\x1b]0;b\x07"}
    usage = {key: 0 for _, key, _ in tables.USAGE}
    shown = {**{key: "" for _, key, _ in tables.TENANTS}, "reason": "x\x1b[2J\ry", "verdict": verdict, "usage": usage}
    assert all(line.isprintable() for line in tables.sheet(shown).split("\n"))
    assert "x?[2J?y" in tables.sheet(shown)
    assert tables.superusers([{"email": "a\x1bb@example.com"}]) == "a?b@example.com"


@pytest.mark.parametrize(
    ("tenant", "shown"),
    [
        ({"state": "active", "verdict": None}, ""),
        ({"state": "suspended", "reason": "", "verdict": None}, "suspended"),
        ({"state": "failed", "reason": "no such file", "verdict": None}, "failed: no such file"),
        ({"state": "active", "verdict": {"blocked_s": 61.0, "reason": "a flood"}}, "blocked 1m 1s: a flood"),
        ({"state": "active", "verdict": {"blocked_s": 0.0, "reason": ""}}, "slowed down"),
    ],
)
def test_how_a_tenant_stands(tenant: dict[str, Any], shown: str) -> None:
    assert tables.note(tenant) == shown


def test_days_are_summed_up() -> None:
    zero = {key: 0 for _, key, _ in tables.DAYS}
    days = [zero | {"day": f"2026-07-0{number}", "requests": number, "memory_peak_kb": number} for number in (1, 2)]
    windows = {"10s": {key: 0.0 for _, key, _ in tables.WINDOWS if key != "window"}}
    text = tables.used_since({"name": "blog", "since": "2026-07-01", "days": days, "windows": windows})
    together = next(line for line in text.split("\n") if line.startswith("together"))
    assert together.split()[:2] == ["together", "3"]
    assert "2 KB" in together
    one = tables.used_since({"name": "blog", "since": "2026-07-01", "days": days[:1], "windows": windows})
    assert "together" not in one
