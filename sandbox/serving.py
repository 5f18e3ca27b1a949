"""One zygote process as its worker sees it, from its start to its end; `sandbox.zygote` draws what is said."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandbox.limits import Limits
from sandbox.process import Child, ExitStatus, Process

BOOT = "import sys; sys.path += sys.argv[2:]; from sandbox.zygote import main; main(sys.argv[1])"
# An interpreter outside of the usual places finds its library by it.
KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
ENVIRONMENT = {"TZ": "UTC0", "LANG": "C.UTF-8"}
MESSAGE_BYTES_MAX = 1 << 14
START_TIMEOUT_S = 30.0


class SandboxUnavailable(Exception):  # noqa: N818 (it is a state)
    """There is no process for scripts; the message says why, for the operator."""


class Serving:
    """A zygote. `ready` is done when it serves, or has SandboxUnavailable; `ended` is called once, at its end."""

    def __init__(self, user: str, ended: Callable[["Serving"], None]) -> None:
        """Starts the process. OSError, SandboxUnavailable."""
        self._loop = loop = asyncio.get_running_loop()
        self._told = ended
        self._number = 0
        self._forks: dict[int, tuple[Child, asyncio.Future[None]]] = {}
        self.children: dict[int, Child] = {}
        self.ready: asyncio.Future[None] = loop.create_future()
        # wall → why it does not stand, "" where it does; what it had of its own when it began to serve
        self.walls: dict[str, str] = {}
        self.own_kb = 0
        self.last_words = ""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        try:
            with theirs:
                self._popen = _execute(user, theirs)
            self.process = Process(self._popen.pid, os.pidfd_open(self._popen.pid))
        except BaseException:
            self._control.close()
            raise
        self._talks = True
        loop.add_reader(self._control, self._heard)
        loop.add_reader(self.process.pidfd, self._reap)
        self._timer = loop.call_later(START_TIMEOUT_S, self._late)

    async def fork(self, limits: Limits, child: Child) -> None:
        """Make `child` a process that has `theirs` of its socket. SandboxUnavailable."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        child.sock = ours
        self._number += 1
        number = self._number
        forked: asyncio.Future[None] = self._loop.create_future()
        try:
            with theirs:
                order = json.dumps({"fork": number, **limits.message()}).encode()
                socket.send_fds(self._control, [order], [theirs.fileno()])
        except OSError as error:
            raise SandboxUnavailable(f"the zygote does not listen: {error.strerror}") from error
        self._forks[number] = (child, forked)
        try:
            await forked
        finally:
            self._forks.pop(number, None)

    def kill(self) -> None:
        """End it, and with it its children."""
        self.process.kill()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _heard(self) -> None:
        """Messages."""
        while self._talks:
            try:
                message, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES_MAX, 1)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            if not message:
                self._hang_up()
                self.process.kill()  # what remains is to reap it
                return
            self._settle(json.loads(message), fds)

    def _settle(self, said: dict[str, Any], fds: list[int]) -> None:
        """One message."""
        if "walls" in said:
            self.walls, self.own_kb = said["walls"], said["kb"]
            self._timer.cancel()
            if not self.ready.done():
                self.ready.set_result(None)
        elif "over" in said:
            child = self.children.pop(said["over"], None)
            if child is not None:
                child.end(ExitStatus(said["status"], said["cpu_ns"], said["rss_kb"]))
        elif "forked" not in said:
            self.last_words = said["failed"]
            _refuse(self.ready, self.last_words)
        elif (waiting := self._forks.pop(said["forked"], None)) is None or waiting[1].done():
            for fd in fds:  # nobody waits for it any more
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                os.close(fd)
        elif "failed" in said or not fds:
            _refuse(waiting[1], said.get("failed", "the server is out of descriptors"))
        else:
            child, forked = waiting
            child.begin(said["pid"], fds[0], self.own_kb)
            self.children[child.pid] = child
            forked.set_result(None)

    def _reap(self) -> None:
        """It has ended: its children have too, or are about to, since the kernel ends them with it."""
        self._loop.remove_reader(self.process.pidfd)
        self._heard()  # what it said last
        self._hang_up()
        self.process.cpu_ns()  # for the last time: what wait4 tells includes its children
        _, status, _ = os.wait4(self._popen.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        self.process.close()
        why = self.last_words or f"the zygote has ended with {self._popen.returncode}"
        _refuse(self.ready, why)
        children, self.children = self.children, {}
        for child in children.values():
            child.kill()
            child.end(ExitStatus(-signal.SIGKILL, child.cpu_ns(), 0))
        self._told(self)

    def _hang_up(self) -> None:
        """Nothing more is heard of it, and nothing said."""
        if self._talks:
            self._talks = False
            self._timer.cancel()
            self._loop.remove_reader(self._control)
            self._control.close()
            forks, self._forks = self._forks, {}
            for _, forked in forks.values():
                _refuse(forked, "the zygote has ended")

    def _late(self) -> None:
        """It has not come up."""
        self.last_words = f"the zygote was not ready after {START_TIMEOUT_S:.0f} s"
        self.process.kill()


def _execute(user: str, control: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process, which has nothing of this one but `control`."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    order = json.dumps({"user": user, "parent": os.getpid()})
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", BOOT, order, *_import_path()],
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment | ENVIRONMENT,
        cwd="/",
    )


def _refuse(future: "asyncio.Future[None]", why: str) -> None:
    if not future.done():
        future.set_exception(SandboxUnavailable(why))
        future.exception()  # it may be that nobody waits


def _import_path() -> list[str]:
    """Where this package and the engine are found; nothing else is imported beyond the standard library."""
    engine = find_spec("dukpy")
    if engine is None or engine.origin is None:
        raise SandboxUnavailable("dukpy is not installed")
    return [str(Path(__file__).parent.parent), str(Path(engine.origin).parent.parent)]
