"""Where a record logs in from: the fingerprints in `_authOrigins`, by which a login from a new place is told."""

from hashlib import md5
from typing import TYPE_CHECKING, NamedTuple

from worker.records import store
from worker.records.actions import remove, save
from worker.records.record import Record
from worker.sql import quote

if TYPE_CHECKING:
    from worker.context import Context

ORIGINS = "_authOrigins"
KEPT_MAX = 5


class Visit(NamedTuple):
    """The place of a login: the client's address and its user agent."""

    ip: str
    user_agent: str

    @property
    def fingerprint(self) -> str:
        """The place as the real one stores it."""
        # the user agent's bytes as they came, see `RequestContext.header`
        return md5((self.ip + self.user_agent).encode("latin-1"), usedforsecurity=False).hexdigest()


async def note_origin(ctx: "Context", record: Record, visit: Visit) -> bool:
    """Remember the place of a login where the collection wants alerts. Whether it is new and not the first."""
    options = record.collection.auth
    origins = ctx.catalog.get(ORIGINS)
    if options is None or not options.auth_alert.enabled or origins is None:
        return False
    rows = ctx.data.all(
        f"SELECT `id`, `fingerprint` FROM {quote(origins.name)} WHERE `collectionRef` = ? AND `recordRef` = ?"
        " ORDER BY `updated` DESC, `rowid` DESC",
        (record.collection.id, record.id),
    )
    fingerprint = visit.fingerprint
    known = next((row[0] for row in rows if row[1] == fingerprint), None)
    if known is not None:
        origin = store.find(ctx.data, origins, known)
        if origin is not None:
            await save(ctx, origin)  # its `updated` moves, so that places in use are kept
        return False
    for row in rows[KEPT_MAX - 1 :]:
        oldest = store.find(ctx.data, origins, row[0])
        if oldest is not None:
            await remove(ctx, oldest)
    origin = Record.new(origins)
    origin.set("collectionRef", record.collection.id)
    origin.set("recordRef", record.id)
    origin.set("fingerprint", fingerprint)
    await save(ctx, origin)
    return bool(rows)
