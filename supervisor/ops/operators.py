"""The two doors of the operators as the arbiter knows them: the control socket, and the HTTP listener if it is on."""

import asyncio
import importlib.metadata
import logging
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from supervisor.accounting.events import Events
from supervisor.contract.settings import Settings
from supervisor.ops.reports import Reports


class Door(Protocol):
    """One of them."""

    def open(self) -> None:
        """Starts to answer."""

    def shut(self) -> None:
        """Takes nothing new."""

    def leave_parent(self) -> None:
        """In a forked child: closes the inherited sockets."""


class Memory(Protocol):
    """What goes on counting when the supervisor's code is replaced."""

    def keep(self) -> Any:
        """As plain values."""

    def recall(self, kept: Any) -> None:
        """What `keep` gave."""


class Doors:
    """All of them as one, in their order."""

    def __init__(self, *doors: Door | None) -> None:
        self._doors = [door for door in doors if door is not None]

    def open(self) -> None:
        """Starts to answer."""
        for door in self._doors:
            door.open()

    def shut(self) -> None:
        """Takes nothing new; may be called again."""
        for door in self._doors:
            door.shut()

    def leave_parent(self) -> None:
        """In a forked child: closes the inherited sockets."""
        for door in self._doors:
            door.leave_parent()


class Watching(NamedTuple):
    """The listener with /metrics and /healthz, and what the metrics remember; nothing of both where it is off."""

    door: Door | None = None
    memories: Mapping[str, Memory] = {}


def watching(  # noqa: PLR0917 (its parts)
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket | None,
    reports: Reports,
    events: Events,
    settings: Callable[[], Settings],
    log: logging.Logger,
) -> Watching:
    """Where it is off (`sock` is None), what it needs is not even imported, which is a megabyte."""
    if sock is None:
        return Watching()
    from supervisor.ops.health import Health  # noqa: PLC0415
    from supervisor.ops.listener import Listener  # noqa: PLC0415
    from supervisor.ops.metrics import Metrics  # noqa: PLC0415

    brief = partial(reports.live, brief=True)
    metrics = Metrics(brief, lambda: settings().operators.tenants_max, importlib.metadata.version("pocker"))
    health = Health(reports.status, events, settings)
    pages = {"/metrics": metrics.page, "/healthz": health.page}
    listener = Listener(loop, sock, pages, lambda: settings().operators.token, log)
    return Watching(listener, {"metrics": metrics})
