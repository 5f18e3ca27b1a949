"""Who works on a tenant: operations on one tenant happen one after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from supervisor.tenants.lifecycle import LifecycleError

BUSY_TIMEOUT_S = 10.0


class TenantBusy(LifecycleError):  # noqa: N818 (a name that says what it is)
    """Something else happens to the tenant; one line for the operator."""


class _Hold:
    """Who works on a tenant, and how many want to."""

    __slots__ = ("lock", "op", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.op = ""
        self.users = 0


class Holds:
    """A lock a tenant, kept only while somebody wants it."""

    def __init__(self) -> None:
        self._holds: dict[str, _Hold] = {}

    def __len__(self) -> int:
        return len(self._holds)

    @asynccontextmanager
    async def held(self, name: str, op: str, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Nobody else changes this tenant meanwhile. Raises TenantBusy, saying what goes on, when that takes too long
        to come to (in seconds; None waits for ever)."""
        hold = self._holds.get(name)
        if hold is None:
            hold = self._holds[name] = _Hold()
        hold.users += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await hold.lock.acquire()
            except TimeoutError:
                raise TenantBusy(f"tenant {name} is busy: {hold.op}") from None
            hold.op = op
            try:
                yield
            finally:
                hold.lock.release()
        finally:
            hold.users -= 1
            if not hold.users:
                del self._holds[name]
