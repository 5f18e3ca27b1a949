"""Changed script files of live tenants are noticed: by a look at names, sizes and times, about once a second.

Who was used just now is looked at each time, the others by turns. Looks are for some microseconds a file, and are taken
in a thread, many tenants in one go, at the server's expense.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from worker.hooks import files
from worker.hooks.scripts import Scripts
from worker.hooks.starting import Live

if TYPE_CHECKING:
    from worker.context import Context

LOOK_EVERY_S = 1.0
# Who was used within this time is looked at each time; all others within so many looks.
LATELY_S = 3.0
TURNS = 15


class Watch:
    """Looks at the files of one worker's live tenants. `apart` does blocking work in a thread."""

    def __init__(self, scripts: Scripts, apart: Callable[[Callable[[], object]], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._apart = apart
        self._turn = 0

    async def keep(self, latest: Callable[[], Iterator["Context"]], now: Callable[[], float]) -> None:
        """Look from time to time, for ever. `latest` are the live tenants, last used first; `now` is their clock."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look(latest, now() - LATELY_S)

    async def look(self, latest: Callable[[], Iterator["Context"]], since: float) -> None:
        """One look: at the tenants used since then, and some of the others."""
        scripts = self._scripts
        names = [ctx.name for ctx in takewhile(lambda ctx: ctx.used_at >= since, latest())]
        names += self._others(set(names))
        wanted = [live for name in names if (live := scripts.live(name)) is not None and live.task is None]
        if not wanted:
            return
        found: list[tuple[Live, files.State]] = []
        directories = [live.ctx.directory for live in wanted]

        def look() -> None:
            found.extend(zip(wanted, map(_state, directories), strict=True))

        await self._apart(look)
        for live, state in found:
            # who writes at this very moment is looked at again
            if (state != live.state and state.is_settled) or scripts.due(live):
                scripts.changed(live, state)

    def _others(self, seen: set[str]) -> list[str]:
        """Those whose turn it is."""
        self._turn = (self._turn + 1) % TURNS
        names = self._scripts.names()
        return [name for number, name in enumerate(names) if number % TURNS == self._turn and name not in seen]


def _state(directory: Path) -> files.State:
    try:
        return files.state(directory)
    except (files.FilesError, OSError):
        return files.UNKNOWN
