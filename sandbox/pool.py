"""The worker's side: its zygote, and the children that it has from it.

Everything here runs on the event loop's thread. A zygote is started at its first use, and again after it has died; its
children die with it. `SandboxUnavailable` says why there is no child: then no script runs.
"""

import asyncio
from collections.abc import Callable

from sandbox.child import UNWALLED
from sandbox.frames import HEAD_BYTES, READY, FrameError, length_of, split_call
from sandbox.limits import Limits
from sandbox.process import Child, ExitStatus
from sandbox.serving import SandboxUnavailable, Serving

__all__ = ["Child", "ExitStatus", "Limits", "SandboxUnavailable", "Zygote"]

READY_BYTES_MAX = 256
FORK_TIMEOUT_S = 10.0
# After a start that has failed, nobody tries again for so long.
RETRY_AFTER_S = 5.0


class Zygote:
    """A worker's zygote. `gone` is called when it has ended although nobody closed it."""

    def __init__(self, user: str, *, gone: Callable[[], None] | None = None) -> None:
        self._user = user
        self._gone = gone
        self._serving: Serving | None = None
        self._failed: tuple[float, str] | None = None
        self._spent_ns = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return None if self._serving is None else self._serving.process.pid

    @property
    def walls(self) -> dict[str, str]:
        """Wall → why it does not stand, "" where it does; empty before it serves."""
        return {} if self._serving is None else self._serving.walls

    @property
    def children(self) -> int:
        """How many children live."""
        return 0 if self._serving is None else len(self._serving.children)

    @property
    def cpu_ns(self) -> int:
        """CPU of all zygotes so far, without their children."""
        return self._spent_ns + (0 if self._serving is None else self._serving.process.cpu_ns())

    @property
    def memory_kb(self) -> int:
        """What the zygote takes."""
        return 0 if self._serving is None else self._serving.process.memory_kb()

    async def start(self) -> None:
        """Have it ready, so that the first fork does not wait. SandboxUnavailable."""
        await self._ready()

    async def fork(self, limits: Limits) -> Child:
        """A new child, which waits for what it has to do. SandboxUnavailable, also where it takes too long."""
        serving = await self._ready()
        loop = asyncio.get_running_loop()
        child = Child(loop)
        try:
            async with asyncio.timeout(FORK_TIMEOUT_S):
                await serving.fork(limits, child)
                await _hear_ready(child, loop)
        except BaseException as error:
            child.kill()
            child.close()
            if isinstance(error, TimeoutError):
                raise SandboxUnavailable(f"no process for scripts was ready after {FORK_TIMEOUT_S:.0f} s") from None
            raise
        return child

    def close(self) -> None:
        """End it, and all children with it; those are reported as killed."""
        self._closed = True
        if self._serving is not None:
            self._serving.kill()

    async def _ready(self) -> Serving:
        """One that serves."""
        serving = self._serving
        if serving is None:
            now = asyncio.get_running_loop().time()
            if self._closed:
                raise SandboxUnavailable("the worker ends")
            if self._failed is not None and now < self._failed[0]:
                raise SandboxUnavailable(self._failed[1])
            try:
                serving = self._serving = Serving(self._user, self._ended)
            except OSError as error:
                self._fail(f"the zygote cannot be started: {error.strerror}")
                raise SandboxUnavailable(self._failed[1] if self._failed else "") from error
        if not serving.ready.done():
            await asyncio.shield(serving.ready)
        serving.ready.result()
        return serving

    def _ended(self, serving: Serving) -> None:
        """That process is no more."""
        self._spent_ns += serving.process.cpu_ns()
        self._serving = None
        error = serving.ready.exception()
        if error is not None:
            self._fail(str(error))
        elif not self._closed and self._gone is not None:
            self._gone()

    def _fail(self, why: str) -> None:
        self._failed = (asyncio.get_running_loop().time() + RETRY_AFTER_S, why)


async def _hear_ready(child: Child, loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the child's first frame. SandboxUnavailable."""
    what = "a process for scripts did not become ready"
    frame = b""
    try:
        while len(frame) < HEAD_BYTES or len(frame) < HEAD_BYTES + length_of(frame, READY_BYTES_MAX):
            chunk = await loop.sock_recv(child.sock, READY_BYTES_MAX)
            if not chunk:
                status = (await child.over).status
                why = "its walls cannot be set up" if status == UNWALLED else f"it ended with {status}"
                raise SandboxUnavailable(f"{what}: {why}")
            frame += chunk
        name, _ = split_call(frame[HEAD_BYTES:])
    except (FrameError, OSError) as error:
        raise SandboxUnavailable(what) from error
    if name != READY:
        raise SandboxUnavailable(f"{what}: it called the server first")
