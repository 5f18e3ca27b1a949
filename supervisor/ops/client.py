"""The operator's end of the control socket. Standard library only: every `pocker tenant …` starts through here."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from supervisor.contract.layout import CONTROL_SOCKET

ANSWER_BYTES_MAX = 256 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

OnProgress = Callable[[str, int, int], None]


class ClientError(Exception):
    """The supervisor cannot be reached, or did not do it; one line for the operator."""


class Unreachable(ClientError):  # noqa: N818 (a name that says what happened)
    """There is no supervisor, or none any more."""


def ask(data: str, command: str, args: Mapping[str, Any], on_progress: OnProgress) -> Any:
    """Has the supervisor of the data directory carry out a command and returns its value. Raises ClientError."""
    with Session(data) as session:
        return session.ask(command, args, on_progress)


class Session:
    """A connection that stays open, for who asks again and again. Raises ClientError where there is no server.

    `ask` waits. `send` and `receive` do not: for a loop which also waits for other things, with `fileno`.
    """

    def __init__(self, data: str) -> None:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._buffer = bytearray()
        self._searched = 0
        try:
            _connect(self._connection, data)
        except BaseException:
            self._connection.close()
            raise

    def ask(self, command: str, args: Mapping[str, Any], on_progress: OnProgress) -> Any:
        """The value of a command, when it is done. Raises ClientError."""
        self.send(command, args)
        while True:
            for value in self.receive(on_progress):
                return value

    def send(self, command: str, args: Mapping[str, Any]) -> None:
        """Asks. Raises ClientError."""
        try:
            self._connection.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
        except OSError as error:
            raise _broken(error) from error

    def receive(self, on_progress: OnProgress) -> Iterator[Any]:
        """What has come, after waiting for some of it: the value of each answer. Raises ClientError."""
        try:
            chunk = self._connection.recv(CHUNK_BYTES)
        except OSError as error:
            raise _broken(error) from error
        if not chunk:
            raise Unreachable("the server stopped before it answered")
        self._buffer += chunk
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            message = json.loads(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            progress = message.get("progress")
            if progress is not None:
                on_progress(progress["text"], progress["done"], progress["total"])
            elif message["ok"]:
                yield message["value"]
            else:
                raise ClientError(message["error"])
        self._searched = len(self._buffer)
        if self._searched > ANSWER_BYTES_MAX:
            raise ClientError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")

    def fileno(self) -> int:
        """To wait for what `receive` gets."""
        return self._connection.fileno()

    def close(self) -> None:
        """Ends it; may be called again."""
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(connection: socket.socket, data: str) -> None:
    path = os.path.join(data, CONTROL_SOCKET)  # noqa: PTH118 (pathlib would cost the client its start)
    try:
        connection.connect(path)
    except PermissionError as error:
        raise ClientError(f"{path}: not allowed; the server belongs to another user") from error
    except OSError as error:
        raise Unreachable(
            f"no server runs on the data directory {data} (start one with `pocker serve`, or name it with --data)"
        ) from error


def _broken(error: OSError) -> Unreachable:
    return Unreachable(f"the connection to the supervisor broke: {error.strerror or error}")
