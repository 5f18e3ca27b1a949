"""The events of a tenant's life: `onBootstrap` when it is opened, `onTerminate` when it is closed or has new scripts.

They are bound by scripts alone, so they are run over the handlers of one `Hooks`, not over the bus: while scripts are
replaced two sets of them exist.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from worker.events import Event
from worker.services.settingschange import SettingsReloadEvent

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.hooks import Hooks

log = logging.getLogger("pocker.hooks")

BOOTSTRAP = "onBootstrap"
TERMINATE = "onTerminate"
RELOAD = "onSettingsReload"
# A tenant that is closed is waited for so long; what its scripts have not done by then is cut off.
TERMINATE_TIMEOUT_S = 5.0
NOT_BOOTSTRAPPED = "an onBootstrap handler has not called e.next()"


class BootstrapEvent(Event):
    """The tenant is being opened. Its default action makes it `done`."""

    __slots__ = ("done",)

    def __init__(self, context: "Context") -> None:
        super().__init__(context)
        self.done = False


class TerminateEvent(Event):
    """The tenant is being closed, or (`is_restart`) its scripts are about to be replaced."""

    __slots__ = ("is_restart",)

    def __init__(self, context: "Context", *, is_restart: bool) -> None:
        super().__init__(context)
        self.is_restart = is_restart


class BootstrapError(Exception):
    """A handler has prevented the opening without an error of its own."""


async def bootstrap(hooks: "Hooks") -> None:
    """Run `onBootstrap`. Raises what a handler has thrown, or BootstrapError."""
    handlers, of_settings = hooks.of(BOOTSTRAP), hooks.of(RELOAD)
    if not handlers and not of_settings:
        return
    event = BootstrapEvent(hooks.ctx)

    async def done(event: BootstrapEvent) -> None:
        event.done = True
        await SettingsReloadEvent(event.context).run([*of_settings, _nothing])

    await event.run([*handlers, done])
    if not event.done:
        raise BootstrapError(NOT_BOOTSTRAPPED)


async def terminate(hooks: "Hooks", *, is_restart: bool, timeout_s: float = TERMINATE_TIMEOUT_S) -> None:
    """Run `onTerminate`, for so long at most. What goes wrong is logged: nothing depends on it any more."""
    handlers = hooks.of(TERMINATE)
    if not handlers:
        return
    try:
        async with asyncio.timeout(timeout_s):
            await TerminateEvent(hooks.ctx, is_restart=is_restart).run([*handlers, _nothing])
    except TimeoutError:
        hooks.warn(f"onTerminate was cut off after {timeout_s:g} s")
    except Exception as error:
        hooks.warn(f"onTerminate has failed: {error}")


async def _nothing(event: Event) -> None:
    del event
