"""`$app.logger()`: entries of the tenant's own log, bounded by the run's budget of lines."""

import time
from contextlib import suppress

import orjson

from worker.fields.jsontext import is_too_deep
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.wire import as_text
from worker.services.logrows import DATA_BYTES_MAX, WARN, Note, cut

MESSAGE_CHARS_MAX = 16_384
LEVEL_MAX = 1 << 31
# What is longer is not read: an entry keeps a few KB of it at most.
READ_BYTES_MAX = 1 << 20
# Among what is kept for the run: that the script has been told that nothing more is written.
SPENT = "log.spent"
NO_MORE = "The script has used up its log lines for one run: the others are not written."


async def write(call: Call, level: object, message: object, data: object) -> None:
    """Write an entry, if the tenant's settings want its level. Beyond the budget a last one says so."""
    if not isinstance(level, int) or isinstance(level, bool) or abs(level) > LEVEL_MAX:
        raise GoError("a level is missing")
    logs = call.hooks.ctx.logs
    if level < logs.settings.min_level or logs.settings.max_days <= 0:
        return
    try:
        call.spend("log_lines")
    except GoError:
        if SPENT not in call.extras:
            call.extras[SPENT] = True
            logs.note(Note(_now_ms(), WARN, NO_MORE, b"{}"))
        return
    raw = as_text(data).encode()
    members = {}
    if len(raw) <= READ_BYTES_MAX:
        with suppress(orjson.JSONDecodeError):
            members = orjson.loads(raw)
        if is_too_deep(members, raw):
            members = {}
    encoded = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    limit = logs.settings.max_data_size or DATA_BYTES_MAX
    if len(encoded) > limit:
        encoded = cut(orjson.loads(encoded), limit)
    if logs.note(Note(_now_ms(), level, as_text(message)[:MESSAGE_CHARS_MAX], encoded)):
        ctx = call.hooks.ctx
        await ctx.lanes.blocking(ctx.account, logs.flush)


async def level(call: Call) -> int:
    """The lowest level that is written."""
    return call.hooks.ctx.logs.settings.min_level


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


OPS: dict[str, Operation] = {"log": write, "log.level": level}
