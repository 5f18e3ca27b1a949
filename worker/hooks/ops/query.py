"""Queries of scripts: `$app.db()`, the builder, and everything that reads by SQL of a script's own.

A single SELECT is a read as any other: it tries on the event loop for some milliseconds and goes on in a thread. What
else a script sends is run under a guard (`worker.db.scripted`), reads as reads, writes as a unit of the tenant's one
writer: on the loop what is plainly short, in a thread everything else. What changes the schema or the tenant's
collections is looked at before it is committed: statements that leave collections which can't be read are undone.

The auxiliary database, which has the logs, is opened for one query at a time, in a thread.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, TypeVar

import apsw
import orjson

from worker.db import scripted
from worker.db.connection import Database
from worker.db.room import SHORT, NoRoomError
from worker.db.scripted import DeniedError, Outcome, WritesError
from worker.db.scriptvalues import parameters, told
from worker.hooks.calls import Call, GoError, Operation, Refused
from worker.lanes.apart import patiently
from worker.services.settings import TenantSettings
from worker.services.settingschange import reload_settings
from worker.unit import follow, transaction
from worker.writing import run_through, write

if TYPE_CHECKING:
    from pathlib import Path

    from worker.context import Context
    from worker.db.room import Room

T = TypeVar("T")

# A statement and its parameters; SQLite itself takes longer ones.
SQL_CHARS_MAX = 1_000_000
PARAMETERS_MAX = 32_000
TOO_LONG = "the statement is too long"
TOO_MANY = "too many parameters"
UNFIT = "the statements leave collections or settings that can't be read: {}"

# What a script wants to know: rows; how much was changed; rows with their columns' types.
ROWS, EXECUTE, COLUMNS = 0, 1, 2


async def sql(  # noqa: PLR0917 (what a script sends)
    call: Call, app: object, aux: object, text: object, given: object, mode: object
) -> orjson.Fragment:
    """Run a script's SQL; see sandbox/js/dbx.js for the three answers."""
    if type(text) is not str or mode not in (ROWS, EXECUTE, COLUMNS):
        raise GoError("not a query")
    if len(text) > SQL_CHARS_MAX:
        raise GoError(TOO_LONG)
    try:
        params = parameters(given)
        text.encode()
    except ValueError as error:
        raise GoError(str(error)) from error
    if len(params) > PARAMETERS_MAX:
        raise GoError(TOO_MANY)
    ctx = call.context(app)
    query = Query(scripted.watched(text), params, mode)
    try:
        return await (_auxiliary(call, ctx, query) if aux else query.run(ctx))
    except DeniedError as error:
        raise Refused(str(error)) from error
    except apsw.BindingsError as error:
        raise GoError(str(error)) from error


