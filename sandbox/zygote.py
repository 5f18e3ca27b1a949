"""The zygote: a process that has loaded the prelude once, and forks itself for each child that a worker asks for.

It is executed afresh, so that nothing of its worker's memory is in it, and walls itself in before it serves. It talks
over one socket (its descriptor 0, datagrams of JSON in order), which no child ever has:

    worker → zygote   {"fork": number, "memory_mb": …, "cpu_s": …}          with the child's end of its socket
    zygote → worker   {"walls": {name: why not, or ""}, "kb": own memory}   once, when it serves; or {"failed": why}
                      {"forked": number, "pid": …}                          with a pidfd, from before it could be reaped
                      {"failed": why, "forked": number}
                      {"over": pid, "status": …, "cpu_ns": …, "rss_kb": …}   a child has ended; below zero: by a signal

When the socket ends, so does the zygote, and the kernel ends its children with it.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from sandbox import kernel, lockdown, syscalls
from sandbox.child import LOOP_ENDED, SOCKET, UNWALLED, Script
from sandbox.limits import Limits

MESSAGE_BYTES_MAX = 1 << 14
PROBE = Limits(memory_mb=16, cpu_s=10)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main(order: str) -> None:
    """Serve the worker on descriptor 0; `order` is {"user": who scripts run as, "parent": the worker's pid}."""
    control = socket.socket(fileno=os.dup(SOCKET))
    try:
        zygote = Zygote(control, **json.loads(order))
    except lockdown.NoWalls as reason:
        control.send(json.dumps({"failed": str(reason)}).encode())
    except Exception as error:  # nobody else would say what it was
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
    else:
        zygote.run()


class Zygote:
    """The process, walled in and ready to fork."""

    def __init__(self, control: socket.socket, user: str, parent: int) -> None:
        self._control = control
        self._children: dict[int, int] = {}  # pid by pidfd
        self._poll = select.poll()
        try:
            self._program = syscalls.program()
        except KeyError:
            raise lockdown.NoWalls(f"there is no filter of system calls for {kernel.machine()}") from None
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self._files_max = most if 0 < most <= 1 << 20 else 1 << 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._files_max, self._files_max))
        os.closerange(0, control.fileno())
        os.closerange(control.fileno() + 1, self._files_max)
        self._script = Script()
        gc.collect()
        gc.freeze()
        pages = Path("/proc/self/statm").read_bytes().split()
        self._mapped_bytes = int(pages[0]) * PAGE_BYTES
        private_kb = (int(pages[1]) - int(pages[2])) * PAGE_BYTES // 1024
        self._pid = os.getpid()
        # a child that is given something to do does not push aside who gave it, nor anybody else who is at work
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        self._walls = lockdown.of_zygote(user, parent)
        self._probe()
        self._say({"walls": self._walls, "kb": private_kb})

    def run(self) -> NoReturn:
        """Serve until the worker is gone.

        The script loop is begun here, once: it asks for its first order, and the processes are forked in the middle of
        that. So nothing is evaluated in a child before it is ready, which would touch, and copy, most of its memory.
        """
        try:
            self._script.live(self._serve)
        finally:
            os._exit(LOOP_ENDED)

    def _serve(self) -> None:
        """Fork what is asked for, tell what ended. Returns in each child, never here."""
        self._poll.register(self._control, select.POLLIN)
        while True:
            for fd, _ in self._poll.poll():
                if fd != self._control.fileno():
                    self._reap(fd)
                elif self._take():
                    return

    def _take(self) -> bool:
        """One order of the worker's; whether this is the child that was made."""
        message, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES_MAX, 1)
        if not message:
            os._exit(0)
        order = json.loads(message)
        number = order.pop("fork")
        try:
            pid = os.fork()
        except OSError as error:
            self._say({"failed": f"fork: {error.strerror}", "forked": number})
        else:
            if pid == 0:
                try:
                    self._lock(fds[0], Limits(**order))
                except BaseException:
                    os._exit(UNWALLED)
                return True
            pidfd = os.pidfd_open(pid)
            self._children[pidfd] = pid
            self._poll.register(pidfd, select.POLLIN)
            self._say({"forked": number, "pid": pid}, pidfd)
        for fd in fds:
            os.close(fd)
        return False

    def _lock(self, fd: int, limits: Limits) -> None:
        """In a child, whose socket is `fd`: put up its walls. OSError where one fails that has to stand."""
        if fd != SOCKET:
            os.dup2(fd, SOCKET)
        os.closerange(SOCKET + 1, self._files_max)
        lockdown.of_child(limits, self._mapped_bytes, self._program, self._pid)

    def _reap(self, pidfd: int) -> None:
        """A child has ended."""
        pid = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status, usage = os.wait4(pid, 0)
        self._say(
            {
                "over": pid,
                "status": os.waitstatus_to_exitcode(status),
                "cpu_ns": int((usage.ru_utime + usage.ru_stime) * 1e9),
                "rss_kb": usage.ru_maxrss,
            }
        )

    def _say(self, what: dict[str, Any], *fds: int) -> None:
        message = json.dumps(what, separators=(",", ":")).encode()
        if fds:
            socket.send_fds(self._control, [message], list(fds))
        else:
            self._control.send(message)

    def _probe(self) -> None:
        """A child that does what is forbidden must die of it: a kernel may take a filter and not keep it. NoWalls."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            pid = os.fork()
            if pid == 0:
                try:
                    self._lock(theirs.fileno(), PROBE)
                    os.getppid()
                except OSError as error:
                    os.write(SOCKET, str(error).encode())
                finally:
                    os._exit(LOOP_ENDED)
            theirs.close()
            said = ours.recv(MESSAGE_BYTES_MAX)
            _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGSYS:
            why = said.decode() or "the kernel does not keep the filter of system calls"
            raise lockdown.NoWalls(f"the filter of system calls cannot be had: {why}")
        self._walls["filter"] = ""
