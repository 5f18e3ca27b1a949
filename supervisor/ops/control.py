"""The control socket: a unix stream socket (mode 0600) on which the operator's client asks and the supervisor answers.

Lines of JSON, each ended by a newline:

    client → server   {"command": "tenant.create", "args": {"name": "demo"}}          at most REQUEST_BYTES_MAX
    server → client   {"progress": {"text": "copying", "done": 3, "total": 9}}        none, one or many
    server → client   {"ok": true, "value": …}   or   {"ok": false, "error": "one line"}

A client may ask again after the answer. Whoever may open the socket is the operator; there are no other rights. A
client that goes away does not stop what it asked for.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from supervisor.contract.messages import Progress
from supervisor.ops.commands import CommandError, Commands

REQUEST_BYTES_MAX = 64 * 1024
CLIENTS_MAX = 64
FRESH_S = 1.0
ACCEPTED_AT_ONCE_MAX = 16


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a client."""

    command: str
    args: dict[str, Any] = {}


class Control:
    """The server side. Runs on the arbiter's loop; `listener` is bound, listening and non-blocking."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        commands: Commands,
        log: logging.Logger,
        on_open: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._path = Path(listener.getsockname())
        self._commands = commands
        self._log = log
        self._on_open = on_open
        self._clients: set[socket.socket] = set()
        self._fresh: set[socket.socket] = set()  # connected just now: their command is on its way
        self._writers: set[asyncio.StreamWriter] = set()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Starts to take commands; called once, when the first workers were forked."""
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._on_open()

    def shut(self) -> None:
        """Takes no new clients; those that wait get their answers while the loop still runs."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._path.unlink(missing_ok=True)

    @property
    def answering(self) -> int:
        """Commands that came, or are about to, and whose answer has not left yet."""
        unsent = sum(1 for writer in self._writers if writer.transport.get_write_buffer_size())
        return self._under_way + len(self._fresh) + unsent

    def pause(self) -> None:
        """Takes no new clients for now; they wait in the listener's queue."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())

    def resume(self) -> None:
        """Takes new clients again."""
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def fileno(self) -> int:
        """The listener's descriptor, for the supervisor that goes on with it."""
        return self._listener.fileno()

    def leave_parent(self) -> None:
        """In a forked child: closes what it inherited, without a word to anyone."""
        self._listener.close()
        for client in self._clients:
            client.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE_MAX):
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if len(self._clients) >= CLIENTS_MAX:
                client.close()
                continue
            client.setblocking(False)
            self._clients.add(client)
            self._fresh.add(client)
            self._loop.call_later(FRESH_S, self._fresh.discard, client)
            task = self._loop.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=client, limit=REQUEST_BYTES_MAX)
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                self._fresh.discard(client)
                self._under_way += 1
                try:
                    await self._answer(line, writer)
                finally:
                    self._under_way -= 1
        except (OSError, ValueError):
            pass  # the client has gone, or its line is longer than a request may be
        finally:
            writer.close()
            self._writers.discard(writer)
            self._fresh.discard(client)
            self._clients.discard(client)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        def progress(told: Progress) -> None:
            _send(writer, {"progress": {"text": told.text, "done": told.done, "total": told.total}})

        try:
            request = msgspec.json.decode(line, type=Request)
            value = await self._commands.run(request.command, request.args, progress)
        except (CommandError, msgspec.DecodeError) as error:
            _send(writer, {"ok": False, "error": str(error)})
        except Exception as error:
            self._log.exception("a command failed")
            _send(writer, {"ok": False, "error": f"{type(error).__name__}: {error}"})
        else:
            _send(writer, {"ok": True, "value": value})
        await writer.drain()


def _send(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(value).encode() + b"\n")
