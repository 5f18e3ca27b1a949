"""What the operator sees."""

import pytest

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
    assert head.split() == ["NAME", "STATE", "SHARD", "LIVE", "CREATED", "URL", "DOMAINS"]
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
