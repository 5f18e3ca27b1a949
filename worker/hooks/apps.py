"""The contexts that a run's script knows, each by the number of its `$app`: 0 the tenant's, others of transactions."""

from typing import TYPE_CHECKING

from worker.hooks.calls import GoError
from worker.hooks.quiet import quiet

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.hooks import Hooks


class Apps:
    """Those of one run."""

    hooks: "Hooks"
    _apps: "dict[int, Context]"

    def context(self, app: object) -> "Context":
        """The context that an `$app` of the script stands for."""
        if app == 0:
            return self.hooks.ctx
        if isinstance(app, int) and app < 0:
            return quiet(self.context(-1 - app))
        context = self._apps.get(app) if isinstance(app, int) else None
        if context is None or _is_over(context):
            raise GoError("the transaction of this $app is over")
        return context

    def app_of(self, ctx: "Context") -> int:
        """The number under which the script knows a context."""
        if ctx is self.hooks.ctx:
            return 0
        for number, known in self._apps.items():
            if known is ctx:
                return number
        # scripts may keep what is over, also for the next run on their process: no number comes twice
        self._apps = {known: each for known, each in self._apps.items() if not _is_over(each)}
        number = int(self.hooks.extras.get("apps", 0)) + 1
        self.hooks.extras["apps"] = number
        self._apps[number] = ctx
        return number

    def part(self, ctx: "Context") -> None:
        """A transaction is over: its context is known no more."""
        self._apps = {number: known for number, known in self._apps.items() if known is not ctx}

    def _versions(self) -> set[int]:
        return {self.hooks.ctx.catalog.version, *(ctx.catalog.version for ctx in self._apps.values())}


def _is_over(context: "Context") -> bool:
    """Whether it was a transaction's, which has ended."""
    return context.is_inner and context.unit is None
