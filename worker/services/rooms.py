"""The rooms of a worker's live tenants: who looks after quotas and the free disk, and tells the supervisor of both.

Nothing of this is on a request's way. About once a second the free space is looked at, and every MEASURE_EVERY_S the
files of those tenants who have written something are measured, in a thread. A tenant that is not open costs nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from supervisor.contract.messages import Message, Notice
from worker.db.room import Room
from worker.errors import ApiError
from worker.fair.disk import MB, DiskUse, DiskWatch, measure, measure_databases

if TYPE_CHECKING:
    from worker.context import Context
    from worker.lanes import Lanes

LOOK_EVERY_S = 1.0
MEASURE_EVERY_S = 5.0
# The word of the notices.
KIND = "disk"


class Rooms:
    """The rooms, and one look at the disk for all of them. Used on the event loop's thread only."""

    def __init__(self, root: Path, reserve_mb: int, log: logging.Logger, tell: Callable[[Message], None]) -> None:
        """`root` is where the tenants' directories are; below `reserve_mb` of free space nobody writes."""
        self.watch = DiskWatch(root, reserve_mb)
        self._log = log
        self._tell = tell
        # tenants of whom the supervisor was told that their quota is used up
        self._told: set[str] = set()
        if self.watch.short:
            self._say_short()

    def furnish(self, context: "Context", quota_mb: int) -> None:
        """Have everything that `context` writes keep to the quota (0: none) and to what the disk has left."""
        directory = context.directory
        page_bytes: int = context.data.once("PRAGMA page_size")[0][0]
        room = Room(directory, self.watch, quota_mb, page_bytes)
        if quota_mb:
            room.measured(measure_databases(directory))
        context.data.room = context.logs.room = room

    def limit(self, context: "Context", quota_mb: int) -> None:
        """This is the quota from now on, for the next write already."""
        room = context.data.room
        if room is None or room.quota_bytes == quota_mb * MB:
            return
        if quota_mb and not room.quota_bytes:
            room.measured(measure_databases(context.directory)._replace(rest=room.use.rest))
        room.limit(quota_mb)
        room.dirty = True

    async def keep(self, live: Callable[[], Iterable["Context"]], lanes: "Lanes") -> None:
        """Look after the rooms of the contexts that `live` gives, until cancelled."""
        loop = asyncio.get_running_loop()
        measure_at = 0.0
        while True:
            try:
                if self.watch.look():
                    self._say_short()
                if loop.time() >= measure_at:
                    measure_at = loop.time() + MEASURE_EVERY_S
                    await self._measure(live(), lanes)
                self._tell_hits(live())
            except Exception:  # of whatever kind: the next look must still come
                self._log.exception("the disk could not be looked after")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _measure(self, live: Iterable["Context"], lanes: "Lanes") -> None:
        rooms = [room for context in live if (room := context.data.room) is not None and room.dirty]
        if not rooms:
            return
        for room in rooms:
            room.dirty = False
        try:
            uses = await lanes.blocking(None, _measure_all, [room.directory for room in rooms])
        except ApiError:  # no thread is free: the next time will do
            for room in rooms:
                room.dirty = True
            return
        for room, use in zip(rooms, uses, strict=True):
            room.measured(use)

    def _tell_hits(self, live: Iterable["Context"]) -> None:
        for context in live:
            room, name = context.data.room, context.name
            if room is None:
                continue
            if room.hit:
                room.hit = False
                if name not in self._told:
                    self._told.add(name)
                    quota_mb = room.quota_bytes // MB
                    self._say(name, f"its disk quota of {quota_mb} MB is used up: writes that need more are refused")
            elif name in self._told and _relieved(room, context):
                self._told.discard(name)
                self._say(name, "it is below its disk quota again")

    def _say_short(self) -> None:
        watch = self.watch
        free, reserve = watch.free_bytes // MB, watch.reserve_bytes // MB
        if watch.short:
            self._say(
                "", f"only {free} MB of the disk are free, less than the reserve of {reserve}: nothing is written"
            )
        else:
            self._say("", f"{free} MB of the disk are free again: writes are taken")

    def _say(self, tenant: str, reason: str) -> None:
        about = {"tenant": tenant} if tenant else None
        self._log.warning("%s%s", f"tenant {tenant}: " if tenant else "", reason, extra=about)
        self._tell(Notice(KIND, tenant, reason))


def _measure_all(directories: list[Path]) -> list[DiskUse]:
    return [measure(directory) for directory in directories]


def _relieved(room: Room, context: "Context") -> bool:
    try:
        return room.relieved(context.data)
    except apsw.Error:
        return False  # it was closed, or is being written to; the next look will tell
