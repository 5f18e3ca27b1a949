"""`--since`."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.commandline.since import moment

NOW = datetime(2026, 7, 26, 12, 30, 15, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("1h", NOW - timedelta(hours=1)),
        ("7d", NOW - timedelta(days=7)),
        (" 2 w ", NOW - timedelta(weeks=2)),
        ("0d", NOW),
        ("today", datetime(2026, 7, 26, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01 12:30", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        ("2026-07-01T12:30:15", datetime(2026, 7, 1, 12, 30, 15, tzinfo=UTC)),
        ("2026-07-01 12:30:15.250Z", datetime(2026, 7, 1, 12, 30, 15, 250_000, tzinfo=UTC)),
    ],
)
def test_what_is_meant(text: str, meant: datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "-1d",
        "1y",
        "1.5h",
        "tomorrow",
        "2026-02-30",
        "2026-13-01",
        "01.07.2026",
        "999999999w",
        "2026-07-01 25:00",
    ],
)
def test_what_means_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; allowed: 90s"):
        moment(text, NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_an_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert moment(text, NOW).tzinfo is UTC


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 (naive, as it is wanted)
def test_what_is_written_is_read(written: datetime) -> None:
    assert moment(f"{written:%Y-%m-%d %H:%M:%S.%f}Z", NOW) == written
