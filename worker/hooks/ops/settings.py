"""`$app.settings()`: the tenant's settings with their secrets, and saving what a script makes of them."""

from typing import TYPE_CHECKING, Any

from worker.errors import ValidationErrors
from worker.hooks.calls import Call, GoError, Operation
from worker.services import settingsform
from worker.services.settings import TenantSettings
from worker.services.settingschange import reload_settings, save_settings
from worker.services.settingscheck import check_settings

if TYPE_CHECKING:
    from worker.context import Context

# The settings that a run's script knows, among what is kept for the run.
TOLD = "settings"


async def get(call: Call, app: object, known: object) -> dict[str, Any] | None:
    """All values; None where the script has them in this run, so that what it has changed stays its own."""
    settings = call.context(app).settings
    if known is True and call.extras.get(TOLD) is settings:
        return None
    call.extras[TOLD] = settings
    return settings.tree()


async def save(call: Call, app: object, tree: object) -> None:
    """Store what a script has made of them. ValidationErrors, MalformedError."""
    ctx = call.context(app)
    wanted = settings_in(ctx, tree)
    await save_settings(ctx, lambda _: wanted)
    call.extras[TOLD] = ctx.settings


async def check(call: Call, app: object, tree: object) -> None:
    """Say what is wrong with them."""
    errors = check_settings(settings_in(call.context(app), tree))
    if errors:
        raise ValidationErrors(errors)


async def reload(call: Call, app: object) -> None:
    """Have the stored ones in force."""
    await reload_settings(call.context(app))


def settings_in(ctx: "Context", tree: object) -> TenantSettings:
    """What a script has made of the settings. GoError, MalformedError."""
    if not isinstance(tree, dict):
        raise GoError("the settings are missing")
    return TenantSettings.of(settingsform.merge(ctx.settings.tree(), tree, exact=True))


OPS: dict[str, Operation] = {
    "settings.get": get,
    "settings.save": save,
    "settings.check": check,
    "settings.reload": reload,
}
