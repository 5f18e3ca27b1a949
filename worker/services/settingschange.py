"""Reading and changing a tenant's settings: the events around it, the stored row, and what follows a change.

What follows is in force at once: the request log keeps what the new settings want and drops the rest, rate limits
begin afresh, everything else looks at `ctx.settings` when it needs to.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, ValidationErrors, bad_request
from worker.events import Event
from worker.services.settings import SETTINGS_BYTES_MAX, TenantSettings
from worker.services.settingscheck import check_settings
from worker.sql import stamp
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

NOT_SAVED = "An error occurred while saving the new settings."
SAVE = (
    "INSERT INTO `_params` (`id`, `value`, `created`, `updated`) VALUES ('settings', ?1, ?2, ?2) "
    "ON CONFLICT (`id`) DO UPDATE SET `value` = ?1, `updated` = ?2"
)
# The rate limits' counts among the caches of a context, which a change forgets.
RATES = "rates"


# What is to become of the settings. It may be asked again, should others change them meanwhile. MalformedError.
Change = Callable[[TenantSettings], TenantSettings]


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


class SettingsReloadEvent(Event):
    """`onSettingsReload`: changed settings are about to be in force."""

    __slots__ = ()


async def list_settings(ctx: "Context") -> dict[str, Any]:
    """The settings as JSON shows them."""
    event = SettingsListEvent(ctx, ctx.settings)
    shown: dict[str, Any] = {}

    async def show(event: SettingsListEvent) -> None:
        shown.update(event.settings.shown())

    await ctx.bus.trigger("onSettingsListRequest", event, show)
    return shown


async def update_settings(ctx: "Context", change: Change) -> dict[str, Any]:
    """Save what a request makes of the settings; answers them as JSON shows them. ApiError 400 for bad ones."""
    new = change(ctx.settings)
    event = SettingsUpdateEvent(ctx, ctx.settings, new)
    shown: dict[str, Any] = {}

    async def save(event: SettingsUpdateEvent) -> None:
        # what a handler has put in its place is saved as it is
        wanted = change if event.new is new else lambda _: event.new
        try:
            await save_settings(ctx, wanted)
        except ValidationErrors as error:
            raise bad_request(NOT_SAVED, error.data(), cause=error) from error
        shown.update(ctx.settings.shown())

    await ctx.bus.trigger("onSettingsUpdateRequest", event, save)
    return shown


async def save_settings(ctx: "Context", change: Change) -> None:
    """Store what `change` makes of the settings, and have it in force.

    ValidationErrors for bad ones, ApiError 400 for too large ones. Two changes at the same time both last.
    """

    async def save(ctx: "Context") -> None:
        unit = ctx.unit
        assert unit is not None
        new = change(ctx.settings)
        stored = new.stored()
        if len(stored) > SETTINGS_BYTES_MAX:
            raise bad_request(f"The settings take more than {SETTINGS_BYTES_MAX} bytes.")
        errors = check_settings(new)
        if errors:
            raise ValidationErrors(errors)
        unit.after.append(reload_settings)
        unit.undone.append(_reread)
        ctx.data.once(SAVE, (stored, stamp(time.time_ns() // 1_000_000)))
        ctx.settings = new  # for the rest of a transaction around this one

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