class Query:
    """One query of a script's."""

    __slots__ = ("mode", "params", "sql")

    def __init__(self, sql: str, params: list[Any], mode: int) -> None:
        self.sql = sql
        self.params = params
        self.mode = mode

    async def run(self, ctx: "Context") -> orjson.Fragment:
        """Run it on the tenant's own database."""
        if scripted.is_select(self.sql):
            return await ctx.lanes.read(ctx.data, self.select)
        if scripted.is_question(self.sql):
            with suppress(WritesError):
                return await ctx.lanes.read(ctx.data, self.look)
        return await self._write(ctx)

    def select(self, db: Database) -> orjson.Fragment:
        """As one SELECT."""
        return self._fitting(db, self._select)

    def look(self, db: Database) -> orjson.Fragment:
        """As something that reads. WritesError if it does not."""
        return self._fitting(db, self._look)

    def change(self, db: Database) -> Outcome:
        """As something that writes, in a transaction that is open."""
        return self._fitting(db, self._change)

    def _select(self, db: Database) -> orjson.Fragment:
        return self.told(scripted.select(db, self.sql, self.params, described=self.mode == COLUMNS))

    def _look(self, db: Database) -> orjson.Fragment:
        return self.told(scripted.run(db, self.sql, self.params, writing=False))

    def _change(self, db: Database) -> Outcome:
        return scripted.run(db, self.sql, self.params, writing=True)

    def _fitting(self, db: Database, run: Callable[[Database], T]) -> T:
        """With as many parameters as there are places, where these are not as many in the first place."""
        try:
            return run(db)
        except apsw.BindingsError:
            guard = scripted.guard_of(db.connection)
            guard.begin(writing=db.in_transaction)
            try:
                fitting = scripted.fitted(db.connection, self.sql, self.params)
            finally:
                guard.active = False
            if len(fitting) == len(self.params) or not scripted.is_single(self.sql):
                raise
            self.params = list(fitting)
            return run(db)

    def told(self, outcome: Outcome) -> orjson.Fragment:
        """The answer, made where the rows were read: in a thread if there are many."""
        if self.mode == EXECUTE:
            return orjson.Fragment(orjson.dumps([outcome.changed, outcome.last]))
        answer: list[Any] = [[name for name, _ in outcome.columns], told(outcome)]
        if self.mode == COLUMNS:
            answer.append([(kind or "").upper() for _, kind in outcome.columns])
        body = orjson.dumps(answer)
        if len(body) > scripted.ROWS_BYTES_MAX:
            raise apsw.TooBigError(scripted.TOO_LARGE)
        return orjson.Fragment(body)

    async def _write(self, ctx: "Context") -> orjson.Fragment:
        async def body(ctx: "Context") -> orjson.Fragment:
            outcome = self.change(ctx.data)
            ctx.auth_epoch += 1
            if outcome.schema or outcome.definitions:
                _reread(ctx)
            if outcome.definitions:
                await follow(ctx, _settle, _nothing)
            return self.told(outcome)

        if scripted.is_quick(self.sql):
            return await write(ctx, body)
        if ctx.is_inner or ctx.unit is not None:
            return await write(ctx, body, searches=True)
        async with transaction(ctx) as inner:
            return await inner.lanes.write(inner.data, lambda _: run_through(write(inner, body)))


def _reread(ctx: "Context") -> None:
    """Have the context match what the statements have made of its definition. GoError where that can't be read."""
    try:
        ctx.catalog.reload(ctx.data)
        TenantSettings.load(ctx.data)
    except (apsw.SQLError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise GoError(UNFIT.format(error)) from error


async def _settle(ctx: "Context") -> None:
    """What was written has become true: settings that it has changed are in force from now on."""
    if TenantSettings.load(ctx.data) != ctx.settings:
        await reload_settings(ctx)


async def _nothing(ctx: "Context", error: Exception) -> None:
    """What was written is undone, and with it goes what would have followed."""


# -- the auxiliary database -------------------------------------------------------------------------------------------


async def _auxiliary(call: Call, ctx: "Context", query: Query) -> orjson.Fragment:
    limit_ns = int(call.plan.read_timeout_s * 1e9)
    path = ctx.pb_data / "auxiliary.db"
    flush = ctx.logs.flush
    return await ctx.lanes.blocking(ctx.account, _on_auxiliary, path, query, limit_ns, ctx.data.room, flush)


def _on_auxiliary(
    path: "Path", query: Query, limit_ns: int, room: "Room | None", flush: Callable[[], object]
) -> orjson.Fragment:
    """In a thread: what was logged so far is written first, so that a script finds it."""
    flush()
    db = Database(path)
    try:
        db.deadline_ns = monotonic_ns() + limit_ns
        db.rows_bytes_max = scripted.ROWS_BYTES_MAX
        if scripted.is_select(query.sql):
            return patiently(db, query.select)
        if scripted.is_question(query.sql):
            with suppress(WritesError):
                return patiently(db, query.look)
        _bound_size(db, room)
        db.write_limit_ns = limit_ns
        with db.transaction():
            return query.told(patiently(db, query.change))
    finally:
        db.close()


def _bound_size(db: Database, room: "Room | None") -> None:
    """Keep the tenant's quota."""
    if room is None:
        return
    if room.watch.short:
        raise NoRoomError(SHORT)
    room.dirty = True
    if room.log_bytes_max:
        page_bytes = db.once("PRAGMA page_size")[0][0]
        db.once(f"PRAGMA max_page_count={max(1, room.log_bytes_max // page_bytes)}")


OPS: dict[str, Operation] = {"sql": sql}
