"""Who waits for a process of a tenant's, in line: a run, or whoever wants a process for himself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from worker.errors import ApiError
    from worker.hooks.leased import Leased
    from worker.hooks.standing import Standing


class Waiter:
    """Somebody who waits for a process: who has the future, for a run or for himself; or a run that was sent away."""

    __slots__ = ("fresh", "future", "run")

    def __init__(
        self, future: "asyncio.Future[Leased] | None" = None, *, fresh: bool = False, run: "Standing | None" = None
    ) -> None:
        self.future = future
        self.fresh = fresh
        self.run = run

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return (self.future is not None and self.future.done()) or (self.run is not None and self.run.is_over)

    @property
    def may_stand(self) -> bool:
        """Whether a place behind another run would do."""
        return self.run is not None and self.run.handler is not None

    def give(self, leased: "Leased") -> None:
        """A process, which is at work from now on."""
        if self.run is not None:
            self.run.begin(leased)
        if self.future is not None:
            self.future.set_result(leased)

    def stand(self, leased: "Leased") -> None:
        """A place behind others."""
        assert self.run is not None
        leased.stand(self.run)
        if self.future is not None:
            self.future.set_result(leased)

    def refuse(self, error: "ApiError") -> None:
        """There is none."""
        if self.future is None:
            assert self.run is not None
            self.run.end(error)
        elif not self.future.done():
            self.future.set_exception(error)
