"""What is known of a live tenant's scripts, what its requests wait for while they start, and why they could not."""

import asyncio
import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from worker.errors import ApiError, HookError
from worker.hooks import files, lifecycle
from worker.hooks.loader import LoadError

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.children import Children

log = logging.getLogger("pocker.hooks")

REFUSED = "The tenant's scripts can't be loaded."


class Starting:
    """What requests of a tenant wait for while its scripts start: `await ctx.starting`. ApiError 503 if they fail."""

    __slots__ = ("_over", "failure")

    def __init__(self) -> None:
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # why the tenant does not serve
        self.failure: LoadError | None = None

    def __await__(self) -> Generator[Any, None, None]:
        if not self._over.done():
            yield from asyncio.shield(self._over).__await__()
        if self.failure is not None:
            raise ApiError(503, REFUSED, cause=str(self.failure))

    @property
    def is_over(self) -> bool:
        """Whether nothing starts any more."""
        return self._over.done()

    def end(self, failure: LoadError | None = None) -> None:
        """They have started, or have not."""
        self.failure = failure
        if not self._over.done():
            self._over.set_result(None)


class Live:
    """What is known of one live tenant's scripts."""

    __slots__ = ("children", "ctx", "error", "retry_at", "state", "task")

    def __init__(self, ctx: "Context", state: files.State) -> None:
        self.ctx = ctx
        # the state of the files that was last acted on
        self.state = state
        # why the files as they are now are not what serves
        self.error: LoadError | None = None
        # when the same files are tried again (the loop's clock, s)
        self.retry_at = float("inf")
        # what loads or replaces them at the moment
        self.task: asyncio.Task[None] | None = None
        # its processes: those of the scripts that serve, of a look, of replaced ones that end with their runs
        self.children: WeakSet[Children] = WeakSet()


def told(error: Exception, when: str = "") -> LoadError:
    """A failure as one of loading. What a script or the machine does wrong may be otherwise the next time."""
    if isinstance(error, LoadError):
        return error
    text = f"{error.message} {error.cause or ''}".strip() if isinstance(error, ApiError) else str(error)
    if not isinstance(error, ApiError | HookError | lifecycle.BootstrapError | OSError):
        log.exception("scripts can't be loaded", exc_info=error)
        text = f"{type(error).__name__}: {text}"
    return LoadError(when + (text or type(error).__name__), may_pass=True)
