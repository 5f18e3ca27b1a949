"""The hands of the policy: its decisions, given to those who can carry them out.

Nothing here waits or raises: what takes time is begun on the loop, and what goes wrong with it is logged.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from supervisor.contract.messages import Judge
from supervisor.contract.plan import Verdict
from supervisor.crew import Crew, CrewError
from supervisor.moves import Moves
from supervisor.ops.tenancy import Refused, Tenancy
from supervisor.tenants.lifecycle import LifecycleError
from supervisor.tenants.registry import RegistryError

Begin = Callable[[Coroutine[Any, Any, None]], None]


class Measures:
    """`supervisor.act.Hands` of a real server. `verdicts` are those in force: a forked worker inherits them."""

    def __init__(  # noqa: PLR0917 (its parts)
        self,
        begin: Begin,
        crew: Crew,
        moves: Moves,
        tenancy: Tenancy,
        verdicts: dict[str, Verdict],
        log: logging.Logger,
    ) -> None:
        self._begin = begin
        self._crew = crew
        self._moves = moves
        self._tenancy = tenancy
        self._verdicts = verdicts
        self._log = log

    def send_signal(self, pid: int, number: int) -> None:
        """To a worker; one that is already gone is nothing to do."""
        self._crew.kill(pid, number)

    def judge(self, verdict: Verdict) -> None:
        """A worker that is forked before the others are told has it from memory; told twice does no harm."""
        verdict.enter(self._verdicts)
        self._do(self._crew.tell_all(lambda number: Judge(number, verdict)), f"the verdict on tenant {verdict.name}")

    def suspend(self, name: str, reason: str) -> None:
        """As an operator would."""
        self._do(self._tenancy.step("suspend", name, reason), f"the suspension of tenant {name}")

    def move(self, name: str, shard: int, reason: str) -> None:
        """Pinned to that shard from then on."""
        if not self._moves.busy:
            self._do(self._moves.move(name, shard, reason), f"the move of tenant {name}")

    def recycle(self, shard: int, reason: str) -> None:
        """A fresh worker takes over."""
        if not self._moves.busy:
            self._do(self._moves.recycle(shard, reason), f"the recycling of shard {shard}")

    def trim(self, shard: int, idle_s: float, largest: int) -> None:
        """Asked of the worker that serves the shard now."""
        seat = self._crew.seat(shard)
        if seat is not None:
            berth, args = seat.berth, {"idle_s": idle_s, "largest": largest}
            self._do(self._crew.call(lambda: berth, "trim", "", args), f"the trim of shard {shard}")

    def _do(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        async def done() -> None:
            try:
                await work
            except (CrewError, LifecycleError, Refused, RegistryError) as error:
                self._log.error("%s: %s", what, error)
            except Exception:  # nobody waits for it, so nobody else would tell
                self._log.exception("%s", what)

        self._begin(done())
