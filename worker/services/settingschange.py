"""Reading and changing a tenant's settings: the events around it, the stored row, and what follows a change.

What follows is in force at once: the request log keeps what the new settings want and drops the rest, rate limits
begin afresh, everything else looks at `ctx.settings` when it needs to.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, HookError, ValidationErrors, bad_request
from worker.events import Event, Stages, answered, around, quiet
from worker.services.settings import SETTINGS_BYTES_MAX, TenantSettings
from worker.services.settingscheck import check_settings
from worker.sql import stamp
from worker.unit import follow
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

NOT_SAVED = "An error occurred while saving the new settings."
SAVE = (
    "INSERT INTO `_params` (`id`, `value`, `created`, `updated`) VALUES ('settings', ?1, ?2, ?2) "
    "ON CONFLICT (`id`) DO UPDATE SET `value` = ?1, `updated` = ?2"
)
LIST_REQUEST, UPDATE_REQUEST = ("onSettingsListRequest",), ("onSettingsUpdateRequest",)
# Settings have model events alone, by their table.
TABLE = "_params"
UPDATE, VALIDATE = Stages("Update", ""), ("onModelValidate",)
# The rate limits' counts among the caches of a context, which a change forgets.
RATES = "rates"


# What is to become of the settings. It may be asked again, should others change them meanwhile. MalformedError.
Change = Callable[[TenantSettings], TenantSettings]


class TooLarge(ApiError):  # noqa: N818 - it is an answer
    """Settings beyond what their row may take."""


class SettingsListEvent(Event):
    """`onSettingsListRequest`: settings are about to be shown, without their secrets."""

    __slots__ = ("settings",)

    def __init__(self, context: "Context", settings: TenantSettings) -> None:
        super().__init__(context)
        self.settings = settings


class SettingsUpdateEvent(Event):
    """`onSettingsUpdateRequest`: `new` is about to be checked and saved; a handler may put another one in its place."""

    __slots__ = ("new", "old")

    def __init__(self, context: "Context", old: TenantSettings, new: TenantSettings) -> None:
        super().__init__(context)
        self.old = old
        self.new = new


class SettingsEvent(Event):
    """`onModelUpdate` and the like, of settings: they are checked and stored; `error` says why that failed."""

    __slots__ = ("error", "settings")

    def __init__(self, context: "Context", settings: TenantSettings) -> None:
        super().__init__(context)
        self.settings = settings
        self.error: Exception | None = None

    def tags(self, name: str) -> tuple[str, ...]:
        """Handlers are bound by the table."""
        del name
        return (TABLE,)


class SettingsReloadEvent(Event):
    """`onSettingsReload`: changed settings are about to be in force."""

    __slots__ = ()


async def list_settings(ctx: "Context") -> dict[str, Any] | None:
    """The settings as JSON shows them; None where a handler has kept them from being shown."""
    event = SettingsListEvent(ctx, ctx.settings)
    shown: dict[str, Any] | None = None

    async def show(event: SettingsListEvent) -> None:
        nonlocal shown
        shown = event.settings.shown()
        event.answered = True

    await answered(ctx.bus, LIST_REQUEST, event, show)
    return shown


async def update_settings(ctx: "Context", change: Change) -> dict[str, Any] | None:
    """Save what a request makes of the settings; answers them as JSON shows them. ApiError 400 for bad ones.

    None where a handler has kept them from being saved.
    """
    new = change(ctx.settings)
    event = SettingsUpdateEvent(ctx, ctx.settings, new)
    shown: dict[str, Any] | None = None

    async def save(event: SettingsUpdateEvent) -> None:
        nonlocal shown
        # what a handler has put in its place is saved as it is
        wanted = change if event.new is new else lambda _: event.new
        try:
            await save_settings(ctx, wanted)
        except ValidationErrors as error:
            raise bad_request(NOT_SAVED, error.data(), cause=error) from error
        except HookError as error:
            raise bad_request(NOT_SAVED, cause=error) from error
        shown = ctx.settings.shown()
        event.answered = True

    await answered(ctx.bus, UPDATE_REQUEST, event, save)
    return shown


async def save_settings(ctx: "Context", change: Change) -> None:
    """Store what `change` makes of the settings, and have it in force.

    ValidationErrors for bad ones, ApiError 400 for too large ones, HookError where a handler refuses them. Two changes
    at the same time both last, unless a handler hears of them.
    """
    try:
        if quiet(ctx.bus, UPDATE.every) and quiet(ctx.bus, VALIDATE):
            await _store(ctx, change, checked=False)
        else:
            await _save_loudly(ctx, change(ctx.settings))
    except TooLarge:
        raise
    except ApiError as error:  # whatever a handler wanted to answer with
        raise HookError(error.message) from error


async def _save_loudly(ctx: "Context", new: TenantSettings) -> None:
    async def execute(event: SettingsEvent) -> None:
        await _store(event.context, lambda _: event.settings, checked=True)

    async def check(event: SettingsEvent) -> None:
        _check(event.settings)

    async def default(event: SettingsEvent) -> None:
        await around(ctx.bus, VALIDATE, event, check)
        await around(ctx.bus, UPDATE.execute, event, execute)

    async def failed(ctx: "Context", error: Exception) -> None:
        told = SettingsEvent(ctx, new)
        told.error = error
        await around(ctx.bus, UPDATE.failure, told, _nothing)

    async def succeeded(ctx: "Context") -> None:
        await around(ctx.bus, UPDATE.success, SettingsEvent(ctx, new), _nothing)
        await reload_settings(ctx)

    try:
        await around(ctx.bus, UPDATE.around, SettingsEvent(ctx, new), default)
    except Exception as error:
        await failed(ctx, error)
        raise
    await follow(ctx, succeeded, failed)


async def _nothing(event: SettingsEvent) -> None:
    del event


def _check(settings: TenantSettings) -> None:
    errors = check_settings(settings)
    if errors:
        raise ValidationErrors(errors)


async def _store(ctx: "Context", change: Change, *, checked: bool) -> None:
    """Check and write; the settings are in force once it is certain. One that is `checked` has its handlers."""

    async def save(ctx: "Context") -> None:
        unit = ctx.unit
        assert unit is not None
        new = change(ctx.settings)
        stored = new.stored()
        if len(stored) > SETTINGS_BYTES_MAX:
            raise TooLarge(400, f"The settings take more than {SETTINGS_BYTES_MAX} bytes.")
        if not checked:
            _check(new)
            unit.after.append(reload_settings)
        unit.undone.append(_reread)
        ctx.data.once(SAVE, (stored, stamp(time.time_ns() // 1_000_000)))
        if ctx.is_inner:
            ctx.settings = new  # for the rest of the transaction; otherwise they are loaded right after it

    await write(ctx, save)


async def reload_settings(ctx: "Context") -> None:
    """Have the stored settings in force."""
    await ctx.bus.trigger("onSettingsReload", SettingsReloadEvent(ctx), _reload)


async def _reload(event: SettingsReloadEvent) -> None:
    ctx = event.context
    ctx.settings = TenantSettings.load(ctx.data)
    ctx.logs.settings = ctx.settings.logs
    ctx.caches.pop(RATES, None)
    with suppress(ApiError):  # no thread for it: that is no failure of the change, which is in force
        await ctx.lanes.blocking(ctx.account, ctx.logs.prune)


async def _reread(ctx: "Context", error: Exception) -> None:
    del error
    ctx.settings = TenantSettings.load(ctx.data)
