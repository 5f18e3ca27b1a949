"""`onRecordEnrich`: handlers have a say in how each record of an answer is shown, also of those that are expanded.

As in the real one a record's handlers come first, then what it expands is looked for, and enriched before they go on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import internal
from worker.records import events, expand
from worker.records.events import RecordEnrichEvent, around
from worker.records.record import EXPANDED_DEPTH_MAX, TOO_DEEP, Record
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context


async def enrich(ctx: "Context", records: Sequence[Record], info: RequestInfo, paths: str = "") -> None:
    """Have handlers enrich `records`, and what `paths` expand on them."""
    tree = expand.parse(paths) if paths else {}
    for record in records:
        await _enrich_one(ctx, record, tree, info)


async def _enrich_one(ctx: "Context", record: Record, tree: expand.Tree, info: RequestInfo) -> None:
    async def default(event: RecordEnrichEvent) -> None:
        await _unhide(event)
        if not tree:
            return
        before = set(map(id, _related(event.record)))

        def read(db: Database) -> None:
            expand.expand(db, ctx.catalog, [event.record], tree, info)

        await ctx.lanes.read(ctx.data, read)
        for related in _related(event.record):
            if id(related) not in before:
                await around(ctx.bus, events.ENRICH, RecordEnrichEvent(ctx, related, info), _unhide)

    await around(ctx.bus, events.ENRICH, RecordEnrichEvent(ctx, record, info), default)


def _related(record: Record) -> list[Record]:
    """Every record below `record`, whatever it leads to. ApiError 500 where a script has put one on itself."""
    found: list[Record] = []
    ahead = [(record, 0)]
    while ahead:
        at, depth = ahead.pop()
        if depth > EXPANDED_DEPTH_MAX:
            raise internal(cause=TOO_DEEP)
        if depth:
            found.append(at)
        for related in reversed((at.expand or {}).values()):
            below = related if isinstance(related, list) else [related]
            # a script may have put anything there
            ahead += [(each, depth + 1) for each in reversed(below) if isinstance(each, Record)]
    return found


async def _unhide(event: RecordEnrichEvent) -> None:
    """No field is hidden from superusers, whatever those have said who were heard before."""
    record = event.record
    if record.view is not None and event.info.is_superuser:
        record.view = record.view.unhidden(record.collection.by_name)
