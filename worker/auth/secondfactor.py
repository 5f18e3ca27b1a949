"""Logins that take two methods: the first one opens an MFA session, a different second one closes it."""

import time
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, bad_request
from worker.records import rules, store
from worker.records.actions import remove, save
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.sql import stamp

if TYPE_CHECKING:
    from worker.context import Context

SESSIONS = "_mfas"
EXPIRED = "Invalid or expired MFA session."
SAME_METHOD = "A different authentication method is required."


class SecondFactorNeeded(ApiError):  # noqa: N818 - an answer, not a failure
    """401 with the id of the MFA session that waits for a second method."""

    wording = "mfa required"

    def __init__(self, mfa_id: str) -> None:
        super().__init__(401, "mfa required")
        self.mfa_id = mfa_id

    def body(self) -> dict[str, Any]:
        """Only the session's id, without the usual members of an error."""
        return {"mfaId": self.mfa_id}


async def pass_second_factor(ctx: "Context", record: Record, method: str, mfa_id: str, info: RequestInfo) -> None:
    """Let a login by `method` through where one is enough or it is the second of the session `mfa_id`.

    Raises SecondFactorNeeded for a first method, ApiError 400 for a session that does not fit.
    """
    options = record.collection.auth
    if options is None or not options.mfa.enabled:
        return
    if options.mfa.rule:
        where = rules.rule_where(ctx.catalog, record.collection, options.mfa.rule, info, required=True)
        if store.find(ctx.data, record.collection, record.id, where) is None:
            return
    sessions = ctx.catalog.get(SESSIONS)
    if sessions is None:
        raise bad_request(cause="the collection of MFA sessions is missing")
    if not mfa_id:
        session = Record.new(sessions)
        session.set("collectionRef", record.collection.id)
        session.set("recordRef", record.id)
        session.set("method", method)
        await save(ctx, session)
        raise SecondFactorNeeded(session.id)
    found = store.find(ctx.data, sessions, mfa_id)
    oldest = stamp(int((time.time() - options.mfa.duration) * 1000))
    if (
        found is None
        or found.get("collectionRef") != record.collection.id
        or found.get("recordRef") != record.id
        or str(found.get("created")) < oldest
    ):
        raise bad_request(EXPIRED)
    if found.get("method") == method:
        raise bad_request(SAME_METHOD)
    await remove(ctx, found)
