"""New code without a pause: SIGUSR2 or `pocker upgrade`.

    check   a child process starts the command line anew, up to where it would serve ─► refused with its reason
    quiet   no handover, no departing worker, no command under way; nothing half said on any channel
    exec    the supervisor becomes the new code in place (`supervisor.takeover`)
    renew   the new image replaces the workers one by one, so that they too run the new code

Until the exec nothing has changed, and everything goes on as it was when a step fails.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Protocol

from gunicorn.util import getcwd

from supervisor import takeover
from supervisor.crew import Crew, CrewError
from supervisor.moves import Moves

CHECK_TIMEOUT_S = 60.0
QUIET_TIMEOUT_S = 60.0
QUIET_STEP_S = 0.01
REASON_CHARS_MAX = 500


class UpgradeError(CrewError):
    """Everything stays as it is; one line for the operator."""


class Counter(Protocol):
    """Where commands arrive (`ops.control`)."""

    @property
    def answering(self) -> int:
        """Commands under way."""

    def fileno(self) -> int:
        """Descriptor of what is listened on."""

    def pause(self) -> None:
        """Takes no command for now; who asks waits."""

    def resume(self) -> None:
        """Takes commands again."""


class Upgrade:
    """One upgrade at a time. `due` says that the loop is to stand still for the exec."""

    def __init__(  # noqa: PLR0917 (its parts)
        self,
        loop: asyncio.AbstractEventLoop,
        crew: Crew,
        moves: Moves,
        stand_still: Callable[[], None],
        takeovers: int,
        log: logging.Logger,
    ) -> None:
        self._loop = loop
        self._crew = crew
        self._moves = moves
        self.counter: Counter | None = None
        self._stand_still = stand_still
        self._log = log
        self._checks: dict[int, asyncio.Future[int]] = {}
        self.takeovers = takeovers  # how often the code was replaced since the server's start
        self.under_way = False
        self.failure = ""
        self._failed: asyncio.Future[str] | None = None
        self.due = False
        self.directory = str(getcwd())
        """Where it was started. If the shell came there through a link, the link counts: it may lead to another release
        by now."""

    @property
    def command(self) -> list[str]:
        """The command line of this server, to be started again."""
        return [sys.executable, *sys.orig_argv[1:]]

    @property
    def _door(self) -> Counter:
        assert self.counter is not None, "wired before anything runs"
        return self.counter

    def begin(self) -> None:
        """SIGUSR2."""
        self._moves.begin(self._run())

    async def ask(self) -> None:
        """An operator's command: returns when the new code was found to start, and the upgrade goes on. Raises
        UpgradeError."""
        if self.under_way:
            raise UpgradeError("an upgrade is under way")
        self.failure = ""
        await self._check()
        self._moves.begin(self._run(checked=True))

    def child_ended(self, pid: int, status: int) -> None:
        """A process that is no worker was reaped."""
        check = self._checks.pop(pid, None)
        if check is not None and not check.done():
            check.set_result(os.waitstatus_to_exitcode(status))

    def failed(self, reason: str) -> None:
        """The exec did not succeed."""
        self.due = False
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(reason)

    async def _run(self, *, checked: bool = False) -> None:
        if self.under_way:
            raise UpgradeError("an upgrade is under way")
        self.under_way, self.failure = True, ""
        try:
            if not checked:
                await self._check()
            self._door.pause()
            try:
                # commands first: one of them may wait for the lock
                await self._until(lambda: not self._door.answering, "commands are still under way")
                async with self._moves.lock:
                    await self._moves.quiet()
                    await self._until(lambda: self._crew.quiet, "workers are still busy or missing")
                    self._log.info("the new code takes over: %s", " ".join(self.command))
                    self._failed = self._loop.create_future()
                    self.due = True
                    self._stand_still()
                    await asyncio.wait([self._failed], timeout=QUIET_TIMEOUT_S)
                    reason = self._failed.result() if self._failed.done() else "something went on all the time"
                    raise UpgradeError(f"no upgrade: {reason}")
            finally:
                self._door.resume()
        except UpgradeError as error:
            self.failure = str(error)
            self._moves.note("upgrade", "", -1, str(error))
            raise
        finally:
            self.due = False
            self.under_way = False

    async def _check(self) -> None:
        """Whether the command line, started now, would serve and could go on with what there is."""
        with open(os.memfd_create("pocker-check"), "w+b") as output:  # noqa: PTH123 (a descriptor)
            try:
                child = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.directory,
                    env={**os.environ, takeover.VARIABLE: takeover.CHECK},
                )
            except OSError as error:
                raise UpgradeError(f"no upgrade: {self.command[0]} cannot be started: {error.strerror}") from error
            ended = self._checks[child.pid] = self._loop.create_future()
            try:
                await asyncio.wait([ended], timeout=CHECK_TIMEOUT_S)
            finally:  # also where the server stops meanwhile
                if not ended.done():
                    child.kill()
            if not ended.done():
                raise UpgradeError(f"no upgrade: the new code is not ready after {CHECK_TIMEOUT_S:.0f} s")
            child.returncode = ended.result()  # reaped by the arbiter; there is nothing left to wait for
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if ended.result():
            reason = " ".join(said[-REASON_CHARS_MAX:].split()) or f"exit code {ended.result()}"
            raise UpgradeError(f"no upgrade: the new code does not start: {reason}")
        if said.rpartition("\n")[2] != takeover.TOLD.format(takeover.VERSION):
            raise UpgradeError("no upgrade: the new code cannot go on with what runs; start the server again")

    async def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + QUIET_TIMEOUT_S
        while not done():
            if time.monotonic() > deadline:
                raise UpgradeError(f"no upgrade: {otherwise} after {QUIET_TIMEOUT_S:.0f} s")
            await asyncio.sleep(QUIET_STEP_S)
