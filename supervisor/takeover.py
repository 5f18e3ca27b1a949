"""What one image of the supervisor leaves to the next when it replaces its own code by exec: same pid, same children.

    old image:  State ──► a file in memory ──► its descriptor's number in POCKER_TAKEOVER ──► exec
    new image:  reads it at its start instead of making sockets, links and slots, and adopts the workers

Every descriptor in `State` survives the exec; all others close by themselves. Signals are blocked from before the exec
until the new image handles them, and an alarm ends an image that has not taken over in time: then its workers end
cleanly, as after any death of their supervisor, instead of being left alone without a word.

`POCKER_TAKEOVER=check` has a process only tell that it would start, and which version of the state it reads.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from supervisor.contract.plan import Verdict

VARIABLE = "POCKER_TAKEOVER"
CHECK = "check"
VERSION = 1
"""Raised whenever a new release could not go on with the workers or the state of an older one: messages of the channel,
frames of the links, slots, or the fields below changed their meaning."""
ALARM_S = 120
TOLD = "pocker: ready to take over, state {}"
BLOCKED = (
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
    signal.SIGCHLD,
)


class Sitting(msgspec.Struct):
    """A worker that goes on. `unread` was received from its channel and is no whole message yet."""

    shard: int
    berth: int
    pid: int
    age: int
    started: float
    channel: int
    heartbeat: int
    unread: bytes = b""


class State(msgspec.Struct):
    """The whole of it; plain numbers are descriptors where nothing else is said. `berths` are the routes."""

    version: int
    listen: str
    data: str
    base_domain: str
    path_prefix: bool
    berths: list[int]
    links: list[tuple[int, int]]
    slots: int
    listener: int
    lock: int
    control: int
    shelf: list[int]
    crew: list[Sitting]
    spawned: dict[int, int]
    verdicts: list[Verdict]
    kept: dict[str, Any]
    takeovers: int = 0
    operators: int = -1  # none
    operators_listen: str = ""
    heirs: dict[int, int] = {}

    def descriptors(self) -> list[int]:
        """Everything that must survive the exec."""
        return [
            *(end for pair in self.links for end in pair),
            *(self.slots, self.listener, self.lock, self.control),
            *self.shelf,
            *((self.operators,) if self.operators >= 0 else ()),
            *(end for sitting in self.crew for end in (sitting.channel, sitting.heartbeat)),
        ]


class Heartbeat:
    """The file whose time an adopted worker touches; what gunicorn's arbiter asks of `worker.tmp`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def last_update(self) -> float:
        """Monotonic seconds."""
        return os.fstat(self._descriptor).st_mtime

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Adopted:
    """A worker that an earlier image forked, as gunicorn's arbiter looks at its workers."""

    def __init__(self, sitting: Sitting) -> None:
        self.pid = sitting.pid
        self.age = sitting.age
        self.shard = sitting.shard
        self.berth = sitting.berth
        self.aborted = False
        self.tmp = Heartbeat(sitting.heartbeat)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Meanwhile signals wait: for the new image, or, if there is none, for the end of this."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def succeed(state: State, command: list[str], directory: str) -> None:
    """Becomes the new image; comes back only with an OSError raised, and then everything is as before.

    To be called `undisturbed`.
    """
    memory = os.memfd_create("pocker-takeover")
    surviving = [*state.descriptors(), memory]
    before = Path.cwd()
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(msgspec.msgpack.encode(state))
        for descriptor in surviving:
            os.set_inheritable(descriptor, True)
        os.chdir(directory)
        signal.alarm(ALARM_S)
        os.execve(command[0], command, {**os.environ, VARIABLE: str(memory)})  # noqa: S606 (our own command line)
    finally:
        signal.alarm(0)
        os.chdir(before)
        for descriptor in surviving:
            os.set_inheritable(descriptor, False)
        os.close(memory)


def inherited() -> State | str | None:
    """What the process was started for: to go on (State), only to say that it could (CHECK), or to start afresh.

    Raises ValueError when it cannot go on.
    """
    told = os.environ.pop(VARIABLE, "")
    if not told or told == CHECK:
        return told or None
    with open(int(told), "rb") as file:  # noqa: PTH123 (a descriptor)
        file.seek(0)
        state = msgspec.msgpack.decode(file.read(), type=State)
    if state.version != VERSION:
        raise ValueError(f"the state is of version {state.version}, this release reads {VERSION}")
    for descriptor in state.descriptors():
        os.set_inheritable(descriptor, False)
    return state


def taken_over() -> None:
    """The new image is at work: signals arrive again, and the alarm is off."""
    signal.alarm(0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
