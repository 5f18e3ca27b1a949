"""What an operation gets: the call of a tenant's script that it answers, and the errors it may raise.

An operation is a plain coroutine function of the call and of what the script passed, which is JSON and not to be
trusted in any way:

    async def find_record(call: Call, app: int, collection: str, record_id: str) -> Wire: …

It answers something that `orjson` writes. It may wait; while it does, the script waits too. ApiError, ValidationErrors
and apsw.Error arrive in the script as what they would be in the real one; `GoError` as an error of Go's.
"""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from worker.errors import HookError

if TYPE_CHECKING:
    from supervisor.contract.plan import Plan
    from worker.context import Context
    from worker.events import Event
    from worker.hooks.hooks import Hooks
    from worker.hooks.shared import Shared


class GoError(HookError):
    """What a script sees as an error of Go's: `GoError: message`."""


class Refused(GoError):  # noqa: N818 (it is an answer)
    """Something that scripts may not do here; the message says why."""


class Call(Protocol):
    """One run of a tenant's script: from the outermost event that found a handler to its end."""

    # the tenant's hooks: its name, files, store, outer context
    hooks: "Hooks"
    # the records and other things that both sides hold, by handle
    shared: "Shared"
    # what operations keep for the time of the run, by their own names
    extras: dict[str, Any]

    @property
    def plan(self) -> "Plan":
        """The limits of the tenant."""

    @property
    def event(self) -> "Event | None":
        """The innermost event whose handler is running; None for scheduled jobs and the like."""

    def context(self, app: object) -> "Context":
        """The context that an `$app` of the script stands for (its number). GoError for one that is over."""

    def app_of(self, ctx: "Context") -> int:
        """The number under which the script knows a context: 0 for the tenant's outer one."""

    def part(self, ctx: "Context") -> None:
        """A transaction is over: the script's `$app` of its context is, too."""

    def end(self, why: Exception) -> None:
        """End the run, here and now; who waits for it gets `why`."""

    async def run(self, name: str, data: object) -> Any:
        """Have the script run something of its own while it waits for this operation; its value. Raises its error."""

    def spend(self, budget: str, amount: int = 1) -> None:
        """Take `amount` of one of the run's budgets (calls, log_lines, bytes…). GoError once it is used up."""


Operation = Callable[..., Coroutine[Any, Any, Any]]
