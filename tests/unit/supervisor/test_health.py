"""/healthz: what counts as ill, and what does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from supervisor.accounting.archive import ArchiveError
from supervisor.accounting.events import Events
from supervisor.contract.settings import Disk, Settings
from supervisor.ops.health import Health


def told(tmp_path: Path, *states: str, events: Any = None, **settings: Any) -> tuple[int, list[str]]:
    """Status and problems of a server with shards in these states."""
    shards = [{"shard": shard, "state": state} for shard, state in enumerate(states)]
    given = Settings(**{"data": str(tmp_path)} | settings)
    page = Health(lambda: {"shards": shards, "uptime_s": 3.5}, events or Events(), lambda: given).page()
    body = json.loads(page.body)
    assert page.content_type == "application/json"
    assert body["shards"] == len(states)
    assert body["uptime_s"] == 3.5
    assert body["status"] == ("ok" if page.status == 200 else "failing")
    return page.status, body["problems"]


def deaths(count: int, kind: str = "worker_died") -> Events:
    events = Events()
    for _ in range(count):
        events.note(kind, "", 0, "killed")
    return events


class Unreadable:
    def events(self, **asked: Any) -> Any:
        raise ArchiveError("ledger.db: disk I/O error")


def test_all_is_well(tmp_path: Path) -> None:
    assert told(tmp_path, "serving", "serving") == (200, [])


@pytest.mark.parametrize("state", ["starting", "leaving"])
def test_a_shard_that_does_not_serve(tmp_path: Path, state: str) -> None:
    assert told(tmp_path, "serving", state) == (503, [f"shard 1 has no worker that serves: {state}"])


@pytest.mark.parametrize(
    ("count", "kind", "status"), [(1, "worker_died", 200), (2, "worker_died", 503), (5, "hang", 200)]
)
def test_workers_that_die(tmp_path: Path, count: int, kind: str, status: int) -> None:
    found, problems = told(tmp_path, "serving", events=deaths(count, kind))
    assert found == status
    assert problems == ([f"{count} workers died within the last 60 s"] if status == 503 else [])


def test_other_events_do_not_hide_them(tmp_path: Path) -> None:
    events = deaths(2)
    for number in range(400):
        events.note("throttled", f"t{number}")
    assert told(tmp_path, "serving", events=events)[0] == 503


@pytest.mark.parametrize(("reserve_mb", "status"), [(0, 200), (1, 200), (10_000_000, 503)])
def test_the_disk(tmp_path: Path, reserve_mb: int, status: int) -> None:
    found, problems = told(tmp_path, "serving", disk=Disk(reserve_mb=reserve_mb))
    assert found == status
    assert len(problems) == (status == 503)


def test_several_things_at_once(tmp_path: Path) -> None:
    status, problems = told(tmp_path, "starting", "leaving", events=Unreadable(), data=str(tmp_path / "gone"))
    assert status == 503
    assert len(problems) == 4
    assert problems[2] == "ledger.db: disk I/O error"
    assert problems[3].startswith("data directory: ")
