"""A change of settings: its events, the stored row, and what follows it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from worker.context import Context
from worker.db.connection import Database
from worker.db.migrations import write_template
from worker.errors import ApiError, ValidationErrors
from worker.lanes import Lanes
from worker.services.settings import Batch, LogsSettings, Meta, TenantSettings
from worker.services.settingschange import (
    RATES,
    Change,
    list_settings,
    reload_settings,
    save_settings,
    update_settings,
)
from worker.sql import stamp
from worker.unit import transaction

NAMED = TenantSettings(meta=Meta(app_name="Named"))
NAMELESS = TenantSettings(meta=Meta(app_name=""))
DAY_MS = 86_400_000
LEVELS = "SELECT `level` FROM `_logs` ORDER BY `created`"


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    pb_data = tmp_path / "pb_data"
    pb_data.mkdir()
    write_template(pb_data)
    lanes = Lanes(inline_budget_ms=1000, read_timeout_s=5, pool_threads=1)
    context = Context("t", tmp_path, lanes, write_limit_s=5, log_queue_max=100)
    yield context
    context.close()
    lanes.close()


def row(ctx: Context) -> tuple[Any, ...]:
    found = ctx.data.one("SELECT typeof(`value`), `value`, `created`, `updated` FROM `_params` WHERE `id` = 'settings'")
    assert found is not None
    return found


def to(new: TenantSettings) -> Change:
    return lambda _: new


def note(ctx: Context, heard: list[str], *names: str) -> None:
    """Have the events `names` leave theirs in `heard`, before and after what they are about."""
    for name in names:

        async def handler(event: Any, name: str = name) -> None:
            heard.append(name)
            await event.next()
            heard.append(f"/{name}")

        ctx.bus.on(name, handler)


def test_a_change_is_stored_and_in_force(ctx: Context, run: Any) -> None:
    before = row(ctx)
    ctx.caches[RATES] = "counts"
    shown = run(update_settings(ctx, to(NAMED)))
    assert shown == NAMED.shown()
    assert ctx.settings == TenantSettings.load(ctx.data) == NAMED
    assert RATES not in ctx.caches
    kind, value, created, updated = row(ctx)
    assert (kind, value, created) == ("blob", NAMED.stored(), before[2])
    assert updated > before[3]


def test_a_lost_row_is_made_anew(ctx: Context, run: Any) -> None:
    ctx.data.once("DELETE FROM `_params`")
    run(update_settings(ctx, to(NAMED)))
    kind, value, created, updated = row(ctx)
    assert (kind, value) == ("blob", NAMED.stored())
    assert created == updated


def test_events_are_around_what_they_are_about(ctx: Context, run: Any) -> None:
    heard: list[str] = []
    note(ctx, heard, "onSettingsListRequest", "onSettingsUpdateRequest", "onSettingsReload")
    assert run(list_settings(ctx)) == TenantSettings().shown()
    run(update_settings(ctx, to(NAMED)))
    run(reload_settings(ctx))
    assert heard == [
        *("onSettingsListRequest", "/onSettingsListRequest"),
        *("onSettingsUpdateRequest", "onSettingsReload", "/onSettingsReload", "/onSettingsUpdateRequest"),
        *("onSettingsReload", "/onSettingsReload"),
    ]


def test_a_handler_may_want_something_else(ctx: Context, run: Any) -> None:
    async def handler(event: Any) -> None:
        assert (event.old, event.new) == (TenantSettings(), NAMELESS)
        event.new = NAMED
        await event.next()

    ctx.bus.on("onSettingsUpdateRequest", handler)
    assert run(update_settings(ctx, to(NAMELESS)))["meta"]["appName"] == "Named"


@pytest.mark.parametrize(
    ("new", "error", "data"),
    [
        (NAMELESS, ApiError, {"meta": {"appName": {"code": "validation_required", "message": "Cannot be blank."}}}),
        (TenantSettings(superuser_ips=("1.1.1.1",) * 10_000), ApiError, {}),
    ],
)
def test_a_bad_change_changes_nothing(
    ctx: Context, run: Any, new: TenantSettings, error: type[ApiError], data: dict[str, Any]
) -> None:
    heard: list[str] = []
    note(ctx, heard, "onSettingsReload")
    before, in_force = row(ctx), ctx.settings
    with pytest.raises(error) as raised:
        run(update_settings(ctx, to(new)))
    assert (raised.value.status, raised.value.data) == (400, data)
    assert row(ctx) == before
    assert ctx.settings is in_force
    assert heard == []


def test_two_changes_at_the_same_time_both_last(ctx: Context, run: Any) -> None:
    """Both are made of the same settings, while somebody else writes."""
    addresses = ("127.0.0.1",)

    async def changes() -> None:
        async with transaction(ctx):
            both = [
                asyncio.create_task(update_settings(ctx, lambda old: msgspec.structs.replace(old, meta=NAMED.meta))),
                asyncio.create_task(
                    update_settings(ctx, lambda old: msgspec.structs.replace(old, superuser_ips=addresses))
                ),
            ]
            while ctx.writer.free or len(both) > ctx.writer.queued:
                await asyncio.sleep(0)
        await asyncio.gather(*both)

    run(changes())
    assert ctx.settings == TenantSettings.load(ctx.data)
    assert (ctx.settings.meta, ctx.settings.superuser_ips) == (NAMED.meta, addresses)


def test_a_change_within_a_transaction_is_in_force_once_that_is_done(ctx: Context, run: Any) -> None:
    heard: list[str] = []
    note(ctx, heard, "onSettingsReload")

    async def change() -> None:
        async with transaction(ctx) as inner:
            await save_settings(inner, to(NAMED))
            assert inner.settings == NAMED
            assert ctx.settings == TenantSettings()
            with pytest.raises(ValidationErrors):
                await save_settings(inner, to(NAMELESS))
            assert heard == []

    run(change())
    assert ctx.settings == NAMED
    assert heard == ["onSettingsReload", "/onSettingsReload"]


def test_a_change_that_is_rolled_back_was_never_there(ctx: Context, run: Any) -> None:
    before = row(ctx)

    async def change_and_fail(outer: Context) -> None:
        async with transaction(outer) as inner:
            await save_settings(inner, to(NAMED))
            assert inner.settings == NAMED
            raise KeyError

    async def change() -> None:
        async with transaction(ctx) as inner:
            with pytest.raises(KeyError):
                await change_and_fail(inner)
            assert inner.settings == TenantSettings()

    with pytest.raises(KeyError):
        run(change_and_fail(ctx))
    assert ctx.settings == TenantSettings()
    run(change())
    assert row(ctx) == before
    assert ctx.settings == TenantSettings()


@pytest.mark.parametrize(
    ("logs", "kept"),
    [
        (LogsSettings(), [8, 0, 8]),
        (LogsSettings(max_days=3), [8]),
        (LogsSettings(max_days=4), [0, 8]),
        (LogsSettings(min_level=1), [8, 8]),
        (LogsSettings(min_level=9), []),
        (LogsSettings(max_days=0), []),
        (LogsSettings(max_days=2**53 - 1, min_level=-(2**63)), [0, 8, 0, 8]),
    ],
)
def test_the_log_keeps_what_the_settings_want(ctx: Context, run: Any, logs: LogsSettings, kept: list[int]) -> None:
    db = Database(ctx.logs.path)
    now_ms = db.value("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
    for days, level in ((5.001, 0), (4.999, 8), (3.001, 0), (0.001, 8)):
        db.once("INSERT INTO `_logs` (`level`, `created`) VALUES (?, ?)", (level, stamp(now_ms - int(days * DAY_MS))))
    run(update_settings(ctx, to(msgspec.structs.replace(NAMED, logs=logs, batch=Batch(enabled=True)))))
    assert ctx.logs.settings == logs
    assert [level for (level,) in db.all(LEVELS)] == kept
    db.close()


def test_a_change_succeeds_though_no_thread_is_free_for_what_follows(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise ApiError(429)

    monkeypatch.setattr(Lanes, "blocking", refused)
    asyncio.run(save_settings(ctx, lambda _: NAMED))
    assert ctx.settings.meta.app_name == "Named"
    assert TenantSettings.load(ctx.data) == ctx.settings
