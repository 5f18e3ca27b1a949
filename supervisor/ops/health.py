"""Whether the server does what it is there for: `/healthz`.

200 while every shard has a worker that serves, workers do not keep dying, and the disk takes writes; else 503. Either
way a JSON object, for a machine that asks and for the operator who wants to know why:

    {"status": "ok" or "failing", "problems": ["shard 1 has no worker that serves", …], "shards": 2, "uptime_s": 12.3}

One worker that died and was replaced is no reason to send the clients elsewhere; DEATHS_MAX of them within
DEATHS_WITHIN_S are.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from supervisor.accounting.archive import ArchiveError
from supervisor.accounting.events import Events
from supervisor.contract.settings import Settings, data_dir
from supervisor.ops.listener import Page

DEATHS_MAX = 2
DEATHS_WITHIN_S = 60.0
DEATHS_COUNTED_MAX = 100
DIED = "worker_died"
CONTENT_TYPE = "application/json"
MB = 1024 * 1024


class Health:
    """`status` gives the report of that name, `settings` those in force."""

    def __init__(
        self, status: Callable[[], Mapping[str, Any]], events: Events, settings: Callable[[], Settings]
    ) -> None:
        self._status = status
        self._events = events
        self._settings = settings

    def page(self) -> Page:
        """The answer to who asks."""
        report = self._status()
        problems = [*_without_worker(report["shards"]), *self._deaths(), *_disk(self._settings())]
        told = {
            "status": "failing" if problems else "ok",
            "problems": problems,
            "shards": len(report["shards"]),
            "uptime_s": report["uptime_s"],
        }
        return Page(503 if problems else 200, CONTENT_TYPE, json.dumps(told).encode() + b"\n")

    def _deaths(self) -> Iterator[str]:
        since = f"{datetime.now(UTC) - timedelta(seconds=DEATHS_WITHIN_S):%Y-%m-%d %H:%M:%S}"
        try:
            deaths = len(self._events.events(limit=DEATHS_COUNTED_MAX, kind=DIED, since=since))
        except ArchiveError as error:
            yield str(error)
            return
        if deaths >= DEATHS_MAX:
            yield f"{deaths} workers died within the last {DEATHS_WITHIN_S:.0f} s"


def _without_worker(shards: list[Mapping[str, Any]]) -> Iterator[str]:
    for row in shards:
        if row["state"] != "serving":
            yield f"shard {row['shard']} has no worker that serves: {row['state']}"


def _disk(settings: Settings) -> Iterator[str]:
    reserve_mb = settings.disk.reserve_mb
    try:
        space = os.statvfs(data_dir(settings))
    except OSError as error:
        yield f"data directory: {error.strerror}"
        return
    free_mb = space.f_bavail * space.f_frsize // MB
    if reserve_mb and free_mb < reserve_mb:
        yield f"{free_mb} MB are free on the disk, less than the reserve of {reserve_mb} MB: writes are refused"
